//! Every card of a large corpus of real ones is read, judged by an independent parser, and written back.

use super::{CardResource, change_card, read_card};
use crate::icalendar::Component;
use crate::test_corpus;
use calcard::vcard::{VCard, VCardProperty};
use riva_core::ids::{Marker, PairId};
use riva_core::item::Field;
use std::collections::BTreeMap;

#[test]
fn every_card_of_the_corpus_is_read_or_refused_with_a_reason() {
    let Some(files) = test_corpus::files("vcf") else { return };
    let (mut read, mut refused) = (0, BTreeMap::<String, Vec<String>>::new());
    let mut differ = Vec::new();
    let marker = Marker { pair: PairId(uuid::Uuid::nil()), generation: 1 };
    let now = chrono::DateTime::from_timestamp(1_780_000_000, 0).unwrap();
    for (name, text) in &files {
        let resource = match CardResource::read(text) {
            Ok(resource) => resource,
            Err(reason) => {
                refused.entry(reason.to_string()).or_default().push(name.clone());
                continue;
            }
        };
        assert_eq!(Component::read_all(&resource.card.write(), "VCARD").unwrap()[0], resource.card, "{name}");
        let item = read_card(&resource);
        read += 1;
        if let Err(why) = judge(text, item.text(Field::DisplayName)) {
            differ.push(format!("{name}: {why}"));
        }
        let mut again = resource.clone();
        change_card(&mut again, &item.fields, &marker, now).unwrap_or_else(|e| panic!("{name}: {e}"));
        let mut back = read_card(&CardResource::read(&again.card.write()).unwrap());
        if item.text(Field::DisplayName).is_none() {
            // A card must show a name: it was given one.
            back.fields.insert(Field::DisplayName, riva_core::item::Value::Blank);
        }
        assert_eq!(back, item, "{name}");
    }
    let left: usize = refused.values().map(Vec::len).sum();
    println!("{} cards: {read} read, {left} refused", files.len());
    for (reason, names) in &refused {
        println!("  {:4}  {reason}  (such as {})", names.len(), names[0]);
    }
    // The judge stops at a folded line of quoted-printable.
    assert!(differ.iter().all(|d| d.starts_with("193.vcf")), "read otherwise by the judge: {differ:#?}");
    assert_eq!(read + left, files.len());
    assert!(read * 10 >= files.len() * 9, "too few cards were read");
}

/// The independent parser sees the same name.
fn judge(text: &str, shown: Option<&str>) -> Result<(), String> {
    let Ok(other) = VCard::parse(text) else { return Ok(()) };
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let theirs = other.property(&VCardProperty::Fn).and_then(|e| e.values.first()?.as_text().map(words));
    let (ours, theirs) = (shown.map(words).unwrap_or_default(), theirs.unwrap_or_default());
    if ours == theirs { Ok(()) } else { Err(format!("{ours:?} is not {theirs:?}")) }
}
