//! Users, agents and an administrator around two fake systems: the engine as it is, under a virtual clock, one await at
//! a time.

use super::arena::Arena;
use super::backups::{Backups, Mind};
use super::fake::{Claim, FakeCrm, FakeSide, Remote, crm_user};
use super::faults::Faults;
use super::history::History;
use super::items::{crm_form, holds, mail_form};
use super::leases::{Leases, Store};
use super::rights::Refusals;
use super::script::{Admin, Knobs, Script, Step};
use super::server::{Server, Traits};
use super::trace::Trace;
use super::turns::run;
use crate::recover::NOT_MADE_YET;
use crate::simulator::tombstones::Tombstones;
use crate::{CycleContext, CycleOutcome, FeedContext, IdSource, Record, StopSignal, run_cycle, run_feed};
use chrono::{DateTime, Duration, Utc};
use riva_core::activity::{EventSink, SyncEvent};
use riva_core::documents::{
    BecamePrivate, CalendarPolicy, ConflictWinner, ContactsPolicy, DeletePolicy, Direction, FirstSync,
    NoPermission, Policy, PolicyModules, Safety, SafetyLimit, Schedule, TasksPolicy,
};
use riva_core::ids::{CrmUserId, MemberId};
use riva_core::item::Module;
use riva_core::ports::{Capabilities, Clock, SilentWriter};
use riva_core::queue::{MemberRow, MemberState};
use riva_core::rows::{PairRow, Side};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

/// Awaits after which a cycle is taken to run for ever.
pub(super) const ENDLESS: u32 = 200_000;

/// The clock of an agent's computer.
struct AgentClock {
    remote: Remote,
    skew: Duration,
}

impl Clock for AgentClock {
    fn now(&self) -> DateTime<Utc> {
        self.remote.lock().now + self.skew
    }
}

/// Ids in the order of a seed.
struct SeededIds(AtomicU64);

impl IdSource for SeededIds {
    fn next(&self) -> Uuid {
        Uuid::from_u64_pair(0, self.0.fetch_add(1, Ordering::SeqCst))
    }
}

struct Stop(Arc<AtomicBool>);

impl StopSignal for Stop {
    fn stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Keeps the lines, for the report of a failing seed.
#[derive(Default)]
struct Log(Mutex<Vec<String>>);

impl Log {
    fn push(&self, line: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }
}

struct MemberLog(usize, Arc<Log>);

impl EventSink for MemberLog {
    fn emit(&self, event: SyncEvent) {
        if let SyncEvent::Line { text, .. } = event {
            self.1.push(format!("  user {}: {text}", self.0));
        }
    }
}

/// Everything that one cycle needs, owned.
struct Cycle {
    number: u64,
    member: MemberRow,
    fence: i64,
    policy: Policy,
    mail: Arc<FakeSide>,
    crm: Arc<FakeSide>,
    feed: FakeCrm,
    members: Vec<(MemberId, CrmUserId)>,
    modules: Vec<Module>,
    store: Arc<Store>,
    clock: AgentClock,
    ids: Arc<SeededIds>,
    events: MemberLog,
    stop: Stop,
}

impl Cycle {
    /// As the agent's worker does it: the connection's feed, then the member's cycle.
    async fn run(self) -> CycleOutcome {
        let feed = FeedContext {
            connection: &self.member.crm,
            crm: &self.feed,
            members: &self.members,
            modules: &self.modules,
            store: self.store.as_ref(),
            stop: &self.stop,
        };
        if let Err(fault) = run_feed(&feed).await {
            return CycleOutcome { fault: Some(fault), ..CycleOutcome::default() };
        }
        let ctx = CycleContext {
            member: &self.member,
            fence: self.fence,
            policy: &self.policy,
            mail: Arc::clone(&self.mail) as Arc<dyn SilentWriter>,
            crm: Arc::clone(&self.crm) as Arc<dyn SilentWriter>,
            store: self.store.as_ref(),
            clock: &self.clock,
            ids: self.ids.as_ref(),
            events: &self.events,
            stop: &self.stop,
            record: Record { cycle: self.number, before: false, deeds: None },
        };
        run_cycle(&ctx).await
    }
}

/// A cycle that is under way.
struct Task {
    agent: usize,
    member: usize,
    future: Pin<Box<dyn Future<Output = CycleOutcome>>>,
    stop: Arc<AtomicBool>,
}

/// Users, agents and an administrator around two fake systems.
pub struct World {
    /// What the engine remembers.
    pub store: Arc<Store>,
    /// The policy of all users.
    pub(crate) policy: Policy,
    pub(super) remote: Remote,
    pub(super) knobs: Knobs,
    caps: [Arc<Capabilities>; 2],
    tasks: Vec<Task>,
    disabled: BTreeSet<usize>,
    /// What the administrator thinks by now of a backup that was put back.
    mind: Mind,
    skews: Vec<Duration>,
    ids: Arc<SeededIds>,
    cycles: AtomicU64,
    log: Arc<Log>,
}

impl World {
    /// The world of a seed.
    pub fn new(seed: u64, knobs: Knobs) -> Self {
        let mut random = crate::simulator::Random::new(seed ^ 0x0077_6f72_6c64);
        // Two systems, two clocks.
        let off = if knobs.skewed_clocks { i64::try_from(seed % 241).unwrap_or(0) - 120 } else { 0 };
        let mail_traits = Traits {
            tombstones: Tombstones::of(true, true),
            markers: true,
            unique_markers: false,
            whole_seconds: false,
            bare_answers: knobs.bare_answers,
            tells_when: knobs.mail_tells_when.then_some(off),
        };
        let crm_traits = Traits {
            tombstones: Tombstones::of(!knobs.crm_without_tombstones, false),
            markers: !knobs.crm_without_marker,
            unique_markers: knobs.crm_unique_markers,
            whole_seconds: knobs.whole_seconds,
            bare_answers: false,
            tells_when: Some(0),
        };
        let mut caps = [holds(true), holds(false)];
        if !knobs.tasks {
            for caps in &mut caps {
                caps.retain(|module, _| *module != Module::Tasks);
            }
        }
        for caps in caps[0].values_mut() {
            caps.can_tag = knobs.mail_can_tag;
            caps.cool_down_secs = knobs.cool_down;
        }
        for caps in caps[1].values_mut() {
            caps.deletions_by_listing = knobs.crm_without_tombstones;
            caps.can_probe = !knobs.crm_without_marker;
            caps.can_tag = !knobs.crm_without_marker;
            caps.create_is_idempotent = knobs.crm_unique_markers;
        }
        let caps = caps.map(|modules| Arc::new(Capabilities { modules }));
        let remote = Remote::new(Arena {
            mail: Server::new(Side::Mail, mail_traits, random.draw(), mail_form),
            crm: Server::new(Side::Crm, crm_traits, random.draw(), crm_form),
            history: History::default(),
            now: "2026-11-23T08:00:00Z".parse().unwrap_or_default(),
            told: Vec::new(),
            broken: Vec::new(),
            went: Vec::new(),
            trace: Trace::default(),
            slow_reads: knobs.slow_reads,
            may_resurrect: false,
            doubled: BTreeMap::new(),
            concerned: BTreeSet::new(),
            rights: BTreeMap::new(),
            backups: Backups::default(),
            refusals: Refusals::default(),
            failing: BTreeSet::new(),
            direction: knobs.direction,
        });
        let skew = |_| {
            let minutes = i64::try_from(random.below(21)).unwrap_or(0) - 10;
            Duration::minutes(if knobs.skewed_clocks { minutes } else { 0 })
        };
        let skews = (0..knobs.agents).map(skew).collect();
        let mut policy = policy();
        policy.modules.tasks = knobs.tasks.then(TasksPolicy::default);
        for says in of_modules(&mut policy) {
            if knobs.newest_wins {
                *says.conflict = ConflictWinner::Newest;
            }
            *says.direction = knobs.direction;
        }
        Self {
            store: Arc::new(Store::new(Leases::new(random.draw()))),
            policy,
            remote,
            knobs,
            caps,
            tasks: Vec::new(),
            disabled: BTreeSet::new(),
            mind: Mind { catch_up: true, approve: false },
            skews,
            ids: Arc::new(SeededIds(AtomicU64::new(1))),
            cycles: AtomicU64::new(1),
            log: Arc::default(),
        }
    }

    /// The world after the steps of a script, with the faults over.
    pub fn play(script: &Script) -> Self {
        let mut world = Self::new(script.seed, script.knobs);
        world.faults(script.knobs.faults);
        for step in &script.steps {
            world.step(*step);
        }
        world.heal();
        if world.remote.lock().backups.put_back {
            world.answer_all(world.mind);
        }
        world
    }

    fn faults(&mut self, faults: Faults) {
        self.store.gate().set_unknown(faults.unknown_commit);
        let mut arena = self.remote.lock();
        arena.mail.faults = faults;
        // One request, delivered twice, makes two records where nothing tells them apart: no client can help that.
        let twice = if self.knobs.crm_without_marker { 0 } else { faults.twice };
        arena.crm.faults = Faults { twice, ..faults };
    }

    /// The faults are over: what was on its way arrives, what was running ends, everybody is switched on.
    pub fn heal(&mut self) {
        self.faults(Faults::NONE);
        self.finish();
        self.disabled.clear();
        let mut arena = self.remote.lock();
        arena.mail.down_until = None;
        arena.crm.down_until = None;
        arena.late_arrivals(true);
    }

    /// One more line.
    pub(super) fn note(&self, line: String) {
        self.log.push(line);
    }

    /// The log's lines.
    pub fn log(&self) -> Vec<String> {
        self.log.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where everything stands, for the report of a failing seed.
    pub fn stand(&self) -> String {
        let arena = self.remote.lock();
        let mut lines = Vec::new();
        for side in [Side::Mail, Side::Crm] {
            for (id, s) in &arena.its(side).items {
                let (title, users, marker) = (s.item.title(), s.users, s.marker.map(|m| m.to_string()));
                lines.push(format!(
                    "{id} {title} of {users:b} {marker:?} {:?} shows {:?}",
                    s.deleted, s.shows
                ));
            }
        }
        for pair in self.store.all_pairs() {
            let id = |side| pair.side(side).map_or("-", |s| s.id.as_str());
            let (mail, crm) = (id(Side::Mail), id(Side::Crm));
            let (state, reason, next) = (pair.state, &pair.reason, pair.next_try);
            lines.push(format!("{} {mail} {crm} {state:?} {reason:?} {next:?}", pair.id));
        }
        for row in self.store.all_items().into_iter().filter(|r| r.dirty || r.pair.is_none()) {
            lines.push(format!(
                "row {} {} {:?} dirty {} {:?}",
                row.member, row.id, row.presence, row.dirty, row.pair
            ));
        }
        lines.join("\n")
    }

    /// A hash over all that happened.
    pub fn trace(&self) -> u64 {
        let mut trace = self.remote.lock().trace.clone();
        trace.note(self.store.gate().commits());
        trace.hash()
    }

    /// Time passes.
    pub fn pass(&self, minutes: i64) {
        self.remote.lock().pass(Duration::minutes(minutes));
    }

    // ---- Steps.

    /// Does one step.
    pub fn step(&mut self, step: Step) {
        self.log.push(format!("{step:?}"));
        match step {
            Step::User { who, side, deed, item, how } => {
                self.user(who % self.knobs.users, side, deed, item, how);
            }
            Step::Begin { agent, member } => {
                let (agent, member) = (agent % self.knobs.agents, member % self.knobs.users);
                if !self.disabled.contains(&member) {
                    self.begin(agent, member);
                }
            }
            Step::Turns { task, turns } => {
                if !self.tasks.is_empty() {
                    let at = task % self.tasks.len();
                    self.turns(at, turns);
                }
            }
            Step::Finish => self.finish(),
            Step::Kill { agent } => self.tasks.retain(|t| t.agent != agent % self.knobs.agents),
            Step::Hear => self.hear(),
            Step::Pass { minutes } => self.pass(minutes),
            Step::Weather { side, slow_down, minutes } => {
                let mut arena = self.remote.lock();
                let until = arena.now + Duration::minutes(minutes);
                arena.server(side).down_until = Some((until, slow_down));
            }
            Step::Admin(admin) => self.administrate(admin),
            Step::BackUp => self.remote.lock().back_up(),
            Step::PutBack(tells) => self.remote.lock().put_back(tells),
            Step::Answer(mind) => {
                self.mind = mind;
                self.answer(mind);
            }
            Step::Rights { who, rights } => {
                self.remote.lock().rights.insert(who % self.knobs.users, rights);
            }
        }
    }

    fn administrate(&mut self, admin: Admin) {
        match admin {
            Admin::Conflict(winner) => of_modules(&mut self.policy).for_each(|says| *says.conflict = winner),
            Admin::Deletions(in_mail, in_crm) => {
                if in_mail == DeletePolicy::Restore || in_crm == DeletePolicy::Restore {
                    self.remote.lock().may_resurrect = true;
                }
                for says in of_modules(&mut self.policy) {
                    (*says.deleted_in_mail, *says.deleted_in_crm) = (in_mail, in_crm);
                }
            }
            Admin::NoPermission(says) => self.policy.no_permission = says,
            Admin::Toggle(member) => {
                let member = member % self.knobs.users;
                if !self.disabled.remove(&member) {
                    self.disabled.insert(member);
                    self.tasks.iter().filter(|t| t.member == member).for_each(Task::stop);
                }
            }
        }
    }

    // ---- Agents.

    fn begin(&mut self, agent: usize, member: usize) {
        let cycle = self.cycle_of(agent, member);
        let stop = Arc::clone(&cycle.stop.0);
        self.tasks.push(Task { agent, member, future: Box::pin(cycle.run()), stop });
    }

    fn cycle_of(&self, agent: usize, member: usize) -> Cycle {
        let id = |member: usize| MemberId(1 + i64::try_from(member).unwrap_or(0));
        // A new cycle is a second later than whatever was before.
        let now = {
            let mut arena = self.remote.lock();
            arena.pass(Duration::seconds(1));
            arena.now
        };
        let row = MemberRow {
            id: id(member),
            policy: "sim".into(),
            address: format!("user{member}@example.com").as_str().into(),
            mail: "mail".into(),
            crm: "crm".into(),
            crm_user: Some(crm_user(member)),
            enabled: true,
            next_at: now,
            urgent: false,
            running: true,
            state: MemberState::default(),
        };
        let fence = self.store.gate().claim(row.id);
        let no_permission = self.policy.no_permission;
        let claim = Claim { store: Arc::clone(&self.store), member: row.id, fence, no_permission };
        let side = |side, user| {
            FakeSide::new(&self.remote, side, user, &self.caps[usize::from(side == Side::Crm)], &claim)
        };
        Cycle {
            number: self.cycles.fetch_add(1, Ordering::SeqCst),
            fence,
            member: row,
            policy: self.policy.clone(),
            mail: Arc::new(side(Side::Mail, member)),
            crm: Arc::new(side(Side::Crm, member)),
            feed: FakeCrm(side(Side::Crm, member)),
            members: (0..self.knobs.users).map(|m| (id(m), crm_user(m))).collect(),
            modules: self.caps[0].modules.keys().copied().collect(),
            store: Arc::clone(&self.store),
            clock: AgentClock { remote: self.remote.clone(), skew: self.skews[agent] },
            ids: Arc::clone(&self.ids),
            events: MemberLog(member, Arc::clone(&self.log)),
            stop: Stop(Arc::default()),
        }
    }

    fn turns(&mut self, at: usize, turns: u32) {
        if let Some(outcome) = run(&mut self.tasks[at].future, turns) {
            let task = self.tasks.swap_remove(at);
            self.ended(task.member, &outcome);
        }
    }

    fn ended(&self, member: usize, outcome: &CycleOutcome) {
        self.remote.lock().trace.note((member, outcome.writes, outcome.fault.is_some()));
        if let Some(fault) = &outcome.fault {
            self.log.push(format!("  user {member}: ends: {fault}"));
        }
    }

    fn finish(&mut self) {
        let mut left = ENDLESS;
        while !self.tasks.is_empty() {
            let at = left as usize % self.tasks.len();
            self.turns(at, 1);
            left = left.saturating_sub(1);
            if left == 0 {
                self.remote.lock().broken.push("I13 liveness: a cycle runs for ever".into());
                self.tasks.clear();
            }
        }
    }

    /// Whoever was overtaken hears of it.
    fn hear(&mut self) {
        let mut held = BTreeSet::new();
        for task in self.tasks.iter().rev() {
            if !held.insert(task.member) {
                task.stop();
            }
        }
    }

    /// One cycle of a member, to its end.
    pub fn cycle(&mut self, member: usize) -> CycleOutcome {
        let cycle = self.cycle_of(0, member);
        let mut future: Pin<Box<dyn Future<Output = CycleOutcome>>> = Box::pin(cycle.run());
        let outcome = run(&mut future, ENDLESS).unwrap_or_else(|| {
            self.remote.lock().broken.push("I13 liveness: a cycle runs for ever".into());
            CycleOutcome::default()
        });
        self.ended(member, &outcome);
        outcome
    }

    /// Rounds of cycles of all members until nothing more is written, at most so many. Returns the writes of the last
    /// one; `None` if it did not go through.
    pub fn settle(&mut self, most: usize) -> Option<u32> {
        let mut last = None;
        for _ in 0..most {
            self.log.push("-- an hour later".into());
            self.pass(61);
            let mut writes = 0;
            let mut quiet = true;
            let to_put_back = self.remote.lock().refusals.to_put_back();
            for member in 0..self.knobs.users {
                for _ in 0..8 {
                    let outcome = self.cycle(member);
                    writes += outcome.writes;
                    quiet &= outcome.fault.is_none() && outcome.again_at.is_none();
                    if !outcome.more_work || outcome.fault.is_some() {
                        break;
                    }
                }
            }
            quiet &= self.remote.lock().refusals.to_put_back() == to_put_back;
            // What did not arrive is tried again, if not at once.
            let not_made = |p: &PairRow| p.reason.as_deref().is_some_and(|why| why.starts_with(NOT_MADE_YET));
            let holds = self.store.all_holds();
            let blocks = |p: &PairRow| {
                let mut open = holds.iter().filter(|h| h.blocks_module() && h.closed.is_none());
                open.any(|h| (h.member, h.module) == (p.member, p.module))
            };
            let mut waiting =
                self.store.all_pairs().into_iter().filter(|p| p.next_try.is_some() && not_made(p));
            quiet &= waiting.all(|p| blocks(&p));
            last = quiet.then_some(writes);
            if last == Some(0) {
                break;
            }
        }
        last
    }
}

impl Task {
    fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// What a policy says of every module alike.
struct Says<'p> {
    direction: &'p mut Direction,
    conflict: &'p mut ConflictWinner,
    deleted_in_mail: &'p mut DeletePolicy,
    deleted_in_crm: &'p mut DeletePolicy,
}

/// What it says of those that it syncs.
fn of_modules(policy: &mut Policy) -> impl Iterator<Item = Says<'_>> {
    macro_rules! says {
        ($module:ident) => {
            policy.modules.$module.as_mut().map(|of| Says {
                direction: &mut of.direction,
                conflict: &mut of.conflict,
                deleted_in_mail: &mut of.deleted_in_mail,
                deleted_in_crm: &mut of.deleted_in_crm,
            })
        };
    }
    [says!(contacts), says!(calendar), says!(tasks)].into_iter().flatten()
}

fn policy() -> Policy {
    // The guard has stories of its own: here it would hide what deletions do.
    let wide = SafetyLimit { items: 10_000, percent: 100 };
    Policy {
        name: "sim".into(),
        enabled: true,
        mail: "mail".into(),
        crm: "crm".into(),
        schedule: Schedule { delete_poll_minutes: 20, ..Schedule::default() },
        modules: PolicyModules {
            contacts: Some(ContactsPolicy::default()),
            // What is blanked cannot be told apart here: private appointments have stories of their own.
            calendar: Some(CalendarPolicy {
                became_private: BecamePrivate::Leave,
                ..CalendarPolicy::default()
            }),
            tasks: None,
            email: None,
        },
        safety: Safety { contacts: wide, calendar: wide, tasks: wide, ..Safety::default() },
        first_sync: FirstSync::default(),
        no_permission: NoPermission::default(),
        created: None,
        modified: None,
        users: Vec::new(),
    }
}
