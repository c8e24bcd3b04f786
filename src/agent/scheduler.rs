//! Who is worked on when: members that are due, so many at a time as settings and policies say, none of a connection
//! that is down but one that probes.

use crate::AgentFault;
use crate::service::Service;
use crate::worker::{Stop, work};
use chrono::{DateTime, TimeDelta, Utc};
use riva_core::documents::Policy;
use riva_core::ids::{ConnectionName, MemberId, PolicyName};
use riva_core::ports::{ActivityStore as _, Claimed, DecisionStore as _, QueueStore as _};
use riva_core::queue::MemberState;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

/// For how long a member is claimed: the longest request (60 s) and something.
const LEASE: TimeDelta = TimeDelta::seconds(90);
/// Between two extensions of all leases.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// A lease that could not be extended is given up so long before its end: what is under way must end within it.
const MARGIN: TimeDelta = TimeDelta::seconds(60);
/// Between two looks for members that are due.
const LOOK: Duration = Duration::from_secs(1);
/// For how long a stop waits for cycles to finish their calls.
const TO_FINISH: Duration = Duration::from_secs(75);
/// Between two deals of the licences, and looks at what has changed on the disk.
const MINUTE: Duration = Duration::from_mins(1);

/// A member that is worked on.
struct Held {
    member: MemberId,
    fence: i64,
    policy: PolicyName,
    connections: [ConnectionName; 2],
    state: MemberState,
    lost: CancellationToken,
    until: DateTime<Utc>,
}

struct Scheduler {
    service: Arc<Service>,
    tasks: JoinSet<()>,
    held: BTreeMap<Id, Held>,
    /// The policy that was served last: the next one comes first.
    last_served: Option<PolicyName>,
}

/// Works until the service is asked to stop.
pub(crate) async fn run(service: &Arc<Service>) -> Result<(), AgentFault> {
    let mut scheduler = Scheduler {
        service: Arc::clone(service),
        tasks: JoinSet::new(),
        held: BTreeMap::new(),
        last_served: None,
    };
    let mut heartbeat = interval(HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut minute = interval(MINUTE);
    let mut pruned = None;
    while !service.shutdown.is_cancelled() {
        scheduler.fill().await;
        tokio::select! {
            () = service.shutdown.cancelled() => {}
            () = service.wake.notified() => {}
            () = sleep(LOOK) => {}
            Some(done) = scheduler.tasks.join_next_with_id() => scheduler.ended(done).await,
            _ = heartbeat.tick() => scheduler.extend().await,
            _ = minute.tick() => {
                service.deal().await;
                prune(service, &mut pruned).await;
            }
        }
        service.resume_changed().await;
    }
    scheduler.finish(heartbeat).await;
    Ok(())
}

impl Scheduler {
    /// Claims who is due, as far as there is room, the policies in turn.
    async fn fill(&mut self) {
        let documents = self.service.documents();
        let mut policies: Vec<&Policy> =
            documents.policies.values().map(AsRef::as_ref).filter(|p: &&Policy| p.enabled).collect();
        let first = self.last_served.as_ref().and_then(|last| policies.iter().position(|p| p.name > *last));
        policies.rotate_left(first.unwrap_or(0));
        let most = usize::try_from(documents.settings.agent.max_threads.max(1)).unwrap_or(usize::MAX);
        for policy in policies {
            let room = self.room(policy).min(most.saturating_sub(self.held.len()));
            if room == 0 {
                continue;
            }
            let (service, now) = (&self.service, self.service.clock.now());
            let until = now + LEASE;
            match service.store.claim_of(Some(&policy.name), &service.owner, now, until, room).await {
                Ok(claimed) => {
                    if !claimed.is_empty() {
                        self.last_served = Some(policy.name.clone());
                    }
                    for claimed in claimed {
                        self.begin(claimed, until);
                    }
                }
                Err(e) => {
                    // Nothing can be done without the store: look again with the next second.
                    tracing::error!("members cannot be claimed: {e}");
                    return;
                }
            }
        }
    }

    /// How many more members of a policy may be worked on.
    fn room(&self, policy: &Policy) -> usize {
        let of_policy = self.held.values().filter(|h| h.policy == policy.name).count();
        let threads = usize::try_from(policy.schedule.execution_threads.max(1)).unwrap_or(usize::MAX);
        let connections = [&policy.mail, &policy.crm];
        let allowed = match self.service.health().allows(connections, self.service.clock.now()) {
            // One probe at a time.
            1 if self.held.values().any(|h| h.connections.iter().any(|c| connections.contains(&c))) => 0,
            allowed => allowed,
        };
        threads.saturating_sub(of_policy).min(allowed)
    }

    fn begin(&mut self, claimed: Claimed, until: DateTime<Utc>) {
        let lost = CancellationToken::new();
        let stop = Stop { shutdown: self.service.shutdown.clone(), lost: lost.clone() };
        let member = &claimed.member;
        let held = Held {
            member: member.id,
            fence: claimed.fence,
            policy: member.policy.clone(),
            connections: [member.mail.clone(), member.crm.clone()],
            state: member.state.clone(),
            lost,
            until,
        };
        let service = Arc::clone(&self.service);
        let task = self.tasks.spawn(async move { work(&service, claimed, stop).await });
        self.held.insert(task.id(), held);
    }

    /// A task has ended; if it panicked, its member is given back for it.
    async fn ended(&mut self, done: Result<(Id, ()), JoinError>) {
        let (id, error) = match done {
            Ok((id, ())) => (id, None),
            Err(e) => (e.id(), Some(e)),
        };
        let Some(held) = self.held.remove(&id) else { return };
        if let Some(e) = error {
            tracing::error!("the sync of {} ended badly: {e}; it is tried again in ten minutes", held.member);
            let next = self.service.clock.now() + TimeDelta::minutes(10);
            if let Err(e) = self.service.store.release(held.member, held.fence, &held.state, next).await {
                tracing::error!("{} could not be given back: {e}", held.member);
            }
        }
    }

    /// Holds all members for longer; who is lost is told so.
    async fn extend(&mut self) {
        if self.held.is_empty() {
            return;
        }
        let leases: Vec<_> = self.held.values().map(|h| (h.member, h.fence)).collect();
        let now = self.service.clock.now();
        let until = now + LEASE;
        match self.service.store.extend(&leases, until).await {
            Ok(lost) => {
                for held in self.held.values_mut() {
                    if lost.contains(&held.member) {
                        // Either it has just been given back, or another agent holds it.
                        held.lost.cancel();
                    } else {
                        held.until = until;
                    }
                }
            }
            Err(e) => {
                tracing::error!("leases could not be extended: {e}");
                for held in self.held.values().filter(|h| h.until - MARGIN <= now) {
                    held.lost.cancel();
                }
            }
        }
    }

    /// Lets cycles finish their calls and give their members back.
    async fn finish(mut self, mut heartbeat: tokio::time::Interval) {
        let deadline = Instant::now() + TO_FINISH;
        while !self.tasks.is_empty() {
            let waited = timeout_at(deadline, async {
                tokio::select! {
                    Some(done) = self.tasks.join_next_with_id() => Some(done),
                    _ = heartbeat.tick() => None,
                }
            });
            match waited.await {
                Ok(Some(done)) => self.ended(done).await,
                Ok(None) => self.extend().await,
                Err(_) => {
                    tracing::warn!("{} cycles did not end in time and are cut off", self.held.len());
                    self.tasks.shutdown().await;
                }
            }
        }
        self.service.log.flush().await;
    }
}

/// Forgets old activity, the old journal, and what old writes replaced, once in an hour.
async fn prune(service: &Service, pruned: &mut Option<DateTime<Utc>>) {
    let now = service.clock.now();
    if pruned.is_some_and(|at| now - at < TimeDelta::hours(1)) {
        return;
    }
    *pruned = Some(now);
    let settings = &service.documents().settings.agent;
    let before = |days: u32| now - TimeDelta::days(i64::from(days));
    match service.store.prune(before(settings.keep_activity_days)).await {
        Ok(0) => {}
        Ok(lines) => tracing::info!("{lines} old lines of activity were forgotten"),
        Err(e) => tracing::error!("old activity cannot be forgotten: {e}"),
    }
    match service.store.prune_journal(before(settings.keep_journal_days)).await {
        Ok(0) => {}
        Ok(lines) => tracing::info!("{lines} old lines of the journal were forgotten"),
        Err(e) => tracing::error!("the old journal cannot be forgotten: {e}"),
    }
    match service.store.prune_images(before(settings.keep_undo_days)).await {
        Ok(0) => {}
        Ok(images) => tracing::info!("{images} old writes can no longer be undone"),
        Err(e) => tracing::error!("what old writes replaced cannot be forgotten: {e}"),
    }
}
