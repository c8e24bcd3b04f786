//! What stands on both sides, read from behind and put into one shape, as far as both systems can hold it. Written from
//! the vendors' documents, not from the connectors: what they get wrong must show here.

use chrono::{DateTime, Duration, Utc};
use riva_sandbox::RunningSandbox;
use serde_json::Value;
use std::collections::BTreeMap;

/// An item as both sides can show it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shown {
    /// `contact` or `event`.
    pub kind: &'static str,
    /// By which people would call it the same: the e-mail address or name; subject and start.
    pub key: String,
    /// Everything that both sides can hold; what is blank is left out.
    pub fields: BTreeMap<&'static str, String>,
}

/// A user's items with their ids.
pub type Items = Vec<(String, Shown)>;

/// What is in a user's mailbox: its contacts and its calendar.
pub fn mailbox(sandbox: &RunningSandbox, user: &str) -> Items {
    let items = sandbox.control().items(user).unwrap();
    let shown = items.iter().flat_map(|item| {
        let fields = &item["fields"];
        let shown = match (item["folder"].as_str(), item["class"].as_str()) {
            (Some("contacts"), Some("Contact")) => vec![mail_contact(fields)],
            (Some("calendar"), Some("CalendarItem")) => mail_events(fields),
            _ => Vec::new(),
        };
        let id = item["id"].as_str().unwrap();
        shown.into_iter().map(|shown| (id.to_owned(), shown)).collect::<Vec<_>>()
    });
    shown.collect()
}

/// What a user owns in the CRM.
pub fn crm(sandbox: &RunningSandbox, user: &str) -> Items {
    let mut dump = sandbox.salesforce().dump();
    let mut records = dump.remove(user).unwrap_or_default();
    let contacts = records.remove("Contact").unwrap_or_default();
    let events = records.remove("Event").unwrap_or_default();
    let id = |record: &Value| record["Id"].as_str().unwrap().to_owned();
    let contacts = contacts.iter().map(|record| (id(record), crm_contact(record)));
    contacts.chain(events.iter().map(|record| (id(record), crm_event(record)))).collect()
}

fn text(value: &Value) -> String {
    let text = value.as_str().unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn shown<const N: usize>(kind: &'static str, key: String, fields: [(&'static str, String); N]) -> Shown {
    Shown { kind, key, fields: fields.into_iter().filter(|(_, text)| !text.is_empty()).collect() }
}

fn contact_key(email: &str, given: &str, family: &str) -> String {
    if email.is_empty() { format!("{given} {family}").trim().to_lowercase() } else { email.to_lowercase() }
}

fn mail_contact(f: &Value) -> Shown {
    let phone = |key: &str| text(&f["PhoneNumbers"][key]);
    let address = |kind: &str| {
        let parts = ["Street", "City", "State", "PostalCode", "CountryOrRegion"];
        parts.map(|part| text(&f["PhysicalAddresses"][kind][part])).join("|").trim_matches('|').to_owned()
    };
    let (given, family, email) =
        (text(&f["GivenName"]), text(&f["Surname"]), text(&f["EmailAddresses"]["EmailAddress1"]));
    shown(
        "contact",
        contact_key(&email, &given, &family),
        [
            ("given", given),
            ("family", family),
            ("email", email),
            ("title", text(&f["JobTitle"])),
            ("department", text(&f["Department"])),
            ("work", phone("BusinessPhone")),
            ("home", phone("HomePhone")),
            ("mobile", phone("MobilePhone")),
            ("fax", phone("BusinessFax")),
            ("other", phone("OtherTelephone")),
            ("work address", address("Business")),
            ("home address", address("Home")),
            ("notes", text(&f["Body"])),
            ("assistant", text(&f["AssistantName"])),
        ],
    )
}

fn crm_contact(r: &Value) -> Shown {
    let address = |kind: &str| {
        let parts = ["Street", "City", "State", "PostalCode", "Country"];
        parts.map(|part| text(&r[format!("{kind}{part}")])).join("|").trim_matches('|').to_owned()
    };
    let (given, family, email) = (text(&r["FirstName"]), text(&r["LastName"]), text(&r["Email"]));
    shown(
        "contact",
        contact_key(&email, &given, &family),
        [
            ("given", given),
            ("family", family),
            ("email", email),
            ("title", text(&r["Title"])),
            ("department", text(&r["Department"])),
            ("work", text(&r["Phone"])),
            ("home", text(&r["HomePhone"])),
            ("mobile", text(&r["MobilePhone"])),
            ("fax", text(&r["Fax"])),
            ("other", text(&r["OtherPhone"])),
            ("work address", address("Mailing")),
            ("home address", address("Other")),
            ("notes", text(&r["Description"])),
            ("assistant", text(&r["AssistantName"])),
        ],
    )
}

fn instant(text: &str) -> DateTime<Utc> {
    let parsed = DateTime::parse_from_rfc3339(text);
    let parsed = parsed.or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.3f%z"));
    parsed.unwrap_or_else(|e| panic!("{text}: {e}")).to_utc()
}

fn event(subject: String, when: String, rest: [(&'static str, String); 3]) -> Shown {
    let key = format!("{subject} at {when}");
    let [a, b, c] = rest;
    shown("event", key, [("subject", subject), ("when", when), a, b, c])
}

/// A single event, or the occurrences of a series: the company's are weekly, so often, and no clock changes meanwhile.
fn mail_events(f: &Value) -> Vec<Shown> {
    let rule = &f["Recurrence"];
    if rule.is_null() {
        return vec![mail_event(f, Duration::zero())];
    }
    let count = &rule["NumberedRecurrence"]["NumberOfOccurrences"];
    let count: i64 =
        count.as_str().and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("no count: {rule}"));
    assert!(rule["WeeklyRecurrence"].is_object(), "{rule}");
    (0..count).map(|week| mail_event(f, Duration::weeks(week))).collect()
}

fn mail_event(f: &Value, later: Duration) -> Shown {
    let at = |name: &str| instant(f[name].as_str().unwrap()) + later;
    let (start, end) = (at("Start"), at("End"));
    let when = if f["IsAllDayEvent"] == "true" {
        // Midnights of the mailbox's zone, all of which are less than half a day from UTC here.
        let noon = Duration::hours(12);
        format!("{}..{}", (start + noon).date_naive(), (end + noon - Duration::days(1)).date_naive())
    } else {
        format!("{}..{}", start.format("%F %H:%M"), end.format("%F %H:%M"))
    };
    let show_as = match f["LegacyFreeBusyStatus"].as_str() {
        Some("Free") => "Free",
        Some("OOF") => "OutOfOffice",
        _ => "Busy",
    };
    event(
        text(&f["Subject"]),
        when,
        [("location", text(&f["Location"])), ("body", text(&f["Body"])), ("show as", show_as.to_owned())],
    )
}

fn crm_event(r: &Value) -> Shown {
    let at = |name: &str| instant(r[name].as_str().unwrap());
    let (start, end) = (at("StartDateTime"), at("EndDateTime"));
    let when = if r["IsAllDayEvent"] == true {
        format!("{}..{}", start.date_naive(), end.date_naive())
    } else {
        format!("{}..{}", start.format("%F %H:%M"), end.format("%F %H:%M"))
    };
    event(
        text(&r["Subject"]),
        when,
        [
            ("location", text(&r["Location"])),
            ("body", text(&r["Description"])),
            ("show as", text(&r["ShowAs"])),
        ],
    )
}
