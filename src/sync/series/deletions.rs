//! Deletions of occurrences, counted and shown by their series: who deletes a series, or changes its rule, has done one
//! thing, however many records the CRM has of it.

use crate::context::CycleFault;
use crate::module_cycle::ModuleCycle;
use riva_core::ids::{PairId, RemoteId};
use riva_core::rows::{PairRow, PairState, Side};
use std::collections::{BTreeMap, BTreeSet};

/// Pairs read at once.
const PAGE: usize = 500;

/// What counts as one deletion.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Unit {
    Single(PairId),
    /// All occurrences of a series.
    Series(RemoteId),
}

/// The series whose occurrence a pair is, on one side.
fn series_of(pair: &PairRow, side: Side) -> Option<RemoteId> {
    Some(pair.side(side)?.id.as_occurrence()?.0)
}

/// How many deletions on a side these are for Delete Safety: what follows from one series on the other side is one. The other way round
/// each counts: every record that is gone cancels an occurrence of its own.
pub(crate) fn count(deletions: &[(PairRow, Side)], on: Side) -> u64 {
    let units: BTreeSet<Unit> = deletions
        .iter()
        .filter(|(_, side)| *side == on)
        .map(|(pair, _)| series_of(pair, on.other()).map_or(Unit::Single(pair.id), Unit::Series))
        .collect();
    units.len() as u64
}

impl ModuleCycle<'_, '_> {
    /// How many items are in step, a series counted once.
    pub async fn in_step(&self) -> Result<u64, CycleFault> {
        let mut units = BTreeSet::new();
        let mut after: Option<PairId> = None;
        loop {
            let (member, module) = (self.ctx.member.id, self.module);
            let pairs = self.ctx.store.pairs_in(member, module, PairState::Linked, after, PAGE).await?;
            let Some(last) = pairs.last() else { return Ok(units.len() as u64) };
            after = Some(last.id);
            units.extend(pairs.iter().map(|pair| {
                let series = series_of(pair, Side::Mail).or_else(|| series_of(pair, Side::Crm));
                series.map_or(Unit::Single(pair.id), Unit::Series)
            }));
        }
    }
}

/// Series that lose occurrences on the other side: one line each.
#[derive(Debug, Default)]
pub(crate) struct Lost(BTreeMap<(RemoteId, Side), (u64, String)>);

impl Lost {
    /// Adds a pair whose item on a side is to be deleted.
    pub fn add(&mut self, pair: &PairRow, on: Side, title: &str) {
        if let Some(series) = series_of(pair, on.other()) {
            self.0.entry((series, on)).or_insert_with(|| (0, title.to_owned())).0 += 1;
        }
    }

    /// What the log says.
    pub fn lines(self, held: bool) -> impl Iterator<Item = String> {
        self.0.into_iter().map(move |((_, on), (n, title))| {
            let what = if n == 1 { "one occurrence".to_owned() } else { format!("{n} occurrences") };
            let done = if held { "held" } else { "taken away" };
            let from = on.other().title();
            format!("{title}: {what} of the series no longer in the {from}, {done} in the {}", on.title())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use riva_core::ids::MemberId;
    use riva_core::item::{Module, RecurrenceId};
    use riva_core::rows::{Hashes, PairSide};
    use uuid::Uuid;

    fn pair(n: u128, mail: RemoteId) -> PairRow {
        let side =
            |id| Some(PairSide { id, version: "1".into(), seen: Hashes::default(), sent: Hashes::default() });
        PairRow {
            id: PairId(Uuid::from_u128(n)),
            member: MemberId(1),
            module: Module::Calendar,
            mail: side(mail),
            crm: side(RemoteId::new(n.to_string())),
            uid: None,
            state: PairState::Linked,
            reason: None,
            generation: 1,
            attempts: 0,
            next_try: None,
        }
    }

    #[test]
    fn a_deleted_series_is_one_deletion_and_emptied_records_are_many() {
        let of = |day: u32| RecurrenceId::parse(&format!("202612{day:02}T090000")).expect("an id");
        let series = RemoteId::new("weekly");
        let pairs: Vec<PairRow> = (1..=20)
            .map(|n| pair(u128::from(n), series.occurrence(of(n))))
            .chain([pair(99, "one".into())])
            .collect();
        let on = |side| pairs.iter().map(|p| (p.clone(), side)).collect::<Vec<_>>();
        assert_eq!(count(&on(Side::Crm), Side::Crm), 2);
        assert_eq!(count(&on(Side::Crm), Side::Mail), 0);
        assert_eq!(count(&on(Side::Mail), Side::Mail), 21);
    }
    #[test]
    fn a_line_tells_how_much_of_each_series_is_taken_away_or_held() {
        let of = |day: u32| RecurrenceId::parse(&format!("202612{day:02}T090000")).expect("an id");
        let told = |held| {
            let mut lost = Lost::default();
            for day in 1..=3 {
                lost.add(&pair(1, RemoteId::new("daily").occurrence(of(day))), Side::Crm, "Stand-up");
            }
            lost.add(&pair(2, RemoteId::new("weekly").occurrence(of(1))), Side::Crm, "Review");
            // What is not of a series has a line of its own elsewhere, and what is gone in the CRM is each record's matter.
            lost.add(&pair(3, "single".into()), Side::Crm, "Visit");
            lost.add(&pair(4, RemoteId::new("weekly").occurrence(of(8))), Side::Mail, "Review");
            lost.lines(held).collect::<Vec<_>>()
        };
        let lines = |done: &str| {
            ["Stand-up: 3 occurrences", "Review: one occurrence"]
                .map(|what| format!("{what} of the series no longer in the mailbox, {done} in the CRM"))
        };
        assert_eq!(told(false), lines("taken away"));
        assert_eq!(told(true), lines("held"));
    }
}
