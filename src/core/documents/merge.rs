//! Puts a changed document back into its text so that comments, order and layout survive: only what differs between
//! the old meaning and the new one is touched.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, TableLike};

/// Keys whose tables read better on one line.
const ON_ONE_LINE: [&str; 4] = ["created", "modified", "added", "auth"];

/// The text of a document that has none yet.
pub(crate) fn render<T: Serialize>(value: &T) -> String {
    tree(value).map(|document| document.to_string()).unwrap_or_default()
}

/// The old text with the new value in it. If the old text cannot be read, the new value's own text.
pub(crate) fn merge<T: Serialize + DeserializeOwned>(text: &str, value: &T) -> String {
    let fresh = || render(value);
    let (Ok(before), Ok(mut document)) = (toml::from_str::<T>(text), text.parse::<DocumentMut>()) else {
        return fresh();
    };
    let (Some(before), Some(after)) = (tree(&before), tree(value)) else { return fresh() };
    change_table(document.as_table_mut(), before.as_table(), after.as_table());
    let merged = document.to_string();
    // What is saved must mean what was asked for, whatever the old layout was.
    match toml::from_str::<T>(&merged) {
        Ok(read) if same(&read, value) => merged,
        _ => fresh(),
    }
}

/// Equality of what is written (names are no part of a document).
fn same<T: Serialize>(a: &T, b: &T) -> bool {
    matches!((toml::Value::try_from(a), toml::Value::try_from(b)), (Ok(a), Ok(b)) if a == b)
}

fn tree<T: Serialize>(value: &T) -> Option<DocumentMut> {
    let mut document = toml::to_string_pretty(value).ok()?.parse::<DocumentMut>().ok()?;
    fold(document.as_table_mut(), false);
    Some(document)
}

/// Folds small tables into one line.
fn fold(table: &mut Table, within_safety: bool) {
    for (key, item) in table.iter_mut() {
        let key = key.get().to_owned();
        match item {
            Item::Table(_) if within_safety || ON_ONE_LINE.contains(&key.as_str()) => item.make_value(),
            Item::Table(inner) => fold(inner, key == "safety"),
            Item::ArrayOfTables(tables) => tables.iter_mut().for_each(|inner| fold(inner, false)),
            _ => {}
        }
    }
}

fn change_table(target: &mut dyn TableLike, before: &dyn TableLike, after: &dyn TableLike) {
    for (key, _) in before.iter().filter(|(key, _)| after.get(key).is_none()) {
        target.remove(key);
    }
    for (key, new) in after.iter() {
        let old = before.get(key);
        if old.is_some_and(|old| means_the_same(old, new)) {
            continue;
        }
        match target.get_mut(key) {
            Some(slot) => change_item(slot, old, new),
            None => {
                target.insert(key, new.clone());
            }
        }
    }
}

fn change_item(slot: &mut Item, before: Option<&Item>, after: &Item) {
    if let (Item::ArrayOfTables(target), Item::ArrayOfTables(after)) = (&mut *slot, after) {
        let before = before.and_then(Item::as_array_of_tables);
        return change_users(target, before, after);
    }
    if let (Some(target), Some(after)) = (slot.as_table_like_mut(), after.as_table_like()) {
        let empty = Table::new();
        let before = before.and_then(Item::as_table_like).unwrap_or(&empty);
        return change_table(target, before, after);
    }
    if let (Some(target), Some(new)) = (slot.as_value_mut(), after.as_value()) {
        let decor = target.decor().clone();
        *target = new.clone();
        *target.decor_mut() = decor;
        return;
    }
    *slot = after.clone();
}

/// Array elements are recognised by their `address`, so that a comment stays with its user.
fn change_users(target: &mut ArrayOfTables, before: Option<&ArrayOfTables>, after: &ArrayOfTables) {
    let address =
        |table: &Table| table.get("address").and_then(Item::as_str).map(|a| a.trim().to_lowercase());
    let by_address = |tables: &ArrayOfTables| -> BTreeMap<_, _> {
        tables.iter().map(|table| (address(table), table.clone())).collect()
    };
    let wanted: BTreeSet<_> = after.iter().map(address).collect();
    let kept: Vec<_> = target.iter().map(address).filter(|address| wanted.contains(address)).collect();
    let in_order = after.iter().map(address).take(kept.len()).eq(kept.iter().cloned());
    let mut present = by_address(target);
    let mut old = before.map(by_address).unwrap_or_default();
    let mut result = ArrayOfTables::new();
    for new in after {
        let who = address(new);
        let mut table = if let (Some(mut table), Some(old)) = (present.remove(&who), old.remove(&who)) {
            change_table(&mut table, &old, new);
            table
        } else {
            let mut table = new.clone();
            table.set_position(None);
            table
        };
        if !in_order {
            table.set_position(None);
        }
        result.push(table);
    }
    *target = result;
}

/// Whether two items hold the same values, whatever their layout.
fn means_the_same(a: &Item, b: &Item) -> bool {
    match (a, b) {
        (Item::ArrayOfTables(a), Item::ArrayOfTables(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| tables_agree(a, b))
        }
        _ => match (a.as_table_like(), b.as_table_like()) {
            (Some(a), Some(b)) => tables_agree(a, b),
            (None, None) => a.to_string().trim() == b.to_string().trim(),
            _ => false,
        },
    }
}

fn tables_agree(a: &dyn TableLike, b: &dyn TableLike) -> bool {
    a.len() == b.len()
        && a.iter().all(|(key, item)| b.get(key).is_some_and(|other| means_the_same(item, other)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::{Policy, PolicyUser};
    use crate::ids::EmailAddress;
    use proptest::prelude::*;

    const TEXT: &str = r#"# Sales, agreed with the works council.
enabled = true   # since May
crm = "salesforce"
mail = "exchange"

[modules.calendar]
# Three months are enough.
days_ahead = 90

[[user]]
address = "ann@example.com"  # head of sales

# On leave until March.
[[user]]
address = "Bob@Example.com"
name = "Bob"
"#;

    fn policy(text: &str) -> Policy {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn an_unchanged_document_keeps_every_byte() {
        assert_eq!(merge(TEXT, &policy(TEXT)), TEXT);
    }

    #[test]
    fn comments_order_and_omitted_defaults_survive_a_change() {
        let mut changed = policy(TEXT);
        changed.enabled = false;
        changed.modules.calendar.as_mut().unwrap().days_ahead = 120;
        changed.users.push(PolicyUser { address: "cy@example.com".into(), name: None, added: None });
        let merged = merge(TEXT, &changed);
        let expected = TEXT
            .replace("enabled = true ", "enabled = false ")
            .replace("days_ahead = 90", "days_ahead = 120")
            + "\n[[user]]\naddress = \"cy@example.com\"\n";
        assert_eq!(merged, expected);
    }

    #[test]
    fn a_removed_user_leaves_the_others_as_they_were() {
        let mut changed = policy(TEXT);
        changed.users.remove(0);
        let merged = merge(TEXT, &changed);
        assert!(merged.contains("# On leave until March.\n[[user]]\naddress = \"Bob@Example.com\"\n"));
        assert!(!merged.contains("ann@"));
    }

    #[test]
    fn a_module_that_is_switched_off_goes() {
        let mut changed = policy(TEXT);
        changed.modules.calendar = None;
        let merged = merge(TEXT, &changed);
        assert_eq!(policy(&merged), changed);
        assert!(merged.starts_with("# Sales"));
    }

    fn address() -> impl Strategy<Value = EmailAddress> {
        "[a-e]{1,2}@x\\.example".prop_map(EmailAddress::new)
    }

    proptest! {
        #[test]
        fn what_is_merged_is_what_is_read_back(
            enabled: bool, interval in 1_u32..99, ahead in 0_u32..999, calendar: bool,
            users in proptest::collection::btree_set(address(), 0..6), reverse: bool,
        ) {
            let mut wanted = policy(TEXT);
            wanted.enabled = enabled;
            wanted.schedule.interval_minutes = interval;
            if calendar { wanted.modules.calendar.as_mut().unwrap().days_ahead = ahead } else { wanted.modules.calendar = None }
            let mut users: Vec<_> = users.into_iter().collect();
            if reverse { users.reverse() }
            users.insert(users.len() / 2, "bob@example.com".into());
            wanted.users = users.into_iter().map(|address| PolicyUser { address, name: None, added: None }).collect();
            let merged = merge(TEXT, &wanted);
            prop_assert_eq!(policy(&merged), wanted.clone());
            prop_assert!(merged.contains("# Sales, agreed"));
            prop_assert!(merged.contains("# since May"));
            prop_assert!(merged.contains("# On leave until March."));
            // And once more, on top of that.
            let mut again = wanted.clone();
            again.users.reverse();
            again.enabled = !again.enabled;
            prop_assert_eq!(policy(&merge(&merged, &again)), again);
        }
    }
}
