//! A write that comes late (engine design, section 2, P7): an agent that has lost its lease has sent it, it was held up on its
//! way, and by the time it arrives another agent, or a user, has been there.

use super::cells::{Bench, Class, Made, marker, of_call, of_item};
use super::houses::House;
use super::proxy::{Delivered, Fault, Hits, Reply};
use riva_core::fault::{CallError, ItemError};
use riva_core::ids::Marker;
use riva_core::ports::{Draft, Patch, Removal};

const LATE: Fault = Fault { delivered: Delivered::Late, reply: Reply::Own };

fn word<T>(answer: Result<Vec<Result<T, ItemError>>, CallError>) -> Class {
    match answer {
        Err(error) => of_call(&error),
        Ok(mut answers) => answers.remove(0).map_or_else(|error| of_item(&error), |_| "done"),
    }
}

fn patch(bench: &Bench, made: &Made, text: &str) -> Patch {
    Patch {
        id: made.at.id.clone(),
        version: made.at.version.clone(),
        marker: made.marker,
        set: [bench.house.change(text)].into(),
        base: made.item.clone(),
    }
}

/// A create of the same pair, once late and once in time: how many stand there then, and how many are found.
async fn create(bench: &mut Bench) -> (usize, usize) {
    let (text, ours, module) = (bench.word(), marker(), bench.house.module());
    let drafts = [Draft { marker: ours, item: bench.house.item(&text) }];
    bench.house.proxy.set(LATE, Hits::Writes);
    let in_time = async {
        bench.house.proxy.arrived().await;
        let made = bench.clean.side.create(module, &drafts).await;
        bench.house.proxy.let_go();
        word(made)
    };
    let (late, in_time) = tokio::join!(bench.tried.side.create(module, &drafts), in_time);
    assert_eq!((word(late), in_time), ("done", "done"));
    bench.house.proxy.mend();
    let found: Vec<Vec<_>> = bench.clean.side.probe(module, &[ours as Marker]).await.unwrap();
    (bench.standing(&[&text]), found[0].len())
}

/// An update that arrives after another: what is said of the late one, and which of the two stands.
async fn update(bench: &mut Bench) -> (Class, bool) {
    let (text, old, new, module) = (bench.word(), bench.word(), bench.word(), bench.house.module());
    let made = bench.make(&text).await;
    bench.house.proxy.set(LATE, Hits::Writes);
    let in_time = async {
        bench.house.proxy.arrived().await;
        let written = bench.clean.side.update(module, &[patch(bench, &made, &new)]).await;
        bench.house.proxy.let_go();
        word(written)
    };
    let late = [patch(bench, &made, &old)];
    let (late, in_time) = tokio::join!(bench.tried.side.update(module, &late), in_time);
    assert_eq!(in_time, "done");
    bench.house.proxy.mend();
    (word(late), bench.standing(&[&text, &new]) == 1)
}

/// A deletion that arrives after somebody has written: what is said of it, and whether the item stands.
async fn delete(bench: &mut Bench) -> (Class, bool) {
    let (text, new, module) = (bench.word(), bench.word(), bench.house.module());
    let made = bench.make(&text).await;
    bench.house.proxy.set(LATE, Hits::Writes);
    let in_time = async {
        bench.house.proxy.arrived().await;
        let written = bench.clean.side.update(module, &[patch(bench, &made, &new)]).await;
        bench.house.proxy.let_go();
        word(written)
    };
    let removals = [Removal { id: made.at.id.clone(), version: made.at.version.clone() }];
    let (late, in_time) = tokio::join!(bench.tried.side.delete(module, &removals), in_time);
    assert_eq!(in_time, "done");
    bench.house.proxy.mend();
    (word(late), bench.standing(&[&text, &new]) == 1)
}

/// | | create | update | delete |
/// |---|---|---|---|
/// | Exchange | two with one marker, both found: the engine takes one away | refused | the system ignores the version: it lies in Deleted Items |
/// | CalDAV | one | refused | refused |
/// | Salesforce | one | the system has no precondition: the later one stands | the same: it lies in the recycle bin |
/// | OpenERP 7 | one | refused | refused |
async fn late(house: House, created: usize, updated: (Class, bool), deleted: (Class, bool)) {
    let mut bench = Bench::of(house).await;
    assert_eq!(create(&mut bench).await, (created, created), "what stands is found by its marker");
    assert_eq!(update(&mut bench).await, updated);
    assert_eq!(delete(&mut bench).await, deleted);
    assert_eq!(bench.house.mails(), 0);
}

#[tokio::test]
async fn a_late_write_to_exchange_carries_its_marker_or_is_refused() {
    late(House::exchange().await, 2, ("moved", true), ("done", false)).await;
}

#[tokio::test]
async fn a_late_write_to_caldav_carries_its_marker_or_is_refused() {
    late(House::caldav().await, 1, ("moved", true), ("moved", true)).await;
}

#[tokio::test]
async fn a_late_write_to_salesforce_carries_its_marker() {
    late(House::salesforce().await, 1, ("done", false), ("done", false)).await;
}

#[tokio::test]
async fn a_late_write_to_openerp_carries_its_marker_or_is_refused() {
    late(House::openerp().await, 1, ("moved", true), ("moved", true)).await;
}
