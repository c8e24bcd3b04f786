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
