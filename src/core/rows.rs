//! What the engine remembers between cycles: observations, pairs, intents, holds. Hashes of fields, never their
//! text.

use crate::history::{ImageRow, OrderRow};
use crate::holds::HoldRow;
use crate::ids::{ConnectionName, Cursor, Marker, MemberId, PairId, RemoteId, Version};
use crate::item::{Field, Module};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Mail side or CRM side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The mail system.
    Mail,
    /// The CRM.
    Crm,
}

impl Side {
    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Mail => Self::Crm,
            Self::Crm => Self::Mail,
        }
    }

    /// As a word in a database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Crm => "crm",
        }
    }

    /// As a person calls it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Mail => "mailbox",
            Self::Crm => "CRM",
        }
    }
}

/// A keyed hash of each field of an item, as one side shows it. Set fields have one hash for each element:
/// `phones/work`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hashes(pub BTreeMap<String, u64>);

impl Hashes {
    /// The bits of a hash that count: it is kept in six bytes. That two values of one field have the same by chance, so that
    /// an edit is not seen, is to be expected once in 280 million million edits.
    pub const BITS: u64 = (1 << 48) - 1;

    /// The key of a field that is hashed as a whole.
    pub fn key(field: Field) -> String {
        field.as_str().to_owned()
    }

    /// The field, by its name, that an entry is about: as a whole, or by one of its elements.
    pub fn field_of(key: &str) -> &str {
        key.split('/').next().unwrap_or(key)
    }

    /// The key of a set's element.
    pub fn element_key(field: Field, element: &str) -> String {
        format!("{}/{element}", field.as_str())
    }
}

/// Whether a remote item is there, as far as we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Presence {
    /// It is.
    Present,
    /// The system said that it was deleted (E1), or a probe found it gone (E2).
    Deleted,
    /// It was missing in a full listing (E3): to be probed before anything follows from it.
    Missing,
    /// It is there, but not for this user any more (E4).
    OutOfScope,
}

impl Presence {
    /// As a person calls it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Present => "there",
            Self::Deleted => "deleted",
            Self::Missing => "missing in the last listing",
            Self::OutOfScope => "out of this user's sight",
        }
    }
}

/// A remote item as last observed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemRow {
    /// Whose.
    pub member: MemberId,
    /// What.
    pub module: Module,
    /// On which side.
    pub side: Side,
    /// Its id there.
    pub id: RemoteId,
    /// The last version that a feed or a write told us.
    pub version: Version,
    /// Whether it is there.
    pub presence: Presence,
    /// Observed, but not yet taken into account.
    pub dirty: bool,
    /// Counts the observations that made the row dirty. A commit that was planned on an older count (a feed has seen
    /// the item again in the meantime) must not wipe out the newer one. 0: the mailbox's feed has not told of it yet (we
    /// made it, or a listing that came after the feed shows it).
    pub seen: i64,
    /// The pair that it is part of.
    pub pair: Option<PairId>,
    /// Hashed keys by which its twin can be found; `None` until it was read for matching, and once it has a twin.
    pub match_keys: Option<Vec<MatchKey>>,
}

impl ItemRow {
    /// The item, to be forgotten as it is known here.
    pub fn forgotten(&self) -> Forgotten {
        Forgotten {
            member: self.member,
            module: self.module,
            side: self.side,
            id: self.id.clone(),
            seen: self.seen,
        }
    }
}

/// An item to forget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forgotten {
    /// Whose.
    pub member: MemberId,
    /// What.
    pub module: Module,
    /// On which side.
    pub side: Side,
    /// Its id there.
    pub id: RemoteId,
    /// The row's `seen` when that was planned.
    pub seen: i64,
}

/// A hashed key for matching at first sync: items on both sides with an equal key may be the same thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MatchKey {
    /// Which rule (position in the order of trust: 0 marker, 1 uid, 2 e-mail, …).
    pub rule: u8,
    /// The hash.
    pub hash: u64,
}

/// What a pair is about to do, or why it does nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PairState {
    /// Both sides are the same, as far as they can be.
    Linked,
    /// Waits for an administrator.
    Held,
    /// Did not work; tried again at `next_try`.
    Quarantined,
    /// Not kept in step any more (or never was): each side keeps its own.
    Detached,
    /// Deleted on both sides.
    Tombstoned,
    /// A series that the other side cannot hold: each of its occurrences is a pair of its own. This one has no other side;
    /// at `next_try` the occurrences that have come into the window are added.
    Unrolled,
}

impl PairState {
    /// All states.
    pub const ALL: [Self; 6] =
        [Self::Linked, Self::Held, Self::Quarantined, Self::Detached, Self::Tombstoned, Self::Unrolled];

    /// As a word in a database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Linked => "linked",
            Self::Held => "held",
            Self::Quarantined => "quarantined",
            Self::Detached => "detached",
            Self::Tombstoned => "tombstoned",
            Self::Unrolled => "unrolled",
        }
    }
}

/// One side of a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairSide {
    /// The item's id there.
    pub id: RemoteId,
    /// The version that `seen` was taken of.
    pub version: Version,
    /// Hashes of what the side showed when both were last in step (the base of the merge).
    pub seen: Hashes,
    /// Hashes of what we last sent there.
    pub sent: Hashes,
}

/// Two items that are the same thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairRow {
    /// Which pair.
    pub id: PairId,
    /// Whose.
    pub member: MemberId,
    /// What.
    pub module: Module,
    /// Its mail side; `None` while it has none.
    pub mail: Option<PairSide>,
    /// Its CRM side; `None` while it has none.
    pub crm: Option<PairSide>,
    /// The hashed UID of its mailbox item, as far as that is known: an item that is given another id keeps it. (What an
    /// appointment claims is the same.)
    pub uid: Option<u64>,
    /// What becomes of it.
    pub state: PairState,
    /// Why, for a person, if not linked.
    pub reason: Option<String>,
    /// Counts the creates made for it.
    pub generation: u32,
    /// Failed tries in a row.
    pub attempts: u32,
    /// Not tried before this.
    pub next_try: Option<DateTime<Utc>>,
}

impl PairRow {
    /// Lets go of both sides. If one of them is synced again, what is made for it then is another item.
    pub fn set_free(&mut self) {
        self.mail = None;
        self.crm = None;
        self.generation += 1;
    }

    /// One side of it.
    pub fn side(&self, side: Side) -> Option<&PairSide> {
        match side {
            Side::Mail => self.mail.as_ref(),
            Side::Crm => self.crm.as_ref(),
        }
    }

    /// One side of it, to be changed.
    pub fn side_mut(&mut self, side: Side) -> &mut Option<PairSide> {
        match side {
            Side::Mail => &mut self.mail,
            Side::Crm => &mut self.crm,
        }
    }

    /// The marker of its items.
    pub fn marker(&self) -> Marker {
        Marker { pair: self.id, generation: self.generation }
    }
}

/// What an intent does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IntentKind {
    /// Makes an item.
    Create,
    /// Changes an item.
    Update,
    /// Takes an item away.
    Delete,
    /// Moves an item to Lost & Found.
    Move,
}

impl IntentKind {
    /// As a word in a database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Move => "move",
        }
    }
}

/// A write that is about to be made, or was made and not recorded yet. At most one per pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntentRow {
    /// Which pair.
    pub pair: PairId,
    /// Whose.
    pub member: MemberId,
    /// What.
    pub module: Module,
    /// Where.
    pub side: Side,
    /// What is done.
    pub kind: IntentKind,
    /// The marker that the item carries or gets.
    pub marker: Marker,
    /// The item written to; `None` for a create.
    pub target: Option<RemoteId>,
    /// The version that it must have.
    pub expect: Option<Version>,
    /// Hashes of what is sent.
    pub sends: Hashes,
    /// Hashes of the sent fields as the other side showed them: if the answer is lost, this is what it was in step with.
    pub origin: Hashes,
    /// In which version the other side showed them, where versions tell when an item was last changed.
    pub origin_version: Option<Version>,
    /// Whether the answer is known to be lost (otherwise: not known whether it was sent).
    pub in_doubt: bool,
    /// When it was written down.
    pub at: DateTime<Utc>,
    /// The earliest time at which a probe that finds nothing may be believed.
    pub believe_after: Option<DateTime<Utc>>,
}

/// Who reads a feed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum FeedScope {
    /// A member's own feed.
    Member(MemberId),
    /// A connection's, for all its members.
    Connection(ConnectionName),
}

/// Something that one page of a feed or listing told us about one member's item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// Whose.
    pub member: MemberId,
    /// Its id.
    pub id: RemoteId,
    /// What was seen.
    pub presence: Presence,
    /// Its version, if the page gives one.
    pub version: Option<Version>,
}

/// One page of observations, stored together with the cursor that follows it (one transaction).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ingest {
    /// Whose feed.
    pub scope: FeedScope,
    /// Of what.
    pub module: Module,
    /// From which side.
    pub side: Side,
    /// What was seen. An observation of a version that the row already has changes nothing.
    pub observations: Vec<Observation>,
    /// Where the page was read from: of a connection's feed, a page is stored only while the stored cursor is still this
    /// one. A member's own pages are guarded by the member's fence.
    pub after: Option<Cursor>,
    /// Where to go on; `None` leaves the stored one (a listing).
    pub cursor: Option<Cursor>,
}

impl Ingest {
    /// Whether the mailbox's feed knows of what this page shows: it will tell when that goes. Of what a listing shows, and what
    /// may have come after the feed was read, it need not tell. (A CRM tells of whatever goes.)
    #[must_use]
    pub fn is_known_to_the_feed(&self) -> bool {
        self.side == Side::Crm || self.cursor.is_some()
    }
}

/// One line of the journal of what was done to a pair: what `explain` and `undo` read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalRow {
    /// Whose.
    pub member: MemberId,
    /// Of what.
    pub module: Module,
    /// Which pair.
    pub pair: PairId,
    /// When.
    pub at: DateTime<Utc>,
    /// What was done: `link`, `create mail`, `update crm`, `hold`, …
    pub deed: String,
    /// Which rule decided: the row of the reconciliation table, or the matching rule.
    pub rule: String,
    /// What follows for a person to read; no content of items beyond their title.
    pub text: String,
    /// What the sides showed when it was decided: versions and names of changed fields; empty where nothing was read.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub seen: String,
}

/// Changes to the engine's rows that belong together: all of them are stored, or none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Commit {
    /// Pairs to insert or replace.
    pub pairs: Vec<PairRow>,
    /// Items to insert or replace. Where the stored row has a higher `seen`, its version, presence and dirty flag stay,
    /// and only the pair is taken from here, with it the match keys; those of an unpaired row stay as well.
    pub items: Vec<ItemRow>,
    /// Items to forget, before others are stored. Where the stored row has a higher `seen`, the item was observed since,
    /// and no feed will tell that again: the row stays, dirty, in no pair, and without match keys.
    pub forget_items: Vec<Forgotten>,
    /// Intents to insert or replace, by pair.
    pub intents: Vec<IntentRow>,
    /// Intents that are settled.
    pub settled: Vec<PairId>,
    /// What to write into the journal.
    pub journal: Vec<JournalRow>,
    /// Holds to open, or to close (`closed`). One that is opened again starts without a decision.
    pub holds: Vec<HoldRow>,
    /// What stood there before writes, to insert or replace by id.
    pub images: Vec<ImageRow>,
    /// Orders that were carried out.
    pub orders: Vec<OrderRow>,
}

impl Commit {
    /// Whether there is nothing to store.
    pub fn is_empty(&self) -> bool {
        self == &Self::default()
    }
}
