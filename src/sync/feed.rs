//! The change feed of a CRM connection: read once for all its members, and handed out to those whom each record
//! concerns.

use crate::context::{CycleFault, FeedContext, FeedOutcome};
use riva_core::fault::CallError;
use riva_core::ids::{Cursor, MemberId, RemoteId};
use riva_core::item::Module;
use riva_core::ports::{Change, FeedPage, StoreError};
use riva_core::rows::{FeedScope, Ingest, Observation, Presence, Side};
use std::collections::{BTreeMap, BTreeSet};

/// Reads what changed in a CRM since the last time.
///
/// The first reading of a feed only finds out where "from now on" begins; members list their own records in their first
/// cycle, which must come after it.
///
/// # Errors
/// The CRM does not work, or the store. What was read until then is stored.
pub async fn run_feed(ctx: &FeedContext<'_>) -> Result<FeedOutcome, CycleFault> {
    let mut outcome = FeedOutcome::default();
    // A log is asked about single messages, and tells of nothing by itself.
    for module in ctx.modules.iter().filter(|module| !module.is_log()) {
        read_module(ctx, *module, &mut outcome).await?;
    }
    Ok(outcome)
}

/// The name of the fact that says how often, and where, a connection's feed began: members that listed under another
/// beginning list again.
pub(crate) fn epoch_fact(connection: &riva_core::ids::ConnectionName, module: Module) -> String {
    format!("feed-epoch/{connection}/{}", module.as_str())
}

async fn read_module(
    ctx: &FeedContext<'_>,
    module: Module,
    outcome: &mut FeedOutcome,
) -> Result<(), CycleFault> {
    let scope = FeedScope::Connection(ctx.connection.clone());
    let mut lost = false;
    loop {
        if ctx.stop.stopped() {
            return Err(CycleFault::Stopped);
        }
        let cursor = ctx.store.cursor(&scope, module, Side::Crm).await?;
        let page = match ctx.crm.feed(module, cursor.as_ref()).await {
            Ok(page) => page,
            // Once: a CRM that goes on losing it would be asked for ever.
            Err(CallError::CursorLost(why)) if cursor.is_some() && !lost => {
                tracing::warn!(connection = %ctx.connection, %module, why, "the feed was lost: members list anew");
                (lost, outcome.cursor_lost) = (true, true);
                ctx.store.forget_cursor(&scope, module, Side::Crm).await?;
                continue;
            }
            Err(error) => return Err(CycleFault::of(Side::Crm, error)),
        };
        outcome.changes += page.changes.len() as u64;
        let observations = hand_out(ctx, module, &page).await?;
        outcome.observations += observations.len() as u64;
        let (more, next) = (page.more, page.cursor);
        let unchanged = observations.is_empty() && cursor.as_ref() == Some(&next);
        if cursor.is_none() {
            begins(ctx, module, &next).await?;
        }
        if !unchanged {
            let ingest = Ingest {
                scope: scope.clone(),
                module,
                side: Side::Crm,
                observations,
                after: cursor,
                cursor: Some(next),
            };
            match ctx.store.ingest(0, &ingest).await {
                // Another agent reads it, too: on from where that one is. What this page told stands in its pages, or in
                // those that follow.
                Err(StoreError::Overtaken) => continue,
                stored => stored?,
            }
        }
        if !more {
            return Ok(());
        }
    }
}

/// The feed begins anew, from "now on": whoever has listed before must list again. That is written down before the feed's
/// place is: of two readers who begin at once, one at most is believed, and nobody has listed under that one's beginning
/// before it was there.
async fn begins(ctx: &FeedContext<'_>, module: Module, at: &Cursor) -> Result<(), CycleFault> {
    let fact = epoch_fact(ctx.connection, module);
    let known = ctx.store.fact(&fact).await?;
    let times: u64 = known.and_then(|e| e.split(' ').next()?.parse().ok()).unwrap_or(0);
    Ok(ctx.store.set_fact(&fact, &format!("{} {at}", times + 1)).await?)
}

/// Whom each change concerns: those the record belongs to now, and those who have a row of it.
async fn hand_out(
    ctx: &FeedContext<'_>,
    module: Module,
    page: &FeedPage,
) -> Result<Vec<Observation>, CycleFault> {
    let members: Vec<MemberId> = ctx.members.iter().map(|(member, _)| *member).collect();
    let ids: Vec<RemoteId> = page
        .changes
        .iter()
        .map(|c| match &c.change {
            Change::Seen { id, .. } | Change::Deleted { id } => id.clone(),
        })
        .collect();
    // What is gone may be what a member has just made: there is no row of it yet, and no feed will tell again. Whoever makes
    // anything is told; what is not theirs says nothing to them. They are asked for first: one whose create is recorded in
    // the meantime has a row then.
    let gone = page.changes.iter().any(|c| matches!(c.change, Change::Deleted { .. }));
    let makers = if gone { ctx.store.makers(&members, module, Side::Crm).await? } else { Vec::new() };
    let mut holders: BTreeMap<RemoteId, BTreeSet<MemberId>> = BTreeMap::new();
    for (member, id) in ctx.store.holders(&members, module, Side::Crm, &ids).await? {
        holders.entry(id).or_default().insert(member);
    }
    let mut observations = Vec::new();
    for change in &page.changes {
        match &change.change {
            Change::Deleted { id } => {
                let mut whom = holders.get(id).cloned().unwrap_or_default();
                whom.extend(&makers);
                for member in whom {
                    observations.push(Observation {
                        member,
                        id: id.clone(),
                        presence: Presence::Deleted,
                        version: None,
                    });
                }
            }
            Change::Seen { id, version } => {
                let concerned =
                    ctx.members.iter().filter(|(_, user)| change.concerns.contains(user)).map(|(m, _)| *m);
                let mut whom: BTreeSet<MemberId> = holders.get(id).cloned().unwrap_or_default();
                whom.extend(concerned);
                for member in whom {
                    // Whether it is still in the member's sight is found out when it is read.
                    observations.push(Observation {
                        member,
                        id: id.clone(),
                        presence: Presence::Present,
                        version: Some(version.clone()),
                    });
                }
            }
        }
    }
    Ok(observations)
}

#[cfg(test)]
mod tests;
