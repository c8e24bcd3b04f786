//! Records that items of several members stand for: a meeting in many mailboxes is one record in the CRM, a person is one
//! contact. One member's pair makes it, and claims it.

use crate::context::CycleFault;
use crate::first_sync::joined;
use crate::journal;
use crate::matching;
use crate::module_cycle::{ModuleCycle, SLICE, to_be_read};
use crate::plan::Now;
use crate::series::is_foreign;
use crate::work::Work;
use riva_core::activity::Level;
use riva_core::ids::{EmailAddress, MemberId, PairId, RemoteId};
use riva_core::item::{Field, Item, Module, Value};
use riva_core::ports::{Claim, Fetched};
use riva_core::rows::{Commit, Hashes, ItemRow, PairRow, PairSide, PairState, Side};
use std::collections::BTreeSet;

/// Why a copy of a meeting is not synced.
pub(crate) const IN_ANOTHERS_CALENDAR: &str =
    "This meeting is in the CRM already, from another syncing user's calendar.";

/// Why a record stays when a copy of its meeting is deleted.
const KEPT_BY_ANOTHER: &str =
    "This meeting was deleted here alone: its record stays in the CRM for another syncing user who keeps it.";

/// The name of the fact that says whether a member has left records to others.
fn left_fact(member: MemberId) -> String {
    format!("left/{}", member.0)
}

/// What that fact says if so.
const LEFT: &str = "some";

/// Why a copy of a meeting is synced from now on.
const TAKEN_UP: &str =
    "The syncing user whose copy made this meeting's record has deleted that copy: this one keeps it.";

/// A record that another member's copy stands for.
pub(crate) struct Theirs {
    /// If it is made by now.
    pub record: Option<RemoteId>,
    /// Why it is not made once more.
    pub why: &'static str,
}

/// What another member has made by a claim, so far.
struct Made(Option<RemoteId>);

impl ModuleCycle<'_, '_> {
    /// Why the record of an item is not to be made: it was by another member, whoever was first.
    pub async fn made_by_another(&self, pair: PairId, item: &Item) -> Result<Option<Theirs>, CycleFault> {
        let why = match self.module {
            Module::Calendar => IN_ANOTHERS_CALENDAR,
            _ => "This person is in the CRM already, as another syncing user's contact.",
        };
        Ok(self.claim_record(pair, item).await?.map(|Made(record)| Theirs { record, why }))
    }

    /// Why an item is not to be linked with its record, which another member keeps: an attendee's copy follows nothing, for
    /// who deletes it must not delete the meeting of all. The organizer's does, and keeps the record from now on, whoever
    /// was first. A link counts as making: other members' copies are not made again.
    pub async fn kept_by_another(&self, pair: PairId, item: &Item) -> Result<Option<String>, CycleFault> {
        let claimed = self.claim_record(pair, item).await?;
        if claimed.is_none() || self.module != Module::Calendar {
            return Ok(None);
        }
        if is_foreign(item, &self.ctx.member.address) {
            return Ok(Some(IN_ANOTHERS_CALENDAR.into()));
        }
        if organizes(item, &self.ctx.member.address)
            && let Some((kind, key)) = matching::claim_key(&self.hasher, item)
        {
            self.ctx.store.take_over(&self.ctx.member.crm, kind, key, pair, self.ctx.lease()).await?;
        }
        Ok(None)
    }

    /// Claims the record of an item, unless somebody does. Whether another member does.
    async fn claim_record(&self, pair: PairId, item: &Item) -> Result<Option<Made>, CycleFault> {
        let Some((kind, key)) = matching::claim_key(&self.hasher, item) else { return Ok(None) };
        let (store, connection, lease) = (self.ctx.store, &self.ctx.member.crm, self.ctx.lease());
        let Claim::Theirs { pair: theirs, member, made } =
            store.claim(connection, kind, key, pair, lease).await?
        else {
            return Ok(None);
        };
        if member == lease.member && made.is_none() && store.pairs(member, &[theirs]).await?.is_empty() {
            // Its cycle died between claiming and storing it: nobody would ever give the claim back.
            store.take_over(connection, kind, key, pair, lease).await?;
        }
        Ok((member != lease.member).then_some(Made(made)))
    }

    /// Of these pairs, whose other sides are to be deleted, those whose record another member keeps, or would: a meeting that
    /// somebody else organises is not over because one of those who attend has deleted it. (A contact that several users
    /// have is the same contact for each of them: whoever deletes it deletes it.)
    pub async fn kept_for_others(
        &self,
        deletions: impl IntoIterator<Item = (&PairRow, Side)>,
    ) -> Result<BTreeSet<PairId>, CycleFault> {
        if self.module != Module::Calendar {
            return Ok(BTreeSet::new());
        }
        let of_crm = deletions.into_iter().filter(|(_, side)| *side == Side::Crm).map(|(pair, _)| pair);
        let records: Vec<(&PairRow, RemoteId)> =
            of_crm.filter_map(|pair| Some((pair, pair.crm.as_ref()?.id.clone()))).collect();
        if records.is_empty() {
            return Ok(BTreeSet::new());
        }
        let ids: Vec<RemoteId> = records.iter().map(|(_, id)| id.clone()).collect();
        let attended: Vec<PairId> =
            records.iter().map(|(pair, _)| *pair).filter(|p| self.was_foreign(p)).map(|p| p.id).collect();
        let member = &self.ctx.member;
        let kept = self.ctx.store.kept_by_others(&member.crm, member.id, self.module, &ids).await?;
        let kept: BTreeSet<RemoteId> = kept.into_iter().collect();
        let awaited = self.ctx.store.awaited(&member.crm, member.id, &attended).await?;
        let kept = records.into_iter().filter(|(_, id)| kept.contains(id)).map(|(pair, _)| pair.id);
        let kept: BTreeSet<PairId> = kept.chain(awaited).collect();
        if !kept.is_empty() {
            self.ctx.store.set_fact(&left_fact(member.id), LEFT).await?;
        }
        Ok(kept)
    }

    /// Whether a pair's copy of a meeting had somebody else for its organizer, when it was last in step.
    fn was_foreign(&self, pair: &PairRow) -> bool {
        let seen = pair.mail.as_ref().and_then(|at| at.seen.0.get(&Hashes::key(Field::Organizer)));
        let own = [Value::Blank, Value::text(self.ctx.member.address.as_str())];
        seen.is_some_and(|seen| own.iter().all(|value| self.hasher.value(Field::Organizer, value) != *seen))
    }

    /// Takes over the records of meetings whose keepers have deleted their own copies. They go on as if they had been this
    /// member's: if his copy is gone as well by now, it is a deletion of his.
    pub async fn take_up_left(&self) -> Result<(), CycleFault> {
        if self.module != Module::Calendar {
            return Ok(());
        }
        self.finish_left().await?;
        let (store, connection, member) = (self.ctx.store, &self.ctx.member.crm, self.ctx.member.id);
        let mut left = store.left_by_others(connection, member).await?;
        left.retain(|(_, holder)| holder.reason.as_deref() == Some(KEPT_BY_ANOTHER));
        for slice in left.chunks(SLICE) {
            let records = slice.iter().filter_map(|(_, holder)| Some(holder.crm.as_ref()?.id.clone()));
            let fetched = self.fetch(Side::Crm, &records.collect::<Vec<_>>()).await?;
            for (waiting, holder) in slice {
                let Some(record) = &holder.crm else { continue };
                if let Some(Fetched::Present { item, .. }) = fetched.get(&record.id) {
                    self.take_up_one(*waiting, record, &item.title()).await?;
                }
            }
        }
        Ok(())
    }

    /// Goes on with the deletion of records that were left to others who had the meeting as well, and of whom nobody has it any
    /// more: cycles of several members at once may each have seen that another one still has it.
    async fn finish_left(&self) -> Result<(), CycleFault> {
        let (store, member) = (self.ctx.store, self.ctx.member.id);
        let fact = left_fact(member);
        if store.fact(&fact).await?.as_deref() != Some(LEFT) {
            return Ok(());
        }
        let (mut after, mut awaited) = (None, false);
        loop {
            let page = store.pairs_in(member, self.module, PairState::Detached, after, SLICE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            for pair in page.into_iter().filter(|pair| pair.reason.as_deref() == Some(KEPT_BY_ANOTHER)) {
                awaited |= self.is_awaited_or_finished(pair).await?;
            }
        }
        if !awaited {
            store.set_fact(&fact, "").await?;
        }
        Ok(())
    }

    /// Whether somebody may still take up the record of a pair that left it. If nobody will, it is deleted as it would have been.
    async fn is_awaited_or_finished(&self, mut pair: PairRow) -> Result<bool, CycleFault> {
        let (store, member, connection) = (self.ctx.store, self.ctx.member.id, &self.ctx.member.crm);
        let (Some(record), Some(key)) = (pair.crm.as_ref().map(|at| at.id.clone()), pair.uid) else {
            return Ok(false);
        };
        if store.claimed(connection, "event", key).await? != Some((pair.id, member)) {
            return Ok(false);
        }
        if !store.awaited(connection, member, &[pair.id]).await?.is_empty() {
            return Ok(true);
        }
        let row = store.item(member, self.module, Side::Crm, &record).await?;
        let mut commit = Commit::default();
        commit.items.push(to_be_read(row, &pair, Side::Crm, &record));
        (pair.state, pair.reason) = (PairState::Linked, None);
        commit.pairs.push(pair);
        self.store(&commit).await?;
        Ok(false)
    }

    async fn take_up_one(&self, waiting: PairId, record: &PairSide, title: &str) -> Result<(), CycleFault> {
        let (store, member) = (self.ctx.store, &self.ctx.member);
        let Some(mut pair) = store.pairs(member.id, &[waiting]).await?.pop() else { return Ok(()) };
        let row = store.item(member.id, self.module, Side::Crm, &record.id).await?;
        let (Some(key), Some(copy)) = (pair.uid, pair.mail.clone()) else { return Ok(()) };
        // The record may be known to this member as well, and left alone for the same reason.
        let alone = match row.as_ref().and_then(|row| row.pair).filter(|id| *id != pair.id) {
            Some(id) => store.pairs(member.id, &[id]).await?.pop(),
            None => None,
        };
        let left_alone = |p: &PairRow| p.reason.as_deref() == Some(IN_ANOTHERS_CALENDAR);
        if !left_alone(&pair) || alone.as_ref().is_some_and(|p| p.mail.is_some() || !left_alone(p)) {
            return Ok(());
        }
        // Should this end between the two, the record stays as it is.
        store.take_over(&member.crm, "event", key, pair.id, self.ctx.lease()).await?;
        let mut commit = Commit::default();
        commit.pairs.extend(alone.map(|alone| joined(&alone, pair.id)));
        commit.items.push(to_be_read(row, &pair, Side::Crm, &record.id));
        let copy = store.item(member.id, self.module, Side::Mail, &copy.id).await?;
        commit.items.extend(copy.map(|row| ItemRow { dirty: true, match_keys: None, ..row }));
        pair.crm = Some(record.clone());
        (pair.state, pair.reason) = (PairState::Linked, None);
        let at = self.ctx.clock.now();
        commit.journal.push(journal::line(&pair, at, "link", "shared record", title.to_owned()));
        self.line(Level::Info, format!("{title}: {TAKEN_UP}"));
        commit.pairs.push(pair);
        self.store(&commit).await
    }

    /// A record that another member's copy keeps: nothing is made of it here.
    pub fn leave_record(
        &self,
        id: RemoteId,
        now: &Now,
        row: Option<ItemRow>,
        why: &str,
        commit: &mut Commit,
    ) {
        let Now::Present { version, item, .. } = now else { return };
        let (version, seen, sent) = (version.clone(), self.hasher.item(item), Hashes::default());
        let pair = PairRow {
            id: PairId(self.ctx.ids.next()),
            member: self.ctx.member.id,
            module: self.module,
            mail: None,
            crm: Some(PairSide { id, version, seen, sent }),
            uid: None,
            state: PairState::Detached,
            reason: Some(why.to_owned()),
            generation: 1,
            attempts: 0,
            next_try: None,
        };
        let (own, match_keys) = (Some(pair.id), Some(matching::keys(&self.hasher, item, None)));
        commit.items.extend(row.map(|row| ItemRow { dirty: false, pair: own, match_keys, ..row }));
        commit.pairs.push(pair);
    }

    /// A record stays that this member has deleted his copy of.
    pub fn leave_to_others(&mut self, work: &mut Work, commit: &mut Commit) {
        self.becomes(work, PairState::Detached, KEPT_BY_ANOTHER, commit);
    }
}

/// Whether a user is known to organise a meeting.
pub(crate) fn organizes(item: &Item, user: &EmailAddress) -> bool {
    item.text(Field::Organizer).map(EmailAddress::new).is_some_and(|organizer| organizer == *user)
}
