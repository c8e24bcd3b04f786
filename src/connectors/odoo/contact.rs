//! Contacts: `res.partner` rows that are people.
//!
//! | item | OpenERP 7 to Odoo 18 |
//! |---|---|
//! | name | `name`, one text: see [`split_name`] |
//! | organization.title | `function`; the company is another row (`parent_id`) and stays as it is |
//! | emails 1 | `email` |
//! | phones work, mobile, workFax | `phone`, `mobile` (gone in 19), `fax` (7 to 9) |
//! | workAddress | `street`, `street2`, `city`, `zip`, `state_id`, `country_id` |
//! | urls 1 | `website` |
//! | notes | `comment`: text, or HTML from Odoo 14 |
//! | birthday | `birthdate`, a free text (7 alone) |
//! | categories | `category_id`: see [`categories`](super::categories) |

use super::layout::Layout;
use super::places::Places;
use super::postal;
use super::text::{html_to_text, text_to_html};
use super::xmlrpc::Value as Rpc;
use riva_core::item::{Body, Element, Field, Item, Module, Name, Organization, Value, is_in_calendar};
use std::collections::{BTreeMap, BTreeSet};

/// Phones by our label and their column.
pub const PHONES: [(&str, &str); 3] = [("work", "phone"), ("mobile", "mobile"), ("workFax", "fax")];

/// The columns that are read or written, where the server has them.
pub const WANTED: [&str; 19] = [
    "name",
    "function",
    "email",
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
    "comment",
    "birthdate",
    "category_id",
    "user_id",
    "active",
    "is_company",
];

/// The fields that can be read and written with these columns.
pub fn fields(layout: &Layout) -> BTreeSet<Field> {
    [
        (Field::Name, "name"),
        (Field::Organization, "function"),
        (Field::Emails, "email"),
        (Field::Phones, "phone"),
        (Field::WorkAddress, "street"),
        (Field::Urls, "website"),
        (Field::Notes, "comment"),
        (Field::Birthday, "birthdate"),
    ]
    .into_iter()
    .filter(|(_, column)| layout.has(column))
    .map(|(field, _)| field)
    .collect()
}

/// The phone labels that there are columns for.
pub fn phone_labels(layout: &Layout) -> BTreeSet<String> {
    PHONES.iter().filter(|(_, column)| layout.has(column)).map(|(label, _)| (*label).to_owned()).collect()
}

/// A row as an item. `places` must know the states and countries that the row names.
pub fn project(row: &Rpc, columns: &Layout, places: &Places) -> Item {
    let text = |column: &str| row.get(column).map(Rpc::str).unwrap_or_default().trim().to_owned();
    let mut item = Item::new(Module::Contacts);
    let name = split_name(&text("name"));
    item.set(Field::Name, if name == Name::default() { Value::Blank } else { Value::Name(name) });
    let has = |column: &str| columns.has(column) && row.get(column).is_some();
    if has("function") {
        let title = text("function");
        item.set(
            Field::Organization,
            if title.is_empty() {
                Value::Blank
            } else {
                Value::Organization(Organization { title, ..Organization::default() })
            },
        );
    }
    if has("email") {
        item.set(Field::Emails, Value::set(one("1", text("email"))));
    }
    if has("website") {
        item.set(Field::Urls, Value::set(one("1", text("website"))));
    }
    if has("phone") {
        item.set(Field::Phones, phones(row));
    }
    if has("street") {
        item.set(Field::WorkAddress, postal::project(row, places));
    }
    if has("comment") {
        item.set(Field::Notes, notes(text("comment"), columns.is_html("comment")));
    }
    if has("birthdate") {
        match text("birthdate").as_str() {
            "" => item.set(Field::Birthday, Value::Blank),
            // Anything else than a date stands there as a person typed it: not ours to understand.
            written => {
                if let Some(day) = written.parse().ok().filter(is_in_calendar) {
                    item.set(Field::Birthday, Value::Date(day));
                }
            }
        }
    }
    item
}

/// The phones in a row's columns.
pub fn phones(row: &Rpc) -> Value {
    let text = |column: &str| row.get(column).map(Rpc::str).unwrap_or_default().trim().to_owned();
    Value::set(PHONES.iter().flat_map(|(label, column)| one(label, text(column))).collect())
}

/// A set of one element, or none for an empty text.
pub fn one(key: &str, value: String) -> BTreeMap<String, Element> {
    if value.is_empty() { BTreeMap::new() } else { [(key.to_owned(), Element::plain(value))].into() }
}

/// Notes, as a column has them.
pub fn notes(raw: String, html: bool) -> Value {
    Value::body(if html { Body { text: html_to_text(&raw), html: Some(raw) } } else { Body::plain(raw) })
}

/// What to write for notes.
pub fn write_notes(value: &Value, html: bool) -> Rpc {
    match value {
        Value::Body(body) if html => Rpc::from(text_to_html(&body.text)),
        Value::Body(body) => text(&body.text),
        _ => Rpc::Bool(false),
    }
}

/// What to write for a text.
pub fn text(text: &str) -> Rpc {
    if text.trim().is_empty() { Rpc::Bool(false) } else { Rpc::from(text.trim()) }
}

/// What to write for fields: columns and their values, `false` for empty.
pub fn map(set: &BTreeMap<Field, Value>, columns: &Layout, places: &Places) -> BTreeMap<String, Rpc> {
    let mut row = BTreeMap::new();
    let mut put = |column: &str, value: Rpc| {
        if columns.has(column) {
            row.insert(column.to_owned(), value);
        }
    };
    for (field, value) in set {
        match (field, value) {
            (Field::Name, Value::Name(name)) => put("name", text(&name.full())),
            (Field::Organization, Value::Organization(o)) => put("function", text(&o.title)),
            (Field::Organization, _) => put("function", Rpc::Bool(false)),
            (Field::Emails, value) => put("email", text(element(value, "1"))),
            (Field::Urls, value) => put("website", text(element(value, "1"))),
            (Field::Phones, value) => {
                for (label, column) in PHONES {
                    put(column, text(element(value, label)));
                }
            }
            (Field::WorkAddress, value) => postal::map(value, places, &mut put),
            (Field::Notes, value) => put("comment", write_notes(value, columns.is_html("comment"))),
            (Field::Birthday, Value::Date(day)) => put("birthdate", Rpc::from(day.to_string())),
            (Field::Birthday, _) => put("birthdate", Rpc::Bool(false)),
            // A partner must have a name, and nothing else is ours to write.
            _ => {}
        }
    }
    row
}

/// An element of a set; empty if it has none.
pub fn element<'a>(value: &'a Value, key: &str) -> &'a str {
    match value {
        Value::Set(elements) => elements.get(key).map(|e| e.value.as_str()).unwrap_or_default(),
        _ => "",
    }
}

/// Words that stand before a name.
const PREFIXES: &[&str] = &[
    "mr", "mrs", "ms", "miss", "mx", "dr", "prof", "sir", "dame", "rev", "hon", "herr", "frau", "mme",
    "mlle", "sr.", "sra", "srta", "ing",
];
/// Words that stand after a name.
const SUFFIXES: &[&str] =
    &["jr", "sr", "ii", "iii", "iv", "phd", "ph.d", "md", "m.d", "esq", "mba", "cpa", "dds"];
/// Words with which a family name begins.
const PARTICLES: &[&str] = &[
    "van", "von", "vom", "zu", "zum", "zur", "de", "del", "della", "der", "den", "dem", "di", "da", "dos",
    "das", "du", "la", "le", "ter", "ten", "bin", "ibn", "al", "el", "af", "av",
];

/// One text as the parts of a name: known titles first, known suffixes last, the last word (with the particles before
/// it) is the family name, the first the given one. The words keep their order, so that joining the parts again gives
/// the same text: what was read is never rewritten.
pub fn split_name(full: &str) -> Name {
    let words: Vec<&str> = full.split_whitespace().collect();
    let known = |list: &[&str], word: &str| {
        let word = word.to_lowercase();
        list.contains(&word.as_str()) || list.contains(&word.trim_end_matches(['.', ',']))
    };
    let mut from = 0;
    // At least one word is the name itself.
    while from + 1 < words.len() && known(PREFIXES, words[from]) {
        from += 1;
    }
    let mut to = words.len();
    while to > from + 2 && known(SUFFIXES, words[to - 1]) {
        to -= 1;
    }
    let (prefix, core, suffix) = (&words[..from], &words[from..to], &words[to..]);
    let (given, middle, family): (&[&str], &[&str], &[&str]) = match core.len() {
        0 | 1 => (core, &[], &[]),
        n => {
            let begins = core[1..n - 1]
                .iter()
                .position(|w| w.starts_with(char::is_lowercase) && PARTICLES.contains(w))
                .map_or(n - 1, |at| at + 1);
            (&core[..1], &core[1..begins], &core[begins..])
        }
    };
    Name {
        prefix: prefix.join(" "),
        given: given.join(" "),
        middle: middle.join(" "),
        family: family.join(" "),
        suffix: suffix.join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn columns(html_notes: bool) -> Layout {
        Layout::for_tests(&WANTED, if html_notes { &["comment"] } else { &[] })
    }

    fn name(parts: [&str; 5]) -> Name {
        let [prefix, given, middle, family, suffix] = parts.map(str::to_owned);
        Name { prefix, given, middle, family, suffix }
    }

    #[test]
    fn names_are_split_as_people_read_them() {
        for (full, parts) in [
            ("Carol", ["", "Carol", "", "", ""]),
            ("Carol Clark", ["", "Carol", "", "Clark", ""]),
            ("Dr. Ann M. Smith Jr.", ["Dr.", "Ann", "M.", "Smith", "Jr."]),
            ("Ludwig van Beethoven", ["", "Ludwig", "", "van Beethoven", ""]),
            ("Maria José de la Cruz", ["", "Maria", "José", "de la Cruz", ""]),
            ("山田 太郎", ["", "山田", "", "太郎", ""]),
            ("Prof. Dr. Müller", ["Prof. Dr.", "Müller", "", "", ""]),
        ] {
            assert_eq!(split_name(full), name(parts), "{full}");
        }
    }

    fn row() -> impl Strategy<Value = Rpc> {
        let text = || prop_oneof![Just(Rpc::Bool(false)), "[ a-zA-ZäßÉ.\n-]{0,16}".prop_map(Rpc::Text)];
        let place = |n: i64| prop_oneof![Just(Rpc::Bool(false)), (1..=n).prop_map(|id| Rpc::list([id]))];
        let words = "(Dr|Mr\\.|von|de|Ann|Lee|Jr\\.|III|Ng| ){0,7}".prop_map(Rpc::Text);
        let birthdate =
            prop_oneof![Just(Rpc::Bool(false)), Just(Rpc::from("1970-02-03")), Just(Rpc::from("May"))];
        (prop::collection::vec(text(), 11), place(3), place(2), words, birthdate).prop_map(
            |(texts, state, country, words, birthdate)| {
                let names = [
                    "function", "email", "phone", "mobile", "fax", "street", "street2", "city", "zip",
                    "website", "comment",
                ];
                let mut members: BTreeMap<String, Rpc> =
                    names.iter().map(|n| (*n).to_owned()).zip(texts).collect();
                members.insert("name".into(), words);
                members.insert("state_id".into(), state);
                members.insert("country_id".into(), country);
                members.insert("birthdate".into(), birthdate);
                Rpc::Map(members)
            },
        )
    }

    proptest! {
        /// I17: what was read, written back and read again is the same.
        #[test]
        fn reading_writing_and_reading_is_reading(row in row(), html in any::<bool>()) {
            let (columns, places) = (columns(html), Places::for_tests());
            let item = project(&row, &columns, &places);
            let Rpc::Map(mut written) = row else { unreachable!() };
            for (column, value) in map(&item.fields, &columns, &places) {
                // Many2one fields are written by id and read as a list.
                let shown = if column.ends_with("_id") && value.is_true() { Rpc::List(vec![value]) } else { value };
                written.insert(column, shown);
            }
            let again = project(&Rpc::Map(written), &columns, &places);
            for (field, value) in &item.fields {
                match (value, again.get(*field)) {
                    (Value::Body(a), Some(Value::Body(b))) => prop_assert_eq!(a.canonical(), b.canonical()),
                    (a, b) => prop_assert_eq!(Some(a), b, "{}", field),
                }
            }
        }

        #[test]
        fn the_words_of_a_name_keep_their_order(full in "(Dr|Mr\\.|von|de|Ann|Lee|Jr\\.|III|Ng| ){0,7}") {
            let joined = split_name(&full).full();
            prop_assert_eq!(joined.split_whitespace().collect::<Vec<_>>(), full.split_whitespace().collect::<Vec<_>>());
            prop_assert_eq!(split_name(&joined), split_name(&full));
        }
    }

    #[test]
    fn a_birthdate_in_words_is_no_information() {
        let row = Rpc::map([("name", Rpc::from("A B")), ("birthdate", Rpc::from("3rd of May"))]);
        assert_eq!(project(&row, &columns(false), &Places::for_tests()).get(Field::Birthday), None);
    }
}
