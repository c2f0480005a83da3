//! The `deploy` function. A push or a deployment event says look again.
//!
//! Everything it does is in `pushboat` (decide) and `pushboat-aws` (ask AWS); here they meet.

use lambda_runtime::Error;
use pushboat_aws::pushed_or_deployed;

/// Serves invocations until Lambda ends the process. It waits most of the time: a single thread is enough.
pub fn main() -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(pushboat_aws::run(pushed_or_deployed))
}
