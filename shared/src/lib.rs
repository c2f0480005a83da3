//! What Pushboat decides, and nothing else: no AWS SDK, no network, no clock, no environment.
//!
//! An event is only a hint to look again. Every trigger ends in the same four words:
//!
//! ```text
//!   hint ──► observe ──► decide ──► act ──► look once more
//!    │          │           │         │
//!  [hint]    [cloud]    [release]  [control]
//! ```
//!
//! `control` walks the four steps over the one trait in `cloud`; `release` is the pure decision in the middle, and
//! `base` says which revision a release is made from;
//! `task_definition` edits a document without losing what it does not know; `policy` reads what the owner wants
//! from the service's tags, `rule` which image of a repository that means, `preflight` and `scan` whether it can run
//! there; `hold`, `overlap`, `others` and `native` say when a release has to wait: for a person's word, for a roll-out
//! under way, for what somebody else deployed; `rollback` says where to go back to; `decision` is the line that says what
//! was decided and why, `announce` the same as an event for others; `diagnosis` says why a roll-out fails, `pace` how fast
//! all of it may go. `capacity` and `forecast` say how many tasks there should be, from what `metrics` hold. Three more only look:
//! `overview` is what is shown of a service, `history` what became of it, `live_image` which image it runs. `one_off` is a
//! task that somebody runs beside a service.
//! `checklist` says whether a service would run and whether the installation is healthy, for whoever asks before or after.

pub mod announce;
pub mod base;
pub mod capacity;
pub mod checklist;
pub mod cloud;
pub mod control;
pub mod decision;
pub mod diagnosis;
pub mod difference;
pub mod forecast;
pub mod hint;
pub mod history;
pub mod hold;
pub mod live_image;
pub mod metrics;
pub mod model;
pub mod native;
pub mod one_off;
pub mod others;
pub mod overlap;
pub mod overview;
pub mod pace;
pub mod policy;
pub mod preflight;
pub mod rehearsal;
pub mod release;
pub mod rollback;
pub mod rule;
pub mod scan;
pub mod task_definition;

pub use jiff::{SignedDuration, Timestamp};
