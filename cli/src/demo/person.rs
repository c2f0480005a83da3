//! A person's word: more tasks for five minutes, which end by themselves, and back to version 1. What is sent to the HTTP API
//! is what `pushboat scale` and `pushboat rollback` send.

use anyhow::{Context, Result, anyhow};
use hyper::Method;
use jiff::Timestamp;
use pushboat_local::hub::Hub;
use pushboat_local::traffic::Traffic;
use serde::Serialize;
use serde_json::{Value, json};

use super::surge::Faster;
use super::view::View;
use super::{MARGIN, Teller, connections, tenths};
use crate::api::Client;
use crate::local::{Narrator, stack};

const TASKS: usize = 4;
const MINUTES: i64 = 5;

/// What came of it. The seconds of the count are of the world's time.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Person {
    pub tasks_before: usize,
    pub tasks_asked_for: usize,
    pub tasks_after: usize,
    /// From the call until the count was the load's again.
    pub ended_after_seconds: i64,
    /// From the call until nothing of version 2 was left.
    pub rollback_seconds: f64,
    pub requests_sent: u64,
    pub requests_failed: u64,
}

impl Person {
    pub(super) fn in_words(&self) -> String {
        format!(
            "  the count    {} tasks for {MINUTES} minutes instead of {}, and {} again after {} s\n  \
             rolled back  in {:.1} s; {} requests sent meanwhile, {} failed",
            self.tasks_asked_for,
            self.tasks_before,
            self.tasks_after,
            self.ended_after_seconds,
            self.rollback_seconds,
            self.requests_sent,
            self.requests_failed,
        )
    }
}

impl Teller<'_> {
    /// Time runs faster meanwhile.
    pub(super) async fn count_for_a_time(&self, person: &mut Person) -> Result<()> {
        let mut narrator = Narrator::new(self.local);
        narrator.so_far();
        let _faster = Faster::begin();
        person.tasks_before = self.desired()?;
        let asked_at = Hub::now();
        let body = json!({ "desired": TASKS, "for": format!("{MINUTES}m"), "reason": "a show" });
        self.asks("scale", &body).await?;
        self.reached(&mut narrator, "more tasks", |it| Ok(it.desired()? == TASKS && it.all_are_healthy()?))
            .await?;
        person.tasks_asked_for = TASKS;
        let fewer = self.reached(&mut narrator, "end of it", |it| Ok(it.desired()? < TASKS)).await?;
        self.reached(&mut narrator, "rest", |it| it.all_are_healthy()).await?;
        person.tasks_after = self.desired()?;
        person.ended_after_seconds = seconds(asked_at, fewer);
        Ok(())
    }

    pub(super) async fn roll_back(&self, first: &View, rate: u32, person: &mut Person) -> Result<()> {
        let mut narrator = Narrator::new(self.local);
        narrator.so_far();
        let traffic = Traffic::start(&self.local.addresses.game, f64::from(rate), connections(rate))?;
        tokio::time::sleep(MARGIN).await;
        let since = std::time::Instant::now();
        self.asks("rollback", &json!({})).await?;
        let is_back = |it: &Self| {
            let view = it.local.view().context("the service is gone")?;
            Ok(view.is_settled() && view.digest == first.digest)
        };
        let back = self.reached(&mut narrator, "version 1", is_back).await;
        person.rollback_seconds = tenths(since.elapsed());
        tokio::time::sleep(MARGIN).await;
        let report = traffic.stop().await;
        (person.requests_sent, person.requests_failed) = (report.sent, report.failed);
        back.map(drop)
    }

    /// As the command does. What is decided, the log says.
    async fn asks(&self, what: &str, body: &Value) -> Result<()> {
        let client = Client::of_place(&self.local.addresses).map_err(|trouble| anyhow!("{trouble}"))?;
        let path = format!("/services/{}/{}/{what}", stack::CLUSTER, stack::SERVICE);
        self.page.say(format!("  POST         {path} {body}"));
        let answer = client.ask(Method::POST, &path, Some(body)).await;
        answer.map(drop).map_err(|trouble| anyhow!("{trouble}"))
    }
}

fn seconds(from: Timestamp, to: Timestamp) -> i64 {
    to.duration_since(from).as_secs()
}
