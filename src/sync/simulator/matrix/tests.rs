//! Every cell.

use super::axes::{Cell, Crash, Op, System, Trouble};
use super::judge::{End, judge};
use super::killer::Moment;
use super::server::{Request, Server};
use super::world::World;
use chrono::DateTime;
use riva_core::fault::ItemError;
use riva_core::ids::{Marker, PairId};
use riva_core::item::{Item, Module};
use riva_core::ports::{Patch, Removal};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Cells in all; those that there cannot be; those that end in step; those that are listed with a reason.
const CELLS: [usize; 4] = [14_400, 6_220, 7_085, 1_095];

/// The moment at which the process dies: found in a run in which it does not.
fn dies_at(cell: Cell) -> Result<Option<usize>, String> {
    let world = World::new(Cell { crash: Crash::No, ..cell })?;
    let write = world.call();
    let past = world.goes_wrong(None);
    let at = past.iter().position(|m| *m == write).ok_or_else(|| format!("no such write: {past:?}"))?;
    let before = || past[..at].iter().rposition(|m| *m == Moment::Storing);
    let after = |wanted: fn(&Moment) -> bool| past[at..].iter().position(wanted).map(|n| at + n);
    Ok(match cell.crash {
        Crash::No => None,
        Crash::BeforeIntent => before(),
        Crash::BeforeCall => Some(at),
        Crash::BeforeRecord => after(|m| matches!(m, Moment::Answer(..))),
        Crash::AfterRecord => after(|m| *m == Moment::Stored),
    })
}

fn run(cell: Cell) -> Result<End, String> {
    let dies_at = dies_at(cell)?;
    let world = World::new(cell)?;
    world.goes_wrong(dies_at);
    let end = world.goes_on().and_then(|()| judge(&world));
    end.map_err(|why| format!("{why}\n    {}", world.log().join("\n    ")))
}

/// The counter counts: who deletes what may not be written to in silence has people mailed.
#[test]
fn what_is_written_instead_mails_people() {
    let mut server = Server::new(System::Exchange);
    let id = server.user_create(Item::new(Module::Calendar));
    server.trap(Op::Update, Trouble::WouldNotify);
    let version = server.at(&id).version;
    let base = Item::new(Module::Calendar);
    let marker = Marker { pair: PairId(uuid::Uuid::nil()), generation: 1 };
    let patch = Patch { id: id.clone(), version: version.clone(), marker, set: BTreeMap::new(), base };
    let (answer, _) = server.take(Request::Update(vec![patch]), DateTime::UNIX_EPOCH);
    assert!(
        matches!(&answer, Ok(all) if matches!(all[..], [Err(ItemError::WouldNotify { .. })])),
        "{answer:?}"
    );
    assert_eq!(server.mails, 0);
    let removal = Removal { id, version };
    server.take(Request::Delete(vec![removal]), DateTime::UNIX_EPOCH).0.expect("it is carried out");
    assert_eq!(server.mails, 3);
}

#[test]
fn every_write_survives_everything() {
    let cells = Cell::all();
    let (next, ends) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(cell) = cells.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let end = cell.not_there().map_or_else(|| run(*cell).map(Some), |_| Ok(None));
                    ends.lock().unwrap_or_else(PoisonError::into_inner).insert(*cell, end);
                }
            });
        }
    });
    let ends = ends.into_inner().unwrap_or_else(PoisonError::into_inner);
    let count = |wanted: Option<End>| ends.values().filter(|end| **end == Ok(wanted)).count();
    let counts = [ends.len(), count(None), count(Some(End::InStep)), count(Some(End::Listed))];
    let [all, not_there, in_step, listed] = counts;
    println!("{all} cells: {not_there} cannot be, {in_step} end in step, {listed} are listed with a reason");
    let mut why_not: BTreeMap<&str, usize> = BTreeMap::new();
    cells.iter().filter_map(|cell| cell.not_there()).for_each(|why| *why_not.entry(why).or_default() += 1);
    for (why, n) in why_not {
        println!("    {n} cannot be: {why}");
    }
    let failed: Vec<(&Cell, &String)> =
        ends.iter().filter_map(|(cell, end)| Some((cell, end.as_ref().err()?))).collect();
    for (cell, why) in failed.iter().take(8) {
        println!("{cell:?}\n    {why}");
    }
    assert!(failed.is_empty(), "{} cells fail", failed.len());
    assert_eq!(counts, CELLS);
}
