//! What a reading says to what is made of it.

use super::*;
use crate::scripted::Bench;
use crate::scripted::visits::{SIDES, linked, visit};
use riva_core::ids::Version;

/// Whatever was told before: what was read last is known of an item's row.
#[test]
fn what_was_read_says_whether_an_item_is_there() {
    let present =
        || Now::Present { version: Version::from("2"), marker: None, modified: None, item: visit("Room 1") };
    let unread = || Now::Unreadable("it is torn".to_owned());
    for told in [Presence::Present, Presence::Deleted, Presence::OutOfScope, Presence::Missing] {
        for (now, expected) in [
            (present as fn() -> Now, Presence::Present),
            (|| Now::Gone, Presence::Deleted),
            (|| Now::OutOfScope, Presence::OutOfScope),
            (unread, told),
            (|| Now::None, told),
        ] {
            let sample = linked();
            let of = |read: &Option<Read>| {
                let row = read.as_ref().and_then(|read| read.row.clone()).expect("a sample has rows");
                Some(ItemRow { presence: told, ..row })
            };
            let (mail_row, crm_row) = (of(&sample.mail), of(&sample.crm));
            let reading = Reading { mail: now(), crm: now(), mail_row, crm_row };
            let mut work = reading.work(sample.pair, "table row 3".to_owned(), &Bench::hasher());
            for side in SIDES {
                let row = work.read_mut(side).as_ref().and_then(|read| read.row.as_ref());
                assert_eq!(row.expect("it stays").presence, expected, "{told:?}, {:?}", now());
            }
        }
    }
}
