//! `GET /openapi.json`: this API, described in OpenAPI 3.1. The file is made from the types that are read and written
//! here, and a test holds them together; `UPDATE_OPENAPI=1 cargo test -p pushboat-api openapi` writes it anew.

use serde_json::Value;

#[cfg(test)]
mod made;

const DOCUMENT: &str = include_str!("../openapi.json");

pub(crate) fn document() -> Value {
    serde_json::from_str(DOCUMENT).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn the_description_is_what_the_types_say() {
        let made = made::document();
        if std::env::var_os("UPDATE_OPENAPI").is_some() {
            let file = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
            std::fs::write(file, format!("{made:#}\n")).unwrap();
            return;
        }
        assert!(
            document() == made,
            "UPDATE_OPENAPI=1 cargo test -p pushboat-api openapi writes openapi.json anew"
        );
    }
}
