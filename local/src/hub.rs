//! The one door to the world while it runs live: locks it, moves it to the present, lets the caller in, and sends
//! what must happen outside to whoever carries it out.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::world::{Effect, Report, World};

/// Cheap to clone. Never held across an await: a visit is a plain function call.
#[derive(Debug, Clone)]
pub struct Hub {
    world: Arc<Mutex<World>>,
    effects: mpsc::UnboundedSender<Effect>,
}

impl Hub {
    pub fn new(world: World) -> (Hub, mpsc::UnboundedReceiver<Effect>) {
        let (effects, receiver) = mpsc::unbounded_channel();
        (Hub { world: Arc::new(Mutex::new(world)), effects }, receiver)
    }

    /// The wall clock, the only one in this crate.
    pub fn now() -> Timestamp {
        Timestamp::now()
    }

    /// Visits the world at the present moment.
    pub fn with<R>(&self, visit: impl FnOnce(&mut World) -> R) -> R {
        // A panic inside the world is a bug that a test shows; the table itself stays readable.
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        world.advance(Hub::now());
        let result = visit(&mut world);
        for effect in world.take_effects() {
            // Nobody listens any more only while everything is being shut down.
            let _ = self.effects.send(effect);
        }
        result
    }

    pub fn report(&self, report: Report) {
        self.with(|world| world.report(report));
    }
}
