//! What Pushboat asks of AWS, with the AWS SDK; and what AWS tells Pushboat, as hints.
//!
//! | file | subject |
//! |---|---|
//! | `client` | the SDK's clients, from the environment, connections opened early |
//! | `ecs`, `ecr`, `elbv2`, `autoscaling`, `cloudwatch`, `logs`, `eventbridge` | one service each: question in the domain's words, answer in the domain's words |
//! | `rollouts` | ECS once more: what was rolled out, and what became of it |
//! | `tasks` | and again: tasks that stopped, and what services say |
//! | `decisions` | CloudWatch Logs once more: what was decided, read back |
//! | `zones` | ECS: where the tasks of services are |
//! | `one_off` | ECS: a task beside a service, started and looked at |
//! | `alarms` | CloudWatch once more: how alarms stand, and whether they are muted |
//! | `starts` | ECS and ELBv2: how tasks have started lately |
//! | `history` | the load of services in the memory of a warm function, topped up |
//! | `raw` | the JSON itself, past the SDK's types: bodies, and the `Date` of answers |
//! | `error` | which trouble an SDK error is |
//! | `event` | what a function is sent, as a hint or as a reason to ignore it |
//! | `alarm` | the same for changes of alarms, in both of their forms |
//! | `time` | the time that an invocation has |
//! | `presigned` | an answer put where a presigned URL says, a blob read from one |
//! | `function` | what functions do around invocations; event to hint to decisions, one log line each |
//!
//! This is the only place that knows the AWS SDK. It does not know which AWS it talks to.

mod alarm;
mod alarms;
mod autoscaling;
mod client;
mod cloudwatch;
mod decisions;
mod ecr;
mod ecs;
mod elbv2;
mod error;
mod event;
mod eventbridge;
mod function;
mod history;
mod logs;
mod one_off;
mod presigned;
mod raw;
mod rollouts;
mod starts;
mod tasks;
mod time;
mod zones;

pub use alarm::alarmed;
pub use client::{Aws, Settings, SettingsError};
pub use event::{Home, Ignored, pushed_or_deployed, scheduled};
pub use function::{Capacity, Everything, Releases, Translate, Work, answer, print, run, start};
pub use logs::{LogLine, LogPage};
pub use presigned::{PutError, Uploader};
