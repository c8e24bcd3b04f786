//! Writing properties: what a client sends is checked against the schema's types and kept in one form.

use super::body;
use super::calendar;
use super::extended::Extended;
use super::fault::{Fault, Refusal};
use super::mailbox::Item;
use super::organisation::Caller;
use super::properties::{ADDRESS_KEYS, ADDRESS_PARTS, Access, Class, Kind, Property};
use super::shape::{Path, entry_key, index_uri, indexed_property};
use super::time;
use super::xml::Element;

/// The longest subject and location (a constraint of the store, not of the schema).
const SHORT_TEXT: usize = 255;

/// Sets all properties of a new item from its element. Their order is the schema's, as the server insists.
pub(super) fn fill(item: &mut Item, element: &Element, caller: &Caller) -> Result<(), Fault> {
    let mut last = 0;
    for child in &element.children {
        let at = item
            .class
            .position(&child.name)
            .filter(|at| *at >= last)
            .ok_or_else(|| unexpected(element, child))?;
        last = at;
    }
    for child in &element.children {
        let Some(property) = item.class.by_element(&child.name) else { continue };
        // An id of its own in a new item is ignored by the server.
        if matches!(child.name.as_ref(), "ItemId" | "ParentFolderId") {
            continue;
        }
        if property.access == Access::Read {
            return Err(Refusal::property_set(property.path()).into());
        }
        set(item, property, child, caller)?;
    }
    Ok(())
}

fn unexpected(parent: &Element, child: &Element) -> Fault {
    Fault::schema(format!(
        "The element '{}' in namespace 'http://schemas.microsoft.com/exchange/services/2006/types' has invalid child \
         element '{}'.",
        parent.name, child.name
    ))
}

fn invalid(element: &Element) -> Fault {
    Fault::schema(format!(
        "The '{}' element is invalid - The value '{}' is invalid.",
        element.name, element.text
    ))
}

/// Sets one property (or, for dictionaries, the entries that are given).
pub(super) fn set(
    item: &mut Item,
    property: &Property,
    element: &Element,
    caller: &Caller,
) -> Result<(), Fault> {
    let plain = |text: &str| Element::t(property.element).text(text);
    let value = match property.kind {
        Kind::Text => {
            let short = matches!(property.element, "Subject" | "Location");
            if short && element.text.chars().count() > SHORT_TEXT {
                return Err(Refusal::new(
                    "ErrorPropertyValidationFailure",
                    "At least one property failed validation.",
                )
                .at(property.path())
                .into());
            }
            plain(&element.text)
        }
        Kind::Bool => match element.text.trim() {
            "true" | "1" => plain("true"),
            "false" | "0" => plain("false"),
            _ => return Err(invalid(element)),
        },
        Kind::Int => plain(&element.text.trim().parse::<i64>().map_err(|_| invalid(element))?.to_string()),
        Kind::Double => {
            let number: f64 = element.text.trim().parse().map_err(|_| invalid(element))?;
            if property.element == "PercentComplete" && !(0.0..=100.0).contains(&number) {
                return Err(Refusal::new(
                    "ErrorInvalidPercentCompleteValue",
                    "The percent complete value is invalid.",
                )
                .into());
            }
            plain(&number.to_string())
        }
        Kind::DateTime => {
            plain(&time::format(time::parse(&element.text, caller.zone).ok_or_else(|| invalid(element))?))
        }
        Kind::Word(words) => {
            plain(words.iter().find(|w| **w == element.text.trim()).ok_or_else(|| invalid(element))?)
        }
        Kind::Strings => Element::t(property.element)
            .with_all(element.children.iter().map(|c| Element::t("String").text(c.text.clone()))),
        Kind::Body => {
            let kind = element.attribute("BodyType").filter(|k| matches!(*k, "HTML" | "Text"));
            let kind = kind.ok_or_else(|| Fault::schema("The required attribute 'BodyType' is missing."))?;
            let text = body::lines(&element.text);
            plain(&if kind == "HTML" { body::rewritten(&text) } else { text }).attr("BodyType", kind)
        }
        Kind::Dictionary(keys) => return set_entries(item, property, keys, element),
        Kind::Addresses => return set_addresses(item, element),
        Kind::Structure => calendar::people(property, element)?,
        Kind::Attachments => return item.attachments.replace(&element.children),
        Kind::Recurrence => {
            super::recurrence::Recurrence::parse(element)?;
            let mut kept = element.clone();
            kept.name = property.element.into();
            kept
        }
        Kind::TimeZone => {
            let id = element.attribute("Id").unwrap_or_default();
            let (zone, _) = time::zone_of(id)
                .ok_or_else(|| Refusal::new("ErrorTimeZone", "The specified time zone isn't supported."))?;
            Element::t(property.element).attr("Name", zone.description()).attr("Id", zone.name())
        }
        Kind::Extended => {
            let extended = Extended::from_element(element)?;
            item.extended.retain(|e| e.key != extended.key);
            item.extended.push(extended);
            return Ok(());
        }
    };
    item.properties.insert(property.uri.to_owned(), value);
    if item.class == Class::Task {
        calendar::task_follows(item, property);
    }
    Ok(())
}

fn set_entries(item: &mut Item, property: &Property, keys: &[&str], element: &Element) -> Result<(), Fault> {
    let uri = index_uri(property).unwrap_or_default();
    for entry in &element.children {
        let key = entry.attribute("Key").unwrap_or_default();
        if !keys.contains(&key) {
            return Err(Fault::schema(format!(
                "The 'Key' attribute is invalid - The value '{key}' is invalid."
            )));
        }
        let at = entry_key(uri, key);
        if entry.text.is_empty() {
            item.properties.remove(&at);
            continue;
        }
        let mut kept = Element::t("Entry").attr("Key", key).text(entry.text.clone());
        if property.element == "EmailAddresses" {
            kept = kept
                .attr("Name", entry.attribute("Name").unwrap_or(&entry.text))
                .attr("RoutingType", entry.attribute("RoutingType").unwrap_or("SMTP"))
                .attr("MailboxType", "OneOff");
        }
        item.properties.insert(at, kept);
    }
    Ok(())
}

fn set_addresses(item: &mut Item, element: &Element) -> Result<(), Fault> {
    for entry in &element.children {
        let key = entry.attribute("Key").unwrap_or_default();
        if !ADDRESS_KEYS.contains(&key) {
            return Err(Fault::schema(format!(
                "The 'Key' attribute is invalid - The value '{key}' is invalid."
            )));
        }
        for part in &entry.children {
            let name =
                ADDRESS_PARTS.iter().find(|p| **p == part.name).ok_or_else(|| unexpected(entry, part))?;
            let at = entry_key(&format!("contacts:PhysicalAddress:{name}"), key);
            if part.text.is_empty() {
                item.properties.remove(&at);
            } else {
                item.properties.insert(at, Element::t(*name).text(part.text.clone()));
            }
        }
    }
    Ok(())
}

/// One of `SetItemField`, `AppendToItemField`, `DeleteItemField`.
pub(super) fn change(item: &mut Item, change: &Element, caller: &Caller) -> Result<(), Fault> {
    let path =
        change.children.first().filter(|c| Path::is_path(c)).ok_or_else(|| Fault::schema("no path"))?;
    let path = Path::parse(path)?;
    let property = match &path {
        Path::Field(uri) => item.class.by_uri(uri),
        Path::Indexed(uri, _) => indexed_property(item.class, uri),
        Path::Extended(_) => item.class.by_element("ExtendedProperty"),
    };
    let refuse = |code, text: &str| Err(Refusal::new(code, text).at(path.element()).into());
    let Some(property) = property else {
        return refuse("ErrorInvalidPropertySet", "Set action is invalid for property.");
    };
    match &*change.name {
        "DeleteItemField" => delete(item, property, &path),
        "SetItemField" | "AppendToItemField" => {
            let holder = change.children.get(1).ok_or_else(|| Fault::schema("no value"))?;
            if Class::from_element(&holder.name).is_some_and(|c| c != item.class) {
                return refuse(
                    "ErrorUpdatePropertyMismatch",
                    "The property in the path does not match the item.",
                );
            }
            let [value] = holder.children.as_slice() else {
                return refuse(
                    "ErrorIncorrectUpdatePropertyCount",
                    "An object within a change description must contain one and only one property to modify.",
                );
            };
            if item.class.by_element(&value.name).is_none_or(|p| p.uri != property.uri) {
                return refuse(
                    "ErrorUpdatePropertyMismatch",
                    "The property in the path does not match the value.",
                );
            }
            if property.access != Access::Write {
                return Err(Refusal::property_set(path.element()).into());
            }
            // A dictionary is changed entry by entry.
            if matches!((property.kind, &path), (Kind::Dictionary(_) | Kind::Addresses, Path::Field(_))) {
                return Err(Refusal::property_set(path.element()).into());
            }
            if change.name == "AppendToItemField" {
                return append(item, property, value, &path, caller);
            }
            if let Path::Indexed(..) = &path {
                delete(item, property, &path)?;
            }
            set(item, property, value, caller)
        }
        _ => Err(Fault::schema("The element 'Updates' has an invalid child element.")),
    }
}

fn append(
    item: &mut Item,
    property: &Property,
    value: &Element,
    path: &Path,
    caller: &Caller,
) -> Result<(), Fault> {
    let before = item.properties.get(property.uri).cloned();
    match (property.kind, before) {
        (Kind::Body | Kind::Structure, None) => set(item, property, value, caller),
        (Kind::Body, Some(before)) => {
            let joined = format!("{}{}", before.text, value.text);
            let kind = before.attribute("BodyType").unwrap_or("Text").to_owned();
            set(item, property, &Element::t("Body").attr("BodyType", kind).text(joined), caller)
        }
        (Kind::Structure, Some(before)) => {
            set(item, property, value, caller)?;
            if let Some(added) = item.properties.get_mut(property.uri) {
                let mut all = before.children;
                all.append(&mut added.children);
                added.children = all;
            }
            Ok(())
        }
        _ => Err(Refusal::new("ErrorInvalidPropertyAppend", "Append action is invalid for property.")
            .at(path.element())
            .into()),
    }
}

fn delete(item: &mut Item, property: &Property, path: &Path) -> Result<(), Fault> {
    let fixed = matches!(property.element, "Start" | "End" | "ItemClass" | "IsAllDayEvent")
        || property.access != Access::Write;
    if fixed {
        return Err(Refusal::new("ErrorInvalidPropertyDelete", "Delete action is invalid for property.")
            .at(path.element())
            .into());
    }
    match path {
        Path::Field(uri) => {
            item.properties.remove(uri);
            if let Some(prefix) = index_uri(property) {
                item.properties.retain(|k, _| !k.starts_with(prefix));
            }
        }
        Path::Indexed(uri, index) => {
            item.properties.remove(&entry_key(uri, index));
        }
        Path::Extended(key) => item.extended.retain(|e| e.key != *key),
    }
    Ok(())
}
