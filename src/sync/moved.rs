//! An item that was moved has a new id: it is not deleted (engine design, section 1.4, row 20).
//!
//! Exchange gives an item a new id when its user moves it to another folder, and its feed tells of a deletion. What is gone
//! under its id is looked for by our marker before anybody believes that.

use crate::context::CycleFault;
use crate::first_sync::joined;
use crate::in_step::unlike;
use crate::journal;
use crate::module_cycle::{ModuleCycle, to_be_read};
use crate::place::Newcomer;
use riva_core::activity::Level;
use riva_core::ids::RemoteId;
use riva_core::item::Item;
use riva_core::ports::Fetched;
use riva_core::rows::{Commit, ItemRow, PairRow, PairSide, PairState, Side};
use std::collections::BTreeMap;

/// What is told of one.
pub(crate) fn followed(item: &Item) -> String {
    format!("{}: it was moved in the mailbox, and is followed there.", item.title())
}

/// An item that was moved.
struct Found {
    id: RemoteId,
    /// What is known of it, if it was seen before.
    row: Option<ItemRow>,
    /// The pair that it was alone in until now.
    copy: Option<PairRow>,
}

impl ModuleCycle<'_, '_> {
    /// Follows the mailbox items of pairs that are gone under the id that we know: the pairs, their rows and what was
    /// fetched get the new id. One that is found nowhere stays gone.
    pub async fn follow_moved(
        &self,
        pairs: &mut [PairRow],
        fetched: &mut BTreeMap<RemoteId, Fetched>,
    ) -> Result<(), CycleFault> {
        let caps = self.caps.side(Side::Mail);
        if !caps.can_probe {
            return Ok(());
        }
        let mut gone: Vec<&mut PairRow> = pairs
            .iter_mut()
            .filter(|p| !matches!(p.state, PairState::Tombstoned | PairState::Detached))
            // An occurrence carries no marker; a series that was moved is known by its UID.
            .filter(|p| p.mail.as_ref().is_some_and(|at| at.id.as_occurrence().is_none()))
            .filter(|p| p.mail.as_ref().is_some_and(|at| fetched.get(&at.id) == Some(&Fetched::Gone)))
            .collect();
        for chunk in gone.chunks_mut(caps.batch.max(1)) {
            let markers: Vec<_> = chunk.iter().map(|p| p.marker()).collect();
            let probed = self.ctx.mail.probe(self.module, &markers).await;
            let found = probed.map_err(|e| CycleFault::of(Side::Mail, e))?;
            let mut commit = Commit::default();
            for (pair, refs) in chunk.iter_mut().zip(found) {
                let Some(old) = pair.mail.clone() else { continue };
                let ids: Vec<RemoteId> =
                    refs.into_iter().map(|at| at.id).filter(|id| *id != old.id).collect();
                // What lies in Deleted Items carries the marker, too, and reads as gone.
                let mut there = self.fetch(Side::Mail, &ids).await?;
                let Some(Found { id, row, copy }) = self.which(pair, &old, &there).await? else { continue };
                let Some(now) = there.remove(&id) else { continue };
                let Fetched::Present { version, item, .. } = &now else { continue };
                let another = copy.is_some();
                commit.pairs.extend(copy.map(|copy| joined(&copy, pair.id)));
                let text = followed(item);
                self.line(Level::Info, text.clone());
                let newcomer = Newcomer { id: id.clone(), version: version.clone(), item, another };
                let linked_anew = self.take_place(pair, Side::Mail, newcomer, &mut commit).await?;
                let deed = if linked_anew { "link" } else { "moved" };
                commit.journal.push(journal::line(pair, self.ctx.clock.now(), deed, journal::row(20), text));
                commit.items.push(to_be_read(row, pair, Side::Mail, &id));
                commit.pairs.push(pair.clone());
                fetched.insert(id, now);
            }
            self.store(&commit).await?;
        }
        Ok(())
    }

    /// Which of the items that carry a pair's marker is the one that was moved. A copy that stood alone beside it takes its
    /// place where there is no other; what is another pair's own does not. Of several, the one that shows most of what the
    /// pair's showed.
    async fn which(
        &self,
        pair: &PairRow,
        old: &PairSide,
        there: &BTreeMap<RemoteId, Fetched>,
    ) -> Result<Option<Found>, CycleFault> {
        let mut best: Option<((bool, usize), Found)> = None;
        for (id, fetched) in there {
            let Fetched::Present { item, .. } = fetched else { continue };
            let row = self.ctx.store.item(pair.member, self.module, Side::Mail, id).await?;
            let copy = match row.as_ref().and_then(|row| row.pair).filter(|own| *own != pair.id) {
                None => None,
                Some(own) => match self.ctx.store.pairs(pair.member, &[own]).await?.pop() {
                    Some(copy) if copy.state == PairState::Detached && copy.crm.is_none() => Some(copy),
                    _ => continue,
                },
            };
            let rank = (copy.is_some(), unlike(old, &self.hasher.item(item)).len());
            if best.as_ref().is_none_or(|(known, _)| rank < *known) {
                best = Some((rank, Found { id: id.clone(), row, copy }));
            }
        }
        Ok(best.map(|(_, found)| found))
    }
}
