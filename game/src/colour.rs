//! The colour of a version: a checked CSS hex colour, and the ink that can be read on it.

use std::fmt;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Colour {
    red: u8,
    green: u8,
    blue: u8,
}

impl Colour {
    pub(crate) const DEFAULT: Colour = Colour { red: 0x25, green: 0x75, blue: 0xa5 };

    /// `#rgb` or `#rrggbb`; nothing else goes into the page's style.
    pub(crate) fn parse(text: &str) -> Option<Colour> {
        let digits = text.strip_prefix('#')?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let doubled: String = match digits.len() {
            3 => digits.chars().flat_map(|digit| [digit, digit]).collect(),
            6 => digits.to_owned(),
            _ => return None,
        };
        let channel = |at: usize| u8::from_str_radix(&doubled[at..at + 2], 16).ok();
        Some(Colour { red: channel(0)?, green: channel(2)?, blue: channel(4)? })
    }

    /// White or near-black, whichever has the better contrast (relative luminance as in WCAG).
    pub(crate) fn ink(self) -> &'static str {
        let linear = |channel: u8| {
            let share = f64::from(channel) / 255.0;
            if share <= 0.040_45 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        };
        let luminance = 0.2126 * linear(self.red) + 0.7152 * linear(self.green) + 0.0722 * linear(self.blue);
        let contrast_with_white = 1.05 / (luminance + 0.05);
        let contrast_with_ink = (luminance + 0.05) / 0.06;
        if contrast_with_white >= contrast_with_ink { "#ffffff" } else { "#101820" }
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.red, self.green, self.blue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_hex_forms_are_read_and_written_as_one() {
        assert_eq!(Colour::parse("#1F6feb").unwrap().to_string(), "#1f6feb");
        assert_eq!(Colour::parse("#fa0").unwrap().to_string(), "#ffaa00");
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "#", "red", "1f6feb", "#12345", "#1234567", "#ggg", "#é1", "#+1+2+3", "#fff;x:y"] {
            assert_eq!(Colour::parse(text), None, "{text}");
        }
    }

    #[test]
    fn ink_can_be_read() {
        assert_eq!(Colour::parse("#ffee88").unwrap().ink(), "#101820");
        assert_eq!(Colour::parse("#102a43").unwrap().ink(), "#ffffff");
        assert_eq!(Colour::DEFAULT.ink(), "#ffffff");
    }
}
