//! A roll-out until its end: a look every two seconds, the tasks as bars, and how it ended.

use std::future::Future;
use std::time::{Duration, Instant};

use super::Session;
use super::judge::{Judge, Verdict};
use crate::api::{Name, Trouble};
use crate::local::interrupted;
use crate::output::{Bars, stands};

pub(super) const POLL: Duration = Duration::from_secs(2);
/// So many looks in a row may fail before it is given up: a roll-out takes longer than most troubles.
const LOOKS_IN_VAIN: u32 = 5;

/// With a network or an API that is away for a moment.
#[derive(Debug, Default)]
pub(super) struct Patience {
    in_vain: u32,
}

impl Patience {
    /// `None`: look again.
    pub(super) fn with<T>(&mut self, looked: Result<T, Trouble>) -> Result<Option<T>, Trouble> {
        match looked {
            Ok(seen) => {
                self.in_vain = 0;
                Ok(Some(seen))
            }
            Err(trouble) if trouble.exit_status() == 1 && self.in_vain < LOOKS_IN_VAIN => {
                self.in_vain += 1;
                Ok(None)
            }
            Err(trouble) => Err(trouble),
        }
    }
}

/// How it ended, in words; a bad end is a trouble.
pub(super) async fn follow(
    session: &Session,
    name: &Name,
    mut judge: Judge,
    patience: Duration,
) -> Result<Option<String>, Trouble> {
    let since = Instant::now();
    let mut bars: Option<Bars<'_>> = None;
    let (mut trust, mut latest) = (Patience::default(), "nothing was seen of it".to_owned());
    let following = async {
        loop {
            if let Some(service) = trust.with(session.look_at(name).await)? {
                latest = stands(&service);
                bars.get_or_insert_with(|| Bars::new(&session.page, &service)).show(&service);
                match judge.look(&service) {
                    Verdict::UnderWay => {}
                    Verdict::Done(how) => return Ok(how),
                    Verdict::Failed(why) => return Err(Trouble::RolloutFailed(why)),
                }
            }
            tokio::time::sleep(POLL).await;
        }
    };
    let ended = tokio::time::timeout(patience, following).await;
    drop(bars);
    let late = || Trouble::NotInTime { seconds: patience.as_secs(), stands: latest };
    let how = ended.unwrap_or_else(|_| Err(late()))?;
    Ok(Some(format!("{name}: {how} after {} s", since.elapsed().as_secs())))
}

/// Ctrl-C ends the looking on, not the roll-out.
pub(super) async fn or_interrupted(
    following: impl Future<Output = Result<Option<String>, Trouble>>,
) -> Result<Option<String>, Trouble> {
    tokio::select! {
        ended = following => ended,
        () = interrupted() => Err(Trouble::Interrupted),
    }
}
