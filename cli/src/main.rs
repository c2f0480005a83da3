//! The `pushboat` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    pushboat_cli::main()
}
