//! The time an invocation has, and waiting in it; and moments as AWS writes them.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use aws_smithy_types::DateTime;
use pushboat::Timestamp;

use crate::client::Aws;

/// A wait becomes longer by up to this part of itself, and by no more than a second.
const LONGER: f64 = 0.25;
const LONGEST_MORE: Duration = Duration::from_secs(1);

impl Aws {
    /// The same clients for one invocation that may go on so long.
    pub fn within(&self, time: Duration) -> Aws {
        Aws { ends_at: Some(Instant::now() + time), ..self.clone() }
    }

    pub(crate) fn left(&self) -> Option<Duration> {
        self.ends_at.map(|at| at.saturating_duration_since(Instant::now()))
    }
}

pub(crate) fn moment(at: &DateTime) -> Option<Timestamp> {
    Timestamp::new(at.secs(), i32::try_from(at.subsec_nanos()).ok()?).ok()
}

pub(crate) async fn wait(at_least: Duration) {
    tokio::time::sleep(at_least + more(at_least, random())).await;
}

fn more(at_least: Duration, random: u32) -> Duration {
    let part = f64::from(random) / f64::from(u32::MAX);
    at_least.mul_f64(LONGER * part).min(LONGEST_MORE)
}

/// The hasher's keys are random in each process and differ from one to the next.
fn random() -> u32 {
    u32::try_from(RandomState::new().hash_one(()) >> 32).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_becomes_a_little_longer_at_random() {
        let two = Duration::from_secs(2);
        assert_eq!(more(two, 0), Duration::ZERO);
        assert_eq!(more(two, u32::MAX), Duration::from_millis(500));
        assert_eq!(more(Duration::from_secs(60), u32::MAX), LONGEST_MORE);
        let all: std::collections::BTreeSet<_> = (0..8).map(|_| random()).collect();
        assert!(all.len() > 1, "{all:?}");
    }
}
