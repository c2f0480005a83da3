//! This program, running as one of the functions: what Lambda calls `bootstrap`.

use std::process::ExitCode;

use crate::args::FunctionName;

pub(crate) fn run(name: FunctionName) -> ExitCode {
    let ended = match name {
        FunctionName::Api => pushboat_api::main(),
        FunctionName::Deploy => pushboat_deploy::main(),
        FunctionName::LiveImage => pushboat_live_image::main(),
        FunctionName::Scale => pushboat_scale::main(),
        FunctionName::Sweep => pushboat_sweep::main(),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name:?}: {error}");
            ExitCode::FAILURE
        }
    }
}
