use proptest::prelude::*;

use super::super::policy::Signal;
use super::*;

const NOW: &str = "2026-11-23T07:00:00Z";

fn tags(pairs: &[(&str, &str)]) -> Tags {
    pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect()
}

/// A service whose load has been this for a day, and whose last minute ended a minute ago.
#[derive(Debug, Clone)]
struct Case {
    tags: Tags,
    desired: u32,
    is_deploying: bool,
    zones: u32,
    loads: Vec<Vec<f32>>,
    fast: Vec<f32>,
    lag_minutes: i64,
}

impl Case {
    fn of(capacity: &str, desired: u32, load: f32) -> Case {
        Case {
            tags: tags(&[("pushboat:capacity", capacity), ("pushboat:style", "lean")]),
            desired,
            is_deploying: false,
            zones: 2,
            loads: vec![vec![load; 1440]],
            fast: Vec::new(),
            lag_minutes: 1,
        }
    }

    fn with(mut self, key: &str, value: &str) -> Case {
        self.tags.insert(key.to_owned(), value.to_owned());
        self
    }

    fn decide(&self) -> Decision {
        let now: Timestamp = NOW.parse().unwrap();
        let policy = Policy::of(&self.tags).unwrap().unwrap();
        let minutes =
            |loads: &[f32]| now.as_second() / 60 - self.lag_minutes - i64::try_from(loads.len()).unwrap();
        let loads: Vec<TargetLoad<'_>> = policy
            .targets
            .iter()
            .zip(&self.loads)
            .map(|(&target, loads)| TargetLoad {
                target,
                minutes: History { first_minute: minutes(loads), loads },
                fast: &self.fast,
            })
            .collect();
        decide(&Situation {
            now,
            policy: &policy,
            tags: &self.tags,
            desired: self.desired,
            is_deploying: self.is_deploying,
            zones: self.zones,
            startup: None,
            loads: &loads,
        })
    }

    #[track_caller]
    fn decides(&self, desired: u32, says: &str) {
        let decision = self.decide();
        assert_eq!(decision.desired, desired, "{decision:?}");
        assert!(decision.reason.contains(says), "{decision:?}");
    }
}

#[test]
fn the_load_decides_within_the_bounds() {
    Case::of("2-20", 3, 9.5).decides(10, "cpu/60: 10 for 9.5");
    Case::of("2-8", 3, 9.5).decides(8, "never above 8");
    Case::of("12-20", 3, 9.5).decides(12, "never below 12");
    let mut short = Case::of("2-20", 3, 9.5);
    short.loads[0].truncate(30);
    short.decides(11, "by the plain rule");
}

#[test]
fn a_task_in_each_zone_unless_the_policy_says_otherwise() {
    Case::of("-20", 3, 0.5).decides(2, "a task in each of 2 zones");
    Case::of("1-20", 3, 0.5).decides(1, "cpu/60: 1 for 0.5");
    Case::of("-1", 3, 0.5).decides(1, "cpu/60");
}

#[test]
fn no_load_is_a_load_and_no_metrics_are_none() {
    Case::of("1-20", 9, 0.0).decides(1, "cpu/60: 1");
    let mut silent = Case::of("1-20", 9, 0.0);
    silent.loads[0].fill(f32::NAN);
    silent.decides(9, "no metrics for 5 minutes, so nothing is scaled in");
    let mut stale = Case::of("1-20", 9, 15.0);
    stale.lag_minutes = 6;
    stale.decides(9, "no metrics");
    let mut late = Case::of("1-20", 9, 12.0);
    late.lag_minutes = 4;
    late.decides(12, "expected in 6 minutes");
    Case { loads: Vec::new(), ..Case::of("1-20", 9, 0.0) }.decides(9, "no metrics");
    Case { loads: Vec::new(), ..Case::of("10-20", 9, 0.0) }.decides(10, "never below 10");
}

#[test]
fn the_hungriest_of_several_signals_counts_and_a_silent_one_only_holds() {
    let both = Case::of("1-20", 9, 2.0).with("pushboat:load", "requests/600 memory/70");
    let both = Case { loads: vec![vec![2.0; 1440], vec![4.6; 1440]], ..both };
    both.decides(5, "memory/70: 5");
    let silent = Case { loads: vec![vec![2.0; 1440], vec![f32::NAN; 1440]], ..both.clone() };
    silent.decides(9, "memory/70: no metrics");
    let rising = Case { loads: vec![vec![12.0; 1440], vec![f32::NAN; 1440]], ..both };
    rising.decides(12, "requests/600: 12");
}

#[test]
fn scale_in_pauses_during_a_deployment_and_scale_out_does_not() {
    let deploying = |case: Case| Case { is_deploying: true, ..case };
    deploying(Case::of("1-20", 9, 2.0)).decides(9, "a deployment is under way");
    deploying(Case::of("1-20", 9, 12.0)).decides(12, "12 for 12.0");
    deploying(Case::of("1-6", 9, 2.0)).decides(9, "a deployment is under way");
}

#[test]
fn seconds_raise_what_minutes_have_not_seen() {
    Case { fast: vec![2.0, 9.0], ..Case::of("1-20", 2, 2.0) }.decides(11, "load of the last seconds");
    Case { fast: vec![2.0], ..Case::of("1-20", 9, 12.0) }.decides(12, "expected");
    let only = Case { loads: vec![vec![f32::NAN; 10]], fast: vec![2.0], ..Case::of("1-20", 9, 0.0) };
    only.decides(3, "last seconds");
}

#[test]
fn a_schedule_is_a_floor() {
    let monday = "mon/08:00-19:00/6/Europe/Berlin";
    Case::of("1-20", 2, 2.0).with("pushboat:schedule", monday).decides(6, "the schedule mon/08:00-19:00/6");
    Case::of("1-20", 2, 9.5).with("pushboat:schedule", monday).decides(10, "10 for 9.5");
    Case::of("1-20", 2, 2.0).with("pushboat:schedule", "tue/08:00-19:00/6").decides(2, "2 for 2.0");
}

#[test]
fn alarms_raise_and_lower_and_what_raises_wins() {
    let at = "2026-11-23T06:59:00Z 2026-11-23T06:59:00Z";
    let floor = |count: u32| format!("floor {count} {at} queue-long");
    let ceiling = |count: u32| format!("ceiling {count} {at} queue-empty");
    let case = || Case::of("2-20", 4, 4.0);
    case().with("pushboat:alarm:1", &floor(6)).decides(6, "at least 6 while queue-long is in ALARM");
    case().with("pushboat:alarm:1", &floor(30)).decides(20, "never above 20");
    case().with("pushboat:alarm:1", &ceiling(3)).decides(3, "at most 3 while queue-empty");
    case().with("pushboat:alarm:1", &ceiling(1)).decides(2, "never below 2");
    let both = case().with("pushboat:alarm:1", &ceiling(3)).with("pushboat:alarm:2", &floor(6));
    both.with("pushboat:schedule", "mon/00:00-24:00/5").decides(6, "at least 6");
    Case::of("2-20", 9, 4.0)
        .with("pushboat:alarm:1", "nonsense")
        .decides(9, "the tag pushboat:alarm:1 cannot be read");
}

#[test]
fn what_a_person_said_wins_until_it_expires() {
    let until = |count: u32, time: &str| format!("{count} 2026-11-23T{time}Z ann big sale");
    let case = || Case::of("2-20", 9, 9.5).with("pushboat:schedule", "mon/00:00-24:00/5");
    let over = |key: &str, count| case().with(key, &until(count, "07:00:01"));
    over("pushboat:desired", 3).decides(3, "override: 3 by ann until 2026-11-23T07:00:01Z: big sale");
    over("pushboat:desired", 30).decides(20, "never above 20");
    over("pushboat:min", 15).decides(15, "override: at least 15 by ann");
    over("pushboat:min", 30).decides(30, "override: at least 30");
    over("pushboat:max", 4).decides(4, "override: at most 4");
    over("pushboat:max", 1).decides(1, "override: at most 1");
    let low = Case { is_deploying: true, ..over("pushboat:desired", 3) };
    low.decides(3, "override");
    let expired = case().with("pushboat:desired", &until(3, "07:00:00"));
    expired.decides(10, "10 for 9.5");
    assert_eq!(expired.decide().expired, ["pushboat:desired"]);
    Case::of("2-20", 9, 4.0).with("pushboat:min", "lots").decides(9, "the tag pushboat:min cannot be read");
}

#[test]
fn a_surge_is_followed_at_once_and_its_end_after_some_minutes() {
    let mut case = Case::of("1-50", 5, 5.0);
    for (at, load) in case.loads[0].iter_mut().enumerate() {
        *load = 5.0 + (at * 7919 % 101) as f32 / 200.0;
    }
    let rising = |minutes: usize, loads: &[f32]| {
        let mut loads = loads.to_vec();
        let from = loads.len() - minutes;
        for (at, load) in loads[from..].iter_mut().enumerate() {
            *load = 8.0 + 3.0 * at as f32;
        }
        loads
    };
    let surge = Case { loads: vec![rising(2, &case.loads[0])], ..case.clone() };
    assert!(surge.decide().desired >= 11, "{:?}", surge.decide());
    let mut over = rising(4, &case.loads[0]);
    over.extend([5.0, 5.0]);
    let over = Case { loads: vec![over], desired: 20, ..case };
    assert!(over.decide().desired >= 17, "{:?}", over.decide());
}

#[test]
fn a_memory_changes_nothing() {
    let case = Case::of("1-50", 5, 5.0);
    let policy = Policy::of(&case.tags).unwrap().unwrap();
    let loads: Vec<f32> = (0..4000).map(|at| 5.0 + (at * 7919 % 1013) as f32 / 200.0).collect();
    let mut memory = Memory::default();
    for end in (3000..4000).step_by(13) {
        let minutes = History { first_minute: 29_000_000, loads: &loads[..end] };
        let load = TargetLoad { target: policy.targets[0], minutes, fast: &[] };
        let now = Timestamp::from_second((29_000_001 + i64::try_from(end).unwrap()) * 60).unwrap();
        let situation = Situation {
            now,
            policy: &policy,
            tags: &case.tags,
            desired: 5,
            is_deploying: false,
            zones: 1,
            startup: Some(SignedDuration::from_secs(90)),
            loads: &[load],
        };
        assert_eq!(decide_with(&situation, &mut memory), decide(&situation));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn never_outside_the_bounds_and_never_in_during_a_deployment(
        (min, max) in (1_u32..30).prop_flat_map(|min| (Just(min), min..60)),
        desired in 1_u32..60,
        is_deploying in any::<bool>(),
        level in 0.0_f32..80.0,
        fast in proptest::collection::vec(prop_oneof![0.0_f32..100.0, Just(f32::NAN)], 0..5),
        floor in 1_u32..80,
        ceiling in 1_u32..80,
        known in 0_usize..600,
    ) {
        let at = "2026-11-23T06:59:00Z 2026-11-23T06:59:00Z";
        let mut case = Case::of(&format!("{min}-{max}"), desired, level)
            .with("pushboat:alarm:1", &format!("floor {floor} {at} a"))
            .with("pushboat:alarm:2", &format!("ceiling {ceiling} {at} b"));
        case.loads[0].truncate(known);
        case.fast = fast;
        case.is_deploying = is_deploying;
        let decision = case.decide();
        let most = if is_deploying { max.max(desired) } else { max };
        prop_assert!((min..=most).contains(&decision.desired), "{decision:?}");
        prop_assert!(!is_deploying || decision.desired >= desired.min(most), "{decision:?}");
        prop_assert!(!decision.reason.is_empty());
    }

    #[test]
    fn a_person_bounds_everything(min in 1_u32..60, more in 0_u32..60, level in 0.0_f32..80.0, desired in 1_u32..60) {
        let until = "2026-11-23T08:00:00Z ann x";
        let case = Case::of("2-20", desired, level)
            .with("pushboat:min", &format!("{min} {until}"))
            .with("pushboat:max", &format!("{} {until}", min + more));
        prop_assert!((min..=min + more).contains(&case.decide().desired));
    }
}

#[test]
fn the_targets_of_the_policy_are_matched_by_what_they_are() {
    let target = Target { signal: Signal::Requests, per_task: 600.0 };
    let case = Case::of("1-20", 9, 2.0);
    let policy = Policy::of(&case.tags).unwrap().unwrap();
    let loads = [2.0_f32; 30];
    let minutes = History { first_minute: 0, loads: &loads };
    let decision = decide(&Situation {
        now: Timestamp::from_second(31 * 60).unwrap(),
        policy: &policy,
        tags: &case.tags,
        desired: 9,
        is_deploying: false,
        zones: 1,
        startup: None,
        loads: &[TargetLoad { target, minutes, fast: &[] }],
    });
    assert!(decision.reason.contains("cpu/60: no metrics"), "{decision:?}");
}
