//! The files that hang on items: kept, read from what a client sends, and shown.

use super::fault::{Fault, Refusal};
use super::ids::{self, Target};
use super::organisation::now;
use super::time;
use super::xml::Element;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use uuid::Uuid;

/// What a client may send of a file, in schema order (`AttachmentType`, `FileAttachmentType`).
const PARTS: [&str; 11] = [
    "AttachmentId",
    "Name",
    "ContentType",
    "ContentId",
    "ContentLocation",
    "AttachmentOriginalUrl",
    "Size",
    "LastModifiedTime",
    "IsInline",
    "IsContactPhoto",
    "Content",
];
/// What the store adds to the size of a file for its properties.
const OVERHEAD: usize = 186;

/// A file that hangs on an item.
#[derive(Debug, Clone)]
pub(super) struct Attachment {
    /// Its number among those of its item.
    number: u32,
    name: String,
    content_type: String,
    content_id: Option<String>,
    /// Shown inside the text.
    inline: bool,
    /// The picture of a contact.
    photo: bool,
    modified: DateTime<Utc>,
    /// Shared: items are copied whenever they are written.
    content: Arc<[u8]>,
}

/// The files of one item, in the order in which they came.
#[derive(Debug, Clone, Default)]
pub(super) struct Attachments {
    all: Vec<Attachment>,
    /// The highest number that was ever given: none is given twice.
    last: u32,
}

impl Attachments {
    /// Hangs a file on the item, from its `FileAttachment`; answers with its number.
    pub(super) fn add(&mut self, element: &Element) -> Result<u32, Fault> {
        let mut attachment = Attachment::parse(element)?;
        self.last += 1;
        attachment.number = self.last;
        self.all.push(attachment);
        Ok(self.last)
    }

    /// Puts these files in the place of those that are there.
    pub(super) fn replace(&mut self, elements: &[Element]) -> Result<(), Fault> {
        self.all.clear();
        elements.iter().try_for_each(|element| self.add(element).map(drop))
    }

    pub(super) fn get(&self, number: u32) -> Option<&Attachment> {
        self.all.iter().find(|a| a.number == number)
    }

    /// Takes a file off the item; says whether it was there.
    pub(super) fn remove(&mut self, number: u32) -> bool {
        let before = self.all.len();
        self.all.retain(|a| a.number != number);
        self.all.len() < before
    }

    /// `HasAttachments`: what is shown inside the text does not count.
    pub(super) fn any_to_see(&self) -> bool {
        self.all.iter().any(|a| !a.inline)
    }

    pub(super) fn size(&self) -> usize {
        self.all.iter().map(Attachment::size).sum()
    }

    /// `Attachments` of an item that has some.
    pub(super) fn listed(&self, mailbox: Uuid, item: u64, version: u32) -> Option<Element> {
        let all: Vec<_> = self.all.iter().map(|a| a.listed(mailbox, item, version)).collect();
        (!all.is_empty()).then(|| Element::t("Attachments").with_all(all))
    }
}

impl Attachment {
    fn parse(element: &Element) -> Result<Self, Fault> {
        match &*element.name {
            "FileAttachment" => {}
            "ItemAttachment" | "ReferenceAttachment" => {
                let text = format!("The sandbox keeps files alone, no {}.", element.name);
                return Err(Refusal::new("ErrorInvalidRequest", text).into());
            }
            other => {
                return Err(Fault::schema(format!(
                    "The element 'Attachments' has invalid child element '{other}'."
                )));
            }
        }
        let places = element.children.iter().map(|c| PARTS.iter().position(|p| *p == c.name));
        let places: Option<Vec<_>> = places.collect();
        if places.is_none_or(|places| !places.is_sorted()) {
            return Err(Fault::schema("The element 'FileAttachment' has an invalid child element."));
        }
        let wrong = |name: &str| Fault::schema(format!("The '{name}' element is invalid."));
        let text = |name: &str| element.child_text(name).filter(|t| !t.is_empty()).map(str::to_owned);
        let flag = |name: &str| match element.child_text(name).map(str::trim) {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1") => Ok(true),
            Some(_) => Err(wrong(name)),
        };
        let (inline, photo) = (flag("IsInline")?, flag("IsContactPhoto")?);
        let content: String =
            element.child_text("Content").unwrap_or_default().split_ascii_whitespace().collect();
        let content = STANDARD.decode(content).map_err(|_| wrong("Content"))?;
        Ok(Self {
            number: 0,
            name: text("Name").unwrap_or_default(),
            content_type: text("ContentType").unwrap_or_else(|| "application/octet-stream".to_owned()),
            content_id: text("ContentId"),
            inline,
            photo,
            modified: now(),
            content: content.into(),
        })
    }

    fn size(&self) -> usize {
        OVERHEAD + 2 * self.name.encode_utf16().count() + self.content.len()
    }

    /// `AttachmentId`: another one after every move of its item.
    pub(super) fn id(&self, mailbox: Uuid, item: u64) -> Element {
        Element::t("AttachmentId").attr("Id", ids::encode(mailbox, Target::Attachment(item, self.number)))
    }

    fn head(&self, mailbox: Uuid, item: u64) -> Element {
        Element::t("FileAttachment")
            .with(self.id(mailbox, item))
            .with(Element::t("Name").text(&*self.name))
            .with(Element::t("ContentType").text(&*self.content_type))
            .with_all(self.content_id.as_ref().map(|id| Element::t("ContentId").text(id)))
    }

    /// As GetItem lists it: all but what it holds.
    fn listed(&self, mailbox: Uuid, item: u64, version: u32) -> Element {
        let head = self.head(mailbox, item);
        if version < 2010 {
            return head;
        }
        head.with(Element::t("Size").text(self.size().to_string()))
            .with(Element::t("LastModifiedTime").text(time::format(self.modified)))
            .with(Element::t("IsInline").text(self.inline.to_string()))
            .with(Element::t("IsContactPhoto").text(self.photo.to_string()))
    }

    /// As GetAttachment shows it.
    pub(super) fn whole(&self, mailbox: Uuid, item: u64) -> Element {
        self.head(mailbox, item).with(Element::t("Content").text(STANDARD.encode(&self.content)))
    }
}

/// A file of an edit as the element that a client would send.
pub(super) fn from_json(value: &Value) -> Option<Element> {
    let parts = value.as_object()?;
    if parts.keys().any(|key| !PARTS.contains(&key.as_str())) {
        return None;
    }
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    };
    let given = PARTS.into_iter().filter_map(|name| Some((name, parts.get(name)?)));
    let children: Option<Vec<_>> =
        given.map(|(name, value)| Some(Element::t(name).text(text(value)?))).collect();
    Some(Element::t("FileAttachment").with_all(children?))
}

/// A listed file as JSON.
pub(super) fn to_json(element: &Element) -> Value {
    let part = |child: &Element| match &*child.name {
        "AttachmentId" => json!(child.attribute("Id")),
        _ => json!(child.text),
    };
    element.children.iter().map(|c| (c.name.to_string(), part(c))).collect::<Map<_, _>>().into()
}
