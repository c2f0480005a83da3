//! What shells and `man` read of this command, made from what can be typed.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::CommandFactory;

use crate::args::{Args, Completions, Man};

pub(crate) fn completions(arguments: &Completions) -> Result<ExitCode> {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut Args::command(), "pushboat", &mut text);
    print(&text)
}

pub(crate) fn man(arguments: &Man) -> Result<ExitCode> {
    if let Some(folder) = &arguments.dir {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        clap_mangen::generate_to(Args::command(), folder).with_context(|| folder.display().to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = Vec::new();
    clap_mangen::Man::new(Args::command()).render(&mut text).context("the manual page")?;
    print(&text)
}

/// A reader that has seen enough, such as `head`, is no trouble.
fn print(text: &[u8]) -> Result<ExitCode> {
    match std::io::stdout().write_all(text) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error).context("standard output"),
        _ => Ok(ExitCode::SUCCESS),
    }
}
