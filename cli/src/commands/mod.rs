//! What the command does with services that run, over the HTTP API.
//!
//! | file | subject |
//! |---|---|
//! | `status`, `watch` | how things are, once and again and again |
//! | `history` | what a service has run, and how many tasks it was told to have |
//! | `plan` | what would be decided and written |
//! | `releases` | deploy, rollback, release, resume, continue |
//! | `run` | a one-off task, and its log |
//! | `hold`, `scale` | what is said for a time |
//! | `ask` | one ask: carried out, shown, and followed where that is wanted |
//! | `follow`, `judge` | a roll-out until its end; what each look says of it |
//! | `verify`, `adopt`, `doctor` | checklists over AWS itself, and the tags that hand a service over |
//! | `pages` | completions and manual pages |

mod adopt;
mod ask;
mod doctor;
mod follow;
mod history;
mod hold;
mod judge;
mod pages;
mod plan;
mod releases;
mod run;
mod scale;
mod status;
mod verify;
mod watch;

pub(crate) use adopt::adopt;
pub(crate) use doctor::doctor;
pub(crate) use history::history;
pub(crate) use hold::hold;
pub(crate) use pages::{completions, man};
pub(crate) use plan::plan;
pub(crate) use releases::{deploy, go_on, release, resume, rollback};
pub(crate) use run::run;
pub(crate) use scale::scale;
pub(crate) use status::status;
pub(crate) use verify::verify;
pub(crate) use watch::watch;

use std::io::ErrorKind;
use std::process::ExitCode;

use anyhow::Result;
use hyper::Method;
use serde_json::Value;

use crate::api::{Client, Name, Service, Trouble, connect, resolve};
use crate::args::{Connection, Format};
use crate::output::{self, Look};
use crate::terminal::{Page, Voice};

/// The API, and the page that is written on.
struct Session {
    client: Client,
    page: Page,
    look: Look,
    format: Format,
}

impl Session {
    async fn open(connection: &Connection, format: Format) -> Result<Session, Trouble> {
        let client = connect(connection).await?;
        let page = Page::new(Voice::choose(format == Format::Json));
        Ok(Session { client, page, look: Look::of_stdout(), format })
    }

    /// The service that was typed, or the only one.
    async fn find(&self, typed: Option<&str>) -> Result<Service, Trouble> {
        let (_, services) = self.client.services(None).await?;
        resolve(typed, &services.services).cloned()
    }

    /// Its name, without asking where it was typed whole.
    async fn name(&self, typed: Option<&str>) -> Result<Name, Trouble> {
        match typed.map(Name::whole).transpose()?.flatten() {
            Some(name) => Ok(name),
            None => Ok(Name::of(&self.find(typed).await?)),
        }
    }

    /// Without what Pushboat would do now, because this is asked again and again.
    async fn look_at(&self, name: &Name) -> Result<Service, Trouble> {
        let path = format!("{}?now=false", name.own_path());
        match self.client.ask(Method::GET, &path, None).await {
            Ok(answer) => self.client.read(&answer),
            // An older API shows one only among the others.
            Err(Trouble::OldApi { .. }) => {
                let (_, services) = self.client.services(Some(&name.cluster)).await?;
                resolve(Some(&name.to_string()), &services.services).cloned()
            }
            Err(trouble) => Err(trouble),
        }
    }

    /// The one document of a script.
    fn print(&self, document: &Value) -> Result<(), Trouble> {
        Ok(output::put(&format!("{document:#}"))?)
    }
}

/// A refusal is an answer as well, and a script reads it where it reads the others.
fn closed(done: Result<(), Trouble>, format: Format) -> Result<ExitCode> {
    match done {
        // Such as `head`, which has seen enough.
        Err(Trouble::Output(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        Err(Trouble::Refused(problem)) if format == Format::Json => {
            output::put(&format!("{:#}", problem.document))?;
            Err(Trouble::Refused(problem).into())
        }
        done => Ok(done.map(|()| ExitCode::SUCCESS)?),
    }
}
