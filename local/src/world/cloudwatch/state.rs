//! A change of an alarm's state: the event for the bus, the functions that its actions name, and what is remembered.

use serde_json::{Value, json};

use super::{Alarm, StateValue, validation};
use crate::world::{Effect, Refusal, Timestamp, World};

/// Of all alarms together.
const MOST_REMEMBERED: usize = 5_000;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Change {
    pub(super) value: StateValue,
    pub(super) reason: String,
    pub(super) reason_data: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct HistoryItem {
    /// Orders those of the same moment.
    pub number: u64,
    pub alarm: String,
    pub composite: bool,
    pub at: Timestamp,
    pub kind: HistoryKind,
    pub summary: String,
    /// JSON.
    pub data: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryKind {
    ConfigurationUpdate,
    StateUpdate,
    Action,
}

impl HistoryKind {
    pub fn name(self) -> &'static str {
        match self {
            HistoryKind::ConfigurationUpdate => "ConfigurationUpdate",
            HistoryKind::StateUpdate => "StateUpdate",
            HistoryKind::Action => "Action",
        }
    }
}

/// `2019-10-02T17:04:40.989+0000`: CloudWatch writes no colon.
pub(super) fn precise(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3f+0000").to_string()
}

impl World {
    /// SetAlarmState: lasts until the alarm is looked at again.
    pub fn set_alarm_state(
        &mut self,
        name: &str,
        value: StateValue,
        reason: &str,
        reason_data: Option<String>,
    ) -> Result<(), Refusal> {
        if !self.cloudwatch.alarms.contains_key(name) {
            let refusal = Refusal::new("ResourceNotFound", format!("Alarm {name} does not exist"));
            return Err(Refusal { http_status: 404, ..refusal });
        }
        if reason_data.as_deref().is_some_and(|data| serde_json::from_str::<Value>(data).is_err()) {
            return Err(Refusal::new("InvalidFormat", "StateReasonData must be valid JSON"));
        }
        if reason.len() > 1_023 {
            return Err(validation("StateReason must be at most 1023 characters long."));
        }
        self.change_state(name, Change { value, reason: reason.into(), reason_data });
        self.settle();
        Ok(())
    }

    /// Events and actions go out only where the value is another than before.
    pub(super) fn change_state(&mut self, name: &str, change: Change) {
        let now = self.now;
        let Some(alarm) = self.cloudwatch.alarms.get_mut(name) else { return };
        let before = alarm.state.clone();
        alarm.state.value = change.value;
        alarm.state.reason = change.reason;
        alarm.state.reason_data = change.reason_data;
        alarm.state.updated_at = now;
        if before.value == change.value {
            return;
        }
        alarm.state.transitioned_at = now;
        let suppressor = alarm.suppressor().cloned();
        let suppression = suppressor.and_then(|it| it.after_change(&self.cloudwatch, now));
        let mute_detail = self.cloudwatch.mute_detail(name, now);
        let Some(alarm) = self.cloudwatch.alarms.get_mut(name) else { return };
        alarm.state.suppression = suppression;
        let previous = state_event(&before, before.transitioned_at);
        let is_held_back = alarm.actions.enabled && (suppression.is_some() || mute_detail.is_some());
        alarm.held_back = is_held_back.then(|| previous.clone());
        let alarm = alarm.clone();
        let state = state_event(&alarm.state, now);
        let summary = format!("Alarm updated from {} to {}", before.value.name(), change.value.name());
        let data = json!({
            "version": "1.0",
            "oldState": { "stateValue": before.value.name(), "stateReason": before.reason },
            "newState": { "stateValue": change.value.name(), "stateReason": alarm.state.reason },
        });
        self.remember(&alarm, HistoryKind::StateUpdate, summary, &data);
        let alarm_data = json!({
            "alarmName": alarm.name,
            "state": state,
            "previousState": previous,
            "configuration": alarm.configuration_event(),
        });
        let mut detail = alarm_data.clone();
        if let Some(mute_detail) = mute_detail {
            detail["muteDetail"] = mute_detail;
        }
        // CloudWatch tells EventBridge whether or not actions are carried out.
        self.emit(
            "aws.cloudwatch",
            "CloudWatch Alarm State Change",
            std::slice::from_ref(&alarm.arn),
            detail,
        );
        if alarm.actions.enabled && !is_held_back {
            for action in alarm.actions.of(change.value) {
                self.act(&alarm, action, &alarm_data);
            }
        }
    }

    /// By the state that each alarm has now. EventBridge hears of changes of state only, and this is none.
    pub(super) fn carry_out_what_was_held_back(&mut self) {
        let now = self.now;
        let is_free = |alarm: &&Alarm| {
            alarm.held_back.is_some()
                && alarm.state.suppression.is_none()
                && self.cloudwatch.unmuted_at(&alarm.name, now).is_none()
        };
        let free: Vec<String> =
            self.cloudwatch.alarms.values().filter(is_free).map(|alarm| alarm.name.clone()).collect();
        for name in free {
            let Some(alarm) = self.cloudwatch.alarms.get_mut(&name) else { continue };
            let previous = alarm.held_back.take();
            let alarm = alarm.clone();
            if !alarm.actions.enabled {
                continue;
            }
            let alarm_data = json!({
                "alarmName": alarm.name,
                "state": state_event(&alarm.state, now),
                "previousState": previous,
                "configuration": alarm.configuration_event(),
            });
            for action in alarm.actions.of(alarm.state.value) {
                self.act(&alarm, action, &alarm_data);
            }
        }
    }

    /// A function is invoked with the payload of alarm actions; nobody is here for any other kind of action.
    fn act(&mut self, alarm: &Alarm, action: &str, alarm_data: &Value) {
        let function = function_of(action);
        let done = if function.is_some() { "Successfully executed" } else { "Nobody here executes" };
        let data = json!({ "actionState": if function.is_some() { "Succeeded" } else { "Failed" }, "notificationResource": action });
        self.remember(alarm, HistoryKind::Action, format!("{done} action {action}"), &data);
        if let Some(function) = function {
            let payload = json!({
                "source": "aws.cloudwatch",
                "alarmArn": alarm.arn,
                "accountId": self.settings.account,
                "time": precise(self.now),
                "region": self.settings.region,
                "alarmData": alarm_data,
            });
            self.effect(Effect::InvokeFunction { function: function.to_owned(), payload });
        }
    }

    pub(super) fn remember(&mut self, alarm: &Alarm, kind: HistoryKind, summary: String, data: &Value) {
        let history = &mut self.cloudwatch.history;
        let number = history.back().map_or(0, |item| item.number + 1);
        history.push_back(HistoryItem {
            number,
            alarm: alarm.name.clone(),
            composite: alarm.is_composite(),
            at: self.now,
            kind,
            summary,
            data: data.to_string(),
        });
        if history.len() > MOST_REMEMBERED {
            history.pop_front();
        }
    }
}

pub(super) fn state_event(state: &super::AlarmState, at: Timestamp) -> Value {
    let mut shown = json!({
        "value": state.value.name(),
        "reason": state.reason,
        "timestamp": precise(at),
    });
    if let Some(suppression) = state.suppression {
        shown["actionsSuppressedBy"] = suppression.by.name().into();
        shown["actionsSuppressedReason"] = suppression.by.reason().into();
    }
    if let Some(data) = &state.reason_data {
        shown["reasonData"] = data.as_str().into();
    }
    shown
}

/// `arn:aws:lambda:<region>:<account>:function:<name>`, with an alias or a version behind it or not.
fn function_of(action: &str) -> Option<&str> {
    let mut parts = action.split(':');
    let is_function = parts.nth(2) == Some("lambda") && parts.nth(2) == Some("function");
    parts.next().filter(|name| is_function && !name.is_empty())
}
