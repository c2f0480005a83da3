//! The `scale` function as Lambda starts it.

fn main() -> Result<(), lambda_runtime::Error> {
    pushboat_scale::main()
}
