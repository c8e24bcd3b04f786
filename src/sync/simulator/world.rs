//! One member between two fake systems, with a user who works on both sides.

use super::MemoryStore;
use super::fake::{FakeSide, Faults, Killer};
use super::items::{capabilities, crm_form, edit, mail_form, new_item, serial_of};
use super::random::Random;
pub(crate) use super::signals::{Log, NoStop, StopOnce};
use crate::files::any_noted;
#[cfg(test)]
use crate::preview::preview_up_to;
#[cfg(test)]
use crate::zone_rules::zones_fact;
use crate::{CycleContext, CycleOutcome, FeedContext, IdSource, Record, run_cycle, run_feed};
#[cfg(test)]
use crate::{accept, preview, preview_undo};
use async_trait::async_trait;
use chrono::{DateTime, Duration, Utc};
#[cfg(test)]
use riva_core::documents::DeletePolicy;
use riva_core::documents::{CalendarPolicy, ContactsPolicy, Policy, PolicyModules, SafetyLimit};
use riva_core::fault::{CallError, Fault};
use riva_core::history::{Deed, DeedSink};
#[cfg(test)]
use riva_core::history::{Preview, UndoLine, UndoSpan};
use riva_core::holds::{Decided, Decision, HoldId, HoldKind};
use riva_core::ids::{CrmUserId, Cursor, MemberId, RemoteId};
use riva_core::item::{Item, Module};
use riva_core::ports::{Clock, CrmSystem, CrmUser, Endpoint, FeedPage, Reader, SilentWriter, StepSink};
use riva_core::queue::{MemberRow, MemberState};
#[cfg(test)]
use riva_core::rows::Side;
#[cfg(test)]
use riva_core::{hold_details::ShownItem, holds::HoldRow};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use uuid::Uuid;

/// What kind of world.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "switches that have nothing to do with one another")]
pub struct Knobs {
    /// The CRM tells of deletions only by their absence.
    pub crm_without_tombstones: bool,
    /// The mailbox can carry our marker unseen.
    pub mail_can_tag: bool,
    /// The CRM keeps no marker: a create whose answer is lost cannot be looked for.
    pub crm_without_marker: bool,
    /// While chaos reigns.
    pub faults: Faults,
    /// The process is killed from time to time.
    pub kills: bool,
    /// Users hang files on items in the mailbox, and take them off in the CRM.
    pub files: bool,
}

impl Knobs {
    /// Nothing goes wrong, and each side can do what it should.
    pub const CALM: Self = Self {
        crm_without_tombstones: false,
        mail_can_tag: true,
        crm_without_marker: false,
        faults: Faults::NONE,
        kills: false,
        files: false,
    };
}

/// A virtual clock.
#[derive(Debug)]
pub(crate) struct VirtualClock(pub(crate) Mutex<DateTime<Utc>>);

impl Clock for VirtualClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ids in the order of a seed.
pub(crate) struct SeededIds(pub(crate) AtomicU64);

impl IdSource for SeededIds {
    fn next(&self) -> Uuid {
        Uuid::from_u64_pair(0, self.0.fetch_add(1, Ordering::SeqCst))
    }
}

/// The connection-wide face of the fake CRM.
struct FakeCrm<'a> {
    side: &'a Arc<FakeSide>,
    user: CrmUserId,
}

#[async_trait]
impl Endpoint for FakeCrm<'_> {
    async fn test(&self, _target: Option<&str>, _steps: &dyn StepSink) -> Result<(), Fault> {
        Ok(())
    }

    async fn fingerprint(&self) -> Result<String, CallError> {
        Ok("fake".into())
    }
}

#[async_trait]
impl CrmSystem for FakeCrm<'_> {
    async fn user(&self, address: &str) -> Result<CrmUser, Fault> {
        Ok(CrmUser {
            id: self.user.clone(),
            name: address.to_owned(),
            user_name: address.to_owned(),
            address: address.into(),
        })
    }

    async fn feed(&self, module: Module, cursor: Option<&Cursor>) -> Result<FeedPage, CallError> {
        self.side.feed(module, cursor, &self.user)
    }

    async fn open(&self, _user: &CrmUser) -> Result<Arc<dyn SilentWriter>, Fault> {
        Ok(Arc::clone(self.side) as Arc<dyn SilentWriter>)
    }

    async fn reader(&self, _user: &CrmUser) -> Result<Arc<dyn Reader>, Fault> {
        Ok(Arc::clone(self.side) as Arc<dyn Reader>)
    }
}

/// What a user made, and what became of it by their own hand.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Deleted by a user on either side.
    pub deleted: bool,
    /// Edited after (or about when) it was deleted on the other side.
    pub edited_late: bool,
}

/// One member between two fake systems.
pub struct World {
    /// The mailbox.
    pub mail: Arc<FakeSide>,
    /// The CRM.
    pub crm: Arc<FakeSide>,
    /// What the engine remembers.
    pub store: Arc<MemoryStore>,
    /// Every item a user made, by its serial number (which stands in its family name or subject).
    pub known: BTreeMap<u64, Known>,
    knobs: Knobs,
    random: Random,
    killer: Killer,
    clock: VirtualClock,
    ids: SeededIds,
    pub(crate) log: Log,
    /// Whether its cycles are asked to end.
    pub(crate) stop: StopOnce,
    cycles: AtomicU64,
    /// What the cycles did, for comparison with a preview.
    pub(crate) deeds: Deeds,
    /// Whether an administrator approves what Delete Safety holds while the world settles.
    pub approves: bool,
    /// Whether what stood there before writes is kept, for an undo.
    pub keep_images: bool,
    pub(crate) policy: Policy,
    /// The files that users have taken off records: each name is given once.
    pub(super) taken_off: BTreeSet<String>,
    serial: u64,
}

/// Everything that cycles did.
#[derive(Default)]
pub(crate) struct Deeds(Mutex<Vec<Deed>>);

impl Deeds {
    /// What was done since it was last asked.
    pub fn take(&self) -> Vec<Deed> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl DeedSink for Deeds {
    fn deed(&self, deed: Deed) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(deed);
    }
}

impl World {
    /// The world of a seed.
    pub fn new(seed: u64, knobs: Knobs) -> Self {
        let killer = Killer::default();
        let mut random = Random::new(seed);
        let mail_caps = capabilities(knobs.mail_can_tag, false, &["1", "2", "3"], 200, false);
        let marker = !knobs.crm_without_marker;
        let mut crm_caps = capabilities(marker, knobs.crm_without_tombstones, &["1"], 24, true);
        for caps in crm_caps.values_mut() {
            caps.can_probe = marker;
        }
        let mail = FakeSide::new("mail", mail_caps, random.draw(), killer.clone(), mail_form);
        let crm = FakeSide::new("crm", crm_caps, random.draw(), killer.clone(), crm_form);
        let start = "2026-11-23T08:00:00Z".parse().unwrap_or_default();
        let mut policy = Policy {
            name: "sim".into(),
            enabled: true,
            mail: "mail".into(),
            crm: "crm".into(),
            schedule: riva_core::documents::Schedule::default(),
            modules: PolicyModules {
                contacts: Some(ContactsPolicy::default()),
                calendar: Some(CalendarPolicy::default()),
                tasks: None,
                email: None,
            },
            safety: riva_core::documents::Safety::default(),
            first_sync: riva_core::documents::FirstSync::default(),
            no_permission: riva_core::documents::NoPermission::default(),
            created: None,
            modified: None,
            users: Vec::new(),
        };
        // The guard has tests of its own: here it would hide what deletions do.
        policy.safety.contacts = SafetyLimit { items: 10_000, percent: 100 };
        policy.safety.calendar = SafetyLimit { items: 10_000, percent: 100 };
        policy.schedule.delete_poll_minutes = 20;
        Self {
            mail: Arc::new(mail),
            crm: Arc::new(crm),
            store: Arc::new(MemoryStore::new(killer.clone())),
            known: BTreeMap::new(),
            knobs,
            random,
            killer,
            clock: VirtualClock(Mutex::new(start)),
            ids: SeededIds(AtomicU64::new(1)),
            log: Log::default(),
            stop: StopOnce::default(),
            cycles: AtomicU64::new(1),
            deeds: Deeds::default(),
            approves: true,
            keep_images: false,
            policy,
            taken_off: BTreeSet::new(),
            serial: 0,
        }
    }

    /// Its policy carries deletions out on both sides.
    #[cfg(test)]
    pub(crate) fn carries_deletions_out(&mut self) {
        let all = DeletePolicy::Propagate;
        let modules = &mut self.policy.modules;
        modules.contacts =
            Some(ContactsPolicy { deleted_in_mail: all, deleted_in_crm: all, ..ContactsPolicy::default() });
        modules.calendar =
            Some(CalendarPolicy { deleted_in_mail: all, deleted_in_crm: all, ..CalendarPolicy::default() });
    }

    /// The log's lines.
    pub fn log(&self) -> Vec<String> {
        self.log.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Time passes.
    pub fn pass(&self, minutes: i64) {
        *self.clock.0.lock().unwrap_or_else(PoisonError::into_inner) += Duration::minutes(minutes);
    }

    fn side(&self, mail: bool) -> Arc<FakeSide> {
        Arc::clone(if mail { &self.mail } else { &self.crm })
    }

    /// A contact with the next serial number, on no side yet.
    pub fn new_contact(&mut self) -> Item {
        self.serial += 1;
        new_item(self.serial, true)
    }

    /// An appointment with the next serial number, on no side yet.
    pub fn new_event(&mut self) -> Item {
        self.serial += 1;
        new_item(self.serial, false)
    }

    /// What time it is.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// The process dies after so many steps; `None`: it lives.
    pub fn kill_after(&self, steps: Option<u32>) {
        self.killer.arm(steps);
    }

    /// A user makes an item on one side.
    pub fn user_creates(&mut self) -> u64 {
        self.serial += 1;
        let serial = self.serial;
        let item = new_item(serial, self.random.percent(50));
        let mail = self.random.percent(50);
        self.side(mail).user_create(item);
        self.known.insert(serial, Known::default());
        serial
    }

    /// The same thing stands on both sides before the first sync.
    pub fn user_has_on_both_sides(&mut self) {
        self.serial += 1;
        let serial = self.serial;
        let contact = self.random.percent(50);
        for mail in [true, false] {
            let mut item = new_item(serial, contact);
            if self.random.percent(50) {
                edit(&mut item, self.random.draw());
            }
            self.side(mail).user_create(item);
        }
        self.known.insert(serial, Known::default());
    }

    /// A user edits or deletes something.
    pub fn user_works(&mut self) {
        let mail = self.random.percent(50);
        let side = self.side(mail);
        let live = side.live();
        let Some((id, item)) = live.get(self.random.below(live.len())) else { return };
        let Some(serial) = serial_of(item) else { return };
        if self.knobs.files && self.random.percent(60) {
            self.user_works_on_files(mail, id, item);
            return;
        }
        if self.random.percent(20) {
            side.user_delete(id);
            self.known.entry(serial).or_default().deleted = true;
        } else {
            let token = self.random.draw();
            side.user_edit(id, |item| edit(item, token));
            self.known.entry(serial).or_default().edited_late = true;
        }
    }

    /// A user hangs one more file on an item or takes one off in the mailbox, or takes one off in the CRM.
    fn user_works_on_files(&mut self, mail: bool, id: &RemoteId, item: &Item) {
        if mail {
            let mut files: Vec<(String, u64)> = item.files.iter().map(|f| (f.name.clone(), f.size)).collect();
            if self.random.percent(25) {
                files.pop();
            } else {
                let name = format!("{:020}.txt", self.random.draw());
                files.push((name, 1 + u64::try_from(self.random.below(5)).unwrap_or(0)));
            }
            self.mail.user_edit(id, |item| item.set_files(files));
        } else if let Some((name, _)) = self.crm.files_of(id).pop()
            // Of one whose answer was lost nobody could tell whether it ever was there.
            && !self.store.all_pairs().iter().any(|p| any_noted(p) && p.crm.as_ref().is_some_and(|at| at.id == *id))
        {
            self.crm.user_takes_off(id, &name);
            self.taken_off.insert(name);
        }
    }

    /// A stretch of chaos: users work, cycles run, faults happen, the process dies.
    pub fn chaos(&mut self, rounds: usize) {
        self.mail.set_faults(self.knobs.faults);
        self.crm.set_faults(self.knobs.faults);
        for _ in 0..rounds {
            for _ in 0..self.random.below(4) {
                if self.random.percent(40) {
                    self.user_creates();
                } else {
                    self.user_works();
                }
            }
            let kill = (self.knobs.kills && self.random.percent(50)).then(|| self.random.below(60));
            self.killer.arm(kill.and_then(|k| u32::try_from(k).ok()));
            self.cycle();
            self.killer.arm(None);
            self.pass(15);
        }
        self.mail.set_faults(Faults::default());
        self.crm.set_faults(Faults::default());
    }

    /// One cycle in which the process dies, unless it is done before.
    pub fn deadly_cycle(&mut self) {
        let steps = self.random.below(60);
        self.killer.arm(u32::try_from(steps).ok());
        self.cycle();
        self.killer.arm(None);
        self.pass(15);
    }

    /// Cycles until nothing more is written, at most so many. Returns the writes of the last one.
    pub fn settle(&mut self, most: usize) -> Option<u32> {
        let mut last = None;
        for _ in 0..most {
            self.pass(61);
            self.approve_deletions();
            let outcome = self.cycle()?;
            last = Some(outcome.writes);
            if outcome.fault.is_none()
                && !outcome.more_work
                && outcome.again_at.is_none()
                && outcome.writes == 0
            {
                return last;
            }
        }
        last
    }

    /// An administrator approves what Delete Safety holds: a side that looks emptied, or a lost cursor.
    fn approve_deletions(&self) {
        for hold in self.store.all_holds() {
            if hold.kind == HoldKind::DeleteSafety && hold.decided.is_none() && self.approves {
                self.decide(hold.id, Decision::Approve);
            }
        }
    }

    /// An administrator decides about a hold.
    pub fn decide(&self, hold: HoldId, decision: Decision) {
        self.store.decide(hold, Decided { decision, by: "admin@desk".into(), at: self.clock.now() });
    }

    /// An administrator accepts what a backup has put back in the CRM.
    ///
    /// # Panics
    /// If it fails: nothing fails here.
    #[cfg(test)]
    pub fn accepts(&self, catch_up: bool) {
        self.accepts_of(Side::Crm, catch_up);
    }

    /// The same, of either side.
    ///
    /// # Panics
    /// If it fails: nothing fails here.
    pub fn accepts_of(&self, side: Side, catch_up: bool) {
        let cycle = self.next_cycle();
        self.with(cycle, async |ctx, _, _| {
            accept(ctx.store, ctx.connection(side), ctx.clock.now(), catch_up).await
        })
        .expect("nobody kills it")
        .expect("nothing fails");
    }

    /// The program was started anew, and comes with other rules of time zones than before.
    ///
    /// # Panics
    /// If it fails: nothing fails here.
    #[cfg(test)]
    pub fn has_other_zone_rules(&self) {
        let cycle = self.next_cycle();
        self.with(cycle, async |ctx, _, _| ctx.store.set_fact(&zones_fact(ctx.member.id), "2020a").await)
            .expect("nobody kills it")
            .expect("nothing fails");
    }

    /// One feed and one cycle. `None`: the process was killed in it.
    pub fn cycle(&self) -> Option<CycleOutcome> {
        let cycle = self.cycles.fetch_add(1, Ordering::SeqCst);
        self.with(cycle, async |ctx, feed, _| {
            // A feed that fails is read again next time; the cycle goes on without it.
            run_feed(feed).await.ok();
            run_cycle(ctx).await
        })
    }

    /// The number that the next cycle will have.
    pub fn next_cycle(&self) -> u64 {
        self.cycles.load(Ordering::SeqCst)
    }

    /// What the next cycle would do.
    ///
    /// # Panics
    /// If the preview fails: nothing fails here.
    #[cfg(test)]
    pub fn preview(&self) -> Preview {
        let cycle = self.next_cycle();
        let seen = self.with(cycle, async |ctx, _, crm| preview(ctx, crm, &crm.user).await);
        seen.expect("nobody kills it").expect("nothing fails")
    }

    /// The same, where so many deeds are enough.
    #[cfg(test)]
    pub(super) fn preview_up_to(&self, most: usize) -> Preview {
        let cycle = self.next_cycle();
        let seen = self.with(cycle, async |ctx, _, crm| preview_up_to(ctx, crm, &crm.user, most).await);
        seen.expect("nobody kills it").expect("nothing fails")
    }

    /// What an undo would do.
    ///
    /// # Panics
    /// If the preview fails: nothing fails here.
    #[cfg(test)]
    pub fn preview_undo(&self, span: UndoSpan) -> Vec<UndoLine> {
        let cycle = self.next_cycle();
        let seen = self.with(cycle, async |ctx, _, _| preview_undo(ctx, span).await);
        seen.expect("nobody kills it").expect("nothing fails")
    }

    /// What the sides show of a hold's items.
    #[cfg(test)]
    pub(super) fn shown_items(&self, hold: &HoldRow) -> Vec<ShownItem> {
        let cycle = self.next_cycle();
        let seen = self.with(cycle, async |ctx, _, _| crate::shown_items(ctx, hold).await);
        seen.expect("nobody kills it").expect("nothing fails")
    }

    /// Does something with what a cycle is given. `None`: the process was killed in it.
    fn with<T>(
        &self,
        cycle: u64,
        work: impl AsyncFnOnce(&CycleContext<'_>, &FeedContext<'_>, &FakeCrm<'_>) -> T,
    ) -> Option<T> {
        let user = CrmUserId::new("u1");
        let member = MemberRow {
            id: MemberId(1),
            policy: "sim".into(),
            address: "ann@example.com".into(),
            mail: "mail".into(),
            crm: "crm".into(),
            crm_user: Some(user.clone()),
            enabled: true,
            next_at: self.clock.now(),
            urgent: false,
            running: true,
            state: MemberState::default(),
        };
        let members = [(member.id, user.clone())];
        let crm = FakeCrm { side: &self.crm, user };
        let mut modules = vec![Module::Contacts, Module::Calendar];
        if self.policy.modules.tasks.is_some() {
            modules.push(Module::Tasks);
        }
        let feed = FeedContext {
            connection: &member.crm,
            crm: &crm,
            members: &members,
            modules: &modules,
            store: self.store.as_ref(),
            stop: &NoStop,
        };
        let ctx = CycleContext {
            member: &member,
            fence: 1,
            policy: &self.policy,
            mail: Arc::clone(&self.mail) as Arc<dyn SilentWriter>,
            crm: Arc::clone(&self.crm) as Arc<dyn SilentWriter>,
            store: self.store.as_ref(),
            clock: &self.clock,
            ids: &self.ids,
            events: &self.log,
            stop: &self.stop,
            record: Record { cycle, before: self.keep_images, deeds: Some(&self.deeds) },
        };
        run_until_killed(work(&ctx, &feed, &crm))
    }
}

/// Everything in the fake world answers at once: a future that waits was killed.
pub(crate) fn run_until_killed<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}
