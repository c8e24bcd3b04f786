//! What the outside must be able to do for us. Connectors, store, keyring and agent implement these; the engine and
//! the use cases know nothing else of the world.

mod clock;
mod files;
mod lost_and_found;
mod messages;
mod secret_store;
mod side;
mod store;
mod systems;

pub use clock::{Clock, SystemClock};
pub use files::{FileKept, FileOwner, FileSource, ItemFile, ItemFiles};
pub use lost_and_found::{LOST_AND_FOUND, LostAndFound};
pub use messages::{
    ASSIGN_TO, ActiveRecord, ActiveRecords, AssignTo, CREATE_NEW_EMAIL, FolderTag, MessageFolders,
    MessageLog, MessageSource, Person, PersonKind, RecordFolder,
};
pub use secret_store::{SecretError, SecretKey, SecretKind, SecretStore};
pub use side::{
    Capabilities, Change, ChangePage, Draft, FeedChange, FeedPage, Fetched, ListPage, Listed,
    ModuleCapabilities, Patch, Precision, Reader, RemoteRef, Removal, SeriesSupport, Silence, SilentWriter,
    Window, Written,
};
pub use store::{
    ActivityStore, Claim, ClaimFor, Claimed, DecisionStore, Lease, QueueStore, StoreError, SyncStore,
};
pub use systems::{
    CrmSystem, CrmUser, Directory, Endpoint, MailSystem, ResolvedName, StepOutcome, StepReport, StepSink,
    Systems, TestStep,
};
