//! A roll-out on the page: a bar for starting, healthy and draining tasks, and a row of marks per zone.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::ProgressBar;

use super::view::{Phase, View};
use crate::terminal::{Page, Voice};

const COUNT: &str = "  {prefix:<14} {bar:24.cyan/dim} {pos}/{len}";
const ZONE: &str = "  {prefix:<14} {msg}";

/// The rows of one roll-out, gone from the terminal when it is over.
#[derive(Debug)]
pub(crate) struct Screen<'a> {
    page: &'a Page,
    starting: ProgressBar,
    healthy: ProgressBar,
    draining: ProgressBar,
    zones: Vec<(String, ProgressBar)>,
    said: String,
}

impl<'a> Screen<'a> {
    pub(crate) fn new(page: &'a Page, view: &View) -> Screen<'a> {
        let length = view.desired as u64;
        Screen {
            page,
            starting: page.bar("starting", length, COUNT),
            healthy: page.bar("healthy", length, COUNT),
            draining: page.bar("draining", length, COUNT),
            zones: view.zones.iter().map(|zone| (zone.clone(), page.bar(zone, 0, ZONE))).collect(),
            said: String::new(),
        }
    }

    /// The push has not been seen yet: by the event in a moment, by the sweep if the event is lost.
    pub(crate) fn wait(&self) {
        for (_, row) in &self.zones {
            row.set_message("waiting for the push to be seen");
        }
    }

    pub(crate) fn show(&mut self, view: &View) {
        self.starting.set_position(view.count_new(Phase::Starting) as u64);
        self.healthy.set_position(view.count_new(Phase::Healthy) as u64);
        self.draining.set_position(view.count(Phase::Draining) as u64);
        for (zone, row) in &self.zones {
            row.set_message(marks(view, zone));
        }
        let line = line(view);
        if self.page.voice() != Voice::Bars && line != self.said {
            self.page.say(format!("  {line}"));
            self.said = line;
        }
    }

    /// Takes the rows away and leaves one line about each zone.
    pub(crate) fn finish(self, view: &View, took: Duration) {
        for bar in [&self.starting, &self.healthy, &self.draining] {
            bar.finish_and_clear();
        }
        for (_, row) in &self.zones {
            row.finish_and_clear();
        }
        let per_zone = view.healthy_per_zone();
        let zones: Vec<_> = per_zone.iter().map(|(zone, tasks)| format!("{tasks} in {zone}")).collect();
        self.page.say(format!(
            "  rolled out   revision {} on {} tasks ({}) in {:.1} s",
            view.revision,
            view.desired,
            zones.join(", "),
            took.as_secs_f64()
        ));
    }
}

/// `v1 ●●   v2 ◔◔`: one mark per task, by version.
fn marks(view: &View, zone: &str) -> String {
    let mut by_version: BTreeMap<(bool, &str), Vec<Phase>> = BTreeMap::new();
    for task in view.tasks.iter().filter(|task| task.zone == zone) {
        by_version.entry((task.new, &task.version)).or_default().push(task.phase);
    }
    let mut words = Vec::new();
    for ((_, version), mut phases) in by_version {
        phases.sort();
        let marks: String = phases
            .iter()
            .map(|phase| match phase {
                Phase::Starting => '◔',
                Phase::Healthy => '●',
                Phase::Draining => '○',
            })
            .collect();
        words.push(format!("{version} {marks}"));
    }
    words.join("   ")
}

fn line(view: &View) -> String {
    format!(
        "starting {}  healthy {}/{}  draining {}",
        view.count_new(Phase::Starting),
        view.count_new(Phase::Healthy),
        view.desired,
        view.count(Phase::Draining)
    )
}

#[cfg(test)]
mod tests {
    use super::super::view::TaskView;
    use super::*;
    use pushboat_local::world::ecs::RolloutState;

    fn view(tasks: &[(&str, &str, Phase, bool)]) -> View {
        let task = |&(zone, version, phase, new): &(&str, &str, Phase, bool)| TaskView {
            zone: zone.into(),
            version: version.into(),
            phase,
            new,
        };
        View {
            desired: 2,
            zones: vec!["a".into(), "b".into()],
            tasks: tasks.iter().map(task).collect(),
            rollout: RolloutState::InProgress,
            rollout_reason: String::new(),
            revision: 2,
            digest: None,
            latest_event: String::new(),
        }
    }

    #[test]
    fn a_zone_shows_one_mark_per_task_old_version_first() {
        let view = view(&[
            ("a", "v2", Phase::Healthy, true),
            ("a", "v1", Phase::Draining, false),
            ("a", "v2", Phase::Starting, true),
            ("b", "v1", Phase::Healthy, false),
        ]);
        assert_eq!(marks(&view, "a"), "v1 ○   v2 ◔●");
        assert_eq!(marks(&view, "b"), "v1 ●");
        assert_eq!(line(&view), "starting 1  healthy 1/2  draining 1");
        assert!(!view.is_settled());
    }
}
