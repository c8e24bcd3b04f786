//! For tests: an appointment in room 1 that both sides show, and what is to be written for it.

use super::Bench;
use crate::work::{Work, Write};
use riva_core::ids::Version;
use riva_core::item::{Field, Item, Module, Value};
use riva_core::rows::{Hashes, IntentKind, ItemRow, PairRow, PairSide, PairState, Side};

pub(crate) const SIDES: [Side; 2] = [Side::Mail, Side::Crm];

/// An appointment in a room.
pub(crate) fn visit(place: &str) -> Item {
    let mut item = Item::new(Module::Calendar);
    item.set_text(Field::Summary, "Visit");
    item.set_text(Field::Location, place);
    item
}

pub(crate) fn hashes(item: &Item) -> Hashes {
    Bench::hasher().item(item)
}

/// The id that it has on a side.
pub(crate) fn id(side: Side) -> &'static str {
    match side {
        Side::Mail => "m",
        Side::Crm => "c",
    }
}

/// Both sides show an appointment in room 1 and are in step; nobody has changed it.
pub(crate) fn linked() -> Work {
    let mut work = Work::sample();
    let shown = hashes(&visit("Room 1"));
    work.title = "Visit".into();
    work.rule = "table row 3".into();
    (work.pair.state, work.pair.attempts) = (PairState::Linked, 0);
    let pair = work.pair.id;
    for side in SIDES {
        let version = Version::from("1");
        let (seen, sent) = (shown.clone(), Hashes::default());
        *work.pair.side_mut(side) = Some(PairSide { id: id(side).into(), version, seen, sent });
        let read = work.read_mut(side).as_mut().expect("a sample shows both");
        read.hashes = shown.clone();
        let row = read.row.as_mut().expect("and has rows");
        (row.side, row.id, row.pair, row.seen) = (side, id(side).into(), Some(pair), 3);
    }
    work
}

/// Something is to be written to one side.
pub(crate) fn to_write(to: Side, kind: IntentKind) -> Work {
    let mut work = linked();
    let place = Value::text("Room 2");
    work.writes = vec![match kind {
        IntentKind::Create => {
            *work.pair.side_mut(to) = None;
            *work.read_mut(to) = None;
            let origin = work.read_mut(to.other()).as_mut().and_then(|read| read.row.as_mut());
            origin.expect("it has one").pair = None;
            Write::Create { side: to, item: visit("Room 1") }
        }
        IntentKind::Update => {
            Write::Update { side: to, set: [(Field::Location, place)].into(), base: visit("Room 1") }
        }
        IntentKind::Delete => Write::Delete { side: to, frees_origin: false, base: Some(visit("Room 1")) },
        IntentKind::Move => Write::Move { base: visit("Room 1") },
    }];
    work
}

/// The row of a side's only item.
pub(crate) fn row(bench: &Bench, of: Side) -> Option<ItemRow> {
    bench.store.all_items().into_iter().find(|row| row.side == of)
}

pub(crate) fn pair_side(pair: &PairRow, of: Side) -> &PairSide {
    pair.side(of).expect("it has one")
}
