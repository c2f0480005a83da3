//! Columns that share the width of the page: the widest gives way first, and what does not fit is cut with an ellipsis.

use std::borrow::Cow;

use console::{measure_text_width, truncate_str};

use super::paint::{Colour, Look};

const GAP: usize = 2;

#[derive(Debug)]
pub(super) struct Column {
    pub(super) title: &'static str,
    /// It is not cut below this, however narrow the page.
    pub(super) least: usize,
    /// What is left of a text that is cut.
    pub(super) keeps: Keeps,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeps {
    Beginning,
    /// Of `cluster/service`, the service tells more.
    End,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) colour: Option<Colour>,
}

impl Cell {
    pub(super) fn new(text: impl Into<String>) -> Cell {
        Cell { text: text.into(), colour: None }
    }

    pub(super) fn painted(text: impl Into<String>, colour: Option<Colour>) -> Cell {
        Cell { text: text.into(), colour }
    }
}

/// One line each, without one at the end. A column that is empty in every row is left out.
pub(super) fn render(columns: &[Column], rows: &[Vec<Cell>], look: Look) -> String {
    let used: Vec<usize> =
        (0..columns.len()).filter(|&at| rows.iter().any(|row| !row[at].text.is_empty())).collect();
    let natural = |&at: &usize| {
        let cells = rows.iter().map(|row| measure_text_width(&row[at].text));
        cells.chain([measure_text_width(columns[at].title)]).max().unwrap_or(0)
    };
    let mut widths: Vec<usize> = used.iter().map(natural).collect();
    let least: Vec<usize> = used.iter().map(|&at| columns[at].least).collect();
    let room = look.width.saturating_sub(GAP * used.len().saturating_sub(1));
    fit(&mut widths, &least, room);

    let titles: Vec<Cell> = columns.iter().map(|it| Cell::painted(it.title, Some(Colour::Strong))).collect();
    let lines = std::iter::once(&titles).chain(rows).map(|row| {
        let cells = used.iter().zip(&widths).enumerate().map(|(place, (&at, &width))| {
            let text = cut(&row[at].text, width, columns[at].keeps);
            let is_last = place + 1 == used.len();
            let gap = if is_last { 0 } else { width + GAP - measure_text_width(&text) };
            format!("{}{}", look.paint(&text, row[at].colour), " ".repeat(gap))
        });
        cells.collect::<String>().trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn cut(text: &str, width: usize, keeps: Keeps) -> Cow<'_, str> {
    if keeps == Keeps::Beginning || measure_text_width(text) <= width {
        // Signs that change the width of the one before them are cut at a width that the whole does not have.
        let cuts = (0..=width).rev().map(|width| truncate_str(text, width, "…"));
        return cuts.into_iter().find(|cut| measure_text_width(cut) <= width).unwrap_or_default();
    }
    let rests = text.char_indices().map(|(at, _)| &text[at..]);
    let fitting = rests.skip(1).find(|rest| measure_text_width(rest) < width);
    format!("…{}", fitting.unwrap_or_default()).into()
}

/// Takes from the widest that may still give.
fn fit(widths: &mut [usize], least: &[usize], room: usize) {
    while widths.iter().sum::<usize>() > room {
        let may_give = |&at: &usize| widths[at] > least[at];
        let Some(widest) = (0..widths.len()).filter(may_give).max_by_key(|&at| widths[at]) else { return };
        widths[widest] -= 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn page(width: usize) -> Look {
        Look { width, colours: false }
    }

    const COLUMNS: [Column; 3] = [
        Column { title: "NAME", least: 4, keeps: Keeps::End },
        Column { title: "EMPTY", least: 5, keeps: Keeps::Beginning },
        Column { title: "NOTES", least: 5, keeps: Keeps::Beginning },
    ];

    fn row(name: &str, notes: &str) -> Vec<Cell> {
        vec![Cell::new(name), Cell::default(), Cell::new(notes)]
    }

    #[test]
    fn columns_share_the_page_and_an_empty_one_has_no_place() {
        let rows = [row("one", "short"), row("twelve-long-", "much longer than the page is wide")];
        let wide =
            "NAME          NOTES\none           short\ntwelve-long-  much longer than the page is wide";
        assert_eq!(render(&COLUMNS, &rows, page(80)), wide);
        let narrow = "NAME          NOTES\none           short\ntwelve-long-  much longer th…";
        assert_eq!(render(&COLUMNS, &rows, page(29)), narrow);
        assert_eq!(render(&COLUMNS, &[row("é", "木木")], page(80)), "NAME  NOTES\né     木木");
    }

    #[test]
    fn of_a_name_the_end_is_kept() {
        let rows = [row("production/web", "a note that takes all the room that there is and more")];
        let printed = render(&COLUMNS, &rows, page(24));
        assert_eq!(printed.lines().nth(1), Some("…uction/web  a note tha…"));
    }

    #[test]
    fn colours_take_no_room() {
        let rows = [vec![Cell::painted("a", Some(Colour::Good)), Cell::default(), Cell::new("b")]];
        let painted = render(&COLUMNS, &rows, Look { width: 80, colours: true });
        assert_eq!(console::strip_ansi_codes(&painted), render(&COLUMNS, &rows, page(80)));
        assert!(painted.contains("\x1b[32ma\x1b[0m     b"), "{painted:?}");
    }

    #[test]
    fn signs_that_widen_the_one_before_them_are_cut_as_well() {
        let wide = format!("*\u{fe0f}{}", "*\u{fe0f}a".repeat(9));
        for width in 1..40 {
            assert!(measure_text_width(&cut(&wide, width, Keeps::Beginning)) <= width, "{width}");
        }
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_a_page_that_has_room_for_the_least(
            cells in prop::collection::vec(("\\PC{0,60}", "\\PC{0,200}"), 1..5),
            width in 20_usize..200,
        ) {
            let rows: Vec<_> = cells.iter().map(|(name, notes)| row(name, notes)).collect();
            for line in render(&COLUMNS, &rows, page(width)).lines() {
                prop_assert!(measure_text_width(line) <= width, "{line:?}");
            }
        }
    }
}
