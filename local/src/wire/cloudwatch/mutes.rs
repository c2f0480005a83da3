//! Alarm mute rules: putting, showing and deleting.

use super::alarms::{nothing, page, read_tags};
use super::validation;
use super::value::{Answer, Value, missing};
use crate::wire::paging::Order;
use crate::world::cloudwatch::{MuteRule, MuteStatus, PutMuteRule};
use crate::world::{Refusal, World};

pub(super) fn put(world: &mut World, input: &Value) -> Result<Value, Refusal> {
    let rule = input.get("Rule").ok_or_else(|| missing("Rule"))?;
    let schedule = rule.get("Schedule").ok_or_else(|| missing("Rule.Schedule"))?;
    let targets = input.get("MuteTargets").map(|targets| targets.texts_of("AlarmNames")).transpose()?;
    world.put_mute_rule(PutMuteRule {
        name: input.required_text("Name")?.to_owned(),
        description: input.owned_text("Description")?,
        expression: schedule.required_text("Expression")?.to_owned(),
        duration: schedule.required_text("Duration")?.to_owned(),
        timezone: schedule.owned_text("Timezone")?,
        targets: targets.unwrap_or_default(),
        start: input.time_of("StartDate")?,
        expire: input.time_of("ExpireDate")?,
        tags: read_tags(input)?,
    })?;
    Ok(nothing())
}

pub(super) fn get(world: &mut World, input: &Value) -> Result<Value, Refusal> {
    let name = input.required_text("AlarmMuteRuleName")?;
    let rule = world.cloudwatch.mute_rule(name).ok_or_else(|| Refusal {
        http_status: 404,
        ..Refusal::new("ResourceNotFoundException", format!("The alarm mute rule {name} does not exist"))
    })?;
    let schedule = Answer::new()
        .put("Expression", Value::text(&rule.schedule.expression))
        .put("Duration", Value::text(&rule.schedule.duration))
        .maybe("Timezone", rule.schedule.timezone.as_deref().map(Value::text));
    let targets = Answer::new().put("AlarmNames", Value::texts(&rule.targets)).done();
    let answer = Answer::new()
        .put("Name", Value::text(&rule.name))
        .maybe("Description", rule.description.as_deref().map(Value::text))
        .put("Rule", Answer::new().put("Schedule", schedule.done()).done())
        .maybe("MuteTargets", Some(targets).filter(|_| !rule.targets.is_empty()))
        .maybe("StartDate", rule.start.map(Value::Time));
    Ok(summed_up(answer, rule, world).done())
}

pub(super) fn list(world: &mut World, input: &Value) -> Result<Value, Refusal> {
    let alarm = input.text_of("AlarmName")?;
    let status = |text: &String| {
        let status = MuteStatus::parse(text);
        status.ok_or_else(|| validation(format!("The value {text} for parameter Statuses is invalid.")))
    };
    let statuses: Vec<MuteStatus> =
        input.texts_of("Statuses")?.iter().map(status).collect::<Result<_, _>>()?;
    let now = world.now();
    let fits = |rule: &&MuteRule| {
        alarm.is_none_or(|alarm| rule.targets.iter().any(|it| it == alarm))
            && (statuses.is_empty() || statuses.contains(&rule.status(now)))
    };
    let found = world.cloudwatch.mute_rules().filter(fits);
    let found = found.map(|rule| (rule.name.clone(), summed_up(Answer::new(), rule, world).done()));
    let page = page(found.collect(), Order::Ascending, input)?;
    let answer = Answer::new().put("AlarmMuteRuleSummaries", Value::List(page.items));
    Ok(answer.maybe("NextToken", page.next.map(Value::Text)).done())
}

/// What a list shows of a rule.
fn summed_up(answer: Answer, rule: &MuteRule, world: &World) -> Answer {
    let kind = if rule.schedule.is_recurring() { "RECURRING" } else { "ONE_TIME" };
    answer
        .put("AlarmMuteRuleArn", Value::text(&rule.arn))
        .maybe("ExpireDate", rule.expire.map(Value::Time))
        .put("Status", Value::text(rule.status(world.now()).name()))
        .put("MuteType", Value::text(kind))
        .put("LastUpdatedTimestamp", Value::Time(rule.updated_at))
}

pub(super) fn delete(world: &mut World, input: &Value) -> Result<Value, Refusal> {
    world.delete_mute_rule(input.required_text("AlarmMuteRuleName")?);
    Ok(nothing())
}
