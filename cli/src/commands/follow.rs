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

/// How it ended, in words; a bad end is a trouble.
pub(super) async fn follow(
    session: &Session,
    name: &Name,
    mut judge: Judge,
    patience: Duration,
) -> Result<Option<String>, Trouble> {
    let since = Instant::now();
    let mut bars: Option<Bars<'_>> = None;
    let (mut in_vain, mut latest) = (0, "nothing was seen of it".to_owned());
    let following = async {
        loop {
            match session.look_at(name).await {
                Ok(service) => {
                    in_vain = 0;
                    latest = stands(&service);
                    bars.get_or_insert_with(|| Bars::new(&session.page, &service)).show(&service);
                    match judge.look(&service) {
                        Verdict::UnderWay => {}
                        Verdict::Done(how) => return Ok(how),
                        Verdict::Failed(why) => return Err(Trouble::RolloutFailed(why)),
                    }
                }
                Err(trouble) if trouble.exit_status() == 1 && in_vain < LOOKS_IN_VAIN => in_vain += 1,
                Err(trouble) => return Err(trouble),
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
