//! The known faults, told from the words of one stopped task. ECS's words are not an interface: what is looked for are
//! the few that have stayed the same for years, and what nobody knows is `unknown` and shown as it is.

use serde::Serialize;

use super::{Evidence, StoppedContainer, StoppedTask};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    SecretMissing,
    WrongPlatform,
    ImageGone,
    ImageForbidden,
    LogDriver,
    RoleRefused,
    CannotStart,
    OutOfMemory,
    Exited,
    EndedByItself,
    HealthCheckCode,
    PortNotListening,
    ContainerUnhealthy,
    HealthCheckTimeout,
    HealthCheckFailed,
    NoCapacity,
    Network,
    PullInterrupted,
    SpotInterruption,
    Infrastructure,
    Unknown,
}

/// Would the same again end the same way? In order of what is worth telling first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Unknown,
    /// It was AWS's, or of the moment: the same image may well run at another time.
    Transient,
    /// It will, until somebody changes something.
    Deterministic,
}

impl Cause {
    pub fn kind(self) -> Kind {
        match self {
            Cause::NoCapacity
            | Cause::Network
            | Cause::PullInterrupted
            | Cause::SpotInterruption
            | Cause::Infrastructure => Kind::Transient,
            // Slow may be the app, and may be the hour.
            Cause::HealthCheckTimeout | Cause::HealthCheckFailed | Cause::Unknown => Kind::Unknown,
            _ => Kind::Deterministic,
        }
    }

    /// A process ran, so it may have written why.
    pub(super) fn leaves_lines(self) -> bool {
        matches!(
            self,
            Cause::WrongPlatform
                | Cause::OutOfMemory
                | Cause::Exited
                | Cause::EndedByItself
                | Cause::HealthCheckCode
                | Cause::PortNotListening
                | Cause::ContainerUnhealthy
                | Cause::HealthCheckTimeout
                | Cause::HealthCheckFailed
        )
    }
}

/// What one task shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) cause: Cause,
    pub(super) container: Option<String>,
    pub(super) exit_code: Option<i32>,
    pub(super) words: String,
}

/// `None`: the task was told to stop, which says nothing about it.
pub(super) fn of(task: &StoppedTask, evidence: &Evidence<'_>) -> Option<Fault> {
    let reason = task.stopped_reason.as_str();
    let culprit = culprit(task);
    let fault = |cause: Cause, words: &str| Fault {
        cause,
        container: culprit.map(|it| it.name.clone()),
        exit_code: culprit.and_then(|it| it.exit_code),
        words: words.to_owned(),
    };
    match task.stop_code.as_str() {
        "UserInitiated" => return None,
        "SpotInterruption" => return Some(fault(Cause::SpotInterruption, reason)),
        "InfrastructureHealth" | "TerminationNotice" => {
            return Some(fault(Cause::Infrastructure, reason));
        }
        _ => {}
    }
    if reason.contains("Scaling activity initiated by") {
        return None;
    }
    if has(reason, &["failed ELB health checks"]) {
        let words = balancer_words(task, evidence);
        // The container that it stopped afterwards has ended as it was told to.
        return Some(Fault { exit_code: None, ..fault(health_check(&words), &words) });
    }
    if has(reason, &["failed container health checks"]) || task.containers.iter().any(|it| it.unhealthy) {
        return Some(fault(Cause::ContainerUnhealthy, reason));
    }
    // The container's words are the nearer ones; ECS repeats some of them for the task.
    let near = culprit.map(|it| it.reason.as_str()).filter(|it| !it.is_empty());
    let words = near.unwrap_or(reason);
    if let Some(cause) = near.and_then(in_words).or_else(|| in_words(reason)) {
        return Some(fault(cause, words));
    }
    let cause = match culprit.and_then(|it| it.exit_code) {
        Some(0) if task.stop_code == "EssentialContainerExited" => Cause::EndedByItself,
        Some(code) if code != 0 => Cause::Exited,
        _ => Cause::Unknown,
    };
    Some(fault(cause, words))
}

/// The container that took its task down, as far as can be told: one that failed, else one with something to say.
fn culprit(task: &StoppedTask) -> Option<&StoppedContainer> {
    let first = |wanted: fn(&StoppedContainer) -> bool| task.containers.iter().find(|it| wanted(it));
    first(|it| it.reason.contains("OutOfMemory"))
        .or_else(|| first(|it| it.unhealthy))
        // A container that is stopped because another one ended leaves 137 or 143.
        .or_else(|| first(|it| it.exit_code.is_some_and(|code| ![0, 137, 143].contains(&code))))
        .or_else(|| first(|it| !it.reason.is_empty()))
        .or_else(|| first(|it| it.exit_code.is_some_and(|code| code != 0)))
        .or_else(|| first(|it| it.exit_code.is_some()))
        .or_else(|| task.containers.first())
}

fn has(text: &str, any: &[&str]) -> bool {
    let text = text.to_ascii_lowercase();
    any.iter().any(|words| text.contains(&words.to_ascii_lowercase()))
}

/// By what ECS, Fargate and the container's runtime write.
fn in_words(text: &str) -> Option<Cause> {
    let wrong_platform =
        ["exec format error", "does not contain descriptor matching platform", "no match for platform"];
    if has(text, &["OutOfMemory"]) {
        Some(Cause::OutOfMemory)
    } else if has(text, &wrong_platform) {
        Some(Cause::WrongPlatform)
    } else if has(text, &["Capacity is unavailable", "RESOURCE:FARGATE", "insufficient capacity"]) {
        Some(Cause::NoCapacity)
    } else if has(text, &["network interface provisioning", "eni provisioning", "elastic network interface"])
    {
        Some(Cause::Network)
    } else if has(text, &["spot interruption", "Your Spot Task was interrupted"]) {
        Some(Cause::SpotInterruption)
    } else if has(text, &["unable to assume"]) {
        Some(Cause::RoleRefused)
    } else if has(text, &["logger args", "initialize logging driver", "log group does not exist"]) {
        Some(Cause::LogDriver)
    } else if has(text, &["CannotPullContainer", "CannotPullImage", "ImagePull"]) {
        Some(pull(text))
    } else if has(text, &["unable to pull secrets", "unable to retrieve secret", "unable to retrieve ssm"]) {
        Some(if is_of_the_moment(text) { Cause::Network } else { Cause::SecretMissing })
    } else if has(text, &["CannotStartContainer", "CannotCreateContainer", "no such file or directory"]) {
        Some(Cause::CannotStart)
    } else if has(text, &["InternalError", "retirement", "underlying infrastructure", "agent disconnected"]) {
        Some(Cause::Infrastructure)
    } else if has(text, &["ResourceInitializationError"]) && is_of_the_moment(text) {
        Some(Cause::Network)
    } else {
        None
    }
}

fn pull(text: &str) -> Cause {
    let gone = ["not found", "manifest unknown", "does not exist", "name unknown", "no such image"];
    let forbidden = ["access denied", "accessdenied", "not authorized", "403 forbidden", "no basic auth"];
    // "host not found" is not "image not found".
    if is_of_the_moment(text) {
        Cause::PullInterrupted
    } else if has(text, &forbidden) {
        Cause::ImageForbidden
    } else if has(text, &gone) {
        Cause::ImageGone
    } else {
        Cause::Unknown
    }
}

/// Time-outs, lost connections and limits of the other side.
fn is_of_the_moment(text: &str) -> bool {
    let words = [
        "timeout",
        "timed out",
        "deadline exceeded",
        "connection reset",
        "connection refused",
        "connection issue",
        "no such host",
        "temporary failure",
        "unexpected eof",
        "toomanyrequests",
        "rate exceeded",
        "throttl",
        "500 internal server error",
        "503 service unavailable",
    ];
    has(text, &words)
}

/// The load balancer's words about a task: the service has said them when it stopped the task, and the targets that
/// are there now may say the same.
fn balancer_words(task: &StoppedTask, evidence: &Evidence<'_>) -> String {
    let of_task = |message: &&String| message.contains(&task.id) && message.contains("is unhealthy in");
    let said = evidence.messages.iter().find(of_task).and_then(|message| {
        let (_, reason) = message.split_once("due to (reason ")?;
        Some(reason.trim_end_matches(['.', ' ']).trim_end_matches(')').to_owned())
    });
    said.or_else(|| evidence.health.complaints.first().cloned()).unwrap_or_default()
}

fn health_check(words: &str) -> Cause {
    if has(words, &["with these codes"]) {
        Cause::HealthCheckCode
    } else if has(words, &["timed out"]) {
        Cause::HealthCheckTimeout
    } else if has(words, &["health checks failed"]) {
        Cause::PortNotListening
    } else {
        Cause::HealthCheckFailed
    }
}
