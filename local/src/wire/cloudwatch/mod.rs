//! CloudWatch over the wire. The newest clients (boto3, the AWS CLI, the Rust SDK) speak Smithy RPC v2 CBOR, others JSON
//! 1.0, older ones the query protocol: all three are the same operations here.
//!
//! | file | subject |
//! |---|---|
//! | `value` | requests and answers free of any protocol |
//! | `cbor`, `query` | the two protocols that are not JSON |
//! | `metrics` | putting, listing and reading metrics |
//! | `queries` | MetricDataQuery there and back |
//! | `alarms`, `alarm_view` | alarms; how they are shown |
//! | `mutes` | mute rules |

mod alarm_view;
mod alarms;
pub(super) mod cbor;
mod metrics;
mod mutes;
mod queries;
pub(super) mod query;
pub(super) mod value;

use super::Wire;
use crate::world::cloudwatch::Metric;
use crate::world::{Refusal, World};
use value::Value;

pub(super) const NAMESPACE: &str = "http://monitoring.amazonaws.com/doc/2010-08-01/";
/// As in the path of RPC v2 and in `X-Amz-Target`.
pub(super) const TARGET: &str = "GraniteServiceVersion20100801";

type Operation = fn(&mut World, &Value) -> Result<Value, Refusal>;

const OPERATIONS: [(&str, Operation); 20] = [
    ("DeleteAlarmMuteRule", mutes::delete),
    ("DeleteAlarms", alarms::delete),
    ("DescribeAlarmHistory", alarms::history),
    ("DescribeAlarms", alarms::describe),
    ("DescribeAlarmsForMetric", alarms::describe_for_metric),
    ("DisableAlarmActions", alarms::disable),
    ("EnableAlarmActions", alarms::enable),
    ("GetAlarmMuteRule", mutes::get),
    ("GetMetricData", metrics::get_data),
    ("GetMetricStatistics", metrics::get_statistics),
    ("ListAlarmMuteRules", mutes::list),
    ("ListMetrics", metrics::list),
    ("ListTagsForResource", alarms::list_tags),
    ("PutAlarmMuteRule", mutes::put),
    ("PutCompositeAlarm", alarms::put_composite),
    ("PutMetricAlarm", alarms::put_metric),
    ("PutMetricData", metrics::put),
    ("SetAlarmState", alarms::set_state),
    ("TagResource", alarms::tag),
    ("UntagResource", alarms::untag),
];

pub(super) fn call(wire: &Wire, operation: &str, input: &Value) -> Result<Value, Refusal> {
    let (_, carry_out) = OPERATIONS.iter().find(|(name, _)| *name == operation).ok_or_else(|| {
        let known: Vec<&str> = OPERATIONS.iter().map(|(name, _)| *name).collect();
        Refusal::new(
            "InvalidAction",
            format!("{operation} is not an operation of CloudWatch here; known: {}", known.join(", ")),
        )
    })?;
    wire.hub.with(|world| carry_out(world, input))
}

/// The name of the error's shape, which JSON and CBOR write; the query protocol writes its code.
pub(super) fn shape_of(code: &str) -> &str {
    match code {
        "InvalidFormat" => "InvalidFormatFault",
        "InvalidParameterCombination" => "InvalidParameterCombinationException",
        "InvalidParameterValue" => "InvalidParameterValueException",
        "LimitExceeded" => "LimitExceededFault",
        "MissingParameter" => "MissingRequiredParameterException",
        "ValidationError" => "ValidationException",
        other => other,
    }
}

/// `Namespace`, `MetricName` and `Dimensions` of a structure.
fn metric(value: &Value, namespace: &str) -> Result<Metric, Refusal> {
    let name = value.required_text("MetricName")?;
    let mut metric =
        Metric { namespace: namespace.into(), name: name.into(), dimensions: Default::default() };
    for dimension in value.list_of("Dimensions")? {
        let (name, value) = (dimension.required_text("Name")?, dimension.required_text("Value")?);
        if metric.dimensions.insert(name.into(), value.into()).is_some() {
            return Err(invalid(format!("The dimension {name} is given twice.")));
        }
    }
    Ok(metric)
}

fn metric_members(answer: value::Answer, metric: &Metric) -> value::Answer {
    let dimension = |(name, value): (&String, &String)| {
        value::Answer::new().put("Name", Value::text(name)).put("Value", Value::text(value)).done()
    };
    answer
        .put("Namespace", Value::text(&metric.namespace))
        .put("MetricName", Value::text(&metric.name))
        .put("Dimensions", Value::List(metric.dimensions.iter().map(dimension).collect()))
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("InvalidParameterValue", message)
}

fn validation(message: impl Into<String>) -> Refusal {
    Refusal::new("ValidationError", message)
}
