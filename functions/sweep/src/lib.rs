//! The `sweep` function. Time has passed: look everywhere, at images and at the load.
//!
//! Everything it does is in `pushboat` (decide) and `pushboat-aws` (ask AWS); here they meet.

use lambda_runtime::Error;
use pushboat_aws::{Everything, scheduled};

/// Serves invocations until Lambda ends the process.
pub fn main() -> Result<(), Error> {
    pushboat_aws::start(pushboat_aws::run(scheduled, Everything))
}
