//! What a scan of an image found, and whether that is too much for the owner (`pushboat:max-severity`).
//!
//! It does not know how an image is scanned, nor when: that is set up in the registry.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// How bad a finding is. Those that nobody has judged (`UNDEFINED`, `UNTRIAGED`) are not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Informational,
    Low,
    Medium,
    High,
    Critical,
}

const SEVERITIES: [(Severity, &str); 5] = [
    (Severity::Informational, "INFORMATIONAL"),
    (Severity::Low, "LOW"),
    (Severity::Medium, "MEDIUM"),
    (Severity::High, "HIGH"),
    (Severity::Critical, "CRITICAL"),
];

/// In ECR's words.
impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = SEVERITIES.iter().find(|(severity, _)| severity == self).map_or("", |(_, word)| word);
        f.write_str(word)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("it is none of informational, low, medium, high and critical")]
pub struct NotASeverity;

impl FromStr for Severity {
    type Err = NotASeverity;

    fn from_str(text: &str) -> Result<Severity, NotASeverity> {
        let found = SEVERITIES.iter().find(|(_, word)| word.eq_ignore_ascii_case(text));
        found.map(|(severity, _)| *severity).ok_or(NotASeverity)
    }
}

/// What the registry knows of an image's scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scan {
    /// Findings of each severity; those without any are missing.
    Done(BTreeMap<Severity, u32>),
    /// Nobody has asked for one.
    Never,
    /// It waits or runs: PENDING, IN_PROGRESS.
    Running(String),
    /// There is none to go by: UNSUPPORTED_IMAGE, FAILED, SCAN_ELIGIBILITY_EXPIRED …
    Unusable(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TooSevere {
    #[error("its scan found {found}, and pushboat:max-severity allows up to {allowed}")]
    Findings { found: String, allowed: Severity },
    #[error("it has not been scanned, and pushboat:max-severity asks for a scan")]
    NotScanned,
    #[error("its scan is {0}, and pushboat:max-severity asks for its end")]
    NotYet(String),
    #[error("its scan ended in {0}, and pushboat:max-severity asks for findings")]
    NoFindings(String),
}

impl Scan {
    pub fn within(&self, allowed: Severity) -> Result<(), TooSevere> {
        let counts = match self {
            Scan::Done(counts) => counts,
            Scan::Never => return Err(TooSevere::NotScanned),
            Scan::Running(status) => return Err(TooSevere::NotYet(status.clone())),
            Scan::Unusable(status) => return Err(TooSevere::NoFindings(status.clone())),
        };
        let worse = counts.iter().rev().filter(|(severity, count)| **severity > allowed && **count > 0);
        let found: Vec<_> = worse.map(|(severity, count)| format!("{count} {severity}")).collect();
        match found.is_empty() {
            true => Ok(()),
            false => Err(TooSevere::Findings { found: found.join(" and "), allowed }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_severity_is_one_of_five_words() {
        for (severity, word) in SEVERITIES {
            assert_eq!(word.to_lowercase().parse(), Ok(severity));
            assert_eq!(severity.to_string(), word);
        }
        for bad in ["", "none", "hig", "undefined", "high "] {
            assert_eq!(bad.parse::<Severity>(), Err(NotASeverity), "{bad}");
        }
    }

    #[test]
    fn up_to_the_severity_that_is_allowed() {
        let done = |counts: &[(Severity, u32)]| Scan::Done(counts.iter().copied().collect());
        let [_, low, medium, high, critical] = SEVERITIES.map(|(severity, _)| severity);
        for (scan, allowed, says) in [
            (done(&[]), Severity::Informational, None),
            (done(&[(high, 3)]), high, None),
            (done(&[(high, 3), (critical, 0)]), high, None),
            (done(&[(high, 3)]), critical, None),
            (done(&[(high, 3), (low, 9)]), medium, Some("found 3 HIGH, and")),
            (done(&[(critical, 1), (high, 3)]), low, Some("found 1 CRITICAL and 3 HIGH, and")),
            (Scan::Never, critical, Some("has not been scanned")),
            (Scan::Running("PENDING".into()), critical, Some("is PENDING")),
            (Scan::Unusable("UNSUPPORTED_IMAGE".into()), critical, Some("ended in UNSUPPORTED_IMAGE")),
        ] {
            let found = scan.within(allowed).err().map(|error| error.to_string());
            match says {
                None => assert_eq!(found, None),
                Some(says) => {
                    assert!(found.as_ref().is_some_and(|it| it.contains(says)), "{says}: {found:?}")
                }
            }
        }
    }
}
