//! The log of e-mail: `EmailMessage`, and whom each message concerns: `EmailMessageRelation`.
//!
//! | item | EmailMessage |
//! |---|---|
//! | Message-ID | `MessageIdentifier` |
//! | summary, body | `Subject`, `TextBody` |
//! | from, to, cc, bcc | `FromAddress`, `FromName`; `ToAddress`, `CcAddress`, `BccAddress` as far as no record has the address |
//! | people | an `EmailMessageRelation` for each |
//! | sentAt | `MessageDate` |
//! | mailFolder | `Incoming` and `Status` |
//! | record | `RelatedToId` |
//!
//! A message and its relations are made in one transaction, as one that was read or sent: Salesforce then lets nobody change
//! what it says, and never sends it. It is made as one that its client manages, or no [file](super::files) could be hung on
//! it. Orgs without Enhanced Email have no such objects: nothing is logged there.

use super::layout::Layout;
use super::soql::{instant, read_instant};
use chrono::{TimeZone as _, Utc};
use riva_core::fault::ItemError;
use riva_core::ids::EmailAddress;
use riva_core::item::{Field, Item, MailFolder, Module, Role, Value};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeSet;

/// Fields that are written once.
pub const WRITES: [Field; 9] = [
    Field::Summary,
    Field::Body,
    Field::MailFolder,
    Field::From,
    Field::To,
    Field::Cc,
    Field::Bcc,
    Field::SentAt,
    Field::People,
];

/// Relations that fit into one transaction beside their message.
const MOST_PEOPLE: usize = 24;

/// What must be there for messages to be logged.
const NEEDED: [&str; 7] =
    ["MessageIdentifier", "Status", "Subject", "TextBody", "FromAddress", "MessageDate", "Incoming"];

/// Whether files may be hung on a message that is no draft. It is said when the message is made, or never; older orgs do not
/// have it.
pub const CLIENT_MANAGED: &str = "IsClientManaged";

/// Whether messages can be logged in an org whose objects look like this.
pub fn can_log(message: &Layout, relation: &Layout) -> bool {
    message.createable && relation.createable && NEEDED.iter().all(|field| message.creates(field))
}

/// The columns to select.
pub fn columns() -> Vec<&'static str> {
    vec!["MessageIdentifier", "Subject", "MessageDate"]
}

/// A record as an item: as much of it as says which message it is.
pub fn project(record: &Json) -> Item {
    let text = |column: &str| record.get(column).and_then(Json::as_str).unwrap_or_default().trim();
    let mut item = Item::new(Module::Email);
    item.uid = Some(text("MessageIdentifier").to_owned()).filter(|id| !id.is_empty());
    item.set_text(Field::Summary, text("Subject"));
    let at = read_instant(text("MessageDate"));
    item.set(Field::SentAt, at.map_or(Value::Blank, |at| Value::Number(at.timestamp())));
    item
}

/// The parts of the transaction that logs a message in the mailbox of `own`. `data` makes the path of a resource.
pub fn requests(
    item: &Item,
    own: &EmailAddress,
    layout: &Layout,
    data: impl Fn(&str) -> String,
) -> Result<Json, ItemError> {
    let mut parts = vec![json!({
        "method": "POST", "url": data("sobjects/EmailMessage"), "referenceId": "message",
        "body": record(item, own, layout)?,
    })];
    for (n, person) in item.related().into_iter().take(MOST_PEOPLE).enumerate() {
        let kind = match person.role {
            Role::From => "FromAddress",
            Role::To => "ToAddress",
            Role::Cc => "CcAddress",
            Role::Bcc => "BccAddress",
        };
        parts.push(json!({
            "method": "POST", "url": data("sobjects/EmailMessageRelation"), "referenceId": format!("person{n}"),
            "body": {
                "EmailMessageId": "@{message.id}", "RelationType": kind,
                "RelationId": person.id.as_str(), "RelationAddress": person.address.as_str(),
            },
        }));
    }
    Ok(json!({"allOrNone": true, "compositeRequest": parts}))
}

fn record(item: &Item, own: &EmailAddress, layout: &Layout) -> Result<Map<String, Json>, ItemError> {
    let invalid = |reason: &str| ItemError::Invalid { reason: reason.to_owned() };
    let id = item.uid.as_deref().ok_or_else(|| invalid("it has no Message-ID"))?;
    if layout.length("MessageIdentifier").is_some_and(|most| id.chars().count() > most) {
        return Err(invalid("its Message-ID is longer than Salesforce can keep"));
    }
    let from = item.addresses(Role::From).next();
    let incoming = match item.mail_folder() {
        Some(MailFolder::Sent) => false,
        Some(MailFolder::Inbox) => true,
        Some(MailFolder::Drop | MailFolder::Assigned) | None => {
            from.as_ref().is_none_or(|(address, _)| address != own)
        }
    };
    let mut record = Map::new();
    record.insert("MessageIdentifier".into(), id.into());
    record.insert("Incoming".into(), incoming.into());
    if layout.creates(CLIENT_MANAGED) {
        record.insert(CLIENT_MANAGED.into(), true.into());
    }
    // Read, or sent.
    record.insert("Status".into(), if incoming { "1" } else { "3" }.into());
    let mut put = |column: &str, text: &str| {
        let text = layout.fit(column, text);
        if !text.is_empty() && layout.creates(column) {
            record.insert(column.to_owned(), text.into());
        }
    };
    put("Subject", item.text(Field::Summary).unwrap_or_default());
    if let Some(Value::Body(body)) = item.get(Field::Body) {
        put("TextBody", &body.text);
    }
    if let Some((address, name)) = &from {
        put("FromAddress", address.as_str());
        put("FromName", if name.is_empty() { address.as_str() } else { name });
    }
    let related: BTreeSet<(Role, EmailAddress)> =
        item.related().into_iter().take(MOST_PEOPLE).map(|p| (p.role, p.address)).collect();
    for (role, column) in [(Role::To, "ToAddress"), (Role::Cc, "CcAddress"), (Role::Bcc, "BccAddress")] {
        let others = item.addresses(role).map(|(address, _)| address);
        let others = others.filter(|address| !related.contains(&(role, address.clone())));
        put(column, &list(others, layout.length(column)));
    }
    if let Some(to) = item.assigned() {
        record.insert("RelatedToId".into(), to.record.as_str().into());
    }
    if let Some(Value::Number(seconds)) = item.get(Field::SentAt)
        && let Some(at) = Utc.timestamp_opt(*seconds, 0).single()
    {
        record.insert("MessageDate".into(), instant(at).into());
    }
    Ok(record)
}

/// Whole addresses alone, as many as there is room for.
fn list(addresses: impl Iterator<Item = EmailAddress>, most: Option<usize>) -> String {
    let mut text = String::new();
    for address in addresses {
        let separator = if text.is_empty() { "" } else { "; " };
        let length = text.len() + separator.len() + address.as_str().len();
        if most.is_some_and(|most| length > most) {
            break;
        }
        text.push_str(separator);
        text.push_str(address.as_str());
    }
    text
}

/// What the answer to such a transaction says: the id of the message.
pub fn made(answer: &Json) -> Result<String, ItemError> {
    let parts =
        answer.get("compositeResponse").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    let status = |part: &Json| part.get("httpStatusCode").and_then(Json::as_u64).unwrap_or(0);
    if parts.is_empty() {
        return Err(ItemError::InDoubt("the answer has no parts".into()));
    }
    let refusals = parts.iter().filter(|part| !(200..300).contains(&status(part)));
    let refusals: Vec<super::api::Refusal> =
        refusals.filter_map(|part| super::api::Refusal::read(part.get("body")?)).collect();
    // The others were only taken back because of it.
    let cause = refusals.iter().find(|refusal| refusal.code != "PROCESSING_HALTED").or(refusals.first());
    if let Some(cause) = cause {
        return Err(match cause.item() {
            // Of a message that is new, nothing but one of its people, or its record, can be gone.
            ItemError::Gone => ItemError::NotNow(
                "somebody in it, or the record that it is about, was deleted in the CRM meanwhile".into(),
            ),
            error => error,
        });
    }
    let id = parts[0].get("body").and_then(|body| body.get("id")).and_then(Json::as_str);
    id.map(str::to_owned).ok_or_else(|| ItemError::InDoubt("the answer lacks the message's id".into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use riva_core::item::{Body, Related};

    fn layout() -> Layout {
        Layout::for_tests(&[
            ("MessageIdentifier", 765),
            ("Subject", 3000),
            ("TextBody", 32_000),
            ("FromAddress", 1000),
            ("FromName", 1000),
            ("ToAddress", 40),
            ("CcAddress", 4000),
            ("BccAddress", 4000),
            ("MessageDate", 0),
            ("Incoming", 0),
        ])
    }

    fn message(folder: MailFolder, from: &str) -> Item {
        let mut item = Item::new(Module::Email);
        item.uid = Some("<1@a.example>".into());
        item.set_text(Field::Summary, "Offer");
        item.set(Field::Body, Value::body(Body::plain("Dear Ann")));
        item.set_text(Field::MailFolder, folder.as_str());
        item.set(Field::SentAt, Value::Number(1_795_000_000));
        item.set_addresses(Role::From, [(from, "Me")]);
        item.set_addresses(
            Role::To,
            [("ann@far.example", ""), ("other@far.example", ""), ("x@y.example", "")],
        );
        item
    }

    #[test]
    fn people_are_related_and_others_are_named() {
        let own = EmailAddress::new("me@own.example");
        let mut item = message(MailFolder::Sent, "me@own.example");
        let ann = Related { role: Role::To, id: "003a".into(), address: "ann@far.example".into() };
        item.set_related([ann]);
        item.set_addresses(Role::Bcc, [("unseen@far.example", "")]);
        let all = requests(&item, &own, &layout(), |r| format!("/v/{r}")).expect("fits");
        let body = &all["compositeRequest"][0]["body"];
        assert_eq!((&body["Incoming"], &body["Status"]), (&json!(false), &json!("3")));
        assert_eq!(body["ToAddress"], "other@far.example; x@y.example");
        assert_eq!(body["BccAddress"], "unseen@far.example");
        assert_eq!(body["MessageIdentifier"], "<1@a.example>");
        assert_eq!(body["MessageDate"], "2026-11-18T11:06:40.000Z");
        let relation = &all["compositeRequest"][1];
        assert_eq!(relation["url"], "/v/sobjects/EmailMessageRelation");
        assert_eq!(relation["body"]["RelationType"], "ToAddress");
        assert_eq!(relation["body"]["RelationAddress"], "ann@far.example");
        assert_eq!(all["allOrNone"], true);
    }

    #[test]
    fn a_message_takes_files_where_the_org_knows_of_it() {
        let own = EmailAddress::new("me@own.example");
        let item = message(MailFolder::Inbox, "ann@far.example");
        let old = record(&item, &own, &layout()).expect("fits");
        assert_eq!(old.get(CLIENT_MANAGED), None);
        let mut layout = layout();
        layout.fields.extend(Layout::for_tests(&[(CLIENT_MANAGED, 0)]).fields);
        let new = record(&item, &own, &layout).expect("fits");
        assert_eq!(new.get(CLIENT_MANAGED), Some(&json!(true)));
    }

    #[test]
    fn what_is_dropped_is_incoming_unless_one_wrote_it() {
        let own = EmailAddress::new("me@own.example");
        let incoming = |folder, from| {
            record(&message(folder, from), &own, &layout()).expect("fits")["Incoming"] == json!(true)
        };
        assert!(incoming(MailFolder::Inbox, "me@own.example"));
        assert!(incoming(MailFolder::Drop, "ann@far.example"));
        assert!(!incoming(MailFolder::Drop, "me@own.example"));
    }

    #[test]
    fn the_cause_of_a_rollback_is_told() {
        let halted =
            json!({"httpStatusCode": 400, "body": [{"errorCode": "PROCESSING_HALTED", "message": "x"}]});
        let cause = json!({"httpStatusCode": 400,
            "body": [{"errorCode": "REQUIRED_FIELD_MISSING", "message": "y", "fields": ["Z"]}]});
        let answer = json!({"compositeResponse": [halted, cause]});
        assert!(matches!(made(&answer), Err(ItemError::Invalid { reason }) if reason.contains('y')));
        let fine =
            json!({"compositeResponse": [{"httpStatusCode": 201, "body": {"id": "02s1", "success": true}}]});
        assert_eq!(made(&fine), Ok("02s1".to_owned()));
        assert!(matches!(made(&json!({})), Err(ItemError::InDoubt(_))));
    }
}
