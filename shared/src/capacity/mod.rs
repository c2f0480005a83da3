//! How many tasks a service should have, and why. Pure functions of its tags, its load's history and AWS's time.
//!
//! | what | where |
//! |---|---|
//! | what the owner wants for good: bounds, what a task carries, style, recurring floors | [`policy`], [`schedule`] |
//! | what somebody wants until a moment | [`temporary`] |
//! | what an alarm moves, on a metric that Pushboat does not read itself | [`alarm`] |
//! | how long a new task takes until it serves | [`startup`] |
//! | the load that is coming | [`crate::forecast`] |
//! | all of it together: one count, with the reason in words | [`decide`] |
//!
//! The forecast, the schedule and alarms that raise say how many are needed: the greatest counts. Alarms that lower
//! bound what the forecast asks for, and nothing else. What a person said for a time wins over all of them. The present
//! capacity is the desired count, never what happens to run: during a deployment old and new tasks run together.

pub mod alarm;
mod decide;
pub mod load;
pub mod policy;
pub mod schedule;
pub mod startup;
pub mod temporary;

pub use decide::{
    Decision, FAST_SECONDS, Memory, STARTUP, Situation, TargetLoad, decide, decide_with, decide_without_load,
};
pub use policy::{Bounds, Policy, PolicyError, Signal, Target};
