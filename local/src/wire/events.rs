//! EventBridge over the wire: PutEvents on the default bus, and the rules of the place, which can be looked at and switched
//! off and on. Of their patterns nothing is told: what is kept is what they mean.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Wire;
use super::paging::{Order, page};
use crate::bus::{Rule, Trigger};
use crate::stack::Running;
use crate::world::{Effect, Refusal, World, iso_seconds};

const MOST_ENTRIES: usize = 10;
/// All entries of a call together. AWS counts source, detail-type, detail and resources; a time is 14 bytes.
const LARGEST_CALL_BYTES: usize = 256 * 1024;
const TIME_BYTES: usize = 14;

pub(super) fn call(wire: &Wire, operation: &str, body: &Value) -> Result<Value, Refusal> {
    match operation {
        "PutEvents" => wire.hub.with(|world| put_events(world, body)),
        "ListRules" => list_rules(wire, body),
        "DescribeRule" => with_rule(wire, body, "Name", |running, rule| Ok(show(wire, running, rule))),
        "ListTargetsByRule" => with_rule(wire, body, "Rule", |running, rule| Ok(targets(running, rule))),
        "EnableRule" | "DisableRule" => with_rule(wire, body, "Name", |running, rule| {
            running.bus.enable(&rule.name, operation == "EnableRule");
            Ok(json!({}))
        }),
        _ => Err(Refusal::new(
            "UnknownOperationException",
            format!(
                "{operation} is not an operation of EventBridge here; known: PutEvents, ListRules, DescribeRule, \
                 ListTargetsByRule, EnableRule, DisableRule"
            ),
        )),
    }
}

const RULES_PER_PAGE: usize = 100;

fn list_rules(wire: &Wire, body: &Value) -> Result<Value, Refusal> {
    let Some(running) = &wire.deployed else { return Ok(json!({ "Rules": [] })) };
    let prefix = body["NamePrefix"].as_str().unwrap_or_default();
    let rules = running.bus.rules().iter().filter(|it| it.name.starts_with(prefix));
    let items = rules.map(|rule| (rule.name.clone(), show(wire, running, rule))).collect();
    let page = page(items, Order::Ascending, body["NextToken"].as_str(), RULES_PER_PAGE)
        .map_err(|_| invalid("Token is not valid."))?;
    let mut answer = json!({ "Rules": page.items });
    if let Some(next) = page.next {
        answer["NextToken"] = next.into();
    }
    Ok(answer)
}

fn with_rule(
    wire: &Wire,
    body: &Value,
    member: &str,
    then: impl FnOnce(&Running, &Rule) -> Result<Value, Refusal>,
) -> Result<Value, Refusal> {
    let name = body[member].as_str().unwrap_or_default();
    let running = wire.deployed.as_ref();
    let rule = running.and_then(|it| it.bus.rules().iter().find(|rule| rule.name == name));
    match (running, rule) {
        (Some(running), Some(rule)) => then(running, rule),
        _ => {
            let message = format!("Rule {name} does not exist on EventBus default.");
            Err(Refusal::new("ResourceNotFoundException", message))
        }
    }
}

fn show(wire: &Wire, running: &Running, rule: &Rule) -> Value {
    let mut shown = json!({
        "Name": rule.name,
        "Arn": wire.hub.with(|world| world.arn("events", &format!("rule/{}", rule.name))),
        "State": if running.bus.is_enabled(rule) { "ENABLED" } else { "DISABLED" },
        "EventBusName": "default",
    });
    if let Trigger::Schedule(period) = rule.trigger {
        // AWS has whole minutes; here a schedule may be shorter.
        let minutes = period.as_secs().div_ceil(60).max(1);
        let unit = if minutes == 1 { "minute" } else { "minutes" };
        shown["ScheduleExpression"] = format!("rate({minutes} {unit})").into();
    }
    shown
}

fn targets(running: &Running, rule: &Rule) -> Value {
    let settings = running.lambda.settings();
    let target = |name: &String| json!({ "Id": name, "Arn": settings.function_arn(name) });
    json!({ "Targets": rule.targets.iter().map(target).collect::<Vec<_>>() })
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct PutEvents {
    entries: Vec<Entry>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Entry {
    time: Option<f64>,
    source: Option<String>,
    resources: Vec<String>,
    detail_type: Option<String>,
    detail: Option<String>,
    event_bus_name: Option<String>,
}

/// One entry that is refused does not keep the others back.
fn put_events(world: &mut World, body: &Value) -> Result<Value, Refusal> {
    let request = PutEvents::deserialize(body)
        .map_err(|error| Refusal::new("SerializationException", error.to_string()))?;
    if !(1..=MOST_ENTRIES).contains(&request.entries.len()) {
        return Err(invalid(format!(
            "1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have length \
             between 1 and {MOST_ENTRIES}"
        )));
    }
    if request.entries.iter().map(size).sum::<usize>() > LARGEST_CALL_BYTES {
        return Err(invalid("Total size of the entries in the request is over the limit."));
    }
    let put = |entry| match put_event(world, entry) {
        Ok(id) => json!({ "EventId": id }),
        Err(Refused { code, message }) => json!({ "ErrorCode": code, "ErrorMessage": message }),
    };
    let entries: Vec<Value> = request.entries.into_iter().map(put).collect();
    let failed = entries.iter().filter(|entry| entry.get("ErrorCode").is_some()).count();
    Ok(json!({ "FailedEntryCount": failed, "Entries": entries }))
}

fn size(entry: &Entry) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    text(&entry.source)
        + text(&entry.detail_type)
        + text(&entry.detail)
        + entry.resources.iter().map(String::len).sum::<usize>()
        + entry.time.map_or(0, |_| TIME_BYTES)
}

/// What is wrong with one entry, in EventBridge's words.
struct Refused {
    code: &'static str,
    message: String,
}

fn put_event(world: &mut World, entry: Entry) -> Result<String, Refused> {
    let Entry { time, source, resources, detail_type, detail, event_bus_name } = entry;
    let source = given("Source", source)?;
    let detail_type = given("DetailType", detail_type)?;
    let detail = given("Detail", detail)?;
    if source.starts_with("aws.") {
        let message = "Not authorized for the source.".to_owned();
        return Err(Refused { code: "NotAuthorizedForSourceException", message });
    }
    let detail: Map<String, Value> = serde_json::from_str(&detail)
        .map_err(|_| Refused { code: "MalformedDetail", message: "Detail is malformed.".to_owned() })?;
    let default = world.arn("events", "event-bus/default");
    if event_bus_name.is_some_and(|bus| bus != "default" && bus != default) {
        let message = "Parameter EventBusName is not valid. Reason: Here is only the default bus.".to_owned();
        return Err(Refused { code: "InvalidArgument", message });
    }
    let at = match time {
        Some(seconds) => moment(seconds)?,
        None => world.now(),
    };
    let id = world.new_uuid();
    let event = json!({
        "version": "0",
        "id": id,
        "detail-type": detail_type,
        "source": source,
        "account": world.settings.account,
        "time": iso_seconds(at),
        "region": world.settings.region,
        "resources": resources,
        "detail": detail,
    });
    world.effect(Effect::Event(event));
    Ok(id)
}

fn given(member: &str, value: Option<String>) -> Result<String, Refused> {
    value.filter(|value| !value.is_empty()).ok_or_else(|| Refused {
        code: "InvalidArgument",
        message: format!("Parameter {member} is not valid. Reason: {member} is a required argument."),
    })
}

#[expect(clippy::cast_possible_truncation, reason = "what does not fit is no moment, and is refused as such")]
fn moment(seconds: f64) -> Result<Timestamp, Refused> {
    Timestamp::from_millisecond((seconds * 1_000.0) as i64).map_err(|error| Refused {
        code: "InvalidArgument",
        message: format!("Parameter Time is not valid. Reason: {error}."),
    })
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("ValidationException", message)
}
