//! Against servers: a real OpenERP where there is one, and a made-up one for what a real one never says.

use super::*;
use crate::crm_contract::{Secrets, Steps, connection, contact, event, hold};
use riva_core::documents::{AuthMethod, SystemKind};
use riva_core::fault::ItemError;
use riva_core::ids::{Marker, PairId, RemoteId, Version};
use riva_core::ports::{Draft, Fetched};
use serde_json::Value as Json;
use wiremock::matchers::{body_string_contains, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

mod categories;
mod files;
mod leads;
mod messages;
mod tasks;

const PASSWORD: &str = "hunter2-very-secret";

fn odoo(
    address: &str,
    account: &str,
    password: &str,
    options: &[(&str, &str)],
) -> Result<Arc<dyn CrmSystem>, Fault> {
    let connection = connection(SystemKind::Odoo, address, account, AuthMethod::Password, options);
    let key = SecretKey { connection: connection.name.clone(), kind: SecretKind::Password };
    system(&connection, &Secrets::with([(key, password.to_owned())]), Path::new("."))
}

/// What `tests/servers/openerp.sh start` printed.
struct OpenErp(Json);

impl OpenErp {
    fn running() -> Option<Self> {
        let Ok(line) = std::env::var("RIVA_OPENERP") else {
            println!(
                "not run: no OpenERP (set RIVA_OPENERP to the line that tests/servers/openerp.sh start prints)"
            );
            return None;
        };
        Some(Self(serde_json::from_str(&line).expect("the line of openerp.sh")))
    }

    fn text(&self, name: &str) -> &str {
        self.0[name].as_str().expect("a text")
    }

    fn odoo(&self) -> Arc<dyn CrmSystem> {
        self.odoo_as(self.text("login"), self.text("password"), self.text("database")).expect("a system")
    }

    fn odoo_as(&self, account: &str, password: &str, database: &str) -> Result<Arc<dyn CrmSystem>, Fault> {
        odoo(self.text("url"), account, password, &[("database", database)])
    }

    /// The database as its administrator sees it.
    fn admin(&self) -> Session {
        let url = self.text("url").parse().expect("a URL");
        let http = HttpClient::new(HttpOptions::new(url)).expect("a client");
        let password = self.0["admin"]["password"].as_str().expect("a password").to_owned();
        Session::new(http, self.text("database").into(), "admin".into(), password.into())
    }
}

/// A row that a person makes; its id.
async fn made<K: Into<String>>(
    as_whom: &Session,
    model: &str,
    columns: impl IntoIterator<Item = (K, Rpc)>,
) -> i64 {
    let row = as_whom.call(model, Method::Create, vec![Rpc::map(columns)]).await.expect("made");
    row.int().expect("an id")
}

/// A contact follows a row: it would be told of what happens to it.
async fn follow(admin: &Session, model: &str, row: i64, contact: i64) {
    let link = Rpc::List(vec![Rpc::list([4, contact])]);
    let followers = Rpc::map([("message_follower_ids", link)]);
    let args = vec![Rpc::list([row]), followers];
    admin.call(model, Method::Write, args).await.expect("followed");
    let domain = vec![condition("res_model", "=", model), condition("res_id", "=", row)];
    assert!(!search(admin, "mail.followers", domain, None).await.expect("followers").is_empty());
}

/// Held by whoever counts mails, and taken whole by whoever sends some on purpose: all work in one database.
static QUIET: tokio::sync::RwLock<()> = tokio::sync::RwLock::const_new(());

/// Mails that wait or were sent, and notifications.
async fn sent(admin: &Session) -> [usize; 2] {
    let count = async |model| search(admin, model, vec![], None).await.expect("rows").len();
    [count("mail.mail").await, count("mail.notification").await]
}

const ALICE: &str = "alice@example.test";
const BOB: &str = "bob@example.test";

#[tokio::test]
async fn openerp_holds_the_contract_and_mails_nobody() {
    let Some(server) = OpenErp::running() else { return };
    let admin = server.admin();
    let _quiet = QUIET.read().await;
    let before = sent(&admin).await;
    hold(&*server.odoo(), ALICE, BOB).await;
    // The superuser may write what a rule hides from others: events shown as free.
    let superuser = server.odoo_as("admin", "admin", server.text("database")).expect("a system");
    hold(&*superuser, ALICE, BOB).await;
    assert_eq!(sent(&admin).await, before, "mails were sent");
}

#[tokio::test]
async fn openerp_refuses_in_words_that_tell_what_to_do() {
    let Some(server) = OpenErp::running() else { return };
    let wrong = server.odoo_as(server.text("login"), PASSWORD, server.text("database")).expect("a system");
    let steps = Steps::default();
    let fault = wrong.test(None, &steps).await.expect_err("refused");
    assert_eq!(fault.kind, FaultKind::GivenCredentials);
    assert!(!format!("{fault:?}").contains(PASSWORD));
    assert_eq!(steps.0.lock().unwrap().last().map(|s| s.step), Some(TestStep::SignIn));

    let nowhere = server.odoo_as(server.text("login"), server.text("password"), "nowhere").expect("a system");
    let fault = nowhere.test(None, &Steps::default()).await.expect_err("no database");
    assert!(fault.detail.contains("nowhere"), "{fault}");

    let crm = server.odoo();
    for (address, words) in [
        ("twin@example.test", "2 active users"),
        ("left@example.test", "inactive"),
        ("%@example.test", "no user"),
    ] {
        let fault = crm.user(address).await.expect_err(address);
        assert_eq!(fault.kind, FaultKind::UserNotFound);
        assert!(fault.detail.contains(words), "{fault}");
    }

    // Alice may not make external ids: her account is no connection account.
    let alice = server.odoo_as(ALICE, "alice-pw", server.text("database")).expect("a system");
    let fault = alice.test(Some(BOB), &Steps::default()).await.expect_err("rights are missing");
    assert_eq!(fault.kind, FaultKind::MissingPermission);
    assert!(fault.detail.contains("ir.model.data"), "{fault}");
}

#[tokio::test]
async fn openerp_masks_private_events_and_they_are_left_alone() {
    let Some(server) = OpenErp::running() else { return };
    let crm = server.odoo();
    let side = crm.open(&crm.user(ALICE).await.expect("alice")).await.expect("alice's records");
    let mut item = event("secret", 4, false);
    item.fields.retain(|field, _| side.capabilities().modules[&Module::Calendar].writes.contains(field));
    let draft = Draft { marker: Marker { pair: PairId(uuid::Uuid::new_v4()), generation: 1 }, item };
    let made = side.create(Module::Calendar, &[draft]).await.expect("created").remove(0).expect("made");
    let id: i64 = made.at.id.as_str().parse().expect("a number");
    let hide = vec![Rpc::list([id]), Rpc::map([("class", Rpc::from("private"))])];
    server.admin().call("crm.meeting", Method::Write, hide).await.expect("hidden");
    let ids = [made.at.id.clone(), RemoteId::new("999999"), RemoteId::new("1-20270310090000")];
    let shown = side.fetch(Module::Calendar, &ids).await.expect("fetched");
    assert_eq!(shown, [Fetched::OutOfScope, Fetched::Gone, Fetched::Gone]);
}

#[tokio::test]
async fn openerp_is_not_written_with_what_somebody_changed_in_between() {
    let Some(server) = OpenErp::running() else { return };
    let crm = server.odoo();
    let side = crm.open(&crm.user(BOB).await.expect("bob")).await.expect("bob's records");
    let draft = Draft {
        marker: Marker { pair: PairId(uuid::Uuid::new_v4()), generation: 1 },
        item: contact("Erin", "East"),
    };
    let made = side.create(Module::Contacts, &[draft]).await.expect("created").remove(0).expect("made");
    let id: i64 = made.at.id.as_str().parse().expect("a number");
    let rename = vec![Rpc::list([id]), Rpc::map([("name", Rpc::from("Erin West"))])];
    server.admin().call("res.partner", Method::Write, rename).await.expect("renamed");
    let patch = riva_core::ports::Patch {
        id: made.at.id.clone(),
        version: made.at.version.clone(),
        marker: Marker { pair: PairId(uuid::Uuid::new_v4()), generation: 1 },
        set: contact("Erin", "North").fields,
        base: contact("Erin", "East"),
    };
    let done = side.update(Module::Contacts, &[patch]).await.expect("answered");
    assert_eq!(done[0], Err(ItemError::VersionMoved));
    let shown = side.fetch(Module::Contacts, &[made.at.id]).await.expect("fetched");
    assert!(
        matches!(&shown[0], Fetched::Present { item, .. } if item.title() == "Erin West"),
        "{:?}",
        shown[0]
    );
}

/// A server that answers `version` on the new service and everything else with one answer.
async fn made_up(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    let version = "<methodResponse><params><param><value><struct><member><name>server_version</name>\
        <value>18.0</value></member></struct></value></param></params></methodResponse>";
    Mock::given(method("POST"))
        .and(path("/xmlrpc/2/common"))
        .and(body_string_contains("<methodName>version<"))
        .respond_with(ResponseTemplate::new(200).set_body_string(version))
        .mount(&server)
        .await;
    Mock::given(method("POST")).respond_with(answer).mount(&server).await;
    server
}

async fn fault_of(answer: ResponseTemplate) -> Fault {
    let server = made_up(answer).await;
    let crm = odoo(&server.uri(), "svc", PASSWORD, &[("database", "db")]).expect("a system");
    crm.user("a@b").await.expect_err("a fault")
}

fn refusal(code: &str, text: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_string(format!(
        "<methodResponse><fault><value><struct><member><name>faultCode</name><value>{code}</value></member>\
         <member><name>faultString</name><value>{text}</value></member></struct></value></fault></methodResponse>"
    ))
}

#[tokio::test]
async fn answers_become_faults_of_the_right_kind() {
    for (answer, kind) in [
        (refusal("<int>3</int>", "Access Denied"), FaultKind::GivenCredentials),
        (refusal("<int>4</int>", "You are not allowed to access"), FaultKind::MissingPermission),
        (refusal("<int>1</int>", "database \"db\" does not exist"), FaultKind::UnexpectedAnswer),
        (ResponseTemplate::new(500), FaultKind::SystemNotAvailable),
        (ResponseTemplate::new(200).set_body_string("<html>hello</html>"), FaultKind::UnexpectedAnswer),
        (ResponseTemplate::new(429).insert_header("retry-after", "7"), FaultKind::Throttled),
    ] {
        let fault = fault_of(answer).await;
        assert_eq!(fault.kind, kind, "{fault}");
        assert!(!format!("{fault:?}").contains(PASSWORD));
    }
}

#[tokio::test]
async fn a_refused_login_is_not_tried_again_and_again() {
    let server = made_up(refusal("<int>3</int>", "Access Denied")).await;
    let crm = odoo(&server.uri(), "svc", PASSWORD, &[("database", "db")]).expect("a system");
    for _ in 0..3 {
        assert_eq!(crm.user("a@b").await.expect_err("a fault").kind, FaultKind::GivenCredentials);
    }
    let logins = server.received_requests().await.expect("requests");
    assert_eq!(
        logins
            .iter()
            .filter(|r| String::from_utf8_lossy(&r.body).contains("<methodName>authenticate<"))
            .count(),
        1
    );
}

#[test]
fn a_connection_without_a_database_says_so() {
    let fault = odoo("http://127.0.0.1:1", "svc", PASSWORD, &[]).err().expect("a fault");
    assert!(fault.remedy.contains("database"), "{fault}");
}
