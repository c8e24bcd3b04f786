//! What every CRM must do, asked of a running one. The tests of the connectors call it with their own server.

use chrono::{Duration, NaiveDate, Utc};
use chrono_tz::Tz;
use riva_core::documents::{AuthMethod, Connection, SystemKind};
use riva_core::fault::{FaultKind, ItemError};
use riva_core::ids::{Marker, PairId, RemoteId, Version};
use riva_core::item::{
    Address, Body, Completion, Element, Field, Item, Module, Name, Organization, ShowAs, TaskStatus, Value,
    When,
};
use riva_core::ports::{
    Change, CrmSystem, CrmUser, Draft, FeedChange, Fetched, Patch, RemoteRef, Removal, SecretError,
    SecretKey, SecretStore, SilentWriter, StepOutcome, StepReport, StepSink, TestStep, Window, Written,
};
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use uuid::Uuid;

/// Secrets in memory.
#[derive(Default)]
pub struct Secrets(Mutex<BTreeMap<SecretKey, SecretString>>);

impl Secrets {
    pub fn with(secrets: impl IntoIterator<Item = (SecretKey, String)>) -> Arc<dyn SecretStore> {
        Arc::new(Self(Mutex::new(secrets.into_iter().map(|(k, v)| (k, v.into())).collect())))
    }
}

impl SecretStore for Secrets {
    fn get(&self, key: &SecretKey) -> Result<Option<SecretString>, SecretError> {
        Ok(self.0.lock().unwrap().get(key).cloned())
    }

    fn set(&self, key: &SecretKey, secret: &SecretString) -> Result<(), SecretError> {
        self.0.lock().unwrap().insert(key.clone(), secret.clone());
        Ok(())
    }

    fn remove(&self, key: &SecretKey) -> Result<(), SecretError> {
        self.0.lock().unwrap().remove(key);
        Ok(())
    }

    fn place(&self) -> String {
        "memory".into()
    }
}

/// Keeps the steps of a test.
#[derive(Default)]
pub struct Steps(pub Mutex<Vec<StepReport>>);

impl StepSink for Steps {
    fn started(&self, _step: TestStep) {}

    fn ended(&self, report: StepReport) {
        self.0.lock().unwrap().push(report);
    }
}

impl Steps {
    pub fn passed(&self) -> Vec<TestStep> {
        let steps = self.0.lock().unwrap();
        steps.iter().filter(|s| matches!(s.outcome, StepOutcome::Passed { .. })).map(|s| s.step).collect()
    }
}

/// A connection to a server on this computer.
pub fn connection(
    system: SystemKind,
    address: &str,
    account: &str,
    auth: AuthMethod,
    options: &[(&str, &str)],
) -> Connection {
    Connection {
        name: "crm".into(),
        system,
        display_name: None,
        address: address.parse().unwrap(),
        account: account.into(),
        auth,
        access: None,
        ca_file: None,
        max_concurrent: None,
        picklists: riva_core::documents::Picklists::default(),
        options: options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        created: None,
        modified: None,
    }
}

fn marker() -> Marker {
    Marker { pair: PairId(Uuid::new_v4()), generation: 1 }
}

fn set(pairs: &[(&str, &str)]) -> Value {
    Value::set(pairs.iter().map(|(k, v)| ((*k).to_owned(), Element::plain(*v))).collect())
}

/// A contact with a value in every field that both kinds of CRM know.
pub fn contact(given: &str, family: &str) -> Item {
    let mut item = Item::new(Module::Contacts);
    item.set(
        Field::Name,
        Value::Name(Name { given: given.into(), family: family.into(), ..Name::default() }),
    );
    item.set(
        Field::Organization,
        Value::Organization(Organization { title: "Head of R&D".into(), ..Organization::default() }),
    );
    item.set(Field::Emails, set(&[("1", &format!("{}@example.test", given.to_lowercase()))]));
    item.set(Field::Phones, set(&[("work", "+49 30 1234"), ("mobile", "+49 170 1")]));
    item.set(
        Field::WorkAddress,
        Value::Address(Address {
            street: "Hauptstraße 1\nHinterhaus".into(),
            city: "Łódź".into(),
            postcode: "10115".into(),
            country: "Germany".into(),
            ..Address::default()
        }),
    );
    item.set(Field::Notes, Value::Body(Body::plain("First line <b>\nsecond & last line")));
    item
}

/// An event; `days` from now.
pub fn event(summary: &str, days: i64, all_day: bool) -> Item {
    let mut item = Item::new(Module::Calendar);
    let day: NaiveDate = (Utc::now() + Duration::days(days)).date_naive();
    let when = if all_day {
        When::AllDay { start: day, end: day + Duration::days(2) }
    } else {
        let start = day.and_hms_opt(9, 30, 0).unwrap().and_utc();
        When::timed(start, start + Duration::minutes(45), Tz::UTC)
    };
    item.set(Field::When, Value::When(when));
    item.set_text(Field::Summary, summary);
    item.set_text(Field::Location, "Room 1 & 2");
    item.set(Field::Body, Value::Body(Body::plain("Agenda:\n1 < 2")));
    item.set(Field::ShowAs, Value::ShowAs(ShowAs::Free));
    item
}

/// A task, due so many days from now.
pub fn task(summary: &str, days: i64) -> Item {
    let mut item = Item::new(Module::Tasks);
    item.set_text(Field::Summary, summary);
    item.set(Field::Body, Value::Body(Body::plain("First line <b>\nsecond & last line")));
    item.set(Field::DueDate, Value::Date((Utc::now() + Duration::days(days)).date_naive()));
    let done = Completion { status: TaskStatus::InProgress, on: None, percent: None };
    item.set(Field::Completion, Value::Completion(done));
    item.set(Field::Importance, Value::Number(2));
    item
}

fn draft(item: Item) -> Draft {
    Draft { marker: marker(), item }
}

/// Only what a side can write.
fn writable(side: &dyn SilentWriter, mut item: Item) -> Item {
    let capabilities = side.capabilities().module(item.module).expect("the module");
    item.fields.retain(|field, _| capabilities.writes.contains(field));
    item
}

/// Every field of `wanted` is kept by the CRM as it was given.
fn assert_kept(wanted: &Item, kept: &Item) {
    for (field, value) in &wanted.fields {
        match (value, kept.get(*field)) {
            (Value::Body(a), Some(Value::Body(b))) => assert_eq!(a.canonical(), b.canonical(), "{field}"),
            (Value::Set(a), Some(Value::Set(b))) => {
                let values = |s: &BTreeMap<String, Element>| {
                    s.iter().map(|(k, e)| (k.clone(), e.value.clone())).collect::<Vec<_>>()
                };
                assert_eq!(values(a), values(b), "{field}");
            }
            (a, b) => assert_eq!(Some(a), b, "{field}"),
        }
    }
}

fn present(fetched: &Fetched) -> (&Version, Option<Marker>, &Item) {
    match fetched {
        Fetched::Present { version, marker, item, .. } => (version, *marker, item),
        other => panic!("not there: {other:?}"),
    }
}

async fn feed_from(crm: &dyn CrmSystem, module: Module, cursor: &riva_core::ids::Cursor) -> Vec<FeedChange> {
    let (mut cursor, mut all) = (cursor.clone(), Vec::new());
    for _ in 0..100 {
        let page = crm.feed(module, Some(&cursor)).await.expect("a page of the feed");
        all.extend(page.changes);
        cursor = page.cursor;
        if !page.more {
            return all;
        }
    }
    panic!("the feed does not end");
}

async fn listed(side: &dyn SilentWriter, module: Module, window: Option<Window>) -> Vec<RemoteId> {
    let (mut after, mut all) = (None, Vec::new());
    loop {
        let page = side.list(module, window, after.as_ref()).await.expect("a page of the list");
        all.extend(page.items.into_iter().map(|i| i.id));
        match page.next {
            Some(next) => after = Some(next),
            None => return all,
        }
    }
}

fn removal(written: &Written) -> Removal {
    Removal { id: written.at.id.clone(), version: written.at.version.clone() }
}

/// Asks all of it of a CRM in which two users are active under these addresses.
pub async fn hold(crm: &dyn CrmSystem, alice: &str, bob: &str) {
    let steps = Steps::default();
    let tested = crm.test(Some(alice), &steps).await;
    assert_eq!(tested, Ok(()), "{:?}", steps.0.lock().unwrap());
    for step in
        [TestStep::ResolveName, TestStep::Connect, TestStep::SignIn, TestStep::FindUser, TestStep::MayWrite]
    {
        assert!(steps.passed().contains(&step), "{step:?}");
    }
    assert!(!crm.fingerprint().await.expect("a fingerprint").is_empty());

    let user = crm.user(&alice.to_uppercase()).await.expect("alice");
    assert_eq!(user.address.as_str(), alice);
    let nobody = crm.user("nobody@example.test").await.expect_err("nobody");
    assert_eq!(nobody.kind, FaultKind::UserNotFound);
    assert!(
        nobody.detail.starts_with("Unable to match a user to impersonate by email address: "),
        "{nobody}"
    );

    let side = crm.open(&user).await.expect("alice's records");
    let other = crm.open(&crm.user(bob).await.expect("bob")).await.expect("bob's records");
    items_of(crm, &user, &*side, &*other, Module::Contacts).await;
    items_of(crm, &user, &*side, &*other, Module::Calendar).await;
    if side.capabilities().module(Module::Tasks).is_some() {
        items_of(crm, &user, &*side, &*other, Module::Tasks).await;
    }
    one_bad_event(&*side).await;
    windows(&*side).await;
}

async fn items_of(
    crm: &dyn CrmSystem,
    user: &CrmUser,
    side: &dyn SilentWriter,
    other: &dyn SilentWriter,
    module: Module,
) {
    let capabilities = side.capabilities().module(module).expect("the module").clone();
    let start = crm.feed(module, None).await.expect("the feed's start");
    assert!(start.changes.is_empty() && !start.more);
    let items = match module {
        Module::Contacts => [contact("Carol", "Clark"), contact("Dave", "Dent")],
        Module::Tasks => [task("Call back & ask", 3), task("Send the offer", 0)],
        _ => [event("Kick-off & more", 3, false), event("Trade fair", 5, true)],
    };
    let categorised = items.map(|mut item| {
        item.set(Field::Categories, set(&[("Customers", "Customers"), ("Fair / 2027", "Fair / 2027")]));
        item
    });
    let drafts: Vec<Draft> = categorised.into_iter().map(|i| draft(writable(side, i))).collect();
    let made: Vec<Written> =
        side.create(module, &drafts).await.expect("created").into_iter().map(|w| w.expect("made")).collect();
    for (draft, written) in drafts.iter().zip(&made) {
        assert_kept(&draft.item, written.item.as_deref().expect("read back"));
    }
    let ids: Vec<RemoteId> = made.iter().map(|w| w.at.id.clone()).collect();

    // Exactly once, and found again.
    if capabilities.create_is_idempotent {
        let again = side.create(module, &drafts).await.expect("created again");
        assert_eq!(again.into_iter().map(|w| w.expect("made").at.id).collect::<Vec<_>>(), ids);
        let markers: Vec<Marker> = drafts.iter().map(|d| d.marker).chain([marker()]).collect();
        let found = side.probe(module, &markers).await.expect("probed");
        let found: Vec<Vec<RemoteId>> =
            found.into_iter().map(|f| f.into_iter().map(|r| r.id).collect()).collect();
        assert_eq!(found, [vec![ids[0].clone()], vec![ids[1].clone()], vec![]]);
    }
    let shown = side.fetch(module, &ids).await.expect("fetched");
    if capabilities.can_tag {
        assert_eq!(present(&shown[0]).1, Some(drafts[0].marker));
    }
    assert_eq!(other.fetch(module, &ids).await.expect("fetched"), [Fetched::OutOfScope, Fetched::OutOfScope]);
    assert!(!listed(other, module, None).await.contains(&ids[0]));
    assert!(listed(side, module, None).await.contains(&ids[0]));

    // The feed names them and whom they concern.
    for change in feed_from(crm, module, &start.cursor).await {
        if let Change::Seen { id, version } = &change.change
            && let Some(at) = ids.iter().position(|i| i == id)
        {
            assert_eq!(change.concerns, [user.id.clone()].into());
            assert_eq!(version, present(&shown[at]).0);
        }
    }
    let seen = feed_from(crm, module, &start.cursor).await;
    for id in &ids {
        assert!(
            seen.iter().any(|c| matches!(&c.change, Change::Seen { id: seen, .. } if seen == id)),
            "{id} in the feed"
        );
    }
    updates(side, module, &ids, &shown).await;
    tags(side, module, &ids[0]).await;
    deletes(crm, side, module, &ids, &start.cursor).await;
}

async fn updates(side: &dyn SilentWriter, module: Module, ids: &[RemoteId], shown: &[Fetched]) {
    let field = if module == Module::Contacts { Field::Notes } else { Field::Body };
    let patch = |at: usize, text: &str, version: &Version| Patch {
        id: ids[at].clone(),
        version: version.clone(),
        marker: marker(),
        set: [(field, Value::Body(Body::plain(text)))].into(),
        base: present(&shown[at]).2.clone(),
    };
    let old = present(&shown[0]).0.clone();
    // Versions count in seconds on some servers: an edit within the same one cannot be told, and is not what is tested.
    let later = tokio::time::Instant::now() + std::time::Duration::from_millis(1100);
    tokio::time::sleep_until(later).await;
    let done = side.update(module, &[patch(0, "changed", &old)]).await.expect("updated");
    let written = done.into_iter().next().expect("one answer").expect("written");
    assert_ne!(written.at.version, old);
    // A backup that is put back is known by it.
    let caps = side.capabilities().module(module).expect("it has them");
    assert!(caps.versions_in_order && old.is_before(&written.at.version), "{old} and {}", written.at.version);
    assert!(!written.at.version.is_before(&old));
    let now = written.item.expect("read back");
    assert_kept(
        &Item { fields: [(field, Value::Body(Body::plain("changed")))].into(), ..Item::new(module) },
        &now,
    );
    // Everything else stayed.
    let mut rest = present(&shown[0]).2.clone();
    rest.fields.remove(&field);
    assert_kept(&rest, &now);
    // What we have not read is not overwritten; the other patch of the batch goes through.
    let fresh = present(&shown[1]).0.clone();
    let done =
        side.update(module, &[patch(0, "stale", &old), patch(1, "fine", &fresh)]).await.expect("updated");
    assert_eq!(done[0], Err(ItemError::VersionMoved));
    assert!(done[1].is_ok(), "{:?}", done[1]);
    let blanked = Patch { set: [(field, Value::Blank)].into(), ..patch(0, "", &written.at.version) };
    let done = side.update(module, &[blanked]).await.expect("updated").remove(0).expect("written");
    assert_eq!(done.item.expect("read back").get(field), Some(&Value::Blank));
}

async fn tags(side: &dyn SilentWriter, module: Module, id: &RemoteId) {
    let before = side.fetch(module, std::slice::from_ref(id)).await.expect("fetched");
    let at = RemoteRef { id: id.clone(), version: present(&before[0]).0.clone() };
    let ours = marker();
    let done = side.tag(module, &[(at, ours)]).await.expect("tagged");
    assert!(done[0].is_ok(), "{:?}", done[0]);
    if side.capabilities().module(module).expect("the module").can_tag {
        let found = side.probe(module, &[ours]).await.expect("probed");
        assert_eq!(found[0].iter().map(|r| &r.id).collect::<Vec<_>>(), [id]);
    }
}

async fn deletes(
    crm: &dyn CrmSystem,
    side: &dyn SilentWriter,
    module: Module,
    ids: &[RemoteId],
    start: &riva_core::ids::Cursor,
) {
    let shown = side.fetch(module, ids).await.expect("fetched");
    let removals: Vec<Removal> = ids
        .iter()
        .zip(&shown)
        .map(|(id, f)| Removal { id: id.clone(), version: present(f).0.clone() })
        .collect();
    let stale = Removal { version: Version::new("1999-01-01 00:00:00"), ..removals[0].clone() };
    assert_eq!(side.delete(module, &[stale]).await.expect("answered"), [Err(ItemError::VersionMoved)]);
    assert_eq!(side.delete(module, &removals).await.expect("deleted"), [Ok(()), Ok(())]);
    assert_eq!(side.fetch(module, ids).await.expect("fetched"), [Fetched::Gone, Fetched::Gone]);
    assert!(!listed(side, module, None).await.contains(&ids[0]));
    let changes = feed_from(crm, module, start).await;
    assert!(
        changes.iter().any(|c| c.change == Change::Deleted { id: ids[0].clone() }),
        "the deletion is in the feed"
    );
    let patch = Patch {
        id: ids[0].clone(),
        version: removals[0].version.clone(),
        marker: marker(),
        set: BTreeMap::new(),
        base: Item::new(module),
    };
    let done = side.update(module, &[patch]).await.expect("answered");
    assert!(matches!(done[0], Err(ItemError::Gone | ItemError::VersionMoved)), "{:?}", done[0]);
}

async fn one_bad_event(side: &dyn SilentWriter) {
    let mut bad = event("ends before it starts", 3, false);
    let start = (Utc::now() + Duration::days(3)).date_naive().and_hms_opt(10, 0, 0).unwrap().and_utc();
    bad.set(Field::When, Value::When(When::timed(start, start - Duration::hours(1), Tz::UTC)));
    let drafts = [draft(writable(side, event("good", 3, false))), draft(writable(side, bad))];
    let made = side.create(Module::Calendar, &drafts).await.expect("answered");
    assert!(matches!(&made[1], Err(ItemError::Invalid { .. })), "{:?}", made[1]);
    let good = made[0].as_ref().expect("the good one is made");
    assert_eq!(side.delete(Module::Calendar, &[removal(good)]).await.expect("deleted"), [Ok(())]);
}

async fn windows(side: &dyn SilentWriter) {
    let drafts: Vec<Draft> = [
        event("inside", 3, false),
        event("inside, all day", 3, true),
        event("outside", 60, false),
        event("outside, all day", 60, true),
    ]
    .into_iter()
    .map(|e| draft(writable(side, e)))
    .collect();
    let made: Vec<Written> = side
        .create(Module::Calendar, &drafts)
        .await
        .expect("made")
        .into_iter()
        .map(|w| w.expect("made"))
        .collect();
    let window = Window { from: Utc::now() - Duration::days(1), to: Utc::now() + Duration::days(30) };
    let inside = listed(side, Module::Calendar, Some(window)).await;
    let seen: Vec<bool> = made.iter().map(|w| inside.contains(&w.at.id)).collect();
    assert_eq!(seen, [true, true, false, false]);
    let removals: Vec<Removal> = made.iter().map(removal).collect();
    assert!(side.delete(Module::Calendar, &removals).await.expect("deleted").iter().all(Result::is_ok));
}
