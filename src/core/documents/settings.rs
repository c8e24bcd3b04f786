//! The settings of agent, store, log and API: `riva.toml`.

use serde::{Deserialize, Serialize};

/// `riva.toml`. Every key is documented in `config/default.toml`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The agent.
    pub agent: AgentSettings,
    /// Where state is kept.
    pub store: StoreSettings,
    /// The log.
    pub log: LogSettings,
    /// The control API.
    pub api: ApiSettings,
    /// Rules over all policies.
    pub policies: PolicySettings,
}

/// The agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AgentSettings {
    /// Most users synced at once by this agent.
    pub max_threads: u32,
    /// Days for which activity lines are kept.
    pub keep_activity_days: u32,
    /// Days for which it is kept what was done to each item, as `explain` tells it.
    pub keep_journal_days: u32,
    /// Days for which a write can be undone: for so long what stood there before is kept, encrypted. 0: not at all.
    pub keep_undo_days: u32,
}

impl Default for AgentSettings {
    fn default() -> Self {
        Self { max_threads: 100, keep_activity_days: 14, keep_journal_days: 30, keep_undo_days: 7 }
    }
}

/// Where state is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreSettings {
    /// A path below the workspace (SQLite).
    pub path: String,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self { path: "state/riva.db".into() }
    }
}

/// The log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogSettings {
    /// `error`, `warn`, `info`, `debug`, or directives as of `RUST_LOG`.
    pub level: String,
    /// Log files kept, one a day.
    pub keep_files: u32,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { level: "info".into(), keep_files: 14 }
    }
}

/// The control API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApiSettings {
    /// Address to listen on; loopback alone. Port 0 takes any free port.
    pub listen: String,
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self { listen: "127.0.0.1:0".into() }
    }
}

/// Rules over all policies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PolicySettings {
    /// Force User Exclusivity: a user may be in one policy only.
    pub force_user_exclusivity: bool,
}

impl Default for PolicySettings {
    fn default() -> Self {
        Self { force_user_exclusivity: true }
    }
}
