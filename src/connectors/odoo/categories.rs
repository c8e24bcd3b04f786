//! Categories: the tags of contacts, events and tasks, by their names.
//!
//! | item | OpenERP 7 | Odoo 8 to 18 |
//! |---|---|---|
//! | contact | `category_id`: `res.partner.category` | the same |
//! | event | `categ_ids`: `crm.meeting.type` | `categ_ids`: `calendar.event.type` |
//! | task | `categ_ids`: `project.category` | the same in 8; `tag_ids`: `project.tags` |
//!
//! A tag that lies below another is called with it, as Odoo shows it: `Region / North`. Names are compared as Odoo compares
//! them, to the letter. Single tags are linked and unlinked: what else hangs on a row stays, whoever has put it there. Of a
//! row with a tag whose name cannot be seen nothing is known: what is hidden was not taken away. A contact's tag `Lead` does
//! not cross, nor does a contact's category `Lead` make one: that word marks leads, which have no tags here.

use super::tables::Table;
use super::tags::Found;
use super::xmlrpc::Value as Rpc;
use riva_core::item::{Element, LEAD, Value};
use std::collections::{BTreeMap, BTreeSet};

/// The tags of a row, by their numbers. `None`: the row does not tell.
pub fn ids<'r>(row: &'r Rpc, column: &str) -> Option<impl Iterator<Item = i64> + 'r> {
    match row.get(column)? {
        Rpc::List(ids) => Some(ids.iter().filter_map(Rpc::int)),
        _ => None,
    }
}

/// The categories of a row. `None`: they are not known.
pub fn project(row: &Rpc, table: Table, column: &str, names: &BTreeMap<i64, String>) -> Option<Value> {
    let shown: Option<Vec<&String>> = ids(row, column)?.map(|id| names.get(&id)).collect();
    let shown = shown?.into_iter().filter(|name| crosses(table, name));
    Some(Value::set(shown.map(|name| (name.clone(), Element::plain(name.as_str()))).collect()))
}

/// Whether a name is a category on both sides.
fn crosses(table: Table, name: &str) -> bool {
    table != Table::Partners || name.to_lowercase() != LEAD.to_lowercase()
}

/// The names of categories, as tags have them.
fn names_of(table: Table, value: Option<&Value>) -> BTreeSet<&str> {
    let Some(Value::Set(elements)) = value else { return BTreeSet::new() };
    let names = elements.values().map(|element| element.value.trim());
    names.filter(|name| !name.is_empty() && crosses(table, name)).collect()
}

/// What becomes of a row's tags.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Turn<'v> {
    /// The names of those that are linked.
    pub add: BTreeSet<&'v str>,
    /// The names of those that are unlinked.
    pub remove: BTreeSet<&'v str>,
}

impl<'v> Turn<'v> {
    /// From what a row had when it was read to what it is to have.
    pub fn between(table: Table, had: Option<&'v Value>, wanted: &'v Value) -> Self {
        let (had, wanted) = (names_of(table, had), names_of(table, Some(wanted)));
        // Categories are the same whatever their case: what is there in another one stays as it is there.
        let folded = |names: &BTreeSet<&str>| names.iter().map(|name| name.to_lowercase()).collect();
        let (there, stays): (BTreeSet<String>, BTreeSet<String>) = (folded(&had), folded(&wanted));
        let (mut add, mut remove) = (&wanted - &had, &had - &wanted);
        add.retain(|name| !there.contains(&name.to_lowercase()));
        remove.retain(|name| !stays.contains(&name.to_lowercase()));
        Self { add, remove }
    }

    /// As commands of Odoo: 4 links a tag, 3 unlinks one. `None`: there is nothing to do.
    pub fn commands(&self, found: &Found) -> Option<Rpc> {
        let of = |names: &BTreeSet<&str>| {
            names.iter().filter_map(|name| found.ids.get(*name)).cloned().collect::<Vec<_>>()
        };
        // Of two that are called alike, the older one.
        let links = of(&self.add).into_iter().filter_map(|ids| ids.first().map(|id| Rpc::list([4, *id])));
        let unlinks = of(&self.remove).into_iter().flatten().map(|id| Rpc::list([3, id]));
        let commands: Vec<Rpc> = links.chain(unlinks).collect();
        (!commands.is_empty()).then_some(Rpc::List(commands))
    }

    /// As `load` reads the tags of a new row. `None`: it has none.
    pub fn cell(&self, found: &Found) -> Option<String> {
        let ids = self.add.iter().filter_map(|name| found.ids.get(*name)?.first());
        let ids: Vec<String> = ids.map(ToString::to_string).collect();
        (!ids.is_empty()).then(|| ids.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn categories(names: &[&str]) -> Value {
        Value::set(names.iter().map(|name| ((*name).to_owned(), Element::plain(*name))).collect())
    }

    fn row(ids: &[i64]) -> Rpc {
        Rpc::map([("category_id", Rpc::list(ids.iter().copied()))])
    }

    fn found(names: &[(&str, &[i64])]) -> Found {
        let ids = names.iter().map(|(name, ids)| ((*name).to_owned(), ids.to_vec())).collect();
        Found { ids, kept_out: BTreeMap::new() }
    }

    #[test]
    fn of_a_row_with_a_tag_without_a_name_nothing_is_known() {
        let names = [(1, "Red".to_owned()), (2, "lead".to_owned())].into();
        let of = |table, ids: &[i64]| project(&row(ids), table, "category_id", &names);
        assert_eq!(of(Table::Partners, &[]), Some(Value::Blank));
        assert_eq!(of(Table::Partners, &[1, 3]), None);
        // The mark of leads is no category of a contact; elsewhere it is a word like any other.
        assert_eq!(of(Table::Partners, &[1, 2]), Some(categories(&["Red"])));
        assert_eq!(of(Table::Events, &[1, 2]), Some(categories(&["Red", "lead"])));
        assert_eq!(project(&row(&[1]), Table::Partners, "categ_ids", &names), None);
    }

    #[test]
    fn single_tags_are_linked_and_unlinked() {
        let had = categories(&["Red", "Blue", "Old", "Lead"]);
        let wanted = categories(&["Red", "Green", "BLUE", "New"]);
        let turn = Turn::between(Table::Partners, Some(&had), &wanted);
        assert_eq!((turn.add.len(), turn.remove.len()), (2, 1));
        let found = found(&[("Red", &[1]), ("Old", &[2, 7]), ("Green", &[3, 4]), ("BLUE", &[5])]);
        let commands = [Rpc::list([4, 3]), Rpc::list([3, 2]), Rpc::list([3, 7])];
        assert_eq!(turn.commands(&found), Some(Rpc::List(commands.into())));
        assert_eq!(Turn::between(Table::Partners, None, &wanted).cell(&found).as_deref(), Some("5,3,1"));
        assert_eq!(Turn::between(Table::Events, Some(&had), &had), Turn::default());
        assert_eq!(Turn::default().commands(&found), None);
    }

    proptest! {
        /// I17: what was read, written over anything else and read again is the same.
        #[test]
        fn reading_writing_and_reading_is_reading(
            names in prop::collection::btree_map(1..9_i64, "[A-C]{1,2}( / [ab])?", 0..8),
            then in prop::collection::btree_set(0..8_usize, 0..8), now in prop::collection::btree_set(0..8_usize, 0..8),
        ) {
            let all: Vec<i64> = names.keys().copied().collect();
            let some = |of: &BTreeSet<usize>| of.iter().filter_map(|n| all.get(*n).copied()).collect::<Vec<i64>>();
            let read = |ids: &[i64]| project(&row(ids), Table::Partners, "category_id", &names).expect("all are seen");
            let (mut linked, wanted) = (some(&then), read(&some(&now)));
            let mut found = Found::default();
            for (id, name) in &names {
                found.ids.entry(name.clone()).or_default().push(*id);
            }
            let had = read(&linked);
            let turn = Turn::between(Table::Partners, Some(&had), &wanted);
            for command in turn.commands(&found).iter().flat_map(Rpc::items) {
                let tag = command.items()[1].int().expect("a number");
                linked.retain(|id| *id != tag);
                linked.extend((command.items()[0].int() == Some(4)).then_some(tag));
            }
            prop_assert_eq!(read(&linked), wanted);
        }
    }
}
