//! A backup of the CRM that is put back, at any moment: its records are as they were, and it lacks what was made since.
//!
//! What that may cost follows from what an administrator decides, and it is written down here: which edits went with the
//! CRM's state, which records, and which deletions are undone.

use super::arena::Arena;
use super::check::{CYCLES, user_of};
use super::history::Standing;
use super::items::{Slot, serial_of};
use super::leases::Store;
use super::rights::insert;
use super::script::{Script, Step};
use super::server::{Deleted, Stored};
use super::turns::run;
use super::world::{ENDLESS, World};
use crate::accept;
use crate::restored::restored_fact;
use crate::simulator::Random;
use riva_core::holds::{Decided, Decision, HoldKind, HoldRow};
use riva_core::ids::{ConnectionName, MemberId, RemoteId, Version};
use riva_core::ports::SyncStore as _;
use riva_core::rows::{ItemRow, PairRow, PairState, Presence, Side};
use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::Arc;

/// So many of the items that were changed last give a backup away before anything is deleted.
const NEWEST: usize = 10;

/// So often an administrator is asked, at most, before something is wrong.
const ASKED: usize = 6;

/// What a feed tells of a backup that was put back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tells {
    /// Nothing.
    Nothing,
    /// Everything once more.
    All,
    /// That it does not know where it was.
    Lost,
}

/// What an administrator thinks of a backup that was put back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mind {
    /// It is to be brought up to date.
    pub catch_up: bool,
    /// What is gone with it may be deleted on the other side.
    pub approve: bool,
}

/// What stood in a record when a backup was put back, and what stands there since: as a rule, an edit that is not in the CRM any
/// more.
#[derive(Debug, Clone)]
struct Undone {
    id: RemoteId,
    serial: u64,
    stood: u32,
    stands: Option<u32>,
    /// The users (as bits) whose mailboxes had it.
    had: u32,
}

/// The backup of the CRM, and what became of it.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "what has happened, each on its own")]
pub(super) struct Backups {
    kept: Option<BTreeMap<RemoteId, Stored>>,
    pub put_back: bool,
    undone: Vec<Undone>,
    /// It was accepted as it is.
    as_it_is: bool,
    /// It was brought up to date.
    caught_up: bool,
    /// Deletions that were held were approved.
    approved: bool,
    /// The engine that deletes just now can tell that it was put back.
    given_away: bool,
    /// When it was to be brought up to date: what was older for a user than it was in step, and in which version it was.
    older: Vec<(usize, RemoteId, Version)>,
    /// In which version was in step then what a user had.
    in_step: BTreeMap<(usize, RemoteId), Version>,
}

/// What a backup that was put back has made of a record.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Returned {
    /// It was made since: the CRM knows nothing of it any more.
    pub lost: bool,
    /// It is as it was before.
    pub older: bool,
    /// It was deleted since, and is there again.
    pub undeleted: Option<Deleted>,
    /// The users (as bits) for whom it was changed by others since: they cannot tell by it that it was put back.
    pub touched: u32,
}

impl Arena {
    /// A backup of the CRM is made.
    pub fn back_up(&mut self) {
        self.backups.kept = Some(self.crm.items.clone());
    }

    /// The last backup of the CRM is put back.
    pub fn put_back(&mut self, tells: Tells) {
        let Some(kept) = self.backups.kept.clone() else { return };
        self.backups.put_back = true;
        self.history.deeds += 1;
        let deed = self.history.deeds;
        let ids: Vec<RemoteId> = self.crm.items.keys().cloned().collect();
        for id in ids {
            match kept.get(&id) {
                Some(then) => self.put_back_one(&id, then.clone()),
                None => self.lose(&id, deed),
            }
        }
        match tells {
            Tells::Nothing => {}
            Tells::All => self.crm.tell_all(),
            Tells::Lost => *self.crm.epochs.entry(0).or_default() += 1,
        }
    }

    fn put_back_one(&mut self, id: &RemoteId, mut then: Stored) {
        let Some(now) = self.crm.items.get(id).cloned() else { return };
        if now.version == then.version {
            return;
        }
        for (slot, stood) in &now.shows {
            let stands = then.shows.get(slot).copied();
            self.goes(id, &now, *slot, *stood, stands);
        }
        let undeleted = now.deleted.or(now.returned.undeleted).filter(|_| then.live());
        // Only where the engine has carried that out in the mailbox.
        let serial = serial_of(&now.item).unwrap_or(0);
        let followed = |user: &usize| {
            let mut of_mail = self.copies(Side::Mail, *user, serial);
            of_mail.any(|(_, s)| s.deleted.is_some_and(|d| !d.by_user))
                && !self.copies(Side::Mail, *user, serial).any(|(_, s)| s.live())
        };
        let followed = (0..32).filter(followed).fold(0_u32, |users, user| users | 1 << user);
        let undeleted = undeleted.map(|d| Deleted { linked: d.linked & followed, ..d });
        if undeleted.is_some() || then.users != now.users {
            // As if somebody had taken it back, or given it to others.
            *self.doubled.entry(serial_of(&then.item).unwrap_or(0)).or_default() += 1;
        }
        then.carried.extend(&now.carried);
        then.was_deleted |= now.was_deleted;
        then.unsure.extend(now.unsure);
        then.returned = Returned { lost: false, older: true, undeleted, touched: 0 };
        self.crm.items.insert(id.clone(), then);
    }

    fn lose(&mut self, id: &RemoteId, deed: u64) {
        let Some(now) = self.crm.items.get(id).cloned() else { return };
        for (slot, stood) in &now.shows {
            self.goes(id, &now, *slot, *stood, None);
        }
        if let Some(lost) = self.crm.items.get_mut(id) {
            lost.deleted.get_or_insert(Deleted { by_user: false, linked: 0, deed });
            lost.returned.lost = true;
        }
    }

    fn goes(&mut self, id: &RemoteId, now: &Stored, slot: Slot, stood: u32, stands: Option<u32>) {
        let serial = serial_of(&now.item).unwrap_or(0);
        let shows =
            |s: &Stored| s.live() && s.shows.get(&slot).is_some_and(|t| self.history.follows(*t, stood));
        let had = (0..32).filter(|user| self.copies(Side::Mail, *user, serial).any(|(_, s)| shows(s)));
        let had = had.fold(0, |users, user| users | 1 << user);
        self.backups.undone.push(Undone { id: id.clone(), serial, stood, stands, had });
    }

    /// Whether an edit went with what the CRM showed before a backup was put back, and may stay gone: a user's mailbox never
    /// had it, or its user has deleted it there, or what was put back was taken as it is, or it was changed before anybody
    /// could tell. One that is still there, and never reached the mailbox, may go when the record is brought up to date: it
    /// looks as if the backup had brought it.
    pub fn may_be_undone(&self, user: usize, serial: u64, token: u32) -> bool {
        let never_arrived = |undone: &Undone| {
            undone.serial == serial
                && undone.stands.is_some_and(|stands| self.history.follows(stands, token))
                && undone.had & (1 << user) == 0
        };
        if self.backups.caught_up && self.backups.undone.iter().any(never_arrived) {
            return true;
        }
        self.undone(serial, token).any(|undone| {
            let shows = |s: &Stored| s.shows.values().any(|edit| self.history.follows(*edit, undone.stood));
            let mut in_mail = self.copies(Side::Mail, user, serial);
            let let_go = in_mail.any(|(_, s)| s.deleted.is_some_and(|d| d.by_user) && shows(s));
            let_go || self.counts_as_edited(undone, user)
        }) || self.is_beaten(user, serial, token)
    }

    /// Whether what was put back in a record counts as edited for a user: it was taken as it is, or nothing that the mailbox had
    /// of it tells that a backup was put back.
    fn counts_as_edited(&self, undone: &Undone, user: usize) -> bool {
        let touched = self.crm.items.get(&undone.id).map_or(0, |s| s.returned.touched);
        let evident = undone.had & !touched & (1 << user) != 0;
        !evident || self.backups.as_it_is
    }

    /// Whether what was put back passes for an edit of what a user has taken away since: it beats that, and no conflict is named.
    fn is_beaten(&self, user: usize, serial: u64, token: u32) -> bool {
        let mut edits = self.history.of(serial);
        let taken_away = edits.any(|(later, edit)| edit.blank && self.history.follows(later, token));
        let beats = |undone: &Undone| {
            undone.serial == serial
                && undone.stands != Some(undone.stood)
                && self.history.follows(token, undone.stood)
                && self.counts_as_edited(undone, user)
        };
        taken_away && self.backups.undone.iter().any(beats)
    }

    /// The deed by which an item that is in the CRM again was deleted there, for a user whose engine knew it and its twin.
    pub fn undeleted(&self, user: usize, serial: u64) -> Option<u64> {
        let copies = self.copies(Side::Crm, user, serial);
        let deleted = copies.filter_map(|(_, s)| s.returned.undeleted);
        deleted.filter(|d| d.by_user && d.linked & (1 << user) != 0).map(|d| d.deed).max()
    }

    /// Whether a record that was deleted may have gone with a backup, for all that a user's engine can know when the CRM is
    /// brought up to date, and be made again: the CRM has not told of that yet, and never will. A listing lacks both alike. It
    /// is known of what was in step in a version that is earlier than what the backup shows otherwise: the backup was made
    /// later, so that it would have it. Of what was changed after all that, nothing tells when it went.
    pub fn may_have_gone(&self, side: Side, user: usize, serial: u64) -> bool {
        let gone = |s: &Stored| s.deleted.is_some_and(|d| d.by_user) && !s.returned.lost;
        let mut gone = self.copies(Side::Crm, user, serial).filter(|(_, s)| gone(s)).peekable();
        let known = |(id, gone): (&RemoteId, &Stored)| {
            let Some(in_step) = self.backups.in_step.get(&(user, id.clone())) else { return false };
            let mut older = self.backups.older.iter().filter(|(of, ..)| *of == user);
            older.any(|(_, id, then)| {
                let still = self.crm.items.get(id).filter(|s| {
                    s.live() && s.is_of(user) && self.crm.version(s, self.now).stamp() == then.stamp()
                });
                still.is_some_and(|s| s.item.module == gone.item.module) && in_step.is_before(then)
            })
        };
        side == Side::Crm && self.backups.caught_up && (gone.peek().is_none() || !gone.all(known))
    }

    /// What users' engines know when an administrator has the CRM brought up to date.
    fn note_what_is_known(&mut self, pairs: &[PairRow]) {
        (self.backups.older, self.backups.in_step) = Default::default();
        for pair in pairs.iter().filter(|pair| pair.state == PairState::Linked) {
            let (user, Some(at)) = (user_of(pair), &pair.crm) else { continue };
            let there = self.crm.items.get(&at.id).filter(|s| s.live() && s.is_of(user));
            let now = there.map(|s| self.crm.version(s, self.now));
            if let Some(now) = now.filter(|now| now.is_before(&at.version)) {
                self.backups.older.push((user, at.id.clone(), now));
            }
            self.backups.in_step.insert((user, at.id.clone()), at.version.clone());
        }
    }

    /// Whether what a backup has put back in the CRM may pass for its users' edit, which beats a deletion: it was taken as it is,
    /// or was changed before anybody could tell. (What is brought up to date has a story of its own.)
    pub fn passes_for_an_edit(&self, user: usize, serial: u64) -> bool {
        self.copies(Side::Crm, user, serial).any(|(_, s)| s.returned.older)
    }

    /// Whether a backup was put back that has, or lacks, an item otherwise than it was deleted.
    pub fn was_returned(&self, user: usize, serial: u64) -> bool {
        self.copies(Side::Crm, user, serial).any(|(_, s)| s.returned.lost || s.returned.undeleted.is_some())
    }

    /// Whether a record of an item went when a backup was put back, whosever it was.
    pub fn went_with_backup(&self, serial: u64) -> bool {
        self.crm.items.values().any(|s| s.returned.lost && serial_of(&s.item) == Some(serial))
    }

    /// Whether an item of the mailbox may be deleted because its record went when a backup was put back: an administrator has
    /// approved it, or nothing tells that this was no deletion.
    pub fn may_go_with_backup(&self) -> bool {
        self.backups.approved || !self.can_tell()
    }

    /// Whether the engine that deletes just now could tell that a backup was put back.
    pub fn can_tell(&self) -> bool {
        self.backups.given_away
    }

    /// Whether an edit went with what the CRM showed before a backup was put back.
    pub fn is_undone(&self, serial: u64, token: u32) -> bool {
        self.undone(serial, token).next().is_some()
    }

    /// The records from which an edit went, or what had taken its place without knowing it.
    fn undone(&self, serial: u64, token: u32) -> impl Iterator<Item = &Undone> {
        self.backups.undone.iter().filter(move |undone| {
            let was_in = |edit: u32| !self.history.is_lost(token, &[Standing::Edit(edit)]);
            undone.serial == serial && was_in(undone.stood) && !undone.stands.is_some_and(was_in)
        })
    }

    /// Before a user's engine deletes items of the mailbox: whether it can tell that a backup was put back.
    pub fn before_deletions(&mut self, store: &Store, member: MemberId, user: usize) {
        self.backups.given_away = self.gives_away(store, member, user);
    }

    /// Whether what a user's engine remembers gives away that a backup was put back: one of the records that were changed last
    /// is older than it was. It is looked at before anything is deleted.
    fn gives_away(&self, store: &Store, member: MemberId, user: usize) -> bool {
        if !self.backups.put_back {
            return false;
        }
        let pairs: BTreeMap<_, _> = store.all_pairs().into_iter().map(|p| (p.id, p)).collect();
        let mut by_module: BTreeMap<_, Vec<ItemRow>> = BTreeMap::new();
        let known = |row: &ItemRow| {
            row.member == member
                && row.side == Side::Crm
                && row.presence == Presence::Present
                && row.pair.is_some()
        };
        for row in store.all_items().into_iter().filter(known) {
            by_module.entry(row.module).or_default().push(row);
        }
        by_module.into_values().filter(|rows| rows.len() <= NEWEST).flatten().any(|row| {
            let Some(stored) = self.crm.items.get(&row.id).filter(|s| s.live() && s.is_of(user)) else {
                return false;
            };
            let now = self.crm.version(stored, self.now);
            let pair = row.pair.and_then(|pair| pairs.get(&pair)?.crm.as_ref());
            let in_step =
                pair.filter(|at| at.id == row.id).map_or_else(Version::default, |at| at.version.clone());
            now.is_before(&row.version) || now.is_before(&in_step)
        })
    }
}

impl World {
    /// An administrator says what a backup that was put back is to be, if it was noticed. Answers whether it was.
    fn accepts(&mut self, catch_up: bool) -> bool {
        let crm = ConnectionName::from("crm");
        let (store, now) = (Arc::clone(&self.store), self.remote.lock().now);
        let mut asked: Pin<Box<dyn Future<Output = bool>>> = Box::pin(async move {
            let found = store.fact(&restored_fact(&crm)).await.ok().flatten();
            let found = found.is_some_and(|found| !found.is_empty());
            if found {
                accept(store.as_ref(), &crm, now, catch_up).await.ok();
            }
            found
        });
        let found = run(&mut asked, ENDLESS).unwrap_or(false);
        if found {
            self.note(format!("-- accepted, catch up: {catch_up}"));
            let pairs = self.store.all_pairs();
            let mut arena = self.remote.lock();
            arena.backups.as_it_is |= !catch_up;
            arena.backups.caught_up |= catch_up;
            if catch_up {
                arena.note_what_is_known(&pairs);
            }
        }
        found
    }

    /// An administrator decides about what Delete Safety holds. Answers whether there was anything.
    fn decides(&mut self, approve: bool) -> bool {
        let waits =
            |h: &HoldRow| h.kind == HoldKind::DeleteSafety && h.decided.is_none() && h.closed.is_none();
        let waiting: BTreeSet<_> = self.store.all_holds().into_iter().filter(waits).map(|h| h.id).collect();
        let at = self.remote.lock().now;
        for hold in &waiting {
            let decision = if approve { Decision::Approve } else { Decision::Refuse };
            self.note(format!("-- {decision:?}"));
            self.store.decide(*hold, Decided { decision, by: "admin@desk".into(), at });
        }
        self.remote.lock().backups.approved |= approve && !waiting.is_empty();
        !waiting.is_empty()
    }

    /// An administrator answers whatever is asked. Answers whether anything was.
    pub(super) fn answer(&mut self, mind: Mind) -> bool {
        self.accepts(mind.catch_up) | self.decides(mind.approve)
    }

    /// A day later, when all listings have been compared, an administrator answers until nothing is asked.
    pub(super) fn answer_all(&mut self, mind: Mind) {
        self.pass(25 * 60);
        for _ in 0..ASKED {
            self.settle(CYCLES);
            if !self.answer(mind) {
                return;
            }
        }
        self.remote.lock().broken.push("I7 convergence: an administrator is asked for ever".into());
    }
}

/// Has a backup be made and put back in a script, and an administrator say what becomes of it. Where and when follows from the
/// seed alone, so that all else happens as it does without.
pub(super) fn puts_back(script: &mut Script) {
    let mut random = Random::new(script.seed ^ 0x0062_6163_6b75_7073);
    let made = 1 + random.below(script.steps.len());
    script.steps.insert(made, Step::BackUp);
    let tells = [Tells::Nothing, Tells::All, Tells::Lost][random.below(3)];
    let put_back = made + 1 + random.below(script.steps.len() - made);
    script.steps.insert(put_back, Step::PutBack(tells));
    for _ in 0..random.below(3) {
        let mind = Mind { catch_up: random.percent(60), approve: random.percent(30) };
        insert(script, &mut random, Step::Answer(mind));
    }
}
