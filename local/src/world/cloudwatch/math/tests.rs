#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

/// Two metrics over five minutes: `m1` misses the third, `m2` the last.
struct Sample;

fn series(values: [Option<f64>; 5]) -> Series {
    let points =
        values.iter().enumerate().filter_map(|(number, value)| Some((number as i64 * 60, (*value)?)));
    Series { label: String::new(), period: 60, points: points.collect() }
}

impl Source for Sample {
    fn value_of(&mut self, id: &str) -> Result<Evaluated, String> {
        let values = match id {
            "m1" => [Some(1.0), Some(2.0), None, Some(4.0), Some(8.0)],
            "m2" => [Some(0.0), Some(10.0), Some(20.0), Some(30.0), None],
            "empty" => [None; 5],
            _ => return Err(format!("There is no {id}")),
        };
        Ok(Evaluated::Series(series(values)))
    }

    fn metrics(&mut self) -> Result<Vec<(String, Series)>, String> {
        let mut all = Vec::new();
        for id in ["m1", "m2"] {
            let Evaluated::Series(series) = self.value_of(id)? else { unreachable!() };
            all.push((id.to_owned(), series));
        }
        Ok(all)
    }

    fn span(&self) -> (i64, i64) {
        (0, 300)
    }
}

fn value(text: &str) -> Result<Evaluated, String> {
    evaluate(&parse(text)?, &mut Sample)
}

fn points(text: &str) -> Vec<(i64, f64)> {
    match value(text) {
        Ok(Evaluated::Series(series)) => series.points.into_iter().map(|(at, it)| (at / 60, it)).collect(),
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn arithmetic_has_its_usual_order() {
    for (text, expected) in [
        ("1+2*3", 7.0),
        ("(1+2)*3", 9.0),
        ("2^3^2", 512.0),
        ("-2^2", -4.0),
        ("10-4-3", 3.0),
        ("8/4/2", 1.0),
        ("1.5e2 + .5", 150.5),
        ("1 < 2 AND 3 >= 4 OR 1 == 1", 1.0),
        ("1 != 1 || 0 && 1", 0.0),
        ("MAX(m2) - MIN(m1)", 29.0),
        ("AVG(m2)", 15.0),
        ("SUM(empty)", 0.0),
        ("DATAPOINT_COUNT(m1)", 4.0),
        ("METRIC_COUNT(METRICS())", 2.0),
        ("PERIOD(m1)", 60.0),
        ("ABS(-3)", 3.0),
        ("CEIL(3.2)+FLOOR(3.8)", 7.0),
    ] {
        assert_eq!(value(text), Ok(Evaluated::Number(expected)), "{text}");
    }
}

#[test]
fn series_are_combined_where_both_have_a_value() {
    assert_eq!(points("m1+m2"), [(0, 1.0), (1, 12.0), (3, 34.0)]);
    assert_eq!(points("m1/m2"), [(1, 0.2), (3, 4.0 / 30.0)], "nothing is divided by zero");
    assert_eq!(points("100*m1/PERIOD(m1)")[1], (1, 200.0 / 60.0));
    assert_eq!(points("SUM([m1,m2])"), [(0, 1.0), (1, 12.0), (2, 20.0), (3, 34.0), (4, 8.0)]);
    assert_eq!(points("SUM(METRICS())"), points("SUM([m1,m2])"));
    assert_eq!(points("SUM(METRICS(\"2\"))"), points("m2"));
    assert_eq!(points("MAX([m1,m2])")[0], (0, 1.0));
    assert_eq!(points("DIFF(m2)"), [(1, 10.0), (2, 10.0), (3, 10.0)]);
    assert_eq!(points("RATE(m2)")[0], (1, 10.0 / 60.0));
    assert_eq!(points("RUNNING_SUM(m1)").last(), Some(&(4, 15.0)));
    assert_eq!(points("FIRST([m2,m1])"), points("m2"));
}

#[test]
fn what_is_missing_is_filled_as_asked() {
    assert_eq!(points("FILL(m1,0)")[2], (2, 0.0));
    assert_eq!(points("FILL(m1,REPEAT)")[2], (2, 2.0));
    assert_eq!(points("FILL(m1,LINEAR)")[2], (2, 3.0));
    assert_eq!(points("FILL(m2,LINEAR)").len(), 4, "nothing to draw a line to");
    assert_eq!(points("FILL(m1,m2)")[2], (2, 20.0));
    assert_eq!(points("FILL(empty,7)").len(), 5);
    assert_eq!(points("SUM([FILL(m1,0),FILL(m2,0)])")[4], (4, 8.0));
}

#[test]
fn a_condition_chooses_moment_by_moment() {
    assert_eq!(points("IF(m2>5, m2, 5)"), [(0, 5.0), (1, 10.0), (2, 20.0), (3, 30.0)]);
    assert_eq!(points("IF(m2>5, m1)"), [(1, 2.0), (3, 4.0)]);
    assert_eq!(points("IF(FILL(m1,0)==0 AND FILL(m2,0)>0, 1, 0)")[2], (2, 1.0));
    assert_eq!(value("IF(1, 2, 3)"), Ok(Evaluated::Number(2.0)));
    assert_eq!(points("IF(MINUTE(m1)>=3, m1)"), [(3, 4.0), (4, 8.0)]);
}

#[test]
fn what_is_wrong_is_said() {
    for (text, part) in [
        ("NOPE(m1)", "NOPE does not exist"),
        ("SEARCH('x','Sum',60)", "SEARCH does not exist"),
        ("m1+", "at the end"),
        ("m1 m2", "'m2'"),
        ("(m1", "')' is missing"),
        ("SUM(m1,m2)", "does not take these arguments"),
        ("FILL(1,2)", "time series only"),
        ("m9", "There is no m9"),
        ("m1 + 'a'", "string"),
        ("m1 # m2", "'#'"),
        ("[1,2]", "time series only"),
        ("FILL(m1,UP)", "There is no UP"),
        ("IF(m1, METRICS())", "single time series"),
    ] {
        let error = value(text).unwrap_err();
        assert!(error.contains(part), "{text}: {error}");
    }
    let deep = format!("{}1{}", "(".repeat(1_000), ")".repeat(1_000));
    assert!(value(&deep).unwrap_err().contains("too deeply"));
}
