//! What every function does around its invocations. For `deploy` and `sweep`: the event becomes a hint, the hint is
//! followed, every decision is one line on standard output, which is the decision log.

use std::time::SystemTime;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use pushboat::control;
use pushboat::decision::{Action, Decision};
use pushboat::hint::Hint;
use serde_json::{Value, json};

use crate::client::{Aws, Settings};
use crate::event::{Home, Ignored};

/// How a function reads what it is sent.
pub type Translate = fn(Value, &Home) -> Result<Hint, Ignored>;

/// Serves until Lambda ends the process. Opens one connection at a time: a single thread is enough.
pub fn start(serving: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    lambda_runtime::tracing::init_default_subscriber();
    runtime.block_on(serving)
}

/// One line of the log, with the id that ties it to its invocation.
pub fn print(mut line: Value, request_id: &str) {
    line["request_id"] = Value::from(request_id);
    println!("{line}");
}

/// Serves invocations whose events are hints.
pub async fn run(translate: Translate) -> Result<(), Error> {
    let settings = Settings::from_env()?;
    let aws = Aws::from_env().await;
    aws.warm_up(&settings.scope).await;
    let (aws, settings) = (&aws, &settings);
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| async move {
        let request_id = event.context.request_id.clone();
        let home = Home::of_function(&event.context.invoked_function_arn);
        let hint = home.and_then(|home| translate(event.payload, &home));
        let left = event.context.deadline().duration_since(SystemTime::now()).unwrap_or_default();
        let aws = aws.within(left);
        answer(&aws, settings, hint, &mut |decision| print(json!(decision), &request_id)).await
    }))
    .await
}

/// What one event led to. An error only where asking again can help: then Lambda calls again.
pub async fn answer(
    aws: &Aws,
    settings: &Settings,
    hint: Result<Hint, Ignored>,
    log: &mut impl FnMut(&Decision),
) -> Result<Value, Error> {
    let mut decisions = Vec::new();
    let mut note = |decision: Decision| {
        log(&decision);
        decisions.push(decision);
    };
    match hint {
        Err(ignored) => note(Decision::new(Action::Ignored, "event", ignored)),
        Ok(hint) => control::follow(aws, &settings.scope, &hint, &mut note).await?,
    }
    Ok(json!({ "decisions": decisions }))
}
