//! One instance of a function: a process with a Runtime API of its own, which does one invocation at a time.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::engine::Event;
use super::function::{Function, Settings};
use super::ids;
use super::process::{Counted, LineSink, Process};
use super::records::{FunctionError, LogLine, Records};
use super::runtime_api::{self, Desk, Offer, Said};
use crate::hub::Hub;

/// What an instance is called, known before it starts.
#[derive(Debug, Clone)]
pub(super) struct InstanceName {
    pub(super) id: String,
    pub(super) log_stream: String,
}

impl InstanceName {
    pub(super) fn fresh() -> InstanceName {
        let id = ids::hex(32);
        let log_stream = format!("{}/[$LATEST]{id}", Hub::now().strftime("%Y/%m/%d"));
        InstanceName { id, log_stream }
    }
}

/// Dropping it stops its process.
#[derive(Debug)]
pub(super) struct Instance {
    pub(super) name: InstanceName,
    process: Process,
    desk: Arc<Desk>,
    said: mpsc::UnboundedReceiver<Said>,
    _api: Serving,
}

/// The task of a listener, which ends with this.
#[derive(Debug)]
struct Serving(JoinHandle<()>);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.abort();
    }
}

enum Heard {
    Said(Said),
    Exited(String),
    Nothing,
}

impl Instance {
    /// Starts the process and waits until it polls for work.
    pub(super) async fn start(
        name: InstanceName,
        function: &Function,
        settings: &Settings,
        records: &Arc<Records>,
        counted: Counted,
    ) -> Result<Instance, FunctionError> {
        let (desk, said) = Desk::new();
        let (address, api) = serve(&desk)
            .await
            .map_err(|error| FunctionError::new("Sandbox.Failure", format!("Runtime API: {error}")))?;
        let command = command(function, settings, &name, address);
        let lines = line_sink(function, &name, &desk, records);
        let process = Process::start(command, settings.stop_grace, lines, counted).map_err(|error| {
            let message = format!("fork/exec {}: {error}", function.program.display());
            FunctionError::new("Runtime.InvalidEntrypoint", message)
        })?;
        let mut instance = Instance { name, process, desk, said, _api: api };
        match instance.hear(Instant::now() + settings.init_timeout).await {
            Heard::Said(Said::Ready) => Ok(instance),
            Heard::Said(Said::InitFailed(error)) => Err(instance.given_up(error).await),
            Heard::Said(Said::Answered(_)) => {
                // The desk takes no answer before it has handed out work.
                let error = FunctionError::new("Sandbox.Failure", "an answer before the first invocation");
                Err(instance.given_up(error).await)
            }
            Heard::Exited(how) => Err(exit_error(&how)),
            Heard::Nothing => {
                let seconds = settings.init_timeout.as_secs_f64();
                let message = format!("Initialization timed out after {seconds:.2} seconds");
                Err(instance.given_up(FunctionError::new("Sandbox.Timedout", message)).await)
            }
        }
    }

    /// One invocation. An instance whose invocation timed out is dead afterwards.
    pub(super) async fn invoke(
        &mut self,
        event: &Event,
        function_arn: String,
        timeout: Duration,
    ) -> Result<Value, FunctionError> {
        let millis = i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX);
        let deadline = Instant::now() + timeout;
        self.desk.offer(Offer {
            request_id: event.request_id.clone(),
            deadline_unix_millis: Hub::wall().as_millisecond().saturating_add(millis),
            function_arn,
            trace_id: event.trace_id.clone(),
            payload: Bytes::from(event.payload.to_string()),
        });
        loop {
            match self.hear(deadline).await {
                Heard::Said(Said::Answered(answer)) => return answer.map(|body| as_json(&body)),
                Heard::Said(Said::Ready | Said::InitFailed(_)) => {}
                Heard::Exited(how) => return Err(about(event, exit_error(&how))),
                Heard::Nothing => {
                    let message = format!("Task timed out after {:.2} seconds", timeout.as_secs_f64());
                    let error = FunctionError::new("Sandbox.Timedout", message);
                    return Err(about(event, self.given_up(error).await));
                }
            }
        }
    }

    /// Waits until the instance asks for more work; false if it ended instead.
    pub(super) async fn is_ready_again(&mut self, within: Duration) -> bool {
        let until = Instant::now() + within;
        matches!(self.hear(until).await, Heard::Said(Said::Ready))
    }

    pub(super) fn is_running(&self) -> bool {
        self.process.is_running()
    }

    /// Ends the process now; hands `error` back when it is gone.
    async fn given_up(&self, error: FunctionError) -> FunctionError {
        self.desk.close();
        self.process.kill().await;
        error
    }

    async fn hear(&mut self, until: Instant) -> Heard {
        tokio::select! {
            biased;
            Some(said) = self.said.recv() => Heard::Said(said),
            how = self.process.exited() => match self.said.try_recv() {
                // It answered and went.
                Ok(said) => Heard::Said(said),
                Err(_) => Heard::Exited(how),
            },
            () = sleep_until(until) => Heard::Nothing,
        }
    }
}

/// A listener for this instance alone, so that the address says who is calling.
async fn serve(desk: &Arc<Desk>) -> io::Result<(SocketAddr, Serving)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let router = runtime_api::router(Arc::clone(desk));
    let serving = tokio::spawn(async move {
        // It only ever ends with the instance.
        let _ = axum::serve(listener, router).await;
    });
    Ok((address, Serving(serving)))
}

fn command(function: &Function, settings: &Settings, name: &InstanceName, api: SocketAddr) -> Command {
    let task_root = function.program.parent().unwrap_or(&function.program);
    let handler = function.program.file_name().unwrap_or_default();
    let mut command = Command::new(&function.program);
    command.args(&function.arguments).env_clear();
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command
        .envs(function.environment.iter().map(|(name, value)| (name, value)))
        .env("AWS_LAMBDA_RUNTIME_API", api.to_string())
        .env("AWS_LAMBDA_FUNCTION_NAME", &function.name)
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory_mib.to_string())
        .env("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
        .env("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", function.name))
        .env("AWS_LAMBDA_LOG_STREAM_NAME", &name.log_stream)
        .env("AWS_REGION", &settings.region)
        .env("AWS_DEFAULT_REGION", &settings.region)
        .env("LAMBDA_TASK_ROOT", task_root)
        .env("_HANDLER", handler)
        .env("TZ", ":UTC");
    command
}

fn line_sink(function: &Function, name: &InstanceName, desk: &Arc<Desk>, records: &Arc<Records>) -> LineSink {
    let function = function.name.clone();
    let InstanceName { id: instance, log_stream } = name.clone();
    let (desk, records) = (Arc::clone(desk), Arc::clone(records));
    Arc::new(move |output, line| {
        records.wrote(LogLine {
            at: Hub::now(),
            function: function.clone(),
            instance: instance.clone(),
            log_stream: log_stream.clone(),
            number: 0,
            request_id: desk.last_request_id(),
            output,
            line,
        });
    })
}

fn exit_error(how: &str) -> FunctionError {
    let message = if how == "exit status 0" {
        "Runtime exited without providing a reason".to_owned()
    } else {
        format!("Runtime exited with error: {how}")
    };
    FunctionError::new("Runtime.ExitError", message)
}

fn about(event: &Event, mut error: FunctionError) -> FunctionError {
    error.message = format!("RequestId: {} Error: {}", event.request_id, error.message);
    error
}

/// Lambda hands on whatever bytes came; what is not JSON is shown as text.
fn as_json(body: &[u8]) -> Value {
    if body.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(body).unwrap_or_else(|_| String::from_utf8_lossy(body).into_owned().into())
}
