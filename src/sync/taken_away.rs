//! Items that were taken away on a side: after their twins, because they became private, or because another sync had left
//! them.

use crate::first_sync::left_over::{self, DELETED, MOVED};
use crate::work::{Fate, Work, Write};
use riva_core::rows::{Commit, ItemRow, PairState, Presence, Side};

/// Why a pair is done with whose item was deleted on this side, and then by us on the other one.
pub(crate) fn deleted_after(side: Side) -> String {
    format!("Deleted in the {}, and here after it.", side.title())
}

/// Records that an item was taken away on a side.
pub(crate) fn deleted(side: Side, work: &mut Work, write: &Write, commit: &mut Commit) {
    let frees_origin = matches!(write, Write::Delete { frees_origin: true, .. });
    work.pair.state = PairState::Tombstoned;
    work.pair.attempts = 0;
    work.pair.next_try = None;
    work.pair.reason = Some(match write {
        Write::Move { .. } => MOVED.to_owned(),
        Write::Delete { frees_origin: true, .. } => {
            format!("Marked private in the {}: deleted in the {}.", side.other().title(), side.title())
        }
        _ if work.pair.side(side).is_some_and(left_over::is_noted) => DELETED.to_owned(),
        _ => deleted_after(side.other()),
    });
    for (of, read) in [(Side::Mail, &work.mail), (Side::Crm, &work.crm)] {
        let Some(row) = read.as_ref().and_then(|r| r.row.clone()) else { continue };
        let origin = frees_origin && of != side;
        let (presence, pair) = if origin { (row.presence, None) } else { (Presence::Deleted, row.pair) };
        let match_keys = row.match_keys.clone().filter(|_| !origin);
        commit.items.push(ItemRow { presence, pair, dirty: false, match_keys, ..row });
    }
    if frees_origin {
        work.pair.set_free();
    }
    commit.pairs.push(work.pair.clone());
    work.fate = Fate::Done;
}
