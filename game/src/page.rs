//! The page as one self-contained document, rendered once. During a rollout two versions answer side by side, so
//! a page that fetched its style or script in a second request could get those of the other version.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::body::Bytes;
use sha2::{Digest, Sha256};

use crate::colour::Colour;

const INDEX: &str = include_str!("../page/index.html");
const PLACEHOLDER: &str = include_str!("../page/placeholder.html");
const STYLE: &str = include_str!("../page/style.css");
const SCRIPTS: [&str; 3] =
    [include_str!("../page/board.js"), include_str!("../page/rollout.js"), include_str!("../page/game.js")];
const PLACEHOLDER_SCRIPT: &str = include_str!("../page/placeholder.js");

#[derive(Debug, Clone)]
pub(crate) struct Page {
    pub(crate) document: Bytes,
    /// Lets exactly this page's own style and script run, and nothing else.
    pub(crate) content_security_policy: String,
}

impl Page {
    /// `about` is what `/api/about` answers, so that the page knows from the start who served it.
    pub(crate) fn render(about: &str, label: &str, colour: Colour, placeholder: bool) -> Page {
        let style = format!(":root {{ --version: {colour}; --on-version: {}; }}\n{STYLE}", colour.ink());
        let (template, script) = if placeholder {
            (PLACEHOLDER, PLACEHOLDER_SCRIPT.to_owned())
        } else {
            (INDEX, SCRIPTS.concat())
        };
        let document = fill(
            template,
            &[
                ("colour", &colour.to_string()),
                ("colour-in-uri", &colour.to_string().replace('#', "%23")),
                ("ink-in-uri", &colour.ink().replace('#', "%23")),
                ("style", &style),
                ("script", &script),
                ("label", &escape(label)),
                ("about", &escape(about)),
            ],
        );
        Page {
            document: Bytes::from(document),
            content_security_policy: format!(
                "default-src 'none'; script-src '{}'; style-src '{}'; img-src data:; connect-src 'self'; \
                 base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
                source_hash(&script),
                source_hash(&style)
            ),
        }
    }
}

/// Replaces each `{{name}}` in one pass: a value that happens to contain braces stays as it is.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(template.len() * 8);
    let mut pieces = template.split("{{");
    filled.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let (name, text) = piece.split_once("}}").unwrap_or((piece, ""));
        let value = values.iter().find(|(candidate, _)| *candidate == name);
        filled.push_str(value.map_or("", |(_, value)| value));
        filled.push_str(text);
    }
    filled
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

fn source_hash(source: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(source.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between<'a>(text: &'a str, open: &str, close: &str) -> &'a str {
        let start = text.find(open).unwrap() + open.len();
        &text[start..start + text[start..].find(close).unwrap()]
    }

    fn text(page: &Page) -> &str {
        std::str::from_utf8(&page.document).unwrap()
    }

    /// A browser hashes the text between the tags, whatever we think is there.
    #[test]
    fn the_policy_lets_the_page_itself_run() {
        for placeholder in [false, true] {
            let page = Page::render("{}", "v1", Colour::DEFAULT, placeholder);
            for (open, close) in [("<style>", "</style>"), ("<script>", "</script>")] {
                let hash = source_hash(between(text(&page), open, close));
                assert!(page.content_security_policy.contains(&hash), "{open}, placeholder: {placeholder}");
            }
        }
    }

    #[test]
    fn every_blank_is_filled_and_nothing_leaves_its_place() {
        for placeholder in [false, true] {
            let page =
                Page::render(r#"{"label":"<b>\"{{style}}'"}"#, "<script>&\"", Colour::DEFAULT, placeholder);
            assert!(!text(&page).contains("<b>"));
            assert_eq!(text(&page).matches("<script>").count(), 1);
            assert_eq!(text(&page).matches("<style>").count(), 1);
            assert_eq!(text(&page).matches("{{").count(), 1, "only the one in the label");
        }
    }

    #[test]
    fn the_page_fetches_nothing_from_elsewhere() {
        for placeholder in [false, true] {
            let page = Page::render("{}", "v1", Colour::DEFAULT, placeholder);
            let without_namespace = text(&page).replace("http://www.w3.org/2000/svg", "");
            assert!(!without_namespace.contains("http://") && !without_namespace.contains("https://"));
            assert!(!text(&page).contains(" src=") && !text(&page).contains(" style="));
        }
    }

    #[test]
    fn only_the_placeholder_tells_how_to_push() {
        assert!(text(&Page::render("{}", "", Colour::DEFAULT, true)).contains("cargo run -- push game"));
        assert!(!text(&Page::render("{}", "", Colour::DEFAULT, false)).contains("cargo run"));
    }
}
