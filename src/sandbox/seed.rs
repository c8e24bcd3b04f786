//! The company that fills a sandbox: people, their contacts and events, and who may do what.
//!
//! Written by hand as TOML (`config/demo/company.toml`). Days are offsets from the day on which the sandbox starts, so
//! that the demo's calendar is always around today. Values that only one side knows are marked on the entry.

use chrono::{Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A company: two service accounts and its people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Company {
    /// The company's name.
    #[serde(default = "default_company")]
    pub name: String,
    /// The account that syncs on behalf of everybody in Exchange.
    pub exchange: ServiceAccount,
    /// The Salesforce org and its integration user.
    pub salesforce: SalesforceOrg,
    /// Who works here.
    #[serde(default, rename = "person")]
    pub people: Vec<Person>,
}

/// An account that signs in with a name and a password.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceAccount {
    /// Sign-in name (an address or `DOMAIN\name`).
    pub account: String,
    /// Password, in clear: a sandbox has no secrets.
    pub password: String,
}

/// A Salesforce org and how the integration user signs in to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is an answer that the file gives in so many words")]
pub struct SalesforceOrg {
    /// User name of the integration user.
    pub account: String,
    /// Password of the integration user.
    pub password: String,
    /// Security token: where set, the password grant wants password and token, one after the other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_token: Option<String>,
    /// Consumer key of the connected app.
    pub client_id: String,
    /// Consumer secret of the connected app.
    pub client_secret: String,
    /// Public key (PEM) registered for the JWT bearer flow; without it the flow is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key_pem: Option<String>,
    /// Whether events may be longer than a day ("Enable creation of multiday events"). The demo's events need it.
    #[serde(default = "yes")]
    pub multi_day_events: bool,
    /// API requests allowed in 24 hours.
    #[serde(default = "default_api_limit")]
    pub api_limit: u64,
    /// Whether Contact and Event carry the unique external id field `Riva_Sync_Key__c`.
    #[serde(default = "yes")]
    pub sync_key_field: bool,
    /// Whether Enhanced Email is on: the org keeps e-mail as records (`EmailMessage`).
    #[serde(default = "yes")]
    pub enhanced_email: bool,
    /// Whether the org keeps files (`ContentVersion` and what belongs to it).
    #[serde(default = "yes")]
    pub files: bool,
}

/// Somebody who works here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools)] // Each is an answer that the file gives in so many words.
pub struct Person {
    /// Name as shown.
    pub name: String,
    /// Given name.
    pub given: String,
    /// Family name.
    pub family: String,
    /// Primary SMTP address.
    pub address: String,
    /// Job title.
    #[serde(default)]
    pub title: String,
    /// Department.
    #[serde(default)]
    pub department: String,
    /// Business phone.
    #[serde(default)]
    pub phone: String,
    /// Password of the mailbox.
    pub password: String,
    /// Has a mailbox.
    #[serde(default = "yes")]
    pub mailbox: bool,
    /// The mailbox was opened at least once.
    #[serde(default = "yes")]
    pub opened: bool,
    /// The service account may impersonate this person.
    #[serde(default = "yes")]
    pub impersonation: bool,
    /// The service account has Full Access to the mailbox.
    #[serde(default)]
    pub full_access: bool,
    /// Home time zone (IANA).
    #[serde(default = "default_zone")]
    pub zone: String,
    /// The user in Salesforce, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crm: Option<CrmPerson>,
    /// Contacts of this person.
    #[serde(default, rename = "contact", skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<SeedContact>,
    /// Events of this person.
    #[serde(default, rename = "event", skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<SeedEvent>,
    /// Tasks of this person.
    #[serde(default, rename = "task", skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<SeedTask>,
    /// Messages in this person's mailbox.
    #[serde(default, rename = "message", skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<SeedMessage>,
}

/// A user of the CRM.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrmPerson {
    /// User name in Salesforce (has the form of an address).
    pub user_name: String,
    /// May sign in and own records.
    #[serde(default = "yes")]
    pub active: bool,
    /// E-mail address in the CRM, where it differs from the mailbox's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// A contact, in the mailbox, in the CRM or in both.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedContact {
    /// Given name.
    #[serde(default)]
    pub given: String,
    /// Family name.
    #[serde(default)]
    pub family: String,
    /// Company.
    #[serde(default)]
    pub company: String,
    /// Job title.
    #[serde(default)]
    pub job_title: String,
    /// Department.
    #[serde(default)]
    pub department: String,
    /// E-mail addresses, most important first; the CRM holds the first.
    #[serde(default)]
    pub emails: Vec<String>,
    /// Phone numbers by label: `work`, `home`, `mobile`, `workFax`, `other`, as somebody typed them.
    #[serde(default)]
    pub phones: BTreeMap<String, String>,
    /// Business address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<SeedAddress>,
    /// Notes.
    #[serde(default)]
    pub notes: String,
    /// Categories in the mailbox.
    #[serde(default)]
    pub categories: Vec<String>,
    /// Marked private in the mailbox.
    #[serde(default)]
    pub private: bool,
    /// Present in the mailbox.
    #[serde(default = "yes")]
    pub in_mail: bool,
    /// Present in the CRM.
    #[serde(default)]
    pub in_crm: bool,
    /// What the CRM's copy shows instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crm_variant: Option<ContactVariant>,
}

impl SeedContact {
    /// The contact as the CRM's copy shows it: with the values of [`SeedContact::crm_variant`] in place.
    #[must_use]
    pub fn crm_copy(&self) -> Self {
        let mut copy = self.clone();
        if let Some(variant) = copy.crm_variant.take() {
            let replace = |target: &mut String, with: Option<String>| {
                if let Some(with) = with {
                    *target = with;
                }
            };
            replace(&mut copy.given, variant.given);
            replace(&mut copy.family, variant.family);
            replace(&mut copy.company, variant.company);
            replace(&mut copy.job_title, variant.job_title);
            replace(&mut copy.department, variant.department);
            replace(&mut copy.notes, variant.notes);
            if let Some(emails) = variant.emails {
                copy.emails = emails;
            }
            if let Some(phones) = variant.phones {
                copy.phones = phones;
            }
            if let Some(address) = variant.address {
                copy.address = Some(address);
            }
        }
        copy
    }
}

/// The fields in which the CRM's copy of a contact differs; an empty text means blank there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ContactVariant {
    /// Given name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given: Option<String>,
    /// Family name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// Company.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
    /// Job title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_title: Option<String>,
    /// Department.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub department: Option<String>,
    /// E-mail addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub emails: Option<Vec<String>>,
    /// Phone numbers: all of them, not only those that differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phones: Option<BTreeMap<String, String>>,
    /// Business address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<SeedAddress>,
    /// Notes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
}

/// A postal address.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SeedAddress {
    /// Street and number.
    pub street: String,
    /// City.
    pub city: String,
    /// State or province.
    pub state: String,
    /// Postal code.
    pub postal_code: String,
    /// Country.
    pub country: String,
}

/// An event, in the mailbox, in the CRM or in both.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools)] // As above.
pub struct SeedEvent {
    /// Subject.
    pub subject: String,
    /// Day of the start, counted from the sandbox's today.
    pub day: i64,
    /// Wall-clock time of the start, `HH:MM`; midnight for all-day events.
    #[serde(default = "midnight")]
    pub start: String,
    /// Length in minutes; for all-day events whole days (1440 each).
    #[serde(default = "half_an_hour")]
    pub minutes: i64,
    /// Takes the whole day or several.
    #[serde(default)]
    pub all_day: bool,
    /// Time zone (IANA) of the wall-clock time; empty: the person's own.
    #[serde(default)]
    pub zone: String,
    /// Place.
    #[serde(default)]
    pub location: String,
    /// Text.
    #[serde(default)]
    pub body: String,
    /// Addresses of those invited.
    #[serde(default)]
    pub attendees: Vec<String>,
    /// Marked private.
    #[serde(default)]
    pub private: bool,
    /// Number of weekly occurrences of a series; none for a single event. Series exist in the mailbox only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weekly_count: Option<u32>,
    /// Present in the mailbox.
    #[serde(default = "yes")]
    pub in_mail: bool,
    /// Present in the CRM.
    #[serde(default)]
    pub in_crm: bool,
}

impl SeedEvent {
    /// The zone of the event's wall-clock time: its own, else the person's.
    pub fn zone_of(&self, person: &Person) -> chrono_tz::Tz {
        let name = if self.zone.is_empty() { &person.zone } else { &self.zone };
        // `Company::check` has refused unknown names before anybody asks.
        name.parse().unwrap_or(chrono_tz::UTC)
    }

    /// Wall-clock start, for a sandbox whose today is `today`.
    pub fn start_on(&self, today: NaiveDate) -> NaiveDateTime {
        let time = NaiveTime::parse_from_str(&self.start, "%H:%M").unwrap_or(NaiveTime::MIN);
        on(today, self.day).and_time(if self.all_day { NaiveTime::MIN } else { time })
    }

    /// Wall-clock end (exclusive), for a sandbox whose today is `today`.
    pub fn end_on(&self, today: NaiveDate) -> NaiveDateTime {
        self.start_on(today) + TimeDelta::minutes(self.minutes)
    }
}

/// A task, in the mailbox, in the CRM or in both.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedTask {
    /// Subject.
    pub subject: String,
    /// Day on which it is due, counted from the sandbox's today; without one it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<i64>,
    /// Day on which it is to be begun, counted likewise. The CRM has no such thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<i64>,
    /// How far it is.
    #[serde(default)]
    pub status: SeedStatus,
    /// How far the CRM's copy is, where that differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crm_status: Option<SeedStatus>,
    /// How important it is.
    #[serde(default)]
    pub priority: SeedPriority,
    /// Text.
    #[serde(default)]
    pub body: String,
    /// Categories in the mailbox.
    #[serde(default)]
    pub categories: Vec<String>,
    /// Marked private in the mailbox.
    #[serde(default)]
    pub private: bool,
    /// Present in the mailbox.
    #[serde(default = "yes")]
    pub in_mail: bool,
    /// Present in the CRM.
    #[serde(default)]
    pub in_crm: bool,
}

/// How far a task is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SeedStatus {
    /// Nobody has begun.
    #[default]
    NotStarted,
    /// Begun.
    InProgress,
    /// Done.
    Completed,
    /// Somebody else must act first.
    Waiting,
    /// Put off.
    Deferred,
}

impl SeedStatus {
    /// Salesforce's word (`Status`).
    pub fn in_salesforce(self) -> &'static str {
        match self {
            Self::NotStarted => "Not Started",
            Self::InProgress => "In Progress",
            Self::Completed => "Completed",
            Self::Waiting => "Waiting on someone else",
            Self::Deferred => "Deferred",
        }
    }
}

/// How important a task is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SeedPriority {
    /// Low.
    Low,
    /// Normal.
    #[default]
    Normal,
    /// High.
    High,
}

impl SeedPriority {
    /// Salesforce's word (`Priority`).
    pub fn in_salesforce(self) -> &'static str {
        match self {
            Self::Low => "Low",
            Self::Normal => "Normal",
            Self::High => "High",
        }
    }
}

impl SeedTask {
    /// The day on which it is due, for a sandbox whose today is `today`.
    pub fn due_on(&self, today: NaiveDate) -> Option<NaiveDate> {
        Some(on(today, self.due?))
    }

    /// The day on which it is to be begun, for a sandbox whose today is `today`.
    pub fn start_on(&self, today: NaiveDate) -> Option<NaiveDate> {
        Some(on(today, self.start?))
    }
}

/// A message in somebody's mailbox.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedMessage {
    /// Subject.
    pub subject: String,
    /// Day on which it came in or was sent, counted from the sandbox's today.
    pub day: i64,
    /// Time of that day in the person's zone, `HH:MM`.
    pub time: String,
    /// Who wrote it: an address. Without one the person has sent it, and it lies in Sent Items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// To whom, besides the person if somebody else wrote it: addresses.
    #[serde(default)]
    pub to: Vec<String>,
    /// Who got a copy: addresses.
    #[serde(default)]
    pub cc: Vec<String>,
    /// Text.
    #[serde(default)]
    pub body: String,
    /// Marked private.
    #[serde(default)]
    pub private: bool,
}

impl SeedMessage {
    /// When it came in or was sent, for a sandbox whose today is `today`, as the clock of the person's zone shows it.
    pub fn at(&self, today: NaiveDate) -> NaiveDateTime {
        let time = NaiveTime::parse_from_str(&self.time, "%H:%M").unwrap_or(NaiveTime::MIN);
        on(today, self.day).and_time(time)
    }
}

/// A day counted from today.
fn on(today: NaiveDate, offset: i64) -> NaiveDate {
    let days = Days::new(offset.unsigned_abs());
    let date = if offset < 0 { today.checked_sub_days(days) } else { today.checked_add_days(days) };
    date.unwrap_or(today)
}

/// A company file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// The file cannot be read.
    #[error("the company file {path} cannot be read: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not TOML or has an unknown or missing key.
    #[error("the company file is not valid: {0}")]
    Syntax(#[from] Box<toml::de::Error>),
    /// A value makes no sense.
    #[error("the company file is not valid: {who}: {what}")]
    Value {
        /// Which person or entry.
        who: String,
        /// What is wrong with it.
        what: String,
    },
}

impl Company {
    /// Reads and checks a company file.
    pub fn load(path: &Path) -> Result<Self, SeedError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| SeedError::Read { path: path.to_owned(), source })?;
        Self::parse(&text)
    }

    /// Reads and checks a company from TOML.
    pub fn parse(text: &str) -> Result<Self, SeedError> {
        let company: Self = toml::from_str(text).map_err(Box::new)?;
        company.check()?;
        Ok(company)
    }

    /// The person with this primary address, in any case of letters.
    pub fn person(&self, address: &str) -> Option<&Person> {
        self.people.iter().find(|p| p.address.eq_ignore_ascii_case(address))
    }

    /// Says what is wrong with the values: zones, times, addresses, doubled people.
    pub fn check(&self) -> Result<(), SeedError> {
        let wrong = |who: &str, what: String| Err(SeedError::Value { who: who.to_owned(), what });
        for (n, person) in self.people.iter().enumerate() {
            if !person.address.contains('@') {
                return wrong(&person.name, format!("`{}` is not an address", person.address));
            }
            if self.people[..n].iter().any(|p| p.address.eq_ignore_ascii_case(&person.address)) {
                return wrong(&person.name, format!("the address {} is used twice", person.address));
            }
            if person.zone.parse::<chrono_tz::Tz>().is_err() {
                return wrong(&person.name, format!("`{}` is not an IANA time zone", person.zone));
            }
            for event in &person.events {
                let who = format!("{}, event `{}`", person.name, event.subject);
                if !event.zone.is_empty() && event.zone.parse::<chrono_tz::Tz>().is_err() {
                    return wrong(&who, format!("`{}` is not an IANA time zone", event.zone));
                }
                if NaiveTime::parse_from_str(&event.start, "%H:%M").is_err() {
                    return wrong(&who, format!("`{}` is not a time as HH:MM", event.start));
                }
                if event.minutes < 0 || (event.all_day && (event.minutes == 0 || event.minutes % 1440 != 0)) {
                    return wrong(
                        &who,
                        format!("{} minutes is not a length (all-day: 1440 each)", event.minutes),
                    );
                }
                if event.weekly_count == Some(0) {
                    return wrong(&who, "a series needs at least one occurrence".to_owned());
                }
            }
            for task in &person.tasks {
                if let (Some(start), Some(due)) = (task.start, task.due)
                    && start > due
                {
                    let who = format!("{}, task `{}`", person.name, task.subject);
                    return wrong(&who, "it is to be begun after it is due".to_owned());
                }
            }
            for message in &person.messages {
                let who = format!("{}, message `{}`", person.name, message.subject);
                if NaiveTime::parse_from_str(&message.time, "%H:%M").is_err() {
                    return wrong(&who, format!("`{}` is not a time as HH:MM", message.time));
                }
                if message.from.is_none() && message.to.is_empty() {
                    return wrong(&who, "it is sent to nobody".to_owned());
                }
            }
            for contact in person.contacts.iter().filter(|c| c.in_crm) {
                if contact.crm_copy().family.is_empty() {
                    return wrong(
                        &person.name,
                        format!("a CRM contact of {} needs a family name", contact.company),
                    );
                }
            }
        }
        Ok(())
    }
}

fn yes() -> bool {
    true
}

fn default_company() -> String {
    "Northwind Demo".to_owned()
}

fn default_zone() -> String {
    "Europe/London".to_owned()
}

fn default_api_limit() -> u64 {
    15_000
}

fn midnight() -> String {
    "00:00".to_owned()
}

fn half_an_hour() -> i64 {
    30
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEMO: &str = include_str!("../../config/demo/company.toml");

    #[test]
    fn the_demo_company_is_valid_and_has_everybody_it_promises() {
        let company = Company::parse(DEMO).unwrap();
        assert_eq!(company.people.len(), 25);
        let person = |name: &str| company.people.iter().find(|p| p.name == name).unwrap();
        assert!(!person("Nora Lindqvist").opened);
        assert!(!person("Peter Novak").impersonation);
        assert!(!person("Viktor Petrov").mailbox);
        assert!(person("Fatima Al-Sayed").crm.is_none());
        assert!(!person("Zoe Martin").crm.as_ref().unwrap().active);
        let same = person("Dai Jones").crm.as_ref().unwrap().address.clone();
        assert_eq!(same.as_deref(), Some(person("David Jones").address.as_str()));

        let contacts = || company.people.iter().flat_map(|p| &p.contacts);
        let events = || company.people.iter().flat_map(|p| &p.events);
        assert!(contacts().any(|c| c.in_mail && c.in_crm) && contacts().any(|c| c.private));
        assert!(events().any(|e| e.in_mail && e.in_crm) && events().any(|e| e.private));
        assert!((2..=3).contains(&events().filter(|e| e.weekly_count.is_some()).count()));
        assert!(
            events().any(|e| e.all_day && e.minutes > 1440)
                && events().any(|e| !e.all_day && e.minutes > 1440)
        );
        let tasks = || company.people.iter().flat_map(|p| &p.tasks);
        assert!(tasks().any(|t| t.in_mail && t.in_crm) && tasks().any(|t| t.crm_status.is_some()));
        assert!(!tasks().any(|t| t.private && t.in_crm));
        let messages = || company.people.iter().flat_map(|p| &p.messages);
        assert!(messages().any(|m| m.private) && messages().any(|m| m.from.is_none()));
        // Nothing private is in the CRM, and nobody outside the reserved domains is ever named.
        assert!(!events().any(|e| e.private && e.in_crm) && !contacts().any(|c| c.private && c.in_crm));
        let in_messages = messages().flat_map(|m| m.from.iter().chain(&m.to).chain(&m.cc));
        let others = contacts().flat_map(|c| &c.emails).chain(events().flat_map(|e| &e.attendees));
        for address in others.chain(in_messages) {
            assert!(address.is_ascii() && address.ends_with(".example"), "{address}");
        }
    }

    #[test]
    fn wrong_values_are_named_with_their_owner() {
        for (from, to, said) in [
            (
                "zone = \"Asia/Tokyo\"",
                "zone = \"Asia/Tokio\"",
                "Kenji Sato: `Asia/Tokio` is not an IANA time zone",
            ),
            ("start = \"09:15\"", "start = \"9 am\"", "is not a time as HH:MM"),
            ("jonas.weber@northwind-demo.example", "PRIYA.raman@northwind-demo.example", "is used twice"),
            ("family = \"Raman\"", "familie = \"Raman\"", "familie"),
        ] {
            let broken = DEMO.replacen(from, to, 1);
            assert_ne!(broken, DEMO);
            let message = Company::parse(&broken).unwrap_err().to_string();
            assert!(message.contains(said), "{message}");
        }
    }

    #[test]
    fn days_count_from_today() {
        let company = Company::parse(DEMO).unwrap();
        let event = company.people[1].events.iter().find(|e| e.subject == "Company day").unwrap();
        let today = NaiveDate::from_ymd_opt(2026, 11, 23).unwrap();
        assert_eq!(event.start_on(today).to_string(), "2026-11-28 00:00:00");
        assert_eq!(event.end_on(today).to_string(), "2026-11-29 00:00:00");
        assert_eq!(event.zone_of(&company.people[1]), chrono_tz::Europe::Berlin);
    }
}
