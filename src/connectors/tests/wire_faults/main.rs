//! Every fault that can happen on the wire, in every operation of every connector that speaks HTTP (engine design, section
//! 4.3(b)): what the connector tells the engine of it. [`tables`] has what is expected, [`cells`] the rules that hold whatever is
//! expected.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test ends where something is missing"
)]

mod cells;
mod dav_server;
mod houses;
mod late;
mod openerp_server;
mod partial;
mod proxy;
mod tables;
mod tags;
mod wire;

use cells::{Bench, Operation};
use houses::House;
use proxy::{Delivered, Fault, Hits, Reply};
use tables::{FAULTS, UNSENT, row, rows};

/// So many rows of a table on one server: the more stands there, the longer everything takes.
const ROWS: usize = 6;

/// Compares a table with what happens, cell by cell.
async fn hold(name: &str, house: impl AsyncFn() -> House, table: &str) {
    let mut bench = Bench::of(house().await).await;
    let expected = rows(table);
    let names: Vec<&str> = expected.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, FAULTS.map(|(name, _)| name), "a row for each fault");
    let (mut wrong, mut shown, mut checked, mut unsent) = (Vec::new(), Vec::new(), 0, 0);
    for (number, ((fault_name, fault), (_, words))) in FAULTS.iter().zip(&expected).enumerate() {
        if number % ROWS == ROWS - 1 {
            bench = Bench::of(house().await).await;
        }
        assert_eq!(words.len(), Operation::ALL.len(), "a cell for each operation, of {fault_name}");
        let mut said = Vec::new();
        for (operation, word) in Operation::ALL.into_iter().zip(words) {
            let outcome = bench.try_one(operation, *fault, operation.usual()).await;
            let at = || format!("{name}, {fault_name}, {operation:?}");
            if UNSENT.iter().any(|(house, what, _)| *house == name && *what == operation) {
                let can_tag = bench.clean.side.capabilities().module(bench.house.module()).unwrap().can_tag;
                if !outcome.seen.requests.is_empty() || can_tag || *word != "-" {
                    wrong.push(format!("{}: something was sent", at()));
                }
                unsent += 1;
                said.push("-".to_owned());
                continue;
            }
            checked += 1;
            if outcome.seen.requests.is_empty() {
                wrong.push(format!("{}: nothing was sent, so nothing happened to it", at()));
            }
            if outcome.class != *word {
                wrong.push(format!("{}: {} where {word} is expected", at(), outcome.class));
            }
            wrong.extend(
                outcome.broken.iter().map(|rule| format!("{}: not so: {rule} ({:?})", at(), outcome.seen)),
            );
            said.push(outcome.class.to_owned());
        }
        shown.push(row(fault_name, &said));
    }
    assert_eq!(checked + unsent, FAULTS.len() * Operation::ALL.len(), "no cell is left out");
    println!("{name}: {checked} cells checked, {unsent} in which nothing can happen");
    for (_, operation, why) in UNSENT.iter().filter(|(house, ..)| *house == name) {
        println!("{name}, {operation:?}: {why}");
    }
    assert!(wrong.is_empty(), "{}\nAs it is:\n{}\n", wrong.join("\n"), shown.join("\n"));
    helpers(name, &house).await;
}

/// Faults of single requests that are not tried again.
const OF_ONE: [(&str, Reply); 6] = [
    ("404", Reply::Status(404)),
    ("500", Reply::Status(500)),
    ("cut", Reply::Cut),
    ("no UTF-8", Reply::Bytes),
    ("login page", Reply::Page),
    ("empty", Reply::Empty),
];

/// The same for each of the requests that an operation sends besides: those that look before a write, and after it. The rules
/// hold there too.
async fn helpers(name: &str, house: &impl AsyncFn() -> House) {
    let (mut wrong, mut checked) = (Vec::new(), 0);
    for operation in Operation::ALL {
        let mut bench = Bench::of(house().await).await;
        let whole = Fault { delivered: Delivered::Once, reply: Reply::Own };
        // What it asks once is asked the first time.
        bench.try_one(operation, whole, Hits::All).await;
        let usual = bench.try_one(operation, whole, Hits::All).await.seen.requests;
        if !operation.writes() && usual.len() < 2 {
            // Its only request is in the table.
            continue;
        }
        for number in (0..usual.len()).filter(|number| !usual[*number]) {
            for (fault_name, reply) in OF_ONE {
                let fault = Fault { delivered: Delivered::Once, reply };
                let outcome = bench.try_one(operation, fault, Hits::Nth(number)).await;
                let at =
                    format!("{name}, {fault_name}, {operation:?}, request {} of {}", number + 1, usual.len());
                wrong.extend(
                    outcome
                        .broken
                        .iter()
                        .map(|rule| format!("{at}: not so: {rule} ({}, {:?})", outcome.class, outcome.seen)),
                );
                checked += 1;
            }
        }
    }
    println!("{name}: {checked} cells of requests that look before and after");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn exchange_tells_what_it_does_not_know() {
    hold("Exchange", House::exchange, tables::EXCHANGE).await;
}

#[tokio::test]
async fn caldav_tells_what_it_does_not_know() {
    hold("CalDAV", House::caldav, tables::CALDAV).await;
}

#[tokio::test]
async fn salesforce_tells_what_it_does_not_know() {
    hold("Salesforce", House::salesforce, tables::SALESFORCE).await;
}

#[tokio::test]
async fn openerp_tells_what_it_does_not_know() {
    hold("OpenERP", House::openerp, tables::OPENERP).await;
}
