//! Writes the little XML that the query services answer with.

use std::fmt::Display;

#[derive(Debug, Default)]
pub(super) struct Xml(String);

impl Xml {
    pub(super) fn new() -> Xml {
        Xml::default()
    }

    pub(super) fn finish(self) -> String {
        self.0
    }

    pub(super) fn root(&mut self, name: &str, namespace: &str, content: impl FnOnce(&mut Xml)) {
        self.0.push_str(&format!("<{name} xmlns=\"{namespace}\">"));
        content(self);
        self.0.push_str(&format!("</{name}>\n"));
    }

    pub(super) fn within(&mut self, name: &str, content: impl FnOnce(&mut Xml)) {
        self.0.push_str(&format!("<{name}>"));
        content(self);
        self.0.push_str(&format!("</{name}>"));
    }

    /// `content` is XML already.
    pub(super) fn verbatim(&mut self, name: &str, content: &str) {
        self.within(name, |xml| xml.0.push_str(content));
    }

    pub(super) fn text(&mut self, text: &str) {
        self.0.push_str(&escape(text));
    }

    pub(super) fn leaf(&mut self, name: &str, value: impl Display) {
        self.within(name, |xml| xml.text(&value.to_string()));
    }

    /// A list as the query protocol writes it: `<name><member>…</member>…</name>`.
    pub(super) fn list<T>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        mut member: impl FnMut(&mut Xml, T),
    ) {
        self.within(name, |xml| {
            for item in items {
                xml.within("member", |xml| member(xml, item));
            }
        });
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // XML 1.0 has no way to write the other control characters.
            control if control.is_control() && !"\t\n\r".contains(control) => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_lists_have_members() {
        let mut xml = Xml::new();
        xml.root("R", "urn:x", |xml| {
            xml.list("L", ["a<b>&\"", "\u{1}"], |xml, item| xml.leaf("V", item));
            xml.leaf("N", 3);
        });
        assert_eq!(
            xml.finish(),
            "<R xmlns=\"urn:x\"><L><member><V>a&lt;b&gt;&amp;&quot;</V></member>\
             <member><V>\u{fffd}</V></member></L><N>3</N></R>\n"
        );
    }
}
