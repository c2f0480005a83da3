//! One instance's way to the cloud: every question takes time, may be throttled, may go unanswered whether it was carried
//! out or not, and may be answered with what was true a moment ago. Between any two of its moments everybody else goes on.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use pushboat::Timestamp;
use pushboat::cloud::{Answer, CloudError, Trouble};
use pushboat_local::world::{Refusal, World};

use super::mutants::Mutant;
use super::mutated;
use super::plan::{Fault, SECOND};
use super::seen::Seen;
use super::stage::{Happening, Stage};

pub(super) type Shared = Rc<RefCell<Stage>>;

/// The SDK's standard number of attempts. A registration has one.
const ATTEMPTS: u32 = 3;

/// One instance's way to the cloud.
#[derive(Debug)]
pub(super) struct Lens {
    pub(super) stage: Shared,
    pub(super) id: u32,
    pub(super) date: Cell<Option<Timestamp>>,
    pub(super) mutant: Option<Mutant>,
    pub(super) memory: mutated::Memory,
}

/// Until this moment of virtual time.
struct Until<'a> {
    stage: &'a Shared,
    id: u32,
    at: i64,
    asked: bool,
}

impl Future for Until<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        let mut stage = self.stage.borrow_mut();
        if stage.now >= self.at && self.asked {
            return Poll::Ready(());
        }
        if !self.asked {
            let (at, id) = (self.at, self.id);
            stage.at(at, Happening::Wake(id));
            drop(stage);
            self.asked = true;
        }
        Poll::Pending
    }
}

pub(super) async fn wait(stage: &Shared, id: u32, millis: i64) {
    let at = stage.borrow().now + millis;
    Until { stage, id, at, asked: false }.await;
}

/// What becomes of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Fine,
    /// No answer, and nothing was done.
    NeverArrived,
    /// No answer, but it was done.
    AnswerLost,
}

impl Lens {
    pub(super) async fn ask<T>(
        &self,
        operation: &'static str,
        subject: &str,
        mut carry_out: impl FnMut(&mut Stage) -> Result<T, Refusal>,
    ) -> Answer<T> {
        let attempts = if operation == "RegisterTaskDefinition" { 1 } else { ATTEMPTS };
        let mut attempt = 1;
        loop {
            let (fate, there, back) = self.fate();
            wait(&self.stage, self.id, there).await;
            let answer = {
                let mut stage = self.stage.borrow_mut();
                let now = stage.now;
                let admitted = stage.limits.admits(operation, now);
                match fate {
                    Fate::NeverArrived => None,
                    _ if !admitted => {
                        if let Some(instance) = stage.instances.get_mut(&self.id) {
                            instance.is_refused = true;
                        }
                        Some(Err(Refusal::new("ThrottlingException", "Rate exceeded")))
                    }
                    _ => Some(carry_out(&mut stage)),
                }
            };
            if back > 0 {
                wait(&self.stage, self.id, back).await;
            }
            let answer = answer.filter(|_| fate == Fate::Fine);
            let error = match answer {
                Some(Ok(answer)) => {
                    self.date.set(Timestamp::from_second(self.stage.borrow().clock().as_second()).ok());
                    return Ok(answer);
                }
                Some(Err(refusal)) => refused(operation, subject, &refusal),
                None => unanswered(operation, subject),
            };
            self.stage.borrow_mut().tell(|_| format!("  #{} {error}", self.id));
            if !error.retry_helps() || attempt == attempts {
                return Err(error);
            }
            attempt += 1;
            let pause = self.stage.borrow_mut().random.between(50, 1_000);
            wait(&self.stage, self.id, pause).await;
        }
    }

    /// With the milliseconds there and back.
    fn fate(&self) -> (Fate, i64, i64) {
        let mut stage = self.stage.borrow_mut();
        if stage.now >= stage.plan.storm_ends {
            return (Fate::Fine, 20, 0);
        }
        let fate = match stage.suffers(Fault::Unanswered) && stage.random.permille(40) {
            true if stage.random.permille(500) => Fate::NeverArrived,
            true => Fate::AnswerLost,
            false => Fate::Fine,
        };
        let (mut there, mut back) = (stage.random.between(2, 40), stage.random.between(2, 40));
        if stage.suffers(Fault::Slow) && stage.random.permille(50) {
            there += stage.random.between(0, 20 * SECOND);
            back += stage.random.between(0, 20 * SECOND);
        }
        (fate, there, back)
    }

    /// A read: of now, or of a moment ago.
    pub(super) async fn look<T>(
        &self,
        operation: &'static str,
        subject: &str,
        mut pick: impl FnMut(&Seen) -> Result<T, Refusal>,
    ) -> Answer<T> {
        self.ask(operation, subject, |stage| pick(&stage.read())).await
    }

    /// A write: the world is changed and the rules are checked.
    pub(super) async fn write<T>(
        &self,
        operation: &'static str,
        subject: &str,
        mut touch: impl FnMut(&mut World) -> Result<T, Refusal>,
        mut done: impl FnMut(&mut Stage, &T),
    ) -> Answer<T> {
        let id = self.id;
        let write = |stage: &mut Stage| {
            let result = stage.change(&mut touch)?;
            stage.tell(|_| format!("  #{id} {operation} {subject}"));
            stage.wrote(id, operation, subject);
            done(stage, &result);
            Ok(result)
        };
        self.ask(operation, subject, write).await
    }
}

pub(super) fn refused(operation: &'static str, subject: &str, refusal: &Refusal) -> CloudError {
    let trouble = match refusal.code {
        "ThrottlingException" => Trouble::Throttled,
        code if code.ends_with("NotFoundException") => Trouble::NotFound,
        _ => Trouble::Refused,
    };
    CloudError { operation, subject: subject.to_owned(), trouble, message: refusal.to_string(), source: None }
}

fn unanswered(operation: &'static str, subject: &str) -> CloudError {
    let message = "no answer in time".to_owned();
    CloudError {
        operation,
        subject: subject.to_owned(),
        trouble: Trouble::Unavailable,
        message,
        source: None,
    }
}
