//! E-mail through the real agent: a mail that concerns somebody whom the CRM knows is logged there exactly once, whatever
//! happens meanwhile; no other mail is. Into the sandbox's Salesforce here, into a real OpenERP in `openerp.rs`.

#![allow(clippy::unwrap_used, missing_docs, dead_code)] // A test that panics is a failed test; the tenant is shared.

mod assign;
mod attachments;
#[path = "../servers/desk/desk.rs"]
mod desk;
mod openerp;
#[path = "../kill/tenant.rs"]
mod tenant;

use chrono::{DateTime, Duration, Utc};
use riva_api::{Agent as _, ExplainQuery, GiveOrder};
use riva_core::activity::ActivityQuery;
use riva_core::admin::ChangeEntry;
use riva_core::documents::EmailPolicy;
use riva_core::history::{Order, UndoSpan};
use riva_core::ids::MemberId;
use riva_core::item::Module;
use riva_sandbox::exchange::Edit as MailEdit;
use riva_sandbox::salesforce::control::Edit as CrmEdit;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use tenant::{Tenant, USERS};

const AMELIE: &str = USERS[0];
const KENJI: &str = USERS[1];
const ANN: &str = "ann@far.example";
const DROP: &str = "CRM/- Create New Email";

#[allow(clippy::needless_pass_by_value)] // so that `fields(json!(…))` reads well
fn fields(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// The id that a message was delivered with, in its Message-ID.
fn id_in(message_id: &Value) -> &str {
    message_id.as_str().unwrap().trim_start_matches('<').split('@').next().unwrap()
}

struct House {
    tenant: Tenant,
}

impl House {
    /// With Salesforce, which knows Ann.
    async fn new(policy: EmailPolicy) -> Self {
        let house = Self { tenant: Tenant::new(true).await };
        house.knows("Ann", ANN);
        house.open("salesforce", policy).await
    }

    /// Two users come, whose e-mail alone is logged, in the CRM of a connection. Their first sync is done.
    async fn open(mut self, crm: &str, policy: EmailPolicy) -> Self {
        let admin = &self.tenant.admin;
        let mut document = admin.policy(&"sales-team".into()).unwrap();
        document.crm = crm.into();
        (document.modules.contacts, document.modules.calendar, document.modules.tasks) = (None, None, None);
        document.modules.email = Some(policy);
        admin.save_policy(&document, &ChangeEntry { why: "e-mail".into() }).unwrap();
        self.tenant.add(&[AMELIE, KENJI]);
        self.tenant.start_agent().await;
        self.tenant.a_cycle_each().await;
        self
    }

    /// The CRM gets to know somebody.
    fn knows(&self, name: &str, address: &str) {
        let fields = fields(json!({"LastName": name, "Email": address}));
        self.tenant
            .sandbox
            .salesforce()
            .edit(AMELIE, &CrmEdit::Create { object: "Contact".into(), fields })
            .unwrap();
    }

    fn mail(&self, user: &str, folder: &str, id: &str, at: DateTime<Utc>, more: Value) -> String {
        let mut all = fields(json!({
            "Subject": format!("About {id}"), "Body": "Dear all", "From": [ANN], "ToRecipients": [user],
            "InternetMessageId": format!("<{id}@far.example>"),
        }));
        all.extend(fields(more));
        let edit = MailEdit::Deliver { user: user.into(), folder: folder.into(), at: Some(at), fields: all };
        self.tenant.sandbox.control().edit(edit).unwrap().unwrap()
    }

    fn moved(&self, user: &str, id: &str, folder: &str) {
        let edit = MailEdit::Move { user: user.into(), id: id.into(), folder: folder.into() };
        self.tenant.sandbox.control().edit(edit).unwrap();
    }

    /// The agent begins anew, without its database.
    async fn lose_state(&mut self) {
        self.tenant.stop_agent().await;
        for file in ["riva.db", "riva.db-wal", "riva.db-shm"] {
            let _ = std::fs::remove_file(self.tenant.workspace().join("state").join(file));
        }
        self.tenant.start_agent().await;
    }

    /// A mailbox is only read, and nobody is mailed.
    fn nobody_was_mailed_and_nothing_written(&self) {
        let requests = self.tenant.sandbox.control().counters().requests;
        for never in ["CreateItem", "UpdateItem", "DeleteItem", "MoveItem"] {
            assert_eq!(requests.get(never), None, "a mailbox's messages are read alone");
        }
        assert_eq!(self.tenant.sandbox.mails(), 0, "nobody is mailed");
    }

    /// How often each message is in the CRM's log, by its id.
    fn log(&self) -> BTreeMap<String, usize> {
        let mut log = BTreeMap::new();
        for message in self.tenant.sandbox.salesforce().messages() {
            *log.entry(id_in(&message["MessageIdentifier"]).to_owned()).or_default() += 1;
        }
        log
    }

    fn once(ids: &[&str]) -> BTreeMap<String, usize> {
        ids.iter().map(|id| ((*id).to_owned(), 1)).collect()
    }

    async fn member(&self, user: &str) -> MemberId {
        let queue = self.tenant.queue().await;
        queue.iter().find(|row| row.member.address.as_str() == user).unwrap().member.id
    }

    async fn order(&self, member: MemberId, order: Order) {
        self.tenant.agent.order(&GiveOrder { member, order, by: "admin@test".into() }).await.unwrap();
    }

    async fn activity(&self, user: &str) -> Vec<String> {
        let query = ActivityQuery { member: self.member(user).await, after: 0, limit: 10_000 };
        let lines = self.tenant.agent.activity(&query).await.unwrap();
        lines.iter().map(riva_core::activity::ActivityLine::with_module).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_mail_with_somebody_whom_the_crm_knows_is_logged_once() {
    let mut house = House::new(EmailPolicy::default()).await;
    let now = Utc::now();
    let lines = house.activity(AMELIE).await;
    for said in [
        r#"E-mail: Made the folder "CRM/- Create New Email" in the mailbox"#,
        "E-mail: Full initial sync completed",
    ] {
        assert!(lines.iter().any(|line| line == said), "{said}: {lines:#?}");
    }

    house.mail(AMELIE, "inbox", "came", now, json!({}));
    house.mail(
        AMELIE,
        "sentitems",
        "went",
        now,
        json!({"From": null, "ToRecipients": ["x@far.example"], "BccRecipients": [ANN]}),
    );
    house.mail(AMELIE, "inbox", "stranger", now, json!({"From": ["stranger@far.example"]}));
    house.mail(AMELIE, "inbox", "colleague", now, json!({"From": [KENJI]}));
    house.mail(AMELIE, "inbox", "private", now, json!({"Sensitivity": "Private"}));
    house.mail(AMELIE, "inbox", "old", now - Duration::days(2), json!({}));
    for user in [AMELIE, KENJI] {
        house.mail(user, "inbox", "both", now, json!({"ToRecipients": [AMELIE, KENJI]}));
    }
    // Dropped by hand: however old it is. A stranger's waits.
    let old = now - Duration::days(2000);
    let dropped = house.mail(KENJI, "inbox", "dropped", old, json!({}));
    house.moved(KENJI, &dropped, DROP);
    house.mail(KENJI, DROP, "waits", old, json!({"From": ["new@far.example"]}));
    // A preview tells of each, and does nothing.
    let amelie = house.member(AMELIE).await;
    let preview = house.tenant.agent.preview(amelie).await.unwrap();
    let mut told: Vec<&str> = preview.deeds.iter().map(|deed| deed.title.as_str()).collect();
    told.sort_unstable();
    assert_eq!(told, ["About both", "About came", "About went"], "{preview:?}");
    assert_eq!(house.log(), House::once(&[]));
    house.tenant.a_cycle_each().await;
    house.tenant.a_cycle_each().await;
    let logged = ["came", "went", "both", "dropped"];
    assert_eq!(house.log(), House::once(&logged));
    let messages = house.tenant.sandbox.salesforce().messages();
    let went = messages.iter().find(|m| m["Subject"] == "About went").unwrap();
    assert_eq!((&went["Incoming"], &went["Status"]), (&json!(false), &json!("3")));
    let types: Vec<&str> =
        went["people"].as_array().unwrap().iter().map(|p| p["RelationType"].as_str().unwrap()).collect();
    assert!(types.contains(&"FromAddress") && types.contains(&"BccAddress"), "{went}");

    // What the administrator sees of it.
    let lines = house.activity(AMELIE).await;
    assert!(
        lines.iter().any(|line| line.starts_with("E-mail: Logged ") && line.ends_with(" in the CRM")),
        "{lines:#?}"
    );
    let kenji = house.member(KENJI).await;
    let listed = house.tenant.agent.not_synced(kenji).await.unwrap();
    let waiting: Vec<_> = listed.iter().filter(|item| item.module == Module::Email).collect();
    assert!(
        waiting.iter().any(|item| item.reason.starts_with("Nobody in it is known to the CRM")),
        "{waiting:?}"
    );
    let query = ExplainQuery { member: kenji, item: "About dropped".into() };
    let story = house.tenant.agent.explain(&query).await.unwrap().remove(0);
    let rule = "dropped by the user, people by matching addresses";
    assert!(story.journal.iter().any(|line| line.rule == rule), "{story:?}");

    // Restarts, lost places, a deletion on either side: nothing is logged again, nothing comes back.
    let gone =
        messages.iter().find(|m| m["Subject"] == "About both").unwrap()["Id"].as_str().unwrap().to_owned();
    let deletion = CrmEdit::Delete { object: "EmailMessage".into(), id: gone };
    house.tenant.sandbox.salesforce().edit(AMELIE, &deletion).unwrap();
    house.tenant.stop_agent().await;
    house.tenant.sandbox.control().invalidate_sync_states();
    house.tenant.start_agent().await;
    house.tenant.a_cycle_each().await;
    house.tenant.a_cycle_each().await;
    let left = ["came", "went", "dropped"];
    assert_eq!(house.log(), House::once(&left));
    // The state is lost as a whole: the log in the CRM is all that is known.
    house.lose_state().await;
    house.tenant.a_cycle_each().await;
    house.mail(AMELIE, "inbox", "later", Utc::now() + Duration::seconds(2), json!({}));
    house.tenant.a_cycle_each().await;
    house.tenant.a_cycle_each().await;
    assert_eq!(house.log(), House::once(&["came", "went", "dropped", "later"]));

    // Whom a dropped mail waits for becomes known.
    house.knows("New", "new@far.example");
    assert!(!house.log().contains_key("waits"));
    house.order(house.member(KENJI).await, Order::Retry { pair: None }).await;
    house.tenant.a_cycle_each().await;
    assert_eq!(house.log(), House::once(&["came", "went", "dropped", "later", "waits"]));
    // An undo takes what was logged out of the log; it is not logged again.
    let (member, since) = (house.member(KENJI).await, UndoSpan::Since(Utc::now() - Duration::hours(1)));
    house.order(member, Order::Undo { span: since }).await;
    house.tenant.a_cycle_each().await;
    house.tenant.a_cycle_each().await;
    assert_eq!(house.log(), House::once(&["came", "went", "dropped", "later"]));
    house.nobody_was_mailed_and_nothing_written();
    house.tenant.stop_agent().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_killed_logs_no_mail_and_no_file_twice_and_forgets_none() {
    let policy = EmailPolicy { drop_folders: false, attachments: true, ..EmailPolicy::default() };
    let mut house = House::new(policy).await;
    house.tenant.sandbox.salesforce().set_latency(std::time::Duration::from_millis(3));
    let mut wanted = BTreeMap::new();
    for round in 0..12_u64 {
        for n in 0..6 {
            let id = format!("mail-{round}-{n}");
            let users: &[&str] = if n % 3 == 0 { &[AMELIE, KENJI] } else { &[USERS[n % 2]] };
            for user in users {
                let files = attachments::attached(&[("a.txt", b"a"), ("b.txt", id.as_bytes())]);
                let more = json!({"ToRecipients": [AMELIE, KENJI], "Attachments": files});
                house.mail(user, "inbox", &id, Utc::now(), more);
            }
            wanted.insert(id, 1);
        }
        if round % 3 == 2 {
            house.tenant.sandbox.salesforce().lose_replies(1);
        }
        let from = house.tenant.requests();
        house.tenant.sync_now().await;
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(3);
        while house.tenant.requests() < from + 8 + round * 3 && std::time::Instant::now() < deadline {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        house.tenant.kill_agent();
        house.tenant.start_agent().await;
    }
    house.tenant.settle().await;
    assert_eq!(house.log(), wanted);
    for (id, files) in house.files() {
        let all = [("a.txt", b"a".to_vec()), ("b.txt", id.as_bytes().to_vec())];
        assert_eq!(files, all.map(|(name, content)| (name.to_owned(), content)), "{id}");
    }
    assert_eq!(house.tenant.sandbox.mails(), 0);
    house.tenant.stop_agent().await;
}
