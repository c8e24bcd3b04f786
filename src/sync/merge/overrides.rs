//! The occurrences of a series that differ from it, merged one by one; and what keeps rule and occurrences together.

use super::{Merge, Moved, Then, moved};
use crate::loops;
use crate::project::map_override;
use crate::series;
use riva_core::item::{Field, Item, Override, RecurrenceId, Value};
use riva_core::rows::{Hashes, Side};
use std::collections::{BTreeMap, BTreeSet};

const FIELD: Field = Field::Overrides;

type Overrides = BTreeMap<RecurrenceId, Override>;

impl Merge<'_> {
    /// Merges what single occurrences do otherwise.
    pub(super) fn overrides(&mut self, m: &Value, c: &Value) {
        let (m, c) = (changes(m), changes(c));
        let (mut new_m, mut new_c) = (m.clone(), c.clone());
        // What neither side does otherwise now is in step, whoever put it back.
        let ids: BTreeSet<RecurrenceId> = m.keys().chain(c.keys()).copied().collect();
        for id in ids {
            let (of_mail, of_crm) = (m.get(&id), c.get(&id));
            let (hm, hc) = (self.hash(of_mail), self.hash(of_crm));
            let slot = Hashes::element_key(FIELD, &id.to_string());
            let (mail_then, crm_then) =
                (Then::of(&self.mail, FIELD, &slot), Then::of(&self.crm, FIELD, &slot));
            let write = match moved(hm, mail_then, hc, crm_then) {
                Moved::Neither => None,
                _ if hm == hc => None,
                Moved::Mail => Some(self.undo.unwrap_or(Side::Crm)),
                Moved::Crm => Some(self.undo.unwrap_or(Side::Mail)),
                Moved::Both | Moved::NoBase => match (of_mail, of_crm) {
                    // Put back into the series on one side, changed on the other: the change stays.
                    (Some(_), None) => Some(Side::Crm),
                    (None, Some(_)) => Some(Side::Mail),
                    (None, None) => None,
                    (Some(_), Some(_)) if self.equal_there(of_mail, of_crm) => None,
                    (Some(_), Some(_)) => self.loser(FIELD),
                },
            };
            let Some(to) = write.filter(|side| self.may_write(*side)) else { continue };
            let (from, target, now) = match to {
                Side::Crm => (of_mail, &mut new_c, hc),
                Side::Mail => (of_crm, &mut new_m, hm),
            };
            let mapped = self.mapped(from, to, target.get(&id));
            let new = self.hash(mapped.as_ref());
            let shown = self.shown(to);
            let its_own_form = new.is_some()
                && shown.sent.0.get(&slot).copied() == new
                && shown.seen.0.contains_key(&Hashes::key(FIELD))
                && shown.seen.0.get(&slot).copied() == now;
            if its_own_form || new == now {
                continue;
            }
            if new.is_some() && loops::is_frozen(shown.sent, &slot, new) {
                self.freeze(FIELD);
                continue;
            }
            match mapped {
                Some(change) => target.insert(id, change),
                None => target.remove(&id),
            };
        }
        for (side, new, old) in [(Side::Crm, new_c, c), (Side::Mail, new_m, m)] {
            if new != old && self.shown(side).caps.writes.contains(&FIELD) {
                self.out_to(side).insert(FIELD, value(new));
            }
        }
    }

    /// A rule goes with the occurrences that differ: systems that drop those when the rule is written get them again. What
    /// cannot be put into the new rule is for somebody to decide, and not dropped.
    pub(super) fn keep_series_whole(&mut self) {
        for side in [Side::Mail, Side::Crm] {
            let shown = self.shown(side);
            let out = self.out_to(side);
            let moves = out.contains_key(&Field::When) || out.contains_key(&Field::Recurrence);
            if !moves && !out.contains_key(&FIELD) {
                continue;
            }
            let mut item: Item = shown.item.clone();
            item.fields.extend(out.iter().map(|(field, value)| (*field, value.clone())));
            let Some(kept) = item.overrides().filter(|_| item.is_recurring()) else { continue };
            let old = shown.item.overrides();
            let astray = kept.iter().find(|(id, change)| {
                let is_new = old.and_then(|o| o.get(id)) != Some(*change);
                matches!(change, Override::Changed(_))
                    && (moves || is_new)
                    && series::occurs(&item, **id) == Ok(false)
            });
            if let Some((id, _)) = astray {
                let why = format!(
                    "the occurrence of {} was changed on one side, and the series was changed on the other so that it \
                     does not take place then",
                    id.day()
                );
                self.hold(FIELD, why);
                return;
            } else if moves && shown.caps.writes.contains(&FIELD) {
                let kept = value(kept.clone());
                self.out_to(side).entry(FIELD).or_insert(kept);
            }
        }
    }

    fn hash(&self, change: Option<&Override>) -> Option<u64> {
        change.map(|change| self.hasher.occurrence(change))
    }

    /// A change as the side `to` can hold it.
    fn mapped(&self, change: Option<&Override>, to: Side, current: Option<&Override>) -> Option<Override> {
        map_override(change?, self.shown(to.other()).caps, self.shown(to).caps, current)
    }

    /// Equal as far as one of the sides can hold it.
    fn equal_there(&self, m: Option<&Override>, c: Option<&Override>) -> bool {
        self.hash(self.mapped(m, Side::Crm, c).as_ref()) == self.hash(c)
            || self.hash(self.mapped(c, Side::Mail, m).as_ref()) == self.hash(m)
    }
}

fn changes(value: &Value) -> Overrides {
    match value {
        Value::Overrides(overrides) => overrides.clone(),
        _ => Overrides::new(),
    }
}

fn value(overrides: Overrides) -> Value {
    if overrides.is_empty() { Value::Blank } else { Value::Overrides(overrides) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capable::capable;
    use crate::hash::FieldHasher;
    use crate::merge::Shown;
    use crate::merge::{Merged, merge, undo};
    use riva_core::documents::{ConflictWinner, Direction};
    use riva_core::item::{Ends, Frequency, Module, Recurrence, Rule, When};
    use riva_core::ports::{ModuleCapabilities, SeriesSupport};

    fn caps() -> ModuleCapabilities {
        capable(Field::ALL.iter().copied(), SeriesSupport::Full)
    }

    fn id(day: &str) -> RecurrenceId {
        RecurrenceId::parse(&format!("202612{day}T090000")).expect("a recurrence id")
    }

    fn place(room: &str) -> Override {
        Override::Changed([(Field::Location, Value::text(room))].into())
    }

    /// Every day at nine, from the first of December, ten times.
    fn daily(ends: u32, overrides: &[(&str, Override)]) -> Item {
        let mut item = Item::new(Module::Calendar);
        item.set_text(Field::Summary, "Stand-up");
        let at = |text: &str| text.parse().expect("a time");
        let (start, end) = (at("2026-12-01T09:00:00"), at("2026-12-01T09:30:00"));
        item.set(Field::When, Value::When(When::Timed { start, end, zone: chrono_tz::Europe::Berlin }));
        let rule = Rule { ends: Ends::After(ends), ..Rule::every(1, Frequency::Daily) };
        let recurrence = Recurrence { rules: vec![rule], ..Recurrence::default() };
        item.set(Field::Recurrence, Value::Recurrence(recurrence));
        item.set(FIELD, value(overrides.iter().map(|(day, change)| (id(day), change.clone())).collect()));
        item
    }

    fn three_way(then: &Item, mail: &Item, crm: &Item, winner: ConflictWinner) -> Merged {
        let hasher = FieldHasher::new([3; 16]);
        let (caps, seen, none) = (caps(), hasher.item(then), Hashes::default());
        merge(
            &hasher,
            Shown { item: mail, caps: &caps, seen: &seen, sent: &none },
            Shown { item: crm, caps: &caps, seen: &seen, sent: &none },
            Direction::TwoWay,
            winner,
        )
    }

    #[test]
    fn changes_of_different_occurrences_cross() {
        let then = daily(10, &[]);
        let mail = daily(10, &[("02", Override::Cancelled)]);
        let crm = daily(10, &[("03", place("Room 3"))]);
        let merged = three_way(&then, &mail, &crm, ConflictWinner::Mail);
        let both = [(id("02"), Override::Cancelled), (id("03"), place("Room 3"))];
        assert_eq!(merged.to_mail, [(FIELD, value(both.clone().into()))].into());
        assert_eq!(merged.to_crm, [(FIELD, value(both.into()))].into());
    }

    #[test]
    fn the_same_occurrence_changed_on_both_sides_goes_by_the_policy() {
        let then = daily(10, &[]);
        let mail = daily(10, &[("02", place("Room 1"))]);
        let crm = daily(10, &[("02", Override::Cancelled)]);
        let merged = three_way(&then, &mail, &crm, ConflictWinner::Mail);
        assert_eq!(merged.to_crm, [(FIELD, value([(id("02"), place("Room 1"))].into()))].into());
        assert!(merged.to_mail.is_empty());
        let held = three_way(&then, &mail, &crm, ConflictWinner::Hold);
        assert_eq!(held.held.len(), 1);
    }

    #[test]
    fn an_occurrence_put_back_on_one_side_and_changed_on_the_other_stays_changed() {
        let then = daily(10, &[("02", place("Room 1"))]);
        let mail = daily(10, &[]);
        let crm = daily(10, &[("02", place("Room 2"))]);
        let merged = three_way(&then, &mail, &crm, ConflictWinner::Mail);
        assert_eq!(merged.to_mail, [(FIELD, value([(id("02"), place("Room 2"))].into()))].into());
        let restored = three_way(&then, &mail, &then, ConflictWinner::Mail);
        assert_eq!(restored.to_crm, [(FIELD, Value::Blank)].into());
    }

    #[test]
    fn what_is_not_for_us_to_change_is_undone_occurrence_by_occurrence() {
        let hasher = FieldHasher::new([3; 16]);
        let then = daily(10, &[("02", place("Room 2")), ("03", place("Room 3"))]);
        let mail =
            daily(10, &[("02", place("Room 1")), ("03", place("Room 3")), ("05", Override::Cancelled)]);
        let crm = daily(10, &[("02", place("Room 2")), ("04", place("Room 4"))]);
        let (caps, seen, none) = (caps(), hasher.item(&then), Hashes::default());
        let [of_mail, of_crm] =
            [&mail, &crm].map(|item| Shown { item, caps: &caps, seen: &seen, sent: &none });
        // What each side has changed itself is taken back there, and what the other one has changed comes over.
        let merged = undo(&hasher, of_mail, of_crm, Side::Mail);
        assert_eq!((merged.to_mail.len(), merged.to_crm.get(&FIELD)), (0, mail.get(FIELD)));
        let merged = undo(&hasher, of_mail, of_crm, Side::Crm);
        assert_eq!((merged.to_mail.get(&FIELD), merged.to_crm.len()), (crm.get(FIELD), 0));
    }

    #[test]
    fn case_16_a_new_rule_goes_with_the_occurrences_that_differ() {
        let then = daily(10, &[("02", place("Room 1"))]);
        let mail = daily(8, &[("02", place("Room 1"))]);
        let merged = three_way(&then, &mail, &then, ConflictWinner::Mail);
        assert!(merged.to_crm.contains_key(&Field::Recurrence));
        assert_eq!(merged.to_crm.get(&FIELD), then.get(FIELD), "written again with the rule");
    }

    #[test]
    fn case_16_an_occurrence_that_the_new_rule_does_not_have_is_held() {
        let then = daily(10, &[]);
        let mail = daily(4, &[]);
        let crm = daily(10, &[("08", place("Room 8"))]);
        let merged = three_way(&then, &mail, &crm, ConflictWinner::Mail);
        assert_eq!(merged.held.len(), 1, "{:?}", merged.held);
        assert!(merged.to_crm.is_empty() && merged.to_mail.is_empty());
    }
}
