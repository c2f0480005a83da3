//! The registry over the wire, as its clients meet it.

mod access;
mod blobs;
mod corrupt;
mod lists;
mod manifests;
mod real_client;
mod resolve;
