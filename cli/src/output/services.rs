//! Every service as a row: what runs, how many, how the roll-out stands, and what is out of the ordinary.

use super::paint::{Colour, Look, of_state};
use super::table::{Cell, Column, Keeps, render};
use crate::api::{Image, Name, Service, short};

const COLUMNS: [Column; 6] = [
    Column { title: "SERVICE", least: 20, keeps: Keeps::End },
    Column { title: "IMAGE", least: 13, keeps: Keeps::Beginning },
    Column { title: "TASKS", least: 5, keeps: Keeps::Beginning },
    Column { title: "HEALTHY", least: 7, keeps: Keeps::Beginning },
    Column { title: "ROLL-OUT", least: 8, keeps: Keeps::Beginning },
    Column { title: "NOTES", least: 8, keeps: Keeps::Beginning },
];

pub(crate) fn services(services: &[Service], look: Look) -> String {
    if services.is_empty() {
        return "no service has been handed to Pushboat; the tag pushboat:track on an ECS service does that"
            .to_owned();
    }
    render(&COLUMNS, &services.iter().map(row).collect::<Vec<_>>(), look)
}

fn row(service: &Service) -> Vec<Cell> {
    let images: Vec<String> = service.images.iter().map(image).collect();
    let state = state(service);
    let targets = service.targets.as_ref();
    let healthy = targets.map(|it| format!("{}/{}", it.healthy, it.registered)).unwrap_or_default();
    let all_healthy = targets.is_none_or(|it| it.healthy == it.registered);
    let (notes, is_bad) = notes(service);
    vec![
        Cell::new(Name::of(service).to_string()),
        Cell::new(images.join(", ")),
        Cell::new(format!("{}/{}", service.running_count, service.desired_count)),
        Cell::painted(healthy, if all_healthy { None } else { Some(Colour::Busy) }),
        Cell::painted(state, of_state(state)),
        Cell::painted(notes, is_bad.then_some(Colour::Bad)),
    ]
}

/// The tag that meant it when it was released, and the digest's first digits.
fn image(image: &Image) -> String {
    let released_as = image.released_as.as_deref().and_then(|it| it.rsplit_once(':')).map(|(_, tag)| tag);
    let words = [released_as.or(image.tag.as_deref()), image.digest.as_deref().map(short)];
    let words: Vec<&str> = words.into_iter().flatten().collect();
    if words.is_empty() { image.name.clone() } else { words.join(" ") }
}

pub(super) fn state(service: &Service) -> &str {
    match &service.rollout {
        None => "none",
        Some(rollout) => rollout.state.as_deref().unwrap_or("not said"),
    }
}

/// What somebody should know first comes first, and whether it is bad.
fn notes(service: &Service) -> (String, bool) {
    let mut notes = Vec::new();
    if let Some(first) = service.trouble.first() {
        notes.push(first.clone());
    }
    if !matches!(service.status.as_str(), "" | "ACTIVE") {
        notes.push(service.status.clone());
    }
    for (what, hold) in [("held", &service.hold), ("cluster held", &service.cluster_hold)] {
        if let Some(hold) = hold {
            notes.push(format!("{what}: {}", hold.reason));
        }
    }
    if service.diverged.is_some() {
        notes.push("diverged".to_owned());
    }
    if service.passed_over.is_some() {
        notes.push("template passed over".to_owned());
    }
    if !service.rejected.is_empty() {
        notes.push(format!("{} rejected", service.rejected.len()));
    }
    notes.extend(service.capacity.iter().flat_map(|it| it.overrides.iter().cloned()));
    (notes.join("; "), !service.trouble.is_empty())
}
