//! The stage's throttling: a bucket that holds as many tokens as may come at once and is filled at the steady rate.
//! Time is an argument.

use tokio::time::Instant;

use super::api::Throttle;

#[derive(Debug)]
pub(super) struct TokenBucket {
    limits: Throttle,
    tokens: f64,
    filled_at: Instant,
}

impl TokenBucket {
    pub(super) fn full(limits: Throttle, now: Instant) -> TokenBucket {
        TokenBucket { tokens: f64::from(limits.burst), filled_at: now, limits }
    }

    /// Takes the token of one request, if there is one.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let gained = now.saturating_duration_since(self.filled_at).as_secs_f64() * self.limits.rate;
        self.tokens = (self.tokens + gained).min(f64::from(self.limits.burst));
        self.filled_at = self.filled_at.max(now);
        let granted = self.tokens >= 1.0;
        if granted {
            self.tokens -= 1.0;
        }
        granted
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_burst_is_granted_and_then_the_rate() {
        let start = Instant::now();
        let mut bucket = TokenBucket::full(Throttle { burst: 3, rate: 2.0 }, start);
        let mut at = |millis| bucket.take(start + Duration::from_millis(millis));
        assert_eq!([at(0), at(0), at(0), at(0)], [true, true, true, false]);
        assert_eq!([at(499), at(500), at(501)], [false, true, false]);
        assert_eq!(
            [at(60_000), at(60_000), at(60_000), at(60_000)],
            [true, true, true, false],
            "never above burst"
        );
    }

    #[test]
    fn no_rate_and_no_burst_grant_nothing() {
        let start = Instant::now();
        let mut closed = TokenBucket::full(Throttle { burst: 0, rate: 100.0 }, start);
        assert!(!closed.take(start + Duration::from_secs(9)));
    }

    proptest! {
        /// Whatever the arrival times, no more is granted than the burst and what the rate adds.
        #[test]
        fn never_more_than_promised(
            burst in 1_u32..20,
            rate in 0.0_f64..50.0,
            waits in proptest::collection::vec(0_u64..200, 0..200),
        ) {
            let start = Instant::now();
            let mut bucket = TokenBucket::full(Throttle { burst, rate }, start);
            let mut now = start;
            let mut granted = 0_u32;
            for wait in waits {
                now += Duration::from_millis(wait);
                granted += u32::from(bucket.take(now));
            }
            let promised = f64::from(burst) + (now - start).as_secs_f64() * rate;
            prop_assert!(f64::from(granted) <= promised + 1e-6, "{granted} of {promised}");
        }
    }
}
