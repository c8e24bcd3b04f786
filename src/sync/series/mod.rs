//! Recurring series (engine design, section 1.8).
//!
//! Between two sides that can hold all of it, a series is one pair, merged field by field and occurrence by occurrence. Where
//! the other side cannot hold it, it is *unrolled*: each occurrence in the window is a pair of its own with a single
//! item on the other side. The series' own pair ([`PairState::Unrolled`](riva_core::rows::PairState)) has no other
//! side; whenever it changes, and once a day, it is read and its occurrences are observed ([`unroll`]); what is read
//! from and written to an occurrence goes through its series ([`unrolled`]). Everything between is the ordinary machinery.

mod continuation;
mod copies;
mod deletions;
mod edit;
mod expand;
mod names;
mod rules;
mod single;
mod unroll;
mod unrolled;

pub(crate) use deletions::{Lost, count};
pub(crate) use expand::{occurrence, occurrences, occurs};
pub(crate) use rules::is_foreign;

use crate::context::CycleContext;
use crate::hash::FieldHasher;
use names::Names;
use riva_core::item::{Field, Item, Module, Value};
use riva_core::ports::{ModuleCapabilities, SeriesSupport, SilentWriter};
use std::sync::Arc;
use unrolled::Unrolled;

/// A cycle in which series can be read and written occurrence by occurrence.
pub(crate) fn unrolled<'a>(ctx: &CycleContext<'a>, hasher: FieldHasher) -> CycleContext<'a> {
    let side = |inner: &Arc<dyn SilentWriter>| -> Arc<dyn SilentWriter> {
        let has_series = |caps: &ModuleCapabilities| caps.series == SeriesSupport::Full;
        if inner.capabilities().modules.values().any(has_series) {
            Arc::new(Unrolled::new(Arc::clone(inner), hasher, Names::of(ctx.member)))
        } else {
            Arc::clone(inner)
        }
    };
    CycleContext { mail: side(&ctx.mail), crm: side(&ctx.crm), ..*ctx }
}

/// How a series is kept in step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kept {
    /// As one item on both sides.
    Whole,
    /// As single items on the other side, one for each occurrence.
    Unrolled,
    /// Not at all, and why.
    Held(String),
}

/// How an item of one side is kept in step with the other side; a single item is kept whole.
pub(crate) fn kept(item: &Item, own: &ModuleCapabilities, other: &ModuleCapabilities) -> Kept {
    match item.get(Field::Recurrence) {
        None | Some(Value::Blank) => Kept::Whole,
        Some(Value::Recurrence(_)) => {
            let whole = match other.series {
                // As instants a series would wander with summer time.
                SeriesSupport::Full => !other.precision.utc_only,
                SeriesSupport::RuleOnly => !other.precision.utc_only && item.overrides().is_none(),
                SeriesSupport::None => false,
            };
            if whole {
                Kept::Whole
            } else if own.series != SeriesSupport::Full {
                Kept::Held(
                    "A recurring series that can be read on its side, but not changed: it is left as it is."
                        .into(),
                )
            } else if item.module != Module::Calendar {
                Kept::Held("It recurs, and the other side has nothing that does: it is left as it is.".into())
            } else {
                Kept::Unrolled
            }
        }
        Some(Value::Text(why)) => Kept::Held(held_because(why)),
        Some(_) => Kept::Held(held_because("its rule cannot be understood")),
    }
}

fn cannot_be_split(why: &str) -> String {
    format!(
        "A recurring series that cannot be split into single appointments: {}.",
        why.trim_end_matches('.')
    )
}

fn held_because(why: &str) -> String {
    format!("A recurring series that is left as it is: {}.", why.trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capable::capable;
    use riva_core::item::{Frequency, Override, Recurrence, RecurrenceId, Rule};

    #[test]
    fn a_series_is_whole_where_the_other_side_holds_all_of_it_and_split_where_its_own_side_can_be_written_to()
    {
        let rule = Recurrence { rules: vec![Rule::every(1, Frequency::Daily)], ..Recurrence::default() };
        let mut series = Item::new(Module::Calendar);
        series.set(Field::Recurrence, Value::Recurrence(rule));
        let [full, rule_only, none] = [SeriesSupport::Full, SeriesSupport::RuleOnly, SeriesSupport::None]
            .map(|support| capable([Field::Recurrence], support));
        let mut in_utc = full.clone();
        in_utc.precision.utc_only = true;
        let held = |why: &str| Kept::Held(why.to_owned());
        assert_eq!(kept(&series, &none, &full), Kept::Whole);
        assert_eq!(kept(&series, &none, &rule_only), Kept::Whole);
        assert_eq!(kept(&series, &full, &none), Kept::Unrolled);
        assert_eq!(kept(&series, &full, &in_utc), Kept::Unrolled);
        let not_ours =
            "A recurring series that can be read on its side, but not changed: it is left as it is.";
        assert_eq!(kept(&series, &rule_only, &none), held(not_ours));
        let mut differs = series.clone();
        let day = RecurrenceId::parse("20261126T090000").expect("a day");
        differs.set(Field::Overrides, Value::Overrides([(day, Override::Cancelled)].into()));
        assert_eq!(kept(&differs, &full, &rule_only), Kept::Unrolled);
        series.module = Module::Tasks;
        let no_task = "It recurs, and the other side has nothing that does: it is left as it is.";
        assert_eq!(kept(&series, &full, &none), held(no_task));
        series.set_text(Field::Recurrence, "it follows the moon.");
        assert_eq!(
            kept(&series, &full, &full),
            held("A recurring series that is left as it is: it follows the moon.")
        );
    }
}
