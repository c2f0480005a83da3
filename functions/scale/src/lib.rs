//! The `scale` function. An alarm says look again.
//!
//! Everything it does is in `pushboat` (decide) and `pushboat-aws` (ask AWS); here they meet.

use lambda_runtime::Error;
use pushboat_aws::{Capacity, alarmed};

/// Serves invocations until Lambda ends the process.
pub fn main() -> Result<(), Error> {
    pushboat_aws::start(pushboat_aws::run(alarmed, Capacity))
}
