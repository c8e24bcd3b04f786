//! What a hold is decided by, in a terminal: each item with the fields that tell it from others, side by side.

use super::output::{self, line};
use chrono::{DateTime, Utc};
use riva_core::history::shown;
use riva_core::hold_details::{HoldDetails, ShownItem};
use riva_core::holds::{HeldItem, HoldKind, HoldRow};
use riva_core::ids::PairId;
use riva_core::item::{Field, Item, Module};
use riva_core::rows::Side;
use riva_manager::words::{cut, field_title};
use riva_manager::{ComparedField, Comparison};
use std::collections::BTreeSet;

/// Longer values are cut; `--json` has them whole.
const LONG: usize = 72;

/// The fields by which people tell items of a module from one another.
fn telling(module: Module) -> &'static [Field] {
    match module {
        Module::Contacts => &[Field::Emails, Field::Phones, Field::Organization],
        Module::Calendar => &[Field::When, Field::Location],
        Module::Tasks => &[Field::DueDate, Field::Completion],
        Module::Email => &[Field::From, Field::SentAt],
    }
}

/// What is to be seen of a hold's items, below its heading.
pub fn tell(hold: &HoldRow, details: &HoldDetails) {
    if let Some(why) = &details.unseen {
        line(format!("  The items cannot be read now: {why}"));
    }
    if hold.kind.is_a_list() {
        list(hold, details);
    } else {
        compared(hold, details).iter().for_each(line);
    }
}

/// The rows of a list: an item, how it is told from others, where it stands, when it was last in step.
fn list(hold: &HoldRow, details: &HoldDetails) {
    let place = if hold.kind == HoldKind::DeleteSafety { "would be deleted in" } else { "lies in" };
    let rows = hold.items.iter().map(|item| row(hold.module, item, details)).collect();
    output::table(&["item", "", place, "last in step"], rows, "  It names no item.");
}

fn row(module: Module, item: &HeldItem, details: &HoldDetails) -> Vec<String> {
    let last =
        details.last_done.get(&item.pair).map_or_else(String::new, |at: &DateTime<Utc>| output::time(*at));
    let side = item.side.map_or("", Side::title).to_owned();
    let mut sights = details.shown.iter().filter(|sight| sight.pair == item.pair);
    let there = sights.find_map(|sight| sight.item.as_ref());
    let told = there.map_or_else(String::new, |there| in_short(module, there));
    vec![item.title.clone(), told, side, last]
}

/// The telling fields of an item in a line.
fn in_short(module: Module, item: &Item) -> String {
    let values = telling(module).iter().filter_map(|field| item.get(*field)).map(shown);
    let values: Vec<String> = values.filter(|value| !value.is_empty() && value != "(blank)").collect();
    cut(&values.join(", "), LONG)
}

/// A block for each item: what it is called, where it stands, its telling fields and those in which it differs.
fn compared(hold: &HoldRow, details: &HoldDetails) -> Vec<String> {
    let mut lines = Vec::new();
    for comparison in Comparison::of(hold, details) {
        let wanted: Vec<&str> = telling(hold.module).iter().map(|field| field_title(*field)).collect();
        let is_wanted = |row: &ComparedField| wanted.contains(&row.field) || is_told_twice(row);
        for (place, item) in comparison.columns.iter().enumerate() {
            lines.push(format!("    {}: {}", item.place, item.title));
            if !item.why_not.is_empty() {
                lines.push(format!("        {}", item.why_not));
            }
            for row in comparison.rows.iter().filter(|row| is_wanted(row)) {
                let value = row.values.get(place).map(String::as_str).filter(|value| !value.is_empty());
                let mark = if row.differs { '*' } else { ' ' };
                lines.push(format!("      {mark} {:<18}{}", row.field, cut(value.unwrap_or("-"), LONG)));
            }
            if let (Some(to), true) = (&item.link, may_be_linked(hold)) {
                lines.push(format!("        the same as this one? `riva holds link {} {to}`", hold.number));
            }
        }
        let seen = comparison.columns.iter().all(|item| item.why_not.is_empty());
        if comparison.rows.iter().any(|row| row.differs && is_wanted(row)) {
            lines.push("    (* they differ in this)".to_owned());
        } else if seen && comparison.columns.len() > 1 {
            lines.push("    They differ in nothing that both show.".to_owned());
        }
    }
    let told: Vec<PairId> = details.shown.iter().map(|sight: &ShownItem| sight.pair).collect();
    for item in hold.items.iter().filter(|item| !told.contains(&item.pair)) {
        lines.extend(by_name(item));
    }
    lines
}

/// Whether sides differ in a field that more than one of them shows. What a side never shows tells nothing.
fn is_told_twice(row: &ComparedField) -> bool {
    let told: BTreeSet<&str> = row
        .values
        .iter()
        .map(String::as_str)
        .filter(|value| !value.is_empty() && *value != "(blank)")
        .collect();
    row.differs && told.len() > 1
}

fn may_be_linked(hold: &HoldRow) -> bool {
    hold.kind == HoldKind::PossibleDuplicate && hold.decided.is_none() && hold.closed.is_none()
}

/// An item by its name alone, with what it can be linked to.
pub fn by_name(item: &HeldItem) -> Vec<String> {
    let side = item.side.map_or(String::new(), |side| format!("  (in the {})", side.title()));
    let mut lines = vec![format!("    {}{side}", item.title)];
    lines.extend(item.twins.iter().map(|twin| format!("      or is it {}  [{}]", twin.title, twin.id)));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use riva_core::holds::LikelyTwin;
    use riva_core::ids::MemberId;
    use riva_core::item::{Value, When};
    use uuid::Uuid;

    const PAIR: PairId = PairId(Uuid::from_u128(7));

    fn visit(hour: u32, place: &str) -> Item {
        let at = |hour| DateTime::UNIX_EPOCH + chrono::Duration::hours(i64::from(hour));
        let mut item = Item::new(Module::Calendar);
        item.set_text(Field::Summary, "Visit");
        item.set_text(Field::Location, place);
        item.set(Field::When, Value::When(When::timed(at(hour), at(hour + 1), "UTC".parse().unwrap())));
        item
    }

    fn sight(side: Side, id: &str, item: Item) -> ShownItem {
        ShownItem { pair: PAIR, side, id: id.into(), item: Some(item), why_not: String::new() }
    }

    fn hold(kind: HoldKind, side: Option<Side>, twins: &[&str]) -> HoldRow {
        let twins = twins.iter().map(|id| LikelyTwin { id: (*id).into(), title: "Visit".into() }).collect();
        HoldRow {
            id: PAIR.into(),
            number: 4,
            member: MemberId(1),
            module: Module::Calendar,
            kind,
            since: DateTime::UNIX_EPOCH,
            reason: "why".into(),
            items: vec![HeldItem { pair: PAIR, title: "Visit".into(), side, twins }],
            decided: None,
            closed: None,
        }
    }

    #[test]
    fn candidates_of_one_name_are_told_apart() {
        let duplicate = hold(HoldKind::PossibleDuplicate, Some(Side::Mail), &["001", "002"]);
        let shown = vec![
            sight(Side::Mail, "m", visit(8, "Room 5")),
            sight(Side::Crm, "001", visit(8, "Room 7")),
            sight(Side::Crm, "002", visit(9, "Room 5")),
        ];
        let details = HoldDetails { shown, ..HoldDetails::default() };
        let text = compared(&duplicate, &details).join("\n");
        for told in [
            "* When              1970-01-01 09",
            "Room 7",
            "riva holds link 4 001`",
            "riva holds link 4 002`",
        ] {
            assert!(text.contains(told), "{told}: {text}");
        }
        let unread = compared(&duplicate, &HoldDetails::default()).join("\n");
        assert!(
            unread.contains("Visit  (in the mailbox)") && unread.contains("or is it Visit  [002]"),
            "{unread}"
        );
    }

    #[test]
    fn a_conflict_shows_both_values() {
        let conflict = hold(HoldKind::Conflict, None, &[]);
        let shown =
            vec![sight(Side::Mail, "m", visit(8, "Room 5")), sight(Side::Crm, "001", visit(8, "Room 7"))];
        let text = compared(&conflict, &HoldDetails { shown, ..HoldDetails::default() }).join("\n");
        for told in
            ["* Location          Room 5", "* Location          Room 7", "  When              1970-01-01 08"]
        {
            assert!(text.contains(told), "{told}: {text}");
        }
        assert!(!text.contains("riva holds link"), "{text}");
    }

    #[test]
    fn a_deletion_has_name_date_and_place() {
        let emptied = hold(HoldKind::DeleteSafety, Some(Side::Mail), &[]);
        let shown = vec![sight(Side::Mail, "m", visit(8, "Room 5"))];
        let details = HoldDetails { shown, ..HoldDetails::default() };
        let row = row(Module::Calendar, &emptied.items[0], &details);
        assert_eq!((row[0].as_str(), row[2].as_str()), ("Visit", "mailbox"));
        assert!(row[1].contains("1970-01-01 08") && row[1].ends_with("Room 5"), "{row:?}");
    }
}
