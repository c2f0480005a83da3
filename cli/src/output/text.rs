//! Words broken into lines, and moments.

use console::measure_text_width;

/// `first` and then the words, no line wider than the page; later lines stand under the first word. What is too wide to stand
/// there, such as a digest, begins further to the left, and stays whole however narrow the page: it is there to be copied.
pub(super) fn hanging(first: &str, words: &str, width: usize) -> String {
    let indent = measure_text_width(first);
    let mut lines = vec![first.to_owned()];
    let mut taken = indent;
    let mut is_fresh = true;
    for word in words.split_whitespace() {
        let needs = measure_text_width(word);
        let gap = usize::from(!is_fresh);
        if taken + gap + needs > width {
            let indent = indent.min(width.saturating_sub(needs));
            lines.push(" ".repeat(indent));
            (taken, is_fresh) = (indent, true);
        }
        if let Some(line) = lines.last_mut() {
            let gap = if is_fresh { "" } else { " " };
            line.push_str(gap);
            line.push_str(word);
            taken += gap.len() + needs;
            is_fresh = false;
        }
    }
    let trimmed: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
    trimmed.join("\n")
}

/// Whole seconds are enough for people.
pub(super) fn seconds(at: &str) -> String {
    at.split_once('.').map_or_else(|| at.to_owned(), |(seconds, _)| format!("{seconds}Z"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn later_lines_stand_under_the_first_word() {
        assert_eq!(hanging("a  ", "one two three four five six", 24), "a  one two three four\n   five six");
        assert_eq!(hanging("a  ", "", 24), "a");
    }

    #[test]
    fn what_is_wide_begins_further_to_the_left_and_stays_whole() {
        let wide = "x".repeat(18);
        assert_eq!(hanging("a    ", &format!("go {wide} on"), 20), format!("a    go\n  {wide}\n     on"));
        let wider = "x".repeat(30);
        assert_eq!(hanging("a    ", &format!("go {wider} on"), 20), format!("a    go\n{wider}\n     on"));
    }

    proptest! {
        #[test]
        fn no_word_is_lost_and_no_line_too_wide(words in "[a-z ]{0,200}", width in 40_usize..100) {
            prop_assume!(words.split_whitespace().all(|word| word.len() <= width));
            let text = hanging("  label  ", &words, width);
            prop_assert!(text.lines().all(|line| measure_text_width(line) <= width), "{text}");
            let all: Vec<_> = text.split_whitespace().skip(1).collect();
            prop_assert_eq!(all, words.split_whitespace().collect::<Vec<_>>());
        }
    }
}
