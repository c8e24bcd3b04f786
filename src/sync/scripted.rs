//! For tests: a member between two sides that answer as they are told, for what an answer leaves behind in the rows.

use crate::capable::capable;
use crate::context::{CycleContext, CycleFault, Record, StopSignal};
use crate::effects::Effects;
use crate::hash::FieldHasher;
use crate::memory::{Memory, Open};
use crate::plan::BothCaps;
use crate::read_back::Answer;
use crate::recover::{Recovered, recover};
use crate::simulator::world::{Log, SeededIds, VirtualClock, run_until_killed};
use crate::work::Work;
use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
use riva_core::documents::{FirstSync, NoPermission, Policy, PolicyModules, Safety, Schedule};
use riva_core::fault::{CallError, Fault, FaultKind, ItemError};
use riva_core::history::{ImageRow, UndoSpan};
use riva_core::ids::{Cursor, Marker, MemberId, RemoteId};
use riva_core::item::{Field, Item, Module};
use riva_core::ports::{
    Capabilities, ChangePage, Draft, Fetched, ListPage, ModuleCapabilities, Patch, Reader, RemoteRef,
    Removal, SeriesSupport, Silence, SilentWriter, SyncStore as _, Window, Written,
};
use riva_core::queue::{MemberRow, MemberState, ModuleCounts};
use riva_core::rows::{IntentRow, PairRow, Side};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) mod visits;

/// What a side answers.
#[derive(Default)]
pub(crate) struct Script {
    /// To the next calls that write.
    pub writes: VecDeque<Result<Vec<Answer>, CallError>>,
    /// To tags: one for each.
    pub tag: Option<Result<Vec<Result<RemoteRef, ItemError>>, CallError>>,
    /// The next pages of its changes.
    pub pages: VecDeque<Result<ChangePage, CallError>>,
    /// What is there; all else is gone.
    pub there: BTreeMap<RemoteId, Fetched>,
    /// What a reading says nothing of.
    pub left_out: BTreeSet<RemoteId>,
    /// That nothing can be read.
    pub unread: Option<CallError>,
    /// What carries a marker.
    pub marked: BTreeMap<Marker, Vec<RemoteRef>>,
    /// What is there as soon as something was written.
    pub made: BTreeMap<RemoteId, Fetched>,
    /// What it remarks.
    pub remarks: Vec<String>,
    /// What it was asked for, in words.
    pub calls: Vec<String>,
}

/// A side that answers as it is told.
pub(crate) struct Scripted {
    caps: Capabilities,
    script: Mutex<Script>,
}

impl Scripted {
    fn new(caps: ModuleCapabilities) -> Self {
        let modules = [(Module::Contacts, caps.clone()), (Module::Calendar, caps)].into();
        Self { caps: Capabilities { modules }, script: Mutex::default() }
    }

    pub fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it can do with a module.
    pub fn module(&self, module: Module) -> ModuleCapabilities {
        self.caps.module(module).expect("it has it").clone()
    }

    /// The next write is answered so: one answer for each item.
    pub fn answers(&self, answers: impl IntoIterator<Item = Answer>) {
        self.script().writes.push_back(Ok(answers.into_iter().collect()));
    }

    /// The next write fails as a whole.
    pub fn fails(&self, error: CallError) {
        self.script().writes.push_back(Err(error));
    }

    /// An item is there in a version.
    pub fn shows(&self, id: &str, version: &str, item: &Item) {
        self.script().there.insert(id.into(), present(version, item));
    }

    fn answer(&self, call: &str, items: usize) -> Result<Vec<Answer>, CallError> {
        let mut script = self.script();
        script.calls.push(format!("{call} {items}"));
        let made = std::mem::take(&mut script.made);
        script.there.extend(made);
        script.writes.pop_front().expect("the test says what is answered")
    }
}

/// An item is there in a version.
pub(crate) fn present(version: &str, item: &Item) -> Fetched {
    Fetched::Present { version: version.into(), marker: None, modified: None, item: Box::new(item.clone()) }
}

/// It was written, as the answer shows it.
#[expect(clippy::unnecessary_wraps, reason = "it stands beside answers that are errors")]
pub(crate) fn written(id: &str, version: &str, item: Option<&Item>) -> Answer {
    let at = RemoteRef { id: id.into(), version: version.into() };
    Ok(Some(Written { at, item: item.cloned().map(Box::new) }))
}

/// It is too busy.
pub(crate) fn throttled() -> CallError {
    CallError::Fault(Fault::new(FaultKind::Throttled, "too many requests"))
}

/// It is not there.
pub(crate) fn unavailable() -> CallError {
    CallError::Fault(Fault::new(FaultKind::SystemNotAvailable, "no route"))
}

#[async_trait]
impl Reader for Scripted {
    fn capabilities(&self) -> &Capabilities {
        &self.caps
    }

    async fn changes(&self, _module: Module, _cursor: Option<&Cursor>) -> Result<ChangePage, CallError> {
        self.script().pages.pop_front().unwrap_or_else(|| Err(unavailable()))
    }

    async fn list(
        &self,
        _module: Module,
        window: Option<Window>,
        _after: Option<&Cursor>,
    ) -> Result<ListPage, CallError> {
        let days = window.map(|w| format!(" {} to {}", w.from.date_naive(), w.to.date_naive()));
        self.script().calls.push(format!("list{}", days.unwrap_or_default()));
        Err(unavailable())
    }

    async fn fetch(&self, _module: Module, ids: &[RemoteId]) -> Result<Vec<Fetched>, CallError> {
        let mut script = self.script();
        script.calls.push(format!("fetch {}", ids.len()));
        if let Some(error) = &script.unread {
            return Err(error.clone());
        }
        let told = ids.iter().filter(|id| !script.left_out.contains(*id));
        Ok(told.map(|id| script.there.get(id).cloned().unwrap_or(Fetched::Gone)).collect())
    }

    async fn probe(&self, _module: Module, markers: &[Marker]) -> Result<Vec<Vec<RemoteRef>>, CallError> {
        let mut script = self.script();
        script.calls.push(format!("probe {}", markers.len()));
        if let Some(error) = &script.unread {
            return Err(error.clone());
        }
        Ok(markers.iter().map(|m| script.marked.get(m).cloned().unwrap_or_default()).collect())
    }

    fn remarks(&self, _module: Module) -> Vec<String> {
        std::mem::take(&mut self.script().remarks)
    }
}

#[async_trait]
impl SilentWriter for Scripted {
    fn silence(&self) -> Silence {
        Silence::ByNature
    }

    async fn create(
        &self,
        _module: Module,
        drafts: &[Draft],
    ) -> Result<Vec<Result<Written, ItemError>>, CallError> {
        let answers = self.answer("create", drafts.len())?;
        Ok(answers.into_iter().map(|a| a.map(|w| w.expect("what is made has an id"))).collect())
    }

    async fn update(
        &self,
        _module: Module,
        patches: &[Patch],
    ) -> Result<Vec<Result<Written, ItemError>>, CallError> {
        let answers = self.answer("update", patches.len())?;
        Ok(answers.into_iter().map(|a| a.map(|w| w.expect("what is changed has an id"))).collect())
    }

    async fn delete(
        &self,
        _module: Module,
        removals: &[Removal],
    ) -> Result<Vec<Result<(), ItemError>>, CallError> {
        let answers = self.answer("delete", removals.len())?;
        Ok(answers.into_iter().map(|a| a.map(|_| ())).collect())
    }

    async fn tag(
        &self,
        _module: Module,
        tags: &[(RemoteRef, Marker)],
    ) -> Result<Vec<Result<RemoteRef, ItemError>>, CallError> {
        let mut script = self.script();
        script.calls.push(format!("tag {}", tags.len()));
        script.tag.clone().expect("the test says what is answered")
    }
}

/// Asks to end when it was asked so often whether to.
pub(crate) struct Stop(AtomicU32);

impl Default for Stop {
    /// Never.
    fn default() -> Self {
        Self(AtomicU32::new(u32::MAX))
    }
}

impl Stop {
    pub fn after(&self, asks: u32) {
        self.0.store(asks, Ordering::SeqCst);
    }
}

impl StopSignal for Stop {
    fn stopped(&self) -> bool {
        self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |asks| asks.checked_sub(1)).is_err()
    }
}

/// A member between two such sides.
pub(crate) struct Bench {
    pub mail: Arc<Scripted>,
    pub crm: Arc<Scripted>,
    pub store: Memory<Open>,
    pub counts: ModuleCounts,
    pub stop: Stop,
    /// Whether what stands there before a write is kept.
    pub keeps: bool,
    log: Log,
    clock: VirtualClock,
    ids: SeededIds,
    member: MemberRow,
    pub policy: Policy,
}

impl Bench {
    /// Both sides can do what they should; the test takes away from it.
    pub fn new(less: impl Fn(Side, &mut ModuleCapabilities)) -> Self {
        let side = |side| {
            let mut caps = capable(Field::ALL.iter().copied(), SeriesSupport::None);
            less(side, &mut caps);
            Arc::new(Scripted::new(caps))
        };
        let now: DateTime<Utc> = "2026-11-23T08:00:00Z".parse().expect("a time");
        Self {
            mail: side(Side::Mail),
            crm: side(Side::Crm),
            store: Memory::default(),
            counts: ModuleCounts::default(),
            stop: Stop::default(),
            keeps: true,
            log: Log::default(),
            clock: VirtualClock(Mutex::new(now)),
            ids: SeededIds(AtomicU64::new(1)),
            member: MemberRow {
                id: MemberId(1),
                policy: "desk".into(),
                address: "ann@example.com".into(),
                mail: "mail".into(),
                crm: "crm".into(),
                crm_user: None,
                enabled: true,
                next_at: now,
                urgent: false,
                running: true,
                state: MemberState::default(),
            },
            policy: Policy {
                name: "desk".into(),
                enabled: true,
                mail: "mail".into(),
                crm: "crm".into(),
                schedule: Schedule::default(),
                modules: PolicyModules::default(),
                safety: Safety::default(),
                first_sync: FirstSync::default(),
                no_permission: NoPermission::default(),
                created: None,
                modified: None,
                users: Vec::new(),
            },
        }
    }

    pub fn hasher() -> FieldHasher {
        FieldHasher::new([1; 16])
    }

    pub fn now(&self) -> DateTime<Utc> {
        *self.clock.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn context(&self) -> CycleContext<'_> {
        CycleContext {
            member: &self.member,
            fence: 1,
            policy: &self.policy,
            mail: Arc::clone(&self.mail) as Arc<dyn SilentWriter>,
            crm: Arc::clone(&self.crm) as Arc<dyn SilentWriter>,
            store: &self.store,
            clock: &self.clock,
            ids: &self.ids,
            events: &self.log,
            stop: &self.stop,
            record: Record { cycle: 7, before: self.keeps, deeds: None },
        }
    }

    /// Carries out what is to be written.
    pub fn write(&mut self, works: &mut [Work]) -> Result<(), CycleFault> {
        let (mut counts, mut writes) = (self.counts, 0);
        let ctx = self.context();
        let module = works[0].pair.module;
        let (mail, crm) = (self.mail.module(module), self.crm.module(module));
        let mut effects = Effects {
            ctx: &ctx,
            module,
            hasher: Self::hasher(),
            caps: BothCaps { mail: &mail, crm: &crm },
            counts: &mut counts,
            writes: &mut writes,
        };
        let result = run_until_killed(effects.run(works)).expect("nothing waits");
        self.counts = counts;
        result
    }

    /// Finds out what became of writes of which nobody knows.
    pub fn recover(&self) -> Result<Recovered, CycleFault> {
        let recovery = self.context();
        run_until_killed(recover(&recovery, Self::hasher(), |_, _| Some(10))).expect("nothing waits")
    }

    /// Time passes.
    pub fn pass(&self, time: Duration) {
        *self.clock.0.lock().unwrap_or_else(PoisonError::into_inner) += time;
    }

    /// The only pair that is stored.
    pub fn pair(&self) -> PairRow {
        let [pair] = &self.store.all_pairs()[..] else { panic!("one pair is stored") };
        pair.clone()
    }

    /// The writes that nobody knows the end of.
    pub fn open(&self) -> Vec<IntentRow> {
        run_until_killed(self.store.open_intents(self.member.id)).expect("nothing waits").expect("in memory")
    }

    /// What is kept for an undo.
    pub fn images(&self) -> Vec<ImageRow> {
        let all = UndoSpan::Since(DateTime::UNIX_EPOCH);
        run_until_killed(self.store.images(self.member.id, all)).expect("nothing waits").expect("in memory")
    }

    /// The journal: deed and text.
    pub fn journal(&self) -> Vec<(String, String)> {
        self.store.all_journal().into_iter().map(|line| (line.deed, line.text)).collect()
    }

    /// The log's lines.
    pub fn log(&self) -> Vec<String> {
        self.log.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
