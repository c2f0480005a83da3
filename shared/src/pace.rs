//! How fast one invocation may go: AWS counts requests in token buckets that everybody in the account shares, and
//! nobody tells how full they are. So Pushboat takes a part of each, goes on at a steady rate, and yields when it is
//! refused. Pure: time is an argument, counted from the beginning of the invocation.
//!
//! | what is counted | AWS: at once, per second | taken here |
//! |---|---|---|
//! | RegisterTaskDefinition | 20, 1 | 15, 0.9 |
//! | UpdateService | 50, 5 | 40, 4.5 |
//! | looks (DescribeTaskDefinition, once for each service at rest) | 50, 20 | 20, 14 |
//!
//! What is left is for others: CloudFormation, people, and invocations that overlap. An invocation that is refused
//! holds still until others have found a few tokens, goes on at half the rate, and becomes faster again with every
//! success: two that overlap share what there is.

use std::time::Duration;

use jiff::Timestamp;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Look,
    Register,
    Update,
}

/// Leave for one request, from a moment on. A refusal makes void what was given out before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permit {
    pub kind: Kind,
    pub ready_at: Duration,
    generation: u32,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Pace {
    look: Bucket,
    register: Bucket,
    update: Bucket,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace {
            look: Bucket::full(20.0, 14.0, LOOKS_APART),
            register: Bucket::full(15.0, 0.9, APART),
            update: Bucket::full(40.0, 4.5, APART),
        }
    }
}

impl Pace {
    /// The next free moment for a request of this kind, which nobody else gets.
    pub fn take(&mut self, kind: Kind, now: Duration) -> Permit {
        let bucket = self.bucket(kind);
        let ready_at = bucket.take(now);
        Permit { kind, ready_at, generation: bucket.generation }
    }

    pub fn is_valid(&self, permit: &Permit) -> bool {
        let bucket = match permit.kind {
            Kind::Look => &self.look,
            Kind::Register => &self.register,
            Kind::Update => &self.update,
        };
        bucket.generation == permit.generation
    }

    /// It was not needed after all.
    pub fn give_back(&mut self, permit: Permit) {
        if self.is_valid(&permit) {
            self.bucket(permit.kind).tokens += 1.0;
        }
    }

    pub fn went_well(&mut self, kind: Kind) {
        let bucket = self.bucket(kind);
        bucket.rate = (bucket.rate + bucket.fastest * FASTER).min(bucket.fastest);
    }

    /// AWS says that its bucket is empty, to whoever had this permit. Requests that were on their way together are
    /// refused together: that is one refusal.
    pub fn refused(&mut self, kind: Kind, permit: Option<Permit>, now: Duration) {
        let is_known = permit.is_some_and(|permit| !self.is_valid(&permit));
        let bucket = self.bucket(kind);
        if !is_known && bucket.filled_at <= now {
            bucket.empty(now);
        }
    }

    fn bucket(&mut self, kind: Kind) -> &mut Bucket {
        match kind {
            Kind::Look => &mut self.look,
            Kind::Register => &mut self.register,
            Kind::Update => &mut self.update,
        }
    }
}

/// How much of the fastest rate a success gives back.
const FASTER: f64 = 0.05;
/// Never slower than this part of the fastest rate.
const SLOWEST: f64 = 0.125;
/// After a refusal, nothing is asked for so long: a few tokens collect for others.
const HELD: Duration = Duration::from_secs(2);
/// Requests that may go at once still go one by one: the first refusal comes before many more are on the way, and what
/// is read for each does not come at once either.
const APART: Duration = Duration::from_millis(200);
/// Looks are short, and there are many.
const LOOKS_APART: Duration = Duration::from_millis(20);

/// A token bucket that can be owed to: whoever takes a token that is not there yet waits for it.
#[derive(Debug, Clone, PartialEq)]
struct Bucket {
    burst: f64,
    apart: Duration,
    fastest: f64,
    rate: f64,
    tokens: f64,
    filled_at: Duration,
    latest: Option<Duration>,
    generation: u32,
}

impl Bucket {
    fn full(burst: f64, rate: f64, apart: Duration) -> Bucket {
        Bucket {
            burst,
            apart,
            fastest: rate,
            rate,
            tokens: burst,
            filled_at: Duration::ZERO,
            latest: None,
            generation: 0,
        }
    }

    fn take(&mut self, now: Duration) -> Duration {
        let gained = now.saturating_sub(self.filled_at).as_secs_f64() * self.rate;
        self.tokens = (self.tokens + gained).min(self.burst) - 1.0;
        self.filled_at = self.filled_at.max(now);
        // What is owed is filled from `filled_at` on, which a refusal puts into the future.
        let owed = Duration::from_secs_f64((-self.tokens).max(0.0) / self.rate);
        let there = if self.tokens < 0.0 { self.filled_at + owed } else { now };
        let ready_at = self.latest.map_or(there, |latest| there.max(latest + self.apart));
        self.latest = Some(ready_at);
        ready_at
    }

    fn empty(&mut self, now: Duration) {
        self.rate = (self.rate / 2.0).max(self.fastest * SLOWEST);
        self.tokens = 0.0;
        self.filled_at = now + HELD;
        self.latest = None;
        self.generation += 1;
    }
}

/// Where in a list an invocation begins, which follows from the minute: what one had no time for, another one starts
/// with. Steps of the golden ratio fall into the largest gap that the steps before have left, however long the list.
pub fn starts_at(length: usize, now: Option<Timestamp>) -> usize {
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    let minute = now.map_or(0, |now| now.as_second().div_euclid(60));
    #[expect(clippy::cast_precision_loss, reason = "minutes of this era and lengths of lists fit")]
    let (minute, len) = (minute as f64, length as f64);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the length")]
    let start = ((minute * GOLDEN).fract().abs() * len) as usize;
    start.min(length.saturating_sub(1))
}

#[cfg(test)]
mod tests;
