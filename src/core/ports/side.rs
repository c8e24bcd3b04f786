//! One user's items in one system: what can be read, and what can be written without mailing anybody.

use super::files::{FileSource, ItemFiles};
use super::lost_and_found::LostAndFound;
use super::messages::{MessageLog, MessageSource};
use crate::fault::{CallError, ItemError};
use crate::ids::{CrmUserId, Cursor, Marker, RemoteId, Version};
use crate::item::{Field, Item, Module, Value};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, BTreeSet};

/// Which events are of interest, by their start and end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Events that end before this are left alone.
    pub from: DateTime<Utc>,
    /// Events that start after this are left alone.
    pub to: DateTime<Utc>,
}

/// What a side can hold and do, per module.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// The modules it has; a module that is missing cannot be synced with it.
    pub modules: BTreeMap<Module, ModuleCapabilities>,
}

impl Capabilities {
    /// What it can do with a module.
    pub fn module(&self, module: Module) -> Option<&ModuleCapabilities> {
        self.modules.get(&module)
    }
}

/// What a side can hold and do with one kind of item.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "abilities that have nothing to do with one another")]
pub struct ModuleCapabilities {
    /// Fields that it can show us.
    pub reads: BTreeSet<Field>,
    /// Fields that we may set (on create and update).
    pub writes: BTreeSet<Field>,
    /// Fields without which it refuses a create.
    pub required: BTreeSet<Field>,
    /// The longest text that a field takes, in characters.
    pub max_len: BTreeMap<Field, usize>,
    /// Elements that a set field can hold, by key (`1`, `work`, …); a set that is not listed takes every key.
    pub set_keys: BTreeMap<Field, BTreeSet<String>>,
    /// Parts of a group that it can hold (`given`, `family`; `name`, `department`, `title`; `street`, `city`, `region`,
    /// `postcode`, `country`; of a task's completion `on`, `percent`, and the words of
    /// [`TaskStatus`](crate::item::TaskStatus) that it has; of a task's importance the words of
    /// [`Importance`](crate::item::Importance)); a group that is not listed holds all of them. A part that a side cannot hold
    /// is left alone on the other side; what it has no word for at all is not written to it.
    pub parts: BTreeMap<Field, BTreeSet<String>>,
    /// Times are kept to the second or the minute; zones or UTC alone.
    pub precision: Precision,
    /// Whether versions tell when an item was last changed, by the system's own clock (see [`Version::is_before`]): one that
    /// is earlier than was seen before shows that a backup was put back.
    pub versions_in_order: bool,
    /// Whether a missing id in a full listing is all we learn of a deletion (no tombstones).
    pub deletions_by_listing: bool,
    /// Whether a probe by marker is trustworthy at once, or only after this many seconds.
    pub cool_down_secs: u32,
    /// Most items in one call of fetch, create, update, delete.
    pub batch: usize,
    /// Whether an item's origin can be tagged with our marker without the user seeing it.
    pub can_tag: bool,
    /// Whether items can be found by our marker. Where they cannot, a create whose answer is lost is held, unless it is
    /// idempotent.
    pub can_probe: bool,
    /// Whether a create is made once only by its marker (an upsert key), so that it may be repeated.
    pub create_is_idempotent: bool,
    /// How much of a recurring series it can hold.
    pub series: SeriesSupport,
}

/// How much of a recurring series a side can hold (engine design, section 1.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum SeriesSupport {
    /// Nothing (R0): a series becomes single items, one for each occurrence in the window.
    #[default]
    None,
    /// The rule, but no occurrence that differs (R1).
    RuleOnly,
    /// All of it (R2): rule, further and cancelled occurrences, occurrences that differ.
    Full,
}

/// How exactly a side keeps times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Precision {
    /// Seconds are cut off.
    pub minutes_only: bool,
    /// Events are kept as instants: the zone is lost.
    pub utc_only: bool,
    /// An event lasts a minute at least (engine design, case 24).
    pub minute_long: bool,
}

/// One entry of a user's change feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It is there, with this version; it may be unchanged.
    Seen {
        /// Its id.
        id: RemoteId,
        /// Its version, as the feed gives it.
        version: Version,
    },
    /// The system says that it was deleted (evidence E1).
    Deleted {
        /// Its id.
        id: RemoteId,
    },
}

/// One page of a user's change feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangePage {
    /// What changed.
    pub changes: Vec<Change>,
    /// Where the next page, or poll, begins.
    pub cursor: Cursor,
    /// Whether there is more to be had now.
    pub more: bool,
}

/// One entry of a CRM's change feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedChange {
    /// What changed.
    pub change: Change,
    /// The CRM users whom the record concerns now (owner, attendees); empty for a deletion.
    pub concerns: BTreeSet<CrmUserId>,
}

/// One page of a CRM's change feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedPage {
    /// What changed.
    pub changes: Vec<FeedChange>,
    /// Where the next page, or poll, begins.
    pub cursor: Cursor,
    /// Whether there is more to be had now.
    pub more: bool,
}

/// An id in a full listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its id.
    pub id: RemoteId,
    /// Its version.
    pub version: Version,
}

/// One page of a full listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPage {
    /// Ids and versions.
    pub items: Vec<Listed>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<Cursor>,
}

/// An item as it was read just now.
#[derive(Debug, Clone, PartialEq)]
pub enum Fetched {
    /// It is there.
    Present {
        /// Its version at the time of reading.
        version: Version,
        /// Our marker, if it carries one.
        marker: Option<Marker>,
        /// When it was last changed, by its system's own clock; `None` where the system does not tell. It is of the item as
        /// a whole, whoever has changed whatever of it, this engine too; most systems tell whole seconds.
        modified: Option<DateTime<Utc>>,
        /// Its content.
        item: Box<Item>,
    },
    /// It is not there (evidence E2).
    Gone,
    /// It is there, but out of this user's reach now (evidence E4).
    OutOfScope,
    /// It has become another record: merged into that one, or converted to it. No deletion (reconciliation table, row 21).
    Became {
        /// That one's id.
        id: RemoteId,
    },
    /// It is there, but cannot be understood.
    Unreadable {
        /// Why, for a person.
        reason: String,
    },
}

/// An item to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// Written into the item, so that it can be found again.
    pub marker: Marker,
    /// Its content; only fields that the side can write.
    pub item: Item,
}

/// An item to be changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Patch {
    /// Its id.
    pub id: RemoteId,
    /// The version that we read: if it has moved on, nothing is written.
    pub version: Version,
    /// Our marker, to be kept or put in.
    pub marker: Marker,
    /// The fields to set. Every other field stays as it is.
    pub set: BTreeMap<Field, Value>,
    /// The item as it was read, for systems that write an item as a whole.
    pub base: Item,
}

/// An item to be taken away: to Deleted Items, the recycle bin, the archive. Never for good where the system has
/// something gentler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// Its id.
    pub id: RemoteId,
    /// The version that we read.
    pub version: Version,
}

/// Where an item is, and in which version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteRef {
    /// Its id.
    pub id: RemoteId,
    /// Its version.
    pub version: Version,
}

/// What a write left behind.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// The item's id (which may be new) and version.
    pub at: RemoteRef,
    /// The item as the system keeps it now, if the answer tells.
    pub item: Option<Box<Item>>,
}

/// Reads one user's items.
#[async_trait]
pub trait Reader: Send + Sync {
    /// What this side can hold and do.
    fn capabilities(&self) -> &Capabilities;

    /// One page of this user's changes since a cursor; without one, of everything. Mail systems only: a CRM is read
    /// by [`CrmSystem::feed`](super::CrmSystem::feed) and answers with `CursorLost`.
    async fn changes(&self, module: Module, cursor: Option<&Cursor>) -> Result<ChangePage, CallError>;

    /// One page of all this user's items (events: those in the window), ids and versions alone.
    async fn list(
        &self,
        module: Module,
        window: Option<Window>,
        after: Option<&Cursor>,
    ) -> Result<ListPage, CallError>;

    /// Reads items; the answer has one entry for each id, in their order. At most `batch` ids.
    async fn fetch(&self, module: Module, ids: &[RemoteId]) -> Result<Vec<Fetched>, CallError>;

    /// For each marker, every item that carries it now, wherever it lies. At most `batch` markers.
    async fn probe(&self, module: Module, markers: &[Marker]) -> Result<Vec<Vec<RemoteRef>>, CallError>;

    /// What was noticed while items of a module were read, for an administrator: each once for a user as long as the system is
    /// kept, and not again after this call.
    fn remarks(&self, _module: Module) -> Vec<String> {
        Vec::new()
    }

    /// Its messages, if it is a mailbox whose e-mail can be logged.
    fn message_source(&self) -> Option<&dyn MessageSource> {
        None
    }

    /// The files that hang on its items, if it is a mailbox that lists them.
    fn file_source(&self) -> Option<&dyn FileSource> {
        None
    }

    /// Its log of messages, if it is a CRM that can keep one.
    fn message_log(&self) -> Option<&dyn MessageLog> {
        None
    }
}

/// How a side is kept from mailing people about what we write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// Every request says so (EWS `SendToNone`, Odoo context keys, Google `sendUpdates=none`).
    ByRequest,
    /// What we write says so (CalDAV `SCHEDULE-AGENT=NONE`).
    ByContent,
    /// The interface never mails on its own (Salesforce REST on events without invitees).
    ByNature,
}

/// Writes one user's items, and mails nobody by doing so. Only a side that can promise this may implement it; the
/// engine writes through nothing else.
///
/// ```
/// use riva_core::ports::SilentWriter;
/// fn write_through(_: &dyn SilentWriter) {}
/// fn with(side: &impl SilentWriter) {
///     write_through(side);
/// }
/// ```
///
/// A side that does not promise it, and is but read, cannot be given to what writes:
///
/// ```compile_fail,E0277
/// use riva_core::ports::{Reader, SilentWriter};
/// fn write_through(_: &dyn SilentWriter) {}
/// fn with(side: &impl Reader) {
///     write_through(side);
/// }
/// ```
#[async_trait]
pub trait SilentWriter: Reader {
    /// How the promise is kept.
    fn silence(&self) -> Silence;

    /// Makes items. One answer for each draft, in their order.
    async fn create(
        &self,
        module: Module,
        drafts: &[Draft],
    ) -> Result<Vec<Result<Written, ItemError>>, CallError>;

    /// Changes items. One answer for each patch, in their order.
    async fn update(
        &self,
        module: Module,
        patches: &[Patch],
    ) -> Result<Vec<Result<Written, ItemError>>, CallError>;

    /// Takes items away. One answer for each removal, in their order. `Gone` is as good as done.
    async fn delete(
        &self,
        module: Module,
        removals: &[Removal],
    ) -> Result<Vec<Result<(), ItemError>>, CallError>;

    /// Puts our marker into an item that somebody else made, so that a lost database can be linked again. Does
    /// nothing where `can_tag` is false.
    async fn tag(
        &self,
        module: Module,
        tags: &[(RemoteRef, Marker)],
    ) -> Result<Vec<Result<RemoteRef, ItemError>>, CallError>;

    /// The files beside a module's records, if it is a CRM that can keep some there.
    fn item_files(&self, _module: Module) -> Option<&dyn ItemFiles> {
        None
    }

    /// Where a module's items can be put aside, if it is a mailbox with folders.
    fn lost_and_found(&self, _module: Module) -> Option<&dyn LostAndFound> {
        None
    }
}
