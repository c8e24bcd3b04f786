//! The CalDAV connector against real servers: Radicale and Xandikos, as `tests/servers/` starts them. Their line of
//! JSON is in `RIVA_RADICALE` and `RIVA_XANDIKOS`; without it the test says that it was not run.

mod contract;
mod dav_series;

use riva_connectors::caldav;
use riva_core::documents::{AuthMethod, Connection, SystemKind};
use riva_core::fault::{CallError, Fault, FaultKind, ItemError};
use riva_core::ids::{Cursor, Marker, PairId, RemoteId};
use riva_core::item::{Field, Module, Value};
use riva_core::ports::{
    Fetched, MailSystem, Patch, SecretError, SecretKey, SecretStore, SilentWriter, StepReport, StepSink,
    TestStep,
};
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// One secret for whoever asks.
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

struct Server(serde_json::Value);

impl Server {
    /// The server that a variable describes.
    fn from(variable: &str) -> Option<Self> {
        let Ok(text) = std::env::var(variable) else {
            println!("not run: {variable} is not set; tests/servers/ has the script that starts the server");
            return None;
        };
        Some(Self(serde_json::from_str(&text).expect("the line that the script printed")))
    }

    fn text(&self, key: &str) -> String {
        self.0[key].as_str().expect("a text").to_owned()
    }

    fn system(&self, password: Option<&str>, change: impl FnOnce(&mut Connection)) -> Arc<dyn MailSystem> {
        let mut connection = Connection {
            name: "dav".into(),
            system: SystemKind::Caldav,
            display_name: None,
            address: self.text("url").parse().expect("a URL"),
            account: self.text("account"),
            auth: AuthMethod::Password,
            access: None,
            ca_file: None,
            max_concurrent: None,
            picklists: riva_core::documents::Picklists::default(),
            options: BTreeMap::from([
                ("home".to_owned(), self.text("home")),
                ("domain".to_owned(), "riva.test".to_owned()),
            ]),
            created: None,
            modified: None,
        };
        change(&mut connection);
        let password = password.map_or_else(|| self.text("password"), str::to_owned);
        let secrets: Arc<dyn SecretStore> = Arc::new(OneSecret(password));
        caldav::system(&connection, &secrets, Path::new(".")).expect("a system")
    }

    async fn mailbox(&self, user: &str) -> Arc<dyn SilentWriter> {
        let address = format!("{user}@riva.test");
        self.system(None, |_| {}).open(&address.as_str().into()).await.expect("the mailbox opens")
    }
}

/// Those that are there.
fn servers() -> Vec<Server> {
    ["RIVA_RADICALE", "RIVA_XANDIKOS"].into_iter().filter_map(Server::from).collect()
}

#[derive(Default)]
struct Steps(Mutex<Vec<StepReport>>);

impl StepSink for Steps {
    fn started(&self, _: TestStep) {}
    fn ended(&self, report: StepReport) {
        self.0.lock().expect("one at a time").push(report);
    }
}

async fn contract_of(server: &Server) {
    let mailbox = server.mailbox("alice").await;
    match contract::run(mailbox.as_ref(), true).await {
        Ok(passed) => println!("{}: {passed} checks passed", server.text("server")),
        Err(failed) => panic!("{}:\n  {}", server.text("server"), failed.join("\n  ")),
    }
}

#[tokio::test]
async fn radicale_keeps_the_contract() {
    let Some(server) = Server::from("RIVA_RADICALE") else { return };
    contract_of(&server).await;
}

#[tokio::test]
async fn xandikos_keeps_the_contract() {
    let Some(server) = Server::from("RIVA_XANDIKOS") else { return };
    contract_of(&server).await;
}

async fn tested(system: &dyn MailSystem, target: &str) -> (Result<(), Fault>, Vec<TestStep>) {
    let steps = Steps::default();
    let outcome = system.test(Some(target), &steps).await;
    let reports = steps.0.into_inner().expect("one at a time");
    for report in &reports {
        println!("{target}: {:?} {:?}", report.step, report.outcome);
    }
    (outcome, reports.into_iter().map(|r| r.step).collect())
}

const ALL_STEPS: [TestStep; 9] = [
    TestStep::ResolveName,
    TestStep::Connect,
    TestStep::SignIn,
    TestStep::FindUser,
    TestStep::Impersonate,
    TestStep::OpenCalendar,
    TestStep::OpenContacts,
    TestStep::OpenTasks,
    TestStep::MayWrite,
];

#[tokio::test]
async fn radicale_test_says_what_is_wrong_and_where() {
    let Some(server) = Server::from("RIVA_RADICALE") else { return };
    let system = server.system(None, |_| {});
    for target in ["alice@riva.test", "alice"] {
        let (outcome, steps) = tested(system.as_ref(), target).await;
        assert_eq!(outcome, Ok(()));
        assert_eq!(steps, ALL_STEPS);
    }
    for (target, kind, step) in [
        ("nobody@riva.test", FaultKind::UserNotFound, TestStep::FindUser),
        ("erin@riva.test", FaultKind::NoAccessToUser, TestStep::Impersonate),
        ("carol@riva.test", FaultKind::MailboxNeverOpened, TestStep::OpenCalendar),
    ] {
        let (outcome, steps) = tested(system.as_ref(), target).await;
        let fault = outcome.expect_err("this user cannot be synced");
        assert_eq!((fault.kind, steps.last()), (kind, Some(&step)), "{fault}");
        assert!(fault.detail.contains(target.split('@').next().unwrap_or_default()), "{fault}");
    }
    let refused = server.system(Some("wrong"), |_| {});
    let (outcome, steps) = tested(refused.as_ref(), "alice@riva.test").await;
    assert_eq!(outcome.expect_err("refused").kind, FaultKind::GivenCredentials);
    assert_eq!(steps.last(), Some(&TestStep::SignIn));
    let down = server.system(None, |c| c.address = "http://127.0.0.1:1/".parse().expect("a URL"));
    let (outcome, steps) = tested(down.as_ref(), "alice@riva.test").await;
    assert_eq!(outcome.expect_err("down").kind, FaultKind::SystemNotAvailable);
    assert_eq!(steps.last(), Some(&TestStep::Connect));
}

#[tokio::test]
async fn check_name_finds_a_user_by_name_and_by_address() {
    for variable in ["RIVA_RADICALE", "RIVA_XANDIKOS"] {
        let Some(server) = Server::from(variable) else { continue };
        let system = server.system(None, |_| {});
        for typed in ["bob", "bob@riva.test"] {
            let found = system.directory().check_name(typed).await.expect("an answer");
            println!("{}: {typed} is {found:?}", server.text("server"));
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(found[0].address.as_str(), "bob@riva.test");
        }
        let nobody = system.directory().check_name("nobody").await.expect("an answer");
        assert!(nobody.is_empty(), "{nobody:?}");
        assert!(!system.fingerprint().await.expect("a fingerprint").is_empty());
    }
}

/// Another program writes; then we change one field, and everything of theirs stays.
#[tokio::test]
async fn what_others_wrote_stays_to_the_letter() {
    const THEIRS: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Other//EN\r\nBEGIN:VEVENT\r\nUID:theirs-1\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:20270105T090000Z\r\nDTEND:20270105T100000Z\r\nSUMMARY:Theirs\r\nX-OTHER;X-P=\"a;b\":keep, me; please\r\nATTACH;FMTTYPE=text/plain:https://x.test/a,b\r\nATTACH;FMTTYPE=text/plain;ENCODING=BASE64;VALUE=BINARY;X-FILENAME=plan.txt:aGVsbG8=\r\nBEGIN:VALARM\r\nACTION:EMAIL\r\nATTENDEE:mailto:me@x.test\r\nSUMMARY:s\r\nDESCRIPTION:d\r\nTRIGGER:-P1D\r\nEND:VALARM\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
    for variable in ["RIVA_RADICALE", "RIVA_XANDIKOS"] {
        let Some(server) = Server::from(variable) else { continue };
        let mailbox = server.mailbox("bob").await;
        let place =
            if server.text("server") == "radicale" { "bob/calendar/" } else { "bob/calendars/calendar/" };
        let url = format!("{}{place}theirs%20%C3%BC.ics", server.text("url"));
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let password = format!("{}-secret", "bob");
        let signed = |r: reqwest::RequestBuilder| r.basic_auth("bob", Some(&password));
        let put = signed(client.put(&url))
            .header("content-type", "text/calendar")
            .body(THEIRS)
            .send()
            .await
            .expect("an answer");
        assert!(put.status().is_success(), "{}", put.status());
        let stored = signed(client.get(&url)).send().await.expect("an answer").text().await.expect("a text");

        let listed = mailbox.list(Module::Calendar, None, None).await.expect("a listing");
        let theirs = listed.items.iter().find(|l| l.id.as_str().ends_with("/theirs%20%C3%BC.ics"));
        let id: RemoteId = theirs.expect("it is listed").id.clone();
        let Fetched::Present { version, item, .. } =
            mailbox.fetch(Module::Calendar, std::slice::from_ref(&id)).await.expect("an answer").remove(0)
        else {
            panic!("it is there")
        };
        let [file] = &item.files[..] else { panic!("one file: {:?}", item.files) };
        assert_eq!((&*file.name, file.size), ("plan.txt", 5), "a link is none");
        let source = mailbox.file_source().expect("it lists files");
        let held = source.file(Module::Calendar, &id, &file.key).await.expect("an answer").expect("the file");
        assert_eq!(held.content, b"hello");
        let marker = Marker { pair: PairId(uuid::Uuid::new_v4()), generation: 1 };
        let patch = Patch {
            id: id.clone(),
            version: version.clone(),
            marker,
            set: [(Field::Location, Value::text("Here"))].into(),
            base: *item,
        };
        let written =
            mailbox.update(Module::Calendar, &[patch]).await.expect("an answer").remove(0).expect("written");
        let now = signed(client.get(&url)).send().await.expect("an answer").text().await.expect("a text");
        let ours = ["LOCATION", "DTSTAMP", "LAST-MODIFIED", "X-RIVA-", " "];
        let lines = |text: &str| {
            let mut lines: Vec<String> =
                text.lines().filter(|l| !ours.iter().any(|o| l.starts_with(o))).map(str::to_owned).collect();
            lines.sort();
            lines
        };
        assert_eq!(lines(&now), lines(&stored));
        assert!(now.contains("LOCATION:Here"));
        // What carries our marker is found by it, although we did not name the resource.
        let found = mailbox.probe(Module::Calendar, &[marker]).await.expect("an answer").remove(0);
        assert_eq!(found.iter().collect::<Vec<_>>(), [&written.at], "{}", server.text("server"));
        let removal = riva_core::ports::Removal { id, version: written.at.version };
        assert_eq!(mailbox.delete(Module::Calendar, &[removal]).await.expect("an answer"), [Ok(())]);
    }
}

/// The user's own meeting, with somebody from elsewhere.
const MEETING: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Other//EN\r\nBEGIN:VEVENT\r\nUID:meeting-1\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:20270106T090000Z\r\nDTEND:20270106T100000Z\r\nSUMMARY:Meeting\r\nORGANIZER:mailto:alice@riva.test\r\nATTENDEE:mailto:somebody@elsewhere.test\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

/// A meeting that the server itself would mail about is not touched.
#[tokio::test]
async fn a_meeting_that_the_server_schedules_is_held() {
    let Some(server) = Server::from("RIVA_XANDIKOS") else { return };
    let mailbox = server.mailbox("alice").await;
    let place = "/alice/calendars/calendar/meeting-1.ics";
    let url = format!("{}{}", server.text("url"), place.trim_start_matches('/'));
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let put = client
        .put(&url)
        .header("content-type", "text/calendar")
        .body(MEETING)
        .send()
        .await
        .expect("an answer");
    assert!(put.status().is_success(), "{}", put.status());
    let id = RemoteId::new(place);
    let fetched =
        mailbox.fetch(Module::Calendar, std::slice::from_ref(&id)).await.expect("an answer").remove(0);
    let Fetched::Present { version, item, .. } = fetched else { panic!("{fetched:?}") };
    let marker = Marker { pair: PairId(uuid::Uuid::new_v4()), generation: 1 };
    let patch = Patch {
        id: id.clone(),
        version: version.clone(),
        marker,
        set: [(Field::Location, Value::text("Here"))].into(),
        base: *item,
    };
    let answer = mailbox.update(Module::Calendar, &[patch]).await.expect("an answer").remove(0);
    assert_eq!(answer, Err(ItemError::WouldNotify { people: 1 }));
    let removal = riva_core::ports::Removal { id, version };
    let answer = mailbox.delete(Module::Calendar, &[removal]).await.expect("an answer").remove(0);
    assert_eq!(answer, Err(ItemError::WouldNotify { people: 1 }));
    assert!(client.delete(&url).send().await.expect("an answer").status().is_success());
}

/// A sync-token that the server does not know is no reason to delete anything: the listing begins anew.
#[tokio::test]
async fn a_sync_token_that_is_not_known_is_lost() {
    for variable in ["RIVA_RADICALE", "RIVA_XANDIKOS"] {
        let Some(server) = Server::from(variable) else { continue };
        let mailbox = server.mailbox("alice").await;
        let page = mailbox.changes(Module::Calendar, None).await.expect("a page");
        let mut cursor: serde_json::Value = serde_json::from_str(page.cursor.as_str()).expect("JSON");
        let token = cursor["token"].as_str().expect("a token").to_owned();
        let digits: String = token.chars().map(|c| if c.is_ascii_hexdigit() { '7' } else { c }).collect();
        // Only the last part is the token's own: what stands before it is its name space.
        let at = token.rfind('/').map_or(0, |at| at + 1);
        cursor["token"] = format!("{}{}", &token[..at], &digits[at..]).into();
        let answer = mailbox.changes(Module::Calendar, Some(&Cursor::new(cursor.to_string()))).await;
        assert!(matches!(answer, Err(CallError::CursorLost(_))), "{}: {answer:?}", server.text("server"));
    }
}
