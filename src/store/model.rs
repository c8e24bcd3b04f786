//! The store as a few maps: what `SqlStore` must agree with.

use crate::packed::pack;
use chrono::{DateTime, Utc};
use riva_core::ids::{Cursor, MemberId, PairId, RemoteId};
use riva_core::item::Module;
use riva_core::rows::{
    Commit, FeedScope, Ingest, IntentRow, ItemRow, JournalRow, MatchKey, PairRow, Presence, Side,
};
use std::collections::{BTreeMap, BTreeSet};

type ItemKey = (MemberId, Module, Side, RemoteId);

#[derive(Default)]
pub(crate) struct Model {
    pub items: BTreeMap<ItemKey, ItemRow>,
    pub pairs: BTreeMap<PairId, PairRow>,
    pub intents: BTreeMap<PairId, IntentRow>,
    pub journal: Vec<JournalRow>,
    pub cursors: BTreeMap<String, Cursor>,
}

impl Model {
    pub fn ingest(&mut self, page: &Ingest) {
        for o in &page.observations {
            let key = (o.member, page.module, page.side, o.id.clone());
            let Some(row) = self.items.get_mut(&key) else {
                let version = o.version.clone().unwrap_or_default();
                let row = ItemRow {
                    member: o.member,
                    module: page.module,
                    side: page.side,
                    id: o.id.clone(),
                    version,
                    presence: o.presence,
                    dirty: true,
                    seen: i64::from(page.is_known_to_the_feed()),
                    pair: None,
                    match_keys: None,
                };
                self.items.insert(key, row);
                continue;
            };
            let weaker = row.presence == Presence::Deleted && o.presence == Presence::Missing;
            let presence = if weaker { row.presence } else { o.presence };
            let version = o.version.clone().unwrap_or_else(|| row.version.clone());
            if presence != row.presence || version != row.version {
                (row.presence, row.version, row.dirty) = (presence, version, true);
                row.seen += 1;
                row.match_keys = row.match_keys.take().filter(|_| row.pair.is_some());
            } else if page.is_known_to_the_feed() {
                row.seen = row.seen.max(1);
            }
        }
        if let Some(cursor) = &page.cursor {
            self.cursors.insert(feed(&page.scope, page.module, page.side), cursor.clone());
        }
    }

    pub fn commit(&mut self, changes: &Commit) {
        for gone in &changes.forget_items {
            let key = (gone.member, gone.module, gone.side, gone.id.clone());
            let Some(row) = self.items.remove(&key).filter(|row| row.seen > gone.seen) else { continue };
            self.items.insert(key, ItemRow { dirty: true, pair: None, match_keys: None, ..row });
        }
        for item in &changes.items {
            let mut item = item.clone();
            let key = (item.member, item.module, item.side, item.id.clone());
            if let Some(old) = self.items.get(&key).filter(|old| old.seen > item.seen) {
                item.version = old.version.clone();
                (item.presence, item.dirty, item.seen) = (old.presence, old.dirty, old.seen);
                if item.pair.is_none() {
                    item.match_keys.clone_from(&old.match_keys);
                }
            }
            self.items.insert(key, item);
        }
        for pair in &changes.pairs {
            self.pairs.insert(pair.id, pair.clone());
        }
        for pair in &changes.settled {
            self.intents.remove(pair);
        }
        for intent in &changes.intents {
            self.intents.insert(intent.pair, intent.clone());
        }
        self.journal.extend(changes.journal.iter().cloned());
    }

    pub fn items(&self, module: Module, side: Side) -> Vec<ItemRow> {
        let mut items: Vec<_> =
            self.items.values().filter(|i| i.module == module && i.side == side).cloned().collect();
        items.sort_by_key(|i| pack(i.id.as_str()));
        items
    }

    fn unpaired(&self, module: Module, side: Side) -> impl Iterator<Item = ItemRow> {
        self.items(module, side).into_iter().filter(|i| i.pair.is_none() && i.presence == Presence::Present)
    }

    pub fn unread(&self, module: Module, side: Side) -> Vec<ItemRow> {
        self.unpaired(module, side).filter(|i| i.dirty && i.match_keys.is_none()).collect()
    }

    pub fn unpaired_items(&self, module: Module, side: Side) -> Vec<ItemRow> {
        self.unpaired(module, side).filter(|i| i.dirty && i.match_keys.is_some()).collect()
    }

    pub fn matches(&self, module: Module, side: Side) -> BTreeMap<MatchKey, Vec<RemoteId>> {
        let mut found: BTreeMap<MatchKey, BTreeSet<RemoteId>> = BTreeMap::new();
        for item in self.items(module, side).into_iter().filter(|i| i.presence == Presence::Present) {
            for key in item.match_keys.iter().flatten() {
                found.entry(*key).or_default().insert(item.id.clone());
            }
        }
        found.into_iter().map(|(key, ids)| (key, ids.into_iter().collect())).collect()
    }

    pub fn dirty_pairs(&self, module: Module, now: DateTime<Utc>) -> Vec<PairRow> {
        let dirty = |pair: &PairRow| {
            let of_pair = |i: &&ItemRow| i.pair == Some(pair.id) && i.module == module && i.dirty;
            self.items.values().find(of_pair).is_some() || pair.next_try.is_some_and(|at| at <= now)
        };
        let open = |pair: &PairRow| self.intents.contains_key(&pair.id);
        self.pairs.values().filter(|p| p.module == module && dirty(p) && !open(p)).cloned().collect()
    }

    pub fn pair_of(&self, module: Module, side: Side, id: &RemoteId) -> Option<PairRow> {
        let items = self.items.values().filter(|i| i.module == module && i.side == side);
        let pair = items.clone().find(|i| i.id == *id)?.pair?;
        self.pairs.get(&pair).cloned()
    }
}

pub(crate) fn feed(scope: &FeedScope, module: Module, side: Side) -> String {
    format!("{scope:?} {module:?} {side:?}")
}
