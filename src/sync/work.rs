//! What is to be written for a pair, and what its sides showed when that was planned.

use crate::hash::FieldHasher;
use chrono::{DateTime, Utc};
use riva_core::history::ImageRow;
use riva_core::ids::{Marker, Version};
use riva_core::item::{Field, Item, Value};
use riva_core::rows::{Hashes, IntentKind, ItemRow, PairRow, Side};
use std::collections::{BTreeMap, BTreeSet};

/// What is written for a pair.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Write {
    /// An item is made on a side.
    Create {
        /// Where.
        side: Side,
        /// What, as that side can hold it.
        item: Item,
    },
    /// Fields are set; a second write for the other side may follow.
    Update {
        /// Where.
        side: Side,
        /// What.
        set: BTreeMap<Field, Value>,
        /// The item as it was read.
        base: Item,
    },
    /// An item is taken away.
    Delete {
        /// Where.
        side: Side,
        /// The item of the other side stays, and is on its own again.
        frees_origin: bool,
        /// The item as it was read.
        base: Option<Item>,
    },
    /// An item of the mailbox is moved to Lost & Found.
    Move {
        /// The item as it was read.
        base: Item,
    },
}

impl Write {
    pub fn side(&self) -> Side {
        match self {
            Self::Create { side, .. } | Self::Update { side, .. } | Self::Delete { side, .. } => *side,
            Self::Move { .. } => Side::Mail,
        }
    }

    pub fn kind(&self) -> IntentKind {
        match self {
            Self::Create { .. } => IntentKind::Create,
            Self::Update { .. } => IntentKind::Update,
            Self::Delete { .. } => IntentKind::Delete,
            Self::Move { .. } => IntentKind::Move,
        }
    }

    pub fn sends(&self, hasher: &FieldHasher) -> Hashes {
        let mut sends = Hashes::default();
        match self {
            Self::Create { item, .. } => sends = hasher.item(item),
            Self::Update { set, .. } => set.iter().for_each(|(f, v)| hasher.insert(&mut sends, *f, v)),
            Self::Delete { .. } | Self::Move { .. } => {}
        }
        sends
    }
}

/// What a side showed when the plan was made.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Read {
    pub version: Version,
    /// The marker of ours that it carried.
    pub marker: Option<Marker>,
    pub hashes: Hashes,
    pub row: Option<ItemRow>,
    /// More has changed there than what we wrote: a user was at it between our reading and our writing. The row stays
    /// dirty.
    pub more_changed: bool,
}

/// A pair with what is to be written for it, in order.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    /// The pair; followed up as writes succeed.
    pub pair: PairRow,
    /// What to write: at most one on each side.
    pub writes: Vec<Write>,
    /// What the sides show now; after a write, what it left behind.
    pub mail: Option<Read>,
    pub crm: Option<Read>,
    /// By which rule.
    pub rule: String,
    /// The item's title, for log and journal.
    pub title: String,
    /// What the sides showed when it was planned, for the journal.
    pub seen: String,
    /// What stood there before the write that is under way.
    pub image: Option<ImageRow>,
    /// What is not written although it differs, because it went back and forth.
    pub left_alone: Option<LeftAlone>,
    /// Whether it is done, failed, or still to be done.
    pub fate: Fate,
}

/// Fields that are in step on neither side, and are looked at again later.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LeftAlone {
    pub fields: BTreeSet<String>,
    pub until: DateTime<Utc>,
}

/// What became of a work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Its next write is to be made.
    Open,
    /// All is written and recorded.
    Done,
    /// Not written, or not all: recorded as it is; tried again later.
    Failed,
    /// Not known: the intent stays open.
    InDoubt,
}

impl Work {
    pub fn read_mut(&mut self, side: Side) -> &mut Option<Read> {
        match side {
            Side::Mail => &mut self.mail,
            Side::Crm => &mut self.crm,
        }
    }

    pub fn read(&self, side: Side) -> Option<&Read> {
        match side {
            Side::Mail => self.mail.as_ref(),
            Side::Crm => self.crm.as_ref(),
        }
    }
}

#[cfg(test)]
impl Work {
    /// For tests: an appointment that failed before, as both sides show it, with nothing to write.
    pub fn sample() -> Self {
        use riva_core::ids::{MemberId, PairId, RemoteId};
        use riva_core::item::Module;
        use riva_core::rows::{PairState, Presence};
        let (member, module, version) = (MemberId(1), Module::Calendar, Version::from("1"));
        let read = |side| {
            let row = ItemRow {
                member,
                module,
                side,
                id: RemoteId::from("a"),
                version: version.clone(),
                presence: Presence::Present,
                dirty: false,
                seen: 0,
                pair: None,
                match_keys: None,
            };
            let hashes = Hashes::default();
            let marker = None;
            Some(Read { version: version.clone(), marker, hashes, row: Some(row), more_changed: false })
        };
        let pair = PairRow {
            id: PairId(uuid::Uuid::nil()),
            member,
            module,
            mail: None,
            crm: None,
            uid: None,
            state: PairState::Quarantined,
            reason: None,
            generation: 1,
            attempts: 1,
            next_try: None,
        };
        Self {
            pair,
            writes: Vec::new(),
            mail: read(Side::Mail),
            crm: read(Side::Crm),
            rule: String::new(),
            title: String::new(),
            seen: String::new(),
            image: None,
            left_alone: None,
            fate: Fate::Open,
        }
    }
}
