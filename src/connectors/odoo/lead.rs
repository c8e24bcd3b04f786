//! Leads: `crm.lead` rows of the type `lead`. In the mailbox they are contacts with the category `Lead`.
//!
//! | item | OpenERP 7 to Odoo 18 |
//! |---|---|
//! | name | `contact_name`, one text; where it is blank, and the company's too, the lead's subject (`name`) is shown |
//! | organization | `function`; `partner_name`, the company, which is shown and stays as it is |
//! | emails 1 | `email_from` |
//! | phones work, mobile, workFax | `phone`, `mobile`, `fax` |
//! | workAddress | as contacts have it |
//! | urls 1 | `website` (8 and later) |
//! | notes | `description`: text, or HTML from Odoo 14 |
//! | categories, read alone | `Lead` |
//!
//! Its tags stay as they are: a lead's categories say no more than that it is one.
//!
//! A lead that was converted is an opportunity, and has a contact (`partner_id`). Leads are never made or deleted for
//! want of one in the mailbox: a new contact of the mailbox is a contact.

use super::contact::{PHONES, element, notes, one, phones, split_name, text, write_notes};
use super::layout::Layout;
use super::places::Places;
use super::postal;
use super::xmlrpc::Value as Rpc;
use riva_core::item::{Element, Field, Item, LEAD, Module, Name, Organization, Value};
use std::collections::BTreeMap;

/// The columns that are read or written, where the server has them.
pub const WANTED: [&str; 20] = [
    "name",
    "contact_name",
    "partner_name",
    "function",
    "email_from",
    "phone",
    "mobile",
    "fax",
    "street",
    "street2",
    "city",
    "zip",
    "state_id",
    "country_id",
    "website",
    "description",
    "type",
    "partner_id",
    "user_id",
    "active",
];

/// The address of a sender: leads that came by mail have it with its name, `Ann Lee <ann@far.example>`.
pub fn address(sender: &str) -> &str {
    let inside = sender.rsplit_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inside.map_or(sender, |(address, _)| address).trim()
}

/// Whether a row is a lead, and neither an opportunity nor one converted to it.
pub fn is_lead(row: &Rpc) -> bool {
    row.get("type").map(Rpc::str) == Some("lead")
}

/// A row as an item. `places` must know the states and countries that the row names.
pub fn project(row: &Rpc, layout: &Layout, places: &Places) -> Item {
    let read = |column: &str| row.get(column).map(Rpc::str).unwrap_or_default().trim().to_owned();
    let mut item = Item::new(Module::Contacts);
    let company = read("partner_name");
    let called = [read("contact_name"), if company.is_empty() { read("name") } else { String::new() }];
    let name = split_name(called.iter().find(|n| !n.is_empty()).map(String::as_str).unwrap_or_default());
    item.set(Field::Name, if name == Name::default() { Value::Blank } else { Value::Name(name) });
    let organization = Organization { name: company, title: read("function"), ..Organization::default() };
    let blank = organization == Organization::default();
    item.set(Field::Organization, if blank { Value::Blank } else { Value::Organization(organization) });
    item.set(Field::Emails, Value::set(one("1", address(&read("email_from")).to_owned())));
    if layout.has("website") {
        item.set(Field::Urls, Value::set(one("1", read("website"))));
    }
    item.set(Field::Phones, phones(row));
    item.set(Field::WorkAddress, postal::project(row, places));
    item.set(Field::Notes, notes(read("description"), layout.is_html("description")));
    item.set(Field::Categories, Value::set([(LEAD.to_owned(), Element::plain(LEAD))].into()));
    item
}

/// What to write for fields: columns and their values, `false` for empty.
pub fn map(set: &BTreeMap<Field, Value>, layout: &Layout, places: &Places) -> BTreeMap<String, Rpc> {
    let mut row = BTreeMap::new();
    let mut put = |column: &str, value: Rpc| {
        if layout.has(column) {
            row.insert(column.to_owned(), value);
        }
    };
    for (field, value) in set {
        match (field, value) {
            (Field::Name, Value::Name(name)) => put("contact_name", text(&name.full())),
            (Field::Name, _) => put("contact_name", Rpc::Bool(false)),
            (Field::Organization, Value::Organization(o)) => put("function", text(&o.title)),
            (Field::Organization, _) => put("function", Rpc::Bool(false)),
            (Field::Emails, value) => put("email_from", text(element(value, "1"))),
            (Field::Urls, value) => put("website", text(element(value, "1"))),
            (Field::Phones, value) => {
                for (name, column) in PHONES {
                    put(column, text(element(value, name)));
                }
            }
            (Field::WorkAddress, value) => postal::map(value, places, &mut put),
            (Field::Notes, value) => {
                put("description", write_notes(value, layout.is_html("description")));
            }
            _ => {}
        }
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn layout(html: bool) -> Layout {
        Layout::for_tests(&WANTED, if html { &["description"] } else { &[] })
    }

    fn name_of(row: &[(&str, &str)]) -> (Option<String>, Option<String>) {
        let row = Rpc::map(row.iter().map(|(k, v)| (*k, Rpc::from(*v))));
        let item = project(&row, &layout(false), &Places::for_tests());
        assert!(item.is_lead());
        let company = match item.get(Field::Organization) {
            Some(Value::Organization(o)) => Some(o.name.clone()),
            _ => None,
        };
        (item.name().map(Name::full), company)
    }

    #[test]
    fn a_lead_is_called_by_its_person_and_by_its_subject_only_if_it_has_neither_person_nor_company() {
        let (ann, acme) = (Some("Ann Lee".to_owned()), Some("Acme".to_owned()));
        let subject = ("name", "Asks for an offer");
        assert_eq!(
            name_of(&[subject, ("contact_name", "Ann Lee"), ("partner_name", "Acme")]),
            (ann, acme.clone())
        );
        assert_eq!(name_of(&[subject, ("partner_name", "Acme")]), (None, acme));
        assert_eq!(name_of(&[subject]), (Some("Asks for an offer".to_owned()), None));
    }

    #[test]
    fn a_sender_is_known_by_the_address_alone() {
        for sender in ["ann@far.example", "Ann Lee <ann@far.example>", "\"Lee, Ann\" < ann@far.example >"] {
            assert_eq!(address(sender), "ann@far.example");
        }
        assert_eq!(address("Ann <"), "Ann <");
    }

    #[test]
    fn neither_subject_nor_company_nor_kind_is_ever_written() {
        let row = Rpc::map(WANTED.map(|column| (column, Rpc::from("x"))));
        let item = project(&row, &layout(false), &Places::for_tests());
        let written = map(&item.fields, &layout(false), &Places::for_tests());
        for column in ["name", "partner_name", "type", "partner_id", "user_id", "active"] {
            assert!(!written.contains_key(column), "{column}");
        }
        assert_eq!(written["contact_name"], Rpc::from("x"));
    }

    fn row() -> impl Strategy<Value = Rpc> {
        let text = || prop_oneof![Just(Rpc::Bool(false)), "[ a-zA-ZäßÉ.\n-]{0,16}".prop_map(Rpc::Text)];
        let place = |n: i64| prop_oneof![Just(Rpc::Bool(false)), (1..=n).prop_map(|id| Rpc::list([id]))];
        (prop::collection::vec(text(), 14), place(3), place(2)).prop_map(|(texts, state, country)| {
            let columns = WANTED.iter().filter(|c| !c.ends_with("_id") && **c != "type" && **c != "active");
            let mut members: BTreeMap<String, Rpc> = columns.map(|n| (*n).to_owned()).zip(texts).collect();
            members.insert("state_id".into(), state);
            members.insert("country_id".into(), country);
            Rpc::Map(members)
        })
    }

    proptest! {
        /// I17: what was read, written back and read again is the same.
        #[test]
        fn reading_writing_and_reading_is_reading(row in row(), html in any::<bool>()) {
            let (layout, places) = (layout(html), Places::for_tests());
            let item = project(&row, &layout, &places);
            let Rpc::Map(mut written) = row else { unreachable!() };
            for (column, value) in map(&item.fields, &layout, &places) {
                // Many2one fields are written by id and read as a list.
                let shown = if column.ends_with("_id") && value.is_true() { Rpc::List(vec![value]) } else { value };
                written.insert(column, shown);
            }
            let again = project(&Rpc::Map(written), &layout, &places);
            for (field, value) in &item.fields {
                match (value, again.get(*field)) {
                    (Value::Body(a), Some(Value::Body(b))) => prop_assert_eq!(a.canonical(), b.canonical()),
                    (a, b) => prop_assert_eq!(Some(a), b, "{}", field),
                }
            }
        }
    }
}
