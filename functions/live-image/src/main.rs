//! The `live-image` function as Lambda starts it.

fn main() -> Result<(), lambda_runtime::Error> {
    pushboat_live_image::main()
}
