//! What an administrator decides a hold by, beyond its names: when each item was last in step, and what both sides show
//! of it now. Read when it is asked for and never kept: the database has no content of items.

use crate::ids::{PairId, RemoteId};
use crate::item::{Field, Item, Value};
use crate::rows::Side;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The details of a hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct HoldDetails {
    /// When something was last done to each pair before it was held, as far as the journal is kept.
    #[serde(default)]
    pub last_done: BTreeMap<PairId, DateTime<Utc>>,
    /// Of a hold that is decided by its content: each held item, and what it may be the same as.
    #[serde(default)]
    pub shown: Vec<ShownItem>,
    /// Why the sides could not be read, if they could not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unseen: Option<String>,
}

/// An item as its side shows it now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShownItem {
    /// The held pair that it belongs to, or may be linked to.
    pub pair: PairId,
    /// On which side it stands.
    pub side: Side,
    /// Its id there.
    pub id: RemoteId,
    /// What it holds; `None` where that cannot be shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<Item>,
    /// Why it cannot be shown; empty else.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why_not: String,
}

/// The fields in which items differ, each with the values in the order of the items. A field that only some of them
/// show is among them, unless it is blank wherever it is shown: that says the same as not showing it.
pub fn differing<'a>(items: &[&'a Item]) -> Vec<(Field, Vec<Option<&'a Value>>)> {
    let fields: BTreeSet<Field> = items.iter().flat_map(|item| item.fields.keys().copied()).collect();
    let shown = |value: Option<&'a Value>| value.filter(|value| **value != Value::Blank);
    let rows = fields.into_iter().map(|field| {
        let values: Vec<Option<&Value>> = items.iter().map(|item| shown(item.get(field))).collect();
        (field, values)
    });
    rows.filter(|(_, values)| values.windows(2).any(|two| two[0] != two[1])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::Module;
    use proptest::prelude::*;

    fn item(fields: &[(Field, &str)]) -> Item {
        let mut item = Item::new(Module::Contacts);
        for (field, text) in fields {
            item.set_text(*field, text);
        }
        item
    }

    #[test]
    fn only_what_differs_is_listed_and_blank_is_the_same_as_nothing() {
        let a = item(&[(Field::DisplayName, "Ann"), (Field::Nickname, ""), (Field::Manager, "Bob")]);
        let b = item(&[(Field::DisplayName, "Ann"), (Field::Manager, "Cy")]);
        let rows = differing(&[&a, &b]);
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].0, rows[0].1.len()), (Field::Manager, 2));
    }

    fn any_item() -> impl Strategy<Value = Item> {
        let fields = [Field::DisplayName, Field::Nickname, Field::Manager, Field::Summary];
        proptest::collection::vec(("[ab]?", 0..4_usize), 0..6).prop_map(move |pairs| {
            let pairs: Vec<(Field, &str)> =
                pairs.iter().map(|(text, field)| (fields[*field], text.as_str())).collect();
            item(&pairs)
        })
    }

    proptest! {
        /// An item differs from itself in nothing; the order of two items changes no field of the list.
        #[test]
        fn the_list_is_symmetric_and_empty_for_the_same(a in any_item(), b in any_item()) {
            prop_assert!(differing(&[&a, &a]).is_empty());
            let fields = |rows: Vec<(Field, Vec<Option<&Value>>)>| -> Vec<Field> {
                rows.into_iter().map(|(field, _)| field).collect()
            };
            let one_way = fields(differing(&[&a, &b]));
            prop_assert_eq!(&one_way, &fields(differing(&[&b, &a])));
            for field in one_way {
                prop_assert_ne!(a.get(field), b.get(field));
            }
        }
    }
}
