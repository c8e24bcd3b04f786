//! The desk on a workspace on disk, with systems that answer from a list.

use super::*;
use crate::documents::{Connection, EmailPolicy, Policy, PolicyUser, usage};
use crate::fault::{CallError, FaultKind};
use crate::ids::{CrmUserId, Cursor, EmailAddress};
use crate::item::{Importance, Module};
use crate::license::LicenseVerdict;
use crate::ports::{
    CrmSystem, CrmUser, Directory, Endpoint, FeedPage, MailSystem, Reader, SecretKind, SilentWriter,
    StepOutcome, StepSink, SystemClock, TestStep,
};
use crate::secrets::MemorySecrets;
use async_trait::async_trait;
use std::future::Future;
use std::path::Path;
use std::task::{Context, Poll, Waker};

/// The systems of these tests answer at once: one poll must do.
fn now<T>(future: impl Future<Output = T>) -> T {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("waits for something"),
    }
}

struct Tiny;

impl Systems for Tiny {
    fn mail(&self, _: &Connection) -> Result<Arc<dyn MailSystem>, Fault> {
        Ok(Arc::new(Self))
    }
    fn crm(&self, connection: &Connection) -> Result<Arc<dyn CrmSystem>, Fault> {
        if connection.address.as_str().contains("down.") {
            return Err(Fault::new(FaultKind::SystemNotAvailable, "crm.example does not answer."));
        }
        Ok(Arc::new(Self))
    }
}

#[async_trait]
impl Endpoint for Tiny {
    async fn test(&self, target: Option<&str>, steps: &dyn StepSink) -> Result<(), Fault> {
        let took = Duration::from_millis(3);
        steps.started(TestStep::Connect);
        let outcome = StepOutcome::Passed { detail: "127.0.0.1".into() };
        steps.ended(StepReport { step: TestStep::Connect, outcome, took });
        match target {
            Some("nobody@x.example") => {
                Err(Fault::new(FaultKind::UserNotFound, "nobody@x.example is not there."))
            }
            _ => Ok(()),
        }
    }
    async fn fingerprint(&self) -> Result<String, CallError> {
        Ok("tiny".into())
    }
}

#[async_trait]
impl MailSystem for Tiny {
    fn directory(&self) -> &dyn Directory {
        self
    }
    async fn open(&self, _: &EmailAddress) -> Result<Arc<dyn SilentWriter>, Fault> {
        Err(Fault::new(FaultKind::NoAccessToUser, "no mailboxes here."))
    }
}

#[async_trait]
impl Directory for Tiny {
    async fn check_name(&self, typed: &str) -> Result<Vec<ResolvedName>, Fault> {
        let names = ["ann", "bob", "cy", "dee"].into_iter().filter(|name| name.contains(typed));
        let resolved = |name: &str| ResolvedName {
            display_name: name.to_uppercase(),
            address: EmailAddress::new(format!("{name}@x.example")),
        };
        Ok(names.map(resolved).collect())
    }
}

#[async_trait]
impl CrmSystem for Tiny {
    async fn user(&self, address: &str) -> Result<CrmUser, Fault> {
        let address = EmailAddress::new(address);
        if address.as_str().starts_with("dee@") {
            return Err(
                Fault::new(FaultKind::UserNotFound, "dee@x.example is not active").headed("User Not Active")
            );
        }
        Ok(CrmUser { id: CrmUserId::new("1"), name: String::new(), user_name: String::new(), address })
    }
    async fn feed(&self, _: Module, _: Option<&Cursor>) -> Result<FeedPage, CallError> {
        Err(CallError::CursorLost("tiny".into()))
    }
    async fn open(&self, _: &CrmUser) -> Result<Arc<dyn SilentWriter>, Fault> {
        Err(Fault::new(FaultKind::NoAccessToUser, "tiny"))
    }
    async fn reader(&self, _: &CrmUser) -> Result<Arc<dyn Reader>, Fault> {
        Err(Fault::new(FaultKind::NoAccessToUser, "tiny"))
    }
}

struct Quiet;

impl StepSink for Quiet {
    fn started(&self, _: TestStep) {}
    fn ended(&self, _: StepReport) {}
}

const EXCHANGE: &str = "# The mail side.\nsystem = \"exchange-ews\"\naddress = \"https://mail.x.example/EWS/Exchange.asmx\"\naccount = \"x\\\\riva\"\n";
const SALESFORCE: &str = "system = \"salesforce\"\naddress = \"https://login.x.example\"\naccount = \"riva@x.example\"\n\
    auth = { method = \"oauth-jwt\", client_id = \"abc\" }\n";
const SALES: &str = "# Sales.\nenabled = true\nmail = \"exchange\"\ncrm = \"salesforce\"\n\n[modules.contacts]\n\n\
    [[user]]\naddress = \"ann@x.example\"\n";

fn desk() -> (tempfile::TempDir, Admin) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w");
    Admin::create_workspace(&path).unwrap();
    write(&path, "connections/exchange.toml", EXCHANGE);
    write(&path, "connections/salesforce.toml", SALESFORCE);
    write(&path, "policies/sales.toml", SALES);
    let admin = Admin::new(&path, Arc::new(Tiny), Arc::new(MemorySecrets::default()), Arc::new(SystemClock));
    let findings = admin.check().unwrap();
    let [unlicensed] = findings.as_slice() else { panic!("{findings:?}") };
    let what = "policies/sales.toml: ann@x.example does not sync: No licence for Microsoft Exchange (EWS) is installed.";
    assert!(unlicensed.to_string().starts_with(what), "{unlicensed}");
    (folder, admin)
}

fn write(workspace: &Path, file: &str, text: &str) {
    std::fs::write(workspace.join(file), text).unwrap();
}

fn text(admin: &Admin, file: &str) -> String {
    std::fs::read_to_string(admin.workspace().join(file)).unwrap()
}

fn entry(why: &str) -> ChangeEntry {
    ChangeEntry { why: why.into() }
}

fn user(address: &str) -> PolicyUser {
    PolicyUser { address: address.into(), name: None, added: None }
}

fn findings<T: std::fmt::Debug>(result: Result<T, AdminError>) -> String {
    match result.unwrap_err() {
        AdminError::Findings(findings) => AdminError::Findings(findings).to_string(),
        other => panic!("no findings: {other}"),
    }
}

#[test]
fn a_new_workspace_has_commented_default_settings() {
    let (_folder, admin) = desk();
    assert_eq!(admin.settings().unwrap(), crate::documents::Settings::default());
    assert!(text(&admin, "riva.toml").contains("# Force User Exclusivity"));
    let full = serde_json::to_value(crate::documents::Settings::default()).unwrap();
    let written: toml::Value = toml::from_str(&text(&admin, "riva.toml")).unwrap();
    assert_eq!(serde_json::to_value(written).unwrap(), full, "config/default.toml names every setting");
    assert!(matches!(Admin::create_workspace(admin.workspace()), Err(AdminError::Refused { .. })));
    let busy = tempfile::tempdir().unwrap();
    std::fs::write(busy.path().join("thesis.txt"), "x").unwrap();
    assert!(matches!(Admin::create_workspace(busy.path()), Err(AdminError::Refused { .. })));
}

#[test]
fn adding_a_user_keeps_comments_stamps_and_history() {
    let (_folder, admin) = desk();
    let name = PolicyName::from("sales");
    let mut policy = admin.policy(&name).unwrap();
    policy.users.push(user("Bob@x.example"));
    admin.save_policy(&policy, &entry("two new colleagues")).unwrap();
    let saved = admin.policy(&name).unwrap();
    assert!(saved.users[0].added.is_none(), "nobody knows since when");
    assert!(saved.users[1].added.is_some() && saved.modified.is_some() && saved.created.is_none());
    assert!(text(&admin, "policies/sales.toml").starts_with("# Sales.\nenabled = true\n"));
    let history = admin.history(DocumentKind::Policy, "sales").unwrap();
    assert_eq!(history.iter().map(|r| r.number).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(history[1].why, "two new colleagues");
    assert_eq!(admin.revision_text(DocumentKind::Policy, "sales", 1).unwrap(), SALES);
    // Saving the same again is no change.
    admin.save_policy(&saved, &entry("again")).unwrap();
    assert_eq!(admin.history(DocumentKind::Policy, "sales").unwrap().len(), 2);
    admin.restore(DocumentKind::Policy, "sales", 1, &entry("mistake")).unwrap();
    assert_eq!(text(&admin, "policies/sales.toml"), SALES);
    assert_eq!(admin.history(DocumentKind::Policy, "sales").unwrap()[2].why, "revision 1 restored. mistake");
}

#[test]
fn a_broken_document_is_refused_and_nothing_is_lost() {
    let (_folder, admin) = desk();
    let name = PolicyName::from("sales");
    let mut policy = admin.policy(&name).unwrap();
    policy.users.push(user("ANN@x.example"));
    policy.users.push(user("bob"));
    policy.schedule.interval_minutes = 0;
    policy.schedule.execution_threads = 101;
    policy.crm = "salesfroce".into();
    let said = findings(admin.save_policy(&policy, &entry("")));
    for word in
        ["twice", "\"bob\" is not an e-mail address", "1 to 100", "1 to 10080", "Did you mean `salesforce`?"]
    {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert!(said.contains("policies/sales.toml:4: crm: "), "{said}");
    assert_eq!(text(&admin, "policies/sales.toml"), SALES);
    assert_eq!(admin.history(DocumentKind::Policy, "sales").unwrap(), vec![]);
    let swapped =
        Policy { mail: "salesforce".into(), crm: "exchange".into(), ..admin.policy(&name).unwrap() };
    let said = findings(admin.save_policy(&swapped, &entry("")));
    assert!(said.contains("A connection to a mail system is wanted here."), "{said}");
}

#[test]
fn email_is_refused_where_it_cannot_be_logged() {
    let (_folder, admin) = desk();
    let caldav = "system = \"caldav\"\naddress = \"https://dav.x.example/\"\naccount = \"riva\"\n";
    write(admin.workspace(), "connections/dav.toml", caldav);
    let mut policy = admin.policy(&"sales".into()).unwrap();
    policy.mail = "dav".into();
    let nothing = EmailPolicy { inbox: false, sent: false, drop_folders: false, ..EmailPolicy::default() };
    policy.modules.email = Some(nothing);
    let said = findings(admin.save_policy(&policy, &entry("")));
    for words in [
        "e-mail cannot be logged with CalDAV and CardDAV: there is no e-mail in CalDAV and CardDAV.",
        "neither inbox nor sent nor drop_folders nor assign_to is on",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let ignore = vec!["boss@x.example".into(), "@x.example".into(), "ours".into()];
    let odd = EmailPolicy { master_folder: "a/b".into(), days_back: 4000, ignore, ..EmailPolicy::default() };
    policy.modules.email = Some(odd);
    let said = findings(admin.save_policy(&policy, &entry("")));
    for words in
        ["\"a/b\" is no name for a folder", "0 to 3650", "\"ours\" is neither an address nor a domain"]
    {
        assert!(said.contains(words), "{words}: {said}");
    }
    policy.modules.email = None;
    admin.save_policy(&policy, &entry("")).unwrap();
}

#[test]
fn a_typo_breaks_one_policy_and_no_other() {
    let (_folder, admin) = desk();
    write(
        admin.workspace(),
        "policies/typo.toml",
        "enabled = true\nmial = \"exchange\"\ncrm = \"salesforce\"\n",
    );
    let list = admin.policies().unwrap();
    assert_eq!(list.len(), 2);
    assert!(list[0].broken.is_empty());
    assert_eq!(list[1].broken[0].line, Some(2));
    assert_eq!(list[1].broken[0].remedy, "Did you mean `mail`?");
    assert!(findings(admin.policy(&"typo".into())).starts_with("policies/typo.toml:2: mial: "));
    // Others can still be changed.
    admin.set_policy_enabled(&"sales".into(), false).unwrap();
    assert!(findings(admin.set_policy_enabled(&"typo".into(), false)).contains("mial"));
    assert!(matches!(admin.set_policy_enabled(&"none".into(), true), Err(AdminError::NoSuch { .. })));
}

#[test]
fn a_user_is_in_one_enabled_policy_only() {
    let (_folder, admin) = desk();
    let copy = admin.duplicate_policy(&"sales".into()).unwrap();
    assert_eq!(copy.as_str(), "Copy of sales");
    assert_eq!(admin.duplicate_policy(&"sales".into()).unwrap().as_str(), "Copy of sales (2)");
    assert!(!admin.policy(&copy).unwrap().enabled);
    let said = findings(admin.set_policy_enabled(&copy, true));
    assert!(said.contains("ann@x.example is already in policy \"sales\"."), "{said}");
    admin.set_policy_enabled(&"sales".into(), false).unwrap();
    admin.set_policy_enabled(&copy, true).unwrap();
    assert!(matches!(admin.remove_policy(&copy), Err(AdminError::Refused { .. })));
    admin.remove_policy(&"sales".into()).unwrap();
    assert!(matches!(admin.policy(&"sales".into()), Err(AdminError::NoSuch { .. })));
    // It can be brought back.
    let last = admin.history(DocumentKind::Policy, "sales").unwrap().last().unwrap().number;
    admin.restore(DocumentKind::Policy, "sales", last, &entry("")).unwrap();
    assert!(!admin.policy(&"sales".into()).unwrap().enabled);
}

#[test]
fn check_name_tells_who_can_be_added() {
    let (_folder, admin) = desk();
    write(admin.workspace(), "policies/other.toml", &SALES.replace("ann@", "bob@"));
    let policy = admin.policy(&"sales".into()).unwrap();
    let found = now(admin.check_name(&policy, "")).unwrap();
    let obstacles: Vec<_> = found.iter().map(|c| c.obstacle.as_deref().unwrap_or("free")).collect();
    assert_eq!(obstacles[0], "ann@x.example is already in this policy.");
    assert!(obstacles[1].starts_with("bob@x.example is already in policy \"other\"."));
    assert_eq!(obstacles[2], "free");
    assert_eq!(found[2].crm_user.as_ref().unwrap().address.as_str(), "cy@x.example");
    // Whom the CRM does not know cannot be added.
    let [dee] = now(admin.check_name(&policy, "dee")).unwrap().try_into().unwrap();
    assert_eq!(dee.crm_user, None);
    let obstacle = dee.obstacle.unwrap();
    assert!(obstacle.starts_with("User Not Active: dee@x.example is not active. "), "{obstacle}");
}

#[test]
fn the_last_test_is_remembered() {
    let (_folder, admin) = desk();
    let name = ConnectionName::from("exchange");
    let report = now(admin.test_connection(&name, Some("nobody@x.example"), &Quiet)).unwrap();
    assert!(!report.passed());
    assert_eq!(report.steps.len(), 1);
    let remembered = admin.connections().unwrap()[0].last_test.clone().unwrap();
    assert_eq!(remembered.fault.as_ref().unwrap().kind, FaultKind::UserNotFound);
    assert!(now(admin.test_connection(&name, None, &Quiet)).unwrap().passed());
    assert!(admin.connections().unwrap()[0].last_test.as_ref().unwrap().fault.is_none());
    write(admin.workspace(), "connections/salesforce.toml", &SALESFORCE.replace("login.", "down."));
    let report = now(admin.test_connection(&"salesforce".into(), None, &Quiet)).unwrap();
    assert_eq!(report.fault.unwrap().kind, FaultKind::SystemNotAvailable);
}

#[test]
fn a_connection_in_use_is_not_deleted() {
    let (_folder, admin) = desk();
    let name = ConnectionName::from("exchange");
    admin.set_secret(&name, SecretKind::Password, &"x".to_owned().into()).unwrap();
    assert!(matches!(
        admin.set_secret(&"none".into(), SecretKind::Password, &"x".to_owned().into()),
        Err(AdminError::NoSuch { .. })
    ));
    let error = admin.delete_connection(&name, &entry("")).unwrap_err().to_string();
    assert!(error.contains("is used by: sales"), "{error}");
    admin.set_policy_enabled(&"sales".into(), false).unwrap();
    admin.remove_policy(&"sales".into()).unwrap();
    let crm = ConnectionName::from("salesforce");
    usage::mark_used(admin.workspace(), &"sales".into(), &[&crm], Utc::now()).unwrap();
    let error = admin.delete_connection(&crm, &entry("")).unwrap_err().to_string();
    assert!(error.contains("has synced with connection \"salesforce\""), "{error}");
    admin.delete_connection(&name, &entry("moved away")).unwrap();
    assert!(matches!(admin.connection(&name), Err(AdminError::NoSuch { .. })));
    assert_eq!(admin.secrets_kept(&name).unwrap(), vec![]);
    let history = admin.history(DocumentKind::Connection, "exchange").unwrap();
    assert_eq!(history.last().unwrap().why, "deleted. moved away");
}

#[test]
fn words_of_the_orgs_own_are_checked_by_line_and_kept_with_their_comments() {
    let (_folder, admin) = desk();
    let tables = "\n[picklists.task-status]\n# Since the audit.\n\"In Prüfung\" = \"waiting\"\n";
    let path = "connections/salesforce.toml";
    let said = |text: &str| {
        write(admin.workspace(), path, &format!("{SALESFORCE}{text}"));
        admin.check().unwrap().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let wrong = said(&tables.replace("\"waiting\"", "\"wating\""));
    assert!(
        wrong.contains("picklists.task-status.In Prüfung") && wrong.contains("Did you mean `waiting`?"),
        "{wrong}"
    );
    let wrong = said("\n[picklists.task-stauts]\nx = \"waiting\"\n");
    assert!(wrong.contains("Did you mean `task-status`?"), "{wrong}");
    let wrong = said(&format!("{tables}\" IN prüfung\" = \"deferred\"\n\"\" = \"deferred\"\n"));
    assert!(wrong.contains("is here twice") && wrong.contains("the word is empty"), "{wrong}");
    assert!(!said(tables).contains("picklists"), "{}", said(tables));

    let mut connection = admin.connection(&"salesforce".into()).unwrap();
    connection.picklists.task_priority.insert("Urgent".into(), Importance::High);
    admin.save_connection(&connection, &entry("")).unwrap();
    let saved = text(&admin, path);
    assert!(saved.contains("# Since the audit.\n\"In Prüfung\" = \"waiting\"\n"), "{saved}");
    assert!(saved.contains("[picklists.task-priority]\nUrgent = \"high\"\n"), "{saved}");
    assert_eq!(admin.connection(&"salesforce".into()).unwrap().picklists, connection.picklists);

    let mut exchange = admin.connection(&"exchange".into()).unwrap();
    exchange.picklists = connection.picklists;
    assert!(findings(admin.save_connection(&exchange, &entry(""))).contains("for Salesforce alone"));
}

#[test]
fn a_changed_connection_must_still_fit_its_policies() {
    let (_folder, admin) = desk();
    let mut connection = admin.connection(&"exchange".into()).unwrap();
    connection.system = SystemKind::Odoo;
    connection.options.insert("database".into(), "d".into());
    let said = findings(admin.save_connection(&connection, &entry("")));
    assert!(said.contains("policies/sales.toml:3: mail: "), "{said}");
    assert_eq!(text(&admin, "connections/exchange.toml"), EXCHANGE);
}

#[test]
fn addresses_that_would_leak_are_refused() {
    let (_folder, admin) = desk();
    let mut connection = admin.connection(&"exchange".into()).unwrap();
    for (address, word) in [
        ("http://mail.x.example/EWS", "clear text"),
        ("https://riva:hunter2@mail.x.example/", "user name or password"),
        ("ftp://mail.x.example/", "not a web address"),
    ] {
        connection.address = address.parse().unwrap();
        let said = findings(admin.save_connection(&connection, &entry("")));
        assert!(said.contains(word) && !said.contains("hunter2"), "{said}");
    }
    for address in ["http://127.0.0.1:8080/EWS", "http://[::1]/", "http://localhost/"] {
        connection.address = address.parse().unwrap();
        admin.save_connection(&connection, &entry("")).unwrap();
    }
    connection.ca_file = Some("ca.pem".into());
    assert!(findings(admin.save_connection(&connection, &entry(""))).contains("there is no file ca.pem"));
    let outside = Connection { name: "../evil".into(), ca_file: None, ..connection };
    assert!(matches!(admin.save_connection(&outside, &entry("")), Err(AdminError::Refused { .. })));
}

#[test]
fn settings_keep_the_control_api_at_home() {
    let (_folder, admin) = desk();
    let mut settings = admin.settings().unwrap();
    settings.api.listen = "0.0.0.0:80".into();
    assert!(findings(admin.save_settings(&settings, &entry(""))).contains("loopback"));
    settings.api.listen = "[::1]:0".into();
    settings.agent.max_threads = 7;
    admin.save_settings(&settings, &entry("")).unwrap();
    assert_eq!(admin.settings().unwrap(), settings);
    assert!(text(&admin, "riva.toml").contains("# Most users that this agent syncs at once"));
}

const DEMO_KEY: &str = include_str!("../../../config/demo/demo-issuer.key");

fn license(id: &str, count: u32) -> String {
    let text = format!(
        "[license]\nid = \"{id}\"\nlicensee = \"Demo\"\nmode = \"demo\"\nissued = \"2026-01-01\"\n\
         expires = \"2999-12-31\"\n\n[license.counts]\nexchange-ews = {count}\nsalesforce = {count}\n"
    );
    crate::license::sign(&text, &DEMO_KEY.to_owned().into()).unwrap()
}

#[test]
fn licences_are_installed_counted_and_explained() {
    let (_folder, admin) = desk();
    let details = admin.licensing_details(&"sales".into()).unwrap();
    assert!(details.refused[0].1.starts_with("No licence for Microsoft Exchange (EWS) is installed."));
    let forged = license("d-1", 1).replace("salesforce = 1", "salesforce = 9");
    assert!(
        admin.install_license(&forged).unwrap_err().to_string().contains("was changed after it was signed")
    );
    assert!(admin.install_license("hello").unwrap_err().to_string().contains("This is no licence"));
    assert_eq!(admin.install_license(&license("d-1", 1)).unwrap().file, "d-1.license");
    assert!(admin.install_license(&license("d-1", 1)).is_err());
    let details = admin.licensing_details(&"sales".into()).unwrap();
    assert_eq!((details.mail.unused(), details.crm.used, details.refused.len()), (0, 1, 0));
    assert_eq!(admin.check().unwrap(), vec![]);
    write(admin.workspace(), "licenses/d-1.license", &forged);
    let details = admin.licensing_details(&"sales".into()).unwrap();
    assert_eq!(details.files[0].verdict, LicenseVerdict::Forged);
    assert!(details.refused[0].1.starts_with("The licence file d-1.license was changed after it was signed"));
    assert!(
        admin.check().unwrap()[0].to_string().starts_with("licenses/d-1.license: this licence was changed")
    );
}

#[test]
fn twenty_thousand_users_are_saved_in_seconds() {
    let (_folder, admin) = desk();
    let began = std::time::Instant::now();
    let mut policy = admin.policy(&"sales".into()).unwrap();
    policy.users.extend((0..20_000).map(|n| user(&format!("u{n}@x.example"))));
    admin.save_policy(&policy, &entry("everybody")).unwrap();
    policy.users.push(user("last@x.example"));
    admin.save_policy(&policy, &entry("one more")).unwrap();
    assert_eq!(admin.policy(&"sales".into()).unwrap().users.len(), 20_002);
    // Debug build on a slow computer; anything quadratic takes minutes.
    assert!(began.elapsed() < Duration::from_mins(1), "{:?}", began.elapsed());
}
