//! Cards.

use crate::events::{marker, now};
use riva_connectors::vcard::{CardResource, change_card, new_card, read_card};
use riva_core::item::Field;

/// Reads a card, writes it into itself and into a new one, and reads these.
pub fn card(text: &str) {
    let Ok(resource) = CardResource::read(text) else { return };
    let item = read_card(&resource);
    let mut changed = resource.clone();
    let written = [
        change_card(&mut changed, &item.fields, &marker(), now()).map(|()| changed).ok(),
        new_card(&item, "uid-1", &marker(), now()).ok(),
    ];
    for card in written.into_iter().flatten() {
        let text = card.card.write();
        let again = CardResource::read(&text).map(|resource| read_card(&resource));
        let again = again.unwrap_or_else(|why| panic!("what is written cannot be read: {why}\n{text}"));
        for field in [Field::Nickname, Field::Birthday, Field::Categories] {
            // A date without a year is no information: nothing is written of it.
            if item.get(field).is_some() {
                assert_eq!(again.get(field), item.get(field), "{field} of {text}");
            }
        }
    }
}
