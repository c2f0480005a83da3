//! Any order of pushes, template revisions, people, good and bad roll-outs: it comes to rest, and rests well.

use proptest::prelude::*;

use super::*;
use crate::task_definition::TaskDefinition;

#[derive(Debug, Clone)]
enum Step {
    Push(char),
    Template {
        cpu: &'static str,
        image: char,
    },
    Person,
    /// The roll-out that is under way ends by itself, as far as its outcome.
    Turns,
    Ends,
    Sweep,
    /// A sweep during which AWS refuses or does not answer this.
    Trouble(&'static str, Trouble),
    Minutes(i64),
}

/// `x` and `y` do not start; nor does anything with this much CPU.
const BAD_IMAGES: [char; 2] = ['x', 'y'];
const BAD_CPU: &str = "4096";

fn step() -> impl Strategy<Value = Step> {
    // Digests are hexadecimal: the bad ones are told by their letter all the same.
    let letter = prop::sample::select(vec!['a', 'b', 'c', 'x', 'y']);
    prop_oneof![
        3 => letter.clone().prop_map(Step::Push),
        2 => (prop::sample::select(vec!["256", "512", BAD_CPU]), letter)
            .prop_map(|(cpu, image)| Step::Template { cpu, image }),
        1 => Just(Step::Person),
        2 => Just(Step::Turns),
        4 => Just(Step::Ends),
        4 => Just(Step::Sweep),
        2 => (
            prop::sample::select(vec!["UpdateService", "RegisterTaskDefinition", "TagResource", "PutImage",
                "ListServiceDeployments", "ListTaskDefinitions", "DescribeTaskDefinition"]),
            prop::sample::select(vec![Trouble::Unavailable, Trouble::Refused]),
        ).prop_map(|(operation, trouble)| Step::Trouble(operation, trouble)),
        1 => (1_i64..600).prop_map(Step::Minutes),
    ]
}

/// A digit for each letter of the steps.
fn hex(letter: char) -> char {
    match letter {
        'x' => '8',
        'y' => '9',
        other => other,
    }
}

fn is_good(definition: &TaskDefinition) -> bool {
    let image = definition.document["containerDefinitions"][0]["image"].as_str().unwrap();
    let bad_image = BAD_IMAGES.iter().any(|letter| image == pinned(hex(*letter)));
    !bad_image && definition.document["cpu"] != BAD_CPU
}

async fn take(cloud: &Fake, step: &Step) {
    let well = is_good(&cloud.own());
    match step {
        Step::Push(letter) => {
            cloud.images.borrow_mut().insert("game:main".into(), digest(hex(*letter)));
            follow_all(cloud, &pushed()).await.1.unwrap();
        }
        Step::Template { cpu, image } => drop(cloud.template("web", cpu, &pinned(hex(*image)))),
        Step::Person => drop(cloud.define("web", "64", &pinned('f'))),
        Step::Turns => cloud.turns(well),
        Step::Ends => cloud.ends(well),
        Step::Sweep => drop(follow_all(cloud, &Hint::Everything).await),
        Step::Trouble(operation, trouble) => {
            *cloud.failing.borrow_mut() = Some((operation, *trouble));
            drop(follow_all(cloud, &Hint::Everything).await);
            *cloud.failing.borrow_mut() = None;
        }
        Step::Minutes(minutes) => cloud.seconds.set(cloud.seconds.get() + 60 * minutes),
    }
}

/// Sweeps and lets roll-outs end until a sweep writes nothing, or for too long.
async fn come_to_rest(cloud: &Fake) -> bool {
    for _ in 0..12 {
        cloud.ends(is_good(&cloud.own()));
        cloud.writes();
        follow_all(cloud, &Hint::Everything).await.1.unwrap();
        if cloud.writes().is_empty() {
            return true;
        }
    }
    false
}

async fn check(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let cloud = Fake::rolling('a');
    for step in &steps {
        take(&cloud, step).await;
    }
    prop_assert!(come_to_rest(&cloud).await, "no rest: {:#?}", cloud.rollouts.borrow());
    for _ in 0..3 {
        let (decisions, _) = follow_all(&cloud, &Hint::Everything).await;
        prop_assert!(actions(&decisions).iter().all(|action| *action == Action::Kept), "{decisions:#?}");
    }
    prop_assert!(cloud.writes.take().is_empty(), "quiet is no writes at all");

    let (own, newest) = (cloud.own(), cloud.newest("web"));
    prop_assert!(is_good(&own), "{}", own.name());
    let by_a_person = newest.document["cpu"] == "64";
    prop_assert!(by_a_person || is_good(&newest), "the newest revision {} is none to run", newest.name());
    // What was pushed last runs, unless it is bad, or was tried together with something bad.
    let wanted = cloud.images.borrow()["game:main"].clone();
    let runs = own.document["containerDefinitions"][0]["image"] == format!("{}@{wanted}", fake::URI);
    let rejected = policy::rejection(&cloud.services.borrow()[0].tags, &wanted).is_some();
    prop_assert!(runs != rejected, "{wanted}: runs {runs}, rejected {rejected}");
    if !steps.iter().any(|step| matches!(step, Step::Template { cpu, .. } if *cpu == BAD_CPU)) {
        let bad = BAD_IMAGES.iter().any(|letter| digest(hex(*letter)) == wanted);
        prop_assert!(rejected == bad, "without a bad template only bad images are rejected");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn it_comes_to_rest_on_good_revisions_whatever_happens(steps in prop::collection::vec(step(), 0..24)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(check(steps))?;
    }
}
