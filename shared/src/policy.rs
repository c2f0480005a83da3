//! What the owner of a service wants, read from the service's tags.
//!
//! | tag | value |
//! |---|---|
//! | `pushboat:track` | `<repository>:<rule>`: the container whose image comes from that repository follows the rule |
//! | `pushboat:track:<container>` | the same for a container named here, whatever it runs now (a placeholder, say) |
//! | `pushboat:max-severity` | `high`: no image whose scan found anything above HIGH |
//! | `pushboat:rejected:<64 hex>` | written by Pushboat: this digest failed and does not return by itself |
//! | `pushboat:passed-over` | written by Pushboat: this revision of the template failed here and is not tried again |
//! | `pushboat:hold` | `<until or -> <by> <reason>`: nothing is released until then, see `hold` |
//! | `pushboat:overlap` | `supersede` or `wait`, see `overlap` |
//! | `pushboat:resume` | `<family>:<revision>`: what a person deployed there may be replaced, see `others` |
//!
//! In the registry, an image that was released has a tag of its own, `deployed-<12 hex>`: as long as it has one, rules
//! that expire untagged images leave it alone.

use serde::Serialize;
use thiserror::Error;

use crate::model::{Digest, Tags};
use crate::rule::{Rule, RuleError};
use crate::scan::{NotASeverity, Severity};

pub const TRACK: &str = "pushboat:track";
const TRACK_CONTAINER: &str = "pushboat:track:";
pub const MAX_SEVERITY: &str = "pushboat:max-severity";
const REJECTED: &str = "pushboat:rejected:";
/// One key, because only the newest revision of the template is ever looked at.
pub const PASSED_OVER: &str = "pushboat:passed-over";
const DEPLOYED: &str = "deployed-";
/// Enough to tell a repository's images apart, and short enough to read.
const DEPLOYED_DIGITS: usize = 12;

/// One container follows one rule over the tags of one repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Track {
    /// `None`: the container whose image already comes from `repository`.
    pub container: Option<String>,
    pub repository: String,
    pub rule: Rule,
}

impl Track {
    /// Could a push of this tag change what the rule means?
    pub fn follows(&self, repository: &str, tag: &str) -> bool {
        self.repository == repository && self.rule.fits(tag)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PolicyError {
    #[error("the tag {key} is '{value}', not <repository>:<rule>")]
    NotATrack { key: String, value: String },
    #[error("the tag {key} names the repository '{repository}', which is no repository name")]
    NotARepository { key: String, repository: String },
    #[error("the tag {key} has the rule '{rule}', which nobody can follow: {why}")]
    NotARule { key: String, rule: String, why: RuleError },
    #[error("the tag {TRACK_CONTAINER} names no container")]
    NoContainer,
    #[error("the tag {MAX_SEVERITY} is '{value}': {why}")]
    NotASeverity { value: String, why: NotASeverity },
}

/// What a service with these tags follows, in the order of its tag keys. Empty: it has not been handed to Pushboat.
pub fn tracks(tags: &Tags) -> Result<Vec<Track>, PolicyError> {
    let mut tracks = Vec::new();
    for (key, value) in tags {
        let container = match key.strip_prefix(TRACK_CONTAINER) {
            Some("") => return Err(PolicyError::NoContainer),
            Some(name) => Some(name.to_owned()),
            None if key == TRACK => None,
            None => continue,
        };
        tracks.push(track(key, container, value)?);
    }
    Ok(tracks)
}

fn track(key: &str, container: Option<String>, value: &str) -> Result<Track, PolicyError> {
    let key = key.to_owned();
    let Some((repository, rule)) = value.split_once(':') else {
        return Err(PolicyError::NotATrack { key, value: value.to_owned() });
    };
    if !is_repository(repository) {
        return Err(PolicyError::NotARepository { key, repository: repository.to_owned() });
    }
    let parsed = rule.parse().map_err(|why| PolicyError::NotARule { key, rule: rule.to_owned(), why })?;
    Ok(Track { container, repository: repository.to_owned(), rule: parsed })
}

/// The worst finding that an image may have. `None`: its scan does not matter.
pub fn max_severity(tags: &Tags) -> Result<Option<Severity>, PolicyError> {
    let Some(value) = tags.get(MAX_SEVERITY) else { return Ok(None) };
    let not_one = |why| PolicyError::NotASeverity { value: value.clone(), why };
    value.parse().map(Some).map_err(not_one)
}

/// ECR's rule: lower-case words joined by `.`, `_`, `-` or `/`, 2 to 256 characters.
fn is_repository(name: &str) -> bool {
    let is_word = |word: &str| {
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let joined = |b: u8| inner(b) || matches!(b, b'.' | b'_' | b'-');
        word.bytes().all(joined)
            && word.bytes().next().is_some_and(inner)
            && word.bytes().last().is_some_and(inner)
    };
    (2..=256).contains(&name.len()) && name.split('/').all(is_word)
}

/// The tag that keeps a digest from returning.
pub fn rejection_key(digest: &Digest) -> String {
    format!("{REJECTED}{}", digest.hex())
}

/// Why this digest must not return, if it must not.
pub fn rejection<'a>(tags: &'a Tags, digest: &Digest) -> Option<&'a str> {
    tags.get(&rejection_key(digest)).map(String::as_str)
}

/// Every rejected digest.
pub fn rejections(tags: &Tags) -> impl Iterator<Item = Digest> {
    let hexes = tags.keys().filter_map(|key| key.strip_prefix(REJECTED));
    hexes.filter_map(|hex| format!("sha256:{hex}").parse().ok())
}

/// Why this revision of the template (`family:revision`) is not tried here, if it is not.
pub fn passed_over<'a>(tags: &'a Tags, revision: &str) -> Option<&'a str> {
    let value = tags.get(PASSED_OVER)?;
    let (passed_over, why) = value.split_once(' ').unwrap_or((value, ""));
    (passed_over == revision).then_some(why)
}

/// The tag in the registry that keeps an image once it was released.
pub fn deployed_tag(digest: &Digest) -> String {
    format!("{DEPLOYED}{}", &digest.hex()[..DEPLOYED_DIGITS])
}

pub fn is_deployed_tag(tag: &str) -> bool {
    tag.starts_with(DEPLOYED)
}

/// What AWS accepts as a tag value: other characters become spaces, 256 characters at most.
pub fn tag_value(text: &str) -> String {
    let allowed = |c: char| c.is_alphanumeric() || " +-=._:/@".contains(c);
    let cleaned: String = text.chars().map(|c| if allowed(c) { c } else { ' ' }).take(256).collect();
    cleaned.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect()
    }

    #[test]
    fn a_track_names_a_repository_and_a_rule() {
        let found = tracks(&tags(&[
            ("Name", "web"),
            ("pushboat:track", "team/game-2048:main"),
            ("pushboat:track:sidecar", "proxy:semver/1.2"),
        ]));
        let track = |container: Option<&str>, repository: &str, rule: &str| Track {
            container: container.map(str::to_owned),
            repository: repository.into(),
            rule: rule.parse().unwrap(),
        };
        assert_eq!(
            found,
            Ok(vec![track(None, "team/game-2048", "main"), track(Some("sidecar"), "proxy", "semver/1.2")])
        );
    }

    #[test]
    fn the_worst_finding_is_a_severity_or_a_reason() {
        assert_eq!(max_severity(&Tags::new()), Ok(None));
        assert_eq!(max_severity(&tags(&[(MAX_SEVERITY, "high")])), Ok(Some(Severity::High)));
        let refused = max_severity(&tags(&[(MAX_SEVERITY, "none")])).unwrap_err().to_string();
        assert!(refused.contains("pushboat:max-severity is 'none'"), "{refused}");
    }

    #[test]
    fn a_push_concerns_a_track_whose_rule_it_fits() {
        let track = |value: &str| tracks(&tags(&[(TRACK, value)])).unwrap().remove(0);
        for (value, repository, tag, follows) in [
            ("game:main", "game", "main", true),
            ("game:main", "game", "main-1", false),
            ("game:main", "other", "main", false),
            ("game:prefix/main-", "game", "main-1", true),
            ("game:prefix/main-", "other", "main-1", false),
            ("game:semver/1", "game", "v1.2.3", true),
            ("game:semver/1", "game", "v2.0.0", false),
        ] {
            assert_eq!(track(value).follows(repository, tag), follows, "{value} {repository}:{tag}");
        }
    }

    #[test]
    fn a_service_without_the_tag_is_not_ours() {
        assert_eq!(tracks(&tags(&[("pushboat:rejected:00", "x"), ("pushboat:tracker", "a:b")])), Ok(vec![]));
    }

    #[test]
    fn nonsense_is_refused_in_words() {
        let long = format!("game:{}", "v".repeat(129));
        for (key, value, says) in [
            (TRACK, "game-2048", "not <repository>:<rule>"),
            (TRACK, "", "not <repository>:<rule>"),
            (TRACK, ":v1", "no repository name"),
            (TRACK, "Game:v1", "no repository name"),
            (TRACK, "game//x:v1", "no repository name"),
            (TRACK, "-game:v1", "no repository name"),
            (TRACK, "game:", "no tag"),
            (TRACK, "game:.v1", "no tag"),
            (TRACK, "game:v 1", "no tag"),
            (TRACK, "game:semver/x", "'semver/x', which nobody can follow: after semver/ comes"),
            (TRACK, "game:sha256/1", "there are the rules prefix/ and semver/"),
            (TRACK, long.as_str(), "no tag"),
            ("pushboat:track:", "game:v1", "names no container"),
        ] {
            let error = tracks(&tags(&[(key, value)])).expect_err(value).to_string();
            assert!(error.contains(says), "{key}={value}: {error}");
        }
    }

    #[test]
    fn rejections_are_read_back_as_written() {
        let digest: Digest = format!("sha256:{}", "ab".repeat(32)).parse().unwrap();
        let tags = tags(&[
            (&rejection_key(&digest), "2026-11-21T08:00:00Z tasks failed"),
            ("pushboat:rejected:zz", ""),
        ]);
        assert_eq!(rejection(&tags, &digest), Some("2026-11-21T08:00:00Z tasks failed"));
        assert_eq!(rejections(&tags).count(), 1);
        assert!(rejection_key(&digest).len() <= 128, "AWS allows 128 characters in a key");
    }

    #[test]
    fn only_the_revision_that_failed_is_passed_over() {
        let tags = tags(&[(PASSED_OVER, "game:7 2026-11-21T08:00:00Z tasks failed")]);
        assert_eq!(passed_over(&tags, "game:7"), Some("2026-11-21T08:00:00Z tasks failed"));
        assert_eq!(passed_over(&tags, "game:71"), None);
        assert_eq!(passed_over(&Tags::new(), "game:7"), None);
        assert_eq!(tracks(&tags), Ok(vec![]), "it hands nothing over");
    }

    #[test]
    fn the_tag_of_a_released_image_names_its_digest() {
        let digest: Digest = format!("sha256:{}", "0123456789abcdef".repeat(4)).parse().unwrap();
        assert_eq!(deployed_tag(&digest), "deployed-0123456789ab");
        assert!(is_deployed_tag(&deployed_tag(&digest)) && crate::rule::is_image_tag(&deployed_tag(&digest)));
    }

    #[test]
    fn tag_values_keep_to_the_characters_aws_allows() {
        assert_eq!(tag_value("tasks (3) failed: \"exit 1\"\n"), "tasks 3 failed: exit 1");
        assert_eq!(tag_value(&"x".repeat(400)).len(), 256);
    }
}
