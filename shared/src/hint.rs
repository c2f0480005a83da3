//! What a trigger amounts to: where to look. Never what to do.

use std::fmt;

use crate::model::{ServiceName, Subject};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// Something happened to this tag: look at the services that track it.
    Image { repository: String, tag: String },
    /// Something happened to this service.
    Service(ServiceName),
    /// A deployment of this service has come to its end, whatever that means.
    Completed { service: ServiceName, deployment_id: String },
    /// Somebody asked for something about this service.
    Request { service: ServiceName, by: String },
    /// Somebody asked for something about this cluster: look at its services.
    Cluster { cluster: String, by: String },
    /// An alarm has changed its state: look at what its metrics are about, or at everything where they do not say.
    Alarm { name: String, about: Vec<Subject> },
    /// Time has passed: look at every service.
    Everything,
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Hint::Image { repository, tag } => write!(f, "push of {repository}:{tag}"),
            Hint::Service(name) | Hint::Completed { service: name, .. } => write!(f, "deployment of {name}"),
            Hint::Request { service, by } => write!(f, "request of {by} about {service}"),
            Hint::Cluster { cluster, by } => write!(f, "request of {by} about the cluster {cluster}"),
            Hint::Alarm { name, .. } => write!(f, "alarm {name}"),
            Hint::Everything => f.write_str("sweep"),
        }
    }
}
