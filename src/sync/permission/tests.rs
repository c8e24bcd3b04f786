//! What waits to be put back, by example.

use super::*;
use riva_core::ids::Version;
use riva_core::item::{Body, Element, Item, Module};

fn hashes(pairs: &[(&str, u64)]) -> Hashes {
    Hashes(pairs.iter().map(|(key, hash)| ((*key).to_owned(), *hash)).collect())
}

fn side(seen: Hashes, sent: Hashes) -> PairSide {
    PairSide { id: "a".into(), version: Version::from("1"), seen, sent }
}

#[test]
fn what_waits_is_known_as_the_crm_showed_it_last() {
    let mut crm = side(Hashes::default(), hashes(&[("body", 1)]));
    note(&mut crm, &hashes(&[("phones", 0), ("phones/work", 5), ("location", 2)]));
    assert_eq!(to_be_put_back(&crm.sent), hashes(&[("phones", 0), ("phones/work", 5), ("location", 2)]));
    // A number is another kind's now, and a field that does not wait was written, too.
    written(&mut crm, &hashes(&[("phones", 0), ("phones/home", 6), ("body", 3)]));
    assert_eq!(to_be_put_back(&crm.sent), hashes(&[("phones", 0), ("phones/home", 6), ("location", 2)]));
    let others = crm.sent.0.keys().filter(|key| !is_note(key)).collect::<Vec<_>>();
    assert_eq!(others, ["body"], "what was sent is none of it");
}

fn card(notes: &str, phones: &[(&str, &str)]) -> Item {
    let mut item = Item::new(Module::Contacts);
    item.set(Field::Notes, Value::body(Body::plain(notes)));
    let phones = phones.iter().map(|(kind, number)| ((*kind).to_owned(), Element::plain(*number)));
    item.set(Field::Phones, Value::set(phones.collect()));
    item
}

fn now(item: Item) -> Now {
    Now::Present { version: Version::from("2"), marker: None, modified: None, item }
}

#[test]
fn what_is_edited_once_more_stands_beside_what_the_crm_showed_then() {
    let hasher = FieldHasher::new([7; 16]);
    let then = hasher.item(&card("then", &[("work", "1"), ("home", "2")]));
    let mut pair = Work::sample().pair;
    let sent = hashes(&[("phones/home", 9), ("phones/fax", 9)]);
    (pair.mail, pair.crm) = (Some(side(then.clone(), Hashes::default())), Some(side(then.clone(), sent)));
    let edited = now(card("now", &[("work", "1"), ("home", "3"), ("fax", "4")]));
    assert_eq!(edited_once_more(&hasher, &pair, &edited), None, "nothing waits");
    let shown = hasher.item(&card("", &[("work", "1"), ("home", "5")]));
    let mut of_phones = shown.clone();
    of_phones.0.retain(|key, _| Hashes::field_of(key) == Field::Phones.as_str());
    if let Some(at) = &mut pair.crm {
        note(at, &of_phones);
        at.seen.0.insert("phones/fax".to_owned(), 9);
    }
    let as_it_was = now(card("another edit", &[("work", "1"), ("home", "2")]));
    assert_eq!(edited_once_more(&hasher, &pair, &as_it_was), None, "that does not wait");
    assert_eq!(edited_once_more(&hasher, &pair, &Now::Gone), None);
    let planned = edited_once_more(&hasher, &pair, &edited).expect("it is edited");
    let mut expected = pair.clone();
    if let Some(at) = &mut expected.crm {
        // Its number at home is what the CRM showed, which had no fax.
        at.seen.0.insert("phones/home".to_owned(), shown.0["phones/home"]);
        at.seen.0.remove("phones/fax");
        at.sent.0.retain(|key, _| is_note(key));
    }
    assert_eq!(planned, expected);
}
