//! One cycle of one member: licence, both sides, the CRM's feed, the engine; then what came of it.

use crate::activity::Recorder;
use crate::health::Reach;
use crate::service::Service;
use crate::systems::Revision;
use chrono::{DateTime, Local, TimeDelta, Utc};
use riva_core::activity::Level;
use riva_core::documents::{Connection, Policy, usage};
use riva_core::fault::{Fault, FaultKind};
use riva_core::ids::{ConnectionName, CrmUserId, MemberId};
use riva_core::item::Module;
use riva_core::ports::{Claimed, Endpoint, QueueStore as _, SilentWriter, StoreError};
use riva_core::queue::{MemberRow, MemberSpec, MemberState, ModuleCounts};
use riva_core::rows::Side;
use riva_sync::{
    CycleContext, CycleFault, CycleOutcome, FeedContext, RandomIds, Record, StopSignal, run_cycle, run_feed,
};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// A feed that was read so recently is not read again for a cycle that is merely due, nor is it asked again which
/// database it is. "Sync now" does both in any case.
const IS_FRESH: TimeDelta = TimeDelta::minutes(1);
/// Cycles whose writes are shown.
const SPARK: usize = 24;

/// When the engine is to send nothing more.
pub(crate) struct Stop {
    pub shutdown: CancellationToken,
    /// The lease was lost, or could not be held in time.
    pub lost: CancellationToken,
}

impl StopSignal for Stop {
    fn stopped(&self) -> bool {
        self.shutdown.is_cancelled() || self.lost.is_cancelled()
    }
}

/// When a member is due again.
struct Next {
    at: DateTime<Utc>,
    /// The connection that is down for everyone: the member is due at once when it works again.
    stopped_by: Option<ConnectionName>,
}

impl Next {
    fn at(at: DateTime<Utc>) -> Self {
        Self { at, stopped_by: None }
    }
}

/// A cycle that is under way.
struct Cycle<'a> {
    service: &'a Service,
    member: &'a MemberRow,
    fence: i64,
    /// Of this cycle in the member's activity.
    number: u64,
    stop: &'a Stop,
    begun: DateTime<Utc>,
    /// Documents and secrets of mail connection and CRM, when it began.
    revisions: [Revision; 2],
    recorder: Recorder,
}

/// Works on a claimed member and gives it back.
pub(crate) async fn work(service: &Service, claimed: Claimed, stop: Stop) {
    let Claimed { member, fence } = claimed;
    let mut state = member.state.clone();
    state.progress = None;
    let done = async {
        let next = cycle(service, &member, fence, &stop, &mut state).await?;
        service.log.flush().await;
        service.store.release(member.id, fence, &state, next.at).await?;
        // While this was being written down, the connection may have been found to work, or been changed.
        let now = service.clock.now();
        let goes_on = |connection| service.health().allows([connection, connection], now) > 0;
        if next.stopped_by.as_ref().is_some_and(goes_on) {
            service.store.wake(&[member.id], now).await?;
        }
        Ok(())
    };
    match done.await {
        Ok(()) => {}
        Err(StoreError::LeaseLost(_)) => {
            tracing::warn!("{}: another agent has taken it over", member.address);
        }
        // The lease runs out, and then it is tried again.
        Err(error @ (StoreError::Broken(_) | StoreError::Overtaken)) => {
            tracing::error!("{}: {error}", member.address);
        }
    }
}

/// Runs a cycle if the user may be synced. Answers when the member is due again.
async fn cycle(
    service: &Service,
    member: &MemberRow,
    fence: i64,
    stop: &Stop,
    state: &mut MemberState,
) -> Result<Next, StoreError> {
    let begun = service.clock.now();
    let Some((policy, mail, crm)) = service.policy(&member.policy) else {
        // A connection's document is broken; or the documents were read anew since the member was claimed.
        let documents = service.documents();
        let unusable = [documents.unusable(&member.mail), documents.unusable(&member.crm)];
        let recorder = recorder(service, member, state.cycle);
        for (side, known, now) in
            [("E-mail", &mut state.mail_fault, &unusable[0]), ("CRM", &mut state.crm_fault, &unusable[1])]
        {
            if let Some(fault) = now.as_ref().filter(|now| known.as_ref() != Some(now)) {
                recorder.say(Level::Error, format!("{side}: {fault} {}", fault.remedy));
            }
            known.clone_from(now);
        }
        return Ok(Next::at(begun + TimeDelta::hours(1)));
    };
    let refused = service.documents().refused(&policy.name, &member.address);
    let news = refused.is_some() && refused != state.licence;
    state.licence = refused;
    state.cycle += u64::from(state.licence.is_none());
    let recorder = recorder(service, member, state.cycle);
    if let Some(why) = &state.licence {
        if news {
            recorder.say(Level::Error, format!("Licence refused: {why}"));
        }
        return Ok(Next::at(begun + interval(&policy)));
    }
    let revisions = [&mail, &crm].map(|c| Revision::of(&service.workspace, &c.name));
    let number = state.cycle;
    let cycle = Cycle { service, member, fence, number, stop, begun, revisions, recorder };
    cycle.run(&policy, &mail, &crm, state).await
}

fn recorder(service: &Service, member: &MemberRow, cycle: u64) -> Recorder {
    Recorder::new(member, cycle, service.log.clone(), service.live.clone(), Arc::clone(&service.clock))
}

fn interval(policy: &Policy) -> TimeDelta {
    TimeDelta::minutes(i64::from(policy.schedule.interval_minutes.max(1)))
}

impl Cycle<'_> {
    /// Runs it, and answers when the member is due again. Fails if the store does.
    async fn run(
        &self,
        policy: &Policy,
        mail: &Connection,
        crm: &Connection,
        state: &mut MemberState,
    ) -> Result<Next, StoreError> {
        let initial = if state.initial_done_at.is_none() { " (initial sync)" } else { "" };
        self.say(
            Level::Info,
            format!("Starting sync: {} and {}{initial}.", mail.shown_name(), crm.shown_name()),
        );
        self.service.store.update_state(self.member.id, self.fence, state).await?;
        let outcome = match self.open(policy, mail, crm).await {
            Ok((mail, crm)) => self.engine(policy, mail, crm).await,
            Err(fault) => CycleOutcome { fault: Some(fault), ..CycleOutcome::default() },
        };
        Self::count(state, &outcome);
        let now = self.service.clock.now();
        state.last_end = Some(now);
        state.backing_off = None;
        match outcome.fault {
            None => Ok(Next::at(self.went_well(policy, state, &outcome, now).await)),
            Some(CycleFault::Store(e)) => Err(e),
            Some(CycleFault::Stopped) => {
                self.say(Level::Info, "The agent stops: this sync goes on when it is started again.");
                Ok(Next::at(now))
            }
            Some(CycleFault::Side { side, fault }) => Ok(self.went_wrong(state, side, fault, now).await),
        }
    }

    /// Both sides of the user, with the CRM's feed read before.
    async fn open(
        &self,
        policy: &Policy,
        mail: &Connection,
        crm: &Connection,
    ) -> Result<(Arc<dyn SilentWriter>, Arc<dyn SilentWriter>), CycleFault> {
        let on = |side| move |fault| CycleFault::Side { side, fault };
        let mail_system = self.service.systems.mail(mail).await.map_err(on(Side::Mail))?;
        self.same_database(Side::Mail, mail_system.as_ref()).await?;
        let mailbox = mail_system.open(&self.member.address).await.map_err(on(Side::Mail))?;
        let crm_system = self.service.systems.crm(crm).await.map_err(on(Side::Crm))?;
        self.same_database(Side::Crm, crm_system.as_ref()).await?;
        let user = crm_system.user(self.member.address.as_str()).await.map_err(on(Side::Crm))?;
        if self.member.crm_user.as_ref() != Some(&user.id) {
            self.service.store.set_crm_user(self.member.id, &user.id).await?;
            self.say(Level::Info, format!("The CRM user is {} ({}).", user.name, user.user_name));
        }
        self.feed(policy, &crm.name, crm_system.as_ref(), &user.id).await?;
        let records = crm_system.open(&user).await.map_err(on(Side::Crm))?;
        let (folder, clock) = (&self.service.workspace, &self.service.clock);
        if let Err(e) = usage::mark_used(folder, &policy.name, &[&mail.name, &crm.name], clock.now()) {
            tracing::error!("it cannot be written down that the connections were used: {e}");
        }
        Ok((mailbox, records))
    }

    /// Nothing is read from a database that is not the one synced before.
    async fn same_database<E: Endpoint + ?Sized>(&self, side: Side, endpoint: &E) -> Result<(), CycleFault> {
        let (connection, revision) = match side {
            Side::Mail => (&self.member.mail, self.revisions[0]),
            Side::Crm => (&self.member.crm, self.revisions[1]),
        };
        self.service.same_database(side, connection, revision, endpoint, self.enough()).await
    }

    /// What was found out about a connection since then is not asked again.
    fn enough(&self) -> DateTime<Utc> {
        if self.member.urgent { self.begun } else { self.begun - IS_FRESH }
    }

    /// Reads what changed in the CRM, for all its members: one reader at a time, and not again what is fresh.
    async fn feed(
        &self,
        policy: &Policy,
        connection: &ConnectionName,
        crm: &dyn riva_core::ports::CrmSystem,
        own: &CrmUserId,
    ) -> Result<(), CycleFault> {
        let turn = self.service.feed_turn(connection);
        let mut begun = turn.lock().await;
        if begun.is_some_and(|at| at >= self.enough()) {
            return Ok(());
        }
        let now = self.service.clock.now();
        let all = self.service.store.members().await?;
        let mut members: Vec<(MemberId, CrmUserId)> = all
            .into_iter()
            .filter(|m| m.enabled && m.crm == *connection && m.id != self.member.id)
            .filter_map(|m| Some((m.id, m.crm_user?)))
            .collect();
        members.push((self.member.id, own.clone()));
        let modules = self.modules_on(connection, policy);
        let context = FeedContext {
            connection,
            crm,
            members: &members,
            modules: &modules,
            store: self.service.store.as_ref(),
            stop: self.stop,
        };
        let read = run_feed(&context).await?;
        *begun = Some(now);
        tracing::debug!(
            "{connection}: {} changes in the CRM, {} for members",
            read.changes,
            read.observations
        );
        Ok(())
    }

    /// What any enabled policy on a CRM syncs.
    fn modules_on(&self, crm: &ConnectionName, own: &Policy) -> Vec<Module> {
        let documents = self.service.documents();
        let on_it = documents.policies.values().filter(|p| p.enabled && p.crm == *crm);
        let mut modules: Vec<Module> = on_it.flat_map(|p| p.modules.enabled()).collect();
        modules.extend(own.modules.enabled());
        modules.sort_unstable();
        modules.dedup();
        modules
    }

    async fn engine(
        &self,
        policy: &Policy,
        mail: Arc<dyn SilentWriter>,
        crm: Arc<dyn SilentWriter>,
    ) -> CycleOutcome {
        let context = CycleContext {
            member: self.member,
            fence: self.fence,
            policy,
            mail,
            crm,
            store: self.service.store.as_ref(),
            clock: self.service.clock.as_ref(),
            ids: &RandomIds,
            events: &self.recorder,
            stop: self.stop,
            record: Record {
                cycle: self.number,
                before: self.service.documents().settings.agent.keep_undo_days > 0,
                deeds: None,
            },
        };
        run_cycle(&context).await
    }

    /// Adds what this cycle did to what was done before.
    fn count(state: &mut MemberState, outcome: &CycleOutcome) {
        for (module, did) in &outcome.modules {
            let sum = state.modules.entry(*module).or_default();
            *sum = ModuleCounts {
                initial_done: sum.initial_done || did.initial_done,
                linked: did.linked,
                held: did.held,
                quarantined: did.quarantined,
                created_mail: sum.created_mail + did.created_mail,
                created_crm: sum.created_crm + did.created_crm,
                updated_mail: sum.updated_mail + did.updated_mail,
                updated_crm: sum.updated_crm + did.updated_crm,
                deleted_mail: sum.deleted_mail + did.deleted_mail,
                deleted_crm: sum.deleted_crm + did.deleted_crm,
                moved: sum.moved + did.moved,
            };
        }
        state.recent_writes.push(outcome.writes);
        let surplus = state.recent_writes.len().saturating_sub(SPARK);
        state.recent_writes.drain(..surplus);
    }

    async fn went_well(
        &self,
        policy: &Policy,
        state: &mut MemberState,
        outcome: &CycleOutcome,
        now: DateTime<Utc>,
    ) -> DateTime<Utc> {
        state.mail_fault = None;
        state.crm_fault = None;
        state.last_success = Some(now);
        self.works(&self.member.mail).await;
        self.works(&self.member.crm).await;
        self.service.health().well(self.member.id);
        if outcome.more_work {
            self.say(
                Level::Info,
                format!("{} So far; the rest follows at once.", self.duration("This part took", now)),
            );
            return now;
        }
        // A module that was switched off since leaves its counts behind: only those of the policy matter.
        let done = |module: &Module| state.modules.get(module).is_some_and(|m| m.initial_done);
        if state.initial_done_at.is_none() && policy.modules.enabled().iter().all(done) {
            state.initial_done_at = Some(now);
            let counts = state.modules.iter().map(|(m, c)| format!("{m} {} in step", c.linked));
            let counts = counts.collect::<Vec<_>>().join(", ");
            self.say(Level::Info, format!("Full initial sync is completed: {counts}."));
        }
        // A write that is in doubt is looked for as soon as its absence can be believed.
        let regular = now + interval(policy);
        let next = outcome.again_at.map_or(regular, |at| at.clamp(now, regular));
        self.say(Level::Info, self.duration("Synchronization Completed in", now));
        let clock = next.with_timezone(&Local).format("%H:%M:%S");
        self.say(Level::Info, format!("Next scheduled full synchronization: {clock}"));
        next
    }

    async fn went_wrong(
        &self,
        state: &mut MemberState,
        side: Side,
        fault: Fault,
        now: DateTime<Utc>,
    ) -> Next {
        let (name, connection, other, revision) = match side {
            Side::Mail => ("E-mail", &self.member.mail, &self.member.crm, self.revisions[0]),
            Side::Crm => ("CRM", &self.member.crm, &self.member.mail, self.revisions[1]),
        };
        self.say(Level::Error, format!("{name}: {fault} {}", fault.remedy));
        if fault.kind == FaultKind::GivenCredentials {
            self.service.login_refused(connection, revision);
            if Revision::of(&self.service.workspace, connection) != revision {
                self.say(Level::Info, "The connection was changed in the meantime: tried again at once.");
                return Next::at(now);
            }
        }
        if !fault.kind.concerns_everyone() {
            // Somebody was told apart from others: the connection itself works.
            self.works(connection).await;
        }
        let reach = {
            let all = self.service.documents().members();
            let on_it = |m: &&MemberSpec| m.enabled && (m.mail == *connection || m.crm == *connection);
            let users = all.iter().filter(on_it).count();
            self.service.health().fails(connection, Some(self.member.id), users, &fault, now)
        };
        let at = self.service.health().again(self.member.id, connection, &fault, now);
        let next = Next { at, stopped_by: (reach != Reach::OneMember).then(|| connection.clone()) };
        if reach == Reach::EveryoneNow {
            let text = format!(
                "{name}: {fault}. {} Nobody on connection {connection} syncs until then.",
                fault.remedy
            );
            self.service.tell_others(connection, Some(self.member.id), Level::Error, &text).await;
        }
        self.say(Level::Warning, format!("Tried again at {}.", at.with_timezone(&Local).format("%H:%M:%S")));
        if fault.kind == FaultKind::Throttled {
            state.backing_off = Some((at, format!("{name}: {} {}", fault.detail, fault.remedy)));
            state.mail_fault = None;
            state.crm_fault = None;
            return next;
        }
        match side {
            Side::Mail => state.mail_fault = Some(fault),
            Side::Crm => {
                // The mailbox opens first: a fault of the CRM tells that the mailbox works.
                state.mail_fault = None;
                state.crm_fault = Some(fault);
                self.works(other).await;
            }
        }
        next
    }

    async fn works(&self, connection: &ConnectionName) {
        let again = self.service.health().works(connection);
        if again {
            let text = format!("Connection {connection} works again.");
            self.service.tell_others(connection, None, Level::Info, &text).await;
            self.service.wake_stopped(connection).await;
        }
    }

    fn duration(&self, what: &str, now: DateTime<Utc>) -> String {
        // Rounded up: nothing takes no time.
        let secs = ((now - self.begun).num_milliseconds().max(1) + 999) / 1000;
        format!("{what} {secs} {}.", if secs == 1 { "sec" } else { "secs" })
    }

    fn say(&self, level: Level, text: impl Into<String>) {
        self.recorder.say(level, text);
    }
}
