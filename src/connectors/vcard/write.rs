//! Writes fields into a card, and leaves everything else as it is.

use super::card::{ANNIVERSARY, ASSISTANT, CardResource, MANAGER, SPOUSE, element_value, named};
use super::slots::{SLOT, Slotted};
use crate::icalendar::{Component, Line, MARKER, Param, Part, Refused, escape, marker_line, split_escaped};
use chrono::{DateTime, Utc};
use riva_core::ids::Marker;
use riva_core::item::{Address, Element, Field, Item, Name, Organization, Sensitivity, Value};
use std::collections::BTreeMap;

/// A new card, in vCard 3.0, which every server and program reads.
pub fn new_card(
    item: &Item,
    uid: &str,
    marker: &Marker,
    now: DateTime<Utc>,
) -> Result<CardResource, Refused> {
    let mut card = Component::new("VCARD");
    card.push(Line::new("VERSION", "3.0"));
    card.push(Line::new("PRODID", "-//Riva//Riva Sync//EN"));
    card.push(Line::text("UID", uid));
    let mut resource = CardResource { card };
    let set = item.fields.iter().filter(|(_, v)| **v != Value::Blank).map(|(f, v)| (*f, v.clone())).collect();
    change_card(&mut resource, &set, marker, now)?;
    Ok(resource)
}

/// Sets fields of a card.
pub fn change_card(
    resource: &mut CardResource,
    set: &BTreeMap<Field, Value>,
    marker: &Marker,
    now: DateTime<Utc>,
) -> Result<(), Refused> {
    let version_4 = resource.is_version_4();
    let mut card = resource.card.clone();
    for (field, value) in set {
        change(&mut card, *field, value, version_4)
            .map_err(|reason| Refused { field: *field, reason: reason.to_owned() })?;
    }
    // N and FN are required (RFC 2426, section 4; RFC 6350, section 6.2.1).
    if card.first("N").is_none() {
        card.push(Line::new("N", ";;;;"));
    }
    if card.text_of("FN").is_none() {
        card.replace("FN", Some(Line::text("FN", &shown_name(&card))));
    }
    card.replace("REV", Some(Line::new("REV", now.format("%Y%m%dT%H%M%SZ").to_string())));
    let uid = card.text_of("UID");
    card.replace(MARKER, Some(marker_line(marker, uid.as_deref())));
    resource.card = card;
    Ok(())
}

/// What a card is called that has no name to show.
fn shown_name(card: &Component) -> String {
    let item = super::read_card(&CardResource { card: card.clone() });
    let company = match item.get(Field::Organization) {
        Some(Value::Organization(o)) if !o.name.is_empty() => Some(o.name.clone()),
        _ => None,
    };
    let name = item.name().map(Name::full).filter(|n| !n.is_empty());
    name.or(company).unwrap_or_else(|| item.title())
}

fn change(card: &mut Component, field: Field, value: &Value, version_4: bool) -> Result<(), &'static str> {
    match (field, value) {
        (Field::Name, Value::Blank) => card.replace("N", Some(Line::new("N", ";;;;"))),
        (Field::Name, Value::Name(n)) => {
            let parts = [&n.family, &n.given, &n.middle, &n.prefix, &n.suffix].map(|p| escape(p.trim()));
            card.replace("N", Some(Line::new("N", parts.join(";"))));
        }
        (Field::DisplayName, value) => text(card, &["FN"], value)?,
        (Field::Nickname, value) => text(card, &["NICKNAME"], value)?,
        (Field::Manager, value) => text(card, MANAGER, value)?,
        (Field::Assistant, value) => text(card, ASSISTANT, value)?,
        (Field::Spouse, value) => text(card, SPOUSE, value)?,
        (Field::Organization, Value::Blank) => organization(card, &Organization::default()),
        (Field::Organization, Value::Organization(new)) => organization(card, new),
        (Field::Emails, value) => slots(card, Slotted::Emails, value)?,
        (Field::Phones, value) => slots(card, Slotted::Phones, value)?,
        (Field::Urls, value) => slots(card, Slotted::Urls, value)?,
        (Field::WorkAddress, value) => address(card, "work", value)?,
        (Field::HomeAddress, value) => address(card, "home", value)?,
        (Field::OtherAddress, value) => address(card, "other", value)?,
        (Field::Birthday, value) => date(card, &["BDAY"], "BDAY", value, version_4)?,
        (Field::Anniversary, value) => {
            let name = if version_4 { "ANNIVERSARY" } else { "X-ANNIVERSARY" };
            date(card, ANNIVERSARY, name, value, version_4)?;
        }
        (Field::Notes, Value::Blank) => card.replace("NOTE", None),
        (Field::Notes, Value::Body(body)) => card.replace("NOTE", Some(Line::text("NOTE", &body.text))),
        (Field::Categories, Value::Blank) => card.replace("CATEGORIES", None),
        (Field::Categories, Value::Set(names)) => {
            let value = names.values().map(|e| escape(e.value.trim())).collect::<Vec<_>>().join(",");
            card.replace("CATEGORIES", Some(Line::new("CATEGORIES", value)));
        }
        (Field::Sensitivity, Value::Sensitivity(s)) => {
            let class = match s {
                Sensitivity::Normal => "PUBLIC",
                Sensitivity::Private => "PRIVATE",
                Sensitivity::Confidential => "CONFIDENTIAL",
            };
            card.replace("CLASS", Some(Line::new("CLASS", class)));
        }
        _ => return Err("a contact on this side cannot hold it"),
    }
    Ok(())
}

/// Sets the line with one of some names, wherever the value stands now; the first name is for a new line.
fn text(card: &mut Component, names: &[&str], value: &Value) -> Result<(), &'static str> {
    match value {
        Value::Blank => card.remove_lines(|l| names.contains(&l.name.as_str())),
        Value::Text(text) => {
            let name = named(card, names).map_or(names[0].to_owned(), |l| l.name.clone());
            card.replace(&name, Some(Line::text(&name, text)));
        }
        _ => return Err("a text is wanted"),
    }
    Ok(())
}

fn organization(card: &mut Component, new: &Organization) {
    // Units below the department are kept while there is a department.
    let value = card.first("ORG").map(|l| l.value().into_owned()).unwrap_or_default();
    let deeper: Vec<String> = split_escaped(&value, ';').into_iter().skip(2).map(str::to_owned).collect();
    let mut parts = vec![escape(&new.name)];
    if !new.department.is_empty() {
        parts.push(escape(&new.department));
        parts.extend(deeper);
    }
    let empty = new.name.is_empty() && new.department.is_empty();
    card.replace("ORG", (!empty).then(|| Line::new("ORG", parts.join(";"))));
    card.replace("TITLE", (!new.title.is_empty()).then(|| Line::text("TITLE", &new.title)));
}

fn set_types(line: &mut Line, types: &[&str]) {
    if !types.is_empty() {
        let values = types.iter().map(|t| (*t).to_owned()).collect();
        line.params.push(Param { name: "TYPE".to_owned(), values });
    }
}

/// Sets the lines of the slots to the elements; lines without a slot stay.
fn slots(card: &mut Component, slotted: Slotted, value: &Value) -> Result<(), &'static str> {
    let none = BTreeMap::new();
    let wanted: &BTreeMap<String, Element> = match value {
        Value::Blank => &none,
        Value::Set(elements) => elements,
        _ => return Err("a set is wanted"),
    };
    if wanted.keys().any(|k| !slotted.keys().contains(&k.as_str())) {
        return Err("there is no such slot");
    }
    let taken = slotted.assign(card);
    let mut new = Vec::new();
    let mut gone = Vec::new();
    for key in slotted.keys() {
        match (taken.get(key), wanted.get(*key)) {
            (Some(at), Some(element)) => {
                if let Some(Part::Line(line)) = card.parts.get_mut(*at)
                    && element_value(slotted, line) != element.value
                {
                    set_element(line, slotted, &element.value);
                }
            }
            (Some(at), None) => gone.push(*at),
            (None, Some(element)) => {
                let mut line = Line::new(slotted.property(), "");
                set_types(&mut line, slotted.types(key));
                set_element(&mut line, slotted, &element.value);
                new.push(line.with(SLOT, *key));
            }
            (None, None) => {}
        }
    }
    // Lines that stay name their slot when the lines around them would no longer tell it.
    for key in slotted.keys() {
        if let (Some(at), true) =
            (taken.get(key), wanted.contains_key(*key) && !(gone.is_empty() && new.is_empty()))
            && let Some(Part::Line(line)) = card.parts.get_mut(*at)
        {
            line.set_param(SLOT, *key);
        }
    }
    let mut at = 0;
    card.parts.retain(|_| {
        at += 1;
        !gone.contains(&(at - 1))
    });
    for line in new {
        card.push(line);
    }
    drop_needless_slots(card, slotted);
    Ok(())
}

/// Takes the slot parameter away again wherever order and types say the same without it.
fn drop_needless_slots(card: &mut Component, slotted: Slotted) {
    let with = slotted.assign(card);
    let mut plain = card.clone();
    for line in plain.lines_mut().filter(|l| l.name == slotted.property()) {
        line.drop_param(SLOT);
    }
    if slotted.assign(&plain) == with {
        for line in card.lines_mut().filter(|l| l.name == slotted.property()) {
            line.drop_param(SLOT);
        }
    }
}

fn set_element(line: &mut Line, slotted: Slotted, value: &str) {
    // A text is no `tel:` URI.
    if slotted == Slotted::Phones {
        line.drop_param("VALUE");
    }
    line.set_value(if slotted == Slotted::Urls { value.to_owned() } else { escape(value) });
}

fn address(card: &mut Component, key: &'static str, value: &Value) -> Result<(), &'static str> {
    let taken = Slotted::Addresses.assign(card).get(key).copied();
    let new = match value {
        Value::Blank => {
            if let Some(at) = taken {
                card.parts.remove(at);
            }
            return Ok(());
        }
        Value::Address(new) => new,
        _ => return Err("an address is wanted"),
    };
    let Address { street, city, region, postcode, country } = new;
    let parts = [street, city, region, postcode, country].map(|p| escape(p));
    let value = format!(";;{}", parts.join(";"));
    if let Some(Part::Line(line)) = taken.map(|at| &mut card.parts[at]) {
        line.set_value(value);
        // The address as printed (RFC 6350, section 6.3.1) is that of the old one.
        line.drop_param("LABEL");
    } else {
        let mut line = Line::new("ADR", value);
        set_types(&mut line, Slotted::Addresses.types(key));
        card.push(line);
    }
    Ok(())
}

fn date(
    card: &mut Component,
    names: &[&str],
    new_name: &str,
    value: &Value,
    version_4: bool,
) -> Result<(), &'static str> {
    match value {
        Value::Blank => card.remove_lines(|l| names.contains(&l.name.as_str())),
        Value::Date(day) => {
            let name = named(card, names).map_or(new_name.to_owned(), |l| l.name.clone());
            // vCard 3 wants dashes, vCard 4 knows none.
            let text = day.format(if version_4 { "%Y%m%d" } else { "%Y-%m-%d" }).to_string();
            card.replace(&name, Some(Line::new(&name, text)));
        }
        _ => return Err("a date is wanted"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::read_card;
    use super::*;
    use riva_core::ids::PairId;

    const THEIRS: &str = "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Alt;Ann;;;\r\nFN:Ann Alt\r\nORG:Acme;Sales;North;Desk 4\r\nitem1.EMAIL;type=INTERNET:a@x\r\nitem1.X-ABLabel:_$!<Other>!$_\r\nEMAIL:b@x\r\nEMAIL:c@x\r\nEMAIL:d@x\r\nPHOTO;ENCODING=b;TYPE=JPEG:/9j/4AAQ\r\n SkZJRg==\r\nX-ODD;P=\"a;b\":x; y,\\z\r\nADR;TYPE=WORK;LABEL=old:;;Street;City;;;\r\nEND:VCARD\r\n";

    fn change(text: &str, field: Field, value: Value) -> (String, Item) {
        let mut resource = CardResource::read(text).unwrap();
        let marker = Marker { pair: PairId(uuid::Uuid::from_u128(7)), generation: 1 };
        let now = DateTime::from_timestamp(1_780_000_000, 0).unwrap();
        change_card(&mut resource, &[(field, value)].into(), &marker, now).unwrap();
        let text = resource.card.write();
        let item = read_card(&CardResource::read(&text).unwrap());
        (text, item)
    }

    fn set(pairs: &[(&str, &str)]) -> Value {
        Value::set(pairs.iter().map(|(k, v)| ((*k).to_owned(), Element::plain(*v))).collect())
    }

    #[test]
    fn what_is_not_understood_stays() {
        let (text, item) = change(THEIRS, Field::Nickname, Value::text("A, B"));
        let ours = ["NICKNAME", "REV", MARKER];
        let rest = |text: &str| {
            text.lines()
                .filter(|l| !ours.iter().any(|o| l.starts_with(o)))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(rest(&text), rest(THEIRS));
        assert_eq!(item.text(Field::Nickname), Some("A, B"));
    }

    #[test]
    fn an_address_in_the_middle_goes_and_the_others_keep_their_slot() {
        let (text, item) = change(THEIRS, Field::Emails, set(&[("1", "a@x"), ("3", "new@x")]));
        assert!(text.contains("d@x") && !text.contains("b@x") && !text.contains("c@x"), "{text}");
        let found = item.set_elements(Field::Emails).unwrap();
        assert_eq!((found["1"].value.as_str(), found["3"].value.as_str()), ("a@x", "new@x"));
        assert!(
            text.contains("item1.EMAIL;type=INTERNET") || text.contains("item1.EMAIL;TYPE=INTERNET"),
            "{text}"
        );
    }

    #[test]
    fn a_second_work_number_alone_stays_the_second() {
        let (text, item) = change(THEIRS, Field::Phones, set(&[("work2", "1"), ("mobile", "2")]));
        assert_eq!(item.get(Field::Phones), Some(&set(&[("work2", "1"), ("mobile", "2")])));
        assert!(text.contains(SLOT));
        let (text, _) = change(THEIRS, Field::Phones, set(&[("work", "1"), ("work2", "2")]));
        assert!(!text.contains(SLOT), "{text}");
    }

    #[test]
    fn deeper_units_stay_with_the_department() {
        let new = Organization { name: "New".into(), department: "Sales".into(), title: "Boss".into() };
        let (text, item) = change(THEIRS, Field::Organization, Value::Organization(new.clone()));
        assert!(text.contains("ORG:New;Sales;North;Desk 4\r\n"));
        assert_eq!(item.get(Field::Organization), Some(&Value::Organization(new)));
    }

    #[test]
    fn a_card_always_has_a_name_to_show() {
        let (text, _) = change(THEIRS, Field::DisplayName, Value::Blank);
        assert!(text.contains("\r\nFN:Ann Alt\r\n"));
    }
}
