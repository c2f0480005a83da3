//! The peers, as they are documented, on the same service. Targets are shares of a task's capacity.

mod first;
mod hpa;
mod kpa;
mod step;
mod tracking;

pub use first::{First, Taste};
pub use hpa::{Hpa, Source};
pub use kpa::Kpa;
pub use step::Steps;
pub use tracking::{Metric, Predictive, Tracking};
