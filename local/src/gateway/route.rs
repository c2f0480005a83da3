//! Routes: reading a route key, and choosing the most specific route that a request matches.
//!
//! As API Gateway does, the path decides before the method: what is written out beats a `{parameter}`, which beats
//! the rest of the path `{like this+}`; among routes of the same path a method beats `ANY`; `$default` takes what
//! nothing else does.

use std::collections::BTreeMap;

use thiserror::Error;

const METHODS: [&str; 8] = ["ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

/// The path parameters of a match, decoded.
pub(super) type Parameters = BTreeMap<String, String>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RouteKey {
    Default,
    Path {
        /// `None` is `ANY`.
        method: Option<String>,
        segments: Vec<Segment>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    Literal(String),
    Parameter(String),
    /// The last one: everything that is left, at least one character.
    Greedy(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RouteKeyError {
    #[error("a route key is $default or a method and a path")]
    NoPath,
    #[error("{0} is not a method that routes have")]
    Method(String),
    #[error("the path does not begin with /")]
    NotAbsolute,
    #[error(
        "{0} is neither a segment nor a parameter; a parameter is a whole segment, {{name}} or {{name+}}"
    )]
    Segment(String),
    #[error("{{{0}+}} is not at the end of the path")]
    GreedyInside(String),
    #[error("the parameter {0} is there twice")]
    SecondParameter(String),
}

impl RouteKey {
    pub(super) fn parse(text: &str) -> Result<RouteKey, RouteKeyError> {
        if text == "$default" {
            return Ok(RouteKey::Default);
        }
        let (method, path) = text.split_once(' ').ok_or(RouteKeyError::NoPath)?;
        if !METHODS.contains(&method) {
            return Err(RouteKeyError::Method(method.to_owned()));
        }
        let path = path.strip_prefix('/').ok_or(RouteKeyError::NotAbsolute)?;
        let segments = path.split('/').map(Segment::parse).collect::<Result<Vec<_>, _>>()?;
        let mut names = Vec::new();
        for (at, segment) in segments.iter().enumerate() {
            let name = match segment {
                Segment::Literal(_) => continue,
                Segment::Greedy(name) if at + 1 < segments.len() => {
                    return Err(RouteKeyError::GreedyInside(name.clone()));
                }
                Segment::Parameter(name) | Segment::Greedy(name) => name,
            };
            if names.contains(&name) {
                return Err(RouteKeyError::SecondParameter(name.clone()));
            }
            names.push(name);
        }
        Ok(RouteKey::Path { method: (method != "ANY").then(|| method.to_owned()), segments })
    }

    /// The path parameters, if a request with this method and decoded path is one for this route.
    fn matches(&self, method: &str, path: &str) -> Option<Parameters> {
        let RouteKey::Path { method: own, segments } = self else {
            return Some(Parameters::new());
        };
        if own.as_deref().is_some_and(|own| own != method) {
            return None;
        }
        let mut parameters = Parameters::new();
        let mut rest = Some(path.strip_prefix('/')?);
        for segment in segments {
            let left = rest?;
            let (first, tail) = match left.split_once('/') {
                Some((first, tail)) => (first, Some(tail)),
                None => (left, None),
            };
            rest = tail;
            match segment {
                Segment::Literal(text) if text == first => {}
                Segment::Literal(_) => return None,
                Segment::Parameter(name) if !first.is_empty() => {
                    parameters.insert(name.clone(), first.to_owned());
                }
                Segment::Greedy(name) if !left.is_empty() => {
                    parameters.insert(name.clone(), left.to_owned());
                    rest = None;
                }
                Segment::Parameter(_) | Segment::Greedy(_) => return None,
            }
        }
        rest.is_none().then_some(parameters)
    }

    /// Sorts the most specific first.
    fn rank(&self) -> (bool, Vec<u8>, bool) {
        match self {
            RouteKey::Default => (true, Vec::new(), true),
            RouteKey::Path { method, segments } => {
                (false, segments.iter().map(Segment::rank).collect(), method.is_none())
            }
        }
    }

    /// Two keys of the same shape would match the same requests.
    pub(super) fn has_shape_of(&self, other: &RouteKey) -> bool {
        match (self, other) {
            (RouteKey::Default, RouteKey::Default) => true,
            (
                RouteKey::Path { method, segments },
                RouteKey::Path { method: other_method, segments: other_segments },
            ) => {
                let shapes = segments.iter().map(Segment::shape);
                method == other_method && shapes.eq(other_segments.iter().map(Segment::shape))
            }
            _ => false,
        }
    }
}

impl Segment {
    fn parse(text: &str) -> Result<Segment, RouteKeyError> {
        let wrong = || RouteKeyError::Segment(text.to_owned());
        let Some(inner) = text.strip_prefix('{') else {
            return match text.contains(['{', '}']) {
                true => Err(wrong()),
                false => Ok(Segment::Literal(text.to_owned())),
            };
        };
        let inner = inner.strip_suffix('}').ok_or_else(wrong)?;
        let (name, greedy) = match inner.strip_suffix('+') {
            Some(name) => (name, true),
            None => (inner, false),
        };
        let allowed = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'_' | b'-' | b'.');
        if name.is_empty() || !name.bytes().all(allowed) {
            return Err(wrong());
        }
        Ok(if greedy { Segment::Greedy(name.to_owned()) } else { Segment::Parameter(name.to_owned()) })
    }

    fn rank(&self) -> u8 {
        match self {
            Segment::Literal(_) => 0,
            Segment::Parameter(_) => 1,
            Segment::Greedy(_) => 2,
        }
    }

    fn shape(&self) -> (u8, &str) {
        match self {
            Segment::Literal(text) => (0, text),
            other => (other.rank(), ""),
        }
    }
}

/// The most specific of the routes that a request matches.
pub(super) fn choose<'a, R>(
    routes: impl Iterator<Item = (&'a RouteKey, R)>,
    method: &str,
    path: &str,
) -> Option<(R, Parameters)> {
    let matching = routes.filter_map(|(key, route)| Some((key, route, key.matches(method, path)?)));
    matching.min_by_key(|(key, _, _)| key.rank()).map(|(_, route, parameters)| (route, parameters))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chosen(keys: &[&str], method: &str, path: &str) -> Option<(String, Parameters)> {
        let parsed: Vec<RouteKey> = keys.iter().map(|key| RouteKey::parse(key).unwrap()).collect();
        let routes = parsed.iter().zip(keys.iter().map(|key| (*key).to_owned()));
        choose(routes, method, path)
    }

    /// The example of API Gateway's documentation, and what it leaves open.
    #[test]
    fn the_most_specific_route_takes_it() {
        let keys = [
            "$default",
            "ANY /{proxy+}",
            "GET /pets/{proxy+}",
            "GET /pets/dog/{id}",
            "GET /pets/dog/1",
            "ANY /pets/dog/1",
            "GET /{kind}/dog/9",
        ];
        for (method, path, expected, parameter) in [
            ("GET", "/pets/dog/1", "GET /pets/dog/1", None),
            ("POST", "/pets/dog/1", "ANY /pets/dog/1", None),
            ("GET", "/pets/dog/2", "GET /pets/dog/{id}", Some(("id", "2"))),
            ("GET", "/pets/dog/9", "GET /pets/dog/{id}", Some(("id", "9"))),
            ("GET", "/birds/dog/9", "GET /{kind}/dog/9", Some(("kind", "birds"))),
            ("GET", "/pets/cat/1", "GET /pets/{proxy+}", Some(("proxy", "cat/1"))),
            ("GET", "/pets/dog/2/", "GET /pets/{proxy+}", Some(("proxy", "dog/2/"))),
            ("POST", "/test/5", "ANY /{proxy+}", Some(("proxy", "test/5"))),
            ("GET", "/pets/", "ANY /{proxy+}", Some(("proxy", "pets/"))),
            ("GET", "/", "$default", None),
        ] {
            let (key, parameters) = chosen(&keys, method, path).unwrap();
            assert_eq!(key, expected, "{method} {path}");
            let expected = parameter.map(|(name, value)| (name.to_owned(), value.to_owned()));
            assert_eq!(parameters, expected.into_iter().collect(), "{method} {path}");
        }
    }

    #[test]
    fn without_a_matching_route_there_is_none() {
        let keys = ["GET /services", "GET /services/{name}", "GET /"];
        for (method, path) in [
            ("POST", "/services"),
            ("GET", "/services/"),
            ("GET", "/services/a/b"),
            ("GET", "/Services"),
            ("GET", "//services"),
            ("GET", "*"),
            ("OPTIONS", "/services"),
        ] {
            assert_eq!(chosen(&keys, method, path), None, "{method} {path}");
        }
        assert_eq!(chosen(&keys, "GET", "/").unwrap().0, "GET /");
    }

    #[test]
    fn what_is_no_route_key_is_refused() {
        use RouteKeyError::*;
        for (key, error) in [
            ("GET", NoPath),
            ("", NoPath),
            ("get /a", Method("get".into())),
            ("TRACE /a", Method("TRACE".into())),
            ("GET a", NotAbsolute),
            ("GET /a{b}", Segment("a{b}".into())),
            ("GET /{}", Segment("{}".into())),
            ("GET /{a b}", Segment("{a b}".into())),
            ("GET /{a", Segment("{a".into())),
            ("GET /{a+}/b", GreedyInside("a".into())),
            ("GET /{a}/{a}", SecondParameter("a".into())),
        ] {
            assert_eq!(RouteKey::parse(key), Err(error), "{key}");
        }
    }

    #[test]
    fn only_names_of_parameters_do_not_make_two_routes() {
        let key = |text| RouteKey::parse(text).unwrap();
        assert!(key("GET /a/{b}").has_shape_of(&key("GET /a/{c}")));
        assert!(!key("GET /a/{b}").has_shape_of(&key("ANY /a/{b}")));
        assert!(!key("GET /a/{b}").has_shape_of(&key("GET /a/{b+}")));
        assert!(!key("GET /a/b").has_shape_of(&key("GET /a/c")));
        assert!(key("$default").has_shape_of(&key("$default")));
    }

    proptest! {
        /// A path put together from a route's own segments comes apart into the same parameters.
        #[test]
        fn a_path_made_for_a_route_matches_it(values in proptest::collection::vec("[a-z%é ]{1,6}", 1..6)) {
            let pattern: Vec<String> = (0..values.len()).map(|at| format!("{{p{at}}}")).collect();
            let key = RouteKey::parse(&format!("GET /x/{}", pattern.join("/"))).unwrap();
            let path = format!("/x/{}", values.join("/"));
            let expected = values.iter().enumerate().map(|(at, it)| (format!("p{at}"), it.clone())).collect();
            prop_assert_eq!(key.matches("GET", &path), Some(expected));
            prop_assert_eq!(key.matches("POST", &path), None);
            prop_assert_eq!(key.matches("GET", &format!("{path}/more")), None);
        }
    }
}
