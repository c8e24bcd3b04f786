//! Two members of one policy.

use super::super::MemoryStore;
use super::super::fake::Killer;
use super::super::random::Random;
use super::super::world::{Log, SeededIds, VirtualClock, run_until_killed};
use super::fake::{FakeLog, FakeMailbox, Faults};
use crate::scripted::Stop;
use crate::{CycleContext, CycleOutcome, Record, run_cycle};
use chrono::Duration;
use riva_core::documents::{EmailPolicy, FirstSync, NoPermission, Policy, PolicyModules, Safety, Schedule};
use riva_core::ids::{CrmUserId, MemberId};
use riva_core::ports::{Clock as _, Person, PersonKind, SilentWriter};
use riva_core::queue::{MemberRow, MemberState};
use riva_core::rows::PairState;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

/// Their addresses; both are users of the CRM.
pub const MEMBERS: [&str; 2] = ["ann@own.example", "bob@own.example"];

pub struct World {
    pub mail: [Arc<FakeMailbox>; 2],
    pub crm: Arc<FakeLog>,
    pub store: MemoryStore,
    pub policy: Policy,
    pub random: Random,
    pub killer: Killer,
    pub stop: Stop,
    clock: VirtualClock,
    ids: SeededIds,
    pub(super) log: Log,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let killer = Killer::default();
        let mail = ["ann", "bob"].map(|name| Arc::new(FakeMailbox::new(name, random.draw(), killer.clone())));
        let crm = FakeLog::new(random.draw(), killer.clone());
        for (member, id) in MEMBERS.iter().zip(["u1", "u2"]) {
            crm.knows(Person { address: (*member).into(), kind: PersonKind::User, id: id.into() });
        }
        let email = EmailPolicy { attachments: true, attachment_mib: 1, ..EmailPolicy::default() };
        let policy = Policy {
            name: "sim".into(),
            enabled: true,
            mail: "mail".into(),
            crm: "crm".into(),
            schedule: Schedule::default(),
            modules: PolicyModules { email: Some(email), ..PolicyModules::default() },
            safety: Safety::default(),
            first_sync: FirstSync::default(),
            no_permission: NoPermission::default(),
            created: None,
            modified: None,
            users: Vec::new(),
        };
        Self {
            mail,
            crm: Arc::new(crm),
            store: MemoryStore::new(killer.clone()),
            policy,
            random,
            killer,
            stop: Stop::default(),
            clock: VirtualClock(Mutex::new("2026-11-24T08:00:00Z".parse().expect("a time"))),
            ids: SeededIds(AtomicU64::new(1)),
            log: Log::default(),
        }
    }

    /// The time now, in seconds.
    pub fn now(&self) -> i64 {
        self.clock.now().timestamp()
    }

    pub fn pass(&self, minutes: i64) {
        *self.clock.0.lock().unwrap_or_else(PoisonError::into_inner) += Duration::minutes(minutes);
        if minutes > 0 {
            self.crm.arrive();
        }
    }

    pub fn log(&self) -> Vec<String> {
        self.log.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn set_faults(&self, faults: Faults) {
        self.mail.iter().for_each(|mail| mail.set_faults(faults));
        self.crm.set_faults(faults);
    }

    /// The CRM gets to know somebody as a contact.
    pub fn knows(&self, address: &str) {
        self.crm.knows(Person {
            address: address.into(),
            kind: PersonKind::Contact,
            id: format!("c {address}").into(),
        });
    }

    /// One cycle of a member. `None`: the process was killed in it.
    pub fn cycle(&self, member: usize) -> Option<CycleOutcome> {
        let row = MemberRow {
            id: MemberId(i64::try_from(member).expect("few") + 1),
            policy: "sim".into(),
            address: MEMBERS[member].into(),
            mail: "mail".into(),
            crm: "crm".into(),
            crm_user: Some(CrmUserId::new(format!("u{}", member + 1))),
            enabled: true,
            next_at: self.clock.now(),
            urgent: false,
            running: true,
            state: MemberState::default(),
        };
        let ctx = CycleContext {
            member: &row,
            fence: 1,
            policy: &self.policy,
            mail: Arc::clone(&self.mail[member]) as Arc<dyn SilentWriter>,
            crm: Arc::clone(&self.crm) as Arc<dyn SilentWriter>,
            store: &self.store,
            clock: &self.clock,
            ids: &self.ids,
            events: &self.log,
            stop: &self.stop,
            record: Record::default(),
        };
        run_until_killed(run_cycle(&ctx))
    }

    /// A cycle in which the process may die.
    pub fn deadly_cycle(&mut self, member: usize) {
        let steps = self.random.below(40);
        self.killer.arm(u32::try_from(steps).ok());
        self.cycle(member);
        self.killer.arm(None);
    }

    /// Cycles of both until nothing more is written. Answers the writes of the last round.
    pub fn settle(&self) -> u32 {
        let (mut writes, mut quiet) = (1, 0);
        for _ in 0..20 {
            self.pass(61);
            let outcomes = [0, 1].map(|member| self.cycle(member).expect("nobody kills it"));
            writes = outcomes.iter().map(|o| o.writes).sum();
            let more = outcomes.iter().any(|o| o.fault.is_some() || o.more_work || o.again_at.is_some());
            quiet = if writes > 0 || more { 0 } else { quiet + 1 };
            // Twice: a copy of a message whose first one was found gone is looked at in the cycle that follows.
            if quiet == 2 {
                break;
            }
        }
        writes
    }

    /// How many pairs are in a state.
    pub fn pairs(&self, state: PairState) -> usize {
        self.store.all_pairs().into_iter().filter(|p| p.state == state).count()
    }
}
