//! A page of history: releases and counts by time, the newest first, and where the next page begins.
//!
//! Both come from places that end somewhere: ECS gives twenty roll-outs at a time, and of the decision log only so much is
//! searched. What lies before either end is not known, so no page reaches beyond the later of the two.

use jiff::Timestamp;

use super::{Count, Entry, Release};

/// What was found in the decision log.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Counts {
    pub found: Vec<Count>,
    /// Nothing before it was searched. `None`: there is nothing more to search.
    pub from: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    pub entries: Vec<Entry>,
    /// What began before it is on the next page. `None`: there is no more.
    pub next: Option<Timestamp>,
}

/// `is_more`: ECS has older roll-outs than these.
pub fn page(releases: Vec<Release>, is_more: bool, counts: Counts, limit: usize) -> Page {
    let oldest = releases.iter().filter_map(|release| release.began_at).min();
    let known_from = counts.from.max(oldest.filter(|_| is_more));
    // Of one moment, what was written last comes first.
    let mut found = counts.found;
    found.sort_by_key(|count| count.at);
    let found = found.into_iter().rev().map(Entry::Count);
    let entries = releases.into_iter().map(Entry::Release).chain(found);
    let is_known = |entry: &Entry| known_from.is_none_or(|from| entry.at().is_none_or(|at| at >= from));
    let mut entries: Vec<Entry> = entries.filter(is_known).collect();
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.at()));
    // Of one moment all or nothing: the next page begins before it.
    let last = entries.get(limit.saturating_sub(1)).and_then(Entry::at);
    let fit = last.map_or(entries.len(), |last| entries.partition_point(|entry| entry.at() >= Some(last)));
    if fit < entries.len() {
        entries.truncate(fit);
        return Page { entries, next: last };
    }
    Page { entries, next: known_from }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn release(second: i64) -> Release {
        Release {
            began_at: Some(at(second)),
            finished_at: None,
            outcome: "successful",
            reason: String::new(),
            revision: "web:1".to_owned(),
            images: Vec::new(),
            cause: None,
            base: None,
            asked_by: None,
            registered_by: None,
            service_deployment: String::new(),
        }
    }

    fn count(second: i64) -> Count {
        let words = || String::from("x");
        Count { at: at(second), decision: words(), from: None, to: None, reason: words(), cause: words() }
    }

    proptest! {
        /// However much each place gives at a time, the pages together have everything once, and by time.
        #[test]
        fn pages_together_are_everything_once(
            releases in proptest::collection::vec(0_i64..40, 0..30),
            counts in proptest::collection::vec(0_i64..40, 0..30),
            limit in 1_usize..9, at_a_time in 1_usize..9, searched in 1_i64..30,
        ) {
            let mut releases: Vec<_> = releases.into_iter().collect();
            releases.sort_unstable();
            releases.dedup();
            let mut seen = Vec::new();
            let mut before = 41;
            for _ in 0..200 {
                let there: Vec<_> = releases.iter().rev().filter(|it| **it < before).collect();
                let some: Vec<_> = there.iter().take(at_a_time).map(|it| release(**it)).collect();
                let from = before - searched;
                let found = counts.iter().filter(|it| (from..before).contains(*it)).map(|it| count(*it)).collect();
                let counts = Counts { found, from: (from > 0).then(|| at(from)) };
                let Page { entries, next } = page(some, there.len() > at_a_time, counts, limit);
                seen.extend(entries.iter().map(|it| it.at().unwrap().as_second()));
                let Some(next) = next else { break };
                prop_assert!(next.as_second() < before, "it goes on");
                before = next.as_second();
            }
            let mut all: Vec<_> = releases.iter().chain(&counts).copied().collect();
            all.sort_unstable_by_key(|it| std::cmp::Reverse(*it));
            prop_assert_eq!(seen, all);
        }
    }
}
