//! What the answer to a write leaves behind: rows, journal, counts, holds, and what is kept for an undo.

use super::*;
use crate::scripted::visits::{SIDES, hashes, id, linked, pair_side, row, to_write, visit};
use crate::scripted::{Bench, unavailable, written};
use crate::taken_away::deleted_after;
use riva_core::ids::MemberId;
use riva_core::item::{Field, Value};
use riva_core::ports::Written;
use riva_core::rows::PairRow;

mod answered;
mod not_permitted;
mod refused;
mod tagged;

const KINDS: [IntentKind; 3] = [IntentKind::Create, IntentKind::Update, IntentKind::Delete];

fn bench() -> Bench {
    Bench::new(|_, _| {})
}

fn side(bench: &Bench, side: Side) -> &crate::scripted::Scripted {
    match side {
        Side::Mail => &bench.mail,
        Side::Crm => &bench.crm,
    }
}

/// As the answer says when all went well.
fn well(to: Side, kind: IntentKind) -> Result<Option<Written>, ItemError> {
    match kind {
        IntentKind::Create => written(id(to), "2", Some(&visit("Room 1"))),
        IntentKind::Update => written(id(to), "2", Some(&visit("Room 2"))),
        IntentKind::Delete | IntentKind::Move => Ok(None),
    }
}

/// A work with somebody's change in the row that it was planned from.
fn changed_by(mut work: Work, by: Side) -> Work {
    work.read_mut(by).as_mut().and_then(|read| read.row.as_mut()).expect("it has one").dirty = true;
    work
}
