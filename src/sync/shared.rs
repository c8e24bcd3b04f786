//! Records that items of several members stand for: a meeting in many mailboxes is one record in the CRM, a person is one
//! contact. One member's pair makes it, and claims it.

use crate::context::CycleFault;
use crate::matching;
use crate::module_cycle::ModuleCycle;
use crate::series::is_foreign;
use crate::work::Work;
use riva_core::ids::{EmailAddress, PairId, RemoteId};
use riva_core::item::{Field, Item, Module};
use riva_core::ports::Claim;
use riva_core::rows::{Commit, PairRow, PairState, Side};
use std::collections::BTreeSet;

/// Why a copy of a meeting is not synced.
const IN_ANOTHERS_CALENDAR: &str =
    "This meeting is in the CRM already, from another syncing user's calendar.";

/// Why a record stays when a copy of its meeting is deleted.
const KEPT_BY_ANOTHER: &str =
    "This meeting was deleted here alone: its record stays in the CRM for another syncing user who keeps it.";

impl ModuleCycle<'_, '_> {
    /// Why the record of an item is not to be made: it was by another member, whoever was first.
    pub async fn made_by_another(&self, pair: PairId, item: &Item) -> Result<Option<String>, CycleFault> {
        Ok(self.claim_record(pair, item).await?.then(|| match self.module {
            Module::Calendar => IN_ANOTHERS_CALENDAR.into(),
            _ => "This person is in the CRM already, as another syncing user's contact.".into(),
        }))
    }

    /// Why an item is not to be linked with its record, which another member keeps: an attendee's copy follows nothing, for
    /// who deletes it must not delete the meeting of all. The organizer's does, and keeps the record from now on, whoever
    /// was first. A link counts as making: other members' copies are not made again.
    pub async fn kept_by_another(&self, pair: PairId, item: &Item) -> Result<Option<String>, CycleFault> {
        let claimed = self.claim_record(pair, item).await?;
        if !claimed || self.module != Module::Calendar {
            return Ok(None);
        }
        if is_foreign(item, &self.ctx.member.address) {
            return Ok(Some(IN_ANOTHERS_CALENDAR.into()));
        }
        if organizes(item, &self.ctx.member.address)
            && let Some((kind, key)) = matching::claim_key(&self.hasher, item)
        {
            let (connection, member) = (&self.ctx.member.crm, self.ctx.member.id);
            self.ctx.store.take_over(connection, kind, key, pair, member).await?;
        }
        Ok(None)
    }

    /// Claims the record of an item, unless somebody does. Whether another member does.
    async fn claim_record(&self, pair: PairId, item: &Item) -> Result<bool, CycleFault> {
        let Some((kind, key)) = matching::claim_key(&self.hasher, item) else { return Ok(false) };
        let (connection, member) = (&self.ctx.member.crm, self.ctx.member.id);
        let claim = self.ctx.store.claim(connection, kind, key, pair, member).await?;
        Ok(matches!(claim, Claim::Theirs { member: theirs, .. } if theirs != member))
    }

    /// Of these pairs, whose other sides are to be deleted, those whose record another member keeps. (A contact that
    /// several users have is the same contact for each of them: whoever deletes it deletes it.)
    pub async fn kept_for_others(
        &self,
        deletions: impl IntoIterator<Item = (&PairRow, Side)>,
    ) -> Result<BTreeSet<PairId>, CycleFault> {
        if self.module != Module::Calendar {
            return Ok(BTreeSet::new());
        }
        let of_crm = deletions.into_iter().filter(|(_, side)| *side == Side::Crm);
        let records: Vec<(PairId, RemoteId)> =
            of_crm.filter_map(|(pair, _)| Some((pair.id, pair.crm.as_ref()?.id.clone()))).collect();
        if records.is_empty() {
            return Ok(BTreeSet::new());
        }
        let ids: Vec<RemoteId> = records.iter().map(|(_, id)| id.clone()).collect();
        let member = &self.ctx.member;
        let kept = self.ctx.store.kept_by_others(&member.crm, member.id, self.module, &ids).await?;
        let kept: BTreeSet<RemoteId> = kept.into_iter().collect();
        Ok(records.into_iter().filter(|(_, id)| kept.contains(id)).map(|(pair, _)| pair).collect())
    }

    /// A record stays that this member has deleted his copy of.
    pub fn leave_to_others(&mut self, work: &mut Work, commit: &mut Commit) {
        self.becomes(work, PairState::Detached, KEPT_BY_ANOTHER, commit);
    }
}

/// Whether a user is known to organise a meeting.
fn organizes(item: &Item, user: &EmailAddress) -> bool {
    item.text(Field::Organizer).map(EmailAddress::new).is_some_and(|organizer| organizer == *user)
}
