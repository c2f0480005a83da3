//! The `pushboat` command: push an image and watch it deploy.
//!
//! | module | subject |
//! |---|---|
//! | `args` | what can be typed |
//! | `demo` | the story: two pushes, steady traffic, nothing lost |
//! | `local` | AWS on a laptop, with Pushboat's functions and the game's service set up in it |
//! | `push`, `image` | an image, made from the game or read from an OCI layout, pushed to a registry |
//! | `commands` | what is asked of services that run: status, plan, deploy, hold, scale and the others |
//! | `aws`, `facts` | AWS asked with a person's own credentials, for the checklists of verify, adopt and doctor |
//! | `api`, `output` | the HTTP API's client, and what a person reads of its answers |
//! | `function` | this same program, running as one of the functions |
//!
//! One `cargo run` is enough because the functions are linked in: the stand-in's Lambda starts this program again
//! as each of them. They cannot tell; the end-to-end tests also run the binaries as they ship.

mod api;
pub mod args;
mod aws;
mod commands;
pub mod demo;
mod facts;
mod function;
mod http;
pub mod image;
pub mod local;
mod output;
pub mod push;
mod terminal;

use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::filter::LevelFilter;

use args::{Args, Command};

/// Parses, runs, and says in one line what went wrong.
pub fn main() -> ExitCode {
    let args = Args::parse();
    if let Command::Function { name } = args.command {
        return function::run(name);
    }
    // What goes wrong behind the scenes; the functions have a log of their own. A person who only asks has the answer for it.
    let level = match args.command {
        Command::Demo(_) | Command::Local(_) => LevelFilter::WARN,
        _ => LevelFilter::ERROR,
    };
    tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).without_time().init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let ran = runtime.map_err(anyhow::Error::from).and_then(|runtime| {
        runtime.block_on(async {
            match args.command {
                Command::Demo(demo) => demo::run(demo).await,
                Command::Local(local) => local::run(local).await,
                Command::Push(push) => push::run(push).await,
                Command::Status(status) => commands::status(status).await,
                Command::Watch(watch) => commands::watch(watch).await,
                Command::Plan(plan) => commands::plan(plan).await,
                Command::History(history) => commands::history(history).await,
                Command::Deploy(deploy) => commands::deploy(deploy).await,
                Command::Rollback(rollback) => commands::rollback(rollback).await,
                Command::Scale(scale) => commands::scale(scale).await,
                Command::Run(run) => commands::run(run).await,
                Command::Hold(hold) => commands::hold(hold).await,
                Command::Release(release) => commands::release(release).await,
                Command::Resume(resume) => commands::resume(resume).await,
                Command::Continue(it) => commands::go_on(it).await,
                Command::Verify(verify) => commands::verify(verify).await,
                Command::Adopt(adopt) => commands::adopt(adopt).await,
                Command::Doctor(doctor) => commands::doctor(doctor).await,
                Command::Completions(completions) => commands::completions(&completions),
                Command::Man(man) => commands::man(&man),
                Command::Function { name } => Ok(function::run(name)),
            }
        })
    });
    ran.unwrap_or_else(|error| {
        eprintln!("pushboat: {error:#}");
        error.downcast_ref::<api::Trouble>().map_or(ExitCode::FAILURE, |it| it.exit_status().into())
    })
}
