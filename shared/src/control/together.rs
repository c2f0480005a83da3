//! Many looks at once, on one thread and without a runtime: a few futures are polled in turn. And locks between them,
//! for what must not be done twice at once.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Poll, Waker};

/// Lets so many of the jobs go on at the same time and returns what came of each, in their order. Jobs begin in their
/// order too.
pub(super) async fn at_most<J: Future>(count: usize, jobs: impl IntoIterator<Item = J>) -> Vec<J::Output> {
    let mut waiting = jobs.into_iter().enumerate();
    let mut going: Vec<(usize, Pin<Box<J>>)> = Vec::new();
    let mut done = BTreeMap::new();
    poll_fn(|context| {
        loop {
            let room = count.max(1) - going.len();
            going.extend(waiting.by_ref().take(room).map(|(place, job)| (place, Box::pin(job))));
            let before = done.len();
            going.retain_mut(|(place, job)| match job.as_mut().poll(context) {
                Poll::Ready(output) => {
                    done.insert(*place, output);
                    false
                }
                Poll::Pending => true,
            });
            if going.is_empty() && done.len() == before {
                return Poll::Ready(());
            }
            // Whoever takes a place that has become free has not been polled yet.
            if done.len() == before {
                return Poll::Pending;
            }
        }
    })
    .await;
    done.into_values().collect()
}

/// One lock for each name.
#[derive(Debug, Default)]
pub(super) struct Locks(RefCell<BTreeMap<String, Vec<Waker>>>);

#[derive(Debug)]
pub(super) struct Held<'a> {
    locks: &'a Locks,
    name: String,
}

impl Locks {
    pub(super) async fn lock(&self, name: &str) -> Held<'_> {
        poll_fn(|context| {
            let mut locks = self.0.borrow_mut();
            match locks.get_mut(name) {
                Some(waiting) => {
                    waiting.push(context.waker().clone());
                    Poll::Pending
                }
                None => {
                    locks.insert(name.to_owned(), Vec::new());
                    Poll::Ready(())
                }
            }
        })
        .await;
        Held { locks: self, name: name.to_owned() }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let waiting = self.locks.0.borrow_mut().remove(&self.name);
        waiting.into_iter().flatten().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Lets others go on so many times.
    async fn rest(times: usize) {
        let mut left = times;
        poll_fn(|context| {
            if left == 0 {
                return Poll::Ready(());
            }
            left -= 1;
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    #[tokio::test]
    async fn no_more_than_that_many_go_on_and_results_come_in_order() {
        let (going, most) = (Cell::new(0_usize), Cell::new(0_usize));
        let jobs = (0..20_usize).map(|number| {
            let (going, most) = (&going, &most);
            async move {
                going.set(going.get() + 1);
                most.set(most.get().max(going.get()));
                rest(20 - number).await;
                going.set(going.get() - 1);
                number
            }
        });
        assert_eq!(at_most(3, jobs).await, (0..20).collect::<Vec<_>>());
        assert_eq!(most.get(), 3);
        assert!(at_most(3, Vec::<std::future::Ready<()>>::new()).await.is_empty());
        assert_eq!(at_most(3, (0..9).map(std::future::ready)).await.len(), 9);
    }

    #[tokio::test]
    async fn one_name_is_held_by_one_at_a_time_and_let_go_when_dropped() {
        let locks = Locks::default();
        let held = Cell::new(0);
        let jobs = (0..9).map(|number| {
            let (locks, held) = (&locks, &held);
            async move {
                let _held = locks.lock("web").await;
                held.set(held.get() + 1);
                assert_eq!(held.get(), 1, "{number}");
                rest(3).await;
                held.set(held.get() - 1);
            }
        });
        at_most(4, jobs).await;
        let (_web, _other) = (locks.lock("web").await, locks.lock("other").await);
    }
}
