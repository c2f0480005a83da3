//! A checklist: what was found, and beneath it what to do; and the tags that would be written.

use console::measure_text_width;
use pushboat::checklist::handover::Change;
use pushboat::checklist::{Finding, Verdict};

use super::paint::{Colour, Look};
use super::text::hanging;

const VERDICT_WIDTH: usize = 9;
const GAP: usize = 2;

/// With how many there are of each.
pub(crate) fn checklist(all: &[Finding], look: Look) -> String {
    let count = |verdict| all.iter().filter(|it| it.verdict == verdict).count();
    let (ok, wrong, unknown) = (count(Verdict::Ok), count(Verdict::Wrong), count(Verdict::Unknown));
    format!("{}\n\n{ok} ok, {wrong} wrong, {unknown} unknown", findings(all, look))
}

pub(crate) fn findings(all: &[Finding], look: Look) -> String {
    // A subject that takes more than two fifths of the page has a line of its own.
    let widths = all.iter().map(|it| measure_text_width(&it.subject) + GAP);
    let column = widths.filter(|width| *width <= look.width * 2 / 5).max().unwrap_or(0);
    all.iter().map(|it| paragraph(it, column, look)).collect::<Vec<_>>().join("\n")
}

fn paragraph(finding: &Finding, column: usize, look: Look) -> String {
    let (word, colour) = match finding.verdict {
        Verdict::Ok => ("ok", Colour::Good),
        Verdict::Wrong => ("wrong", Colour::Bad),
        Verdict::Unknown => ("unknown", Colour::Busy),
    };
    let subject = &finding.subject;
    let text = match measure_text_width(subject) + GAP <= column {
        true => hanging(&format!("{word:<VERDICT_WIDTH$}{subject:<column$}"), &finding.why, look.width),
        false => {
            let indent = " ".repeat(VERDICT_WIDTH + GAP);
            format!("{word:<VERDICT_WIDTH$}{subject}\n{}", hanging(&indent, &finding.why, look.width))
        }
    };
    let rest = text.strip_prefix(word).unwrap_or_default();
    let mut painted = format!("{}{rest}", look.paint(word, Some(colour)));
    if let Some(what_to_do) = &finding.what_to_do {
        let first = format!("{}do: ", " ".repeat(VERDICT_WIDTH));
        painted.push('\n');
        painted.push_str(&look.paint(&hanging(&first, what_to_do, look.width), Some(Colour::Strong)));
    }
    painted
}

pub(crate) fn changes(changes: &[Change], look: Look) -> String {
    let line = |it: &Change| match (&it.from, &it.to) {
        (None, Some(to)) => look.paint(&format!("+ {} = {to}", it.tag), Some(Colour::Good)),
        (Some(from), Some(to)) => {
            let (gone, come) = (format!("- {} = {from}", it.tag), format!("+ {} = {to}", it.tag));
            format!("{}\n{}", look.paint(&gone, Some(Colour::Bad)), look.paint(&come, Some(Colour::Good)))
        }
        (from, _) => {
            let from = from.as_deref().unwrap_or_default();
            look.paint(&format!("- {} = {from}", it.tag), Some(Colour::Bad))
        }
    };
    changes.iter().map(line).collect::<Vec<_>>().join("\n")
}
