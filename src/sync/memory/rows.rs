//! The rows, and what becomes of them.

use riva_core::history::{ImageRow, OrderRow};
use riva_core::holds::{HoldId, HoldRow};
use riva_core::ids::{ConnectionName, Cursor, MemberId, PairId, RemoteId};
use riva_core::item::Module;
use riva_core::ports::StoreError;
use riva_core::rows::{
    Commit, FeedScope, Forgotten, Hashes, Ingest, IntentRow, ItemRow, JournalRow, PairRow, PairState,
    Presence, Side,
};
use std::collections::BTreeMap;
use std::ops::Bound;

type ItemKey = (MemberId, Module, Side, RemoteId);

#[derive(Debug, Clone, Default)]
pub(super) struct Rows {
    pub(super) cursors: BTreeMap<String, Cursor>,
    pub(super) items: BTreeMap<ItemKey, ItemRow>,
    pub(super) pairs: BTreeMap<PairId, PairRow>,
    pub(super) intents: BTreeMap<PairId, IntentRow>,
    pub(super) claims: BTreeMap<(ConnectionName, String, u64), (PairId, MemberId)>,
    pub(super) facts: BTreeMap<String, String>,
    pub(super) journal: Vec<JournalRow>,
    pub(super) holds: BTreeMap<HoldId, HoldRow>,
    pub(super) hold_numbers: i64,
    pub(super) orders: Vec<OrderRow>,
    pub(super) images: Vec<ImageRow>,
}

impl Rows {
    /// The items of a member's module on a side, by id, after an id.
    pub(super) fn of(
        &self,
        member: MemberId,
        module: Module,
        side: Side,
        after: Option<&RemoteId>,
    ) -> impl Iterator<Item = &ItemRow> {
        let from = match after {
            Some(id) => Bound::Excluded((member, module, side, id.clone())),
            None => Bound::Included((member, module, side, RemoteId::default())),
        };
        let all = self.items.range((from, Bound::Unbounded));
        all.take_while(move |(key, _)| (key.0, key.1, key.2) == (member, module, side)).map(|(_, row)| row)
    }

    /// What a feed or a listing tells of.
    pub(super) fn ingest(&mut self, page: &Ingest) -> Result<(), StoreError> {
        let stands_at = self.cursors.get(&cursor_key(&page.scope, page.module, page.side));
        if matches!(page.scope, FeedScope::Connection(_)) && stands_at != page.after.as_ref() {
            return Err(StoreError::Overtaken);
        }
        for seen in &page.observations {
            let key = (seen.member, page.module, page.side, seen.id.clone());
            let Some(row) = self.items.get_mut(&key) else {
                // Also of an item that is gone: whoever is about to link it must find that out.
                let row = ItemRow {
                    member: seen.member,
                    module: page.module,
                    side: page.side,
                    id: seen.id.clone(),
                    version: seen.version.clone().unwrap_or_default(),
                    presence: seen.presence,
                    dirty: true,
                    seen: i64::from(page.is_known_to_the_feed()),
                    pair: None,
                    match_keys: None,
                };
                self.items.insert(key, row);
                continue;
            };
            // A listing that misses an item is weaker evidence than the word of the system that it was deleted.
            let weaker = row.presence == Presence::Deleted && seen.presence == Presence::Missing;
            let presence = if weaker { row.presence } else { seen.presence };
            let version = seen.version.clone().unwrap_or_else(|| row.version.clone());
            if presence != row.presence || version != row.version {
                (row.presence, row.version, row.dirty) = (presence, version, true);
                row.seen += 1;
                row.match_keys = row.match_keys.take().filter(|_| row.pair.is_some());
            } else if page.is_known_to_the_feed() {
                // What we made, or had only listed, is told of.
                row.seen = row.seen.max(1);
            }
        }
        if let Some(cursor) = &page.cursor {
            self.cursors.insert(cursor_key(&page.scope, page.module, page.side), cursor.clone());
        }
        Ok(())
    }

    /// What a cycle has decided, or done.
    pub(super) fn commit(&mut self, changes: &Commit) {
        for pair in &changes.pairs {
            let sides = [&pair.mail, &pair.crm].into_iter().flatten();
            let fits = |hashes: &Hashes| hashes.0.values().all(|value| *value <= Hashes::BITS);
            assert!(
                sides.flat_map(|at| [&at.seen, &at.sent]).all(fits),
                "a database keeps less of it: {pair:?}"
            );
            self.pairs.insert(pair.id, pair.clone());
        }
        for forgotten in &changes.forget_items {
            let Forgotten { member, module, side, id, seen } = forgotten;
            let key = (*member, *module, *side, id.clone());
            match self.items.get_mut(&key).filter(|row| row.seen > *seen) {
                Some(row) => (row.dirty, row.pair, row.match_keys) = (true, None, None),
                None => drop(self.items.remove(&key)),
            }
        }
        for item in &changes.items {
            let key = (item.member, item.module, item.side, item.id.clone());
            let mut new = item.clone();
            if let Some(old) = self.items.get(&key).filter(|old| old.seen > item.seen) {
                let keys = if item.pair.is_some() { &item.match_keys } else { &old.match_keys };
                new = ItemRow { pair: item.pair, match_keys: keys.clone(), ..old.clone() };
            }
            self.items.insert(key, new);
        }
        for settled in &changes.settled {
            self.intents.remove(settled);
        }
        for intent in &changes.intents {
            self.intents.insert(intent.pair, intent.clone());
        }
        self.journal.extend(changes.journal.iter().cloned());
        for hold in &changes.holds {
            self.hold_numbers += 1;
            let number = self.holds.get(&hold.id).map_or(self.hold_numbers, |known| known.number);
            self.holds.insert(hold.id, HoldRow { number, ..hold.clone() });
        }
        for image in &changes.images {
            match self.images.iter_mut().find(|known| known.id == image.id) {
                Some(known) => *known = image.clone(),
                None => self.images.push(image.clone()),
            }
        }
        self.images.retain(|image| !image.not_made);
        for order in &changes.orders {
            if let Some(known) = self.orders.iter_mut().find(|known| known.number == order.number) {
                *known = order.clone();
            }
        }
    }
}

pub(super) fn cursor_key(scope: &FeedScope, module: Module, side: Side) -> String {
    format!("{scope:?}/{module:?}/{side:?}")
}

/// Whether a pair waits for a claim that it did not get.
pub(super) fn waits_for(pair: &PairRow, key: u64) -> bool {
    let waits = pair.module == Module::Calendar && pair.state == PairState::Detached && pair.crm.is_none();
    waits && pair.uid == Some(key)
}
