//! Which connections have ever synced. The agent writes it down; a connection that has is never deleted, because
//! items out there carry our markers of it.

use super::disk::{lock, write_text};
use crate::admin::AdminError;
use crate::ids::{ConnectionName, PolicyName};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The first sync with a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstUse {
    /// When it was.
    pub at: DateTime<Utc>,
    /// The policy that used it.
    pub policy: PolicyName,
}

fn path(workspace: &Path) -> PathBuf {
    workspace.join("state/used-connections.json")
}

/// The connections that a policy has synced with.
pub fn used_connections(workspace: &Path) -> Result<BTreeMap<ConnectionName, FirstUse>, AdminError> {
    let path = path(workspace);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(source) => return Err(AdminError::Io { doing: "read", path, source }),
    };
    serde_json::from_str(&text).map_err(|error| AdminError::Io { doing: "read", path, source: error.into() })
}

/// Writes down that a policy syncs with these connections. Costs nothing when that is known already.
pub fn mark_used(
    workspace: &Path,
    policy: &PolicyName,
    connections: &[&ConnectionName],
    at: DateTime<Utc>,
) -> Result<(), AdminError> {
    let known = |used: &BTreeMap<_, _>| connections.iter().all(|name| used.contains_key(*name));
    if known(&used_connections(workspace)?) {
        return Ok(());
    }
    let _lock = lock(workspace, "usage.lock")?;
    let mut used = used_connections(workspace)?;
    for name in connections {
        used.entry((*name).clone()).or_insert_with(|| FirstUse { at, policy: policy.clone() });
    }
    let path = path(workspace);
    let text = serde_json::to_string_pretty(&used);
    let text = text.map_err(|e| AdminError::Io { doing: "write", path: path.clone(), source: e.into() })?;
    write_text(&path, &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_use_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (ConnectionName::from("a"), ConnectionName::from("b"));
        let at = DateTime::UNIX_EPOCH;
        mark_used(folder.path(), &"sales".into(), &[&a], at).unwrap();
        mark_used(folder.path(), &"other".into(), &[&a, &b], at).unwrap();
        let used = used_connections(folder.path()).unwrap();
        assert_eq!(used[&a].policy.as_str(), "sales");
        assert_eq!(used[&b].policy.as_str(), "other");
    }
}
