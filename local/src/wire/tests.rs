//! The wire from the outside: a server on a free port, and a client that signs.

mod application_autoscaling;
mod client;
mod deployed;
mod ecs;
mod elbv2;
mod events;
mod logs;
mod protocol;
mod run;

use client::Place;
