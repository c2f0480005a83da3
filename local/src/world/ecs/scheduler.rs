//! Which tasks of a service to start and to stop now: rolling within minimum and maximum percent, over the zones.
//! How many is `rolling`'s arithmetic; this looks at the tasks, chooses which, and carries it out.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::event::list_of_tasks;
use super::rolling::{Heads, Limits, Progress, next_moves, restart_delay};
use super::task::Stop;
use super::{Deployment, DeploymentStatus, RolloutState, Service, ServiceStatus, Task, TaskStatus};
use crate::world::elb::TargetState;
use crate::world::{Timestamp, World};

/// One live task, as far as choosing needs it.
#[derive(Debug, Clone)]
struct Member {
    task: usize,
    zone: String,
    is_primary: bool,
    /// Counts as healthy.
    is_kept: bool,
    is_healthy: bool,
    is_running: bool,
}

impl World {
    /// Everything a service does by itself, once; whether anything moved.
    pub(super) fn run_service(&mut self, service: usize) -> bool {
        if self.ecs.services[service].status == ServiceStatus::Inactive {
            return false;
        }
        let mut moved = self.notice_healthy_tasks(service);
        moved |= self.stop_unhealthy_tasks(service);
        moved |= self.check_circuit_breaker(service);
        moved |= self.step_stages(service);
        moved |= self.move_tasks(service);
        moved |= self.conclude_deployment(service);
        moved |= self.conclude_service(service);
        moved
    }

    /// When a service has something to do without being told: a delayed start, or the end of a grace period.
    pub(super) fn service_wakes<'a>(&'a self, service: &'a Service) -> impl Iterator<Item = Timestamp> + 'a {
        let restarts = service.deployments.iter().filter_map(|it| it.restart_not_before);
        let unhealthy = self.live_tasks(service).filter(|(_, it)| self.failing_target_group(it).is_some());
        let grace_ends = unhealthy.filter_map(|(_, it)| grace_end(service, it));
        restarts.chain(grace_ends).chain(self.stage_wake(service))
    }

    fn live_tasks<'a>(&'a self, service: &'a Service) -> impl Iterator<Item = (usize, &'a Task)> + 'a {
        let of_service = |task: &Task| task.service_arn.as_ref() == Some(&service.arn);
        let tasks = self.ecs.tasks.iter().enumerate();
        tasks.filter(move |(_, it)| it.is_wanted() && of_service(it))
    }

    fn notice_healthy_tasks(&mut self, index: usize) -> bool {
        let service = &self.ecs.services[index];
        let newly: Vec<usize> = self
            .live_tasks(service)
            .filter(|(_, it)| !it.was_healthy && self.is_healthy(it))
            .map(|(task, _)| task)
            .collect();
        for &task in &newly {
            self.ecs.tasks[task].was_healthy = true;
            let revision_arn = self.ecs.tasks[task].service_revision_arn.clone();
            let service = &mut self.ecs.services[index];
            let resets = service.circuit_breaker.is_none_or(|it| it.reset_on_healthy_task);
            let mut deployments = service.deployments.iter_mut();
            let its = deployments.find(|it| Some(&it.service_revision_arn) == revision_arn.as_ref());
            if let Some(deployment) = its {
                if resets {
                    deployment.failed_tasks = 0;
                }
                deployment.failures_in_a_row = 0;
                deployment.restart_not_before = None;
            }
        }
        !newly.is_empty()
    }

    fn failing_target_group(&self, task: &Task) -> Option<(String, u16, String)> {
        if task.last_status != TaskStatus::Running {
            return None;
        }
        task.targets().into_iter().find_map(|(group, id, port)| {
            let target = self.elb.target(&group, id, port)?;
            let why = target.failure.as_ref().map(|it| it.description()).unwrap_or_default();
            (target.state == TargetState::Unhealthy).then_some((group, port, why))
        })
    }

    fn stop_unhealthy_tasks(&mut self, index: usize) -> bool {
        let service = &self.ecs.services[index];
        let over = |task: &Task| grace_end(service, task).is_some_and(|end| end <= self.now);
        let sick: Vec<_> = self
            .live_tasks(service)
            .filter(|(_, it)| over(it))
            .filter_map(|(task, it)| Some((task, self.failing_target_group(it)?)))
            .collect();
        for (task, (target_group_arn, port, why)) in &sick {
            let id = &self.ecs.tasks[*task].id;
            let message = format!(
                "(task {id}) (port {port}) is unhealthy in (target-group {target_group_arn}) due to (reason {why})"
            );
            self.say(index, &message);
            let target_group_arn = target_group_arn.clone();
            self.stop_together(index, &[*task], &Stop::Unhealthy { target_group_arn });
            self.ecs.services[index].steady = false;
        }
        !sick.is_empty()
    }

    fn move_tasks(&mut self, index: usize) -> bool {
        let service = &self.ecs.services[index];
        let Some(primary) = service.deployments.first() else {
            return false;
        };
        let proven = proven_deployment(service);
        let members = self.members(service);
        let progress = progress(service, &members);
        let may_start = |it: &Deployment| it.restart_not_before.is_none_or(|it| it <= self.now);
        let proven = proven.filter(|it| may_start(&service.deployments[*it]));
        let mut moves = next_moves(Limits::of(service), heads(&members), progress, may_start(primary));
        if self.keeps_older_tasks(service) {
            moves.stop_older = 0;
        }
        let deployment_id = primary.id.clone();

        let (primaries, older): (Vec<_>, Vec<_>) = members.into_iter().partition(|it| it.is_primary);
        let mut victims = choose_victims(older, moves.stop_older);
        victims.extend(choose_victims(primaries, moves.stop_primary));
        if !victims.is_empty() {
            self.stop_together(index, &victims, &Stop::Scaling { deployment_id });
        }
        let mut started = Vec::new();
        if let Some(proven) = proven {
            started.extend(self.start(index, proven, moves.start_proven));
        }
        started.extend(self.start(index, 0, moves.start_primary));
        if !started.is_empty() {
            let list = list_of_tasks(started.iter().map(String::as_str));
            self.say(index, &format!("has started {} tasks: {list}.", started.len()));
        }
        let moved = !started.is_empty() || !victims.is_empty();
        if moved {
            self.ecs.services[index].steady = false;
        }
        moved
    }

    fn members(&self, service: &Service) -> Vec<Member> {
        let revision_of =
            |deployment: usize| service.deployments.get(deployment).map(|it| &it.service_revision_arn);
        let proven = proven_deployment(service).and_then(revision_of);
        let primary = revision_of(0);
        let failing = service.deployments.first().is_some_and(|it| it.failed_tasks > 0);
        let member = |(task, it): (usize, &Task)| {
            let revision = it.service_revision_arn.as_ref();
            let is_healthy = self.is_healthy(it);
            let is_sick = self.failing_target_group(it).is_some();
            Member {
                task,
                zone: it.zone.clone(),
                is_primary: revision == primary,
                // A proven task that replaces a lost one must not make room again before it is up.
                is_kept: is_healthy || (failing && !is_sick && revision == proven),
                is_healthy,
                is_running: it.last_status == TaskStatus::Running,
            }
        };
        self.live_tasks(service).map(member).collect()
    }

    fn start(&mut self, index: usize, deployment: usize, count: u32) -> Vec<String> {
        let mut started = Vec::new();
        for _ in 0..count {
            let zone = self.emptiest_zone(index, deployment);
            started.push(self.launch_task(index, deployment, &zone));
        }
        started
    }

    /// Fewest live tasks of the deployment, then of the service, then as the settings list them.
    fn emptiest_zone(&self, index: usize, deployment: usize) -> String {
        let service = &self.ecs.services[index];
        let revision = &service.deployments[deployment].service_revision_arn;
        let crowd = |zone: &String| {
            let here = self.live_tasks(service).filter(|(_, it)| it.zone == *zone);
            here.fold((0_u32, 0_u32), |(of_revision, of_service), (_, it)| {
                let same = it.service_revision_arn.as_ref() == Some(revision);
                (of_revision + u32::from(same), of_service + 1)
            })
        };
        let zones = self.settings.zones.iter();
        zones.min_by_key(|it| crowd(it)).cloned().unwrap_or_default()
    }

    /// A task stopped by its own doing before it was ever healthy. After some in a row the next ones wait longer
    /// and longer.
    pub(super) fn count_failure(&mut self, task: usize) {
        let task = &self.ecs.tasks[task];
        let (service_arn, revision_arn) = (task.service_arn.clone(), task.service_revision_arn.clone());
        let Some(index) = self.ecs.services.iter().position(|it| Some(&it.arn) == service_arn.as_ref())
        else {
            return;
        };
        let (now, longest) = (self.now, self.settings.timing.longest_restart_delay_seconds);
        let service = &mut self.ecs.services[index];
        let desired = service.desired_count;
        let mut deployments = service.deployments.iter_mut();
        let its = deployments.find(|it| Some(&it.service_revision_arn) == revision_arn.as_ref());
        let Some(deployment) = its else {
            return;
        };
        deployment.failed_tasks += 1;
        deployment.failures_in_a_row += 1;
        deployment.updated_at = now;
        let Some(delay) = restart_delay(deployment.failures_in_a_row, desired, longest) else {
            return;
        };
        let first = deployment.restart_not_before.is_none();
        deployment.restart_not_before = Some(now + delay);
        if first {
            self.say(
                index,
                "is unable to consistently start tasks successfully. For more information, see the \
                 Troubleshooting section of the Amazon ECS Developer Guide.",
            );
            self.emit_service_action(index, super::event::Event::TaskStartImpaired);
        }
    }
}

fn grace_end(service: &Service, task: &Task) -> Option<Timestamp> {
    let grace = SignedDuration::from_secs(i64::from(service.health_check_grace_period_seconds));
    task.started_at.map(|it| it + grace)
}

/// The newest older deployment that once completed.
fn proven_deployment(service: &Service) -> Option<usize> {
    let mut deployments = service.deployments.iter();
    deployments
        .position(|it| it.status == DeploymentStatus::Active && it.rollout_state == RolloutState::Completed)
}

fn progress(service: &Service, members: &[Member]) -> Progress {
    let Some(primary) = service.deployments.first() else {
        return Progress::Stalled;
    };
    let has_proven = proven_deployment(service).is_some();
    let has_healthy = members.iter().any(|it| it.is_primary && it.is_kept);
    match primary.rollout_state {
        RolloutState::Failed => Progress::Stalled,
        RolloutState::InProgress if has_proven && primary.failed_tasks > 0 && !has_healthy => {
            Progress::Failing
        }
        RolloutState::InProgress | RolloutState::Completed => Progress::Fine,
    }
}

fn heads(members: &[Member]) -> Heads {
    let count = |which: &dyn Fn(&Member) -> bool| {
        let matching = members.iter().filter(|it| which(it)).count();
        u32::try_from(matching).unwrap_or(u32::MAX)
    };
    Heads {
        primary: count(&|it| it.is_primary),
        primary_healthy: count(&|it| it.is_primary && it.is_kept),
        older: count(&|it| !it.is_primary),
        older_kept: count(&|it| !it.is_primary && it.is_kept),
    }
}

/// What has not started first, then what is not healthy, then from the fullest zone; the newest of these.
fn choose_victims(mut members: Vec<Member>, count: u32) -> Vec<usize> {
    let mut victims = Vec::new();
    for _ in 0..count {
        let mut crowd: BTreeMap<String, u32> = BTreeMap::new();
        for member in &members {
            *crowd.entry(member.zone.clone()).or_default() += 1;
        }
        let rank = |it: &Member| {
            let crowd = crowd.get(&it.zone).copied();
            (!it.is_kept, !it.is_healthy, !it.is_running, crowd, it.task)
        };
        let Some(position) = (0..members.len()).max_by_key(|it| rank(&members[*it])) else {
            break;
        };
        victims.push(members.remove(position).task);
    }
    victims
}
