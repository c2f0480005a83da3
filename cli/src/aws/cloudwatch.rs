//! CloudWatch: how often a function ran and failed, and how alarms stand.

use pushboat::checklist::installation::functions::Ran;
use pushboat::checklist::installation::queues::{Alarm, Seen};
use pushboat::checklist::{Known, NotKnown};
use serde_json::Value;

use super::account::Account;
use super::ask::{CLOUDWATCH, Refusal};
use super::xml::{items, text};

const MINUTE: i64 = 60;
/// So many alarms are described at a time.
const AT_ONCE: usize = 100;

impl Account {
    /// In the whole minutes up to now, by the clock that counts them.
    pub(crate) async fn ran(&self, function: &str, seconds: i64) -> Known<Ran> {
        let minutes = seconds.div_euclid(MINUTE).max(1);
        let Some(now) = self.now() else {
            return Err(NotKnown("GetMetricStatistics: no answer says what time it is".to_owned()));
        };
        let end = now.as_second().div_euclid(MINUTE) * MINUTE;
        let invocations = self.sum(function, "Invocations", end, minutes).await?;
        let errors = self.sum(function, "Errors", end, minutes).await?;
        Ok(Ran { minutes, invocations, errors })
    }

    async fn sum(&self, function: &str, metric: &str, end: i64, minutes: i64) -> Result<f64, Refusal> {
        let moment = |second: i64| jiff::Timestamp::from_second(second).unwrap_or_default().to_string();
        let (start, end) = (moment(end - minutes * MINUTE), moment(end + MINUTE));
        let members = [
            ("Namespace", "AWS/Lambda"),
            ("MetricName", metric),
            ("Dimensions.member.1.Name", "FunctionName"),
            ("Dimensions.member.1.Value", function),
            ("StartTime", &start),
            ("EndTime", &end),
            ("Period", "60"),
            ("Statistics.member.1", "Sum"),
        ];
        let answer = self.query(CLOUDWATCH, "GetMetricStatistics", &members).await?;
        let points = items(&answer, &["Datapoints"]).iter();
        Ok(points.filter_map(|it| text(it, "Sum").parse::<f64>().ok()).sum())
    }

    pub(crate) async fn alarms(&self, names: &[String]) -> Vec<Alarm> {
        let mut alarms = Vec::new();
        for some in names.chunks(AT_ONCE) {
            let found = self.described_alarms(some).await.map_err(NotKnown::from);
            alarms.extend(some.iter().map(|name| {
                let of_name = |found: &Vec<(String, Seen)>| {
                    found.iter().find(|(it, _)| it == name).map(|(_, seen)| seen.clone())
                };
                Alarm { name: name.clone(), seen: found.as_ref().map(of_name).map_err(Clone::clone) }
            }));
        }
        alarms
    }

    async fn described_alarms(&self, names: &[String]) -> Result<Vec<(String, Seen)>, Refusal> {
        let members: Vec<(String, &str)> = (1..)
            .zip(names)
            .map(|(number, name)| (format!("AlarmNames.member.{number}"), name.as_str()))
            .chain([
                ("AlarmTypes.member.1".to_owned(), "MetricAlarm"),
                ("AlarmTypes.member.2".to_owned(), "CompositeAlarm"),
            ])
            .collect();
        let members: Vec<(&str, &str)> =
            members.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        let answer = self.query(CLOUDWATCH, "DescribeAlarms", &members).await?;
        let both = items(&answer, &["MetricAlarms"]).iter().chain(items(&answer, &["CompositeAlarms"]));
        Ok(both.map(seen).collect())
    }
}

fn seen(alarm: &Value) -> (String, Seen) {
    let seen = Seen {
        state: text(alarm, "StateValue"),
        reason: text(alarm, "StateReason"),
        actions_enabled: text(alarm, "ActionsEnabled") != "false",
        description: text(alarm, "AlarmDescription"),
    };
    (text(alarm, "AlarmName"), seen)
}
