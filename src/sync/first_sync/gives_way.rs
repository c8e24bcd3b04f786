//! Appointments of ours that give way. Of a record that a colleague's copy of a meeting has made, an appointment is made in
//! the mailbox of a user whose own copy is not there yet, or is not a series yet. When it comes, it takes the record: the
//! user must not have both.

use super::{Candidate, FirstSync, TheTwin};
use crate::context::CycleFault;
use crate::edited::untouched;
use crate::journal;
use crate::module_cycle::ModuleCycle;
use crate::ours::Removed;
use crate::plan::Now;
use crate::read::{Reading, now_of};
use crate::shared::{Theirs, organizes};
use crate::work::Work;
use riva_core::activity::Level;
use riva_core::ids::RemoteId;
use riva_core::item::{Field, Item, Module, Value};
use riva_core::ports::Removal;
use riva_core::rows::{Commit, PairRow, PairState, Side};

/// Why an appointment of ours is to be taken away.
const GIVES_WAY: &str = "It was made of a record before this user's own copy of the same meeting was here, and gives way to that.";

/// Why one was.
const GAVE_WAY: &str = "It was made of a record before this user's own copy of the same meeting was here, and has given way to that.";

/// Why one stays.
const STAYS: &str = "It was made of a record before this user's own copy of the same meeting was here, and has been edited since: \
                     it is left as it is, and not synced any more.";

/// Whether a pair's appointment is to be taken away.
pub(crate) fn gives_way(pair: &PairRow) -> bool {
    pair.state == PairState::Detached && pair.reason.as_deref() == Some(GIVES_WAY)
}

/// What a candidate finds where another member's copy has made its record.
enum Place {
    /// Nothing of ours in its own mailbox, or nothing that may be taken away.
    Free,
    /// An appointment of ours, of which nobody knows yet what becomes.
    NotYetKnown,
    /// An appointment of ours, in this pair with this record.
    Ours(Box<(PairRow, TheTwin)>),
}

impl FirstSync<'_, '_, '_> {
    /// A candidate whose record another member's copy has made: its own is not made. If we made an appointment of that record
    /// here, the candidate takes its place.
    pub(super) async fn leave_to_another(
        &mut self,
        candidate: Candidate,
        theirs: Theirs,
        works: &mut Vec<Work>,
        commit: &mut Commit,
    ) -> Result<(), CycleFault> {
        let Theirs { record, why } = theirs;
        let place = match record {
            Some(record) if self.cycle.module == Module::Calendar => {
                self.place_of(&candidate, record, commit).await?
            }
            _ => Place::Free,
        };
        let Place::Ours(ours) = place else {
            if matches!(place, Place::Free) {
                self.cycle.line(Level::Info, format!("{}: {why}", candidate.item.title()));
                self.settle(candidate, PairState::Detached, why, commit);
            }
            return Ok(());
        };
        let (mut ours, record) = *ours;
        let id = candidate.pair.as_ref().map(|own| own.id).or(candidate.named);
        let own = id.unwrap_or_else(|| self.new_pair(PairState::Linked, None).id);
        let candidate = Candidate { named: Some(own), ..candidate };
        let now = self.cycle.ctx.clock.now();
        commit.journal.push(journal::line(&ours, now, "gives way", "shared record", candidate.item.title()));
        (ours.crm, ours.uid) = (None, None);
        (ours.state, ours.reason) = (PairState::Detached, Some(GIVES_WAY.into()));
        ours.next_try = Some(now);
        commit.pairs.push(ours);
        if let Some(why) = self.cycle.kept_by_another(own, &candidate.item).await? {
            self.cycle.line(Level::Info, format!("{}: {why}", candidate.item.title()));
            self.cycle.leave_record(record.id, &record.now, record.row, &why, commit);
            self.settle(candidate, PairState::Detached, &why, commit);
            return Ok(());
        }
        self.join(candidate, record, "shared record".into(), works, commit).await
    }

    /// What of ours stands for a record in the candidate's mailbox.
    async fn place_of(
        &self,
        candidate: &Candidate,
        record: RemoteId,
        batch: &Commit,
    ) -> Result<Place, CycleFault> {
        let (store, member, module) = (self.cycle.ctx.store, self.cycle.ctx.member.id, self.cycle.module);
        let row = store.item(member, module, Side::Crm, &record).await?;
        let Some(of_record) = row.as_ref().and_then(|row| row.pair) else { return Ok(Place::Free) };
        let pair = store.pairs(member, &[of_record]).await?.pop();
        let Some(pair) = pair.filter(|p| batch.pairs.iter().all(|other| other.id != p.id)) else {
            return Ok(Place::Free);
        };
        let Some(at) = pair.mail.clone().filter(|at| {
            pair.state == PairState::Linked && at.id != candidate.id && at.id.as_occurrence().is_none()
        }) else {
            return Ok(Place::Free);
        };
        if store.open_intents(member).await?.iter().any(|intent| intent.pair == pair.id) {
            return Ok(Place::NotYetKnown);
        }
        let shown = self.cycle.fetch(Side::Mail, std::slice::from_ref(&at.id)).await?.remove(&at.id);
        if !shown.is_some_and(|shown| self.cycle.is_ours(&pair, &now_of(shown))) {
            return Ok(Place::Free);
        }
        let fetched = self.cycle.fetch(Side::Crm, std::slice::from_ref(&record)).await?.remove(&record);
        let Some(now @ Now::Present { .. }) = fetched.map(now_of) else { return Ok(Place::Free) };
        Ok(Place::Ours(Box::new((pair, TheTwin { id: record, now, row, pair: None }))))
    }
}

impl ModuleCycle<'_, '_> {
    /// Whether a pair's item in the mailbox is one that we made, and nobody was at it since.
    fn is_ours(&self, pair: &PairRow, now: &Now) -> bool {
        let (Some(at), Now::Present { marker, item, .. }) = (&pair.mail, now) else { return false };
        *marker == Some(pair.marker()) && untouched(&self.hasher, &self.without_owner(item), &at.sent)
    }

    /// An appointment without its organizer, if that is the user of the mailbox: a mailbox says so of what is made in it.
    fn without_owner(&self, item: &Item) -> Item {
        let mut item = item.clone();
        if organizes(&item, &self.ctx.member.address) {
            item.set(Field::Organizer, Value::Blank);
        }
        item
    }

    /// Takes away what gives way, unless somebody was at it meanwhile.
    pub(crate) async fn take_away_ours(
        &mut self,
        pair: PairRow,
        mut reading: Reading,
        commit: &mut Commit,
    ) -> Result<(), CycleFault> {
        let title = reading.mail.item().map(Item::title);
        let removed = match &reading.mail {
            Now::Present { version, .. } if self.is_ours(&pair, &reading.mail) => {
                let id = pair.mail.as_ref().map(|at| at.id.clone()).unwrap_or_default();
                self.remove(Side::Mail, Removal { id, version: version.clone() }).await?
            }
            Now::Gone => Removed::Gone,
            _ => Removed::Kept,
        };
        let (state, why) = match removed {
            // It is tried again in the next cycle.
            Removed::NotNow => return Ok(()),
            Removed::Gone => {
                reading.mail = Now::Gone;
                (PairState::Tombstoned, GAVE_WAY)
            }
            Removed::Kept => (PairState::Detached, STAYS),
        };
        let mut work = reading.work(pair, "shared record".to_owned(), &self.hasher);
        work.title = title.unwrap_or(work.title);
        self.becomes(&mut work, state, why, commit);
        Ok(())
    }
}
