//! The one door to the world while it runs live: locks it, moves it to the present, lets the caller in, and sends
//! what must happen outside to whoever carries it out.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::world::{Effect, Report, World};

/// There is one time in a process, as there is one wall clock.
static CLOCK: RwLock<Option<Clock>> = RwLock::new(None);

#[derive(Debug, Clone, Copy)]
struct Clock {
    /// What both clocks showed when this speed began: the wall's, and the world's.
    from: (Timestamp, Timestamp),
    speed: u32,
}

impl Clock {
    fn read(self, wall: Timestamp) -> Timestamp {
        let passed = wall.duration_since(self.from.0);
        let faster = passed.checked_mul(i32::try_from(self.speed).unwrap_or(i32::MAX));
        faster.and_then(|it| self.from.1.checked_add(it).ok()).unwrap_or(Timestamp::MAX)
    }
}

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

    /// The time of the world, and of everything that says when something happened in it.
    pub fn now() -> Timestamp {
        // Only a copy is ever written, so what a panic leaves is whole.
        let clock = *CLOCK.read().unwrap_or_else(PoisonError::into_inner);
        clock.map_or_else(Hub::wall, |clock| clock.read(Hub::wall()))
    }

    /// The wall clock, for what processes outside compare with their own: the deadline of an invocation, the time of
    /// a signature.
    pub fn wall() -> Timestamp {
        Timestamp::now()
    }

    /// From now on time in the world runs so many times as fast as the wall clock. For the whole process.
    pub fn run_faster(speed: u32) {
        let mut clock = CLOCK.write().unwrap_or_else(PoisonError::into_inner);
        let wall = Hub::wall();
        let world = clock.map_or(wall, |clock| clock.read(wall));
        *clock = Some(Clock { from: (wall, world), speed: speed.max(1) });
    }

    /// How many times as fast time runs in the world.
    pub fn speed() -> u32 {
        CLOCK.read().unwrap_or_else(PoisonError::into_inner).map_or(1, |clock| clock.speed)
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn a_second_of_the_wall_is_a_minute_of_the_world() {
        let from = Timestamp::from_second(1_790_000_000).unwrap();
        let later = from + SignedDuration::from_hours(1);
        let clock = Clock { from: (from, later), speed: 60 };
        assert_eq!(clock.read(from), later);
        assert_eq!(clock.read(from + SignedDuration::from_secs(1)), later + SignedDuration::from_mins(1));
    }
}
