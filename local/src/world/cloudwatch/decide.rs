//! What some data points mean for the state of an alarm: M out of N, and each treatment of missing data. Pure.

use super::{MissingData, StateValue};

/// The points of the evaluation range, newest first: breaching, not breaching, or missing.
pub(super) type Points = [Option<bool>];

/// CloudWatch looks at more periods than an alarm evaluates, in case some of the newest are missing. How many more it
/// does not say; its examples for 3 have 5.
pub(super) const FURTHER_BACK: usize = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    State(StateValue),
    /// As it was.
    Keep,
}

/// `datapoints` out of `periods` have to breach.
pub(super) fn decide(points: &Points, periods: usize, datapoints: usize, missing: MissingData) -> Verdict {
    let real: Vec<bool> = points.iter().copied().flatten().collect();
    let breaching = real.iter().take(periods).filter(|it| **it).count();
    let alarm_if = |it: bool| Verdict::State(if it { StateValue::Alarm } else { StateValue::Ok });
    if real.len() >= periods {
        return alarm_if(breaching >= datapoints);
    }
    let filled = periods - real.len();
    match missing {
        MissingData::Breaching => alarm_if(breaching + filled >= datapoints),
        MissingData::NotBreaching => alarm_if(breaching >= datapoints),
        MissingData::Missing | MissingData::Ignore if breaching >= datapoints => alarm_if(true),
        MissingData::Missing | MissingData::Ignore if breaching < real.len() => alarm_if(false),
        MissingData::Ignore => Verdict::Keep,
        MissingData::Missing if real.is_empty() => Verdict::State(StateValue::InsufficientData),
        // Only breaching points, fewer than needed. The next may be a good one: ALARM at once only where the oldest
        // is so old that it would have to be decided by now.
        MissingData::Missing => match points.iter().rposition(Option::is_some) {
            Some(age) if age + 1 >= datapoints => alarm_if(true),
            _ => Verdict::Keep,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As AWS writes them: newest last, 0 good, X breaching, - missing.
    fn points(text: &str) -> Vec<Option<bool>> {
        text.split(' ')
            .rev()
            .map(|it| match it {
                "0" => Some(false),
                "X" => Some(true),
                _ => None,
            })
            .collect()
    }

    const OK: Verdict = Verdict::State(StateValue::Ok);
    const ALARM: Verdict = Verdict::State(StateValue::Alarm);
    const INSUFFICIENT: Verdict = Verdict::State(StateValue::InsufficientData);
    const KEEP: Verdict = Verdict::Keep;

    /// Points, then the state for missing, ignore, breaching, notBreaching.
    type Row = (&'static str, [Verdict; 4]);

    fn check(datapoints: usize, rows: &[Row]) {
        for (text, expected) in rows {
            let found = [
                MissingData::Missing,
                MissingData::Ignore,
                MissingData::Breaching,
                MissingData::NotBreaching,
            ]
            .map(|missing| decide(&points(text), 3, datapoints, missing));
            assert_eq!(&found, expected, "{datapoints} out of 3: {text}");
        }
    }

    #[test]
    fn three_out_of_three_as_documented() {
        check(
            3,
            &[
                ("0 - X - X", [OK, OK, OK, OK]),
                ("- - - - 0", [OK, OK, OK, OK]),
                ("- - - - -", [INSUFFICIENT, KEEP, ALARM, OK]),
                ("0 X X - X", [ALARM, ALARM, ALARM, ALARM]),
                ("- - X - -", [ALARM, KEEP, ALARM, OK]),
                // Not yet, for the next may be a good one.
                ("- - - - X", [KEEP, KEEP, ALARM, OK]),
                ("- - - X -", [KEEP, KEEP, ALARM, OK]),
            ],
        );
    }

    #[test]
    fn two_out_of_three_as_documented() {
        check(
            2,
            &[
                ("0 - X - X", [ALARM, ALARM, ALARM, ALARM]),
                ("0 0 X 0 X", [ALARM, ALARM, ALARM, ALARM]),
                ("0 - X - -", [OK, OK, ALARM, OK]),
                ("- - - - 0", [OK, OK, ALARM, OK]),
                ("- - - X -", [ALARM, KEEP, ALARM, OK]),
            ],
        );
    }

    #[test]
    fn one_out_of_one_is_decided_by_the_newest_real_point() {
        for (text, expected) in
            [("0 0 X", ALARM), ("X X 0", OK), ("0 X -", ALARM), ("X 0 -", OK), ("X - -", ALARM)]
        {
            assert_eq!(decide(&points(text), 1, 1, MissingData::NotBreaching), expected, "{text}");
        }
        assert_eq!(decide(&points("- - -"), 1, 1, MissingData::NotBreaching), OK);
    }
}
