//! What we made in a mailbox, or found there by other means than its feed, until that has told of it.
//!
//! A feed tells in what a folder differs from what it was at the last poll: of what came and went in between it need not tell at
//! all (EWS's `SyncFolderItems` goes by what the client was told of; RFC 6578, section 3.5, by what both states have). So an item
//! that we made, and that its user deleted before the next poll, would be taken for one that is still there; so would one that
//! came between a poll and the listing after it, and one that was found by its marker when it had been moved. What the feed has
//! not told of by then is probed by its id.

use crate::asked::Asked;
use crate::context::{CycleContext, CycleFault};
use crate::observe::each_page_of_rows;
use riva_core::item::Module;
use riva_core::rows::{Commit, ItemRow, Presence, Side};
use std::collections::BTreeSet;

/// Whether an item is there, as far as we know, and no feed has told of it. (No feed has occurrences: what becomes of them follows
/// from their series.)
fn is_untold(row: &ItemRow) -> bool {
    let there = row.side == Side::Mail && row.presence == Presence::Present;
    there && row.seen == 0 && row.pair.is_some() && row.id.as_occurrence().is_none()
}

/// Of which modules these rows hold what is to be looked for.
pub(crate) fn modules_of(commit: &Commit) -> BTreeSet<Module> {
    let untold = commit.items.iter().filter(|row| is_untold(row) && !row.module.is_log());
    untold.map(|row| row.module).collect()
}

fn looking(ctx: &CycleContext<'_>, module: Module) -> Asked {
    Asked::of(ctx, "untold", module.as_str())
}

/// Rows are about to be stored of what no feed has told of.
pub(crate) async fn may_come(ctx: &CycleContext<'_>, module: Module) -> Result<(), CycleFault> {
    looking(ctx, module).ask(ctx).await
}

/// The mailbox's feed was read to its end: what came before, and is not told of, is missing until it was probed.
pub(crate) async fn look_for(ctx: &CycleContext<'_>, module: Module) -> Result<(), CycleFault> {
    let Some(looking) = looking(ctx, module).to_do(ctx).await? else { return Ok(()) };
    each_page_of_rows(ctx, module, Side::Mail, |row| is_untold(row).then_some(Presence::Missing)).await?;
    Ok(looking.done(ctx).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::Bench;
    use crate::simulator::world::run_until_killed;
    use crate::work::Work;
    use riva_core::ids::{PairId, RemoteId};
    use riva_core::item::RecurrenceId;

    #[test]
    fn what_is_in_a_pair_and_was_not_told_of_is_missing_until_it_was_probed() {
        let bench = Bench::new(|_, _| {});
        let ctx = bench.context();
        let row = Work::sample().mail.and_then(|read| read.row).expect("it has one");
        let row = |id: &str| ItemRow { id: id.into(), pair: Some(PairId(uuid::Uuid::nil())), ..row.clone() };
        let day = RecurrenceId::parse("20261124T090000").expect("a day");
        let mut items = vec![
            row("untold"),
            ItemRow { pair: None, ..row("no pair") },
            ItemRow { seen: 1, ..row("told") },
            ItemRow { presence: Presence::Deleted, ..row("gone") },
            ItemRow { id: RemoteId::from("series").occurrence(day), ..row("") },
        ];
        let missing = || {
            let looked = run_until_killed(look_for(&ctx, Module::Calendar)).expect("nothing waits");
            looked.expect("it is in memory");
            let rows = bench.store.all_items().into_iter();
            let missing = rows.filter(|row| row.presence == Presence::Missing);
            missing.map(|row| row.id.to_string()).collect::<Vec<_>>()
        };
        let stores = |items: Vec<ItemRow>| {
            let commit = Commit { items, ..Commit::default() };
            run_until_killed(ctx.commit(&commit)).expect("nothing waits").expect("it is in memory");
        };
        bench.store.take_over(&Commit { items: vec![row("early")], ..Commit::default() });
        stores(items.split_off(1));
        assert_eq!(missing(), [""; 0], "nothing of that is to be looked for");
        stores(vec![ItemRow { module: Module::Contacts, ..row("contact") }]);
        assert_eq!(missing(), [""; 0], "of this module");
        stores(items);
        assert_eq!(missing(), ["early", "untold"]);
        bench.store.take_over(&Commit { items: vec![row("late")], ..Commit::default() });
        assert_eq!(missing(), ["early", "untold"], "it was looked for");
        run_until_killed(may_come(&ctx, Module::Calendar)).expect("nothing waits").expect("it is in memory");
        assert_eq!(missing(), ["early", "late", "untold"]);
    }
}
