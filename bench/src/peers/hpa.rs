//! The Horizontal Pod Autoscaler, and KEDA, which asks it for the same on a request rate.

use std::collections::VecDeque;

use crate::service::{STEPS_PER_MINUTE, Scaler, View};

const TOLERANCE: f64 = 0.1;
const STABILISATION_STEPS: usize = 300 / 15;

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Source {
    /// Utilisation, each 15 seconds.
    Utilisation,
    /// Requests, polled every 30 seconds.
    Requests,
    /// Requests, as CloudWatch has them.
    CloudWatchMinutes,
}

#[derive(Debug, Clone)]
pub struct Hpa {
    source: Source,
    target: f64,
    wants: VecDeque<u32>,
    polled: Option<f64>,
}

impl Hpa {
    pub fn new(source: Source, target: f64) -> Hpa {
        Hpa { source, target, wants: VecDeque::new(), polled: None }
    }

    /// Load in units of one task, and the tasks it was measured on.
    fn load(&mut self, view: &View<'_>) -> Option<f64> {
        match self.source {
            Source::Utilisation => view.steps.last().map(|point| point.served),
            Source::CloudWatchMinutes => view.minutes.last().map(|point| point.load),
            Source::Requests => {
                // What came since the last poll.
                if view.step.is_multiple_of(2) {
                    let from = view.steps.len().saturating_sub(STEPS_PER_MINUTE / 2);
                    let recent = &view.steps[from..];
                    self.polled = (!recent.is_empty())
                        .then(|| recent.iter().map(|point| point.load).sum::<f64>() / recent.len() as f64);
                }
                self.polled
            }
        }
    }
}

impl Scaler for Hpa {
    fn desired(&mut self, view: &View<'_>) -> u32 {
        let Some(load) = self.load(view) else { return view.desired };
        let (ready, all) = (f64::from(view.running.max(1)), f64::from(view.desired));
        let ratio = load / (ready * self.target);
        let mut wanted = view.desired;
        if ratio > 1.0 {
            // Pods that are not ready count as if they did nothing.
            let with_all = load / (all * self.target);
            if with_all > 1.0 + TOLERANCE {
                wanted = (all * with_all - 1e-9).ceil() as u32;
            }
        } else if ratio < 1.0 - TOLERANCE {
            wanted = ((ready * ratio - 1e-9).ceil() as u32).max(1);
        }
        let fastest = (view.desired * 2).max(view.desired + 4);
        self.wants.push_back(wanted.min(fastest));
        while self.wants.len() > STABILISATION_STEPS {
            self.wants.pop_front();
        }
        if wanted > view.desired {
            return wanted.min(fastest);
        }
        let highest = self.wants.iter().copied().max().unwrap_or(wanted);
        highest.min(view.desired)
    }
}
