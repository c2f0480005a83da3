//! What a repository, a tag and a digest may be called.

/// ECR's own words for it; [`is_repository_name`] follows them.
pub(super) const REPOSITORY_NAME: &str = "(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*";

pub fn is_repository_name(name: &str) -> bool {
    (2..=256).contains(&name.len()) && name.split('/').all(is_name_component)
}

/// Letters and digits, joined by single separators.
fn is_name_component(component: &str) -> bool {
    component.split(['.', '_', '-']).all(|word| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    })
}

pub fn is_tag(tag: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    tag.len() <= 128
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|byte| word(byte) || byte == b'.' || byte == b'-')
}

/// `sha256:` and 64 hex digits in lower case. No other algorithm is in use at ECR.
pub fn is_digest(digest: &str) -> bool {
    digest.strip_prefix("sha256:").is_some_and(|hex| {
        hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repository_names() {
        for good in ["ab", "game-2048", "team/game", "a1/b.c/d_e-f", "a/b"] {
            assert!(is_repository_name(good), "{good}");
        }
        let long = "a".repeat(257);
        for bad in ["", "a", "Game", "a//b", "/ab", "ab/", "-ab", "ab-", "a--b", "a/../b", "a b", "ä1", &long]
        {
            assert!(!is_repository_name(bad), "{bad}");
        }
    }

    #[test]
    fn tags() {
        for good in ["v1", "_x", "1.2.3-rc.1", "latest", &"t".repeat(128)] {
            assert!(is_tag(good), "{good}");
        }
        for bad in ["", ".v1", "-v1", "v 1", "v:1", "v/1", "ü", &"t".repeat(129)] {
            assert!(!is_tag(bad), "{bad}");
        }
    }

    #[test]
    fn digests() {
        let hex = "0123456789abcdef".repeat(4);
        assert!(is_digest(&format!("sha256:{hex}")));
        for bad in [
            hex.clone(),
            format!("sha512:{hex}"),
            format!("sha256:{}", &hex[1..]),
            format!("sha256:{}", hex.to_uppercase()),
            format!("sha256:../{}", &hex[3..]),
        ] {
            assert!(!is_digest(&bad), "{bad}");
        }
    }
}
