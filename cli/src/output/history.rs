//! What became of a service: a row for each roll-out and for each other count, and below it who or what caused it.

use super::paint::{Colour, Look};
use super::table::{Cell, Column, Keeps, render};
use super::text::{hanging, seconds};
use crate::api::{Count, Entry, Release, short};

const COLUMNS: [Column; 4] = [
    Column { title: "AT", least: 20, keeps: Keeps::Beginning },
    Column { title: "WHAT", least: 11, keeps: Keeps::End },
    Column { title: "IMAGE", least: 13, keeps: Keeps::Beginning },
    Column { title: "OUTCOME", least: 11, keeps: Keeps::Beginning },
];

pub(crate) fn history(entries: &[Entry], look: Look) -> String {
    if entries.is_empty() {
        return "nothing is known of it".to_owned();
    }
    let row = |entry: &Entry| match entry {
        Entry::Release(release) => Some(of_release(release)),
        Entry::Count(count) => Some(of_count(count)),
        Entry::Unknown => None,
    };
    let (rows, whys): (Vec<_>, Vec<_>) = entries.iter().filter_map(row).unzip();
    let table = render(&COLUMNS, &rows, look);
    let whys = std::iter::once(String::new()).chain(whys);
    // Reasons are sentences: no column has room for them.
    let line = |(line, why): (&str, String)| match why.is_empty() {
        true => line.to_owned(),
        false => format!("{line}\n{}", hanging("   ", &why, look.width)),
    };
    table.lines().zip(whys).map(line).collect::<Vec<_>>().join("\n")
}

fn of_count(count: &Count) -> (Vec<Cell>, String) {
    let (what, why) = match (count.from, count.to) {
        (Some(from), Some(to)) => {
            let why = count.reason.strip_prefix(&format!("from {from} to {to}: ")).unwrap_or(&count.reason);
            (format!("{from} to {to} tasks"), why)
        }
        _ => ("count".to_owned(), count.reason.as_str()),
    };
    let cells =
        vec![Cell::new(seconds(&count.at)), Cell::new(what), Cell::default(), Cell::new(&count.decision)];
    (cells, format!("{}; {why}", count.cause))
}

fn of_release(entry: &Release) -> (Vec<Cell>, String) {
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
    let cells = vec![
        Cell::new(seconds(entry.began_at.as_deref().unwrap_or_default())),
        Cell::new(&entry.revision),
        Cell::new(images.collect::<Vec<_>>().join(", ")),
        Cell::painted(entry.outcome.replace('_', " "), colour),
    ];
    (cells, because(entry))
}

/// Of an ARN, the session or user at its end.
fn name(who: &str) -> &str {
    who.rsplit('/').next().unwrap_or(who)
}

/// The most telling first.
fn because(entry: &Release) -> String {
    let mut words = Vec::new();
    let is_roll_back = entry.cause.as_ref().is_some_and(|it| it.starts_with("roll-back"));
    match &entry.asked_by {
        Some(by) if is_roll_back => words.push(format!("{} went back to it", name(by))),
        Some(by) => words.push(format!("{} asked for it", name(by))),
        None => words.extend(entry.cause.clone()),
    }
    if words.is_empty() {
        words.extend(entry.registered_by.as_ref().map(|by| format!("{} registered it", name(by))));
    }
    // What the rejection says is what Pushboat has found out; ECS only says that it went back.
    let rejected = entry.images.iter().filter_map(|image| image.rejected.as_deref());
    let rejected: Vec<_> = rejected.map(|it| it.split_once(' ').map_or(it, |(_, why)| why)).collect();
    match rejected.as_slice() {
        [] if entry.outcome == "rolled_back" => words.push(entry.reason.clone()),
        [] => {}
        why => words.push(format!("rejected: {}", why.join(", "))),
    }
    words.join("; ")
}
