//! What we made in a mailbox, or saw in a listing alone, until its feed has told of it.
//!
//! A feed tells in what a folder differs from what it was at the last poll: of what came and went in between it need not tell at
//! all (EWS's `SyncFolderItems` goes by what the client was told of; RFC 6578, section 3.5, by what both states have). So an item
//! that we made, and that its user deleted before the next poll, would be taken for one that is still there; so would one that
//! came between a poll and the listing after it. What the feed has not told of by then is probed by its id.

use crate::asked::Asked;
use crate::context::{CycleContext, CycleFault};
use crate::observe::each_page_of_rows;
use riva_core::item::Module;
use riva_core::rows::{Presence, Side};

fn looking(ctx: &CycleContext<'_>, module: Module) -> Asked {
    Asked::of(ctx, "untold", module.as_str())
}

/// Items are about to be made in the mailbox, or listed.
pub(crate) async fn may_come(ctx: &CycleContext<'_>, module: Module) -> Result<(), CycleFault> {
    looking(ctx, module).ask(ctx).await
}

/// The mailbox's feed was read to its end: what came before, and is not told of, is missing until it was probed.
pub(crate) async fn look_for(ctx: &CycleContext<'_>, module: Module) -> Result<(), CycleFault> {
    let Some(looking) = looking(ctx, module).to_do(ctx).await? else { return Ok(()) };
    each_page_of_rows(ctx, module, Side::Mail, |row| {
        // No feed has occurrences: what becomes of them follows from their series.
        let ours = row.pair.is_some() && row.id.as_occurrence().is_none();
        (ours && row.seen == 0 && row.presence == Presence::Present).then_some(Presence::Missing)
    })
    .await?;
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
    use riva_core::rows::{Commit, ItemRow};

    #[test]
    fn what_is_in_a_pair_and_was_not_told_of_is_missing_until_it_was_probed() {
        let bench = Bench::new(|_, _| {});
        let ctx = bench.context();
        let row = Work::sample().mail.and_then(|read| read.row).expect("it has one");
        let row = |id: &str| ItemRow { id: id.into(), pair: Some(PairId(uuid::Uuid::nil())), ..row.clone() };
        let day = RecurrenceId::parse("20261124T090000").expect("a day");
        let items = vec![
            row("untold"),
            ItemRow { pair: None, ..row("no pair") },
            ItemRow { seen: 1, ..row("told") },
            ItemRow { presence: Presence::Deleted, ..row("gone") },
            ItemRow { id: RemoteId::from("series").occurrence(day), ..row("") },
        ];
        let commit = Commit { items, ..Commit::default() };
        run_until_killed(ctx.commit(&commit)).expect("nothing waits").expect("it is in memory");
        let missing = || {
            let looked = run_until_killed(look_for(&ctx, Module::Calendar)).expect("nothing waits");
            looked.expect("it is in memory");
            let rows = bench.store.all_items().into_iter();
            let missing = rows.filter(|row| row.presence == Presence::Missing);
            missing.map(|row| row.id.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(missing(), [""; 0], "nothing may have come");
        run_until_killed(may_come(&ctx, Module::Contacts)).expect("nothing waits").expect("it is in memory");
        assert_eq!(missing(), [""; 0], "of this module");
        run_until_killed(may_come(&ctx, Module::Calendar)).expect("nothing waits").expect("it is in memory");
        assert_eq!(missing(), ["untold"]);
        let later = Commit { items: vec![row("later")], ..Commit::default() };
        run_until_killed(ctx.commit(&later)).expect("nothing waits").expect("it is in memory");
        assert_eq!(missing(), ["untold"], "it was looked for");
    }
}
