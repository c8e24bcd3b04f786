//! Where cases are played: a mailbox into which other programs put things, and a CRM, as people see both.

use super::case::From;
use crate::pairs::sandbox::{Northwind, class};
use crate::pairs::shelf::Shelf;
use crate::pairs::{Connected, Person};
use crate::things::Kind;
use async_trait::async_trait;
use chrono::{DateTime, Duration, NaiveDate, Utc};
use riva_core::ports::SecretStore;
use riva_core::rows::Side;
use riva_sandbox::exchange::Edit as MailEdit;
use riva_sandbox::salesforce::control::Edit as CrmEdit;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A record of the CRM, as a person sees it.
#[derive(Debug, Clone)]
pub struct Record {
    pub id: String,
    pub span: Span,
    pub title: String,
    /// Whether it is shown as free, where that is told.
    pub free: Option<bool>,
}

/// When a record is.
#[derive(Debug, Clone, Copy)]
pub enum Span {
    /// From the first day to the last one.
    Days(NaiveDate, NaiveDate),
    Times(DateTime<Utc>, DateTime<Utc>),
}

impl Record {
    /// As the list has it, but for whether it is free.
    pub fn shown(&self) -> String {
        let title = &self.title;
        match self.span {
            Span::Days(first, last) if first == last => format!("{first} {title}"),
            Span::Days(first, last) => format!("{first}..{last} {title}"),
            Span::Times(start, end) => {
                let same_day = start.date_naive() == end.date_naive();
                let end = end.format(if same_day { "%H:%M" } else { "%m-%d %H:%M" });
                format!("{}-{end} {title}", start.format("%Y-%m-%d %H:%M"))
            }
        }
    }
}

/// What is done to a record in the CRM.
#[derive(Debug, Clone, Copy)]
pub enum CrmDeed<'a> {
    Retitle(&'a str),
    Move(DateTime<Utc>, DateTime<Utc>),
    Delete,
}

/// A mailbox and a CRM.
#[async_trait]
pub trait Place: Connected {
    fn name(&self) -> &'static str;
    fn domain(&self) -> &'static str;
    /// Why a case of this mailbox cannot be played here, if so.
    fn cannot(&self, from: From) -> Option<&'static str>;
    async fn hire(&self, who: &Person, zone: Option<&str>);
    /// A resource is put into a calendar, or taken out.
    async fn put(&self, who: &Person, kind: Kind, name: &str, text: Option<String>);
    /// What stands in the mailbox: texts of resources, or what items show.
    async fn texts(&self, who: &Person, kind: Kind) -> BTreeMap<String, String>;
    async fn records(&self, who: &Person, kind: Kind) -> Vec<Record>;
    async fn in_crm(&self, who: &Person, record: &Record, deed: CrmDeed<'_>);
    async fn mails(&self) -> u64;
    /// The sandbox, where it is that.
    fn sandbox(&self) -> Option<&Sandbox> {
        None
    }
}

/// The sandbox's Salesforce, with its Exchange or with calendars of this process.
pub struct Sandbox {
    pub northwind: Arc<Northwind>,
    pub shelf: Arc<Shelf>,
    pub from: From,
}

impl Sandbox {
    /// The one item of a user in Exchange.
    fn item(&self, who: &Person, kind: Kind) -> String {
        let mut ids = self.texts_of_items(who, kind).into_keys();
        let id = ids.next().expect("an item");
        assert_eq!(ids.next(), None, "{}: one item is meant", who.story);
        id
    }

    fn texts_of_items(&self, who: &Person, kind: Kind) -> BTreeMap<String, String> {
        let items = self.northwind.items(who).into_iter();
        let there = items.filter(|item| item["class"] == class(kind) && item["folder"] != "deleteditems");
        let shown = |mut item: Value| {
            // A tag of ours that nobody sees is a new version.
            let fields = item["fields"].as_object_mut().unwrap();
            fields.retain(|name, _| !matches!(name.as_str(), "LastModifiedTime" | "DateTimeStamp"));
            let id = item["id"].as_str().unwrap().to_owned();
            (id, serde_json::to_string_pretty(&item["fields"]).unwrap())
        };
        there.map(shown).collect()
    }

    pub fn make(&self, who: &Person, kind: Kind, fields: &Value) {
        let (user, class) = (who.address.clone(), class(kind).to_owned());
        self.northwind.in_mail(MailEdit::Create { user, class, fields: map(fields) });
    }

    pub fn change(&self, who: &Person, kind: Kind, occurrence: Option<u32>, fields: &Value) {
        let (user, id) = (who.address.clone(), self.item(who, kind));
        self.northwind.in_mail(MailEdit::Update { user, id, occurrence, fields: map(fields) });
    }

    pub fn cancel(&self, who: &Person, kind: Kind, occurrence: u32) {
        let (user, id) = (who.address.clone(), self.item(who, kind));
        let occurrence = Some(occurrence);
        self.northwind.in_mail(MailEdit::Delete { user, id, occurrence, hard: false });
    }
}

fn map(fields: &Value) -> Map<String, Value> {
    fields.as_object().expect("an object").clone()
}

/// The part of an address before the `@`.
pub fn user(who: &Person) -> &str {
    who.address.split('@').next().unwrap_or_default()
}

impl Connected for Sandbox {
    fn connection(&self, side: Side) -> String {
        match (side, self.from) {
            (Side::Mail, From::Caldav) => format!(
                "system = \"caldav\"\naddress = \"{}\"\naccount = \"riva\"\nauth = {{ method = \"password\" }}\n\n\
                 [options]\nhome = \"/{{user}}/\"\n",
                self.shelf.url
            ),
            _ => self.northwind.connection(side),
        }
    }

    fn licensed(&self, side: Side) -> &'static str {
        match (side, self.from) {
            (Side::Mail, From::Caldav) => "caldav",
            _ => self.northwind.licensed(side),
        }
    }

    fn secrets(&self) -> Arc<dyn SecretStore> {
        self.northwind.secrets()
    }
}

#[async_trait]
impl Place for Sandbox {
    fn name(&self) -> &'static str {
        "sandbox"
    }

    fn domain(&self) -> &'static str {
        "northwind.example"
    }

    fn cannot(&self, _: From) -> Option<&'static str> {
        None
    }

    async fn hire(&self, who: &Person, zone: Option<&str>) {
        if let Some(zone) = zone {
            self.shelf.set_zone(user(who), zone);
        }
    }

    async fn put(&self, who: &Person, kind: Kind, name: &str, text: Option<String>) {
        self.shelf.put(user(who), kind, name, text);
    }

    async fn texts(&self, who: &Person, kind: Kind) -> BTreeMap<String, String> {
        match self.from {
            From::Caldav => self.shelf.texts(user(who), kind),
            From::Exchange => self.texts_of_items(who, kind),
        }
    }

    async fn records(&self, who: &Person, kind: Kind) -> Vec<Record> {
        let text = |r: &Value, column: &str| r[column].as_str().unwrap_or_default().to_owned();
        let at = |r: &Value, column: &str| {
            let at = DateTime::parse_from_str(&text(r, column), "%Y-%m-%dT%H:%M:%S%.3f%z");
            at.unwrap_or_else(|e| panic!("{column} of {r}: {e}")).to_utc()
        };
        let record = |r: Value| {
            let span = if kind == Kind::Task {
                let day = text(&r, "ActivityDate").parse().expect("a day");
                Span::Days(day, day)
            } else if r["IsAllDayEvent"] == true {
                // The end of a whole day is its last one.
                Span::Days(at(&r, "StartDateTime").date_naive(), at(&r, "EndDateTime").date_naive())
            } else {
                Span::Times(at(&r, "StartDateTime"), at(&r, "EndDateTime"))
            };
            let free = Some(r["ShowAs"] == "Free");
            Record { id: text(&r, "Id"), span, title: text(&r, "Subject"), free }
        };
        self.northwind.records(who, kind).into_iter().map(record).collect()
    }

    async fn in_crm(&self, who: &Person, record: &Record, deed: CrmDeed<'_>) {
        let (object, id) = ("Event".to_owned(), record.id.clone());
        let stamp = |at: DateTime<Utc>| at.format("%FT%TZ").to_string();
        let edit = match deed {
            CrmDeed::Retitle(title) => {
                CrmEdit::Update { object, id, fields: map(&json!({ "Subject": title })) }
            }
            CrmDeed::Move(start, end) => {
                let fields = map(&json!({ "StartDateTime": stamp(start), "EndDateTime": stamp(end) }));
                CrmEdit::Update { object, id, fields }
            }
            CrmDeed::Delete => CrmEdit::Delete { object, id },
        };
        self.northwind.in_crm(who, &edit);
    }

    async fn mails(&self) -> u64 {
        use crate::pairs::Pair as _;
        self.northwind.mails().await
    }

    fn sandbox(&self) -> Option<&Sandbox> {
        Some(self)
    }
}

/// Where a record lies after a move by so many minutes.
pub fn moved(span: Span, minutes: i64) -> (DateTime<Utc>, DateTime<Utc>) {
    match span {
        Span::Times(start, end) => (start + Duration::minutes(minutes), end + Duration::minutes(minutes)),
        Span::Days(..) => panic!("a whole day is not moved by minutes"),
    }
}
