//! Observation of one member: changes of the mailbox, listings of both sides. Pages become rows, each page in one
//! transaction with the cursor after it.

use crate::context::{CycleContext, CycleFault};
use crate::feed::epoch_fact;
use chrono::{DateTime, Utc};
use riva_core::activity::{Level, Progress, SyncEvent};
use riva_core::fault::CallError;
use riva_core::ids::RemoteId;
use riva_core::item::Module;
use riva_core::ports::{Change, ModuleCapabilities};
use riva_core::rows::{FeedScope, Ingest, Observation, Presence, Side};
use std::collections::BTreeSet;

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
    roll_window(ctx, module).await?;
    mail_changes(ctx, module, &mut observed).await?;
    crm_listing(ctx, module).await?;
    for (side, caps) in [(Side::Mail, mail), (Side::Crm, crm)] {
        if caps.deletions_by_listing {
            delete_poll(ctx, module, side).await?;
        }
    }
    Ok(observed)
}

fn scope(ctx: &CycleContext<'_>) -> FeedScope {
    FeedScope::Member(ctx.member.id)
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
        let page = match ctx.mail.changes(module, cursor.as_ref()).await {
            Ok(page) => page,
            Err(CallError::CursorLost(why)) if cursor.is_some() => {
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
async fn crm_listing(ctx: &CycleContext<'_>, module: Module) -> Result<(), CycleFault> {
    let epoch = ctx.store.fact(&epoch_fact(&ctx.member.crm, module)).await?.unwrap_or_else(|| "0".into());
    let fact = format!("listed/{}/{}", ctx.member.id.0, module.as_str());
    if ctx.store.fact(&fact).await?.as_ref() == Some(&epoch) {
        return Ok(());
    }
    list(ctx, module, Side::Crm, |_| {}).await?;
    ctx.store.set_fact(&fact, &epoch).await?;
    Ok(())
}

/// Lists a side whole; rows become dirty where the listing shows something new.
async fn list(
    ctx: &CycleContext<'_>,
    module: Module,
    side: Side,
    mut each: impl FnMut(&RemoteId),
) -> Result<(), CycleFault> {
    let window = ctx.window(module);
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
            let ingest = Ingest { scope: scope(ctx), module, side, observations, cursor: None };
            ctx.store.ingest(ctx.fence, &ingest).await?;
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

/// Where a system tells of deletions in no other way: what is missing in a full listing is to be probed by id.
async fn delete_poll(ctx: &CycleContext<'_>, module: Module, side: Side) -> Result<(), CycleFault> {
    let fact = format!("delete-poll/{}/{}/{}", ctx.member.id.0, module.as_str(), side.as_str());
    let now = ctx.clock.now();
    let last: Option<DateTime<Utc>> = ctx.store.fact(&fact).await?.and_then(|at| at.parse().ok());
    let interval = chrono::Duration::minutes(i64::from(ctx.policy.schedule.delete_poll_minutes));
    let due = last.is_none_or(|at| now - at >= interval) || ctx.member.urgent;
    if !due {
        return Ok(());
    }
    let mut listed = BTreeSet::new();
    list(ctx, module, side, |id| {
        listed.insert(id.clone());
    })
    .await?;
    let mut after: Option<RemoteId> = None;
    loop {
        let rows = ctx.store.items(ctx.member.id, module, side, after.as_ref(), 500).await?;
        let Some(last) = rows.last() else { break };
        after = Some(last.id.clone());
        let observations: Vec<Observation> = rows
            .iter()
            .filter(|row| {
                row.presence == Presence::Present && row.pair.is_some() && !listed.contains(&row.id)
            })
            .map(|row| Observation {
                member: ctx.member.id,
                id: row.id.clone(),
                presence: Presence::Missing,
                version: None,
            })
            .collect();
        if !observations.is_empty() {
            let ingest = Ingest { scope: scope(ctx), module, side, observations, cursor: None };
            ctx.store.ingest(ctx.fence, &ingest).await?;
        }
    }
    ctx.store.set_fact(&fact, &now.to_rfc3339()).await?;
    Ok(())
}

/// Events that lay outside the window are looked at again when it has moved on by a day.
async fn roll_window(ctx: &CycleContext<'_>, module: Module) -> Result<(), CycleFault> {
    if ctx.window(module).is_none() {
        return Ok(());
    }
    let fact = format!("window/{}/{}", ctx.member.id.0, module.as_str());
    let today = ctx.clock.now().date_naive().to_string();
    let known = ctx.store.fact(&fact).await?;
    if known.as_ref() == Some(&today) {
        return Ok(());
    }
    if known.is_some() {
        for side in [Side::Mail, Side::Crm] {
            let mut after: Option<RemoteId> = None;
            loop {
                let rows = ctx.store.items(ctx.member.id, module, side, after.as_ref(), 500).await?;
                let Some(last) = rows.last() else { break };
                after = Some(last.id.clone());
                let observations: Vec<Observation> = rows
                    .iter()
                    .filter(|row| row.presence == Presence::OutOfScope && row.pair.is_none())
                    .map(|row| Observation {
                        member: ctx.member.id,
                        id: row.id.clone(),
                        presence: Presence::Present,
                        version: None,
                    })
                    .collect();
                if !observations.is_empty() {
                    let ingest = Ingest { scope: scope(ctx), module, side, observations, cursor: None };
                    ctx.store.ingest(ctx.fence, &ingest).await?;
                }
            }
        }
    }
    Ok(ctx.store.set_fact(&fact, &today).await?)
}

pub(crate) fn progress(ctx: &CycleContext<'_>, module: Module, phase: &str, done: u64) {
    ctx.events.emit(SyncEvent::Progress(Progress { module, phase: phase.to_owned(), done, total: 0 }));
}
