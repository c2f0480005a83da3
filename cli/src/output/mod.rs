//! What a person reads: tables that fit the terminal, one service in detail, what was decided or would be, bars of a roll-out.
//!
//! | file | subject |
//! |---|---|
//! | `paint` | how wide the page is and whether it has colours |
//! | `table` | columns that share the width |
//! | `text` | words broken into lines |
//! | `services` | every service as a row |
//! | `detail` | one service with all that is known |
//! | `decisions` | what was decided, with its reasons |
//! | `plan` | what would be decided, the calls of AWS, and what changes of a task definition |
//! | `history` | what a service has run, and how many tasks it was told to have |
//! | `task` | a one-off task |
//! | `checklist` | what was found, and what would be written |
//! | `bars` | the tasks of a roll-out, as they come |

mod bars;
mod checklist;
mod decisions;
mod detail;
mod history;
mod paint;
mod plan;
mod services;
mod table;
mod task;
#[cfg(test)]
mod tests;
mod text;

pub(crate) use bars::{Bars, stands};
pub(crate) use checklist::{changes, checklist, findings};
pub(crate) use decisions::decisions;
pub(crate) use detail::detail;
pub(crate) use history::history;
pub(crate) use paint::Look;
pub(crate) use plan::plan;
pub(crate) use services::services;
pub(crate) use task::task_state;

use std::io::Write;

/// On standard output, with a line's end. Whoever reads may have seen enough.
pub(crate) fn put(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush())
}
