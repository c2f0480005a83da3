//! A diagnosis in one sentence: what happened, to how many tasks, and what to do.

use super::log::shortened;
use super::{Cause, Diagnosis, Kind, Remedy};

/// Of a container's own words, or of ECS's.
const QUOTE_CHARACTERS: usize = 160;
/// A tag's value has room for 256 characters, of which the time, a revision and the remedy take their part.
const SHORT_CHARACTERS: usize = 150;

pub(super) struct Said {
    pub(super) whole: String,
    pub(super) short: String,
}

pub(super) fn of(diagnosis: &Diagnosis, remedy: Remedy<'_>) -> Said {
    let what = what(diagnosis);
    let many = match (diagnosis.tasks, diagnosis.of) {
        (_, 0) => String::new(),
        (1, 1) => "1 task failed: ".to_owned(),
        (tasks, of) => format!("{tasks} of {of} failed tasks: "),
    };
    let short = shortened(&format!("{many}{what}"), SHORT_CHARACTERS);
    let (short, todo) = match (diagnosis.kind, remedy) {
        (Kind::Transient, Remedy::RemoveTag(tag)) => (
            format!("{short}; transient: remove this tag to try again"),
            format!("this was not the image's fault: remove the tag {tag} from the service to try it again"),
        ),
        (Kind::Transient, Remedy::RunAgain) => (short, "it may pass: run it again".to_owned()),
        (_, Remedy::RunAgain) => (short, todo_of_one_off(diagnosis.cause).to_owned()),
        (Kind::Transient, Remedy::Wait) => (short, "it may pass: ECS tries again by itself".to_owned()),
        _ => (short, todo(diagnosis.cause).to_owned()),
    };
    let whole = if todo.is_empty() { format!("{many}{what}") } else { format!("{many}{what}; {todo}") };
    Said { whole, short }
}

fn what(diagnosis: &Diagnosis) -> String {
    let container = diagnosis.container.as_deref().unwrap_or("of the task");
    let words = shortened(&diagnosis.words, QUOTE_CHARACTERS);
    let said = match telling_line(&diagnosis.last_lines) {
        Some(line) => format!(": {}", shortened(line, QUOTE_CHARACTERS)),
        None => String::new(),
    };
    match diagnosis.cause {
        Cause::SecretMissing => format!("a secret of the task definition could not be read: {words}"),
        Cause::WrongPlatform => "the image is for another platform than its tasks run on".to_owned(),
        Cause::ImageGone => format!("the image is not in its registry: {words}"),
        Cause::ImageForbidden => format!("the image may not be pulled: {words}"),
        Cause::LogDriver => format!("the log of the tasks could not be opened: {words}"),
        Cause::RoleRefused => format!("ECS could not take on a role of the tasks: {words}"),
        Cause::CannotStart => format!("the container {container} could not be started: {words}"),
        Cause::OutOfMemory => format!("the container {container} was ended for want of memory{said}"),
        Cause::Exited => {
            let code = diagnosis.exit_code.unwrap_or_default();
            format!(
                "the container {container} exited with code {code}{}{}{said}",
                signal(code),
                after(diagnosis)
            )
        }
        Cause::EndedByItself => {
            format!("the container {container} ended by itself with code 0{}{said}", after(diagnosis))
        }
        Cause::HealthCheckCode | Cause::PortNotListening | Cause::HealthCheckTimeout => {
            format!("the load balancer's health check failed: {words}{said}")
        }
        Cause::HealthCheckFailed => format!("the load balancer's health check failed{said}"),
        Cause::ContainerUnhealthy => {
            format!("the health check inside the container {container} failed{said}")
        }
        Cause::NoCapacity => format!("Fargate had no capacity: {words}"),
        Cause::Network => format!("the network of the tasks was not ready in time: {words}"),
        Cause::PullInterrupted => format!("the registry could not be reached in time: {words}"),
        Cause::SpotInterruption => format!("Fargate Spot took its capacity back: {words}"),
        Cause::Infrastructure => format!("AWS took the tasks' machines away: {words}"),
        Cause::Unknown => words,
    }
}

fn todo(cause: Cause) -> &'static str {
    match cause {
        Cause::SecretMissing => "create the secret, or let the execution role read it",
        Cause::WrongPlatform => {
            "build it for the platform that the task definition's runtimePlatform asks for"
        }
        Cause::ImageGone => "push it again",
        Cause::ImageForbidden => "let the execution role pull it",
        Cause::LogDriver => "create the log group, or let the execution role write to it",
        Cause::RoleRefused => "let ecs-tasks.amazonaws.com assume the role",
        Cause::CannotStart => "correct the command of the image or of the task definition",
        Cause::OutOfMemory => "give the task more memory, or let the app use less",
        Cause::Exited => "correct the image or what it is configured with, and push again",
        Cause::EndedByItself => "a container of a service has to keep running",
        Cause::HealthCheckCode => {
            "let the health check's path answer with a code that the target group takes"
        }
        Cause::PortNotListening => "let the app answer HTTP on the port that the task definition maps",
        Cause::HealthCheckTimeout => "let the app answer sooner, or give it a longer grace period",
        Cause::HealthCheckFailed | Cause::ContainerUnhealthy => {
            "see what the app answers to its health check"
        }
        Cause::NoCapacity
        | Cause::Network
        | Cause::PullInterrupted
        | Cause::SpotInterruption
        | Cause::Infrastructure
        | Cause::Unknown => "",
    }
}

/// Of a task that is to end, where its end is another than it should be.
fn todo_of_one_off(cause: Cause) -> &'static str {
    match cause {
        Cause::Exited | Cause::EndedByItself => {
            "correct what it runs or is configured with, and run it again"
        }
        other => todo(other),
    }
}

/// The line that is likest to say why: the last one that sounds like trouble, else the last one.
fn telling_line(lines: &[String]) -> Option<&str> {
    let sounds = |line: &&String| {
        let line = line.to_ascii_lowercase();
        let words =
            ["error", "panic", "fatal", "exception", "fail", "cannot", "refused", "denied", "invalid"];
        words.iter().any(|word| line.contains(word))
    };
    let mut written = lines.iter().rev().filter(|line| !line.trim().is_empty());
    let last = written.clone().next();
    written.find(sounds).or(last).map(|line| line.trim())
}

fn after(diagnosis: &Diagnosis) -> String {
    match diagnosis.ran {
        Some(ran) if !ran.is_negative() && ran.as_secs() < 600 => format!(" after {} s", ran.as_secs()),
        _ => String::new(),
    }
}

/// A code above 128 is the number of a signal.
fn signal(code: i32) -> &'static str {
    match code - 128 {
        4 => " (SIGILL)",
        6 => " (SIGABRT)",
        9 => " (SIGKILL)",
        11 => " (SIGSEGV)",
        15 => " (SIGTERM)",
        _ => "",
    }
}
