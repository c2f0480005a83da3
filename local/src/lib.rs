//! AWS on a laptop: enough of ECS, ECR, ELBv2, Lambda and API Gateway that Pushboat's functions and ordinary clients cannot
//! tell the difference where it matters to them.
//!
//! `world` decides (pure), everything else carries out:
//!
//! ```text
//!  clients ──► wire ─────┐                    ┌──► tasks      processes from image layers
//!  curl    ──► gateway ──┼─────────────────────────► lambda
//!  skopeo  ──► registry ─┼─► hub ─► world ────┼──► bus ─► lambda   functions, retries, dead letters
//!  browser ──► balancer ─┘    ▲               └──► (balancer reads the target table)
//!                             └── reports: started, exited, probed, idle, measured
//! ```
//!
//! It knows nothing of Pushboat: functions are programs it is told to run.

pub mod balancer;
pub mod bus;
pub mod gateway;
pub mod hub;
mod inspect;
pub mod lambda;
mod measure;
pub mod place;
pub mod registry;
pub mod stack;
pub mod tasks;
pub mod traffic;
pub mod wire;
pub mod world;
