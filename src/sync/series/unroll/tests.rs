//! Which rows are those of a series' occurrences.

use super::PAGE;
use crate::module_cycle::ModuleCycle;
use crate::plan::{BothCaps, ModuleRules};
use crate::scripted::Bench;
use crate::simulator::world::run_until_killed;
use riva_core::documents::CalendarPolicy;
use riva_core::ids::{MemberId, RemoteId};
use riva_core::item::{Module, RecurrenceId};
use riva_core::rows::{Commit, ItemRow, Presence, Side};

fn row(id: &RemoteId) -> ItemRow {
    ItemRow {
        member: MemberId(1),
        module: Module::Calendar,
        side: Side::Mail,
        id: id.clone(),
        version: "1".into(),
        presence: Presence::Present,
        dirty: false,
        seen: 1,
        pair: None,
        match_keys: None,
    }
}

/// However many there are, and whatever ids stand between theirs: an id is the system's own, and may look like one of ours.
#[test]
fn the_occurrences_of_a_series_are_those_whose_ids_name_it() {
    let start = RecurrenceId::parse("20261124T090000").expect("a day").wall();
    let hour = |n: i64| RecurrenceId::Wall(start + chrono::Duration::hours(n));
    let series = ["s", "s#", "s#2026", "s#20261125T090000", "s#z", "t", "r"].map(RemoteId::from);
    // More than a page of the first one; that of the second is full to the last row.
    let most = |n: usize| i64::try_from(n).expect("so many");
    let mut bench = Bench::new(|_, _| {});
    bench.policy.modules.calendar = Some(CalendarPolicy::default());
    for (n, id) in series.iter().enumerate() {
        let hours = [most(PAGE) + 100, 3, most(PAGE), 2, 5, 4, 0];
        let ids = (0..hours[n]).map(|n| id.occurrence(hour(n))).chain([id.clone(), "s#no day".into()]);
        let rows = ids.map(|id| row(&id)).collect();
        bench.store.take_over(&Commit { items: rows, ..Commit::default() });
    }
    let ctx = bench.context();
    let (mail, crm) = (bench.mail.module(Module::Calendar), bench.crm.module(Module::Calendar));
    let rules = ModuleRules::of(&bench.policy, Module::Calendar).expect("it is synced");
    let caps = BothCaps { mail: &mail, crm: &crm };
    let cycle = ModuleCycle::new(&ctx, Module::Calendar, Bench::hasher(), caps, rules);
    for id in &series {
        let known = run_until_killed(cycle.known_occurrences(Side::Mail, id)).expect("nothing waits");
        let known: Vec<RemoteId> = known.expect("in memory").into_values().map(|row| row.id).collect();
        let rows = bench.store.all_items().into_iter().map(|row| row.id);
        let of_it = rows.filter(|row| row.as_occurrence().is_some_and(|(series, _)| series == *id));
        assert_eq!(known, of_it.collect::<Vec<_>>(), "{id}");
    }
}
