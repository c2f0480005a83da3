//! The `live-image` function, behind a custom resource of CloudFormation: which image does the service run now? The
//! template gives the answer to its task definition, so that a stack update keeps what has been released since.
//!
//! | file | subject |
//! |---|---|
//! | `request` | what CloudFormation asks |
//! | `answer` | what it is told, in 4 KB |
//!
//! CloudFormation waits an hour for an answer that does not come. So there always is one: also when a property or
//! the environment is missing, and when AWS is down. The answer goes to a presigned URL, which is a credential and
//! reaches no log.

mod answer;
mod request;

use std::time::{Duration, SystemTime};

use lambda_runtime::{Error, LambdaEvent, service_fn};
use pushboat::live_image;
use pushboat_aws::{Aws, Settings, SettingsError, Uploader};
use serde_json::{Value, json};
use thiserror::Error as ThisError;

use answer::{Answer, Found};
pub use request::{Kind, Request, Unanswerable};

/// What a function needs to end after its answer has been put.
const MARGIN: Duration = Duration::from_secs(1);

/// Serves invocations until Lambda ends the process.
pub fn main() -> Result<(), Error> {
    pushboat_aws::start(serve())
}

async fn serve() -> Result<(), Error> {
    let live_image = LiveImage {
        aws: Aws::from_env().await,
        clusters: Settings::clusters_from_env(),
        uploader: Uploader::default(),
    };
    let live_image = &live_image;
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| async move {
        let left = event.context.deadline().duration_since(SystemTime::now()).unwrap_or_default();
        let request_id = event.context.request_id.clone();
        let mut log = |line: Value| pushboat_aws::print(line, &request_id);
        live_image.handle(&event.payload, left, &mut log).await
    }))
    .await
}

#[derive(Debug)]
pub struct LiveImage {
    pub aws: Aws,
    /// Missing settings are told to CloudFormation too.
    pub clusters: Result<Vec<String>, SettingsError>,
    pub uploader: Uploader,
}

/// Why there is no image. CloudFormation shows it to whoever updates the stack.
#[derive(Debug, ThisError)]
enum Failure {
    #[error(transparent)]
    Request(#[from] request::BadRequest),
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error("the cluster '{0}' is not one of this installation")]
    ClusterNotAllowed(String),
    #[error(transparent)]
    Cloud(#[from] pushboat::cloud::CloudError),
    #[error("AWS did not say within {0} s which image {1} runs")]
    TooSlow(u64, pushboat::model::ServiceName),
}

impl LiveImage {
    /// One request answered within the time that is left. An error only where the answer did not get through: then
    /// Lambda calls again.
    pub async fn handle(
        &self,
        payload: &Value,
        left: Duration,
        log: &mut impl FnMut(Value),
    ) -> Result<Value, Error> {
        let request = match Request::read(payload) {
            Ok(request) => request,
            Err(unanswerable) => {
                let line = json!({"function": "live-image", "ignored": unanswerable.to_string()});
                log(line.clone());
                return Ok(line);
            }
        };
        let found = self.find(&request, left).await.map_err(|failure| failure.to_string());
        let answer = Answer::new(&request, found);
        let put = self.uploader.put(&request.response_url, &answer.body).await;
        let mut line = json!({
            "function": "live-image",
            "request": format!("{:?}", request.kind),
            "resource": answer.physical_resource_id,
            "status": answer.status,
            "image": answer.image,
            "reason": answer.reason,
        });
        if let Err(error) = &put {
            line["not_answered"] = Value::from(error.to_string());
        }
        log(line.clone());
        put?;
        Ok(line)
    }

    /// Deletion asks nothing: there is nothing to delete.
    async fn find(&self, request: &Request, left: Duration) -> Result<Option<Found>, Failure> {
        if request.kind == Kind::Delete {
            return Ok(None);
        }
        let question = request.question()?;
        let cluster = &question.service.cluster;
        if !self.clusters.as_ref().map_err(Clone::clone)?.contains(cluster) {
            return Err(Failure::ClusterNotAllowed(cluster.clone()));
        }
        // Even a function that was given little time keeps half of it for the answer.
        let for_the_answer = (Uploader::LONGEST + MARGIN).min(left / 2);
        let patience = left - for_the_answer;
        match tokio::time::timeout(patience, live_image::find(&self.aws, &question)).await {
            Ok(live) => Ok(Some(Found { live: live?, id: request.names_id() })),
            Err(_) => Err(Failure::TooSlow(patience.as_secs(), question.service)),
        }
    }
}
