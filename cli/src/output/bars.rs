//! The tasks of a roll-out as they come: bars on a terminal, elsewhere a line for each change.

use indicatif::ProgressBar;

use super::services::state;
use crate::api::Service;
use crate::terminal::{Page, Voice};

const COUNT: &str = "  {prefix:<14} {bar:24.cyan/dim} {pos}/{len}";
const WORDS: &str = "  {prefix:<14} {msg}";

#[derive(Debug)]
pub(crate) struct Bars<'a> {
    page: &'a Page,
    running: ProgressBar,
    pending: ProgressBar,
    healthy: Option<ProgressBar>,
    rollout: ProgressBar,
    said: String,
}

impl<'a> Bars<'a> {
    pub(crate) fn new(page: &'a Page, service: &Service) -> Bars<'a> {
        let bar = |name: &str| page.bar(name, service.desired_count, COUNT);
        Bars {
            page,
            running: bar("running"),
            pending: bar("pending"),
            healthy: service.targets.as_ref().map(|_| bar("healthy")),
            rollout: page.bar("roll-out", 0, WORDS),
            said: String::new(),
        }
    }

    pub(crate) fn show(&mut self, service: &Service) {
        for (bar, count) in [(&self.running, service.running_count), (&self.pending, service.pending_count)] {
            // Old and new tasks run beside each other for a while.
            bar.set_length(service.desired_count.max(count));
            bar.set_position(count);
        }
        if let (Some(bar), Some(targets)) = (&self.healthy, &service.targets) {
            bar.set_length(targets.registered);
            bar.set_position(targets.healthy);
        }
        self.rollout.set_message(format!("{} {}", service.task_definition, state(service)));
        let line = stands(service);
        if self.page.voice() != Voice::Bars && line != self.said {
            self.page.say(format!("  {line}"));
            self.said = line;
        }
    }
}

impl Drop for Bars<'_> {
    fn drop(&mut self) {
        for bar in [Some(&self.running), Some(&self.pending), self.healthy.as_ref(), Some(&self.rollout)] {
            bar.into_iter().for_each(ProgressBar::finish_and_clear);
        }
    }
}

/// `game-2048:3 IN_PROGRESS, running 3/4, pending 1, healthy 3/4`
pub(crate) fn stands(service: &Service) -> String {
    let healthy = service.targets.as_ref().map(|it| format!(", healthy {}/{}", it.healthy, it.registered));
    format!(
        "{} {}, running {}/{}, pending {}{}",
        service.task_definition,
        state(service),
        service.running_count,
        service.desired_count,
        service.pending_count,
        healthy.unwrap_or_default()
    )
}
