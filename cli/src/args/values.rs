//! What a typed word has to be like, and what it then is.

use std::time::Duration;

use serde_json::Value;

const DIGEST_DIGITS: usize = 64;

/// An image of the repository that is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Image {
    Tag(String),
    Digest(String),
}

/// What begins as a digest is none or a whole one: no tag has a colon.
pub(super) fn image(text: &str) -> Result<Image, String> {
    match text.contains(':') {
        true => digest(text).map(Image::Digest),
        false => image_tag(text).map(Image::Tag),
    }
}

pub(super) fn digest(text: &str) -> Result<String, String> {
    let is_whole = text.strip_prefix("sha256:").is_some_and(|hex| hex.len() == DIGEST_DIGITS && is_hex(hex));
    is_whole.then(|| text.to_owned()).ok_or_else(|| "a whole digest is sha256: and 64 hex digits".to_owned())
}

/// What a service is at: `family:revision`, or a digest.
pub(super) fn release(text: &str) -> Result<Value, String> {
    let is_revision = text.split_once(':').is_some_and(|(family, number)| {
        is_name(family) && !number.is_empty() && number.bytes().all(|it| it.is_ascii_digit())
    });
    match is_revision || digest(text).is_ok() {
        true => Ok(text.into()),
        false => Err("family:revision, or a whole digest: sha256: and 64 hex digits".to_owned()),
    }
}

pub(super) fn count_or_release(text: &str) -> Result<Value, String> {
    match text.parse::<u32>() {
        Ok(count) => Ok(count.into()),
        Err(_) => release(text).map_err(|wanted| format!("a desired count, {wanted}")),
    }
}

pub(super) fn ecs_name(text: &str) -> Result<String, String> {
    is_name(text).then(|| text.to_owned()).ok_or_else(|| "letters, digits, '-' and '_'".to_owned())
}

/// As ECS takes client tokens.
pub(super) fn key(text: &str) -> Result<String, String> {
    match (1..=64).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_graphic()) {
        true => Ok(text.to_owned()),
        false => Err("1 to 64 visible ASCII characters".to_owned()),
    }
}

/// As ECS takes them for families and containers, so that none has to be escaped in an address.
fn is_name(text: &str) -> bool {
    let allowed = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_');
    (1..=255).contains(&text.len()) && text.bytes().all(allowed)
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|it| it.is_ascii_digit() || (b'a'..=b'f').contains(&it))
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "a time such as 90s, 15m or \"1h 30m\"".to_owned();
    let parsed = text.parse::<jiff::SignedDuration>().map_err(|_| wrong())?;
    Duration::try_from(parsed).ok().filter(|it| !it.is_zero()).ok_or_else(wrong)
}

/// At least as many digits as nobody hits by chance.
pub(super) fn digest_or_its_beginning(text: &str) -> Result<String, String> {
    let hex = text.strip_prefix("sha256:").unwrap_or(text);
    match is_hex(hex) && (6..=DIGEST_DIGITS).contains(&hex.len()) {
        true => Ok(format!("sha256:{hex}")),
        false => Err("sha256: and 64 hex digits, or the first six of them at least".to_owned()),
    }
}

pub(super) fn image_tag(text: &str) -> Result<String, String> {
    let allowed = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'_' | b'.' | b'-');
    match (1..=128).contains(&text.len()) && text.bytes().all(allowed) && !text.starts_with(['.', '-']) {
        true => Ok(text.to_owned()),
        false => Err("up to 128 letters, digits, '_', '.' and '-', not beginning with '.' or '-'".to_owned()),
    }
}

pub(super) fn colour(text: &str) -> Result<String, String> {
    let is_hex = |digits: &str| digits.len() == 6 && digits.bytes().all(|it| it.is_ascii_hexdigit());
    match text.strip_prefix('#').is_some_and(is_hex) {
        true => Ok(text.to_owned()),
        false => Err("a colour as #rrggbb, such as #c2410c".to_owned()),
    }
}

pub(super) fn some_seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=600.0).contains(&seconds) => Ok(seconds),
        _ => Err("a number of seconds from 0 to 600".to_owned()),
    }
}

pub(super) fn positive_seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.2..=86_400.0).contains(&seconds) => Ok(seconds),
        _ => Err("a number of seconds from 0.2 to 86400".to_owned()),
    }
}

/// One at least.
pub(super) fn some(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count @ 1..=1000) => Ok(count),
        _ => Err("1 to 1000".to_owned()),
    }
}

/// `repository:tag` or `repository@sha256:…`
pub(super) fn repository_image(text: &str) -> Result<String, String> {
    let is_name = |name: &str| !name.is_empty() && !name.contains([':', '@', ' ']);
    let is_one = match text.split_once('@') {
        Some((name, found)) => is_name(name) && digest(found).is_ok(),
        None => text.rsplit_once(':').is_some_and(|(name, tag)| is_name(name) && image_tag(tag).is_ok()),
    };
    is_one
        .then(|| text.to_owned())
        .ok_or_else(|| "repository:tag, or repository@ and a whole digest".to_owned())
}
