//! Observation of one member: changes of the mailbox, listings of both sides. Pages become rows, each page in one
//! transaction with the cursor after it.

use crate::asked::Asked;
use crate::context::{CycleContext, CycleFault};
use crate::feed::epoch_fact;
use crate::messages;
use crate::restored;
use crate::untold;
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use riva_core::activity::{Level, Progress, SyncEvent};
use riva_core::fault::CallError;
use riva_core::ids::{Cursor, RemoteId, Version};
use riva_core::item::Module;
use riva_core::ports::{Change, ChangePage, ModuleCapabilities, Window};
use riva_core::rows::{FeedScope, Ingest, ItemRow, Observation, Presence, Side};
use std::collections::{BTreeMap, BTreeSet};

/// What observing found out besides rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Observed {
    /// A cursor was lost: nothing may be deleted in this cycle.
    pub cursor_lost: bool,
}

/// Observes one module of one member on both sides.
pub(crate) async fn observe(
    ctx: &CycleContext<'_>,
    module: Module,
    mail: &ModuleCapabilities,
    crm: &ModuleCapabilities,
) -> Result<Observed, CycleFault> {
    let mut observed = Observed::default();
    if module.is_log() {
        // Nothing that becomes of a message on either side is of interest once it is logged: nothing is compared.
        messages::make_folders(ctx).await?;
        mail_changes(ctx, module, &mut observed).await?;
        return Ok(observed);
    }
    roll_window(ctx, module, crm).await?;
    mail_changes(ctx, module, &mut observed).await?;
    untold::look_for(ctx, module).await?;
    crm_listing(ctx, module, crm, &mut observed).await?;
    for (side, caps) in [(Side::Mail, mail), (Side::Crm, crm)] {
        delete_poll(ctx, module, side, caps).await?;
    }
    Ok(observed)
}

fn scope(ctx: &CycleContext<'_>) -> FeedScope {
    FeedScope::Member(ctx.member.id)
}

async fn page_of(
    ctx: &CycleContext<'_>,
    module: Module,
    cursor: Option<&Cursor>,
) -> Result<Result<ChangePage, CallError>, CycleFault> {
    let Some(source) = ctx.mail.message_source().filter(|_| module.is_log()) else {
        return Ok(ctx.mail.changes(module, cursor).await);
    };
    let Some(folders) = messages::folders(ctx).await? else {
        return Err(CycleFault::of(Side::Mail, CallError::CursorLost("e-mail is not synced".into())));
    };
    Ok(source.messages(&folders, cursor).await)
}

async fn mail_changes(
    ctx: &CycleContext<'_>,
    module: Module,
    observed: &mut Observed,
) -> Result<(), CycleFault> {
    let mut seen = 0_u64;
    loop {
        if ctx.stop.stopped() {
            return Err(CycleFault::Stopped);
        }
        let cursor = ctx.store.cursor(&scope(ctx), module, Side::Mail).await?;
        let page = match page_of(ctx, module, cursor.as_ref()).await? {
            Ok(page) => page,
            // Once: a mailbox that goes on losing it would be listed for ever.
            Err(CallError::CursorLost(why)) if cursor.is_some() && !observed.cursor_lost => {
                ctx.line(
                    Level::Warning,
                    Some(module),
                    format!("The mailbox no longer knows where the last poll ended ({why}); listing everything again. Nothing is deleted in this cycle."),
                );
                observed.cursor_lost = true;
                ctx.store.forget_cursor(&scope(ctx), module, Side::Mail).await?;
                continue;
            }
            Err(error) => return Err(CycleFault::of(Side::Mail, error)),
        };
        if cursor.is_none() && !module.is_log() && is_known(ctx, module).await? {
            // What was deleted since it was known is told by no change any more: the listings are compared. That is asked for
            // before the cursor is stored, whoever has forgotten the last one.
            comparison(ctx, module, Side::Mail).ask(ctx).await?;
        }
        let observations: Vec<Observation> = page
            .changes
            .into_iter()
            .map(|change| match change {
                Change::Seen { id, version } => Observation {
                    member: ctx.member.id,
                    id,
                    presence: Presence::Present,
                    version: Some(version),
                },
                Change::Deleted { id } => {
                    Observation { member: ctx.member.id, id, presence: Presence::Deleted, version: None }
                }
            })
            .collect();
        seen += observations.len() as u64;
        if cursor.is_none() || page.more {
            progress(ctx, module, "reading the mailbox", seen);
        }
        if !observations.is_empty() || cursor.as_ref() != Some(&page.cursor) {
            let ingest = Ingest {
                scope: scope(ctx),
                module,
                side: Side::Mail,
                observations,
                after: cursor,
                cursor: Some(page.cursor),
            };
            ctx.store.ingest(ctx.fence, &ingest).await?;
        }
        if !page.more {
            return Ok(());
        }
    }
}

/// The CRM's feed starts at "from now on": what was there before is listed once per member, and again when the feed was
/// lost.
async fn crm_listing(
    ctx: &CycleContext<'_>,
    module: Module,
    caps: &ModuleCapabilities,
    observed: &mut Observed,
) -> Result<(), CycleFault> {
    let epoch = ctx.store.fact(&epoch_fact(&ctx.member.crm, module)).await?.unwrap_or_else(|| "0".into());
    let fact = format!("listed/{}/{}", ctx.member.id.0, module.as_str());
    let known = ctx.store.fact(&fact).await?;
    if known.as_ref() == Some(&epoch) {
        return Ok(());
    }
    observed.cursor_lost |= known.is_some();
    compare(ctx, module, Side::Crm, caps).await?;
    Ok(ctx.store.set_fact(&fact, &epoch).await?)
}

/// Lists a side, in the calendar what lies in the window; rows become dirty where the listing shows something new.
async fn list(
    ctx: &CycleContext<'_>,
    module: Module,
    side: Side,
    caps: &ModuleCapabilities,
    window: Option<Window>,
    mut each: impl FnMut(&RemoteId),
) -> Result<(), CycleFault> {
    let (mut after, mut seen) = (None, 0_u64);
    loop {
        if ctx.stop.stopped() {
            return Err(CycleFault::Stopped);
        }
        let page =
            ctx.side(side).list(module, window, after.as_ref()).await.map_err(|e| CycleFault::of(side, e))?;
        seen += page.items.len() as u64;
        progress(
            ctx,
            module,
            if side == Side::Mail { "reading the mailbox" } else { "reading the CRM" },
            seen,
        );
        if caps.versions_in_order {
            let ids: Vec<RemoteId> = page.items.iter().map(|listed| listed.id.clone()).collect();
            let rows = ctx.store.items_by_id(ctx.member.id, module, side, &ids).await?;
            let now: BTreeMap<&RemoteId, &Version> =
                page.items.iter().map(|listed| (&listed.id, &listed.version)).collect();
            let seen = rows.iter().filter_map(|row| Some((&row.id, &row.version, *now.get(&row.id)?)));
            restored::none_is_older(ctx, module, side, seen).await?;
        }
        let observations: Vec<Observation> = page
            .items
            .into_iter()
            .map(|listed| {
                each(&listed.id);
                Observation {
                    member: ctx.member.id,
                    id: listed.id,
                    presence: Presence::Present,
                    version: Some(listed.version),
                }
            })
            .collect();
        if !observations.is_empty() {
            let ingest = Ingest { scope: scope(ctx), module, side, observations, after: None, cursor: None };
            ctx.store.ingest(ctx.fence, &ingest).await?;
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

/// Whether anything is known of what the mailbox holds.
async fn is_known(ctx: &CycleContext<'_>, module: Module) -> Result<bool, CycleFault> {
    Ok(!ctx.store.items(ctx.member.id, module, Side::Mail, None, 1).await?.is_empty())
}

/// A delete poll that is due at once.
pub(crate) fn comparison(ctx: &CycleContext<'_>, module: Module, side: Side) -> Asked {
    Asked::of(ctx, "compare", &format!("{}/{}", module.as_str(), side.as_str()))
}

/// When a delete poll was made last.
fn delete_poll_fact(ctx: &CycleContext<'_>, module: Module, side: Side) -> String {
    format!("delete-poll/{}/{}/{}", ctx.member.id.0, module.as_str(), side.as_str())
}

/// Compares listings: often where a system tells of deletions in no other way, once a day elsewhere, as a safety net.
async fn delete_poll(
    ctx: &CycleContext<'_>,
    module: Module,
    side: Side,
    caps: &ModuleCapabilities,
) -> Result<(), CycleFault> {
    let fact = delete_poll_fact(ctx, module, side);
    let now = ctx.clock.now();
    let known = ctx.store.fact(&fact).await?;
    let last: Option<DateTime<Utc>> = known.as_ref().and_then(|at| at.parse().ok());
    let interval = if caps.deletions_by_listing {
        chrono::Duration::minutes(i64::from(ctx.policy.schedule.delete_poll_minutes))
    } else {
        chrono::Duration::days(1)
    };
    let asked_for = caps.deletions_by_listing && ctx.member.urgent;
    let to_do = comparison(ctx, module, side).to_do(ctx).await?;
    let due = asked_for || to_do.is_some() || last.is_some_and(|at| now - at >= interval);
    if due {
        compare(ctx, module, side, caps).await?;
    }
    if due || last.is_none() {
        ctx.store.set_fact(&fact, &now.to_rfc3339()).await?;
    }
    if let Some(to_do) = to_do {
        to_do.done(ctx).await?;
    }
    Ok(())
}

/// Lists a side whole. What is missing there is to be probed by id: absence alone deletes nothing.
async fn compare(
    ctx: &CycleContext<'_>,
    module: Module,
    side: Side,
    caps: &ModuleCapabilities,
) -> Result<(), CycleFault> {
    if side == Side::Mail {
        // What its listing shows may have come after its feed was read.
        untold::may_come(ctx, module).await?;
    }
    let mut listed = BTreeSet::new();
    list(ctx, module, side, caps, ctx.window(module), |id| {
        listed.insert(id.clone());
    })
    .await?;
    each_page_of_rows(ctx, module, side, |row| {
        // No listing has occurrences: what becomes of them follows from their series.
        let listable = row.pair.is_some() && row.id.as_occurrence().is_none();
        let missing = row.presence == Presence::Present && listable && !listed.contains(&row.id);
        missing.then_some(Presence::Missing)
    })
    .await
}

/// Goes through all rows of a side; where `presence` says so, it is noted as an observation.
pub(crate) async fn each_page_of_rows(
    ctx: &CycleContext<'_>,
    module: Module,
    side: Side,
    presence: impl Fn(&ItemRow) -> Option<Presence>,
) -> Result<(), CycleFault> {
    let mut after: Option<RemoteId> = None;
    loop {
        let rows = ctx.store.items(ctx.member.id, module, side, after.as_ref(), 500).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = Some(last.id.clone());
        let observations: Vec<Observation> = rows
            .iter()
            .filter_map(|row| {
                let presence = presence(row)?;
                Some(Observation { member: ctx.member.id, id: row.id.clone(), presence, version: None })
            })
            .collect();
        if !observations.is_empty() {
            let ingest = Ingest { scope: scope(ctx), module, side, observations, after: None, cursor: None };
            ctx.store.ingest(ctx.fence, &ingest).await?;
        }
    }
}

/// Events that lay outside the window are looked at again when it has moved on by a day. Of those that lay beyond it when the
/// CRM was listed nothing is known: they are listed now.
async fn roll_window(
    ctx: &CycleContext<'_>,
    module: Module,
    crm: &ModuleCapabilities,
) -> Result<(), CycleFault> {
    let Some(window) = ctx.window(module) else { return Ok(()) };
    let fact = format!("window/{}/{}", ctx.member.id.0, module.as_str());
    let now = ctx.clock.now();
    let today = now.date_naive().to_string();
    let known = ctx.store.fact(&fact).await?;
    if known.as_ref() == Some(&today) {
        return Ok(());
    }
    if let Some(then) = known.and_then(|day| day.parse::<NaiveDate>().ok()) {
        for side in [Side::Mail, Side::Crm] {
            each_page_of_rows(ctx, module, side, |row| {
                (row.presence == Presence::OutOfScope && row.pair.is_none()).then_some(Presence::Present)
            })
            .await?;
        }
        let ended = then.and_time(NaiveTime::MIN).and_utc() + (window.to - now);
        let new = Window { from: ended.max(window.from).min(window.to), to: window.to };
        list(ctx, module, Side::Crm, crm, Some(new), |_| {}).await?;
    }
    Ok(ctx.store.set_fact(&fact, &today).await?)
}

pub(crate) fn progress(ctx: &CycleContext<'_>, module: Module, phase: &str, done: u64) {
    ctx.events.emit(SyncEvent::Progress(Progress { module, phase: phase.to_owned(), done, total: 0 }));
}

#[cfg(test)]
mod tests;
