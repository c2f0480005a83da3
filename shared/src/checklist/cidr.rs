//! Ranges of IPv4 addresses: is one within another?

use std::net::Ipv4Addr;

/// First address and how many bits are fixed.
fn parse(text: &str) -> Option<(u32, u32)> {
    let (address, length) = text.split_once('/').unwrap_or((text, "32"));
    let length: u32 = length.parse().ok().filter(|it| *it <= 32)?;
    let address: Ipv4Addr = address.parse().ok()?;
    Some((u32::from(address) & mask(length), length))
}

fn mask(length: u32) -> u32 {
    u32::MAX.checked_shl(32 - length).unwrap_or(0)
}

/// `false` also where one of them is none.
pub(super) fn covers(outer: &str, inner: &str) -> bool {
    let (Some((outer, length)), Some((inner, inner_length))) = (parse(outer), parse(inner)) else {
        return false;
    };
    length <= inner_length && inner & mask(length) == outer
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_is_within_another() {
        for (outer, inner, is) in [
            ("0.0.0.0/0", "10.20.0.0/23", true),
            ("10.20.0.0/16", "10.20.2.0/23", true),
            ("10.20.0.0/23", "10.20.0.0/16", false),
            ("10.21.0.0/16", "10.20.2.0/23", false),
            ("10.0.0.1", "10.0.0.1/32", true),
            ("::/0", "10.0.0.0/8", false),
            ("10.0.0.0/33", "10.0.0.0/8", false),
        ] {
            assert_eq!(covers(outer, inner), is, "{outer} {inner}");
        }
    }

    proptest! {
        #[test]
        fn everything_is_within_everything_and_within_itself(address: u32, length in 0_u32..=32) {
            let range = format!("{}/{length}", Ipv4Addr::from(address));
            prop_assert!(covers("0.0.0.0/0", &range) && covers(&range, &range));
        }
    }
}
