//! What the environment asks for, checked once at the start. A value that cannot be meant ends the process with a
//! sentence: a wrong image must fail its deployment, not run half right.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::colour::Colour;
use crate::metadata::Endpoint;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Settings {
    pub(crate) listen: SocketAddr,
    pub(crate) version: String,
    pub(crate) label: String,
    pub(crate) colour: Colour,
    /// Nothing has been pushed yet: the page says so instead of showing the game.
    pub(crate) placeholder: bool,
    pub(crate) metadata: Option<Endpoint>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BadSetting {
    name: &'static str,
    value: String,
    expected: &'static str,
}

impl fmt::Display for BadSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {:?}; it must be {}", self.name, self.value, self.expected)
    }
}

impl std::error::Error for BadSetting {}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { listen, version, label, colour, placeholder, .. } = self;
        let what = if *placeholder { "the placeholder" } else { "the game" };
        write!(f, "{what} as version {version}, called {label:?}, in {colour} on {listen}")
    }
}

const LONGEST_NAME: usize = 128;

impl Settings {
    /// Empty values count as not set.
    pub(crate) fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Settings, BadSetting> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let metadata = match variable("ECS_CONTAINER_METADATA_URI_V4") {
            None => None,
            Some(value) => Some(Endpoint::parse(&value).ok_or(BadSetting {
                name: "ECS_CONTAINER_METADATA_URI_V4",
                value,
                expected: "http://<address>[:<port>]/<path>",
            })?),
        };
        let version = name(&variable, "GAME_VERSION")?.unwrap_or_else(|| "dev".to_owned());
        Ok(Settings {
            listen: SocketAddr::new(host(&variable, metadata.as_ref())?, port(&variable)?),
            label: name(&variable, "GAME_LABEL")?.unwrap_or_else(|| version.clone()),
            version,
            colour: colour(&variable)?,
            placeholder: variable("GAME_PLACEHOLDER").is_some_and(|value| value == "1"),
            metadata,
        })
    }
}

/// In a container everybody must reach it; as a plain process of a stand-in on this machine, only this machine.
fn host(
    variable: &impl Fn(&str) -> Option<String>,
    metadata: Option<&Endpoint>,
) -> Result<IpAddr, BadSetting> {
    match variable("GAME_HOST") {
        Some(value) => {
            value.parse().map_err(|_| BadSetting { name: "GAME_HOST", value, expected: "an IP address" })
        }
        None if metadata.is_some_and(Endpoint::is_loopback) => Ok(Ipv4Addr::LOCALHOST.into()),
        None => Ok(Ipv4Addr::UNSPECIFIED.into()),
    }
}

fn port(variable: &impl Fn(&str) -> Option<String>) -> Result<u16, BadSetting> {
    match variable("PORT") {
        None => Ok(8080),
        Some(value) => value.parse().map_err(|_| BadSetting {
            name: "PORT",
            value,
            expected: "a number from 0 to 65535",
        }),
    }
}

fn colour(variable: &impl Fn(&str) -> Option<String>) -> Result<Colour, BadSetting> {
    match variable("GAME_COLOUR") {
        None => Ok(Colour::DEFAULT),
        Some(value) => Colour::parse(&value).ok_or(BadSetting {
            name: "GAME_COLOUR",
            value,
            expected: "a hex colour like #2575a5",
        }),
    }
}

/// Goes into headers and the page's title.
fn name(
    variable: &impl Fn(&str) -> Option<String>,
    setting: &'static str,
) -> Result<Option<String>, BadSetting> {
    match variable(setting) {
        Some(value) if value.len() > LONGEST_NAME || value.chars().any(char::is_control) => {
            Err(BadSetting { name: setting, value, expected: "at most 128 bytes without control characters" })
        }
        other => Ok(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, BadSetting> {
        Settings::read(|name| {
            let found = variables.iter().find(|(candidate, _)| *candidate == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn an_empty_environment_is_fine() {
        let settings = read(&[("PORT", "")]).unwrap();
        assert_eq!(settings.listen, "0.0.0.0:8080".parse().unwrap());
        assert_eq!((settings.version.as_str(), settings.label.as_str()), ("dev", "dev"));
        assert!(!settings.placeholder);
    }

    #[test]
    fn the_label_defaults_to_the_version() {
        let settings = read(&[("GAME_VERSION", "v2"), ("GAME_COLOUR", "#f80")]).unwrap();
        assert_eq!((settings.version.as_str(), settings.label.as_str()), ("v2", "v2"));
        assert_eq!(settings.colour.to_string(), "#ff8800");
    }

    #[test]
    fn it_stays_on_this_machine_where_the_task_does() {
        let stand_in = ("ECS_CONTAINER_METADATA_URI_V4", "http://127.0.0.1:9999/v4/abc");
        let fargate = ("ECS_CONTAINER_METADATA_URI_V4", "http://169.254.170.2/v4/abc");
        assert!(read(&[stand_in]).unwrap().listen.ip().is_loopback());
        assert!(read(&[fargate]).unwrap().listen.ip().is_unspecified());
        let overridden = read(&[stand_in, ("GAME_HOST", "0.0.0.0")]).unwrap();
        assert!(overridden.listen.ip().is_unspecified());
    }

    #[test]
    fn what_cannot_be_meant_is_named() {
        for (variable, value) in [
            ("PORT", "http"),
            ("PORT", "70000"),
            ("GAME_HOST", "localhost"),
            ("GAME_COLOUR", "teal"),
            ("GAME_VERSION", "v1\r\nx-evil: 1"),
            ("ECS_CONTAINER_METADATA_URI_V4", "https://example.com/v4"),
        ] {
            let error = read(&[(variable, value)]).unwrap_err().to_string();
            assert!(error.starts_with(variable), "{error}");
        }
    }
}
