//! What a service has run: a row for each roll-out, with who or what caused it and what became of it.

use super::paint::{Colour, Look};
use super::table::{Cell, Column, Keeps, render};
use crate::api::{Entry, short};

const COLUMNS: [Column; 5] = [
    Column { title: "BEGAN", least: 20, keeps: Keeps::Beginning },
    Column { title: "REVISION", least: 11, keeps: Keeps::End },
    Column { title: "IMAGE", least: 13, keeps: Keeps::Beginning },
    Column { title: "OUTCOME", least: 11, keeps: Keeps::Beginning },
    Column { title: "BECAUSE", least: 12, keeps: Keeps::Beginning },
];

pub(crate) fn history(entries: &[Entry], look: Look) -> String {
    if entries.is_empty() {
        return "ECS knows of no roll-out".to_owned();
    }
    render(&COLUMNS, &entries.iter().map(row).collect::<Vec<_>>(), look)
}

fn row(entry: &Entry) -> Vec<Cell> {
    let images = entry.images.iter().map(|image| {
        let tag = image.released_as.as_deref().and_then(|it| it.rsplit_once(':')).map(|(_, tag)| tag);
        let words: Vec<&str> = tag.into_iter().chain(image.digest.as_deref().map(short)).collect();
        words.join(" ")
    });
    let colour = match entry.outcome.as_str() {
        "successful" => Some(Colour::Good),
        "under_way" => Some(Colour::Busy),
        "rolled_back" => Some(Colour::Bad),
        _ => None,
    };
    // Whole seconds are enough for people.
    let began = entry.began_at.as_deref().unwrap_or_default();
    let began = began.split_once('.').map_or_else(|| began.to_owned(), |(seconds, _)| format!("{seconds}Z"));
    vec![
        Cell::new(began),
        Cell::new(&entry.revision),
        Cell::new(images.collect::<Vec<_>>().join(", ")),
        Cell::painted(entry.outcome.replace('_', " "), colour),
        Cell::new(because(entry)),
    ]
}

/// Of an ARN, the session or user at its end.
fn name(who: &str) -> &str {
    who.rsplit('/').next().unwrap_or(who)
}

/// The most telling first.
fn because(entry: &Entry) -> String {
    let mut words = Vec::new();
    if let Some(by) = &entry.asked_by {
        words.push(format!("{} asked", name(by)));
    }
    words.extend(entry.cause.clone());
    if words.is_empty() {
        words.extend(entry.registered_by.as_ref().map(|by| format!("{} registered it", name(by))));
    }
    if entry.outcome == "rolled_back" {
        words.push(entry.reason.clone());
    }
    words.join("; ")
}
