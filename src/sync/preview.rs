//! The preview: the very cycle, on a copy of the rows, against sides that only rehearse. What it would do is listed;
//! nothing is written, on no side and in no row.

use crate::context::{CycleContext, CycleFault, FeedContext, Record};
use crate::cycle::run_cycle;
use crate::feed::run_feed;
use crate::rehearsal::Rehearsal;
use crate::scratch::Scratch;
use riva_core::history::{Deed, DeedSink, Preview};
use riva_core::ids::CrmUserId;
use riva_core::ports::CrmSystem;
use std::sync::{Arc, Mutex, PoisonError};

/// When so many deeds are listed, it is enough.
const MOST: usize = 20_000;

#[derive(Default)]
struct List(Mutex<Vec<Deed>>);

impl List {
    fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl DeedSink for List {
    fn deed(&self, deed: Deed) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(deed);
    }
}

/// What the next cycle of a member would do, with all its slices. `ctx` is that of the cycle; its sides are only read,
/// its store too.
///
/// # Errors
/// The store cannot be read. A side that does not work ends the list, and is named in it.
pub async fn preview(
    ctx: &CycleContext<'_>,
    crm: &dyn CrmSystem,
    user: &CrmUserId,
) -> Result<Preview, CycleFault> {
    preview_up_to(ctx, crm, user, MOST).await
}

/// The same, with no further slice when so many deeds are listed.
pub(crate) async fn preview_up_to(
    ctx: &CycleContext<'_>,
    crm: &dyn CrmSystem,
    user: &CrmUserId,
    most: usize,
) -> Result<Preview, CycleFault> {
    let modules = ctx.policy.modules.enabled();
    let store = Scratch::of(ctx.store, ctx.member.id, &modules).await?;
    let list = List::default();
    let rehearsed = CycleContext {
        mail: Arc::new(Rehearsal::of(Arc::clone(&ctx.mail))),
        crm: Arc::new(Rehearsal::of(Arc::clone(&ctx.crm))),
        store: &store,
        record: Record { deeds: Some(&list), before: false, ..ctx.record },
        ..*ctx
    };
    let members = [(ctx.member.id, user.clone())];
    let feed = FeedContext {
        connection: &ctx.member.crm,
        crm,
        members: &members,
        modules: &modules,
        store: &store,
        stop: ctx.stop,
    };
    let mut ended = run_feed(&feed).await.err().map(|fault| fault.to_string());
    let mut was_idle = false;
    while ended.is_none() {
        let before = list.len();
        let outcome = run_cycle(&rehearsed).await;
        ended = match outcome.fault {
            Some(CycleFault::Store(error)) => return Err(error.into()),
            Some(fault) => Some(fault.to_string()),
            None if outcome.more_work && list.len() >= most => {
                Some(format!("There is more: the first {} are listed.", list.len()))
            }
            None => None,
        };
        // One slice may only prepare what the next one does. Two that do nothing would do so for ever.
        let does_nothing = list.len() == before;
        if !outcome.more_work || was_idle && does_nothing {
            break;
        }
        was_idle = does_nothing;
    }
    let deeds = list.0.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(Preview { member: ctx.member.id, deeds, ended })
}
