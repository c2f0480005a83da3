//! What every function does around its invocations. For `deploy`, `scale` and `sweep`: the event becomes a hint, the hint
//! is followed, every decision is one line on standard output, which is the decision log.

use std::time::{Duration, SystemTime};

use lambda_runtime::{Error, LambdaEvent, service_fn};
use pushboat::cloud::Cloud;
use pushboat::control::{self, Scope, Unfinished};
use pushboat::decision::{Action, Decision};
use pushboat::hint::Hint;
use serde_json::{Value, json};

use crate::client::{Aws, Settings};
use crate::event::{Home, Ignored};

/// How a function reads what it is sent.
pub type Translate = fn(Value, &Home) -> Result<Hint, Ignored>;

/// What a function does about a hint. A type for each, so that a binary has what its function needs and no more.
#[allow(async_fn_in_trait, reason = "a function serves one invocation at a time, on one thread")]
pub trait Work {
    /// Whether it asks the registry, which not every function may.
    const READS_IMAGES: bool;

    async fn follow(
        &self,
        aws: &Aws,
        scope: &Scope,
        hint: &Hint,
        log: &mut dyn FnMut(Decision),
    ) -> Result<(), Unfinished>;
}

/// Which images run.
#[derive(Debug, Clone, Copy)]
pub struct Releases;

/// How many tasks there are.
#[derive(Debug, Clone, Copy)]
pub struct Capacity;

/// Both.
#[derive(Debug, Clone, Copy)]
pub struct Everything;

/// What releases leave of an invocation's time: a push to hundreds of services would take all of it, for minutes.
const FOR_CAPACITY: Duration = Duration::from_secs(15);

impl Work for Releases {
    const READS_IMAGES: bool = true;

    async fn follow(
        &self,
        aws: &Aws,
        scope: &Scope,
        hint: &Hint,
        mut log: &mut dyn FnMut(Decision),
    ) -> Result<(), Unfinished> {
        control::follow(aws, scope, hint, &mut log).await
    }
}

impl Work for Capacity {
    const READS_IMAGES: bool = false;

    async fn follow(
        &self,
        aws: &Aws,
        scope: &Scope,
        hint: &Hint,
        mut log: &mut dyn FnMut(Decision),
    ) -> Result<(), Unfinished> {
        control::scale(aws, scope, hint, &mut log).await
    }
}

impl Work for Everything {
    const READS_IMAGES: bool = true;

    /// The trouble of the one keeps nobody from the other.
    async fn follow(
        &self,
        aws: &Aws,
        scope: &Scope,
        hint: &Hint,
        log: &mut dyn FnMut(Decision),
    ) -> Result<(), Unfinished> {
        let released = match aws.time_left() {
            Some(left) => {
                let shorter = aws.within(left - FOR_CAPACITY.min(left / 4));
                Releases.follow(&shorter, scope, hint, log).await
            }
            None => Releases.follow(aws, scope, hint, log).await,
        };
        let scaled = Capacity.follow(aws, scope, hint, log).await;
        released.and(scaled)
    }
}

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
pub async fn run<W: Work>(translate: Translate, work: W) -> Result<(), Error> {
    let settings = Settings::from_env()?;
    let aws = Aws::from_env().await;
    let repositories = if W::READS_IMAGES { settings.scope.repositories.clone() } else { Vec::new() };
    aws.warm_up(&Scope { repositories, ..settings.scope.clone() }).await;
    let (aws, settings, work) = (&aws, &settings, &work);
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| async move {
        let request_id = event.context.request_id.clone();
        let home = Home::of_function(&event.context.invoked_function_arn);
        let hint = home.and_then(|home| translate(event.payload, &home));
        let left = event.context.deadline().duration_since(SystemTime::now()).unwrap_or_default();
        let aws = aws.within(left);
        answer(work, &aws, settings, hint, &mut |decision| print(json!(decision), &request_id)).await
    }))
    .await
}

/// What one event led to. An error only where asking again can help: then Lambda calls again.
pub async fn answer(
    work: &impl Work,
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
        Ok(hint) => work.follow(aws, &settings.scope, &hint, &mut note).await?,
    }
    Ok(json!({ "decisions": decisions }))
}
