//! One service with all that is known of it.

use super::decisions::of_decision;
use super::paint::{Colour, Look, of_state};
use super::services::state;
use super::text::{hanging, seconds};
use crate::api::{Hold, Name, Service, Track, Zone};

const LABEL_WIDTH: usize = 17;

pub(crate) fn detail(service: &Service, look: Look) -> String {
    let mut page = Page { look, lines: Vec::new() };
    let name = Name::of(service).to_string();
    let heading = format!("{}  {}", look.paint(&name, Some(Colour::Strong)), service.status);
    page.lines.push(heading.trim_end().to_owned());
    page.row("task definition", &service.task_definition);
    for image in &service.images {
        let tag = image.tag.as_deref().map(|tag| format!(":{tag}")).unwrap_or_default();
        let digest = image.digest.as_deref().map(|digest| format!(" {digest}")).unwrap_or_default();
        let released =
            image.released_as.as_deref().map(|it| format!(", released as {it}")).unwrap_or_default();
        page.row("image", &format!("{}: {}{tag}{released}{digest}", image.container, image.name));
    }
    for track in &service.tracks {
        page.row("follows", &followed(track));
    }
    let reason = service.rollout.as_ref().map(|it| it.reason.as_str()).unwrap_or_default();
    page.painted("roll-out", state(service), reason, of_state(state(service)));
    page.row("stage", service.rollout.as_ref().and_then(|it| it.stage.as_deref()).unwrap_or_default());
    let Service { desired_count: desired, running_count: running, pending_count: pending, .. } = service;
    page.row("tasks", &format!("{desired} desired, {running} running, {pending} pending"));
    page.row("zones", &service.zones.iter().map(zone).collect::<Vec<_>>().join("; "));
    if let Some(targets) = &service.targets {
        page.row("targets", &format!("{} of {} healthy", targets.healthy, targets.registered));
    }
    if let Some(capacity) = &service.capacity {
        let bounds = match (capacity.min, capacity.max) {
            (Some(min), Some(max)) => format!(", {min} to {max} tasks"),
            _ => String::new(),
        };
        page.row("count", &format!("decided by {}{bounds}: {}", capacity.decided_by, capacity.reason));
        capacity.overrides.iter().for_each(|it| page.row("for a time", it));
    }
    if let Some(overlap) = &service.overlap {
        page.row("overlap", overlap);
    }
    held(&mut page, "held", &service.hold);
    held(&mut page, "cluster held", &service.cluster_hold);
    if let Some(it) = &service.diverged {
        let at = it.registered_at.as_deref().map(|at| format!(" at {}", seconds(at))).unwrap_or_default();
        let how = match (&it.asked_by, &it.registered_by) {
            (Some(by), _) => format!("was asked for by {by}"),
            (None, by) => format!("was registered by {}", by.as_deref().unwrap_or("somebody")),
        };
        page.row("diverged", &format!("{} {how}{at}", it.revision));
    }
    if let Some(it) = &service.passed_over {
        page.row("passed over", &format!("{}{} ({})", at(&it.at), it.why, it.revision));
    }
    for it in &service.rejected {
        page.row("rejected", &format!("{}{} {}", at(&it.at), it.why, it.digest));
    }
    for it in &service.last_decisions {
        let reason = format!("{} ({}, {})", it.reason, it.cause, seconds(&it.at));
        page.painted("last", &it.decision, &reason, of_decision(&it.decision));
    }
    for trouble in &service.trouble {
        page.painted("trouble", trouble, "", Some(Colour::Bad));
    }
    for it in service.now.iter().flat_map(|now| &now.decisions) {
        page.painted("now", &it.decision, &it.reason, of_decision(&it.decision));
    }
    let calls: Vec<&str> = service.now.iter().flat_map(|now| &now.calls).map(|it| it.call.as_str()).collect();
    page.row("would call", &calls.join(", "));
    page.lines.join("\n")
}

fn zone(zone: &Zone) -> String {
    let pending = if zone.pending > 0 { format!(", {} pending", zone.pending) } else { String::new() };
    format!("{} {} running{pending}", zone.zone, zone.running)
}

struct Page {
    look: Look,
    lines: Vec<String>,
}

impl Page {
    fn row(&mut self, label: &str, words: &str) {
        if !words.is_empty() {
            self.lines.push(hanging(&format!("  {label:<LABEL_WIDTH$}"), words, self.look.width));
        }
    }

    /// What stands before the colon in a colour.
    fn painted(&mut self, label: &str, first: &str, words: &str, colour: Option<Colour>) {
        let text = if words.is_empty() { first.to_owned() } else { format!("{first}: {words}") };
        let line = hanging(&format!("  {label:<LABEL_WIDTH$}"), &text, self.look.width);
        let painted = self.look.paint(first, colour);
        self.lines.push(if painted == first { line } else { line.replacen(first, &painted, 1) });
    }
}

fn held(page: &mut Page, label: &str, hold: &Option<Hold>) {
    let Some(hold) = hold else { return };
    let until =
        hold.until.as_deref().map_or("until it is lifted".to_owned(), |until| format!("until {until}"));
    let by = hold.by.as_deref().map(|by| format!(" by {by}")).unwrap_or_default();
    page.row(label, &format!("{until}{by}: {}", hold.reason));
}

fn at(at: &Option<String>) -> String {
    at.as_deref().map(|at| format!("{at}: ")).unwrap_or_default()
}

fn followed(track: &Track) -> String {
    let rule = track.rule.as_str().map_or_else(|| track.rule.to_string(), str::to_owned);
    let container = track.container.as_deref().map(|it| format!("{it}: ")).unwrap_or_default();
    format!("{container}{}:{rule}", track.repository)
}
