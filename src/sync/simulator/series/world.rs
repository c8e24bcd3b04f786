//! One member between two fake calendars.

use super::super::MemoryStore;
use super::super::random::Random;
use super::fake::{FakeCalendar, Faults};
use super::make::{ANN, BOB};
use crate::scripted::Stop;
use crate::{CycleContext, CycleOutcome, FeedContext, IdSource, Record, preview, run_cycle, run_feed};
use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use riva_core::activity::{EventSink, SyncEvent};
use riva_core::documents::{
    CalendarPolicy, FirstSync, NoPermission, Policy, PolicyModules, Safety, SafetyLimit, Schedule,
};
use riva_core::fault::{CallError, Fault};
use riva_core::history::Deed;
use riva_core::holds::{Decided, Decision, HoldKind, HoldRow};
use riva_core::ids::{CrmUserId, Cursor, MemberId, RemoteId};
use riva_core::item::{Item, Module};
use riva_core::ports::{
    Clock, CrmSystem, CrmUser, Endpoint, FeedChange, FeedPage, Reader, SeriesSupport, SilentWriter, StepSink,
    Window,
};
use riva_core::queue::{MemberRow, MemberState};
use riva_core::rows::{PairRow, PairState, Side};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use uuid::Uuid;

struct VirtualClock(Mutex<DateTime<Utc>>);

impl Clock for VirtualClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Ids(AtomicU64);

impl IdSource for Ids {
    fn next(&self) -> Uuid {
        Uuid::from_u64_pair(0, self.0.fetch_add(1, Ordering::SeqCst))
    }
}

#[derive(Default)]
struct Log(Mutex<Vec<String>>);

impl EventSink for Log {
    fn emit(&self, event: SyncEvent) {
        if let SyncEvent::Line { text, .. } = event {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(text);
        }
    }
}

/// The connection-wide face of the fake CRM.
struct Crm<'a>(&'a Arc<FakeCalendar>);

#[async_trait]
impl Endpoint for Crm<'_> {
    async fn test(&self, _target: Option<&str>, _steps: &dyn StepSink) -> Result<(), Fault> {
        Ok(())
    }

    async fn fingerprint(&self) -> Result<String, CallError> {
        Ok("fake".into())
    }
}

#[async_trait]
impl CrmSystem for Crm<'_> {
    async fn user(&self, address: &str) -> Result<CrmUser, Fault> {
        Ok(CrmUser {
            id: CrmUserId::new("u1"),
            name: address.to_owned(),
            user_name: address.to_owned(),
            address: address.into(),
        })
    }

    async fn feed(&self, _module: Module, cursor: Option<&Cursor>) -> Result<FeedPage, CallError> {
        let Some(cursor) = cursor else {
            return Ok(FeedPage { changes: Vec::new(), cursor: self.0.end_of_feed(), more: false });
        };
        let page = self.0.read_feed(Some(cursor))?;
        let everybody = [CrmUserId::new("u1"), CrmUserId::new("u2")];
        let concerns = |change| FeedChange { change, concerns: everybody.clone().into() };
        Ok(FeedPage {
            changes: page.changes.into_iter().map(concerns).collect(),
            cursor: page.cursor,
            more: page.more,
        })
    }

    async fn open(&self, _user: &CrmUser) -> Result<Arc<dyn SilentWriter>, Fault> {
        Ok(Arc::clone(self.0) as Arc<dyn SilentWriter>)
    }

    async fn reader(&self, _user: &CrmUser) -> Result<Arc<dyn Reader>, Fault> {
        Ok(Arc::clone(self.0) as Arc<dyn Reader>)
    }
}

/// What users did, as far as the check needs to know.
#[derive(Debug, Default)]
pub struct Deeds {
    /// Items that users made in the mailbox.
    pub made: BTreeSet<RemoteId>,
    /// Those that they deleted there.
    pub deleted: BTreeSet<RemoteId>,
    /// How often records were edited in the CRM: each may bring back one appointment that was cancelled at the same time.
    pub edited_in_crm: usize,
    /// Records that were deleted in the CRM.
    pub deleted_in_crm: usize,
    /// Series were made private at some time.
    pub private: bool,
}

/// One member between a calendar that has series and another that may not.
pub struct World {
    pub mail: Arc<FakeCalendar>,
    pub crm: Arc<FakeCalendar>,
    pub store: MemoryStore,
    pub deeds: Deeds,
    pub policy: Policy,
    pub random: Random,
    pub serial: u64,
    pub stop: Stop,
    clock: VirtualClock,
    ids: Ids,
    log: Log,
}

impl World {
    pub fn new(seed: u64, crm: SeriesSupport) -> Self {
        let mut random = Random::new(seed);
        let mail = FakeCalendar::new("mail", SeriesSupport::Full, random.draw());
        let crm = FakeCalendar::new("crm", crm, random.draw());
        let policy = Policy {
            name: "sim".into(),
            enabled: true,
            mail: "mail".into(),
            crm: "crm".into(),
            schedule: Schedule::default(),
            modules: PolicyModules {
                calendar: Some(CalendarPolicy { days_back: 10, days_ahead: 20, ..CalendarPolicy::default() }),
                ..PolicyModules::default()
            },
            // The guard has tests of its own: here it would hide what deletions do.
            safety: Safety { calendar: SafetyLimit { items: 10_000, percent: 100 }, ..Safety::default() },
            first_sync: FirstSync::default(),
            no_permission: NoPermission::default(),
            created: None,
            modified: None,
            users: Vec::new(),
        };
        let start = "2026-11-24T08:00:00Z".parse().unwrap_or_default();
        Self {
            mail: Arc::new(mail),
            crm: Arc::new(crm),
            store: MemoryStore::default(),
            deeds: Deeds::default(),
            policy,
            random,
            serial: 0,
            stop: Stop::default(),
            clock: VirtualClock(Mutex::new(start)),
            ids: Ids(AtomicU64::new(1)),
            log: Log::default(),
        }
    }

    /// The database is lost; the calendars are as they were.
    pub fn lose_database(&mut self) {
        self.store = MemoryStore::default();
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub fn pass(&self, time: Duration) {
        *self.clock.0.lock().unwrap_or_else(PoisonError::into_inner) += time;
    }

    pub fn log(&self) -> Vec<String> {
        self.log.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn set_faults(&self, faults: Faults) {
        self.mail.set_faults(faults);
        self.crm.set_faults(faults);
    }

    /// What is synced now.
    pub fn window(&self) -> Window {
        let calendar = self.policy.modules.calendar.clone().unwrap_or_default();
        let now = self.clock.now();
        Window {
            from: now - Duration::days(i64::from(calendar.days_back)),
            to: now + Duration::days(i64::from(calendar.days_ahead)),
        }
    }

    /// The pairs in a state.
    pub fn pairs_in(&self, state: PairState) -> Vec<PairRow> {
        self.store.all_pairs().into_iter().filter(|p| p.state == state).collect()
    }

    /// The living pair of an item.
    pub fn pair_of(&self, side: Side, id: &RemoteId) -> Option<PairRow> {
        let mut pairs = self.store.all_pairs();
        pairs.retain(|p| p.side(side).is_some_and(|at| at.id == *id));
        pairs.sort_by_key(|p| p.state == PairState::Tombstoned);
        pairs.into_iter().next()
    }

    /// The CRM's records by the time at which they start, in UTC.
    pub fn records(&self) -> BTreeMap<String, Vec<Item>> {
        let mut records: BTreeMap<String, Vec<Item>> = BTreeMap::new();
        for item in self.crm.live().into_values() {
            let at = item.when().map(|w| w.utc().0.format("%Y%m%dT%H%M").to_string()).unwrap_or_default();
            records.entry(at).or_default().push(item);
        }
        records
    }

    /// An administrator approves of the deletions that wait for it. Answers whether there were any.
    pub fn approve(&self) -> bool {
        let waiting = |hold: &HoldRow| hold.kind == HoldKind::DeleteSafety && hold.decided.is_none();
        let waiting: Vec<HoldRow> = self.store.all_holds().into_iter().filter(waiting).collect();
        for hold in &waiting {
            let decided =
                Decided { decision: Decision::Approve, by: "admin@desk".into(), at: self.clock.now() };
            self.store.decide(hold.id, decided);
        }
        !waiting.is_empty()
    }

    /// Cycles until nothing more is written. Answers the writes of the last one.
    pub fn settle(&self) -> u32 {
        let mut writes = 0;
        let mut quiet = 0;
        for _ in 0..80 {
            self.pass(Duration::minutes(61));
            let Some(outcome) = self.cycle(None) else { continue };
            writes = outcome.writes;
            // What went back and forth is left alone for a day.
            let waits =
                self.store.all_pairs().iter().any(|p| p.state == PairState::Linked && p.next_try.is_some());
            let more = outcome.fault.is_some() || outcome.more_work || outcome.again_at.is_some() || waits;
            quiet = if more || writes > 0 { 0 } else { quiet + 1 };
            // Once more than once: what a series has lost at its end is looked at twice.
            if quiet == 3 {
                break;
            }
        }
        writes
    }

    /// One feed and one cycle, killed at an await if asked. `None`: it was.
    pub fn cycle(&self, turns: Option<usize>) -> Option<CycleOutcome> {
        let members = [(MemberId(1), CrmUserId::new("u1"))];
        self.cycle_of(ANN, &self.mail, &members, turns)
    }

    /// One feed and one cycle of Ann and one of Bob, who has a mailbox of his own and sees the same records.
    pub fn cycle_of_both(&self, bobs: &Arc<FakeCalendar>) -> [Option<CycleOutcome>; 2] {
        let (ann, bob) = ((MemberId(1), CrmUserId::new("u1")), (MemberId(2), CrmUserId::new("u2")));
        [
            self.cycle_of(ANN, &self.mail, &[ann.clone(), bob.clone()], None),
            self.cycle_of(BOB, bobs, &[bob, ann], None),
        ]
    }

    /// One feed and one cycle of Bob, alone on the connection.
    pub fn cycle_of_bob(&self, bobs: &Arc<FakeCalendar>) -> Option<CycleOutcome> {
        self.cycle_of(BOB, bobs, &[(MemberId(2), CrmUserId::new("u2"))], None)
    }

    /// What the next cycle would do.
    pub fn preview(&self) -> Vec<Deed> {
        let members = [(MemberId(1), CrmUserId::new("u1"))];
        let seen = self.with(ANN, &self.mail, &members, None, async |_, ctx| {
            preview(ctx, &Crm(&self.crm), &CrmUserId::new("u1")).await.expect("nothing fails here")
        });
        seen.expect("nobody kills it").deeds
    }

    /// A cycle of the first of the members.
    fn cycle_of(
        &self,
        address: &str,
        mail: &Arc<FakeCalendar>,
        members: &[(MemberId, CrmUserId)],
        turns: Option<usize>,
    ) -> Option<CycleOutcome> {
        self.with(address, mail, members, turns, async |feed, ctx| {
            // A feed that fails is read again next time; the cycle goes on without it.
            run_feed(feed).await.ok();
            run_cycle(ctx).await
        })
    }

    /// Something done for the first of the members.
    fn with<T>(
        &self,
        address: &str,
        mail: &Arc<FakeCalendar>,
        members: &[(MemberId, CrmUserId)],
        turns: Option<usize>,
        done: impl AsyncFnOnce(&FeedContext<'_>, &CycleContext<'_>) -> T,
    ) -> Option<T> {
        let (id, user) = members.first()?.clone();
        let member = MemberRow {
            id,
            policy: "sim".into(),
            address: address.into(),
            mail: "mail".into(),
            crm: "crm".into(),
            crm_user: Some(user),
            enabled: true,
            next_at: self.clock.now(),
            urgent: false,
            running: true,
            state: MemberState::default(),
        };
        let crm = Crm(&self.crm);
        let feed = FeedContext {
            connection: &member.crm,
            crm: &crm,
            members,
            modules: &[Module::Calendar],
            store: &self.store,
            stop: &self.stop,
        };
        let ctx = CycleContext {
            member: &member,
            fence: 1,
            policy: &self.policy,
            mail: Arc::clone(mail) as Arc<dyn SilentWriter>,
            crm: Arc::clone(&self.crm) as Arc<dyn SilentWriter>,
            store: &self.store,
            clock: &self.clock,
            ids: &self.ids,
            events: &self.log,
            stop: &self.stop,
            record: Record::default(),
        };
        run(done(&feed, &ctx), turns)
    }
}

/// Polls a future, to its end or to the await at which the process dies.
fn run<T>(future: impl Future<Output = T>, turns: Option<usize>) -> Option<T> {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    let mut left = turns.unwrap_or(1_000_000);
    while left > 0 {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return Some(value);
        }
        left -= 1;
    }
    None
}
