//! What AWS is asked for a checklist, in which order, and of how much. What it means is decided in `pushboat::checklist`.

mod installation;
mod network;
mod service;

pub(crate) use installation::{installation, reached};
pub(crate) use service::{Wanted, followed, named, service};
