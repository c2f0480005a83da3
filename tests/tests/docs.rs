//! What the pages under `docs/` say in figures is what the template says.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use pushboat_tests::template;

fn page(name: &str) -> String {
    std::fs::read_to_string(template::workspace().join("docs").join(name)).unwrap()
}

/// Price times quantity is the amount, for both columns, and the last row is their sum.
#[test]
fn the_cost_table_adds_up_and_counts_the_alarms_that_there_are() {
    let page = page("cost.md");
    let rows = page.lines().filter(|line| line.starts_with('|')).skip(2);
    let rows: Vec<Vec<&str>> =
        rows.map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect();
    let number = |cell: &str| cell.trim_matches('*').parse::<f64>().unwrap_or_else(|_| panic!("{cell}"));
    let (all, rows) = rows.split_last().unwrap();
    let (mut idle, mut four) = (0.0, 0.0);
    for row in rows {
        let price = number(row[1]);
        for (quantity, amount) in [(row[3], row[4]), (row[5], row[6])] {
            assert!((price * number(quantity) - number(amount)).abs() < 0.0051, "{row:?}");
        }
        (idle, four) = (idle + number(row[4]), four + number(row[6]));
    }
    assert!((idle - number(all[4])).abs() < 0.005 && (four - number(all[6])).abs() < 0.005, "{idle} {four}");

    let quantity = |what: &str| number(rows.iter().find(|row| row[0].starts_with(what)).unwrap()[3]);
    let stack = template::stack(&[]);
    let (mut every_minute, mut high_resolution) = (0.0, 0.0);
    for (name, alarm) in stack.of_type("AWS::CloudWatch::Alarm") {
        let metrics = alarm["Metrics"]
            .as_array()
            .map_or(1, |m| m.iter().filter(|m| m.get("MetricStat").is_some()).count());
        let period =
            alarm["Period"].as_str().map(str::to_owned).unwrap_or_else(|| alarm["Period"].to_string());
        let fast = period.parse::<u32>().is_ok_and(|seconds| seconds < 60);
        assert!(metrics > 0, "{name}");
        *(if fast { &mut high_resolution } else { &mut every_minute }) +=
            f64::from(u32::try_from(metrics).unwrap());
    }
    assert_eq!((quantity("alarms, every minute"), quantity("alarms, high")), (every_minute, high_resolution));
}

/// Whoever reads `install.md` is told of parameters, resources and outputs by the names that they have.
#[test]
fn the_pages_name_what_is_in_the_template() {
    let template = template::template();
    let known = |name: &str| {
        ["Parameters", "Resources", "Outputs"].iter().any(|section| template[*section].get(name).is_some())
            || template::adopt()["Parameters"].get(name).is_some()
    };
    for name in ["install.md", "cost.md"] {
        let page = page(name);
        let options = page.split("--parameter-overrides ").skip(1).flat_map(|rest| {
            let line = rest.split("\n```").next().unwrap_or_default();
            line.split_whitespace()
                .map_while(|word| word.split_once('=').map(|(name, _)| name).or((word == "\\").then_some("")))
        });
        // `Name` or `Name=value` in code, as the template writes its own names.
        let written = page.split('`').skip(1).step_by(2).filter_map(|code| {
            let name = code.split('=').next()?;
            let own = name.chars().all(|c| c.is_ascii_alphanumeric())
                && name.starts_with(|c: char| c.is_ascii_uppercase());
            own.then_some(name)
        });
        let elsewhere = ["GitHubRepository", "Repository"];
        let mut names = 0;
        for name in options.chain(written).filter(|name| !name.is_empty() && !elsewhere.contains(name)) {
            names += 1;
            assert!(known(name), "there is no {name} in the template");
        }
        assert!(names >= 5, "{name}: {names}");
    }
}
