//! The token buckets of AWS (request throttling of ECS, and the like of the others), one table behind one function.

/// Operations that share a bucket, its size and how many tokens come back in a second.
const BUCKETS: [(&[&str], i64, i64); 12] = [
    (&["RegisterTaskDefinition"], 20, 1),
    (&["DescribeTaskDefinition", "ListTaskDefinitions"], 50, 20),
    (&["TagResource", "UntagResource"], 20, 10),
    (&["UpdateService"], 50, 5),
    (&["ListServices", "DescribeServices"], 100, 20),
    (&["DescribeServiceDeployments", "ListServiceDeployments"], 50, 20),
    (&["DescribeServiceRevisions"], 50, 20),
    (&["DescribeClusters"], 50, 20),
    (&["ListTasks", "DescribeTasks"], 100, 20),
    (&["PutImage"], 10, 10),
    (&["BatchGetImage"], 2_000, 2_000),
    // Not published for the rest; this is what others have seen.
    (&[], 100, 100),
];

#[derive(Debug, Clone)]
pub(super) struct Limits {
    /// Thousandths of a token, and when they were counted.
    tokens: [(i64, i64); BUCKETS.len()],
    empty_until: i64,
}

impl Limits {
    pub(super) fn new() -> Limits {
        Limits { tokens: BUCKETS.map(|(_, burst, _)| (burst * 1_000, 0)), empty_until: 0 }
    }

    /// Somebody else in the account takes everything until then.
    pub(super) fn taken_until(&mut self, at: i64) {
        self.empty_until = self.empty_until.max(at);
        self.tokens = self.tokens.map(|_| (0, self.empty_until));
    }

    /// Takes a token, if there is one. `at` is in milliseconds.
    pub(super) fn admits(&mut self, operation: &str, at: i64) -> bool {
        if at < self.empty_until {
            return false;
        }
        let found = BUCKETS.iter().position(|(operations, ..)| operations.contains(&operation));
        let index = found.unwrap_or(BUCKETS.len() - 1);
        let (_, burst, per_second) = BUCKETS[index];
        let (left, counted_at) = self.tokens[index];
        let now = (left + (at - counted_at).max(0) * per_second).min(burst * 1_000);
        let admitted = now >= 1_000;
        self.tokens[index] = (if admitted { now - 1_000 } else { now }, at.max(counted_at));
        admitted
    }
}
