//! The command on a running agent with the sandbox's real protocols: what waits is shown with everything to decide it by;
//! what is not there to be done is said not to be; how the service stands is told.

#![allow(clippy::unwrap_used, missing_docs, dead_code)] // A test that panics is a failed test; the tenant is shared.

#[path = "window/tenant.rs"]
mod tenant;

use riva_core::admin::ChangeEntry;
use riva_core::documents::{ConflictWinner, Policy};
use riva_sandbox::exchange::Edit as MailEdit;
use riva_sandbox::salesforce::control::Edit as CrmEdit;
use serde_json::{Map, Value, json};
use std::process::Command;
use std::time::{Duration, Instant};
use tenant::{POLICY, Tenant, address};

const USER: &str = "amelie.dubois";

/// A tenant whose policy has one user alone; its agent does not run yet.
fn of_one(change: impl FnOnce(&mut Policy)) -> Tenant {
    let tenant = Tenant::new();
    let mut policy = tenant.admin.policy(&POLICY.into()).unwrap();
    policy.users.retain(|each| each.address.as_str() == address(USER));
    assert_eq!(policy.users.len(), 1);
    change(&mut policy);
    tenant.admin.save_policy(&policy, &ChangeEntry::default()).unwrap();
    tenant
}

/// What a command said.
struct Told {
    code: i32,
    out: String,
    err: String,
}

impl Told {
    #[track_caller]
    fn ended(self, code: i32, words: &[&str]) -> Self {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        let said = format!("{}{}", self.out, self.err);
        let flat = said.split_whitespace().collect::<Vec<_>>().join(" ");
        for wanted in words {
            assert!(flat.contains(wanted), "{wanted:?} is not said: {said}");
        }
        self
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap()
    }
}

fn riva(tenant: &Tenant, words: &[&str]) -> Told {
    let output = Command::new(env!("CARGO_BIN_EXE_riva"))
        .arg("--workspace")
        .arg(tenant.path(""))
        .args(words)
        .env("RIVA_SECRETS", "file")
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Told { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

/// Waits until it is so.
#[track_caller]
fn until(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(2);
    while !so() {
        assert!(Instant::now() < deadline, "not in two minutes: {what}");
        std::thread::yield_now();
    }
}

fn state(tenant: &Tenant) -> Value {
    riva(tenant, &["queue", "--json"]).json()[0].clone()
}

/// Lets a cycle run, and waits for its end.
fn sync(tenant: &Tenant) {
    let before = state(tenant)["state"]["cycle"].as_u64().unwrap();
    riva(tenant, &["sync", &address(USER)]).ended(0, &[]);
    until("a cycle has run", || {
        let now = state(tenant);
        now["state"]["cycle"].as_u64().unwrap() > before && now["running"] == false
    });
}

fn start(tenant: &Tenant) {
    riva(tenant, &["agent", "start"]).ended(0, &["was started"]);
    until("the first sync is done", || {
        let now = state(tenant);
        !now["state"]["initial_done_at"].is_null() && now["running"] == false
    });
}

fn fields(value: Value) -> Map<String, Value> {
    let Value::Object(fields) = value else { panic!("{value} has no fields") };
    fields
}

fn in_mail(tenant: &Tenant, subject: &str, place: &str) -> String {
    let fields = fields(json!({
        "Subject": subject, "Location": place, "Start": "2026-12-14T09:00:00Z", "End": "2026-12-14T10:00:00Z",
    }));
    let edit = MailEdit::Create { user: address(USER), class: "CalendarItem".into(), fields };
    tenant.sandbox().control().edit(edit).unwrap().unwrap()
}

fn in_crm(tenant: &Tenant, subject: &str, place: &str) -> String {
    let fields = fields(json!({
        "Subject": subject, "Location": place,
        "StartDateTime": "2026-12-14T09:00:00Z", "EndDateTime": "2026-12-14T10:00:00Z",
    }));
    let edit = CrmEdit::Create { object: "Event".into(), fields };
    tenant.sandbox().salesforce().edit(&address(USER), &edit).unwrap()
}

fn holds(tenant: &Tenant) -> Vec<Value> {
    riva(tenant, &["holds", "--json"]).json().as_array().unwrap().clone()
}

#[test]
fn candidates_are_told_apart_and_what_is_linked_is_not_offered_again() {
    let tenant = of_one(|_| {});
    in_mail(&tenant, "Visit", "Room 5");
    in_mail(&tenant, "Visit", "Room 6");
    let record = in_crm(&tenant, "Visit", "Room 7");
    start(&tenant);
    let visits = || -> Vec<Value> {
        holds(&tenant).into_iter().filter(|hold| hold["items"][0]["title"] == "Visit").collect()
    };
    let of_mail = |hold: &&Value| hold["items"][0]["side"] == "mail";
    let waiting = visits();
    let [one, other] = waiting.iter().filter(of_mail).collect::<Vec<_>>().try_into().unwrap();
    assert_eq!(other["items"][0]["twins"][0]["id"], record);

    let numbers = [one, other].map(|hold| hold["number"].to_string());
    let link = format!("riva holds link {} {record}", numbers[1]);
    let told = [
        "This one, in the mailbox: Visit",
        "Maybe the same, in the CRM: Visit",
        "Room 7",
        "2026-12-14 10:00",
        &link,
    ];
    let of_other = riva(&tenant, &["holds", "show", &numbers[1]]).ended(0, &told);
    assert!(of_other.out.contains("Room 5") != of_other.out.contains("Room 6"), "{}", of_other.out);
    riva(&tenant, &["holds", &address(USER)]).ended(0, &["Room 5", "Room 6", "Room 7", &link]);
    riva(&tenant, &["holds"]).ended(0, &["`riva holds show N`"]);
    riva(&tenant, &["holds", "show", "999"]).ended(1, &["there is no hold 999"]);

    riva(&tenant, &["holds", "link", &numbers[0], &record]).ended(0, &["Link"]);
    until("it is linked", || {
        visits().len() < waiting.len() && visits().iter().all(|hold| hold["number"] != one["number"])
    });
    let left = visits();
    let [left] = &left[..] else { panic!("the hold of the record itself is settled, too: {left:?}") };
    assert_eq!(left["number"], other["number"]);
    assert_eq!(left["items"][0]["twins"], Value::Null, "the record is linked to another item");
    let shown = riva(&tenant, &["holds", "show", &numbers[1]]).ended(0, &["riva holds create"]);
    assert!(!shown.out.contains("riva holds link"), "{}", shown.out);
    riva(&tenant, &["holds", "link", &numbers[1], &record])
        .ended(1, &["is linked to another item by now", &format!("riva holds show {}", numbers[1])]);
    riva(&tenant, &["holds", "create", &numbers[1]]).ended(0, &["Create"]);
    until("it is decided", || visits().is_empty());
}

#[test]
fn conflicts_show_both_values_deletions_dates_and_failures_titles() {
    let tenant = of_one(|policy| {
        policy.modules.calendar.as_mut().unwrap().conflict = ConflictWinner::Hold;
        policy.safety.calendar.items = 1;
    });
    let item = in_mail(&tenant, "Quarterly review", "Room 5");
    let gone = ["Fitting", "Handover"].map(|subject| in_crm(&tenant, subject, "Hall"));
    start(&tenant);
    let crm = tenant.sandbox().salesforce();
    let events = crm.dump().remove(&address(USER)).unwrap().remove("Event").unwrap();
    let event = events.iter().find(|event| event["Subject"] == "Quarterly review").unwrap();
    let id = event["Id"].as_str().unwrap().to_owned();

    let set = |place: &str| fields(json!({ "Location": place }));
    let edit = MailEdit::Update { user: address(USER), id: item, occurrence: None, fields: set("Room 8") };
    tenant.sandbox().control().edit(edit).unwrap();
    crm.edit(&address(USER), &CrmEdit::Update { object: "Event".into(), id, fields: set("Room 9") }).unwrap();
    // Exchange takes no new contact.
    tenant.sandbox().control().refuse_items(1, "ErrorAccessDenied").unwrap();
    let contact =
        fields(json!({ "FirstName": "Petra", "LastName": "Refused", "Email": "petra@refused.example" }));
    crm.edit(&address(USER), &CrmEdit::Create { object: "Contact".into(), fields: contact }).unwrap();
    sync(&tenant);
    let conflict = holds(&tenant).into_iter().find(|hold| hold["kind"] == "conflict").unwrap();
    riva(&tenant, &["holds", "show", &conflict["number"].to_string()])
        .ended(0, &["* Location Room 8", "* Location Room 9", "When 2026-12-14 10:00"]);
    let of_user = riva(&tenant, &["holds", &address(USER)]).ended(0, &["Room 8", "Room 9", "Petra Refused"]);
    assert!(!of_user.out.contains("(contact"), "{}", of_user.out);
    riva(&tenant, &["agent", "status"])
        .ended(0, &["hold waits for a decision", "1 item fails (amelie.dubois@"]);
    riva(&tenant, &["explain", "Petra"]).ended(
        0,
        &["Petra Refused (Contacts of", "Failed 1 time; tried again", "because it is new in the CRM"],
    );
    riva(&tenant, &["retry", &address(USER)]).ended(0, &["1 item that failed is tried again"]);

    for id in gone {
        crm.edit(&address(USER), &CrmEdit::Delete { object: "Event".into(), id }).unwrap();
    }
    let deletions = || holds(&tenant).into_iter().find(|hold| hold["kind"] == "delete-safety");
    riva(&tenant, &["sync", &address(USER)]).ended(0, &[]);
    until("the deletions are held", || deletions().is_some());
    let number = deletions().unwrap()["number"].to_string();
    riva(&tenant, &["holds", "show", &number]).ended(
        0,
        &[
            "would be deleted in".to_uppercase().as_str(),
            "Fitting 2026-12-14 09:00",
            "Handover 2026-12-14 09:00",
        ],
    );
    let shown = riva(&tenant, &["holds", "show", &number, "--json"]).ended(0, &[]).json();
    assert_eq!(shown["hold"]["items"].as_array().unwrap().len(), 2);
    assert!(shown["details"]["shown"].as_array().is_some_and(|shown| !shown.is_empty()), "{shown}");
}

#[test]
fn where_there_is_nothing_to_do_it_is_said() {
    let tenant = of_one(|_| {});
    start(&tenant);
    let user = address(USER);
    until("a calm state", || state(&tenant)["shown"]["kind"] == "waiting");
    riva(&tenant, &["agent", "status"]).ended(0, &["idle; 1 member, next sync at"]);
    assert!(riva(&tenant, &["agent", "status", "--json"]).json()["next_sync"].is_string());
    riva(&tenant, &["agent", "start"]).ended(0, &["runs already"]);
    riva(&tenant, &["retry", &user]).ended(1, &["Nothing of this user has failed"]);
    let nobody = "00000000-0000-0000-0000-000000000007";
    riva(&tenant, &["retry", &user, "--pair", nobody]).ended(1, &["That item has not failed"]);
    riva(&tenant, &["connection", "accept", "exchange"]).ended(1, &["nothing waits to be accepted"]);
    riva(&tenant, &["check"]).ended(0, &["Documents and licences are in order"]);
}

#[test]
fn a_user_who_was_just_added_is_previewed_before_the_restart() {
    let tenant = of_one(|_| {});
    start(&tenant);
    let newcomer = address("priya.raman");
    riva(&tenant, &["policy", "preview", POLICY, "--user", &newcomer]).ended(1, &["no user priya.raman@"]);
    tenant.add_users(&["priya.raman"]);
    let told = riva(&tenant, &["policy", "preview", POLICY, "--user", &newcomer])
        .ended(0, &["create in the CRM", "it is new in the mailbox, and the CRM has no twin of it"]);
    assert!(!told.out.contains("table row"), "{}", told.out);
    let deeds = riva(&tenant, &["policy", "preview", POLICY, "--json"]).ended(0, &[]).json();
    let of_newcomer = deeds.as_array().unwrap().iter().find(|one| one["user"] == newcomer.as_str()).unwrap();
    assert!(of_newcomer["deeds"].as_array().unwrap().iter().any(|deed| deed["rule"] == "table row 15"));
    let queue = riva(&tenant, &["queue", "--json"]).json();
    assert_eq!(queue.as_array().unwrap().len(), 1, "it was a preview: {queue}");
}

#[test]
fn a_policy_whose_file_is_gone_is_told() {
    let tenant = of_one(|_| {});
    start(&tenant);
    let file = tenant.path("policies/sales-team.toml");
    let text = tenant.read("policies/sales-team.toml");
    std::fs::remove_file(&file).unwrap();
    let gone = "policies/sales-team.toml: the file is gone";
    riva(&tenant, &["agent", "status"]).ended(0, &[gone, "The agent has not read this yet"]);
    riva(&tenant, &["check", "--offline"])
        .ended(1, &[gone, "its last text is in history/policies/sales-team/"]);
    riva(&tenant, &["agent", "restart"]).ended(0, &[]);
    riva(&tenant, &["agent", "status"]).ended(0, &[gone, "nobody is to be synced"]);
    // One that Riva has never saved is missed until the next start.
    std::fs::remove_dir_all(tenant.path("history/policies")).unwrap();
    std::fs::write(&file, &text).unwrap();
    riva(&tenant, &["agent", "restart"]).ended(0, &[]);
    riva(&tenant, &["check", "--offline"]).ended(0, &[]);
    std::fs::remove_file(&file).unwrap();
    riva(&tenant, &["agent", "status"])
        .ended(0, &[gone, "its user is synced as it said, until the agent is restarted"]);
    riva(&tenant, &["agent", "restart"]).ended(0, &[]);
    riva(&tenant, &["agent", "status"]).ended(0, &["the file is gone since the agent was last started"]);
    riva(&tenant, &["check", "--offline"]).ended(1, &["the file is gone since the agent was last started"]);
}
