//! The items of a member that are not kept in step, with their reasons, from the engine's rows.

use riva_core::documents::{Direction, PolicyModules};
use riva_core::ids::{MemberId, PairId, RemoteId};
use riva_core::item::Module;
use riva_core::not_synced::{NotSynced, NotSyncedKind, title_in};
use riva_core::ports::{StoreError, SyncStore};
use riva_core::rows::{ItemRow, PairRow, PairState, Presence, Side};

/// Rows read at once.
const PAGE: usize = 500;

/// All of them. The modules are those of the member's policy, where it is known.
pub(crate) async fn not_synced(
    store: &dyn SyncStore,
    member: MemberId,
    modules: Option<&PolicyModules>,
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
        let direction = modules.and_then(|m| m.direction(module));
        // Most messages are nobody's business but their reader's.
        for side in [Side::Mail, Side::Crm].into_iter().filter(|_| !module.is_log()) {
            left_alone(store, member, module, side, direction, &mut all).await?;
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
    direction: Option<Direction>,
    all: &mut Vec<NotSynced>,
) -> Result<(), StoreError> {
    let mut after: Option<RemoteId> = None;
    loop {
        let page = store.items(member, module, side, after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.id.clone());
        for row in page {
            let Some(reason) = why_left_alone(&row, direction) else { continue };
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

fn why_left_alone(row: &ItemRow, direction: Option<Direction>) -> Option<&'static str> {
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
        // What may go to the CRM and did not is private. (An item that the direction keeps back has its match keys.)
        (Presence::Present, Side::Mail)
            if row.match_keys.is_none() || direction.is_some_and(|d| d != Direction::CrmToMail) =>
        {
            Some("Marked private in the mailbox.")
        }
        (Presence::Present, _) => Some("The policy syncs the other way only."),
        (Presence::Deleted | Presence::Missing, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use riva_core::rows::MatchKey;

    fn row(side: Side, match_keys: Option<Vec<MatchKey>>) -> ItemRow {
        ItemRow {
            member: MemberId(1),
            module: Module::Contacts,
            side,
            id: "item".into(),
            version: "1".into(),
            presence: Presence::Present,
            dirty: false,
            seen: 0,
            pair: None,
            match_keys,
        }
    }

    #[test]
    fn a_private_item_is_not_told_as_one_that_the_direction_keeps_back() {
        let known = || Some(Vec::new());
        let why = |row: &ItemRow, direction| why_left_alone(row, Some(direction)).unwrap_or_default();
        let private = "Marked private in the mailbox.";
        let other_way = "The policy syncs the other way only.";
        // Since private items are known as twins, they have match keys as any other.
        assert_eq!(why(&row(Side::Mail, known()), Direction::TwoWay), private);
        assert_eq!(why(&row(Side::Mail, known()), Direction::MailToCrm), private);
        assert_eq!(why(&row(Side::Mail, known()), Direction::CrmToMail), other_way);
        assert_eq!(why(&row(Side::Crm, known()), Direction::MailToCrm), other_way);
        assert_eq!(why_left_alone(&ItemRow { dirty: true, ..row(Side::Mail, None) }, None), None);
    }
}
