//! The `api` function as Lambda starts it.

fn main() -> Result<(), lambda_runtime::Error> {
    pushboat_api::main()
}
