//! CloudWatch once more: how alarms stand, what they are about, and whether they are muted.

use std::collections::BTreeSet;

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    AlarmMuteRuleStatus, AlarmType, CompositeAlarm, Dimension, MetricAlarm, StateValue,
};
use pushboat::Timestamp;
use pushboat::capacity::alarm::rule;
use pushboat::cloud::Answer;
use pushboat::model::{Alarm, AlarmState, Subject, Tags};

use crate::client::Aws;
use crate::error::trouble;
use crate::time::moment;

const ALARMS_PER_CALL: i32 = 100;

impl Aws {
    pub(crate) async fn list_alarms_in_alarm(&self) -> Answer<Vec<Alarm>> {
        let request = self.cloudwatch().describe_alarms().state_value(StateValue::Alarm);
        let request = request.alarm_types(AlarmType::MetricAlarm).alarm_types(AlarmType::CompositeAlarm);
        let mut pages = request.max_records(ALARMS_PER_CALL).into_paginator().send();
        let mut alarms = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| trouble("DescribeAlarms", "those in ALARM", error))?;
            alarms.extend(of_either_kind(page.metric_alarms(), page.composite_alarms()));
        }
        Ok(alarms)
    }

    pub(crate) async fn find_alarms(&self, names: &[String]) -> Answer<Vec<Alarm>> {
        let request = self.cloudwatch().describe_alarms().set_alarm_names(Some(names.to_vec()));
        let request = request.alarm_types(AlarmType::MetricAlarm).alarm_types(AlarmType::CompositeAlarm);
        let answer = request.max_records(ALARMS_PER_CALL).send().await;
        let answer = answer.map_err(|error| trouble("DescribeAlarms", &names.join(", "), error))?;
        Ok(of_either_kind(answer.metric_alarms(), answer.composite_alarms()).collect())
    }

    pub(crate) async fn find_alarm_tags(&self, arn: &str) -> Answer<Tags> {
        let answer = self.cloudwatch().list_tags_for_resource().resource_arn(arn).send().await;
        let answer = answer.map_err(|error| trouble("ListTagsForResource", arn, error))?;
        let pairs =
            answer.tags().iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned())));
        Ok(pairs.collect())
    }

    /// A page may be empty and not the last.
    pub(crate) async fn has_active_mute_rule(&self, alarm: &str) -> Answer<bool> {
        let request = self.cloudwatch().list_alarm_mute_rules().alarm_name(alarm);
        let mut pages = request.statuses(AlarmMuteRuleStatus::Active).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| trouble("ListAlarmMuteRules", alarm, error))?;
            if !page.alarm_mute_rule_summaries().is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn of_either_kind<'a>(
    metric: &'a [MetricAlarm],
    composite: &'a [CompositeAlarm],
) -> impl Iterator<Item = Alarm> + use<'a> {
    metric.iter().filter_map(on_metrics).chain(composite.iter().filter_map(on_alarms))
}

fn on_metrics(found: &MetricAlarm) -> Option<Alarm> {
    let own = Some(found.dimensions());
    let in_math =
        found.metrics().iter().filter_map(|query| Some(query.metric_stat()?.metric()?.dimensions()));
    let about: BTreeSet<Subject> = own.into_iter().chain(in_math).filter_map(subject).collect();
    Some(Alarm {
        name: found.alarm_name()?.to_owned(),
        arn: found.alarm_arn()?.to_owned(),
        state: state(found.state_value()?),
        since: since(found.state_transitioned_timestamp(), found.state_updated_timestamp())?,
        actions_enabled: found.actions_enabled().unwrap_or(true),
        suppressed_by: None,
        about: about.into_iter().collect(),
        children: Vec::new(),
    })
}

fn on_alarms(found: &CompositeAlarm) -> Option<Alarm> {
    Some(Alarm {
        name: found.alarm_name()?.to_owned(),
        arn: found.alarm_arn()?.to_owned(),
        state: state(found.state_value()?),
        since: since(found.state_transitioned_timestamp(), found.state_updated_timestamp())?,
        actions_enabled: found.actions_enabled().unwrap_or(true),
        suppressed_by: found.actions_suppressed_by().map(|by| by.as_str().to_owned()),
        about: Vec::new(),
        children: rule::names(found.alarm_rule().unwrap_or_default()),
    })
}

fn state(value: &StateValue) -> AlarmState {
    match value {
        StateValue::Alarm => AlarmState::Alarm,
        StateValue::Ok => AlarmState::Ok,
        _ => AlarmState::InsufficientData,
    }
}

fn since(transitioned: Option<&DateTime>, updated: Option<&DateTime>) -> Option<Timestamp> {
    moment(transitioned.or(updated)?)
}

fn subject(dimensions: &[Dimension]) -> Option<Subject> {
    Subject::of(dimensions.iter().filter_map(|it| Some((it.name()?, it.value()?))))
}
