//! What the simulator sees of a store, and does to it.

use super::rows::Rows;
use super::{Gate, Memory};
use chrono::{DateTime, Utc};
use riva_core::history::{Order, OrderRow};
use riva_core::holds::{Decided, HoldId, HoldRow};
use riva_core::ids::{MemberId, PairId, RemoteId};
use riva_core::rows::{IntentRow, ItemRow, JournalRow, PairRow, Side};

/// A backup of a store.
#[derive(Debug, Clone)]
pub struct Backup(Rows);

impl<G: Gate> Memory<G> {
    /// What stands before and after each write.
    pub fn gate(&self) -> &G {
        &self.killer
    }

    /// What it holds now, as a backup keeps it.
    pub fn back_up(&self) -> Backup {
        Backup(self.rows().clone())
    }

    /// A backup is put back.
    pub fn put_back(&self, backup: Backup) {
        *self.rows() = backup.0;
    }

    /// The database is lost.
    pub fn lose_everything(&self) {
        *self.rows() = Rows::default();
    }

    /// The members (as bits, the first one from 0) for whom an item is part of a pair of two.
    pub fn linked(&self, side: Side, id: &RemoteId) -> u32 {
        let rows = self.rows();
        let has =
            |p: &&PairRow| p.side(side).is_some_and(|at| at.id == *id) && p.side(side.other()).is_some();
        rows.pairs.values().filter(has).fold(0, |users, p| users | 1 << (p.member.0 - 1))
    }

    /// The members (as bits) for whom a write to an item is under way, or was when it was interrupted.
    pub fn writing(&self, side: Side, id: &RemoteId) -> u32 {
        let rows = self.rows();
        let writes = |i: &&IntentRow| i.side == side && i.target.as_ref() == Some(id);
        rows.intents.values().filter(writes).fold(0, |users, i| users | 1 << (i.member.0 - 1))
    }

    /// All pairs.
    pub fn all_pairs(&self) -> Vec<PairRow> {
        self.rows().pairs.values().cloned().collect()
    }

    /// The pairs that hold claims.
    pub fn claimants(&self) -> Vec<PairId> {
        self.rows().claims.values().map(|(pair, _)| *pair).collect()
    }

    /// All items.
    pub fn all_items(&self) -> Vec<ItemRow> {
        self.rows().items.values().cloned().collect()
    }

    /// All holds, closed ones too.
    pub fn all_holds(&self) -> Vec<HoldRow> {
        self.rows().holds.values().cloned().collect()
    }

    /// All rows as a text: two stores with the same text hold the same.
    pub fn image(&self) -> String {
        format!("{:?}", *self.rows())
    }

    /// An administrator decides.
    pub fn decide(&self, hold: HoldId, decided: Decided) {
        if let Some(hold) = self.rows().holds.get_mut(&hold) {
            hold.decided = Some(decided);
        }
    }

    /// An administrator gives an order. Answers with its number.
    pub fn order(&self, member: MemberId, order: Order, at: DateTime<Utc>) -> i64 {
        let mut rows = self.rows();
        let number = i64::try_from(rows.orders.len()).unwrap_or(i64::MAX) + 1;
        let by = "admin@desk".to_owned();
        rows.orders.push(OrderRow { number, member, order, by, at, done: None, outcome: Vec::new() });
        number
    }

    /// What came of an order.
    pub fn outcome(&self, number: i64) -> Option<Vec<String>> {
        let rows = self.rows();
        let order = rows.orders.iter().find(|order| order.number == number && order.done.is_some())?;
        Some(order.outcome.clone())
    }

    /// The whole journal.
    pub fn all_journal(&self) -> Vec<JournalRow> {
        self.rows().journal.clone()
    }
}
