//! The items of a member that are not kept in step, with their reasons, from the engine's rows.

use riva_core::ids::{MemberId, PairId, RemoteId};
use riva_core::item::Module;
use riva_core::not_synced::{NotSynced, NotSyncedKind, title_in};
use riva_core::ports::{StoreError, SyncStore};
use riva_core::rows::{ItemRow, PairRow, PairState, Presence, Side};

/// Rows read at once.
const PAGE: usize = 500;

/// All of them.
pub(crate) async fn not_synced(
    store: &dyn SyncStore,
    member: MemberId,
) -> Result<Vec<NotSynced>, StoreError> {
    let mut all = Vec::new();
    for module in [Module::Contacts, Module::Calendar, Module::Tasks, Module::Email] {
        for (state, kind) in [
            (PairState::Held, NotSyncedKind::Held),
            (PairState::Quarantined, NotSyncedKind::Failed),
            (PairState::Detached, NotSyncedKind::Detached),
        ] {
            pairs(store, member, module, state, kind, &mut all).await?;
        }
        // Most messages are nobody's business but their reader's.
        for side in [Side::Mail, Side::Crm].into_iter().filter(|_| !module.is_log()) {
            left_alone(store, member, module, side, &mut all).await?;
        }
    }
    Ok(all)
}

async fn pairs(
    store: &dyn SyncStore,
    member: MemberId,
    module: Module,
    state: PairState,
    kind: NotSyncedKind,
    all: &mut Vec<NotSynced>,
) -> Result<(), StoreError> {
    let mut after: Option<PairId> = None;
    loop {
        let page = store.pairs_in(member, module, state, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.id);
        for pair in page {
            let journal = store.journal(pair.id).await?;
            let PairRow { id, mail, crm, reason, .. } = pair;
            all.push(NotSynced {
                member,
                module,
                kind,
                pair: Some(id),
                title: title_in(&journal, reason.as_deref().unwrap_or_default()),
                reason: reason.unwrap_or_else(|| "No reason was written down.".into()),
                mail_id: mail.map(|side| side.id),
                crm_id: crm.map(|side| side.id),
                since: journal.last().map(|line| line.at),
                history: journal.into_iter().map(|line| line.text).collect(),
            });
        }
    }
}

/// Items that were looked at and belong to no pair: the policy leaves them alone.
async fn left_alone(
    store: &dyn SyncStore,
    member: MemberId,
    module: Module,
    side: Side,
    all: &mut Vec<NotSynced>,
) -> Result<(), StoreError> {
    let mut after: Option<RemoteId> = None;
    loop {
        let page = store.items(member, module, side, after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.id.clone());
        for row in page {
            let Some(reason) = why_left_alone(&row) else { continue };
            let id = Some(row.id);
            let (mail_id, crm_id) = if side == Side::Mail { (id, None) } else { (None, id) };
            all.push(NotSynced {
                member,
                module,
                kind: NotSyncedKind::LeftAlone,
                reason: reason.to_owned(),
                pair: None,
                title: None,
                mail_id,
                crm_id,
                since: None,
                history: Vec::new(),
            });
        }
    }
}

fn why_left_alone(row: &ItemRow) -> Option<&'static str> {
    if row.pair.is_some() || row.dirty {
        return None;
    }
    match (row.presence, row.side) {
        (Presence::OutOfScope, _) if row.module == Module::Calendar => {
            Some("Outside the calendar window of the policy.")
        }
        (Presence::OutOfScope, _) if row.module == Module::Tasks => {
            Some("No task, or out of this user's sight.")
        }
        (Presence::OutOfScope, _) => Some("Not a person (a group of contacts), or out of this user's sight."),
        (Presence::Present, Side::Mail) if row.match_keys.is_none() => Some("Marked private in the mailbox."),
        (Presence::Present, _) => Some("The policy syncs the other way only."),
        (Presence::Deleted | Presence::Missing, _) => None,
    }
}
