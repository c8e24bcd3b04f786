//! Mailboxes from behind: what is in them, and edits as their owners would make them.
//!
//! Both speak JSON with the element names of the EWS schema: texts as strings, dictionaries (`EmailAddresses`,
//! `PhoneNumbers`, `PhysicalAddresses`) as objects by key, `Categories` and attendees as arrays, `StartTimeZone` as the
//! Windows id, `Body` as text or as `{"html": …}`, `Attachments` as an array of objects with the parts of a
//! `FileAttachment` (`Content` in base64): all that the item has afterwards. An edit mails nobody and is counted nowhere.

use super::Exchange;
use super::attachments;
use super::calendar;
use super::fault::{Fault, Refusal};
use super::ids::{self, Target};
use super::mailbox::Mailbox;
use super::message;
use super::operations;
use super::organisation::{Caller, Organisation};
use super::properties::{Class, Kind};
use super::series;
use super::shape::{ItemShape, index_uri};
use super::show::View;
use super::write;
use super::xml::Element;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// An edit by the owner of a mailbox.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "do", rename_all = "lowercase", deny_unknown_fields)]
pub enum Edit {
    /// A new item.
    Create {
        /// Whose mailbox: an address.
        user: String,
        /// `Contact`, `CalendarItem`, `Task` or `Message`.
        class: String,
        /// Its properties.
        fields: Map<String, Value>,
    },
    /// A message that comes in, or that its owner has sent: no draft.
    Deliver {
        /// Whose mailbox: an address.
        user: String,
        /// In which folder it lies, as for a move.
        #[serde(default = "inbox")]
        folder: String,
        /// When it came in or was sent; now if not given.
        #[serde(default)]
        at: Option<DateTime<Utc>>,
        /// Its properties.
        fields: Map<String, Value>,
    },
    /// Other values for some properties; `null` deletes one.
    Update {
        /// Whose mailbox: an address.
        user: String,
        /// The item's id.
        id: String,
        /// Of a series this occurrence alone, counted from 1.
        #[serde(default)]
        occurrence: Option<u32>,
        /// The properties that change.
        fields: Map<String, Value>,
    },
    /// Into Deleted Items, or gone for good.
    Delete {
        /// Whose mailbox: an address.
        user: String,
        /// The item's id.
        id: String,
        /// Of a series this occurrence alone, counted from 1.
        #[serde(default)]
        occurrence: Option<u32>,
        /// Past the bin.
        #[serde(default)]
        hard: bool,
    },
    /// To another folder, where it has a new id.
    Move {
        /// Whose mailbox: an address.
        user: String,
        /// The item's id.
        id: String,
        /// Distinguished name of a default folder, or names from the top with slashes between them (`CRM/Done`); else the
        /// name of one below the default folder of the item's kind, which is made if it is not there.
        folder: String,
    },
}

fn inbox() -> String {
    "inbox".to_owned()
}

/// An edit that cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EditError(String);

impl EditError {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl From<Fault> for EditError {
    fn from(fault: Fault) -> Self {
        Self(format!(
            "{}: {} {}",
            fault.refusal.code,
            fault.refusal.text,
            fault.violation.unwrap_or_default()
        ))
    }
}

impl From<Refusal> for EditError {
    fn from(refusal: Refusal) -> Self {
        Fault::from(refusal).into()
    }
}

impl Exchange {
    /// Everything in a user's mailbox (without messages' folders that are empty), oldest first.
    pub(crate) fn dump(&self, user: &str) -> Result<Vec<Value>, EditError> {
        let organisation = self.lock();
        let caller = owner(&organisation, user)?;
        let mailbox = own_mailbox(&organisation, &caller)?;
        Ok(organisation.mailboxes[mailbox]
            .items
            .values()
            .map(|item| {
                let view = View::of(&organisation, mailbox, item, &caller);
                let id = organisation.mailboxes[mailbox].item_id(item);
                let folder = organisation.folder((mailbox, item.folder));
                let fields: Map<_, _> = view
                    .element(&ItemShape::everything())
                    .children
                    .iter()
                    .filter(|e| !matches!(&*e.name, "ItemId" | "ParentFolderId" | "EffectiveRights"))
                    .map(|e| (e.name.to_string(), to_json(e)))
                    .collect();
                let extended: Vec<_> = item
                    .extended
                    .iter()
                    .map(|e| {
                        let path = e.key.path();
                        let path: Map<_, _> =
                            path.attributes.iter().map(|(n, v)| (n.to_string(), json!(v))).collect();
                        json!({ "property": path, "values": e.values })
                    })
                    .collect();
                json!({
                    "id": id.attribute("Id"),
                    "change_key": id.attribute("ChangeKey"),
                    "folder": folder.map(|f| f.distinguished.unwrap_or(&f.name)),
                    "class": item.class.element(),
                    "fields": fields,
                    "extended": extended,
                })
            })
            .collect())
    }

    /// Makes an edit; answers with the item's id.
    pub(crate) fn edit(&self, edit: Edit) -> Result<Option<String>, EditError> {
        let mut organisation = self.lock();
        let organisation = &mut *organisation;
        match edit {
            Edit::Create { user, class, fields } => create(organisation, &user, &class, &fields).map(Some),
            Edit::Deliver { user, folder, at, fields } => {
                deliver(organisation, &user, &folder, at, &fields).map(Some)
            }
            Edit::Update { user, id, occurrence, fields } => {
                update(organisation, &user, &id, occurrence, &fields).map(Some)
            }
            Edit::Delete { user, id, occurrence: Some(index), hard: _ } => {
                let (caller, mailbox, number) = find(organisation, &user, &id)?;
                let mut master = organisation.item(mailbox, number)?.clone();
                series::delete(&mut master, index)?;
                let by = organisation.accounts[caller.acting].name.clone();
                organisation.mailboxes[mailbox].write_item(master, &by);
                Ok(Some(id))
            }
            Edit::Delete { user, id, occurrence: None, hard } => {
                let (caller, mailbox, number) = find(organisation, &user, &id)?;
                let bin = organisation.mailboxes[mailbox].distinguished("deleteditems");
                let there = organisation.item(mailbox, number)?.folder;
                let by = caller.acting;
                debug_assert!(
                    organisation.accounts[by].mailbox == Some(mailbox),
                    "found in the owner's mailbox"
                );
                match bin {
                    Some(bin) if !hard && there != bin => {
                        let moved = organisation.mailboxes[mailbox].move_item(number, bin);
                        Ok(moved.map(|n| ids::encode(organisation.mailboxes[mailbox].guid, Target::Item(n))))
                    }
                    _ => {
                        organisation.mailboxes[mailbox].remove_item(number);
                        Ok(None)
                    }
                }
            }
            Edit::Move { user, id, folder } => {
                let (_, mailbox, number) = find(organisation, &user, &id)?;
                let own = folder_of(organisation.item(mailbox, number)?.class);
                let to = named(&mut organisation.mailboxes[mailbox], own, &folder)?;
                let moved = organisation.mailboxes[mailbox].move_item(number, to);
                Ok(moved.map(|n| ids::encode(organisation.mailboxes[mailbox].guid, Target::Item(n))))
            }
        }
    }
}

impl Exchange {
    /// The owner deletes a folder of their mailbox for good, with all that is in it.
    pub(crate) fn delete_folder(&self, user: &str, name: &str) -> Result<(), EditError> {
        let mut organisation = self.lock();
        let caller = owner(&organisation, user)?;
        let mailbox = own_mailbox(&organisation, &caller)?;
        let folder = named(&mut organisation.mailboxes[mailbox], folder_of(Class::Message), name)?;
        Ok(operations::folders::delete(&mut organisation, (mailbox, folder))?)
    }
}

/// The default folder of a kind of item.
fn folder_of(class: Class) -> &'static str {
    match class {
        Class::Contact => "contacts",
        Class::CalendarItem => "calendar",
        Class::Task => "tasks",
        Class::Message => "inbox",
    }
}

/// The folder that an edit names, for an item whose own folder is this default one.
fn named(mailbox: &mut Mailbox, own: &str, name: &str) -> Result<u32, EditError> {
    let found = match mailbox.distinguished(name) {
        Some(folder) => Some(folder),
        None if name.contains('/') => {
            name.split('/').fold(mailbox.distinguished("msgfolderroot"), |at, name| {
                mailbox
                    .folders
                    .values()
                    .find(|f| at.is_some() && f.parent == at && f.name == name)
                    .map(|f| f.number)
            })
        }
        None => below(mailbox, own, name),
    };
    found.ok_or_else(|| EditError(format!("there is no folder {name}")))
}

/// The folder with a name below a default one, made if it is not there.
fn below(mailbox: &mut Mailbox, default: &str, name: &str) -> Option<u32> {
    let parent = mailbox.folders.get(&mailbox.distinguished(default)?)?;
    let (number, class) = (parent.number, parent.class.clone());
    let there = mailbox.folders.values().find(|f| f.parent == Some(number) && f.name == name);
    Some(match there {
        Some(folder) => folder.number,
        None => mailbox.add_folder(Some(number), name, &class),
    })
}

fn owner(organisation: &Organisation, user: &str) -> Result<Caller, EditError> {
    let account =
        organisation.account(user).ok_or_else(|| EditError(format!("nobody here has the address {user}")))?;
    let zone = organisation.accounts[account].zone;
    Ok(Caller { account, acting: account, version: 2016, zone })
}

fn own_mailbox(organisation: &Organisation, caller: &Caller) -> Result<usize, EditError> {
    let account = &organisation.accounts[caller.acting];
    account.mailbox.ok_or_else(|| EditError(format!("{} has no mailbox", account.address)))
}

fn find(organisation: &Organisation, user: &str, id: &str) -> Result<(Caller, usize, u64), EditError> {
    let caller = owner(organisation, user)?;
    let (mailbox, number, _) = organisation.find_item(&caller, &Element::t("ItemId").attr("Id", id))?;
    Ok((caller, mailbox, number))
}

fn create(
    organisation: &mut Organisation,
    user: &str,
    class: &str,
    fields: &Map<String, Value>,
) -> Result<String, EditError> {
    let caller = owner(organisation, user)?;
    let mailbox = own_mailbox(organisation, &caller)?;
    let class = Class::from_element(class).ok_or_else(|| EditError(format!("there is no class {class}")))?;
    let folder = folder_of(class);
    // The owner's first sign-in makes the folders.
    organisation.mailboxes[mailbox].open();
    let folder = organisation.mailboxes[mailbox].distinguished(folder);
    let folder = folder.ok_or_else(|| EditError("the mailbox has no such folder".to_owned()))?;
    let mut item = super::fill::blank(class, folder, &organisation.accounts[caller.acting].name);
    set(&mut item, fields, &caller)?;
    let number = organisation.mailboxes[mailbox].add_item(item);
    Ok(ids::encode(organisation.mailboxes[mailbox].guid, Target::Item(number)))
}

fn deliver(
    organisation: &mut Organisation,
    user: &str,
    folder: &str,
    at: Option<DateTime<Utc>>,
    fields: &Map<String, Value>,
) -> Result<String, EditError> {
    let caller = owner(organisation, user)?;
    let mailbox = own_mailbox(organisation, &caller)?;
    organisation.mailboxes[mailbox].open();
    let folder = named(&mut organisation.mailboxes[mailbox], folder_of(Class::Message), folder)?;
    let by = organisation.accounts[caller.acting].name.clone();
    let mut item = super::fill::blank(Class::Message, folder, &by);
    set(&mut item, fields, &caller)?;
    item.created = at.unwrap_or(item.created);
    item.request_sent = true;
    message::complete(&mut item, &organisation.mailboxes[mailbox].address);
    let number = organisation.mailboxes[mailbox].add_item(item);
    Ok(ids::encode(organisation.mailboxes[mailbox].guid, Target::Item(number)))
}

fn update(
    organisation: &mut Organisation,
    user: &str,
    id: &str,
    occurrence: Option<u32>,
    fields: &Map<String, Value>,
) -> Result<String, EditError> {
    let (caller, mailbox, number) = find(organisation, user, id)?;
    let stored = organisation.item(mailbox, number)?.clone();
    let item = if let Some(index) = occurrence {
        let (_, mut one) = series::at(&stored, index)?;
        set(&mut one, fields, &caller)?;
        let mut master = stored;
        series::change(&mut master, index, &one)?;
        master
    } else {
        let mut item = stored;
        set(&mut item, fields, &caller)?;
        item
    };
    let by = organisation.accounts[caller.acting].name.clone();
    organisation.mailboxes[mailbox].write_item(item, &by);
    Ok(id.to_owned())
}

fn set(
    item: &mut super::mailbox::Item,
    fields: &Map<String, Value>,
    caller: &Caller,
) -> Result<(), EditError> {
    let before = item.clone();
    for (name, value) in fields {
        let property = item
            .class
            .by_element(name)
            .ok_or_else(|| EditError(format!("a {} has no property {name}", item.class.element())))?;
        if value.is_null() {
            item.properties.remove(property.uri);
            if property.kind == Kind::Attachments {
                item.attachments.replace(&[])?;
            }
            if let Some(prefix) = index_uri(property) {
                item.properties.retain(|key, _| !key.starts_with(prefix));
            }
            continue;
        }
        let element = from_json(property.element, property.kind, value)
            .ok_or_else(|| EditError(format!("{name} does not take {value}")))?;
        write::set(item, property, &element, caller)?;
    }
    series::settle(&before, item, fields.contains_key("Recurrence"));
    Ok(calendar::finish(item, caller)?)
}

/// A value of an edit as the element that a client would send.
fn from_json(name: &'static str, kind: Kind, value: &Value) -> Option<Element> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    };
    let element = Element::t(name);
    Some(match kind {
        Kind::Body => match value.get("html") {
            Some(html) => element.attr("BodyType", "HTML").text(html.as_str()?),
            None => element.attr("BodyType", "Text").text(value.as_str()?),
        },
        Kind::Strings => element.with_all(
            value
                .as_array()?
                .iter()
                .map(|v| Some(Element::t("String").text(text(v)?)))
                .collect::<Option<Vec<_>>>()?,
        ),
        Kind::Dictionary(_) => element.with_all(
            value
                .as_object()?
                .iter()
                .map(|(key, v)| Some(Element::t("Entry").attr("Key", key.clone()).text(text(v)?)))
                .collect::<Option<Vec<_>>>()?,
        ),
        Kind::Addresses => element.with_all(
            value
                .as_object()?
                .iter()
                .map(|(key, parts)| {
                    let parts =
                        parts.as_object()?.iter().map(|(n, v)| Some(Element::t(n.clone()).text(text(v)?)));
                    let parts = parts.collect::<Option<Vec<_>>>()?;
                    Some(Element::t("Entry").attr("Key", key.clone()).with_all(parts))
                })
                .collect::<Option<Vec<_>>>()?,
        ),
        Kind::TimeZone => element.attr("Id", value.as_str()?),
        Kind::Attachments => element
            .with_all(value.as_array()?.iter().map(attachments::from_json).collect::<Option<Vec<_>>>()?),
        Kind::Structure => element.with_all(
            value
                .as_array()?
                .iter()
                .map(|v| {
                    let mailbox = Element::t("Mailbox").with(Element::t("EmailAddress").text(v.as_str()?));
                    let attendees = matches!(name, "RequiredAttendees" | "OptionalAttendees" | "Resources");
                    Some(if attendees { Element::t("Attendee").with(mailbox) } else { mailbox })
                })
                .collect::<Option<Vec<_>>>()?,
        ),
        Kind::Recurrence => element.with_all(structure(value)?),
        Kind::Extended => return None,
        _ => element.text(text(value)?),
    })
}

/// The elements that stand in front of others in a `Recurrence`, by the schema: a pattern comes before its range.
const FIRST: [&str; 6] =
    ["Interval", "DaysOfWeek", "DayOfWeekIndex", "DayOfMonth", "Month", "FirstDayOfWeek"];
const LAST: [&str; 6] = [
    "NoEndRecurrence",
    "EndDateRecurrence",
    "NumberedRecurrence",
    "StartDate",
    "EndDate",
    "NumberOfOccurrences",
];

/// Where an element of a recurrence stands: the keys of an object are in no order that says so.
fn rank(name: &str) -> usize {
    let at = |names: &[&str]| names.iter().position(|n| *n == name);
    at(&FIRST).or_else(|| at(&LAST).map(|at| at + FIRST.len() + 1)).unwrap_or(FIRST.len())
}

/// An object as child elements.
fn structure(value: &Value) -> Option<Vec<Element>> {
    let mut members: Vec<_> = value.as_object()?.iter().collect();
    members.sort_by_key(|(name, _)| rank(name));
    members
        .into_iter()
        .map(|(name, v)| {
            let element = Element::t(name.clone());
            Some(match v {
                Value::Object(_) => element.with_all(structure(v)?),
                Value::String(text) => element.text(text.clone()),
                Value::Number(number) => element.text(number.to_string()),
                _ => return None,
            })
        })
        .collect()
}

/// An element as JSON.
fn to_json(element: &Element) -> Value {
    if matches!(&*element.name, "StartTimeZone" | "EndTimeZone") {
        return json!(element.attribute("Id"));
    }
    if element.children.is_empty() {
        return json!(element.text);
    }
    let all = |name: &str| element.children.iter().all(|c| c.name == name);
    if all("Entry") {
        let key = |e: &Element| e.attribute("Key").unwrap_or_default().to_owned();
        return Value::Object(element.children.iter().map(|e| (key(e), to_json(e))).collect());
    }
    if all("Occurrence") || all("DeletedOccurrence") {
        return element
            .children
            .iter()
            .map(|e| e.children.iter().map(|c| (c.name.to_string(), to_json(c))).collect::<Value>())
            .collect();
    }
    if all("FileAttachment") {
        return element.children.iter().map(attachments::to_json).collect();
    }
    if all("String") {
        return element.children.iter().map(to_json).collect();
    }
    if all("Attendee") || (all("Mailbox") && element.name != "Organizer") {
        let address =
            |e: &Element| e.child("Mailbox").unwrap_or(e).child_text("EmailAddress").map(str::to_owned);
        return element.children.iter().map(|e| json!(address(e))).collect();
    }
    Value::Object(element.children.iter().map(|c| (c.name.to_string(), to_json(c))).collect())
}
