//! Hashes of fields as few bytes, readable for ever.
//!
//! The four maps of a pair (seen and sent, in the mailbox and in the CRM) have nearly the same keys, and mostly the
//! same values, so they are kept as one:
//!
//! ```text
//! block   = layout(2) entry*
//! entry   = key slots value*
//! key     = word                      a field: 1..=63, its place in WORDS + 1
//!         | word|0x40                 a set field that is known: its value is 0 wherever it is, and does not follow
//!         | word|0x80 length text     an element of a set field
//!         | 0 length text             any other key
//! slots   = two bits for each of the four maps, the first map in the lowest: 0 absent, 1 a new value follows,
//!           2 as in the map before that has the key, 3 as in the first map that has it
//! length  = LEB128, value = 6 bytes, little endian
//! ```
//!
//! Layout 1 had 8 bytes to a value, and no 0x40.

use crate::base::broken;
use riva_core::ports::StoreError;
use riva_core::rows::Hashes;
use std::collections::BTreeSet;

/// The layout described above.
const LAYOUT: u8 = 2;

/// The layout with longer values.
const LONG: u8 = 1;

/// Marks a key that names an element of a set.
const ELEMENT: u8 = 0x80;

/// Marks a field whose value is 0: it says that a set is known.
const KNOWN: u8 = 0x40;

/// Words with a number. Only ever add at the end: databases hold the numbers.
const WORDS: &[&str] = &[
    "name",
    "displayName",
    "nickname",
    "organization",
    "emails",
    "phones",
    "workAddress",
    "homeAddress",
    "otherAddress",
    "urls",
    "birthday",
    "anniversary",
    "notes",
    "categories",
    "manager",
    "assistant",
    "spouse",
    "summary",
    "body",
    "location",
    "when",
    "showAs",
    "organizer",
    "attendees",
    "reminder",
    "sensitivity",
    "importance",
    "recurrence",
    "status",
    "overrides",
    "startDate",
    "dueDate",
    "completion",
    "mailFolder",
    "from",
    "to",
    "cc",
    "sentAt",
    "people",
    "bcc",
    "attachments",
    "record",
];

/// Four maps as one block.
pub(crate) fn encode(maps: [&Hashes; 4]) -> Vec<u8> {
    let keys: BTreeSet<&String> = maps.iter().flat_map(|map| map.0.keys()).collect();
    let mut out = Vec::with_capacity(1 + keys.len() * 12);
    out.push(LAYOUT);
    for key in keys {
        let known = maps.iter().filter_map(|map| map.0.get(key)).all(|value| *value == 0);
        let known = put_key(&mut out, key, known);
        let (mut slots, mut values) = (0u8, Vec::with_capacity(8));
        let (mut first, mut last) = (None, None);
        for (place, map) in maps.iter().enumerate() {
            let Some(&value) = map.0.get(key) else { continue };
            let slot = match (first, last) {
                (_, Some(last)) if last == value => 2,
                (Some(first), _) if first == value => 3,
                _ => {
                    let bytes: [u8; 8] = (value & Hashes::BITS).to_le_bytes();
                    values.extend_from_slice(&bytes[..6]);
                    1
                }
            };
            slots |= slot << (2 * place);
            first = first.or(Some(value));
            last = Some(value);
        }
        out.push(slots);
        if !known {
            out.extend_from_slice(&values);
        }
    }
    out
}

/// The reverse of [`encode`].
pub(crate) fn decode(block: &[u8]) -> Result<[Hashes; 4], StoreError> {
    let mut rest = block;
    let mut maps: [Hashes; 4] = Default::default();
    let long = match take(&mut rest)? {
        LAYOUT => false,
        LONG => true,
        other => return Err(broken(format_args!("hashes in layout {other}: written by a later Riva"))),
    };
    while !rest.is_empty() {
        let (key, known) = take_key(&mut rest)?;
        let slots = take(&mut rest)?;
        let (mut first, mut last) = (None, None);
        for (place, map) in maps.iter_mut().enumerate() {
            let value = match (slots >> (2 * place)) & 3 {
                0 => continue,
                1 if known => 0,
                1 => take_value(&mut rest, long)?,
                2 => last.ok_or_else(cut)?,
                _ => first.ok_or_else(cut)?,
            };
            map.0.insert(key.clone(), value);
            first = first.or(Some(value));
            last = Some(value);
        }
    }
    Ok(maps)
}

/// Whether the key says by itself that its value is 0.
fn put_key(out: &mut Vec<u8>, key: &str, is_zero: bool) -> bool {
    let (word, element) = match key.split_once('/') {
        Some((word, element)) => (word, Some(element)),
        None => (key, None),
    };
    let number = WORDS.iter().position(|w| *w == word).and_then(|at| u8::try_from(at + 1).ok());
    match (number.filter(|n| *n < KNOWN), element) {
        (Some(number), None) => {
            out.push(if is_zero { number | KNOWN } else { number });
            return is_zero;
        }
        (Some(number), Some(element)) => {
            out.push(number | ELEMENT);
            put_text(out, element);
        }
        (None, _) => {
            out.push(0);
            put_text(out, key);
        }
    }
    false
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    let mut length = text.len();
    while length > 0x7f {
        out.push(low_byte(length) | 0x80);
        length >>= 7;
    }
    out.push(low_byte(length));
    out.extend_from_slice(text.as_bytes());
}

fn low_byte(number: usize) -> u8 {
    number.to_le_bytes()[0]
}

/// A key, and whether its value is 0.
fn take_key(rest: &mut &[u8]) -> Result<(String, bool), StoreError> {
    let number = take(rest)?;
    if number == 0 {
        return Ok((take_text(rest)?, false));
    }
    let at = usize::from(number & !(ELEMENT | KNOWN));
    let word = at.checked_sub(1).and_then(|at| WORDS.get(at));
    let word = word.ok_or_else(|| broken(format_args!("hashes name the unknown field {at}")))?;
    if number & ELEMENT == 0 {
        return Ok(((*word).to_owned(), number & KNOWN != 0));
    }
    Ok((format!("{word}/{}", take_text(rest)?), false))
}

fn take_text(rest: &mut &[u8]) -> Result<String, StoreError> {
    let (mut length, mut shift) = (0usize, 0u32);
    loop {
        let byte = take(rest)?;
        length |= usize::from(byte & 0x7f).checked_shl(shift).ok_or_else(cut)?;
        if byte & 0x80 == 0 {
            break;
        }
        shift += 7;
    }
    let (text, after) = rest.split_at_checked(length).ok_or_else(cut)?;
    *rest = after;
    String::from_utf8(text.to_vec()).map_err(broken)
}

fn take_value(rest: &mut &[u8], long: bool) -> Result<u64, StoreError> {
    let (value, after) = rest.split_at_checked(if long { 8 } else { 6 }).ok_or_else(cut)?;
    *rest = after;
    let mut bytes = [0; 8];
    bytes[..value.len()].copy_from_slice(value);
    Ok(u64::from_le_bytes(bytes) & Hashes::BITS)
}

fn take(rest: &mut &[u8]) -> Result<u8, StoreError> {
    let (byte, after) = rest.split_first().ok_or_else(cut)?;
    *rest = after;
    Ok(*byte)
}

fn cut() -> StoreError {
    broken("hashes of a pair are cut off or damaged")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use riva_core::item::Field;

    fn a_key() -> impl Strategy<Value = String> {
        prop_oneof![
            proptest::sample::select(WORDS).prop_map(str::to_owned),
            (proptest::sample::select(WORDS), ".{0,9}")
                .prop_map(|(word, element)| format!("{word}/{element}")),
            ".{0,200}",
        ]
    }

    fn some_hashes() -> impl Strategy<Value = Hashes> {
        // Few values, so that equal ones meet.
        proptest::collection::btree_map(a_key(), prop_oneof![0u64..3, 0..=Hashes::BITS], 0..12)
            .prop_map(Hashes)
    }

    proptest! {
        #[test]
        fn hashes_survive_their_bytes(a in some_hashes(), b in some_hashes(), c in some_hashes()) {
            let maps = [a.clone(), b, c, a];
            let block = encode([&maps[0], &maps[1], &maps[2], &maps[3]]);
            prop_assert_eq!(decode(&block).unwrap(), maps);
        }

        #[test]
        fn damaged_bytes_are_an_error_and_no_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = decode(&bytes);
        }
    }

    fn map(pairs: &[(&str, u64)]) -> Hashes {
        Hashes(pairs.iter().map(|(k, v)| ((*k).to_owned(), *v)).collect())
    }

    #[test]
    fn the_layout_never_changes() {
        let seen = map(&[("name", 1), ("phones", 0), ("phones/work", 2), ("x-own", 3)]);
        let crm = map(&[("name", 4), ("phones", 0)]);
        let block = encode([&seen, &seen, &crm, &seen]);
        let entries: [&[u8]; 5] = [
            &[2],
            &[1, 0b11_01_10_01, 1, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0], // name
            &[0x46, 0b10_10_10_01],                                  // phones
            &[0x86, 4, b'w', b'o', b'r', b'k', 0b10_00_10_01, 2, 0, 0, 0, 0, 0], // phones/work
            &[0, 5, b'x', b'-', b'o', b'w', b'n', 0b10_00_10_01, 3, 0, 0, 0, 0, 0], // another key
        ];
        assert_eq!(block, entries.concat());
    }

    #[test]
    fn what_was_stored_in_the_first_layout_is_read_as_if_it_were_new() {
        let first: [&[u8]; 3] = [
            &[1],
            &[1, 0b00_01_10_01, 1, 0, 0, 0, 0, 0, 0, 9, 4, 0, 0, 0, 0, 0, 0, 0], // name
            &[6, 0b00_00_10_01, 0, 0, 0, 0, 0, 0, 0, 0],                         // phones
        ];
        let seen = map(&[("name", 1), ("phones", 0)]);
        let expected = [seen.clone(), seen, map(&[("name", 4)]), Hashes::default()];
        assert_eq!(decode(&first.concat()).unwrap(), expected);
    }

    #[test]
    fn every_field_has_a_number() {
        for field in Field::ALL {
            assert!(WORDS.contains(&field.as_str()), "add {field} at the end of WORDS");
        }
        assert!(WORDS.len() < usize::from(KNOWN), "the next layout needs longer numbers");
    }

    #[test]
    fn a_contact_in_step_takes_little() {
        let fields = [
            "name",
            "displayName",
            "organization",
            "workAddress",
            "homeAddress",
            "birthday",
            "notes",
            "manager",
        ];
        let sets =
            ["emails/1", "emails/2", "phones/work", "phones/mobile", "phones/home", "categories/customer"];
        let hashes =
            Hashes(fields.iter().chain(&sets).zip(1u64..).map(|(k, v)| ((*k).to_owned(), v)).collect());
        let block = encode([&hashes, &hashes, &hashes, &hashes]);
        assert!(block.len() < 200, "{} bytes", block.len());
    }
}
