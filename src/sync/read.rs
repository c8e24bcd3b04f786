//! Reading what pairs show now, a batch at a time.

use crate::arrived;
use crate::context::CycleFault;
use crate::hash::FieldHasher;
use crate::journal;
use crate::loops;
use crate::matching::{keys, note_uid};
use crate::merge::Merged;
use crate::module_cycle::ModuleCycle;
use crate::plan::Now;
use crate::restored::tells_age;
use crate::veil::veil;
use crate::work::{Fate, Read, Work, Write};
use riva_core::documents::PrivateItems;
use riva_core::ids::RemoteId;
use riva_core::ports::Fetched;
use riva_core::rows::{Commit, Hashes, ItemRow, PairRow, Presence, Side};
use std::collections::BTreeMap;

/// What both sides of a pair show now, with the rows of what was observed.
pub(crate) struct Reading {
    pub mail: Now,
    pub crm: Now,
    pub mail_row: Option<ItemRow>,
    pub crm_row: Option<ItemRow>,
}

impl Reading {
    pub fn now(&self, side: Side) -> &Now {
        match side {
            Side::Mail => &self.mail,
            Side::Crm => &self.crm,
        }
    }

    /// The row of what a side shows.
    pub fn row(&self, side: Side) -> Option<&ItemRow> {
        match side {
            Side::Mail => self.mail_row.as_ref(),
            Side::Crm => self.crm_row.as_ref(),
        }
    }

    /// The pair has no such side any more.
    pub fn has_none(&mut self, side: Side) {
        match side {
            Side::Mail => (self.mail, self.mail_row) = (Now::None, None),
            Side::Crm => (self.crm, self.crm_row) = (Now::None, None),
        }
    }

    /// What a merge writes: the CRM first, then the mailbox.
    pub fn updates(&self, merged: &Merged) -> Vec<Write> {
        let of = |side| {
            let set = merged.to(side);
            let base = self.now(side).item().filter(|_| !set.is_empty())?;
            Some(Write::Update { side, set: set.clone(), base: base.clone() })
        };
        [Side::Crm, Side::Mail].into_iter().filter_map(of).collect()
    }

    /// A work for the pair, with nothing to write yet.
    pub fn work(&self, mut pair: PairRow, rule: String, hasher: &FieldHasher) -> Work {
        if let Some(item) = self.mail.item() {
            note_uid(hasher, &mut pair, Side::Mail, item);
        }
        let read = |now: &Now, row: &Option<ItemRow>| match now {
            Now::Present { version, marker, item, .. } => {
                // What is alone in its pair is found by what it shows now.
                let row = row.clone().map(|row| ItemRow {
                    match_keys: row.match_keys.as_ref().map(|_| keys(hasher, item, None)),
                    presence: Presence::Present,
                    ..row
                });
                Some(Read {
                    version: version.clone(),
                    marker: *marker,
                    hashes: hasher.item(item),
                    row,
                    more_changed: false,
                })
            }
            _ => row.clone().map(|row| {
                let presence = match now {
                    Now::Gone => Presence::Deleted,
                    Now::OutOfScope => Presence::OutOfScope,
                    _ => row.presence,
                };
                Read {
                    version: row.version.clone(),
                    marker: None,
                    hashes: Hashes::default(),
                    row: Some(ItemRow { presence, ..row }),
                    more_changed: false,
                }
            }),
        };
        let title = [&self.mail, &self.crm]
            .into_iter()
            .find_map(|now| now.item().map(riva_core::item::Item::title))
            .unwrap_or_else(|| "(an item that is gone)".to_owned());
        let (mail, crm) = (read(&self.mail, &self.mail_row), read(&self.crm, &self.crm_row));
        let words = [(Side::Mail, &mail), (Side::Crm, &crm)]
            .into_iter()
            .filter_map(|(side, read)| Some(journal::seen(side, pair.side(side), read.as_ref()?)));
        let seen = words.collect::<Vec<_>>().join("; ");
        Work {
            writes: Vec::new(),
            mail,
            crm,
            seen,
            image: None,
            rule,
            title,
            left_alone: None,
            fate: Fate::Open,
            pair,
        }
    }
}

/// What a fetched item says to the planner.
pub(crate) fn now_of(fetched: Fetched) -> Now {
    match fetched {
        Fetched::Present { version, marker, modified, item } => {
            Now::Present { version, marker, modified, item: *item }
        }
        Fetched::Gone => Now::Gone,
        // Of a record in no pair it is another one's business.
        Fetched::OutOfScope | Fetched::Became { .. } => Now::OutOfScope,
        Fetched::Unreadable { reason } => Now::Unreadable(reason),
    }
}

impl ModuleCycle<'_, '_> {
    /// Reads items of one side, in batches. Private ones of the mailbox are seen through the veil; leads of the CRM are
    /// out of sight if the policy says so.
    pub async fn fetch(
        &self,
        side: Side,
        ids: &[RemoteId],
    ) -> Result<BTreeMap<RemoteId, Fetched>, CycleFault> {
        let mut all = BTreeMap::new();
        for chunk in ids.chunks(self.caps.side(side).batch.max(1)) {
            if self.ctx.stop.stopped() {
                return Err(CycleFault::Stopped);
            }
            let fetched =
                self.ctx.side(side).fetch(self.module, chunk).await.map_err(|e| CycleFault::of(side, e))?;
            let private = if side == Side::Mail { self.rules.private } else { PrivateItems::Sync };
            let unwanted = |item: &Fetched| match item {
                Fetched::Present { item, .. } => side == Side::Crm && !self.rules.leads && item.is_lead(),
                _ => false,
            };
            let seen = fetched
                .into_iter()
                .map(|item| if unwanted(&item) { Fetched::OutOfScope } else { veil(item, private) });
            all.extend(chunk.iter().cloned().zip(seen));
        }
        Ok(all)
    }

    /// Reads both sides of pairs.
    pub async fn read_pairs(&self, mut pairs: Vec<PairRow>) -> Result<Vec<(PairRow, Reading)>, CycleFault> {
        let ids = |pairs: &[PairRow], side| {
            pairs.iter().filter_map(|p| p.side(side).map(|s| s.id.clone())).collect::<Vec<_>>()
        };
        // The rows first: what a feed tells while the items are read may be more than they show.
        let mut mail_rows = self.rows(Side::Mail, &ids(&pairs, Side::Mail)).await?;
        let mut crm_rows = self.rows(Side::Crm, &ids(&pairs, Side::Crm)).await?;
        // Tombstoned and detached pairs are left as they are: there is no need to read them.
        let mut mail = self.fetch(Side::Mail, &ids(&pairs, Side::Mail)).await?;
        let mut crm = self.fetch(Side::Crm, &ids(&pairs, Side::Crm)).await?;
        self.settle_what_arrived(&mut pairs, &mail, &crm);
        self.nothing_was_put_back(Side::Mail, &pairs, &mail_rows, &mut mail).await?;
        self.nothing_was_put_back(Side::Crm, &pairs, &crm_rows, &mut crm).await?;
        self.follow_moved(&mut pairs, &mut mail).await?;
        self.follow(&mut pairs, &mut crm).await?;
        // Those that were followed to other ids have rows by now.
        for (side, rows) in [(Side::Mail, &mut mail_rows), (Side::Crm, &mut crm_rows)] {
            let mut followed = ids(&pairs, side);
            followed.retain(|id| !rows.contains_key(id));
            if !followed.is_empty() {
                rows.extend(self.rows(side, &followed).await?);
            }
        }
        let (mut readings, mut accepted) = (Vec::with_capacity(pairs.len()), Commit::default());
        let at = self.ctx.clock.now();
        for mut pair in pairs {
            for side in [&mut pair.mail, &mut pair.crm].into_iter().flatten() {
                loops::forget_old(&mut side.sent, at);
            }
            let now = |side: Side, fetched: &mut BTreeMap<RemoteId, Fetched>| {
                let id = &pair.side(side)?.id;
                fetched.remove(id).map(now_of)
            };
            let row =
                |side: Side, rows: &BTreeMap<RemoteId, ItemRow>| rows.get(&pair.side(side)?.id).cloned();
            let mut reading = Reading {
                mail: now(Side::Mail, &mut mail).unwrap_or(Now::None),
                crm: now(Side::Crm, &mut crm).unwrap_or(Now::None),
                mail_row: row(Side::Mail, &mail_rows),
                crm_row: row(Side::Crm, &crm_rows),
            };
            for side in [Side::Mail, Side::Crm] {
                if arrived::is_expected(&pair, side)
                    && let Some(item) = reading.now(side).item()
                {
                    arrived::settle(&mut pair, side, &self.hasher.item(item));
                }
            }
            self.catch_up(&mut pair, &reading.mail, &reading.crm);
            if self.is_known_as_it_is(&mut pair, &reading) {
                accepted.pairs.push(pair.clone());
            }
            self.forget_what_went(&mut pair, &mut reading, &mut accepted).await?;
            readings.push((pair, reading));
        }
        self.store(&accepted).await?;
        Ok(readings)
    }

    /// What arrives tells in which versions both sides were in step, as far as versions are in order.
    fn settle_what_arrived(
        &self,
        pairs: &mut [PairRow],
        mail: &BTreeMap<RemoteId, Fetched>,
        crm: &BTreeMap<RemoteId, Fetched>,
    ) {
        for pair in pairs {
            for (side, fetched) in [(Side::Mail, mail), (Side::Crm, crm)] {
                if !arrived::is_expected(pair, side) {
                    continue;
                }
                let shown = pair.side(side).and_then(|at| Some((at.clone(), fetched.get(&at.id)?)));
                let Some((before, Fetched::Present { version, item, .. })) = shown else { continue };
                arrived::settle(pair, side, &self.hasher.item(item));
                if tells_age(self.caps.side(side), &before.id) && pair.side(side) != Some(&before) {
                    arrived::seen_in(pair, side, Some(version));
                }
            }
        }
    }

    /// The rows of items.
    pub async fn rows(
        &self,
        side: Side,
        ids: &[RemoteId],
    ) -> Result<BTreeMap<RemoteId, ItemRow>, CycleFault> {
        let rows = self.ctx.store.items_by_id(self.ctx.member.id, self.module, side, ids).await?;
        Ok(rows.into_iter().map(|row| (row.id.clone(), row)).collect())
    }
}

#[cfg(test)]
mod tests;
