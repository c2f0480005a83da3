//! What was decided on an ask, a paragraph each.

use super::paint::{Colour, Look};
use super::text::hanging;
use crate::api::Decision;

pub(crate) fn decisions(decisions: &[Decision], look: Look) -> String {
    if decisions.is_empty() {
        return "nothing was to be decided".to_owned();
    }
    let paragraph = |it: &Decision| {
        let text = hanging(&format!("{:<13}", it.decision), &it.reason, look.width);
        let rest = text.strip_prefix(it.decision.as_str()).unwrap_or_default();
        format!("{}{rest}", look.paint(&it.decision, of_decision(&it.decision)))
    };
    decisions.iter().map(paragraph).collect::<Vec<_>>().join("\n")
}

pub(super) fn of_decision(decision: &str) -> Option<Colour> {
    match decision {
        "failed" => Some(Colour::Bad),
        "kept" | "ignored" | "postponed" => Some(Colour::Faint),
        _ => Some(Colour::Good),
    }
}
