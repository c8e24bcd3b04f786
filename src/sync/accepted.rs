//! A connection leads to another database than before (or to the same one as it was: a backup was put back), and an
//! administrator has accepted that.

use crate::context::{CycleContext, CycleFault};
use crate::observe::comparison;
use crate::restored::restored_fact;
use chrono::{DateTime, Utc};
use riva_core::ids::{ConnectionName, Version};
use riva_core::item::Module;
use riva_core::ports::{StoreError, SyncStore};
use riva_core::rows::{Commit, ItemRow, Side};

/// Rows read at once.
const PAGE: usize = 500;

/// At the end of what is noted: what a backup has put back is brought up to date.
const CATCH_UP: &str = " catch-up";

/// An administrator accepts what a connection leads to now. `catch_up`: what is older there than it was before is brought up
/// to date from the other side; otherwise it counts as edited.
pub async fn accept(
    store: &dyn SyncStore,
    connection: &ConnectionName,
    at: DateTime<Utc>,
    catch_up: bool,
) -> Result<(), StoreError> {
    let then = format!("{}{}", at.to_rfc3339(), if catch_up { CATCH_UP } else { "" });
    store.set_fact(&accepted_fact(connection), &then).await?;
    store.set_fact(&restored_fact(connection), "").await
}

/// The name of the fact that says when it was accepted, and how.
fn accepted_fact(connection: &ConnectionName) -> String {
    format!("accepted/{connection}")
}

/// Which acceptances a member's module has not been through yet: of which side, the name of the fact, and what it will say.
pub(crate) struct Accepted(Vec<(Side, String, String)>);

impl Accepted {
    /// Those since the module's last whole cycle.
    pub async fn of(ctx: &CycleContext<'_>, module: Module) -> Result<Self, CycleFault> {
        let mut news = Vec::new();
        for side in [Side::Mail, Side::Crm] {
            let accepted = ctx.store.fact(&accepted_fact(ctx.connection(side))).await?;
            let Some(accepted) = accepted else { continue };
            let own = format!("accepted/{}/{}/{}", ctx.member.id.0, module.as_str(), side.as_str());
            if ctx.store.fact(&own).await?.as_ref() != Some(&accepted) {
                news.push((side, own, accepted));
            }
        }
        Ok(Self(news))
    }

    /// Whether there is one.
    pub fn is_news(&self) -> bool {
        !self.0.is_empty()
    }

    /// The sides that are to be brought up to date.
    pub fn catches_up(&self) -> Vec<Side> {
        self.0.iter().filter(|(.., then)| then.ends_with(CATCH_UP)).map(|(side, ..)| *side).collect()
    }

    /// What says when and how a side was accepted, if that is news.
    pub fn when(&self, of: Side) -> Option<&str> {
        self.0.iter().find(|(side, ..)| *side == of).map(|(.., then)| then.as_str())
    }

    /// The module has been through it.
    pub async fn known(self, ctx: &CycleContext<'_>) -> Result<(), CycleFault> {
        for (_, fact, accepted) in self.0 {
            ctx.store.set_fact(&fact, &accepted).await?;
        }
        Ok(())
    }
}

/// Before any module of a member goes on with a database that was accepted: what was deleted in the meantime is told by no
/// change any more, so that the listings of that side are compared; and in which versions items were seen says nothing of
/// it, so that all are read anew, and none of them is found to be older.
pub(crate) async fn begin_anew(ctx: &CycleContext<'_>) -> Result<(), CycleFault> {
    for module in ctx.policy.modules.enabled() {
        for (side, ..) in Accepted::of(ctx, module).await?.0 {
            comparison(ctx, module, side).ask(ctx).await?;
            let caps = ctx.side(side).capabilities().module(module);
            if caps.is_some_and(|caps| caps.versions_in_order) {
                forget_versions(ctx, module, side).await?;
            }
        }
    }
    Ok(())
}

async fn forget_versions(ctx: &CycleContext<'_>, module: Module, side: Side) -> Result<(), CycleFault> {
    let mut after = None;
    loop {
        let rows = ctx.store.items(ctx.member.id, module, side, after.as_ref(), PAGE).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = Some(last.id.clone());
        let items = rows.into_iter().map(|row| ItemRow { version: Version::default(), ..row }).collect();
        ctx.commit(&Commit { items, ..Commit::default() }).await?;
    }
}
