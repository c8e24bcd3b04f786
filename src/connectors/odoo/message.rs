//! The log of e-mail: `mail.message` rows on the contacts and leads that a message concerns.
//!
//! | item | mail.message |
//! |---|---|
//! | Message-ID | `message_id` |
//! | summary | `subject` |
//! | from | `email_from`; `author_id`, where the CRM knows who it is |
//! | to, cc, bcc | the first lines of `body`: there are no columns that would not mail them |
//! | body | `body` |
//! | sentAt | `date` |
//! | people, record | a row for each contact and lead, and for the opportunity: `model`, `res_id` |
//!
//! **Nobody is told.** The server notifies the followers of the record by the message's subtype, and its recipients
//! (`partner_ids`): neither is ever written, so that it is a note to it. The rows of one message are made in one
//! transaction, each under an external id of its Message-ID and its record: repeated, nothing is made twice.

use super::event::{read_time, write_time};
use super::external_id::MODULE;
use super::layout::Layout;
use super::tables::Table;
use super::text::text_to_html;
use super::xmlrpc::Value as Rpc;
use chrono::{TimeZone as _, Utc};
use riva_core::fault::ItemError;
use riva_core::ids::RemoteId;
use riva_core::item::{Field, Item, Module, Role, Value};
use std::collections::BTreeMap;
use uuid::Uuid;

/// The columns that matter, where the server has them.
pub const WANTED: [&str; 11] = [
    "message_id",
    "message_type",
    "type",
    "subject",
    "body",
    "date",
    "email_from",
    "author_id",
    "model",
    "res_id",
    "attachment_ids",
];

/// What must be there for messages to be logged.
const NEEDED: [&str; 7] = ["message_id", "subject", "body", "date", "email_from", "model", "res_id"];

/// The columns to read.
pub const READ: [&str; 3] = ["message_id", "subject", "date"];

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

/// Whether messages can be logged on a server with these columns.
pub fn can_log(layout: &Layout) -> bool {
    NEEDED.iter().all(|column| layout.has(column))
}

/// What the ids of users begin with, among the people of a message. The number is that of their own contact.
const USER: &str = "user-";

/// The id of a user by the user's own contact.
pub fn user(partner: i64) -> RemoteId {
    RemoteId::new(format!("{USER}{partner}"))
}

/// The contact that stands for one of a message's people as its author.
fn author(id: &RemoteId) -> Option<i64> {
    match id.as_str().strip_prefix(USER) {
        Some(partner) => partner.parse().ok(),
        None => match Table::row(Module::Contacts, id) {
            Some((Table::Partners, partner)) => Some(partner),
            _ => None,
        },
    }
}

/// A row as an item: as much of it as says which message it is.
pub fn project(row: &Rpc) -> Item {
    let read = |column: &str| row.get(column).map(Rpc::str).unwrap_or_default().trim();
    let mut item = Item::new(Module::Email);
    item.uid = Some(read("message_id").to_owned()).filter(|id| !id.is_empty());
    item.set_text(Field::Summary, read("subject"));
    let at = read_time(read("date"));
    item.set(Field::SentAt, at.map_or(Value::Blank, |at| Value::Number(at.and_utc().timestamp())));
    item
}

/// The rows of a message, as `load` wants them: a text for each column. `model` names a table's model.
pub fn rows(
    item: &Item,
    layout: &Layout,
    model: impl Fn(Table) -> &'static str,
) -> Result<Vec<BTreeMap<String, String>>, ItemError> {
    let invalid = |reason: &str| ItemError::Invalid { reason: reason.to_owned() };
    let message_id = item.uid.as_deref().ok_or_else(|| invalid("it has no Message-ID"))?;
    let people = item.related();
    let mut records: Vec<(Table, i64)> =
        people.iter().filter_map(|person| Table::row(Module::Contacts, &person.id)).collect();
    if let Some(to) = item.assigned() {
        let row = Table::row(Module::Contacts, &to.record).filter(|(table, _)| *table == Table::Leads);
        records.push(row.ok_or_else(|| invalid("the record that it is about is none of Odoo's"))?);
    }
    records.sort_unstable();
    records.dedup();
    if records.is_empty() {
        return Err(invalid("no contact and no lead of Odoo is among its people"));
    }
    let mut common: BTreeMap<String, String> = BTreeMap::new();
    let kind = if layout.has("message_type") { "message_type" } else { "type" };
    common.insert(kind.into(), "email".into());
    common.insert("message_id".into(), message_id.to_owned());
    common.insert("subject".into(), item.text(Field::Summary).unwrap_or_default().to_owned());
    common.insert("body".into(), body(item));
    let sender = item.addresses(Role::From).next();
    let from = sender.map(|(address, name)| match name {
        "" => address.as_str().to_owned(),
        name => format!("{} <{}>", name.replace(['<', '>', '"'], ""), address.as_str()),
    });
    common.insert("email_from".into(), from.unwrap_or_default());
    // Without this the connection account would be the author. Blank where nobody is known.
    let author = people.iter().filter(|p| p.role == Role::From).find_map(|person| author(&person.id));
    common.insert("author_id/.id".into(), author.map(|partner| partner.to_string()).unwrap_or_default());
    if let Some(Value::Number(seconds)) = item.get(Field::SentAt)
        && let Some(at) = Utc.timestamp_opt(*seconds, 0).single()
    {
        common.insert("date".into(), write_time(at));
    }
    let row = |(table, number): (Table, i64)| {
        let mut row = common.clone();
        row.insert("id".into(), format!("{MODULE}.{}", name(message_id, &table.id(number))));
        row.insert("model".into(), model(table).to_owned());
        row.insert("res_id".into(), number.to_string());
        row
    };
    Ok(records.into_iter().map(row).collect())
}

/// The external id of a message on a record.
fn name(message_id: &str, record: &RemoteId) -> String {
    format!("{}{record}", names(message_id))
}

/// What the external ids of all rows of a message begin with.
pub fn names(message_id: &str) -> String {
    format!("message_{}_", word(message_id))
}

/// A word for a message, of which external ids can be made.
pub fn word(message_id: &str) -> String {
    let id = Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("mid:{}", bare(message_id)).as_bytes());
    id.simple().to_string()
}

/// A Message-ID without the angle brackets: not everybody who logs messages keeps them.
pub fn bare(message_id: &str) -> &str {
    let id = message_id.trim();
    id.strip_prefix('<').and_then(|id| id.strip_suffix('>')).unwrap_or(id)
}

/// Whom it is to, and what it says.
fn body(item: &Item) -> String {
    let mut text = String::new();
    for (role, word) in [(Role::To, "To"), (Role::Cc, "Cc"), (Role::Bcc, "Bcc")] {
        let all: Vec<String> = item.addresses(role).map(|(address, _)| address.as_str().to_owned()).collect();
        if !all.is_empty() {
            text.extend([word, ": ", &all.join(", "), "\n"]);
        }
    }
    if let Some(Value::Body(body)) = item.get(Field::Body) {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&body.text);
    }
    text_to_html(&text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use riva_core::item::{Body, Related};

    fn message(people: &[(Role, &str)]) -> Item {
        let mut item = Item::new(Module::Email);
        item.uid = Some("<1@far.example>".into());
        item.set(Field::Body, Value::body(Body::plain("Dear Ann")));
        item.set_addresses(Role::From, [("ann@far.example", "Ann")]);
        item.set_addresses(Role::To, [("me@own.example", "")]);
        let related = |(role, id): &(Role, &str)| Related {
            role: *role,
            id: RemoteId::new(*id),
            address: "ann@far.example".into(),
        };
        item.set_related(people.iter().map(related));
        item
    }

    fn of(people: &[(Role, &str)]) -> Result<Vec<BTreeMap<String, String>>, ItemError> {
        let model = |table| if table == Table::Leads { "crm.lead" } else { "res.partner" };
        rows(&message(people), &Layout::for_tests(&WANTED, &["body"]), model)
    }

    #[test]
    fn nothing_is_written_by_which_anybody_is_told() {
        for row in of(&[(Role::From, "7"), (Role::To, "user-3"), (Role::Cc, "lead-7")]).expect("rows") {
            for column in row.keys() {
                assert!(
                    !["partner_ids", "notified_partner_ids", "subtype_id"].iter().any(|c| column.contains(c))
                );
            }
        }
    }

    #[test]
    fn each_record_has_one_row_of_a_name_of_its_own_and_users_have_none() {
        let made = of(&[(Role::From, "7"), (Role::Cc, "7"), (Role::To, "user-3"), (Role::Cc, "lead-7")]);
        let made = made.expect("rows");
        let on: Vec<_> = made.iter().map(|row| (row["model"].as_str(), row["res_id"].as_str())).collect();
        assert_eq!(on, [("res.partner", "7"), ("crm.lead", "7")]);
        assert_ne!(made[0]["id"], made[1]["id"]);
        // With and without brackets it is the same message.
        assert_eq!(name("<1@far.example>", &"7".into()), name("1@far.example", &"7".into()));
        assert!(of(&[(Role::To, "user-3")]).is_err());
    }

    #[test]
    fn what_is_assigned_to_an_opportunity_needs_nobody() {
        use riva_core::item::Assigned;
        let made = |record: &str, people: &[(Role, &str)]| {
            let mut item = message(people);
            item.set_assigned(&Assigned { record: record.into(), name: "500 seats".into() });
            let model = |table| if table == Table::Leads { "crm.lead" } else { "res.partner" };
            let rows = rows(&item, &Layout::for_tests(&WANTED, &["body"]), model)?;
            Ok::<_, ItemError>(
                rows.iter().map(|row| row["model"].clone() + &row["res_id"]).collect::<Vec<_>>(),
            )
        };
        assert_eq!(made("lead-9", &[(Role::To, "user-3")]).expect("rows"), ["crm.lead9"]);
        assert_eq!(made("lead-9", &[(Role::From, "7")]).expect("rows"), ["res.partner7", "crm.lead9"]);
        assert_eq!(made("lead-9", &[(Role::From, "lead-9")]).expect("rows"), ["crm.lead9"], "once");
        // Another system's.
        assert!(made("006000000000001AAA", &[(Role::From, "7")]).is_err());
    }

    #[test]
    fn the_author_is_whoever_the_crm_knows_and_else_nobody() {
        for (people, author) in
            [([(Role::From, "7")], "7"), ([(Role::From, "lead-7")], ""), ([(Role::Cc, "7")], "")]
        {
            assert_eq!(of(&people).expect("rows")[0]["author_id/.id"], author);
        }
        let own = of(&[(Role::From, "user-3"), (Role::To, "7")]).expect("rows");
        assert_eq!(own[0]["author_id/.id"], "3");
    }
}
