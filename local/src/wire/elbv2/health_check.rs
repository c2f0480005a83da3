//! How a target group's targets are checked, as requests say it.

use std::ops::RangeInclusive;

use super::{invalid, only};
use crate::wire::form::Form;
use crate::world::Refusal;
use crate::world::elb::HealthCheck;

const LONGEST_PATH: usize = 1_024;
/// What a matcher of an HTTP target group may name.
const CODES: RangeInclusive<u16> = 200..=499;

/// The members of the request; where it says nothing, as it was `before`.
pub(super) fn read(form: &Form, before: HealthCheck) -> Result<HealthCheck, Refusal> {
    only(form, "HealthCheckEnabled", "true")?;
    only(form, "HealthCheckProtocol", "HTTP")?;
    only(form, "HealthCheckPort", "traffic-port")?;
    let number = |member: &str, range: RangeInclusive<u32>| {
        let value = form.number(member)?;
        match value.filter(|value| !range.contains(value)) {
            Some(wrong) => Err(invalid(&format!(
                "{member} '{wrong}' must be between {} and {}",
                range.start(),
                range.end()
            ))),
            None => Ok(value),
        }
    };
    let interval = number("HealthCheckIntervalSeconds", 5..=300)?;
    let timeout = number("HealthCheckTimeoutSeconds", 2..=120)?;
    let check = HealthCheck {
        path: form.get("HealthCheckPath").map_or(Ok(before.path), path)?,
        interval_seconds: interval.map_or(before.interval_seconds, f64::from),
        timeout_seconds: timeout.map_or(before.timeout_seconds, f64::from),
        healthy_threshold: number("HealthyThresholdCount", 2..=10)?.unwrap_or(before.healthy_threshold),
        unhealthy_threshold: number("UnhealthyThresholdCount", 2..=10)?.unwrap_or(before.unhealthy_threshold),
        matcher: form.get("Matcher.HttpCode").map_or(Ok(before.matcher), matcher)?,
    };
    if check.timeout_seconds >= check.interval_seconds {
        return Err(invalid("Health check interval must be greater than the timeout."));
    }
    Ok(check)
}

fn path(path: &str) -> Result<String, Refusal> {
    let fits =
        path.starts_with('/') && path.len() <= LONGEST_PATH && path.bytes().all(|it| it.is_ascii_graphic());
    match fits {
        true => Ok(path.to_owned()),
        false => Err(invalid(&format!(
            "Health check path '{path}' must begin with '/' and have at most {LONGEST_PATH} characters"
        ))),
    }
}

/// `200` or `200-399`.
fn matcher(codes: &str) -> Result<(u16, u16), Refusal> {
    if codes.contains(',') {
        return Err(invalid(
            "A matcher with several codes is not built here: give one, or a range such as 200-299",
        ));
    }
    let (from, to) = codes.split_once('-').unwrap_or((codes, codes));
    let code = |text: &str| text.parse().ok().filter(|code| CODES.contains(code));
    match (code(from), code(to)) {
        (Some(from), Some(to)) if from <= to => Ok((from, to)),
        _ => Err(invalid(&format!(
            "Health check matcher HTTP code '{codes}' must be within the range 200-499"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_from(form: &str) -> Result<HealthCheck, Refusal> {
        read(&Form::parse(b"", form.as_bytes()).unwrap(), HealthCheck::default())
    }

    #[test]
    fn what_is_not_said_stays() {
        assert_eq!(read_from(""), Ok(HealthCheck::default()));
        let all = "HealthCheckPath=/health&HealthCheckIntervalSeconds=5&HealthCheckTimeoutSeconds=2\
                   &HealthyThresholdCount=2&UnhealthyThresholdCount=10&Matcher.HttpCode=200-399\
                   &HealthCheckProtocol=HTTP&HealthCheckPort=traffic-port&HealthCheckEnabled=true";
        let expected = HealthCheck {
            path: "/health".into(),
            interval_seconds: 5.0,
            timeout_seconds: 2.0,
            healthy_threshold: 2,
            unhealthy_threshold: 10,
            matcher: (200, 399),
        };
        assert_eq!(read_from(all), Ok(expected));
    }

    #[test]
    fn what_elb_refuses_is_refused() {
        for (form, says) in [
            ("HealthCheckIntervalSeconds=4", "between 5 and 300"),
            ("HealthCheckTimeoutSeconds=121", "between 2 and 120"),
            ("HealthyThresholdCount=1", "between 2 and 10"),
            ("UnhealthyThresholdCount=11", "between 2 and 10"),
            ("HealthCheckIntervalSeconds=5&HealthCheckTimeoutSeconds=5", "greater than the timeout"),
            ("HealthCheckPath=health", "must begin with '/'"),
            ("HealthCheckPath=/a%20b", "must begin with '/'"),
            ("Matcher.HttpCode=500", "200-499"),
            ("Matcher.HttpCode=299-200", "200-499"),
            ("Matcher.HttpCode=ok", "200-499"),
            ("Matcher.HttpCode=200,201", "not built here"),
            ("HealthCheckEnabled=false", "not built here"),
            ("HealthCheckProtocol=HTTPS", "not built here"),
            ("HealthCheckPort=80", "not built here"),
        ] {
            let refusal = read_from(form).unwrap_err();
            assert_eq!(refusal.code, "ValidationError");
            assert!(refusal.message.contains(says), "{form}: {}", refusal.message);
        }
    }
}
