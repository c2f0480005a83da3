//! How wide the page is, and whether it has colours.

use std::io::IsTerminal;

use console::Term;

/// Where nobody says how wide it is.
const USUAL_WIDTH: usize = 80;
/// Narrower than this nothing can be read.
const LEAST_WIDTH: usize = 40;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colour {
    Good,
    Busy,
    Bad,
    Faint,
    Strong,
}

/// The page as it is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    pub(crate) width: usize,
    pub(crate) colours: bool,
}

impl Look {
    pub(crate) fn of_stdout() -> Look {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let is_terminal = std::io::stdout().is_terminal();
        let said = set("COLUMNS").and_then(|columns| columns.parse().ok());
        let width = match is_terminal {
            true => Term::stdout().size_checked().map(|(_, columns)| usize::from(columns)).or(said),
            false => said,
        };
        let dumb = set("TERM").is_some_and(|term| term == "dumb");
        let colours = is_terminal && set("NO_COLOR").is_none() && !dumb;
        Look { width: width.unwrap_or(USUAL_WIDTH).max(LEAST_WIDTH), colours }
    }

    pub(crate) fn paint(&self, text: &str, colour: Option<Colour>) -> String {
        let Some(colour) = colour.filter(|_| self.colours && !text.is_empty()) else {
            return text.to_owned();
        };
        let code = match colour {
            Colour::Good => "32",
            Colour::Busy => "36",
            Colour::Bad => "31",
            Colour::Faint => "2",
            Colour::Strong => "1",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// Of a roll-out's state in ECS's words.
pub(super) fn of_state(state: &str) -> Option<Colour> {
    match state {
        "COMPLETED" => Some(Colour::Good),
        "IN_PROGRESS" => Some(Colour::Busy),
        "FAILED" => Some(Colour::Bad),
        _ => None,
    }
}
