//! How a one-off task stands, in a line.

use crate::api::Task;

pub(crate) fn task_state(task: &Task) -> String {
    let code = task.exit_code.map(|code| format!(", exit code {code}")).unwrap_or_default();
    format!("task {} of {}: {}{code}", task.id, task.task_definition, task.state)
}
