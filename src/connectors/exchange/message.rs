//! Messages: `MessageType` to the canonical item. They are read, and never written.

use super::shape::{Path, child_text, read_common, read_text};
use super::xml::{Node, Read};
use chrono::{DateTime, Utc};
use riva_core::item::{Field, Item, Module, Role, Value};

/// Fields that are read; the folder and its record are told by the mailbox.
pub(super) const FIELDS: [Field; 10] = [
    Field::Summary,
    Field::Body,
    Field::MailFolder,
    Field::From,
    Field::To,
    Field::Cc,
    Field::Bcc,
    Field::SentAt,
    Field::Sensitivity,
    Field::Record,
];

/// The headers with people.
const HEADERS: [(Role, &str); 4] = [
    (Role::From, "From"),
    (Role::To, "ToRecipients"),
    (Role::Cc, "CcRecipients"),
    (Role::Bcc, "BccRecipients"),
];

/// The properties that are asked for.
pub(super) fn properties() -> Vec<Node> {
    [
        "item:ParentFolderId",
        "item:Subject",
        "item:Sensitivity",
        "item:Body",
        "item:Attachments",
        "item:DateTimeReceived",
        "message:ToRecipients",
        "message:CcRecipients",
        "message:BccRecipients",
        "message:From",
        "message:InternetMessageId",
    ]
    .map(|uri| Path::Field(uri).node())
    .to_vec()
}

/// Reads a `Message` element that was asked for with [`properties`].
pub(super) fn read(node: roxmltree::Node<'_, '_>) -> Item {
    let mut item = Item::new(Module::Email);
    read_common(&mut item, node, Field::Body);
    item.fields.remove(&Field::Categories);
    read_text(&mut item, Field::Summary, node, "Subject");
    item.uid = Some(child_text(node, "InternetMessageId")).filter(|id| !id.is_empty());
    let received = child_text(node, "DateTimeReceived").parse::<DateTime<Utc>>();
    item.set(Field::SentAt, received.map_or(Value::Blank, |at| Value::Number(at.timestamp())));
    for (role, element) in HEADERS {
        let mailboxes = node.one(element).into_iter().flat_map(|list| list.elements().collect::<Vec<_>>());
        // Of somebody inside the organisation a directory name may stand there instead of an address.
        let people: Vec<(String, String)> = mailboxes
            .filter(|m| child_text(*m, "EmailAddress").contains('@'))
            .map(|m| (child_text(m, "EmailAddress"), child_text(m, "Name")))
            .collect();
        item.set_addresses(role, people.iter().map(|(address, name)| (address.as_str(), name.as_str())));
    }
    item
}
