//! A held item beside what it may be the same as: a column each, a row for each field in which they differ.

use crate::words::field_title;
use riva_core::history::shown;
use riva_core::hold_details::{HoldDetails, ShownItem, differing};
use riva_core::holds::{HeldItem, HoldKind, HoldRow};
use riva_core::ids::RemoteId;
use riva_core::item::{Field, Item, Value, When};
use riva_core::rows::Side;
use std::collections::BTreeSet;

/// The comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The items, the held one first.
    pub columns: Vec<Column>,
    /// The fields.
    pub rows: Vec<Row>,
}

/// An item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// "In the mailbox", "Held, in the mailbox".
    pub place: String,
    /// What a person calls it.
    pub title: String,
    /// Where it stands.
    pub side: Side,
    /// What a decision to link to it names; `None` if it is no candidate.
    pub link: Option<RemoteId>,
    /// Why its content cannot be shown; empty else.
    pub why_not: String,
}

/// A field of all items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its name.
    pub field: &'static str,
    /// Its values, in the order of the columns; empty where an item does not show it.
    pub values: Vec<String>,
    /// Whether they differ.
    pub differs: bool,
}

impl Comparison {
    /// All comparisons of a hold: one for each item whose sides were read.
    pub fn of(hold: &HoldRow, details: &HoldDetails) -> Vec<Self> {
        hold.items.iter().filter_map(|item| Self::of_item(hold.kind, item, &details.shown)).collect()
    }

    fn of_item(kind: HoldKind, item: &HeldItem, shown: &[ShownItem]) -> Option<Self> {
        let mut sights: Vec<&ShownItem> = shown.iter().filter(|sight| sight.pair == item.pair).collect();
        // The held one first, then its candidates; of a conflict, mailbox and CRM.
        sights.sort_by_key(|sight| (item.side.is_some_and(|side| sight.side != side), sight.side));
        if sights.is_empty() {
            return None;
        }
        let columns: Vec<Column> = sights.iter().map(|sight| column(kind, item, sight)).collect();
        let items = by_one_clock(sights.iter().map(|sight| sight.item.clone()).collect());
        let items: Vec<Option<&Item>> = items.iter().map(Option::as_ref).collect();
        Some(Self { columns, rows: rows(&items) })
    }

    /// Whether something differs.
    pub fn differs(&self) -> bool {
        self.rows.iter().any(|row| row.differs)
    }
}

fn column(kind: HoldKind, held: &HeldItem, sight: &ShownItem) -> Column {
    let twin = held.twins.iter().find(|twin| twin.id == sight.id && Some(sight.side) != held.side);
    let title = match (&sight.item, twin) {
        (Some(item), _) => item.title(),
        (None, Some(twin)) => twin.title.clone(),
        (None, None) => held.title.clone(),
    };
    let place = match (kind, twin) {
        (HoldKind::PossibleDuplicate, None) => format!("This one, in the {}", sight.side.title()),
        (HoldKind::PossibleDuplicate, Some(_)) => format!("Maybe the same, in the {}", sight.side.title()),
        _ => format!("In the {}", sight.side.title()),
    };
    Column {
        place,
        title,
        side: sight.side,
        link: twin.map(|twin| twin.id.clone()),
        why_not: sight.why_not.clone(),
    }
}

/// Shows appointments by one clock, that of the first whose side keeps a zone: two at the same time differ in nothing that
/// matters here, and a person need not reckon.
fn by_one_clock(mut items: Vec<Option<Item>>) -> Vec<Option<Item>> {
    let own_zone = |item: &Item| match item.when() {
        Some(When::Timed { zone, .. }) if zone.name() != "UTC" => Some(*zone),
        _ => None,
    };
    let Some(zone) = items.iter().flatten().find_map(own_zone) else { return items };
    for item in items.iter_mut().flatten() {
        let timed = item.when().filter(|when| !when.is_all_day()).map(When::utc);
        if let Some((start, end)) = timed {
            item.set(Field::When, Value::When(When::timed(start, end, zone)));
        }
    }
    items
}

fn rows(items: &[Option<&Item>]) -> Vec<Row> {
    let there: Vec<&Item> = items.iter().filter_map(|item| *item).collect();
    let differ: BTreeSet<Field> = differing(&there).into_iter().map(|(field, _)| field).collect();
    let fields: BTreeSet<Field> = there.iter().flat_map(|item| item.fields.keys().copied()).collect();
    let value = |item: Option<&Item>, field: Field| {
        item.and_then(|item| item.get(field)).map_or_else(String::new, shown)
    };
    let rows = fields.into_iter().map(|field| Row {
        field: field_title(field),
        values: items.iter().map(|item| value(*item, field)).collect(),
        differs: differ.contains(&field),
    });
    let says_nothing = |row: &Row| row.values.iter().all(|v| v.is_empty() || v == "(blank)");
    rows.filter(|row| !says_nothing(row)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::made_up::{duplicate, duplicate_details};
    use chrono::Utc;
    use riva_core::ids::MemberId;

    #[test]
    fn the_held_one_stands_first_and_each_candidate_can_be_linked_to() {
        let hold = duplicate(4, MemberId(1), Utc::now());
        let [comparison] = Comparison::of(&hold, &duplicate_details(&hold)).try_into().unwrap();
        let links: Vec<bool> = comparison.columns.iter().map(|column| column.link.is_some()).collect();
        assert_eq!(links, [false, true, true]);
        assert_eq!(comparison.columns[0].place, "This one, in the mailbox");
        let phones = comparison.rows.iter().find(|row| row.field == "Phones").unwrap();
        assert!(phones.differs && phones.values.len() == 3);
        let name = comparison.rows.iter().find(|row| row.field == "E-mail").unwrap();
        assert!(!name.differs, "{name:?}");
    }

    #[test]
    fn appointments_are_compared_by_one_clock() {
        let at = |zone: &str, hour: i64| {
            let start = chrono::DateTime::UNIX_EPOCH + chrono::Duration::hours(hour);
            let when = When::timed(start, start + chrono::Duration::hours(1), zone.parse().unwrap());
            let mut item = Item::new(riva_core::item::Module::Calendar);
            item.set(Field::When, Value::When(when));
            item
        };
        let when_of = |items: [Item; 2]| {
            let items = by_one_clock(items.map(Some).to_vec());
            rows(&items.iter().map(Option::as_ref).collect::<Vec<_>>()).remove(0)
        };
        let same = when_of([at("UTC", 8), at("Asia/Tokyo", 8)]);
        assert!(
            !same.differs && same.values[0].contains("17:00") && same.values[0].ends_with("Asia/Tokyo"),
            "{same:?}"
        );
        assert!(when_of([at("UTC", 8), at("Asia/Tokyo", 9)]).differs);
    }

    #[test]
    fn what_could_not_be_read_says_why_and_nothing_is_compared_with_it() {
        let hold = duplicate(4, MemberId(1), Utc::now());
        let mut details = duplicate_details(&hold);
        for shown in details.shown.iter_mut().skip(1) {
            shown.item = None;
            shown.why_not = "It is not there any more.".into();
        }
        let comparison = Comparison::of(&hold, &details).remove(0);
        assert!(!comparison.differs());
        assert_eq!(comparison.columns[1].why_not, "It is not there any more.");
        assert!(Comparison::of(&hold, &HoldDetails::default()).is_empty());
    }
}
