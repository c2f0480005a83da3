//! The `deploy` function. A push or a deployment event says look again.
//!
//! Everything it does is in `pushboat` (decide) and `pushboat-aws` (ask AWS); here they meet.

use lambda_runtime::Error;
use pushboat_aws::{Releases, pushed_or_deployed};

/// Serves invocations until Lambda ends the process.
pub fn main() -> Result<(), Error> {
    pushboat_aws::start(pushboat_aws::run(pushed_or_deployed, Releases))
}
