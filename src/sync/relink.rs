//! Records of the CRM that have become others: merged into them, or converted to them (reconciliation table, row 21).
//!
//! Their pair follows them: the mailbox's item is linked to the record that there is now, and what that one shows
//! otherwise is an edit of the CRM's. Nothing is deleted. If that record has a twin of its own already, the mailbox has
//! two copies of one record: the one that is linked stays so, the other one is held.

use crate::context::CycleFault;
use crate::journal;
use crate::module_cycle::{ModuleCycle, to_be_read};
use riva_core::activity::Level;
use riva_core::ids::{PairId, RemoteId};
use riva_core::item::Module;
use riva_core::ports::Fetched;
use riva_core::rows::{Commit, PairRow, PairState, Side};
use std::collections::BTreeMap;

/// Why the mailbox's copy of a record that was merged into another one is held.
pub const DUPLICATE_AFTER_MERGE: &str = "Duplicate after a merge in the CRM: the record that it was merged into has another copy in the mailbox. \
     Neither copy is deleted; take this one away if it is not needed any more.";

/// The longest way from a record to the one that it is now.
const STEPS: usize = 8;

/// Pairs looked at together.
const SLICE: usize = 100;

impl ModuleCycle<'_, '_> {
    /// Before new records of the CRM are looked for twins: one of them may be what a known record has become.
    pub async fn follow_known(&self) -> Result<(), CycleFault> {
        let member = self.ctx.member.id;
        let news = self.ctx.store.unread_items(member, self.module, Side::Crm, 1).await?;
        if self.module != Module::Contacts || news.is_empty() {
            return Ok(());
        }
        let mut after: Option<PairId> = None;
        loop {
            let now = self.ctx.clock.now();
            let mut pairs = self.ctx.store.dirty_pairs(member, self.module, now, after, SLICE).await?;
            let Some(last) = pairs.last() else { return Ok(()) };
            after = Some(last.id);
            let ids: Vec<RemoteId> = pairs.iter().filter_map(|p| Some(p.crm.as_ref()?.id.clone())).collect();
            let mut fetched = self.fetch(Side::Crm, &ids).await?;
            self.follow(&mut pairs, &mut fetched).await?;
        }
    }

    /// Links pairs to what their records have become. `fetched` is what the CRM shows of them, and afterwards of what they
    /// are linked to.
    pub async fn follow(
        &self,
        pairs: &mut [PairRow],
        fetched: &mut BTreeMap<RemoteId, Fetched>,
    ) -> Result<(), CycleFault> {
        for pair in pairs.iter_mut().filter(|p| p.state != PairState::Tombstoned) {
            let Some(old) = pair.crm.as_ref().map(|side| side.id.clone()) else { continue };
            let mut now = old.clone();
            for _ in 0..STEPS {
                let Some(Fetched::Became { id }) = fetched.get(&now) else { break };
                now = id.clone();
                if !fetched.contains_key(&now) {
                    fetched.extend(self.fetch(Side::Crm, std::slice::from_ref(&now)).await?);
                }
            }
            if now != old {
                self.relink(pair, &old, now).await?;
            }
        }
        Ok(())
    }

    async fn relink(&self, pair: &mut PairRow, old: &RemoteId, new: RemoteId) -> Result<(), CycleFault> {
        let (store, member, at) = (self.ctx.store, self.ctx.member.id, self.ctx.clock.now());
        let row = store.item(member, self.module, Side::Crm, &new).await?;
        let holder = match row.as_ref().and_then(|row| row.pair).filter(|id| *id != pair.id) {
            Some(id) => store.pairs(member, &[id]).await?.pop(),
            None => None,
        };
        let mut commit = Commit::default();
        let was = store.item(member, self.module, Side::Crm, old).await?;
        commit.forget_items.extend(was.map(|was| was.forgotten()));
        let (deed, text) = if holder.is_some_and(|h| h.crm.is_some_and(|crm| crm.id == new)) {
            pair.crm = None;
            pair.state = PairState::Held;
            pair.reason = Some(DUPLICATE_AFTER_MERGE.into());
            ("held", DUPLICATE_AFTER_MERGE.to_owned())
        } else {
            commit.items.push(to_be_read(row, pair, Side::Crm, &new));
            if let Some(crm) = &mut pair.crm {
                crm.id = new.clone();
            }
            ("relink", format!("The CRM's record {old} has become {new}: linked to that one."))
        };
        commit.pairs.push(pair.clone());
        commit.journal.push(journal::line(pair, at, deed, journal::row(21), text.clone()));
        self.line(if deed == "held" { Level::Warning } else { Level::Info }, text);
        self.store(&commit).await
    }
}
