//! What is new on a side is read: what it is known by is written down, what is ours already is recognised, and what is
//! nobody's business is put aside.

use super::moved::Elsewhere;
use super::{Candidate, FirstSync, SLICE};
use crate::context::CycleFault;
use crate::holds;
use crate::journal;
use crate::matching;
use crate::messages;
use crate::plan::Now;
use crate::read::now_of;
use crate::series::{self, Kept};
use riva_core::activity::Level;
use riva_core::holds::HoldKind;
use riva_core::ids::{PairId, RemoteId};
use riva_core::item::Item;
use riva_core::ports::Fetched;
use riva_core::rows::{Commit, Hashes, ItemRow, PairSide, PairState, Presence, Side};

impl FirstSync<'_, '_, '_> {
    /// Reads what was never read, and writes down by which keys its twin can be found.
    pub async fn read(&mut self, side: Side) -> Result<(), CycleFault> {
        let mut done = 0;
        loop {
            let (member, module) = (self.cycle.ctx.member.id, self.cycle.module);
            let rows = self.cycle.ctx.store.unread_items(member, module, side, SLICE).await?;
            if rows.is_empty() {
                return Ok(());
            }
            done += rows.len() as u64;
            let phase = if side == Side::Mail { "reading the mailbox" } else { "reading the CRM" };
            self.cycle.progress(phase, done, 0);
            let ids: Vec<RemoteId> = rows.iter().map(|r| r.id.clone()).collect();
            let mut fetched = self.cycle.fetch(side, &ids).await?;
            let present = fetched.iter().filter_map(|(id, fetched)| match fetched {
                Fetched::Present { item, marker, .. } => Some((id, &**item, *marker)),
                _ => None,
            });
            let mut renamed = self.renamed(side, present.collect()).await?;
            let mut commit = Commit::default();
            for row in rows {
                let Some(fetched) = fetched.remove(&row.id) else { continue };
                let known = renamed.remove(&row.id);
                self.take_in(side, row, fetched, known, &mut commit).await?;
            }
            if commit.is_empty() {
                // An answer without an entry for any of them: they are asked for again in the next cycle.
                return Ok(());
            }
            self.cycle.store(&commit).await?;
        }
    }

    async fn take_in(
        &mut self,
        side: Side,
        row: ItemRow,
        fetched: Fetched,
        known: Option<Elsewhere>,
        commit: &mut Commit,
    ) -> Result<(), CycleFault> {
        match now_of(fetched) {
            Now::Gone => commit.forget_items.push(row.forgotten()),
            Now::OutOfScope => commit.items.push(away(&row, Presence::OutOfScope)),
            Now::None => {}
            Now::Unreadable(why) => {
                let why = format!("The {}'s item cannot be read: {why}", side.title());
                self.cycle.line(Level::Error, why.clone());
                self.alone(side, row, PairState::Quarantined, &why, None, commit);
            }
            Now::Present { version, marker, modified, item } => {
                let row = ItemRow { version: version.clone(), ..row };
                // Ours first: an item of ours that was moved is still ours if it is private now, or outside the window.
                if self.ours(side, &row, marker, &item, commit).await? {
                    return Ok(());
                }
                if let Some(pair) = known.and_then(|known| known.moved(commit)) {
                    let id = row.id.clone();
                    let (row, pair_of, named) = (Some(row), None, None);
                    let item =
                        Candidate { side, row, id, version, marker, modified, item, pair: pair_of, named };
                    return self.moved(item, pair, commit).await;
                }
                if self.cycle.messages.as_ref().is_some_and(|wanted| !messages::may_be_logged(wanted, &item))
                {
                    commit.items.push(ItemRow { dirty: false, match_keys: Some(Vec::new()), ..row });
                } else if self.outside(&item) {
                    commit.items.push(away(&row, Presence::OutOfScope));
                } else if side == Side::Mail && self.cycle.skips(&item) {
                    // It is nobody's candidate, but still somebody's twin: its record in the CRM must not be made here
                    // once more.
                    let keys = matching::keys(&self.cycle.hasher, &item, marker);
                    commit.items.push(ItemRow { dirty: false, match_keys: Some(keys), ..row });
                } else if let Kept::Held(why) = self.kept(side, &item) {
                    self.cycle.line(Level::Warning, format!("{}: {why}", item.title()));
                    self.alone(side, row, PairState::Held, &why, Some(&item), commit);
                } else if self.kept(side, &item) == Kept::Unrolled {
                    let pair = self.cycle.series_pair(side, &row, &item).await?;
                    commit.items.push(ItemRow { pair: Some(pair.id), ..row });
                    commit.pairs.push(pair);
                } else {
                    let keys = matching::keys(&self.cycle.hasher, &item, marker);
                    commit.items.push(ItemRow { match_keys: Some(keys), ..row });
                }
            }
        }
        Ok(())
    }

    fn outside(&self, item: &Item) -> bool {
        let (Some(window), Some(when)) = (self.cycle.ctx.window(self.cycle.module), item.when()) else {
            return false;
        };
        if item.recurrence().is_some() {
            return series::occurrences(item, window).is_ok_and(|all| all.is_empty());
        }
        let (start, end) = when.utc();
        end < window.from || start > window.to
    }

    fn kept(&self, side: Side, item: &Item) -> Kept {
        series::kept(item, self.cycle.caps.side(side), self.cycle.caps.side(side.other()))
    }

    /// A pair of one item: held, failed or detached.
    pub fn alone(
        &mut self,
        side: Side,
        row: ItemRow,
        state: PairState,
        why: &str,
        item: Option<&Item>,
        commit: &mut Commit,
    ) {
        let now = self.cycle.ctx.clock.now();
        let mut pair = self.new_pair(state, None);
        let seen = item.map(|item| self.cycle.hasher.item(item)).unwrap_or_default();
        let at = PairSide { id: row.id.clone(), version: row.version.clone(), seen, sent: Hashes::default() };
        *pair.side_mut(side) = Some(at);
        if let Some(item) = item {
            matching::note_uid(&self.cycle.hasher, &mut pair, side, item);
        }
        pair.reason = Some(why.to_owned());
        commit.items.push(ItemRow { dirty: false, pair: Some(pair.id), ..row });
        let title = item.map_or_else(|| "(an item that cannot be read)".to_owned(), Item::title);
        let text = format!("{title}: {why}");
        commit.journal.push(journal::line(&pair, now, state.as_str(), "reading", text));
        if state == PairState::Held {
            let kind = HoldKind::NotExpressible;
            commit.holds.push(holds::of_pair(kind, &pair, &title, why, Vec::new(), now));
            self.cycle.held = true;
        }
        commit.pairs.push(pair);
    }

    /// Reads items again that were read for matching: their content is not kept.
    pub(super) async fn present(
        &mut self,
        side: Side,
        rows: Vec<ItemRow>,
    ) -> Result<Vec<Candidate>, CycleFault> {
        let ids: Vec<RemoteId> = rows.iter().map(|r| r.id.clone()).collect();
        let mut fetched = self.cycle.fetch(side, &ids).await?;
        let mut commit = Commit::default();
        let mut candidates = Vec::new();
        for row in rows {
            let Some(fetched) = fetched.remove(&row.id) else { continue };
            let plain = match &fetched {
                Fetched::Present { item, .. } => {
                    let private = side == Side::Mail && self.cycle.skips(item);
                    !private && self.kept(side, item) == Kept::Whole && !self.outside(item)
                }
                _ => false,
            };
            match fetched {
                Fetched::Present { version, item, marker, modified } if plain => candidates.push(Candidate {
                    side,
                    named: marker.map(|m| m.pair).filter(|_| row.id.as_occurrence().is_some()),
                    id: row.id.clone(),
                    row: Some(ItemRow { version: version.clone(), ..row }),
                    version,
                    marker,
                    modified,
                    item: *item,
                    pair: None,
                }),
                // It has become something else since it was read: taken in anew.
                other => {
                    self.take_in(side, ItemRow { match_keys: None, ..row }, other, None, &mut commit).await?;
                }
            }
        }
        self.cycle.store(&commit).await?;
        let names: Vec<PairId> = candidates.iter().filter_map(|c| c.named).collect();
        let taken = self.cycle.taken(&names).await?;
        for candidate in &mut candidates {
            candidate.named =
                candidate.named.filter(|name| !taken.contains(name) && self.cycle.named.insert(*name));
        }
        Ok(candidates)
    }
}

/// The row of an item that is not there any more, or not for this user.
fn away(row: &ItemRow, presence: Presence) -> ItemRow {
    ItemRow { presence, dirty: false, ..row.clone() }
}
