//! Whom a connection's feed tells of what, and when it begins anew.

use super::*;
use crate::scripted::Stop;
use crate::simulator::world::run_until_killed;
use crate::simulator::{Killer, MemoryStore};
use async_trait::async_trait;
use riva_core::fault::Fault;
use riva_core::ids::{ConnectionName, CrmUserId, Marker, PairId};
use riva_core::ports::{
    CrmSystem, CrmUser, Endpoint, FeedChange, Reader, SilentWriter, StepSink, SyncStore as _,
};
use riva_core::rows::{Commit, Hashes, IntentKind, IntentRow};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use uuid::Uuid;

const MODULES: [Module; 2] = [Module::Contacts, Module::Calendar];

/// A CRM that tells what it is told to.
#[derive(Default)]
struct Tells {
    pages: Mutex<VecDeque<Result<FeedPage, CallError>>>,
    asked: Mutex<Vec<(Module, Option<Cursor>)>>,
}

#[async_trait]
impl Endpoint for Tells {
    async fn test(&self, _target: Option<&str>, _steps: &dyn StepSink) -> Result<(), Fault> {
        panic!("it is asked for its feed alone")
    }

    async fn fingerprint(&self) -> Result<String, CallError> {
        panic!("it is asked for its feed alone")
    }
}

#[async_trait]
impl CrmSystem for Tells {
    async fn user(&self, _address: &str) -> Result<CrmUser, Fault> {
        panic!("it is asked for its feed alone")
    }

    async fn feed(&self, module: Module, cursor: Option<&Cursor>) -> Result<FeedPage, CallError> {
        self.asked.lock().expect("no panic").push((module, cursor.cloned()));
        self.pages.lock().expect("no panic").pop_front().expect("the test says what is told")
    }

    async fn open(&self, _user: &CrmUser) -> Result<Arc<dyn SilentWriter>, Fault> {
        panic!("it is asked for its feed alone")
    }

    async fn reader(&self, _user: &CrmUser) -> Result<Arc<dyn Reader>, Fault> {
        panic!("it is asked for its feed alone")
    }
}

/// The feed of a connection with three members.
struct Feed {
    crm: Tells,
    store: MemoryStore,
    stop: Stop,
}

impl Feed {
    /// Both modules' feeds have begun, at place 1.
    fn begun() -> Self {
        let feed =
            Self { crm: Tells::default(), store: MemoryStore::new(Killer::default()), stop: Stop::default() };
        let outcome = feed.reads([Ok(page("1", [])), Ok(page("1", []))]);
        assert_eq!(outcome.expect("nothing fails"), FeedOutcome::default());
        feed
    }

    /// What comes of it when this is told, page by page, of contacts and then of appointments.
    fn reads(
        &self,
        pages: impl IntoIterator<Item = Result<FeedPage, CallError>>,
    ) -> Result<FeedOutcome, CycleFault> {
        self.crm.pages.lock().expect("no panic").extend(pages);
        self.crm.asked.lock().expect("no panic").clear();
        let members: Vec<(MemberId, CrmUserId)> =
            (1..=3).map(|n| (MemberId(n), CrmUserId::new(format!("u{n}")))).collect();
        let ctx = FeedContext {
            connection: &connection(),
            crm: &self.crm,
            members: &members,
            modules: &MODULES,
            store: &self.store,
            stop: &self.stop,
        };
        run_until_killed(run_feed(&ctx)).expect("nobody kills it")
    }

    /// From where it was asked, by module.
    fn asked(&self) -> Vec<(Module, Option<Cursor>)> {
        self.crm.asked.lock().expect("no panic").clone()
    }

    /// Under which beginning members list.
    fn beginning(&self, module: Module) -> Option<String> {
        soon(self.store.fact(&epoch_fact(&connection(), module))).expect("it is in memory")
    }

    /// Whose rows say what.
    fn rows(&self) -> Vec<(i64, &'static str, Presence)> {
        let name = |id: &RemoteId| ["one", "other"].into_iter().find(|name| id.as_str() == *name);
        let rows = self.store.all_items().into_iter();
        rows.map(|row| (row.member.0, name(&row.id).expect("one of both"), row.presence)).collect()
    }
}

fn soon<T>(future: impl Future<Output = T>) -> T {
    run_until_killed(future).expect("nobody kills it")
}

fn connection() -> ConnectionName {
    "crm".into()
}

fn page<const N: usize>(next: &str, changes: [FeedChange; N]) -> FeedPage {
    FeedPage { changes: changes.into(), cursor: Cursor::new(next), more: false }
}

/// A change of a record that belongs to one member.
fn seen(id: &str, version: &str, of: u32) -> FeedChange {
    let change = Change::Seen { id: id.into(), version: version.into() };
    FeedChange { change, concerns: [CrmUserId::new(format!("u{of}"))].into() }
}

fn deleted(id: &str) -> FeedChange {
    FeedChange { change: Change::Deleted { id: id.into() }, concerns: BTreeSet::new() }
}

/// A member is making a record: nobody knows yet under which id.
fn makes(feed: &Feed, member: MemberId) {
    let pair = PairId(Uuid::from_u128(1));
    let intent = IntentRow {
        pair,
        member,
        module: Module::Contacts,
        side: Side::Crm,
        kind: IntentKind::Create,
        marker: Marker { pair, generation: 1 },
        target: None,
        expect: None,
        sends: Hashes::default(),
        origin: Hashes::default(),
        origin_version: None,
        in_doubt: false,
        at: chrono::DateTime::UNIX_EPOCH,
        believe_after: None,
    };
    let commit = Commit { intents: vec![intent], ..Commit::default() };
    soon(feed.store.commit(member, 1, &commit)).expect("it is in memory");
}

#[test]
fn a_change_is_told_to_those_whom_it_concerns_and_to_those_who_have_the_record() {
    let feed = Feed::begun();
    let quiet = || Ok(page("1", []));
    let outcome = feed.reads([Ok(page("2", [seen("one", "1", 1), seen("other", "1", 2)])), quiet()]);
    let counted = |changes, observations| FeedOutcome { changes, observations, cursor_lost: false };
    assert_eq!(outcome.expect("nothing fails"), counted(2, 2));
    // It belongs to another one now: whoever had it finds out that it is out of sight.
    let outcome = feed.reads([Ok(page("3", [seen("one", "2", 3)])), quiet()]);
    assert_eq!(outcome.expect("nothing fails"), counted(1, 2));
    let (one, other) = ("one", "other");
    let present = Presence::Present;
    assert_eq!(feed.rows(), [(1, one, present), (2, other, present), (3, one, present)]);
    assert_eq!(feed.asked(), [(Module::Contacts, Some("2".into())), (Module::Calendar, Some("1".into()))]);
}

/// What a member has just made has no row yet, and no feed tells of it again.
#[test]
fn a_deletion_is_told_to_those_who_are_making_something_too() {
    let feed = Feed::begun();
    makes(&feed, MemberId(1));
    let told = page("2", [seen("one", "1", 2), seen("other", "1", 3)]);
    feed.reads([Ok(told), Ok(page("1", []))]).expect("nothing fails");
    feed.reads([Ok(page("3", [deleted("other")])), Ok(page("1", []))]).expect("nothing fails");
    let gone = Presence::Deleted;
    assert_eq!(feed.rows(), [(1, "other", gone), (2, "one", Presence::Present), (3, "other", gone)]);
}

#[test]
fn a_feed_that_was_lost_begins_anew_and_no_other_one_does() {
    let feed = Feed::begun();
    let lost = Err(CallError::CursorLost("too old".into()));
    let outcome = feed.reads([lost, Ok(page("9", [])), Ok(page("2", []))]).expect("nothing fails");
    assert!(outcome.cursor_lost);
    let asked = [
        (Module::Contacts, Some("1".into())),
        (Module::Contacts, None),
        (Module::Calendar, Some("1".into())),
    ];
    assert_eq!(feed.asked(), asked);
    let beginnings = MODULES.map(|module| feed.beginning(module).expect("it has begun"));
    assert_eq!(beginnings, ["2 9", "1 1"]);
}

#[test]
fn where_nothing_is_told_nothing_is_stored() {
    let feed = Feed::begun();
    feed.store.gate().arm(Some(0));
    feed.reads([Ok(page("1", [])), Ok(page("1", []))]).expect("nothing fails");
}

#[test]
fn nothing_is_read_any_more_when_it_is_to_end() {
    let feed = Feed::begun();
    feed.stop.after(1);
    let outcome = feed.reads([Ok(page("2", [seen("one", "1", 1)])), Ok(page("2", []))]);
    assert!(matches!(outcome, Err(CycleFault::Stopped)), "{outcome:?}");
    assert_eq!(feed.asked(), [(Module::Contacts, Some("1".into()))]);
    assert_eq!(feed.rows(), [(1, "one", Presence::Present)], "what was told is known");
}

#[test]
fn a_crm_that_loses_its_cursor_at_every_page_does_not_work() {
    let feed = Feed::begun();
    let lost = || Err(CallError::CursorLost("too old".into()));
    let more = |next| Ok(FeedPage { more: true, ..page(next, []) });
    let fault = feed.reads([lost(), more("2"), lost()]).expect_err("it does not work");
    assert!(matches!(fault, CycleFault::Side { side: Side::Crm, .. }), "{fault:?}");
    // Neither does one that has lost it before there was one.
    let feed = Feed { store: MemoryStore::new(Killer::default()), ..Feed::begun() };
    let fault = feed.reads([lost()]).expect_err("it does not work");
    assert!(matches!(fault, CycleFault::Side { side: Side::Crm, .. }), "{fault:?}");
}
