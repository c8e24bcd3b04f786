//! The documents of a workspace: readable TOML files, safe to keep in git, without a secret in them.

mod check;
mod connection;
mod disk;
mod first_sync;
mod history;
mod merge;
mod permission;
mod picklists;
mod place;
mod policy;
mod read;
mod settings;
pub mod usage;
mod workspace;

pub use check::legal_name;
pub use connection::{AccessMethod, AuthMethod, Connection, Stamp, SystemKind};
pub use first_sync::{FirstSync, LostAndFound};
pub use permission::{MayNot, MayNotCreate, NoPermission};
pub use picklists::{OrgWord, OrgWords, Picklist, Picklists, folded, give_meaning};
pub use policy::{
    BecamePrivate, CalendarPolicy, ConflictWinner, ContactsPolicy, DeletePolicy, Direction, EmailPolicy,
    Policy, PolicyModules, PolicyUser, PrivateItems, Refused, Safety, SafetyLimit, Schedule, TasksPolicy,
};
pub use settings::{AgentSettings, ApiSettings, LogSettings, PolicySettings, Settings, StoreSettings};
pub(crate) use workspace::Who;
pub use workspace::{Loaded, Workspace};

pub(crate) use check::Occupied;
pub(crate) use disk::{failed, lock, write_private, write_text};
pub(crate) use merge::{merge, render};
pub(crate) use read::{in_file, read as read_text};
