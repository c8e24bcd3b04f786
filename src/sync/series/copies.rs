//! Copies of a series: two with one UID in one mailbox. The first one's days have the records, and the same days of the
//! second are left alone. When the first one is gone, they are candidates again, and go on with its records: these are
//! their claims' (table row 20).

use super::unroll::Unrolling;
use crate::context::CycleFault;
use crate::first_sync::is_there_twice;
use crate::module_cycle::ModuleCycle;
use crate::plan::Now;
use crate::read::Reading;
use riva_core::ids::{PairId, RemoteId};
use riva_core::item::{Module, RecurrenceId};
use riva_core::rows::{Commit, ItemRow, PairRow, PairState, Side};

/// Pairs read at once.
const PAGE: usize = 500;

impl ModuleCycle<'_, '_> {
    /// A series is gone from the mailbox, or is a series no more: days of its copies that were left alone are so no longer.
    /// (The day that it goes on as has its record still.)
    pub(super) async fn free_copies(
        &self,
        gone: &Unrolling,
        goes_on: Option<RecurrenceId>,
    ) -> Result<(), CycleFault> {
        if gone.side != Side::Mail {
            return Ok(());
        }
        let days = gone.known.iter().filter(|(of, _)| Some(**of) != goes_on);
        let ids: Vec<PairId> = days.filter_map(|(_, row)| row.pair).collect();
        for ids in ids.chunks(PAGE) {
            let pairs = self.ctx.store.pairs(self.ctx.member.id, ids).await?;
            self.free_copies_of(&pairs).await?;
        }
        Ok(())
    }

    /// Whether a pair's appointment is gone of which there is a copy that was left alone: before anything is made of that, the
    /// copy may go on with the record.
    pub(crate) async fn frees_copy(&self, pair: &PairRow, reading: &Reading) -> Result<bool, CycleFault> {
        let alive = !matches!(pair.state, PairState::Detached | PairState::Tombstoned);
        let whole = pair.mail.as_ref().is_some_and(|at| at.id.as_occurrence().is_none());
        if self.module != Module::Calendar || !alive || !whole || reading.mail != Now::Gone {
            return Ok(false);
        }
        self.free_copies_of(std::slice::from_ref(pair)).await
    }

    /// Makes candidates of copies that were left alone because these pairs' items were synced. Whether there were any.
    async fn free_copies_of(&self, pairs: &[PairRow]) -> Result<bool, CycleFault> {
        let uids: Vec<u64> = pairs.iter().filter_map(|pair| pair.uid).collect();
        let mut copies = self.ctx.store.pairs_of_uids(self.ctx.member.id, self.module, &uids).await?;
        copies.retain(is_there_twice);
        let at: Vec<RemoteId> = copies.iter().filter_map(|p| Some(p.mail.as_ref()?.id.clone())).collect();
        let mut rows = self.rows(Side::Mail, &at).await?;
        let mut commit = Commit::default();
        for copy in copies {
            let row = copy.mail.as_ref().and_then(|at| rows.remove(&at.id));
            // One that is deleted itself, or out of reach, is a candidate when it is there again.
            let Some(row) = row.filter(|row| row.pair == Some(copy.id)) else { continue };
            let reason = Some("What it was a copy of is gone from the mailbox.".to_owned());
            let mut free = PairRow { state: PairState::Tombstoned, reason, next_try: None, ..copy };
            free.set_free();
            commit.items.push(ItemRow { pair: None, dirty: true, match_keys: None, ..row });
            commit.pairs.push(free);
        }
        let any = !commit.pairs.is_empty();
        self.store(&commit).await?;
        Ok(any)
    }
}
