//! The documents of a workspace: readable TOML files, safe to keep in git, without a secret in them.

mod connection;
mod policy;
mod settings;

pub use connection::{AccessMethod, AuthMethod, Connection, Stamp, SystemKind};
pub use policy::{
    CalendarPolicy, ConflictWinner, ContactsPolicy, DeletePolicy, Direction, Policy, PolicyModules,
    PolicyUser, Safety, SafetyLimit, Schedule,
};
pub use settings::{AgentSettings, ApiSettings, LogSettings, PolicySettings, Settings, StoreSettings};
