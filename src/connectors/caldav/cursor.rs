//! Where a feed of changes was read up to.

use riva_core::ids::Cursor;
use serde::{Deserialize, Serialize};

/// What a cursor holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Position {
    /// A sync-token (RFC 6578).
    Sync {
        /// The collection that it is of.
        path: String,
        /// The server's token.
        token: String,
    },
    /// A listing of etags, where the server has no sync-tokens.
    Etags {
        /// The collection that it is of.
        path: String,
        /// Stands for the listing: the same digest, nothing changed.
        digest: String,
    },
}

impl Position {
    /// Reads a cursor; `None` if it is not one of ours.
    pub fn read(cursor: &Cursor) -> Option<Self> {
        serde_json::from_str(cursor.as_str()).ok()
    }

    /// As a cursor.
    pub fn cursor(&self) -> Cursor {
        Cursor::new(serde_json::to_string(self).unwrap_or_default())
    }

    /// The collection that it is of.
    pub fn path(&self) -> &str {
        match self {
            Self::Sync { path, .. } | Self::Etags { path, .. } => path,
        }
    }
}
