//! Both fake systems and what users did in them: everything that is outside of Riva. What must be true at all times is
//! checked at every write ([`verdicts`](super::verdicts)).

use super::backups::{Backups, Returned};
use super::history::{Edit, History};
use super::items::{Content, Slot, serial_of};
use super::rights::{Refusals, Rights};
use super::server::{Answer, Deleted, Request, Server, Stored};
use super::trace::Trace;
use chrono::{DateTime, Duration, Utc};
use riva_core::documents::Direction;
use riva_core::fault::ItemError;
use riva_core::ids::{RemoteId, Version};
use riva_core::item::{Field, Item, Module, Sensitivity, Value};
use riva_core::ports::{Draft, Patch, RemoteRef, Removal, Written};
use riva_core::rows::{IntentKind, Side};
use std::collections::{BTreeMap, BTreeSet};

/// Both systems.
pub(super) struct Arena {
    pub mail: Server,
    pub crm: Server,
    pub history: History,
    pub now: DateTime<Utc>,
    /// The edits that the answer to the last request tells of.
    pub told: Vec<u32>,
    /// Invariants that did not hold.
    pub broken: Vec<String>,
    /// Edits that went with an item which was deleted by somebody who had not seen them.
    pub went: Vec<Went>,
    pub trace: Trace,
    /// Something may happen between a reading and its answer.
    pub slow_reads: bool,
    /// What was deleted may come back: the policy says so, or the database was lost.
    pub may_resurrect: bool,
    /// Items (by serial number) that users have made, brought back or been given more than once: how often.
    pub doubled: BTreeMap<u64, usize>,
    /// Users (by item) whom an item ever concerned.
    pub concerned: BTreeSet<(usize, u64)>,
    /// What users may do in the CRM, if not everything.
    pub rights: BTreeMap<usize, Rights>,
    /// What they may not, and the engine was told so.
    pub refusals: Refusals,
    /// The backup of the CRM.
    pub backups: Backups,
    /// Users for whom no call is answered, in either system.
    pub failing: BTreeSet<usize>,
    /// Which way the policy lets changes go.
    pub direction: Direction,
}

/// An edit that went with an item.
#[derive(Debug, Clone)]
pub(super) struct Went {
    pub side: Side,
    pub id: RemoteId,
    pub slot: Slot,
    pub token: u32,
}

impl Arena {
    pub fn server(&mut self, side: Side) -> &mut Server {
        match side {
            Side::Mail => &mut self.mail,
            Side::Crm => &mut self.crm,
        }
    }

    pub fn its(&self, side: Side) -> &Server {
        match side {
            Side::Mail => &self.mail,
            Side::Crm => &self.crm,
        }
    }

    pub fn wrong(&mut self, what: String) {
        if self.broken.len() < 8 {
            self.broken.push(what);
        }
    }

    // ---- Users.

    /// A user makes an item.
    pub fn user_create(&mut self, side: Side, users: u32, mut item: Item) -> RemoteId {
        self.history.deeds += 1;
        let (now, deeds) = (self.now, self.history.deeds);
        let server = self.server(side);
        (server.normalise)(&mut item);
        let written = Slot::of(item.module).iter().filter_map(|slot| match slot.read(&item) {
            Content::Token(token) => Some((*slot, token)),
            Content::Blank | Content::Other => None,
        });
        let stored = Stored {
            shows: written.collect(),
            item,
            version: 0,
            stamp: 0,
            marker: None,
            carried: BTreeSet::new(),
            users,
            deleted: None,
            was_deleted: false,
            unsure: BTreeMap::new(),
            by_user: Some(deeds),
            returned: Returned::default(),
        };
        self.concerns(&stored);
        self.server(side).insert(stored, now)
    }

    fn concerns(&mut self, stored: &Stored) {
        let Some(serial) = serial_of(&stored.item) else { return };
        for user in (0..32).filter(|user| stored.is_of(*user)) {
            self.concerned.insert((user, serial));
        }
    }

    /// A user writes a token into a slot, or empties it.
    pub fn user_edit(
        &mut self,
        side: Side,
        id: &RemoteId,
        slot: Slot,
        blank: bool,
        long: bool,
    ) -> Option<u32> {
        let stored = self.its(side).items.get(id).filter(|s| s.live())?;
        let serial = serial_of(&stored.item)?;
        let before = stored.shows.get(&slot).copied();
        let private = stored.item.is_private();
        if blank && slot.read(&stored.item) == Content::Blank {
            return None;
        }
        let edit =
            Edit { serial, id: id.clone(), slot, before, blank, private, users: stored.users, seen: 0 };
        let token = self.history.edit(edit);
        self.user_changes(side, id, |item| slot.write(item, (!blank).then_some(token), long));
        let stored = self.server(side).items.get_mut(id)?;
        stored.shows.insert(slot, token);
        Some(token)
    }

    /// A user changes an item in any way.
    pub fn user_changes(&mut self, side: Side, id: &RemoteId, change: impl FnOnce(&mut Item)) -> bool {
        self.history.deeds += 1;
        let now = self.now;
        let server = self.server(side);
        let normalise = server.normalise;
        let Some(stored) = server.items.get_mut(id).filter(|s| s.live()) else { return false };
        change(&mut stored.item);
        normalise(&mut stored.item);
        for slot in Slot::of(stored.item.module) {
            if slot.read(&stored.item) == Content::Other {
                stored.shows.remove(slot);
            }
        }
        server.touch(id, now);
        true
    }

    /// A user marks an item private, or takes that back.
    pub fn user_hides(&mut self, side: Side, id: &RemoteId, hide: bool) {
        let level = if hide { Sensitivity::Private } else { Sensitivity::Normal };
        self.user_changes(side, id, |item| item.set(Field::Sensitivity, Value::Sensitivity(level)));
        let shows: Vec<u32> =
            self.its(side).items.get(id).into_iter().flat_map(|s| s.shows.values().copied()).collect();
        if !hide {
            for token in shows {
                self.history.published(token);
            }
        }
    }

    /// A user deletes an item.
    pub fn user_delete(&mut self, side: Side, id: &RemoteId, linked: u32) -> bool {
        self.history.deeds += 1;
        let (now, deed) = (self.now, self.history.deeds);
        let server = self.server(side);
        let Some(stored) = server.items.get_mut(id).filter(|s| s.live()) else { return false };
        stored.deleted = Some(Deleted { by_user: true, linked, deed });
        stored.was_deleted = true;
        server.touch(id, now);
        true
    }

    /// A user takes an item out of Deleted Items, or out of the recycle bin.
    pub fn user_undelete(&mut self, side: Side, id: &RemoteId) {
        self.history.deeds += 1;
        let (now, deed) = (self.now, self.history.deeds);
        let server = self.server(side);
        let Some(stored) = server.items.get_mut(id).filter(|s| !s.live()) else { return };
        stored.deleted = None;
        stored.by_user = Some(deed);
        server.touch(id, now);
    }

    /// A user moves an item: it has a new id, and keeps what it carries.
    pub fn user_moves(&mut self, side: Side, id: &RemoteId) {
        self.history.deeds += 1;
        let (now, deed) = (self.now, self.history.deeds);
        let server = self.server(side);
        let Some(stored) = server.items.get_mut(id).filter(|s| s.live()) else { return };
        let moved = stored.clone();
        stored.deleted = Some(Deleted { by_user: false, linked: 0, deed });
        server.touch(id, now);
        server.insert(moved, now);
    }

    /// A record is given to other users.
    pub fn reassign(&mut self, id: &RemoteId, users: u32) {
        self.history.deeds += 1;
        let now = self.now;
        let Some(stored) = self.crm.items.get_mut(id).filter(|s| s.live()) else { return };
        stored.users = users;
        let stored = stored.clone();
        self.concerns(&stored);
        self.crm.touch(id, now);
    }

    // ---- The engine.

    /// Requests that were on their way arrive.
    pub fn late_arrivals(&mut self, all: bool) {
        for side in [Side::Crm, Side::Mail] {
            let now = self.now;
            let late = std::mem::take(&mut self.server(side).late);
            let (due, rest): (Vec<_>, Vec<_>) = late.into_iter().partition(|(at, ..)| all || *at <= now);
            self.server(side).late = rest;
            for (_, user, request) in due {
                self.carry_out(side, user, &request, true);
            }
        }
    }

    /// These users' engines (as bits) are writing to an item, and have not recorded how that ended.
    pub fn unsure_of(&mut self, side: Side, id: &RemoteId, users: u32) {
        let Some(stored) = self.server(side).items.get_mut(id) else { return };
        for user in (0..32).filter(|user| users & (1 << user) != 0) {
            stored.unsure.entry(user).or_default();
        }
    }

    /// A slot is written over by a user, to which these users' engines are writing: what stood there may be what they wrote, and
    /// nobody can tell any more.
    pub fn unsure_of_slot(&mut self, side: Side, id: &RemoteId, users: u32, slot: Slot) {
        let Some(stored) = self.server(side).items.get_mut(id) else { return };
        let Some(token) = stored.shows.get(&slot).copied() else { return };
        for user in (0..32).filter(|user| users & (1 << user) != 0) {
            stored.unsure.entry(user).or_default().push((slot, token));
        }
    }

    /// A request to update is lost on its way: whoever sent it cannot know.
    pub fn in_doubt(&mut self, side: Side, user: usize, request: &Request) {
        let Request::Update(patches) = request else { return };
        for patch in patches {
            if let Some(stored) = self.server(side).items.get_mut(&patch.id) {
                stored.unsure.entry(user).or_default();
            }
        }
    }

    /// Does what a request asks for.
    pub fn carry_out(&mut self, side: Side, user: usize, request: &Request, late: bool) -> Vec<Answer> {
        if self.source() == Some(side) && !matches!(request, Request::Tag(_)) {
            self.wrong(format!("one way: user {user}'s engine writes to the {}: {request:?}", side.title()));
        }
        match request {
            Request::Create(drafts) => drafts.iter().map(|d| self.create(side, user, d, late)).collect(),
            Request::Update(patches) => patches.iter().map(|p| self.update(side, user, p)).collect(),
            Request::Delete(removals) => removals.iter().map(|r| self.delete(side, user, r)).collect(),
            Request::Tag(tags) => {
                if let Some(error) = self.forbids(side, user, IntentKind::Update) {
                    return tags.iter().map(|_| Err(error.clone())).collect();
                }
                let now = self.now;
                let server = self.server(side);
                tags.iter()
                    .map(|(at, marker)| {
                        let known = server.items.get(&at.id).filter(|s| s.live());
                        if !known.is_some_and(|s| server.is_still(s, &at.version)) {
                            return Err(ItemError::VersionMoved);
                        }
                        if let Some(stored) = server.items.get_mut(&at.id) {
                            stored.marker = Some(*marker);
                            stored.carried.insert(marker.pair);
                        }
                        server.touch_by(user, &at.id, now);
                        Ok(Some(Written { at: server.at(&at.id, now), item: None }))
                    })
                    .collect()
            }
        }
    }

    fn refuses(&mut self, side: Side, serial: Option<u64>) -> Option<ItemError> {
        let server = self.server(side);
        if serial.is_some_and(|serial| server.poison.contains(&serial)) {
            return Some(ItemError::Invalid { reason: "FIELD_CUSTOM_VALIDATION_EXCEPTION".into() });
        }
        let chance = server.faults.not_now;
        server.random.percent(chance).then(|| ItemError::NotNow("busy".into()))
    }

    fn written(&mut self, side: Side, id: &RemoteId) -> Written {
        let now = self.now;
        let server = self.its(side);
        let at = server.at(id, now);
        if server.traits.bare_answers {
            return Written { at: RemoteRef { version: Version::default(), ..at }, item: None };
        }
        let stored = server.items.get(id);
        let told: Vec<u32> = stored.into_iter().flat_map(|s| s.shows.values().copied()).collect();
        let item = stored.map(|s| Box::new(s.item.clone()));
        self.told.extend(told);
        Written { at, item }
    }

    /// A user's engine is shown an item. `may_record`: it holds the claim, and can write down what it sees.
    pub fn shown(&mut self, side: Side, user: usize, id: &RemoteId, may_record: bool) {
        let Some(stored) = self.server(side).items.get_mut(id) else { return };
        // Where something else stands by now, it cannot be told whether whoever wrote that had seen what was written before.
        let Stored { shows, unsure, .. } = stored;
        if may_record
            && stored.deleted.is_none()
            && unsure.get(&user).is_some_and(|all| all.iter().all(|(slot, t)| shows.get(slot) == Some(t)))
        {
            unsure.remove(&user);
        }
        let tokens: Vec<u32> = stored.shows.values().copied().collect();
        for token in tokens {
            self.history.shown_to(token, user);
        }
    }

    /// A user's engine has the answer to a write.
    pub fn answered(&mut self, side: Side, user: usize, id: &RemoteId) {
        // Of what is deleted by then, the answer may never be recorded.
        if let Some(stored) = self.server(side).items.get_mut(id).filter(|s| s.live()) {
            stored.unsure.remove(&user);
        }
    }

    fn create(&mut self, side: Side, user: usize, draft: &Draft, late: bool) -> Answer {
        let now = self.now;
        let mut item = draft.item.clone();
        let serial = serial_of(&item);
        if let Some(error) = self.forbids(side, user, IntentKind::Create) {
            return Err(error);
        }
        if let Some(error) = self.refuses(side, serial) {
            return Err(error);
        }
        let server = self.server(side);
        let twin = |s: &Stored| s.live() && s.marker == Some(draft.marker);
        if server.traits.unique_markers && server.items.values().any(twin) {
            return Err(ItemError::Exists);
        }
        complete(&mut item);
        (server.normalise)(&mut item);
        let mut stored = Stored {
            item,
            version: 0,
            stamp: 0,
            marker: server.traits.markers.then_some(draft.marker),
            carried: server.traits.markers.then_some(draft.marker.pair).into_iter().collect(),
            users: 1 << user,
            deleted: None,
            was_deleted: false,
            unsure: BTreeMap::new(),
            shows: BTreeMap::new(),
            by_user: None,
            returned: Returned::default(),
        };
        server.writes += 1;
        server.creates += 1;
        self.follow(side, user, &mut stored, &BTreeMap::new());
        if let Some(serial) = serial {
            self.check_create(side, user, serial, &stored, late);
        }
        self.concerns(&stored);
        let id = self.server(side).insert(stored, now);
        Ok(Some(self.written(side, &id)))
    }

    /// Notes which edits an item shows after the engine has written it.
    fn follow(&mut self, side: Side, user: usize, stored: &mut Stored, before: &BTreeMap<Slot, Content>) {
        for slot in Slot::of(stored.item.module) {
            let content = slot.read(&stored.item);
            if before.get(slot) == Some(&content) {
                continue;
            }
            match content {
                Content::Token(token) => {
                    stored.shows.insert(*slot, token);
                    let edit = self.history.get(token).cloned();
                    if side == Side::Crm && edit.is_some_and(|e| e.private) {
                        self.wrong(format!("I12 scope: the private edit t{token} is in the CRM"));
                    }
                }
                Content::Blank => {
                    // Emptied after the other side's.
                    match self.emptied(side.other(), user, serial_of(&stored.item), *slot) {
                        Some(token) => stored.shows.insert(*slot, token),
                        None => stored.shows.remove(slot),
                    };
                }
                Content::Other => {
                    stored.shows.remove(slot);
                }
            }
        }
    }

    /// The edit that has emptied a slot of a user's item on a side.
    pub fn emptied(&self, side: Side, user: usize, serial: Option<u64>, slot: Slot) -> Option<u32> {
        let mut items = self.its(side).items.values();
        let source = items
            .find(|s| s.is_of(user) && serial_of(&s.item) == serial && slot.read(&s.item) == Content::Blank);
        source.and_then(|s| s.shows.get(&slot)).copied()
    }

    fn update(&mut self, side: Side, user: usize, patch: &Patch) -> Answer {
        let now = self.now;
        let serial = serial_of(&patch.base);
        if let Some(error) = self.refuses(side, serial) {
            return Err(error);
        }
        let server = self.its(side);
        let Some(stored) = server.items.get(&patch.id).filter(|s| s.live()) else {
            return Err(ItemError::Gone);
        };
        if let Some(error) = self.forbids(side, user, IntentKind::Update) {
            return Err(error);
        }
        if !server.is_still(stored, &patch.version) {
            return Err(ItemError::VersionMoved);
        }
        let mut stored = stored.clone();
        let before: BTreeMap<Slot, Content> =
            Slot::of(stored.item.module).iter().map(|slot| (*slot, slot.read(&stored.item))).collect();
        for (field, value) in &patch.set {
            stored.item.set(*field, value.clone());
        }
        let server = self.server(side);
        (server.normalise)(&mut stored.item);
        server.writes += 1;
        for slot in Slot::of(stored.item.module) {
            let Some(token) = stored.shows.get(slot).copied() else { continue };
            let seen = self.history.get(token).is_none_or(|e| e.seen & (1 << user) != 0);
            if before.get(slot) != Some(&slot.read(&stored.item)) && !seen {
                self.wrong(format!(
                    "I6 unseen edits survive: t{token} was overwritten in {} of the {} before user {user}'s engine had read it",
                    patch.id,
                    side.title()
                ));
            }
        }
        let shown_before = stored.shows.clone();
        self.follow(side, user, &mut stored, &before);
        let written = stored.shows.iter().filter(|(slot, t)| shown_before.get(slot) != Some(t));
        let written: Vec<(Slot, u32)> = written.map(|(slot, t)| (*slot, *t)).collect();
        stored.unsure.entry(user).or_default().extend(written);
        let server = self.server(side);
        server.items.insert(patch.id.clone(), stored);
        server.touch_by(user, &patch.id, now);
        let chance = server.faults.meddled;
        if server.random.percent(chance) {
            self.meddle(side, patch);
        }
        Ok(Some(self.written(side, &patch.id)))
    }

    /// A user edits what the patch does not set, before the answer is made.
    fn meddle(&mut self, side: Side, patch: &Patch) {
        let free = Slot::of(patch.base.module).iter().find(|slot| !patch.set.contains_key(&slot.field()));
        if let Some(slot) = free {
            self.user_edit(side, &patch.id, *slot, false, false);
        }
    }

    fn delete(&mut self, side: Side, user: usize, removal: &Removal) -> Answer {
        let now = self.now;
        let deed = self.history.deeds;
        let serial = self.its(side).items.get(&removal.id).and_then(|s| serial_of(&s.item));
        if let Some(error) = self.refuses(side, serial) {
            return Err(error);
        }
        let server = self.its(side);
        let Some(stored) = server.items.get(&removal.id).filter(|s| s.live()) else {
            return Err(ItemError::Gone);
        };
        if let Some(error) = self.forbids(side, user, IntentKind::Delete) {
            return Err(error);
        }
        if !server.is_still(stored, &removal.version) {
            return Err(ItemError::VersionMoved);
        }
        let stored = stored.clone();
        let of = stored.marker.map(|marker| marker.pair);
        // What its user has deleted just now is not to come back as its double.
        let there = |s: &Stored| s.deleted.is_none_or(|deleted| deleted.by_user);
        let double = of.is_some_and(|pair| {
            server.items.iter().any(|(id, s)| *id != removal.id && there(s) && s.carried.contains(&pair))
        });
        let server = self.server(side);
        server.writes += 1;
        server.deletes += 1;
        if let Some(stored) = server.items.get_mut(&removal.id) {
            stored.deleted = Some(Deleted { by_user: false, linked: 0, deed });
            stored.was_deleted = true;
        }
        server.touch(&removal.id, now);
        if !double {
            self.check_delete(side, user, &removal.id, &stored);
        }
        Ok(None)
    }

    /// Every item of a side that is, or was, this item of this user.
    pub fn copies(&self, side: Side, user: usize, serial: u64) -> impl Iterator<Item = (&RemoteId, &Stored)> {
        self.its(side).items.iter().filter(move |(_, s)| s.is_of(user) && serial_of(&s.item) == Some(serial))
    }

    /// The side to which nothing is written, by the policy's word.
    pub fn source(&self) -> Option<Side> {
        match self.direction {
            Direction::TwoWay => None,
            Direction::MailToCrm => Some(Side::Mail),
            Direction::CrmToMail => Some(Side::Crm),
        }
    }

    /// Time passes.
    pub fn pass(&mut self, by: Duration) {
        self.now += by;
        self.late_arrivals(false);
    }
}

/// A field that was not given is empty, and known to be.
fn complete(item: &mut Item) {
    let fields: &[Field] = match item.module {
        Module::Contacts => &[Field::Emails, Field::Phones, Field::Notes, Field::Sensitivity],
        Module::Tasks => &[Field::DueDate, Field::Body, Field::Sensitivity],
        _ => &[Field::Location, Field::Body, Field::Sensitivity],
    };
    for field in fields {
        item.fields.entry(*field).or_insert(Value::Blank);
    }
}
