//! The sandbox's Exchange and Salesforce, in this process. People work by its back door.

use super::{Connected, Hand, Pair, Person};
use crate::story::Need;
use crate::things::{DONE, Kind, Thing};
use async_trait::async_trait;
use chrono::{DateTime, Duration, NaiveDate, Utc};
use riva_core::ports::{SecretKey, SecretKind, SecretStore};
use riva_core::rows::Side;
use riva_core::secrets::MemorySecrets;
use riva_sandbox::exchange::Edit as MailEdit;
use riva_sandbox::salesforce::control::Edit as CrmEdit;
use riva_sandbox::{Company, RunningSandbox, Sandbox, SandboxOptions};
use serde_json::{Map, Value, json};
use std::sync::Arc;

const DOMAIN: &str = "northwind.example";

pub struct Northwind {
    sandbox: RunningSandbox,
    company: Company,
}

impl Northwind {
    /// A company of these people.
    pub async fn start(people: &[Person]) -> Self {
        let people: Vec<Value> = people
            .iter()
            .map(|who| {
                json!({
                    "name": who.story, "given": "Sam", "family": who.story, "address": who.address, "password": "x",
                    "zone": "Europe/Berlin", "crm": { "user_name": who.address },
                })
            })
            .collect();
        let company: Company = serde_json::from_value(json!({
            "exchange": { "account": format!("svc@{DOMAIN}"), "password": "mail" },
            "salesforce": {
                "account": format!("riva@{DOMAIN}"), "password": "crm", "client_id": "id", "client_secret": "secret",
                "api_limit": 10_000_000,
            },
            "person": people,
        }))
        .unwrap();
        let options = SandboxOptions { tls: false, ..SandboxOptions::new(company.clone()) };
        Self { sandbox: Sandbox::start(options).await.unwrap(), company }
    }

    pub fn in_mail(&self, edit: MailEdit) -> Option<String> {
        self.sandbox.control().edit(edit).unwrap()
    }

    /// All that is in somebody's mailbox, in whatever folder.
    pub fn items(&self, who: &Person) -> Vec<Value> {
        self.sandbox.control().items(&who.address).unwrap()
    }

    /// So many answers to an operation are lost after it was carried out.
    pub fn loses_replies(&self, replies: u32, operation: &str) {
        self.sandbox.control().lose_replies(replies, Some(operation));
    }

    /// Names of the files on a record, and their documents' ids.
    pub fn files_of(&self, record: &str) -> Vec<(String, String)> {
        let files = self.sandbox.salesforce().files_of(record);
        let mut all: Vec<_> = files
            .iter()
            .map(|file| (text(&file["PathOnClient"]), text(&file["ContentDocumentId"])))
            .collect();
        all.sort();
        all
    }

    /// Somebody's records of a kind.
    pub fn records(&self, who: &Person, kind: Kind) -> Vec<Value> {
        let mut dump = self.sandbox.salesforce().dump();
        dump.remove(&who.address).and_then(|mut all| all.remove(object(kind))).unwrap_or_default()
    }

    pub fn in_crm(&self, who: &Person, edit: &CrmEdit) {
        self.sandbox.salesforce().edit(&who.address, edit).unwrap();
    }
}

impl Connected for Northwind {
    fn connection(&self, side: Side) -> String {
        match side {
            Side::Mail => format!(
                "system = \"exchange-ews\"\naddress = \"{}/EWS/Exchange.asmx\"\naccount = \"svc@{DOMAIN}\"\n\
                 auth = {{ method = \"password\" }}\naccess = \"impersonation\"\n",
                self.sandbox.exchange_url()
            ),
            Side::Crm => format!(
                "system = \"salesforce\"\naddress = \"{}\"\naccount = \"riva@{DOMAIN}\"\n\
                 auth = {{ method = \"oauth-password\", client_id = \"id\" }}\n\n\
                 [options]\nsync_key_field = \"Riva_Sync_Key__c\"\n",
                self.sandbox.salesforce_url()
            ),
        }
    }

    fn licensed(&self, side: Side) -> &'static str {
        match side {
            Side::Mail => "exchange-ews",
            Side::Crm => "salesforce",
        }
    }

    fn secrets(&self) -> Arc<dyn SecretStore> {
        let secrets = MemorySecrets::default();
        for (connection, kind, secret) in [
            ("mail", SecretKind::Password, "mail"),
            ("crm", SecretKind::Password, "crm"),
            ("crm", SecretKind::ClientSecret, "secret"),
        ] {
            secrets.set(&SecretKey { connection: connection.into(), kind }, &secret.into()).unwrap();
        }
        Arc::new(secrets)
    }
}

#[async_trait]
impl Pair for Northwind {
    fn name(&self) -> &'static str {
        "sandbox"
    }

    fn domain(&self) -> &'static str {
        DOMAIN
    }

    fn lacks(&self, _: Kind) -> Option<&'static str> {
        None
    }

    fn cannot(&self, need: Need, _: Kind) -> Option<&'static str> {
        match need {
            Need::OtherUid | Need::TwoOfOneUid => {
                Some("Exchange gives an appointment its UID and lets no owner choose it; contacts have none")
            }
        }
    }

    async fn hire(&self, who: &Person) {
        assert!(self.company.people.iter().any(|p| p.address == who.address), "{} works here", who.address);
    }

    async fn deed(&self, who: &Person, kind: Kind, side: Side, hand: Hand) {
        let user = who.address.clone();
        match (side, hand) {
            (Side::Mail, Hand::Make { thing, uid_of: None }) => {
                let class = class(kind).to_owned();
                self.in_mail(MailEdit::Create { user, class, fields: mail_fields(who, kind, &thing) });
            }
            (Side::Mail, Hand::Save { id, thing }) => {
                let fields = mail_fields(who, kind, &thing);
                self.in_mail(MailEdit::Update { user, id, occurrence: None, fields });
            }
            (Side::Mail, Hand::Delete { id }) => {
                self.in_mail(MailEdit::Delete { user, id, occurrence: None, hard: false });
            }
            (Side::Mail, Hand::Move { id }) => {
                // Away and back: it lies in the same folder, under another id.
                let away = MailEdit::Move { user: user.clone(), id, folder: "Elsewhere".into() };
                let id = self.in_mail(away).expect("it has an id there");
                self.in_mail(MailEdit::Move { user, id, folder: folder(kind).into() });
            }
            (Side::Crm, Hand::Make { thing, uid_of: None }) => {
                let fields = crm_fields(who, kind, &thing);
                self.in_crm(who, &CrmEdit::Create { object: object(kind).into(), fields });
            }
            (Side::Crm, Hand::Save { id, thing }) => {
                let fields = crm_fields(who, kind, &thing);
                self.in_crm(who, &CrmEdit::Update { object: object(kind).into(), id, fields });
            }
            (Side::Crm, Hand::Delete { id }) => {
                self.in_crm(who, &CrmEdit::Delete { object: object(kind).into(), id });
            }
            (_, Hand::OtherUid { id } | Hand::Make { uid_of: Some(id), .. }) => {
                panic!("{id}: the scenario must say that it needs a UID of people's choice")
            }
            (side, hand) => panic!("nobody does this: {side:?} {hand:?}"),
        }
    }

    async fn shows(&self, who: &Person, kind: Kind, side: Side) -> Vec<(String, Thing)> {
        match side {
            Side::Mail => {
                let items = self.items(who);
                let there = items
                    .iter()
                    .filter(|item| item["class"] == class(kind) && item["folder"] != "deleteditems");
                there
                    .map(|item| (item["id"].as_str().unwrap().to_owned(), mail_thing(kind, &item["fields"])))
                    .collect()
            }
            Side::Crm => {
                let records = self.records(who, kind);
                records.iter().map(|r| (text(&r["Id"]), crm_thing(kind, r))).collect()
            }
        }
    }

    async fn mails(&self) -> u64 {
        self.sandbox.mails()
    }
}

pub fn class(kind: Kind) -> &'static str {
    match kind {
        Kind::Contact => "Contact",
        Kind::Event => "CalendarItem",
        Kind::Task => "Task",
    }
}

fn folder(kind: Kind) -> &'static str {
    match kind {
        Kind::Contact => "contacts",
        Kind::Event => "calendar",
        Kind::Task => "tasks",
    }
}

fn object(kind: Kind) -> &'static str {
    match kind {
        Kind::Contact => "Contact",
        Kind::Event => "Event",
        Kind::Task => "Task",
    }
}

fn stamp(at: DateTime<Utc>) -> String {
    at.format("%FT%TZ").to_string()
}

/// A text, or nothing.
fn or_null(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { text.into() }
}

fn map(fields: Value) -> Map<String, Value> {
    match fields {
        Value::Object(fields) => fields,
        other => panic!("no object: {other}"),
    }
}

fn mail_fields(who: &Person, kind: Kind, thing: &Thing) -> Map<String, Value> {
    let (note, extra) = (or_null(&thing.note), or_null(&thing.extra));
    map(match kind {
        Kind::Contact => json!({
            "GivenName": thing.name, "Surname": "Vale", "JobTitle": extra, "Body": note,
            "EmailAddresses": { "EmailAddress1": thing.address(&who.story) },
        }),
        Kind::Event => json!({
            "Subject": format!("Visit {}", thing.name), "Location": extra, "Body": note,
            "Start": stamp(thing.starts()), "End": stamp(thing.starts() + Duration::hours(1)),
        }),
        Kind::Task => json!({
            "Subject": format!("Call {}", thing.name), "Body": note,
            "Status": if thing.is_done() { "Completed" } else { "NotStarted" },
            "DueDate": format!("{}T00:00:00Z", thing.day()),
        }),
    })
}

fn crm_fields(who: &Person, kind: Kind, thing: &Thing) -> Map<String, Value> {
    let (note, extra) = (or_null(&thing.note), or_null(&thing.extra));
    map(match kind {
        Kind::Contact => json!({
            "FirstName": thing.name, "LastName": "Vale", "Title": extra, "Description": note,
            "Email": thing.address(&who.story),
        }),
        Kind::Event => json!({
            "Subject": format!("Visit {}", thing.name), "Location": extra, "Description": note,
            "StartDateTime": stamp(thing.starts()), "EndDateTime": stamp(thing.starts() + Duration::hours(1)),
        }),
        Kind::Task => json!({
            "Subject": format!("Call {}", thing.name), "Description": note, "ActivityDate": thing.day().to_string(),
            "Status": if thing.is_done() { "Completed" } else { "Not Started" },
        }),
    })
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().trim().to_owned()
}

fn last_word(subject: &Value) -> String {
    text(subject).rsplit(' ').next().unwrap_or_default().to_owned()
}

fn instant(value: &Value) -> DateTime<Utc> {
    let text = value.as_str().unwrap_or_default();
    let parsed = DateTime::parse_from_rfc3339(text);
    let parsed = parsed.or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.3f%z"));
    parsed.unwrap_or_else(|e| panic!("{text}: {e}")).to_utc()
}

fn day(value: &Value) -> char {
    let text = value.as_str().unwrap_or_default();
    let day = text.get(..10).and_then(|day| day.parse::<NaiveDate>().ok());
    day.map_or('?', Thing::known_by_day)
}

/// How far a task is: nothing, done, or else the system's own word.
fn progress(status: &Value, not_begun: &str) -> String {
    match text(status) {
        status if status == not_begun => String::new(),
        status if status == "Completed" => DONE.to_owned(),
        other => other,
    }
}

fn mail_thing(kind: Kind, f: &Value) -> Thing {
    let (name, known_by, extra) = match kind {
        Kind::Contact => (
            text(&f["GivenName"]),
            Thing::known_by_address(&text(&f["EmailAddresses"]["EmailAddress1"])),
            text(&f["JobTitle"]),
        ),
        Kind::Event => (
            last_word(&f["Subject"]),
            Thing::known_by_hours(instant(&f["Start"]), instant(&f["End"])),
            text(&f["Location"]),
        ),
        Kind::Task => (last_word(&f["Subject"]), day(&f["DueDate"]), progress(&f["Status"], "NotStarted")),
    };
    Thing { name, known_by, extra, note: text(&f["Body"]) }
}

fn crm_thing(kind: Kind, r: &Value) -> Thing {
    let (name, known_by, extra) = match kind {
        Kind::Contact => {
            (text(&r["FirstName"]), Thing::known_by_address(&text(&r["Email"])), text(&r["Title"]))
        }
        Kind::Event => (
            last_word(&r["Subject"]),
            Thing::known_by_hours(instant(&r["StartDateTime"]), instant(&r["EndDateTime"])),
            text(&r["Location"]),
        ),
        Kind::Task => {
            (last_word(&r["Subject"]), day(&r["ActivityDate"]), progress(&r["Status"], "Not Started"))
        }
    };
    Thing { name, known_by, extra, note: text(&r["Description"]) }
}
