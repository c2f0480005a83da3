//! Identifiers as Lambda and EventBridge hand them out. They only have to be unlike each other, so the keys of
//! the standard library's hash maps are random enough.

use std::hash::{BuildHasher, Hasher, RandomState};

/// Random hex digits, at most 32.
pub(crate) fn hex(digits: usize) -> String {
    let word = || RandomState::new().build_hasher().finish();
    let mut all = format!("{:016x}{:016x}", word(), word());
    all.truncate(digits);
    all
}

/// A version 4 UUID.
pub(crate) fn uuid() -> String {
    let id = hex(32);
    format!("{}-{}-4{}-a{}-{}", &id[..8], &id[8..12], &id[13..16], &id[17..20], &id[20..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_have_their_shape_and_differ() {
        assert_eq!(hex(24).len(), 24);
        let (one, other) = (uuid(), uuid());
        assert_ne!(one, other);
        let lengths: Vec<usize> = one.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!(&one[14..15], "4");
    }
}
