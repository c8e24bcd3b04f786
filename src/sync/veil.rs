//! What the engine sees of a private appointment: nothing but that there is one, and when.
//!
//! The veil is drawn where the mailbox is read, before anything is compared, matched or written. So what is behind it
//! cannot reach the CRM, the log or the journal, whatever the planner does (invariant I12). A veiled item is never
//! written back to the mailbox. (An undo in the mailbox looks behind the veil, for what we wrote there ourselves.)

use riva_core::documents::PrivateItems;
use riva_core::item::{Field, Item, Module, Override, Value};
use riva_core::ports::Fetched;

/// What a private appointment is called.
pub const VEILED: &str = "Private appointment";

/// An item of the mailbox as the engine may see it.
pub(crate) fn veil(fetched: Fetched, policy: PrivateItems) -> Fetched {
    match fetched {
        Fetched::Present { version, marker, modified, item } if is_veiled(&item, policy) => {
            Fetched::Present { version, marker, modified, item: Box::new(veiled(&item, policy)) }
        }
        open => open,
    }
}

/// Whether an item is one that is seen through the veil.
pub(crate) fn is_veiled(item: &Item, policy: PrivateItems) -> bool {
    item.module == Module::Calendar && item.is_private() && policy != PrivateItems::Sync
}

/// Only what says when: fields that are left out are no information. Where private items are skipped, not even when.
pub(crate) fn veiled(item: &Item, policy: PrivateItems) -> Item {
    let mut open = Item { uid: item.uid.clone(), ..Item::new(item.module) };
    for (field, value) in &item.fields {
        let shown = match field {
            Field::Sensitivity => Some(value.clone()),
            Field::Summary => Some(Value::text(VEILED)),
            Field::When | Field::ShowAs | Field::Recurrence | Field::Status => {
                Some(value.clone()).filter(|_| policy == PrivateItems::BusyOnly)
            }
            Field::Overrides => Some(overrides(value)).filter(|_| policy == PrivateItems::BusyOnly),
            _ => Some(Value::Blank),
        };
        if let Some(shown) = shown {
            open.set(*field, shown);
        }
    }
    // A subject that the side does not show would otherwise stay in the CRM.
    open.set_text(Field::Summary, VEILED);
    open
}

/// Of single occurrences: when they are, and that they do not take place.
fn overrides(value: &Value) -> Value {
    let Value::Overrides(overrides) = value else { return value.clone() };
    let when = |change: &Override| match change {
        Override::Cancelled => Some(Override::Cancelled),
        Override::Changed(fields) => {
            let times: std::collections::BTreeMap<_, _> = fields
                .iter()
                .filter(|(field, _)| matches!(field, Field::When | Field::ShowAs | Field::Status))
                .map(|(field, value)| (*field, value.clone()))
                .collect();
            (!times.is_empty()).then_some(Override::Changed(times))
        }
    };
    let kept: std::collections::BTreeMap<_, _> =
        overrides.iter().filter_map(|(id, change)| Some((*id, when(change)?))).collect();
    if kept.is_empty() { Value::Blank } else { Value::Overrides(kept) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use riva_core::item::{Body, Element, Sensitivity, When};
    use std::collections::BTreeMap;

    fn appointment() -> Item {
        let mut item = Item::new(Module::Calendar);
        for field in Field::ALL {
            item.set_text(*field, "secret");
        }
        let start = "2027-01-12T09:00:00Z".parse().expect("an instant");
        item.set(Field::When, Value::When(When::timed(start, start, chrono_tz::UTC)));
        item.set(Field::Body, Value::body(Body::plain("secret")));
        item.set(Field::Attendees, Value::set(BTreeMap::from([("s".into(), Element::plain("secret"))])));
        item.set(Field::ShowAs, Value::Blank);
        item.set(Field::Status, Value::Blank);
        item.set(Field::Recurrence, Value::Blank);
        let id = riva_core::item::RecurrenceId::parse("20270119T090000").expect("an id");
        let change = Override::Changed([(Field::Summary, Value::text("secret"))].into());
        item.set(Field::Overrides, Value::Overrides([(id, change)].into()));
        item.set(Field::Sensitivity, Value::Sensitivity(Sensitivity::Private));
        item
    }

    #[test]
    fn nothing_shows_through_but_the_time() {
        for policy in [PrivateItems::Skip, PrivateItems::BusyOnly] {
            let seen = veiled(&appointment(), policy);
            assert!(!format!("{seen:?}").contains("secret"), "{seen:?}");
            assert_eq!(seen.text(Field::Summary), Some(VEILED));
            assert!(seen.is_private());
            assert_eq!(seen.when().is_some(), policy == PrivateItems::BusyOnly);
            // One without a subject is called so, too: the CRM may show one.
            let mut unnamed = appointment();
            unnamed.fields.remove(&Field::Summary);
            assert_eq!(veiled(&unnamed, policy).text(Field::Summary), Some(VEILED));
        }
    }

    #[test]
    fn what_is_not_private_is_seen_as_it_is() {
        let read = |item: &Item, policy| {
            let item = Box::new(item.clone());
            let now = Fetched::Present { version: "1".into(), marker: None, modified: None, item };
            (veil(now.clone(), policy), now)
        };
        let mut item = appointment();
        let (seen, now) = read(&item, PrivateItems::Sync);
        assert_eq!(seen, now);
        for policy in [PrivateItems::Skip, PrivateItems::BusyOnly] {
            let (seen, now) = read(&item, policy);
            assert_ne!(seen, now);
            let Fetched::Present { version, item: seen, .. } = seen else { panic!("it is there") };
            assert_eq!((version, *seen), ("1".into(), veiled(&item, policy)));
            assert_eq!(veil(Fetched::Gone, policy), Fetched::Gone);
            // A task or contact that is private is skipped as a whole: there is no time to show of it.
            let mut task = item.clone();
            task.module = Module::Tasks;
            assert!(!is_veiled(&task, policy));
        }
        item.set(Field::Sensitivity, Value::Sensitivity(Sensitivity::Normal));
        for policy in [PrivateItems::Skip, PrivateItems::BusyOnly] {
            let (seen, now) = read(&item, policy);
            assert_eq!(seen, now);
        }
    }

    #[test]
    fn of_single_occurrences_it_shows_when_they_are() {
        let id =
            |day: u32| riva_core::item::RecurrenceId::parse(&format!("202701{day}T090000")).expect("an id");
        let (text, blank) = (Value::text("secret"), Value::Blank);
        let start = "2027-01-20T09:00:00Z".parse().expect("an instant");
        let when = Value::When(When::timed(start, start, chrono_tz::UTC));
        let changed = |fields: &[(Field, &Value)]| {
            Override::Changed(fields.iter().map(|(field, value)| (*field, (*value).clone())).collect())
        };
        let seen = |those: &[(u32, Override)], policy| {
            let mut item = appointment();
            let those = those.iter().map(|(day, change)| (id(*day), change.clone())).collect();
            item.set(Field::Overrides, Value::Overrides(those));
            veiled(&item, policy).get(Field::Overrides).cloned()
        };
        let moved = changed(&[(Field::Summary, &text), (Field::When, &when), (Field::ShowAs, &blank)]);
        let those = [(12, Override::Cancelled), (13, moved), (14, changed(&[(Field::Location, &text)]))];
        let shown = changed(&[(Field::When, &when), (Field::ShowAs, &blank)]);
        let when_alone = [(id(12), Override::Cancelled), (id(13), shown)].into();
        assert_eq!(seen(&those, PrivateItems::BusyOnly), Some(Value::Overrides(when_alone)));
        assert_eq!(seen(&those[2..], PrivateItems::BusyOnly), Some(Value::Blank));
        assert_eq!(seen(&those, PrivateItems::Skip), None, "where it is skipped, not even when");
    }
}
