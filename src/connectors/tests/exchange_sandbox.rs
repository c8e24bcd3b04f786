//! The Exchange connector against the sandbox, which was written from the vendor's schema and not from our client.

#![allow(clippy::unwrap_used, reason = "a test ends where something is missing")]

mod contract;
mod messages;
mod series;

use riva_connectors::exchange;
use riva_core::documents::{AccessMethod, AuthMethod, Connection, SystemKind};
use riva_core::fault::{CallError, Fault, FaultKind, ItemError};
use riva_core::ids::{EmailAddress, Marker, PairId};
use riva_core::item::{Field, Item, Module, Value, When};
use riva_core::ports::{
    Change, Draft, Fetched, MailSystem, Patch, Removal, SecretError, SecretKey, SecretStore, SilentWriter,
    StepOutcome, StepReport, StepSink, TestStep,
};
use riva_sandbox::exchange::Down;
use riva_sandbox::{Company, RunningSandbox, Sandbox, SandboxOptions};
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const PRIYA: &str = "priya.raman@northwind-demo.example";

struct OneSecret(String);

impl SecretStore for OneSecret {
    fn get(&self, _: &SecretKey) -> Result<Option<SecretString>, SecretError> {
        Ok(Some(self.0.clone().into()))
    }
    fn set(&self, _: &SecretKey, _: &SecretString) -> Result<(), SecretError> {
        Ok(())
    }
    fn remove(&self, _: &SecretKey) -> Result<(), SecretError> {
        Ok(())
    }
    fn place(&self) -> String {
        "this test".to_owned()
    }
}

#[derive(Default)]
struct Steps(Mutex<Vec<StepReport>>);

impl StepSink for Steps {
    fn started(&self, _: TestStep) {}
    fn ended(&self, report: StepReport) {
        self.0.lock().unwrap().push(report);
    }
}

impl Steps {
    fn passed(&self) -> Vec<TestStep> {
        let steps = self.0.lock().unwrap();
        steps.iter().filter(|s| matches!(s.outcome, StepOutcome::Passed { .. })).map(|s| s.step).collect()
    }
}

struct House {
    sandbox: RunningSandbox,
    folder: tempfile::TempDir,
    account: String,
    password: String,
}

impl House {
    async fn open() -> Self {
        let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/demo/company.toml");
        let text = std::fs::read_to_string(&demo).unwrap();
        let company = Company::parse(&text).unwrap();
        let seed: toml::Table = text.parse().unwrap();
        let login = |key: &str| seed["exchange"][key].as_str().unwrap().to_owned();
        let sandbox = Sandbox::start(SandboxOptions::new(company)).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), sandbox.ca_pem().unwrap()).unwrap();
        Self { sandbox, folder, account: login("account"), password: login("password") }
    }

    fn connection(&self) -> Connection {
        Connection {
            name: "exchange".into(),
            system: SystemKind::ExchangeEws,
            display_name: None,
            address: format!("{}/EWS/Exchange.asmx", self.sandbox.exchange_url()).parse().unwrap(),
            account: self.account.clone(),
            auth: AuthMethod::Password,
            access: Some(AccessMethod::Impersonation),
            ca_file: Some("ca.pem".into()),
            max_concurrent: None,
            picklists: riva_core::documents::Picklists::default(),
            options: BTreeMap::new(),
            created: None,
            modified: None,
        }
    }

    fn system(&self, password: &str, change: impl FnOnce(&mut Connection)) -> Arc<dyn MailSystem> {
        let mut connection = self.connection();
        change(&mut connection);
        let secrets: Arc<dyn SecretStore> = Arc::new(OneSecret(password.to_owned()));
        exchange::system(&connection, &secrets, self.folder.path()).unwrap()
    }

    fn usual(&self) -> Arc<dyn MailSystem> {
        self.system(&self.password, |_| {})
    }

    async fn mailbox(&self, user: &str) -> Arc<dyn SilentWriter> {
        self.usual().open(&EmailAddress::new(user)).await.unwrap()
    }

    async fn fails(&self, system: &Arc<dyn MailSystem>, user: &str) -> (Fault, Vec<TestStep>) {
        let steps = Steps::default();
        let fault = system.test(Some(user), &steps).await.unwrap_err();
        assert!(!format!("{fault:?}").contains(&self.password));
        (fault, steps.passed())
    }
}

fn marker() -> Marker {
    Marker { pair: PairId(uuid::Uuid::new_v4()), generation: 1 }
}

fn contact(name: &str) -> Item {
    let mut item = Item::new(Module::Contacts);
    item.set_text(Field::DisplayName, name);
    item
}

async fn feed(side: &dyn SilentWriter, module: Module) -> (Vec<Change>, riva_core::ids::Cursor) {
    let mut all = Vec::new();
    let mut cursor = None;
    loop {
        let page = side.changes(module, cursor.as_ref()).await.unwrap();
        all.extend(page.changes);
        cursor = Some(page.cursor.clone());
        if !page.more {
            return (all, page.cursor);
        }
    }
}

async fn create_one(side: &dyn SilentWriter, item: Item) -> (Marker, riva_core::ports::RemoteRef) {
    let draft = Draft { marker: marker(), item };
    let module = draft.item.module;
    let written = side.create(module, std::slice::from_ref(&draft)).await.unwrap().remove(0).unwrap();
    (draft.marker, written.at)
}

#[tokio::test]
async fn the_contract_of_sides_is_kept() {
    let house = House::open().await;
    let side = house.mailbox(PRIYA).await;
    match contract::run(&*side, true).await {
        Ok(checks) => assert!(checks > 10, "{checks} checks"),
        Err(failures) => panic!("{}", failures.join("\n")),
    }
    assert_eq!(house.sandbox.control().counters().total_mails(), 0, "nobody may be mailed");
    house.sandbox.stop().await;
}

#[tokio::test]
async fn small_pages_bring_everything_once() {
    let house = House::open().await;
    let side = house.mailbox(PRIYA).await;
    for module in [Module::Contacts, Module::Calendar, Module::Tasks] {
        house.sandbox.control().set_page_size(None);
        let (whole, _) = feed(&*side, module).await;
        house.sandbox.control().set_page_size(Some(1));
        let (pieces, _) = feed(&*side, module).await;
        assert!(whole.len() > 1, "the demo has some {module}");
        assert_eq!(whole, pieces);
        let mut listed = Vec::new();
        let mut next = None;
        loop {
            let page = side.list(module, None, next.as_ref()).await.unwrap();
            listed.extend(page.items);
            next = page.next;
            if next.is_none() {
                break;
            }
        }
        assert_eq!(listed.len(), whole.len());
    }
    house.sandbox.stop().await;
}

#[tokio::test]
async fn a_test_of_a_user_shows_every_step() {
    use TestStep::{
        Connect, FindUser, Impersonate, MayWrite, OpenCalendar, OpenContacts, OpenTasks, ResolveName, SignIn,
        Tls,
    };
    let house = House::open().await;
    let steps = Steps::default();
    house.usual().test(Some(PRIYA), &steps).await.unwrap();
    let all = [
        ResolveName,
        Connect,
        Tls,
        SignIn,
        FindUser,
        Impersonate,
        OpenCalendar,
        OpenContacts,
        OpenTasks,
        MayWrite,
    ];
    assert_eq!(steps.passed(), all);
    let steps = Steps::default();
    house.usual().test(None, &steps).await.unwrap();
    assert_eq!(steps.passed(), all[..4]);
    let directory = house.usual();
    let found = directory.directory().check_name("Priya").await.unwrap();
    assert_eq!(found.iter().map(|f| f.address.as_str()).collect::<Vec<_>>(), [PRIYA]);
    assert!(directory.directory().check_name("nobody at all").await.unwrap().is_empty());
    let fingerprint = directory.fingerprint().await.unwrap();
    assert_eq!(house.usual().fingerprint().await.unwrap(), fingerprint);
    house.sandbox.stop().await;
}

#[tokio::test]
async fn each_trouble_has_its_own_fault() {
    let house = House::open().await;
    let usual = house.usual();
    let (fault, passed) = house.fails(&usual, "peter.novak@northwind-demo.example").await;
    assert_eq!(
        (fault.kind, passed.last()),
        (FaultKind::NoAccessToUser, Some(&TestStep::FindUser)),
        "{fault}"
    );
    let (fault, _) = house.fails(&usual, "nora.lindqvist@northwind-demo.example").await;
    assert_eq!(fault.kind, FaultKind::MailboxNeverOpened, "{fault}");
    let (fault, passed) = house.fails(&usual, "no.body@northwind-demo.example").await;
    assert_eq!((fault.kind, passed.last()), (FaultKind::UserNotFound, Some(&TestStep::SignIn)), "{fault}");

    let delegate = house.system(&house.password, |c| c.access = Some(AccessMethod::DelegateFullAccess));
    let (fault, _) = house.fails(&delegate, "peter.novak@northwind-demo.example").await;
    assert_eq!(fault.kind, FaultKind::NoAccessToUser, "{fault}");
    let steps = Steps::default();
    delegate.test(Some("hannah.fischer@northwind-demo.example"), &steps).await.unwrap();
    assert_eq!(steps.passed().last(), Some(&TestStep::MayWrite));

    let (fault, passed) = house.fails(&house.system("wrong", |_| {}), PRIYA).await;
    assert_eq!((fault.kind, passed.last()), (FaultKind::GivenCredentials, Some(&TestStep::Tls)), "{fault}");
    let (fault, passed) = house.fails(&house.system(&house.password, |c| c.ca_file = None), PRIYA).await;
    assert_eq!(
        (fault.kind, passed.last()),
        (FaultKind::SystemNotAvailable, Some(&TestStep::Connect)),
        "{fault}"
    );
    let elsewhere = house.system(&house.password, |c| c.address.set_path("/owa/"));
    let (fault, _) = house.fails(&elsewhere, PRIYA).await;
    assert_eq!(fault.kind, FaultKind::UnexpectedAnswer, "{fault}");

    house.sandbox.control().set_down(Some(Down::Unavailable));
    let (fault, _) = house.fails(&house.usual(), PRIYA).await;
    assert_eq!(fault.kind, FaultKind::SystemNotAvailable, "{fault}");
    house.sandbox.control().set_down(Some(Down::Closed));
    let (fault, _) = house.fails(&house.usual(), PRIYA).await;
    assert_eq!(fault.kind, FaultKind::SystemNotAvailable, "{fault}");
    house.sandbox.stop().await;
}

#[tokio::test]
async fn a_busy_server_is_left_alone_for_as_long_as_it_says() {
    let house = House::open().await;
    let side = house.mailbox(PRIYA).await;
    house.sandbox.control().throttle(1, 120_000);
    let error = side.changes(Module::Contacts, None).await.unwrap_err();
    let CallError::Fault(fault) = error else { panic!("{error:?}") };
    assert_eq!((fault.kind, fault.retry_after), (FaultKind::Throttled, Some(Duration::from_mins(2))));
    let before = house.sandbox.control().counters().total_requests();
    let error = side.changes(Module::Contacts, None).await.unwrap_err();
    assert!(matches!(error, CallError::Fault(f) if f.kind == FaultKind::Throttled));
    assert_eq!(house.sandbox.control().counters().total_requests(), before, "nothing was sent");
    house.sandbox.stop().await;
}

#[tokio::test]
async fn a_create_whose_reply_is_lost_is_found_by_its_marker() {
    let house = House::open().await;
    let side = house.mailbox(PRIYA).await;
    house.sandbox.control().lose_replies(1, Some("CreateItem"));
    let draft = Draft { marker: marker(), item: contact("Lost Reply") };
    let error = side.create(Module::Contacts, std::slice::from_ref(&draft)).await.unwrap_err();
    assert!(matches!(error, CallError::InDoubt(_)), "{error:?}");
    let other = marker();
    let found = side.probe(Module::Contacts, &[other, draft.marker]).await.unwrap();
    assert_eq!((found[0].len(), found[1].len()), (0, 1));
    house.sandbox.stop().await;
}

/// What is put aside is in none of the folders that are synced, and nobody is mailed.
#[tokio::test]
async fn what_is_put_aside_lies_in_lost_and_found() {
    let house = House::open().await;
    let side = house.mailbox(PRIYA).await;
    for module in [Module::Contacts, Module::Calendar, Module::Tasks] {
        let folder = side.lost_and_found(module).expect("Exchange has folders");
        let (before, cursor) = feed(&*side, module).await;
        let ids = before.iter().map(|change| match change {
            Change::Seen { id, version } => Removal { id: id.clone(), version: version.clone() },
            Change::Deleted { id } => panic!("{id} was never there"),
        });
        let [first, second, ..] = &ids.collect::<Vec<_>>()[..] else { panic!("the demo has some {module}") };
        let stale = Removal { version: "stale".into(), ..second.clone() };
        let answers = folder.set_aside(module, &[first.clone(), stale]).await.unwrap();
        assert_eq!(answers, [Ok(()), Err(ItemError::VersionMoved)], "{module}");
        // The folder is there by now.
        assert_eq!(folder.set_aside(module, std::slice::from_ref(second)).await.unwrap(), [Ok(())]);
        let again = folder.set_aside(module, std::slice::from_ref(first)).await.unwrap();
        assert_eq!(again, [Err(ItemError::Gone)], "{module}");
        let mut told = Vec::new();
        for change in side.changes(module, Some(&cursor)).await.unwrap().changes {
            let Change::Deleted { id } = change else { panic!("{change:?}") };
            told.push(id);
        }
        told.sort();
        let mut moved = vec![first.id.clone(), second.id.clone()];
        moved.sort();
        assert_eq!(told, moved, "{module}");
        let listed = side.list(module, None, None).await.unwrap().items.len();
        assert_eq!(listed, before.len() - 2, "{module}");
        assert_eq!(side.fetch(module, &moved).await.unwrap(), [Fetched::Gone, Fetched::Gone]);
    }
    assert!(side.lost_and_found(Module::Email).is_none());
    let counters = house.sandbox.control().counters();
    assert_eq!((counters.requests["CreateFolder"], counters.total_mails()), (3, 0));
    house.sandbox.stop().await;
}

#[tokio::test]
async fn a_lost_sync_state_is_said_to_be_that() {
    let house = House::open().await;
    let side = house.mailbox(PRIYA).await;
    let (_, cursor) = feed(&*side, Module::Contacts).await;
    house.sandbox.control().invalidate_sync_states();
    let error = side.changes(Module::Contacts, Some(&cursor)).await.unwrap_err();
    assert!(matches!(error, CallError::CursorLost(_)), "{error:?}");
    house.sandbox.stop().await;
}

#[tokio::test]
async fn old_versions_write_nothing_and_deletions_can_be_undone_by_the_user() {
    let house = House::open().await;
    let side = house.mailbox(PRIYA).await;
    let (marker, at) = create_one(&*side, contact("Version One")).await;
    let patch = |at: &riva_core::ports::RemoteRef, name: &str| Patch {
        id: at.id.clone(),
        version: at.version.clone(),
        marker,
        set: BTreeMap::from([(Field::DisplayName, Value::text(name))]),
        base: contact("Version One"),
    };
    let new =
        side.update(Module::Contacts, &[patch(&at, "Version Two")]).await.unwrap().remove(0).unwrap().at;
    let stale = side.update(Module::Contacts, &[patch(&at, "Version Three")]).await.unwrap().remove(0);
    assert_eq!(stale, Err(ItemError::VersionMoved));
    let removal =
        |at: &riva_core::ports::RemoteRef| Removal { id: at.id.clone(), version: at.version.clone() };
    let stale = side.delete(Module::Contacts, &[removal(&at)]).await.unwrap();
    assert_eq!(stale, [Err(ItemError::VersionMoved)]);
    let Fetched::Present { item, .. } =
        side.fetch(Module::Contacts, std::slice::from_ref(&new.id)).await.unwrap().remove(0)
    else {
        panic!("it must be there")
    };
    assert_eq!(item.text(Field::DisplayName), Some("Version Two"));
    assert_eq!(side.delete(Module::Contacts, &[removal(&new)]).await.unwrap(), [Ok(())]);
    assert_eq!(side.delete(Module::Contacts, &[removal(&new)]).await.unwrap(), [Err(ItemError::Gone)]);
    assert_eq!(side.fetch(Module::Contacts, &[new.id]).await.unwrap(), [Fetched::Gone]);
    let found = side.probe(Module::Contacts, &[marker]).await.unwrap();
    assert_eq!(found[0].len(), 1, "it lies in Deleted Items, with its marker");
    house.sandbox.stop().await;
}

#[tokio::test]
async fn whole_days_are_the_same_days_in_any_zone_of_the_connection() {
    let house = House::open().await;
    for zone in ["UTC", "America/Los_Angeles", "Pacific/Auckland", "Asia/Kolkata"] {
        let system = house.system(&house.password, |c| {
            c.options.insert("all_day_zone".into(), zone.into());
        });
        let side = system.open(&EmailAddress::new(PRIYA)).await.unwrap();
        let day = |text: &str| text.parse().unwrap();
        let when = When::AllDay { start: day("2027-03-28"), end: day("2027-03-30") };
        let mut item = Item::new(Module::Calendar);
        item.set(Field::When, Value::When(when.clone()));
        item.set_text(Field::Summary, zone);
        let (_, at) = create_one(&*side, item).await;
        let Fetched::Present { item, .. } = side.fetch(Module::Calendar, &[at.id]).await.unwrap().remove(0)
        else {
            panic!("it must be there")
        };
        assert_eq!(item.when(), Some(&when), "{zone}");
    }
    house.sandbox.stop().await;
}

#[tokio::test]
async fn a_marker_can_be_put_into_an_item_of_somebody_else() {
    let house = House::open().await;
    let side = house.mailbox(PRIYA).await;
    let (changes, _) = feed(&*side, Module::Contacts).await;
    let Some(Change::Seen { id, version }) = changes.first().cloned() else {
        panic!("the demo has contacts")
    };
    let marker = marker();
    let at = riva_core::ports::RemoteRef { id, version };
    let tagged = side.tag(Module::Contacts, &[(at, marker)]).await.unwrap().remove(0).unwrap();
    let found = side.probe(Module::Contacts, &[marker]).await.unwrap();
    assert_eq!(found, [vec![tagged]]);
    house.sandbox.stop().await;
}

/// Row 20 of the table: what its user moved to a folder of his own is found by its marker, and can be read and written there.
#[tokio::test]
async fn an_item_that_was_moved_to_another_folder_is_found_there() {
    let house = House::open().await;
    let side = house.mailbox(PRIYA).await;
    let mut event = Item::new(Module::Calendar);
    let day = |text: &str| text.parse().unwrap();
    event.set(Field::When, Value::When(When::AllDay { start: day("2027-03-28"), end: day("2027-03-30") }));
    let mut task = Item::new(Module::Tasks);
    task.set_text(Field::Summary, "Moved");
    for item in [contact("Moved"), event, task] {
        let module = item.module;
        let (marker, at) = create_one(&*side, item).await;
        let to = |folder: &str, id: &riva_core::ids::RemoteId| riva_sandbox::exchange::Edit::Move {
            user: PRIYA.to_owned(),
            id: id.to_string(),
            folder: folder.to_owned(),
        };
        let control = house.sandbox.control();
        control.edit(to("Archive of mine", &at.id)).unwrap();
        assert_eq!(side.fetch(module, std::slice::from_ref(&at.id)).await.unwrap(), [Fetched::Gone]);
        let found = side.probe(module, &[marker]).await.unwrap().remove(0);
        assert_eq!(found.len(), 1, "{module}");
        assert_ne!(found[0].id, at.id);
        let there = side.fetch(module, std::slice::from_ref(&found[0].id)).await.unwrap().remove(0);
        assert!(matches!(there, Fetched::Present { .. }), "{there:?}");
        // In Deleted Items it is found, too, and reads as gone.
        control.edit(to("deleteditems", &found[0].id)).unwrap();
        let found = side.probe(module, &[marker]).await.unwrap().remove(0);
        assert_eq!(side.fetch(module, &[found[0].id.clone()]).await.unwrap(), [Fetched::Gone]);
    }
    house.sandbox.stop().await;
}
