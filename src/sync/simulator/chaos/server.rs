//! A fake system: the items of all its users, with versions, change logs, markers and everything that makes the real
//! ones difficult.

use super::backups::Returned;
use super::faults::Faults;
use super::items::Slot;
use crate::simulator::Random;
use crate::simulator::tombstones::Tombstones;
use chrono::{DateTime, Utc};
use riva_core::fault::{CallError, ItemError};
use riva_core::ids::{Cursor, Marker, PairId, RemoteId, Version};
use riva_core::item::{Item, Module};
use riva_core::ports::{Change, ChangePage, Draft, Patch, RemoteRef, Removal, Written};
use riva_core::rows::Side;
use std::collections::{BTreeMap, BTreeSet};

/// How long after its last change the stamp of an item can be trusted, in seconds (see [`Traits::whole_seconds`]).
const SETTLES_AFTER: i64 = 5;

/// What a system is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "traits that have nothing to do with one another")]
pub(super) struct Traits {
    /// Of which deletions its feed tells.
    pub tombstones: Tombstones,
    /// Items keep our marker.
    pub markers: bool,
    /// A second create with the same marker is refused.
    pub unique_markers: bool,
    /// Versions are the second of the last change, provisional for a while (Salesforce).
    pub whole_seconds: bool,
    /// Writes are answered without version and content (CalDAV).
    pub bare_answers: bool,
    /// It says when an item was last changed, by a clock that is off by so many seconds.
    pub tells_when: Option<i64>,
}

/// A deletion.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deleted {
    /// Not by the engine.
    pub by_user: bool,
    /// The users (as bits) whose engine knew it and its twin then: it must not be made again for them.
    pub linked: u32,
    /// After how many deeds of users.
    pub deed: u64,
}

/// An item of a system.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub item: Item,
    pub version: u64,
    /// The second of its last change.
    pub stamp: i64,
    pub marker: Option<Marker>,
    /// Of which pairs it has ever carried the marker: the next one takes the place of the last.
    pub carried: BTreeSet<PairId>,
    /// Whose it is, as bits: one user's in a mailbox, any number's in a CRM.
    pub users: u32,
    pub deleted: Option<Deleted>,
    /// It was deleted at some time, even if it is back.
    pub was_deleted: bool,
    /// What the users' engines have written to it, and do not know whether it arrived: no answer came, and what was read
    /// since does not show it.
    pub unsure: BTreeMap<usize, Vec<(Slot, u32)>>,
    /// Which edits its slots show.
    pub shows: BTreeMap<Slot, u32>,
    /// Made (or brought back) by a user, after how many deeds; `None`: made by the engine.
    pub by_user: Option<u64>,
    /// What a backup that was put back has made of it.
    pub returned: Returned,
}

impl Stored {
    pub fn live(&self) -> bool {
        self.deleted.is_none()
    }

    pub fn is_of(&self, user: usize) -> bool {
        self.users & (1 << user) != 0
    }
}

/// Writes of one call.
#[derive(Debug, Clone)]
pub(super) enum Request {
    Create(Vec<Draft>),
    Update(Vec<Patch>),
    Delete(Vec<Removal>),
    Tag(Vec<(RemoteRef, Marker)>),
}

/// A fake system.
pub(super) struct Server {
    pub side: Side,
    pub traits: Traits,
    pub items: BTreeMap<RemoteId, Stored>,
    /// What changed, in order: per mailbox and module, or for all users of a CRM.
    logs: BTreeMap<(usize, Module), Vec<RemoteId>>,
    /// Counts how often a mailbox was moved: older cursors are not known any more.
    pub epochs: BTreeMap<usize, u32>,
    /// Serial numbers that it never takes.
    pub poison: BTreeSet<u64>,
    /// Requests on their way: when they arrive, whose they are.
    pub late: Vec<(DateTime<Utc>, usize, Request)>,
    /// No call is answered before this, and whether it says so by 429 or by 503.
    pub down_until: Option<(DateTime<Utc>, bool)>,
    pub faults: Faults,
    pub random: Random,
    pub normalise: fn(&mut Item),
    /// Items written through the port.
    pub writes: u64,
    /// Of them, created and deleted.
    pub creates: u64,
    pub deletes: u64,
    /// Calls that read or write items: not those that ask for changes or list.
    pub busy_calls: u64,
    next_id: u64,
    next_version: u64,
}

impl Server {
    pub fn new(side: Side, traits: Traits, seed: u64, normalise: fn(&mut Item)) -> Self {
        Self {
            side,
            traits,
            items: BTreeMap::new(),
            logs: BTreeMap::new(),
            epochs: BTreeMap::new(),
            poison: BTreeSet::new(),
            late: Vec::new(),
            down_until: None,
            faults: Faults::NONE,
            random: Random::new(seed),
            normalise,
            writes: 0,
            creates: 0,
            deletes: 0,
            busy_calls: 0,
            next_id: 1,
            next_version: 1,
        }
    }

    /// Puts a new item in.
    pub fn insert(&mut self, mut stored: Stored, now: DateTime<Utc>) -> RemoteId {
        let id = RemoteId::new(format!("{}-{:05}", self.side.as_str(), self.next_id));
        self.next_id += 1;
        self.next_version += 1;
        stored.version = self.next_version;
        stored.stamp = now.timestamp();
        self.log_of(&stored).push(id.clone());
        self.items.insert(id.clone(), stored);
        id
    }

    fn log_of(&mut self, stored: &Stored) -> &mut Vec<RemoteId> {
        let account = match self.side {
            Side::Mail => stored.users.trailing_zeros() as usize,
            Side::Crm => 0,
        };
        self.logs.entry((account, stored.item.module)).or_default()
    }

    /// Something about an item has changed.
    pub fn touch(&mut self, id: &RemoteId, now: DateTime<Utc>) {
        self.next_version += 1;
        let version = self.next_version;
        let Some(stored) = self.items.get_mut(id) else { return };
        stored.version = version;
        stored.stamp = now.timestamp();
        stored.returned.touched = u32::MAX;
        let stored = stored.clone();
        self.log_of(&stored).push(id.clone());
    }

    /// A user's engine has written to an item.
    pub fn touch_by(&mut self, user: usize, id: &RemoteId, now: DateTime<Utc>) {
        let touched = self.items.get(id).map_or(0, |s| s.returned.touched);
        self.touch(id, now);
        if let Some(stored) = self.items.get_mut(id) {
            stored.returned.touched = touched | !(1 << user);
        }
    }

    /// Its feeds tell of all items once more.
    pub fn tell_all(&mut self) {
        let known: Vec<(RemoteId, Stored)> = self
            .items
            .iter()
            .filter(|(_, s)| !s.returned.lost)
            .map(|(id, s)| (id.clone(), s.clone()))
            .collect();
        for (id, stored) in known {
            self.log_of(&stored).push(id);
        }
    }

    /// A version changes although the content does not.
    pub fn churn(&mut self, user: usize, now: DateTime<Utc>) {
        let mine: Vec<RemoteId> =
            self.items.iter().filter(|(_, s)| s.live() && s.is_of(user)).map(|(id, _)| id.clone()).collect();
        let index = self.random.below(mine.len());
        if let Some(id) = mine.get(index) {
            self.touch(id, now);
        }
    }

    /// An item's version as it is told now.
    pub fn version(&self, stored: &Stored, now: DateTime<Utc>) -> Version {
        if !self.traits.whole_seconds {
            return Version::new(stored.version.to_string());
        }
        let settled = now.timestamp() - stored.stamp >= SETTLES_AFTER;
        Version::new(format!("{}{}", stored.stamp, if settled { "" } else { "~" }))
    }

    /// When an item was last changed, if the system tells.
    pub fn modified(&self, stored: &Stored) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp(stored.stamp + self.traits.tells_when?, 0)
    }

    pub fn at(&self, id: &RemoteId, now: DateTime<Utc>) -> RemoteRef {
        let version = self.items.get(id).map(|s| self.version(s, now)).unwrap_or_default();
        RemoteRef { id: id.clone(), version }
    }

    /// Whether an item still has a version that was read before.
    pub fn is_still(&self, stored: &Stored, version: &Version) -> bool {
        if self.traits.whole_seconds {
            version.as_str().trim_end_matches('~') == stored.stamp.to_string()
        } else {
            version.as_str() == stored.version.to_string()
        }
    }

    /// One page of a log.
    pub fn changes(
        &mut self,
        account: usize,
        module: Module,
        cursor: Option<&Cursor>,
        now: DateTime<Utc>,
    ) -> Result<ChangePage, CallError> {
        let epoch = self.epochs.get(&account).copied().unwrap_or(0);
        let known = cursor.and_then(|c| {
            let mut parts = c.as_str().split(':');
            let mut next = || parts.next()?.parse::<i64>().ok();
            Some((next()?, usize::try_from(next()?).ok()?, next()?))
        });
        let lost =
            self.random.percent(self.faults.cursor_lost) || known.is_some_and(|k| k.0 != i64::from(epoch));
        if cursor.is_some() && lost {
            return Err(CallError::CursorLost("too old".into()));
        }
        let empty = Vec::new();
        let log = self.logs.get(&(account, module)).unwrap_or(&empty);
        let at = known.map_or(0, |k| k.1.min(log.len()));
        let replayed = if self.random.percent(self.faults.replayed) { self.random.below(3) } else { 0 };
        let from = at.saturating_sub(replayed);
        let to = (at + 1 + self.random.below(7)).min(log.len());
        let mut ids: Vec<RemoteId> = log.get(from..to).unwrap_or_default().to_vec();
        if self.traits.whole_seconds
            && let Some((_, _, told)) = known
        {
            // What was changed about when the last page was told may have been told in a provisional version.
            let told_soon = |id: &&RemoteId| self.items.get(*id).is_some_and(|s| s.stamp >= told - 10);
            let again: Vec<RemoteId> =
                log.get(..from).unwrap_or_default().iter().filter(told_soon).cloned().collect();
            ids.extend(again);
        }
        let more = to < log.len();
        if self.random.percent(self.faults.shuffled) {
            for i in (1..ids.len()).rev() {
                let j = self.random.below(i + 1);
                ids.swap(i, j);
            }
        }
        let told = log.get(..at).unwrap_or_default();
        let mut changes = Vec::new();
        for id in ids {
            let Some(stored) = self.items.get(&id).filter(|s| !s.returned.lost) else { continue };
            if stored.live() {
                changes.push(Change::Seen { version: self.version(stored, now), id });
            } else if self.traits.tombstones.after(cursor.is_some(), || told.contains(&id)) {
                changes.push(Change::Deleted { id });
            }
        }
        Ok(ChangePage { changes, cursor: Cursor::new(format!("{epoch}:{to}:{}", now.timestamp())), more })
    }

    /// The feed's end: "from now on".
    pub fn end_of_log(&self, account: usize, module: Module, now: DateTime<Utc>) -> Cursor {
        let end = self.logs.get(&(account, module)).map_or(0, Vec::len);
        let epoch = self.epochs.get(&account).copied().unwrap_or(0);
        Cursor::new(format!("{epoch}:{end}:{}", now.timestamp()))
    }
}

/// What becomes of one item of a write.
pub(super) type Answer = Result<Option<Written>, ItemError>;
