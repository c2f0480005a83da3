//! How the capacity decision does on recorded traffic, beside the peers and the optimum. It asks the decision that the
//! functions ask, with nothing but what could be seen by then.

pub mod contest;
pub mod optimum;
pub mod ours;
pub mod peers;
pub mod service;
pub mod table;
pub mod trace;
