//! Why a task could not be started, in the words ECS uses in `stoppedReason`.

use thiserror::Error;

use super::executable::NotRunnable;
use super::unpack::UnpackError;

#[derive(Debug, Error)]
pub(super) enum StartError {
    #[error("CannotPullContainerError: {0}")]
    Pull(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("CannotPullContainerError: {0}")]
    Unpack(#[from] UnpackError),
    #[error(
        "CannotStartContainerError: no command specified: neither the image nor the task definition names one"
    )]
    NoCommand,
    #[error("CannotStartContainerError: exec: \"{program}\": executable file not found in {searched}")]
    NotFound { program: String, searched: String },
    #[error(
        "CannotStartContainerError: {program} {reason}. Tasks here are plain processes: a statically linked \
         program for {platform} runs; an image like this one needs Docker or Fargate"
    )]
    NotRunnable {
        program: String,
        #[source]
        reason: NotRunnable,
        platform: String,
    },
    #[error("CannotStartContainerError: the working directory {path} cannot be used: {source}")]
    WorkingDirectory { path: String, source: std::io::Error },
    #[error("CannotStartContainerError: {program} could not be started: {source}")]
    Spawn { program: String, source: std::io::Error },
    #[error("ResourceInitializationError: no port of this machine is free for the task")]
    NoPort,
}
