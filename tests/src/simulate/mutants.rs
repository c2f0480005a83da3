//! Mutants: Pushboat with one thing wrong, each made to break one rule. They sit between the core and the cloud, so the
//! core knows nothing of them; a simulator that does not find them is worth nothing.

use super::watch::Rule;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    ActsOnTheEvent,
    ForgetsRejections,
    RejectsNothing,
    NotesNothing,
    SendsTheCount,
    Hurries,
    DropsUnknownFields,
    RegistersBlindly,
    NoSecondLook,
    RestoresNothing,
    SweepsNothing,
    TrustsTheStack,
    BlamesTheStopped,
    SaysNothing,
    IgnoresHolds,
    FightsPeople,
    ForgetsWhoAsked,
    RehearsesInEarnest,
    SupersedesForEver,
    GoesTooFar,
    FightsAutoscaling,
    IgnoresOverrides,
    ScalesInMeanwhile,
    StepsWithEachDelivery,
    ScalesNothing,
}

use Mutant::*;

/// Name, the rule it breaks, and what is wrong with it.
pub const MUTANTS: [(Mutant, &str, Rule, &str); 25] = [
    (ActsOnTheEvent, "acts-on-the-event", Rule::LooksFirst, "takes the digest that the event names"),
    (ForgetsRejections, "forgets-rejections", Rule::NoReturn, "reads no rejection and no mark"),
    (RejectsNothing, "rejects-nothing", Rule::NoReturn, "marks the failed revision, not the service"),
    (NotesNothing, "notes-nothing", Rule::Quiet, "writes neither mark to where it can be read"),
    (SendsTheCount, "sends-the-count", Rule::Count, "sends desiredCount with a release"),
    (Hurries, "hurries", Rule::Floor, "lets a release stop every old task first"),
    (DropsUnknownFields, "drops-unknown-fields", Rule::Revision, "registers only members it knows"),
    (RegistersBlindly, "registers-blindly", Rule::Surplus, "registers without looking for an earlier try"),
    (NoSecondLook, "no-second-look", Rule::SecondLook, "does not look again after a release"),
    (RestoresNothing, "restores-nothing", Rule::GoodNewest, "leaves a failed revision the newest one"),
    (SweepsNothing, "sweeps-nothing", Rule::Newest, "sees no service when it sweeps"),
    (
        TrustsTheStack,
        "trusts-the-stack",
        Rule::Stack,
        "takes what the template's revision runs for what is wanted",
    ),
    (
        BlamesTheStopped,
        "blames-the-stopped",
        Rule::Blame,
        "takes a roll-out that was replaced for one that failed",
    ),
    (SaysNothing, "says-nothing", Rule::Reason, "leaves the reason of its decisions empty"),
    (IgnoresHolds, "ignores-holds", Rule::Held, "reads no hold"),
    (FightsPeople, "fights-people", Rule::Person, "takes every revision for one of its own"),
    (ForgetsWhoAsked, "forgets-who-asked", Rule::Person, "does not write who asked for an image"),
    (RehearsesInEarnest, "rehearses-in-earnest", Rule::Rehearsed, "does what it should only plan"),
    (SupersedesForEver, "supersedes-for-ever", Rule::Completes, "sees no roll-out that was superseded"),
    (GoesTooFar, "goes-too-far", Rule::Bounds, "reads wider bounds than the owner has written"),
    (FightsAutoscaling, "fights-autoscaling", Rule::OneScaler, "sees no scalable target"),
    (IgnoresOverrides, "ignores-overrides", Rule::Override, "reads nobody's word on the count"),
    (ScalesInMeanwhile, "scales-in-meanwhile", Rule::ScaleIn, "takes every deployment for a completed one"),
    (StepsWithEachDelivery, "steps-with-each-delivery", Rule::Once, "reads no bound that an alarm has moved"),
    (ScalesNothing, "scales-nothing", Rule::Sized, "is told of no load"),
];

impl Mutant {
    pub fn named(name: &str) -> Option<Mutant> {
        MUTANTS.iter().find(|it| it.1 == name).map(|it| it.0)
    }

    pub fn breaks(self) -> Rule {
        MUTANTS.iter().find(|it| it.0 == self).map_or(Rule::Newest, |it| it.2)
    }
}
