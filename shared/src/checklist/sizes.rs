//! The sizes that Fargate has: so much memory with so much CPU.

/// CPU units, the least and the most MiB, and the step between them.
const SIZES: [(u64, u64, u64, u64); 7] = [
    (256, 512, 2_048, 0),
    (512, 1_024, 4_096, 1_024),
    (1_024, 2_048, 8_192, 1_024),
    (2_048, 4_096, 16_384, 1_024),
    (4_096, 8_192, 30_720, 1_024),
    (8_192, 16_384, 61_440, 4_096),
    (16_384, 32_768, 122_880, 8_192),
];
/// The steps of the smallest double, and those of the greatest are no steps.
const SMALLEST: [u64; 3] = [512, 1_024, 2_048];
const GREATEST: (u64, [u64; 3]) = (32_768, [61_440, 122_880, 249_856]);

/// `Err` says what there is instead.
pub fn fits(cpu: u64, memory: u64) -> Result<(), String> {
    let Some((_, least, most, step)) = SIZES.iter().find(|size| size.0 == cpu) else {
        return match cpu == GREATEST.0 {
            true => one_of(cpu, memory, &GREATEST.1),
            false => Err(format!(
                "Fargate has no {cpu} CPU units; it has 256, 512, 1024, 2048, 4096, 8192, 16384 and 32768"
            )),
        };
    };
    if *step == 0 {
        return one_of(cpu, memory, &SMALLEST);
    }
    match (*least..=*most).contains(&memory) && (memory - least).is_multiple_of(*step) {
        true => Ok(()),
        false => Err(format!("with {cpu} CPU units Fargate has {least} to {most} MiB in steps of {step}")),
    }
}

fn one_of(cpu: u64, memory: u64, sizes: &[u64]) -> Result<(), String> {
    let listed: Vec<String> = sizes.iter().map(u64::to_string).collect();
    match sizes.contains(&memory) {
        true => Ok(()),
        false => Err(format!("with {cpu} CPU units Fargate has {} MiB", listed.join(", "))),
    }
}

/// Task-level sizes may be written `1 vCPU` and `2 GB`. `None`: neither.
pub fn cpu_units(text: &str) -> Option<u64> {
    scaled(text, &["vcpu"])
}

pub fn mebibytes(text: &str) -> Option<u64> {
    scaled(text, &["gb"])
}

fn scaled(text: &str, units: &[&str]) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let Some(amount) = units.iter().find_map(|unit| text.strip_suffix(unit)) else {
        return text.parse().ok();
    };
    let (whole, part) = amount.trim().split_once('.').unwrap_or((amount.trim(), ""));
    // Quarters are what there is: .25 and .5.
    let part = match part {
        "" => 0,
        _ if part.len() <= 3 => {
            part.parse::<u64>().ok()? * 1_024 / 10_u64.pow(u32::try_from(part.len()).ok()?)
        }
        _ => return None,
    };
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    whole.checked_mul(1_024)?.checked_add(part)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_sizes_are_those_of_fargate() {
        for (cpu, memory) in [
            (256, 512),
            (256, 1_024),
            (256, 2_048),
            (512, 4_096),
            (4_096, 30_720),
            (16_384, 40_960),
            (32_768, 249_856),
        ] {
            assert_eq!(fits(cpu, memory), Ok(()), "{cpu}/{memory}");
        }
        for (cpu, memory, says) in [
            (256, 1_536, "512, 1024, 2048 MiB"),
            (256, 4_096, "512, 1024, 2048 MiB"),
            (300, 512, "no 300 CPU units"),
            (1_024, 1_024, "2048 to 8192 MiB in steps of 1024"),
            (8_192, 17_408, "steps of 4096"),
            (32_768, 65_536, "61440, 122880, 249856"),
        ] {
            let refused = fits(cpu, memory).unwrap_err();
            assert!(refused.contains(says), "{cpu}/{memory}: {refused}");
        }
    }

    #[test]
    fn sizes_may_have_units() {
        assert_eq!(
            (cpu_units("1 vCPU"), cpu_units(".25 vcpu"), cpu_units("256")),
            (Some(1_024), Some(256), Some(256))
        );
        assert_eq!(
            (mebibytes("2GB"), mebibytes("0.5 GB"), mebibytes("512")),
            (Some(2_048), Some(512), Some(512))
        );
        assert_eq!((cpu_units("much"), mebibytes("1 TB"), mebibytes("")), (None, None, None));
    }

    proptest! {
        #[test]
        fn whatever_is_typed_is_a_size_or_none(text in "\\PC{0,20}") {
            let (_, _) = (cpu_units(&text), mebibytes(&text));
        }

        #[test]
        fn a_size_that_fits_is_between_two_and_eight_times_its_cpu(cpu in 0_u64..40_000, memory in 0_u64..300_000) {
            if fits(cpu, memory).is_ok() {
                prop_assert!(memory * 1_024 / cpu >= 1_800 && memory * 1_024 / cpu <= 8 * 1_024, "{cpu} {memory}");
            }
        }
    }
}
