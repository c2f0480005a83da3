//! Which tag of a repository an owner wants, and which image that means. Choosing is a pure function of the images the
//! repository has, never of the order in which they came or are listed.
//!
//! | rule | image |
//! |---|---|
//! | `live` | the one with this very tag |
//! | `prefix/main-` | of the tags that begin so: the newest by the number after it, where all have one, else by push time |
//! | `semver/1`, `semver/1.4`, `semver/any` | the highest version `1.2.3` or `v1.2.3` of this range, no pre-release |
//! | `semver/1+pre` | the same with pre-releases: `1.3.0-rc.1` |
//!
//! A number is all that follows the prefix, or all of it up to a `-`: `main-7`, `main-7-4f2a9c1`. A version has three
//! numbers, without leading zeros, and perhaps a pre-release. Build metadata has no place in a tag, which cannot have
//! a `+`; `1.2.3_1` and `1.2` are no versions. Among equals the one pushed last counts, and then the higher digest.

use std::fmt;
use std::str::FromStr;

use semver::Version;
use serde::{Serialize, Serializer};
use thiserror::Error;

use crate::model::{Image, ImageKind};
use crate::policy::is_deployed_tag;

/// Endings of the tags of signatures, attestations and bills of materials.
const SIGNATURES: [&str; 3] = [".sig", ".att", ".sbom"];
const PREFIX: &str = "prefix/";
const SEMVER: &str = "semver/";
const WITH_PRE_RELEASES: &str = "+pre";

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    Tag(String),
    Prefix(String),
    Semver { range: Range, pre_releases: bool },
}

/// Which versions: all, those of one major number, those of one major and minor number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range {
    Any,
    Major(u64),
    Minor(u64, u64),
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RuleError {
    #[error("it names no tag of an image")]
    NotATag,
    #[error("there are the rules prefix/ and semver/, and tags without a slash")]
    UnknownRule,
    #[error("what stands after prefix/ begins no tag of an image")]
    NotAPrefix,
    #[error("after semver/ comes 1, 1.4 or any, and +pre where pre-releases are wanted")]
    NotARange,
    #[error("signatures, attestations and deployed-… are never deployed")]
    NeverDeployed,
}

/// The image that a rule means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    pub image: Image,
    /// The tag it was chosen by.
    pub tag: String,
    pub how: How,
}

/// How it was chosen, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// It has the tag that was asked for.
    ByName,
    Newest {
        rule: Rule,
        by: Order,
        /// Another image was as high, so that the time of the push (or the digest) decided.
        had_equals: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Order {
    #[error("version")]
    Version,
    #[error("number")]
    Number,
    #[error("push time")]
    PushTime,
}

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Rule, RuleError> {
        if let Some(prefix) = text.strip_prefix(PREFIX) {
            return match is_image_tag(prefix) {
                true if is_never_deployed(prefix) => Err(RuleError::NeverDeployed),
                true => Ok(Rule::Prefix(prefix.to_owned())),
                false => Err(RuleError::NotAPrefix),
            };
        }
        if let Some(range) = text.strip_prefix(SEMVER) {
            let (range, pre_releases) = match range.strip_suffix(WITH_PRE_RELEASES) {
                Some(range) => (range, true),
                None => (range, false),
            };
            return Ok(Rule::Semver { range: range.parse()?, pre_releases });
        }
        match is_image_tag(text) {
            true if is_never_deployed(text) => Err(RuleError::NeverDeployed),
            true => Ok(Rule::Tag(text.to_owned())),
            false if text.contains('/') => Err(RuleError::UnknownRule),
            false => Err(RuleError::NotATag),
        }
    }
}

impl FromStr for Range {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Range, RuleError> {
        let number = |text: &str| {
            let is_plain =
                text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
            text.parse().ok().filter(|_| is_plain).ok_or(RuleError::NotARange)
        };
        match text.split_once('.') {
            _ if text == "any" => Ok(Range::Any),
            None => Ok(Range::Major(number(text)?)),
            Some((major, minor)) => Ok(Range::Minor(number(major)?, number(minor)?)),
        }
    }
}

/// As its owner writes it.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rule::Tag(tag) => f.write_str(tag),
            Rule::Prefix(prefix) => write!(f, "{PREFIX}{prefix}"),
            Rule::Semver { range, pre_releases } => {
                match range {
                    Range::Any => write!(f, "{SEMVER}any")?,
                    Range::Major(major) => write!(f, "{SEMVER}{major}")?,
                    Range::Minor(major, minor) => write!(f, "{SEMVER}{major}.{minor}")?,
                }
                f.write_str(if *pre_releases { WITH_PRE_RELEASES } else { "" })
            }
        }
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Rule {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Rule".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A tag, or which of them: prefix/main-, semver/1, semver/1.4, semver/any; with +pre for pre-releases",
        })
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Range {
    fn holds(self, version: &Version) -> bool {
        match self {
            Range::Any => true,
            Range::Major(major) => version.major == major,
            Range::Minor(major, minor) => (version.major, version.minor) == (major, minor),
        }
    }
}

impl Rule {
    /// Could an image with this tag be the one? A push of any other changes nothing.
    pub fn fits(&self, tag: &str) -> bool {
        let fits = match self {
            Rule::Tag(own) => own == tag,
            Rule::Prefix(prefix) => tag.starts_with(prefix.as_str()),
            Rule::Semver { .. } => self.version(tag).is_some(),
        };
        fits && !is_never_deployed(tag)
    }

    /// The version that a tag names, if this rule takes it.
    fn version(&self, tag: &str) -> Option<Version> {
        let Rule::Semver { range, pre_releases } = self else { return None };
        let version = Version::parse(tag.strip_prefix('v').unwrap_or(tag)).ok()?;
        let takes =
            range.holds(&version) && version.build.is_empty() && (*pre_releases || version.pre.is_empty());
        takes.then_some(version)
    }

    /// The image that this rule means among these, which are all that the repository has.
    pub fn choose(&self, images: &[Image]) -> Option<Choice> {
        let deployable = images.iter().filter(|image| image.kind == ImageKind::Image);
        let tagged = deployable.flat_map(|image| image.tags.iter().map(move |tag| (image, tag.as_str())));
        let fitting: Vec<_> = tagged.filter(|(_, tag)| self.fits(tag)).collect();
        match self {
            Rule::Tag(_) => {
                let (image, tag) = fitting.first()?;
                Some(Choice { image: (*image).clone(), tag: (*tag).to_owned(), how: How::ByName })
            }
            Rule::Semver { .. } => self.newest(Order::Version, &fitting, |tag| self.version(tag)),
            Rule::Prefix(prefix) => {
                let number = |tag: &str| number(tag.strip_prefix(prefix.as_str())?);
                match fitting.iter().all(|(_, tag)| number(tag).is_some()) {
                    true => self.newest(Order::Number, &fitting, number),
                    false => self.newest(Order::PushTime, &fitting, |_| Some(())),
                }
            }
        }
    }

    fn newest<K: Ord>(
        &self,
        by: Order,
        fitting: &[(&Image, &str)],
        key: impl Fn(&str) -> Option<K>,
    ) -> Option<Choice> {
        let ranked =
            fitting.iter().map(|(image, tag)| (key(tag), image.pushed_at, &image.digest, *tag, *image));
        let highest = ranked.max_by(|a, b| (&a.0, a.1, a.2, a.3).cmp(&(&b.0, b.1, b.2, b.3)));
        let (highest, _, _, tag, image) = highest?;
        // By push time alone, only those of the same moment are equal.
        let had_equals = fitting.iter().any(|(other, its)| {
            let equal = match by {
                Order::PushTime => other.pushed_at == image.pushed_at,
                Order::Version | Order::Number => key(its) == highest,
            };
            equal && other.digest != image.digest
        });
        let how = How::Newest { rule: self.clone(), by, had_equals };
        Some(Choice { image: image.clone(), tag: tag.to_owned(), how })
    }
}

/// `7` or `7-4f2a9c1`; more digits than any build will count are no number.
fn number(rest: &str) -> Option<u128> {
    let digits = rest.split('-').next()?;
    digits.parse().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit()))
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            How::ByName => Ok(()),
            How::Newest { rule, by, had_equals } => {
                write!(f, "the newest of {rule} by {by}")?;
                match (had_equals, by) {
                    (false, _) => Ok(()),
                    (true, Order::PushTime) => f.write_str(" and, of equals, by digest"),
                    (true, _) => f.write_str(" and, of equals, by push time and digest"),
                }
            }
        }
    }
}

/// Tags that signing tools and Pushboat itself put beside images. cosign and referrers call what is about a digest
/// `sha256-<hex>`, with or without an ending.
pub fn is_never_deployed(tag: &str) -> bool {
    let about_a_digest =
        ["sha256-", "sha512-"].iter().filter_map(|kind| tag.strip_prefix(kind)).any(|rest| {
            let hex = rest.bytes().take_while(|b| b.is_ascii_hexdigit()).count();
            hex >= 64 && matches!(rest.as_bytes().get(hex), None | Some(b'.' | b'-' | b'_'))
        });
    about_a_digest || is_deployed_tag(tag) || SIGNATURES.iter().any(|ending| tag.ends_with(ending))
}

/// A registry's rule: 128 characters of letters, digits, `_`, `.`, `-`, not beginning with `.` or `-`.
pub(crate) fn is_image_tag(tag: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    (1..=128).contains(&tag.len()) && tag.bytes().all(allowed) && !tag.starts_with(['.', '-'])
}

#[cfg(test)]
mod tests;
