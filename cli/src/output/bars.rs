//! The tasks of a roll-out as they come: bars on a terminal, elsewhere a line for each change.

use std::collections::BTreeMap;

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
    /// Those that run, by zone.
    zones: BTreeMap<String, ProgressBar>,
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
            zones: service.zones.iter().map(|it| (it.zone.clone(), bar(&it.zone))).collect(),
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
        for (name, bar) in &self.zones {
            // One where no task is to run any more is not named.
            let zone = service.zones.iter().find(|it| it.zone == *name);
            let (running, pending) = zone.map_or((0, 0), |it| (it.running, it.pending));
            bar.set_length(running + pending);
            bar.set_position(running);
        }
        if let (Some(bar), Some(targets)) = (&self.healthy, &service.targets) {
            bar.set_length(targets.registered);
            bar.set_position(targets.healthy);
        }
        self.rollout.set_message(format!("{} {}", service.task_definition, stage(service)));
        let line = stands(service);
        if self.page.voice() != Voice::Bars && line != self.said {
            self.page.say(format!("  {line}"));
            self.said = line;
        }
    }
}

impl Drop for Bars<'_> {
    fn drop(&mut self) {
        let of_all = [Some(&self.running), Some(&self.pending), self.healthy.as_ref(), Some(&self.rollout)];
        of_all.into_iter().flatten().chain(self.zones.values()).for_each(ProgressBar::finish_and_clear);
    }
}

/// The state, and of a native strategy how far it is.
fn stage(service: &Service) -> String {
    let stage = service.rollout.as_ref().and_then(|it| it.stage.as_deref());
    stage.map_or_else(|| state(service).to_owned(), |stage| format!("{} ({stage})", state(service)))
}

/// `game-2048:3 IN_PROGRESS, running 3/4 (eu-central-1a 2, eu-central-1b 1), pending 1, healthy 3/4`
pub(crate) fn stands(service: &Service) -> String {
    let healthy = service.targets.as_ref().map(|it| format!(", healthy {}/{}", it.healthy, it.registered));
    let zones = service.zones.iter().map(|it| format!("{} {}", it.zone, it.running));
    let zones = zones.collect::<Vec<_>>().join(", ");
    let zones = if zones.is_empty() { zones } else { format!(" ({zones})") };
    format!(
        "{} {}, running {}/{}{zones}, pending {}{}",
        service.task_definition,
        stage(service),
        service.running_count,
        service.desired_count,
        service.pending_count,
        healthy.unwrap_or_default()
    )
}
