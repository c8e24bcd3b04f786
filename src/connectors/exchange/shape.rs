//! What contacts and events have in common: where a property lies, how it is set or cleared, and in which order the
//! schema wants properties (`types.xsd`, ItemType and its extensions).

use super::attachments;
use super::request::{field_uri, own_uri};
use super::xml::Node;
use chrono::{DateTime, Duration, Timelike as _, Utc};
use riva_core::fault::ItemError;
use riva_core::ids::Marker;
use riva_core::item::{Body, Element, Field, Item, Sensitivity, Value, is_in_calendar};
use std::collections::BTreeMap;

/// The property set of Riva's own extended properties.
pub(super) const MARKER_SET: &str = "6f1d2b8e-3c47-4a59-9e0b-52697661a001";
/// The marker's property: a string, not shown by any client.
pub(super) const MARKER_NAME: &str = "RivaSyncMarker";
/// What the occurrences of a series are still to get: a string, there only while we write them.
const UNFINISHED_NAME: &str = "RivaUnfinishedOccurrences";
/// The record that a folder is of, and the name that it was given: a string.
const RECORD_NAME: &str = "RivaRecord";

/// Where a property lies.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Path {
    /// `contacts:GivenName`
    Field(&'static str),
    /// One entry of a dictionary: `contacts:PhoneNumber`, `BusinessPhone`.
    Indexed(&'static str, &'static str),
    /// A MAPI property by its tag, of type String.
    Tag(&'static str),
    /// Our marker.
    Marker,
    /// What the occurrences of a series are still to get.
    Unfinished,
    /// The record that a folder is of.
    Record,
}

impl Path {
    pub(super) fn node(&self) -> Node {
        match self {
            Self::Field(uri) => field_uri(uri),
            Self::Indexed(uri, index) => {
                Node::new("t:IndexedFieldURI").with("FieldURI", *uri).with("FieldIndex", *index)
            }
            Self::Tag(tag) => {
                Node::new("t:ExtendedFieldURI").with("PropertyTag", *tag).with("PropertyType", "String")
            }
            Self::Marker => own_uri(MARKER_NAME),
            Self::Unfinished => own_uri(UNFINISHED_NAME),
            Self::Record => own_uri(RECORD_NAME),
        }
    }
}

/// One property to be set, or cleared (no content). The content is nested as in an item.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Change {
    pub(super) path: Path,
    pub(super) content: Option<Node>,
}

impl Change {
    pub(super) fn set(path: Path, content: Node) -> Self {
        Self { path, content: Some(content) }
    }

    pub(super) fn clear(path: Path) -> Self {
        Self { path, content: None }
    }

    /// A text, or nothing if it is empty.
    pub(super) fn text(uri: &'static str, element: &'static str, text: &str) -> Self {
        let content = (!text.is_empty()).then(|| Node::text(element, text));
        Self { path: Path::Field(uri), content }
    }

    /// A property by MAPI tag, or nothing if it is empty.
    pub(super) fn tag(tag: &'static str, text: &str) -> Self {
        let path = Path::Tag(tag);
        let content = (!text.is_empty()).then(|| extended(&path, text));
        Self { path, content }
    }

    pub(super) fn marker(marker: Marker) -> Self {
        Self::set(Path::Marker, extended(&Path::Marker, &marker.to_string()))
    }

    /// What the occurrences of a series are still to get.
    pub(super) fn unfinished(text: &str) -> Self {
        Self::set(Path::Unfinished, extended(&Path::Unfinished, text))
    }

    /// As `SetItemField` or `DeleteItemField` of an item element.
    pub(super) fn update(self, element: &'static str) -> Node {
        match self.content {
            Some(content) => {
                Node::new("t:SetItemField").child(self.path.node()).child(Node::new(element).child(content))
            }
            None => Node::new("t:DeleteItemField").child(self.path.node()),
        }
    }
}

pub(super) fn extended(path: &Path, value: &str) -> Node {
    Node::new("t:ExtendedProperty").child(path.node()).child(Node::text("t:Value", value))
}

/// A whole item to be made, from the properties that have content.
pub(super) fn assemble(element: &'static str, changes: Vec<Change>, order: &[&str]) -> Node {
    let mut children: Vec<Node> = Vec::new();
    for content in changes.into_iter().filter_map(|c| c.content) {
        merge(&mut children, content);
    }
    let rank = |node: &Node| {
        let name = node.name.trim_start_matches("t:");
        ITEM_ORDER.iter().chain(order).position(|n| *n == name).unwrap_or(usize::MAX)
    };
    children.sort_by_key(rank);
    Node::new(element).children(children)
}

/// A field that has no place here with this value.
pub(super) fn cannot_hold(field: Field) -> ItemError {
    ItemError::Invalid { reason: format!("Exchange cannot hold this value of {field}") }
}

/// Entries of one dictionary belong into one element.
fn merge(siblings: &mut Vec<Node>, node: Node) {
    let joins = matches!(node.name, "t:EmailAddresses" | "t:PhoneNumbers" | "t:PhysicalAddresses")
        || (node.name == "t:Entry" && !node.children.is_empty());
    let same = |s: &&mut Node| s.name == node.name && s.attributes == node.attributes;
    match siblings.iter_mut().find(same) {
        Some(there) if joins => {
            for child in node.children {
                merge(&mut there.children, child);
            }
        }
        _ => siblings.push(node),
    }
}

/// Order of elements that every item can have.
const ITEM_ORDER: [&str; 10] = [
    "ItemClass",
    "Subject",
    "Sensitivity",
    "Body",
    "Categories",
    "Importance",
    "ReminderDueBy",
    "ReminderIsSet",
    "ReminderMinutesBeforeStart",
    "ExtendedProperty",
];

/// Fields of any item, as changes. `None` if the field is not one of them.
pub(super) fn common_changes(field: Field, value: &Value) -> Option<Vec<Change>> {
    let one = |change| Some(vec![change]);
    match (field, value) {
        (Field::Body | Field::Notes, Value::Body(body)) => one(Change::set(
            Path::Field("item:Body"),
            Node::text("t:Body", body.text.as_str()).with("BodyType", "Text"),
        )),
        (Field::Body | Field::Notes, Value::Blank) => one(Change::clear(Path::Field("item:Body"))),
        (Field::Categories, Value::Set(elements)) => one(Change::set(
            Path::Field("item:Categories"),
            Node::new("t:Categories")
                .children(elements.values().map(|e| Node::text("t:String", e.value.as_str()))),
        )),
        (Field::Categories, Value::Blank) => one(Change::clear(Path::Field("item:Categories"))),
        (Field::Sensitivity, Value::Sensitivity(s)) => one(Change::text(
            "item:Sensitivity",
            "t:Sensitivity",
            match s {
                Sensitivity::Normal => "Normal",
                Sensitivity::Private => "Private",
                Sensitivity::Confidential => "Confidential",
            },
        )),
        (Field::Sensitivity, Value::Blank) => {
            one(Change::text("item:Sensitivity", "t:Sensitivity", "Normal"))
        }
        (Field::Importance, Value::Number(n)) => one(Change::text(
            "item:Importance",
            "t:Importance",
            match n {
                i64::MIN..=0 => "Low",
                1 => "Normal",
                2.. => "High",
            },
        )),
        (Field::Importance, Value::Blank) => one(Change::text("item:Importance", "t:Importance", "Normal")),
        _ => None,
    }
}

/// A text child as field; an absent one is known to be empty, because it was asked for.
pub(super) fn read_text(item: &mut Item, field: Field, node: roxmltree::Node<'_, '_>, element: &str) {
    let text = child_text(node, element);
    item.set_text(field, text);
}

/// A child's trimmed text; empty if it is not there.
pub(super) fn child_text(node: roxmltree::Node<'_, '_>, element: &str) -> String {
    node.children()
        .find(|n| n.tag_name().name() == element)
        .and_then(|n| n.text())
        .map(|t| t.trim().to_owned())
        .unwrap_or_default()
}

/// Whether a child says `true`.
pub(super) fn child_is_true(node: roxmltree::Node<'_, '_>, element: &str) -> bool {
    matches!(child_text(node, element).as_str(), "true" | "1")
}

/// The fields of any item.
pub(super) fn read_common(item: &mut Item, node: roxmltree::Node<'_, '_>, body: Field) {
    let text =
        node.children().find(|n| n.tag_name().name() == "Body").map(|n| collect_text(n)).unwrap_or_default();
    item.set(body, Value::body(Body::plain(text.replace("\r\n", "\n").trim_end())));
    let mut categories = BTreeMap::new();
    for name in node
        .children()
        .filter(|n| n.tag_name().name() == "Categories")
        .flat_map(|n| n.children())
        .filter_map(|n| n.text())
        .map(str::trim)
        .filter(|t| !t.is_empty())
    {
        categories.insert(name.to_owned(), Element::plain(name));
    }
    item.set(Field::Categories, Value::set(categories));
    let sensitivity = match child_text(node, "Sensitivity").as_str() {
        "Private" | "Personal" => Sensitivity::Private,
        "Confidential" => Sensitivity::Confidential,
        _ => Sensitivity::Normal,
    };
    item.set(Field::Sensitivity, Value::Sensitivity(sensitivity));
    item.set_files(attachments::listed(node).map(|file| (file.name, file.size)));
}

/// Low, normal or high.
pub(super) fn read_importance(item: &mut Item, node: roxmltree::Node<'_, '_>) {
    let importance = match child_text(node, "Importance").as_str() {
        "Low" => 0,
        "High" => 2,
        _ => 1,
    };
    item.set(Field::Importance, Value::Number(importance));
}

/// A day that Exchange keeps as an instant: midnight of the writer's zone, UTC midnight, or 11:59 UTC (Outlook). From
/// noon UTC on it is the next day's midnight in a zone east of Greenwich.
pub(super) fn read_day(text: &str) -> Value {
    let Ok(at) = text.parse::<DateTime<Utc>>() else {
        // Exchange 2010 may leave the zone out.
        let day = text.get(..10).and_then(|d| d.parse().ok()).filter(is_in_calendar);
        return day.map_or(Value::Blank, Value::Date);
    };
    if !is_in_calendar(&at) {
        return Value::Blank;
    }
    let day = at.date_naive();
    Value::Date(if at.hour() >= 12 { day + Duration::days(1) } else { day })
}

fn collect_text(node: roxmltree::Node<'_, '_>) -> String {
    node.descendants().filter(roxmltree::Node::is_text).filter_map(|n| n.text()).collect()
}

/// The value of an extended property of an item, by the name or tag that was asked for.
pub(super) fn extended_value(node: roxmltree::Node<'_, '_>, path: &Path) -> Option<String> {
    let own = |uri: roxmltree::Node<'_, '_>, name: &str| {
        uri.attribute("PropertyName") == Some(name)
            && uri.attribute("PropertySetId").is_some_and(|s| s.eq_ignore_ascii_case(MARKER_SET))
    };
    let fits = |uri: roxmltree::Node<'_, '_>| match path {
        Path::Marker => own(uri, MARKER_NAME),
        Path::Unfinished => own(uri, UNFINISHED_NAME),
        Path::Record => own(uri, RECORD_NAME),
        // Exchange writes tags with or without leading zeros and in either case.
        Path::Tag(tag) => uri.attribute("PropertyTag").and_then(number) == number(tag),
        Path::Field(_) | Path::Indexed(..) => false,
    };
    node.children()
        .filter(|n| n.tag_name().name() == "ExtendedProperty")
        .find(|n| n.children().any(|c| c.tag_name().name() == "ExtendedFieldURI" && fits(c)))
        .and_then(|n| n.children().find(|c| c.tag_name().name() == "Value"))
        .and_then(|v| v.text().map(|t| t.trim().to_owned()))
}

fn number(tag: &str) -> Option<u32> {
    tag.strip_prefix("0x")
        .or_else(|| tag.strip_prefix("0X"))
        .map_or_else(|| tag.parse().ok(), |hex| u32::from_str_radix(hex, 16).ok())
}

/// Our marker, if the item carries one.
pub(super) fn read_marker(node: roxmltree::Node<'_, '_>) -> Option<Marker> {
    extended_value(node, &Path::Marker)?.parse().ok()
}

/// An item's id and change key.
pub(super) fn read_id(node: roxmltree::Node<'_, '_>) -> Option<(String, String)> {
    let id = node.children().find(|n| n.tag_name().name() == "ItemId")?;
    Some((id.attribute("Id")?.to_owned(), id.attribute("ChangeKey").unwrap_or_default().to_owned()))
}
