//! What is deployed in a place, by the names that somebody's template has for it: for those who look at it as a stack.
//! Whoever builds the place declares it; nothing here makes any of it.

use jiff::Timestamp;

use crate::bus::Bus;
use crate::lambda::Lambda;

pub const QUEUE: &str = "AWS::SQS::Queue";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stack {
    pub name: String,
    pub created_at: Timestamp,
    pub resources: Vec<Resource>,
    pub outputs: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// In the template.
    pub logical_id: String,
    /// `AWS::<service>::<kind>`
    pub kind: String,
    /// A name, or of a queue its URL.
    pub physical_id: String,
}

/// Functions and rules that run, and the stack that they are of.
#[derive(Debug, Clone)]
pub(crate) struct Running {
    pub(crate) lambda: Lambda,
    pub(crate) bus: Bus,
    pub(crate) stack: Option<Stack>,
}
