//! Many services under AWS's limits, in virtual time: nobody is left out, nothing is lost, and others get their share.

use super::fake::arn;
use super::virtual_time::{Account, Clock, Job};
use super::*;
use crate::hold::HOLD;
use std::time::Duration;

fn services(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("service-{number}")).collect()
}

fn account(names: &[String]) -> Account {
    let tracked: Vec<_> = names.iter().map(|name| (name.as_str(), "game:main")).collect();
    Account::new(Fake::new(&tracked, 'b'))
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A push at the beginning, as often as it is delivered, sweeps from a second on, and somebody else who registers.
fn run(account: &Account, deliveries: usize, first_sweep: u64, minutes: u64) {
    let mut all = Vec::new();
    for delivery in 0..deliveries {
        all.push(account.invocation(pushed(), Duration::from_millis(300 * delivery as u64), seconds(60)));
    }
    for minute in 0..minutes {
        all.push(account.invocation(Hint::Everything, seconds(first_sweep + 60 * minute), seconds(60)));
    }
    all.push(account.somebody_else(seconds(20), seconds(60 * minutes)));
    account.clock.run(all);
}

const CROWD: usize = 300;
/// What the bucket of RegisterTaskDefinition allows at best: 20 at once, then one each second.
const AT_BEST: f64 = CROWD as f64 - 20.0;

#[test]
fn three_hundred_services_follow_one_push_nearly_as_fast_as_aws_lets_anybody() {
    for (deliveries, first_sweep) in [(1, 5), (1, 30), (1, 59), (2, 20), (3, 12), (0, 40)] {
        let case = format!("{deliveries} deliveries, sweeps from {first_sweep} s on");
        let account = account(&services(CROWD));
        run(&account, deliveries, first_sweep, 8);

        // Of a push whose event is lost, nobody knows before the first sweep.
        let known = if deliveries == 0 { first_sweep as f64 } else { 0.0 };
        let took = account.released.borrow().last().unwrap().as_secs_f64() - known;
        assert!(took <= 1.15 * AT_BEST, "{case}: {took} s, {account:?}");
        let newest = pinned('b');
        for service in account.fake.services.borrow().iter() {
            let runs = account.fake.find(&service.task_definition_arn).unwrap();
            assert_eq!(runs.document["containerDefinitions"][0]["image"], newest, "{case}: {}", service.name);
        }
        let (refused, foreign) = (account.refused("RegisterTaskDefinition"), account.foreign_refused.get());
        assert!(refused <= CROWD as u32 / 10, "{case}: {refused} were one too many");
        assert!(foreign <= 2, "{case}: {foreign} of somebody else's were refused");
        let surplus = account.registered() - CROWD;
        // Two that overlap may both register for a service.
        assert!(surplus <= deliveries, "{case}: {surplus} revisions too many");
        assert_eq!(account.refused("UpdateService"), 0, "{case}");
        assert!(!account.decided(Action::Failed), "{case}");
        assert!(account.decided(Action::Postponed), "{case}: it did not fit one invocation");
        let late = account.latest_end.get();
        assert!(late <= seconds(58), "{case}: an invocation took {late:?} of 60 s");
    }
}

#[test]
fn a_quiet_sweep_over_three_hundred_services_is_short_and_asks_once_for_each() {
    let account = account(&services(CROWD));
    account.fake.images.borrow_mut().insert("game:main".into(), digest('a'));
    let sweep = account.invocation(Hint::Everything, Duration::ZERO, seconds(60));
    account.clock.run(vec![sweep]);
    assert!(account.latest_end.get() < seconds(25), "{:?}", account.latest_end.get());
    assert_eq!(account.granted("DescribeTaskDefinition"), CROWD as u32);
    assert_eq!((account.granted("DescribeRepositories"), account.granted("DescribeImages")), (1, 1));
    assert_eq!((account.granted("ListServices"), account.granted("DescribeServices")), (3, 30));
    assert_eq!(account.granted("DescribeClusters"), 0, "a hold matters only where something is due");
    assert_eq!(account.refusals.borrow().len(), 0, "{account:?}");
    assert!(account.fake.writes().is_empty());
}

#[test]
fn services_of_one_family_that_are_looked_at_together_share_one_revision() {
    let names = services(60);
    let account = account(&names);
    for service in account.fake.services.borrow_mut().iter_mut() {
        service.task_definition_arn = arn("service-1:1");
    }
    let push = account.invocation(pushed(), Duration::ZERO, seconds(60));
    account.clock.run(vec![push]);
    assert_eq!(account.registered(), 1);
    assert_eq!(account.released.borrow().len(), 60, "UpdateService is all that is needed");
    assert_eq!(account.granted("PutImage"), 1, "the image gets its own tag once");
}

#[test]
fn an_answer_that_is_lost_registers_nothing_twice_also_among_families_with_the_same_beginning() {
    let names: Vec<_> = ["game", "game-2", "game-20", "game-2048", "game-2048-b", "gam"]
        .iter()
        .flat_map(|family| [family.to_string(), format!("{family}x")])
        .collect();
    let account = account(&names);
    // Every first answer of a family's registration is lost.
    account.loses_answers.set(names.len() as u32);
    let sweeps = [0, 60, 120].map(|at| account.invocation(Hint::Everything, seconds(at), seconds(60)));
    account.clock.run(sweeps.into());
    assert_eq!(account.registered(), names.len(), "each try after the first finds what is there");
    for service in account.fake.services.borrow().iter() {
        assert_eq!(service.task_definition_arn, arn(&format!("{}:2", service.name.service)));
    }
}

#[test]
fn whoever_hammers_is_yielded_to_and_everything_is_done_in_the_end() {
    let account = account(&services(40));
    let mut all: Vec<_> =
        (0..5).map(|at| account.invocation(Hint::Everything, seconds(60 * at), seconds(60))).collect();
    // Three of four tokens are somebody else's.
    all.push(account.somebody_else(Duration::from_millis(1_333), seconds(200)));
    account.clock.run(all);
    assert_eq!(account.released.borrow().len(), 40, "{account:?}");
    assert!(account.refused("RegisterTaskDefinition") <= 60, "{account:?}");
    assert!(!account.decided(Action::Failed));
}

#[test]
fn a_short_invocation_does_what_it_can_and_says_so() {
    let account = account(&services(60));
    let sweeps = (0..12).map(|at| account.invocation(Hint::Everything, seconds(60 * at), seconds(8)));
    account.clock.run(sweeps.collect());
    assert_eq!(account.released.borrow().len(), 60, "{account:?}");
    assert!(account.latest_end.get() < seconds(8));
    let said = account.said.borrow();
    assert!(said.iter().any(|it| it.reason.contains("were not reached in the time of this invocation")));
    assert!(
        said.iter().any(|it| it.service.is_some() && it.reason.contains("no time left in this invocation"))
    );
}

#[test]
fn a_hold_on_the_cluster_stops_what_still_waits_for_its_turn() {
    let account = account(&services(100));
    let somebody: Job<'_> = Box::pin(async {
        account.clock.sleep(seconds(20)).await;
        let hold = (HOLD.to_owned(), "- ann sale".to_owned());
        account.fake.cluster_tags.borrow_mut().extend([hold]);
    });
    account.clock.run(vec![account.invocation(pushed(), Duration::ZERO, seconds(60)), somebody]);
    let released = account.released.borrow();
    assert!(released.len() > 20 && *released.last().unwrap() < seconds(23), "{account:?}");
    let held = account.said.borrow().iter().filter(|it| it.reason.contains("its cluster is held")).count();
    assert_eq!(released.len() + held, 100, "{account:?}");
}

/// A clock that nobody waits for.
#[test]
fn time_goes_from_one_sleep_to_the_next() {
    let clock = Clock::default();
    let order = std::cell::RefCell::new(Vec::new());
    let sleeper = |millis: u64| {
        let (clock, order) = (&clock, &order);
        Box::pin(async move {
            clock.sleep(Duration::from_millis(millis)).await;
            order.borrow_mut().push((millis, clock.now()));
        })
    };
    clock.run(vec![sleeper(30), sleeper(10), sleeper(20)]);
    assert_eq!(order.take(), [10, 20, 30].map(|it| (it, Duration::from_millis(it))));
}
