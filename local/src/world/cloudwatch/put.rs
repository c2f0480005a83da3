//! PutMetricAlarm and PutCompositeAlarm, and deleting: what is refused, and what an update leaves as it was.

use jiff::SignedDuration;
use serde_json::json;

use super::rule::Rule;
use super::{
    Actions, Alarm, AlarmState, AlarmTags, CompositeAlarm, Configuration, HistoryKind, MetricAlarm,
    StateValue, Subject, Suppressor, Watched, query, validation,
};
use crate::world::{Refusal, World};

/// The first look at a new alarm. AWS: some seconds.
const FIRST_EVALUATION: SignedDuration = SignedDuration::from_secs(5);
const LONGEST_NAME: usize = 255;
const MOST_ACTIONS: usize = 5;
const DAY: i64 = 86_400;

/// What both kinds of alarms have.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PutAlarm {
    pub name: String,
    pub description: Option<String>,
    pub actions: Actions,
    /// For a new alarm only: an update leaves its tags.
    pub tags: AlarmTags,
}

#[derive(Debug, Clone, PartialEq)]
pub struct PutMetricAlarm {
    pub alarm: PutAlarm,
    pub configuration: MetricAlarm,
}

#[derive(Debug, Clone, PartialEq)]
pub struct PutCompositeAlarm {
    pub alarm: PutAlarm,
    pub rule: String,
    pub suppressor: Option<Suppressor>,
}

impl World {
    pub fn put_metric_alarm(&mut self, request: PutMetricAlarm) -> Result<(), Refusal> {
        self.check_alarm(&request.alarm, false)?;
        self.check_metric_alarm(&request.configuration)?;
        self.put_alarm(request.alarm, Configuration::Metric(request.configuration));
        Ok(())
    }

    pub fn put_composite_alarm(&mut self, request: PutCompositeAlarm) -> Result<(), Refusal> {
        self.check_alarm(&request.alarm, true)?;
        let rule = Rule::parse(&request.rule)
            .map_err(|error| validation(format!("AlarmRule is not valid: {error}")))?;
        for name in rule.names() {
            if name == request.alarm.name || !self.cloudwatch.alarms.contains_key(name) {
                return Err(validation(format!(
                    "Unable to put composite alarm: the alarm {name} in its rule does not exist"
                )));
            }
        }
        if let Some(suppressor) = &request.suppressor {
            suppressor.check(&request.alarm.name, &self.cloudwatch)?;
        }
        // A period that has begun is another suppressor's.
        if let Some(existing) = self.cloudwatch.alarms.get_mut(&request.alarm.name)
            && existing.suppressor().map(Suppressor::name)
                != request.suppressor.as_ref().map(Suppressor::name)
        {
            existing.state.suppression = None;
        }
        let composite = CompositeAlarm { text: request.rule, rule, suppressor: request.suppressor };
        self.put_alarm(request.alarm, Configuration::Composite(composite));
        self.settle();
        Ok(())
    }

    fn check_alarm(&self, alarm: &PutAlarm, composite: bool) -> Result<(), Refusal> {
        if !(1..=LONGEST_NAME).contains(&alarm.name.chars().count()) {
            return Err(validation(format!(
                "AlarmName must be between 1 and {LONGEST_NAME} characters long."
            )));
        }
        for list in [&alarm.actions.ok, &alarm.actions.alarm, &alarm.actions.insufficient_data] {
            if list.len() > MOST_ACTIONS {
                return Err(validation(format!(
                    "No more than {MOST_ACTIONS} actions are allowed for a state."
                )));
            }
            if let Some(wrong) = list.iter().find(|it| !it.starts_with("arn:")) {
                return Err(validation(format!("Invalid arn syntax: {wrong}")));
            }
        }
        match self.cloudwatch.alarm(&alarm.name) {
            Some(existing) if existing.is_composite() != composite => {
                Err(validation(format!("An alarm of another type has the name {}.", alarm.name)))
            }
            _ => Ok(()),
        }
    }

    fn check_metric_alarm(&self, alarm: &MetricAlarm) -> Result<(), Refusal> {
        if alarm.evaluation_periods == 0 || !(1..=alarm.evaluation_periods).contains(&alarm.datapoints()) {
            return Err(validation(
                "EvaluationPeriods must be at least 1, and DatapointsToAlarm between 1 and EvaluationPeriods.",
            ));
        }
        if !alarm.threshold.is_finite() {
            return Err(validation("Threshold must be a number."));
        }
        if let Watched::Queries(queries) = &alarm.watched {
            query::check(queries)?;
            if queries.iter().filter(|query| query.return_data).count() != 1 {
                return Err(validation(
                    "Exactly one of the elements of Metrics must have ReturnData set to true.",
                ));
            }
            // Functions and ids are looked up where there is no data as well.
            let now = self.now;
            let results = self.cloudwatch.query(queries, (now, now), now)?;
            let series_only =
                |it: &query::Query| matches!(it.subject, Subject::Metric(_)) || results.len() == 1;
            if !queries.iter().filter(|query| query.return_data).all(series_only) {
                return Err(validation("The expression of an alarm must yield a single time series."));
            }
        } else if let Watched::One(stat) = &alarm.watched {
            stat.metric.check()?;
        }
        let mut periods = alarm.watches().into_iter().map(|stat| stat.period);
        if let Some(wrong) =
            { &mut periods }.find(|it| ![10, 20, 30].contains(it) && (*it <= 0 || it % 60 != 0))
        {
            return Err(validation(format!("Period must be 10, 20, 30 or a multiple of 60: {wrong}")));
        }
        let window = alarm.period().saturating_mul(alarm.evaluation_periods as i64);
        if window > if alarm.period() < 3_600 { DAY } else { 7 * DAY } {
            return Err(validation(
                "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400), or \
                 seven days where the period is an hour or longer.",
            ));
        }
        Ok(())
    }

    /// An update leaves state and tags as they are.
    fn put_alarm(&mut self, request: PutAlarm, configuration: Configuration) {
        let now = self.now;
        let existing = self.cloudwatch.alarms.remove(&request.name);
        let is_new = existing.is_none();
        let (state, tags, metric_id, held_back) = match existing {
            Some(it) => (it.state, it.tags, it.metric_id, it.held_back),
            None => {
                let state = AlarmState {
                    value: StateValue::InsufficientData,
                    reason: "Unchecked: Initial alarm creation".into(),
                    reason_data: None,
                    updated_at: now,
                    transitioned_at: now,
                    suppression: None,
                };
                (state, request.tags, self.new_uuid(), None)
            }
        };
        let next_evaluation =
            matches!(configuration, Configuration::Metric(_)).then(|| now + FIRST_EVALUATION);
        let alarm = Alarm {
            arn: self.arn("cloudwatch", &format!("alarm:{}", request.name)),
            name: request.name.clone(),
            description: request.description,
            actions: request.actions,
            configuration,
            state,
            configured_at: now,
            tags,
            next_evaluation,
            metric_id,
            held_back,
        };
        let done = if is_new { "created" } else { "updated" };
        let kind = HistoryKind::ConfigurationUpdate;
        let summary = format!("Alarm \"{}\" {done}", alarm.name);
        let data = json!({ "version": "1.0", "type": if is_new { "Create" } else { "Update" } });
        self.remember(&alarm, kind, summary, &data);
        self.cloudwatch.alarms.insert(request.name, alarm);
    }

    /// Those that are not there are no error; nothing is deleted where another alarm's rule still names one.
    pub fn delete_alarms(&mut self, names: &[String]) -> Result<(), Refusal> {
        for composite in self.cloudwatch.alarms.values().filter(|it| !names.contains(&it.name)) {
            if let Some(child) =
                composite.children().into_iter().find(|it| names.iter().any(|name| name == it))
            {
                return Err(validation(format!(
                    "Unable to delete alarm {child}: the composite alarm {} depends on it",
                    composite.name
                )));
            }
        }
        for name in names {
            if let Some(alarm) = self.cloudwatch.alarms.remove(name) {
                let summary = format!("Alarm \"{name}\" deleted");
                let data = json!({ "version": "1.0", "type": "Delete" });
                self.remember(&alarm, HistoryKind::ConfigurationUpdate, summary, &data);
            }
        }
        Ok(())
    }

    /// Names that do not exist are no error.
    pub fn enable_alarm_actions(&mut self, names: &[String], enabled: bool) {
        for alarm in self.cloudwatch.alarms.values_mut().filter(|it| names.contains(&it.name)) {
            alarm.actions.enabled = enabled;
        }
    }

    /// The tags of the alarm or the mute rule with this ARN.
    pub fn alarm_tags_mut(&mut self, arn: &str) -> Result<&mut AlarmTags, Refusal> {
        let alarms = self.cloudwatch.alarms.values_mut().map(|it| (&it.arn, &mut it.tags));
        let rules = self.cloudwatch.mute_rules.values_mut().map(|it| (&it.arn, &mut it.tags));
        let found = alarms.chain(rules).find(|(own, _)| *own == arn);
        found.map(|(_, tags)| tags).ok_or_else(|| Refusal {
            http_status: 404,
            ..Refusal::new("ResourceNotFoundException", format!("Unknown resource: {arn}"))
        })
    }
}
