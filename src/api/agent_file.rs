//! Where the agent of a workspace is to be reached, and whether it lives.

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// The version of what is said between agent and client. Raised when one would misunderstand the other.
pub const API_VERSION: u32 = 1;

/// `state/agent.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentFile {
    /// What it speaks ([`API_VERSION`]).
    pub api: u32,
    /// The program's version.
    pub version: String,
    /// Its process id, for people.
    pub pid: u32,
    /// Where it listens.
    pub address: Address,
    /// The file with the token, below the workspace.
    pub token_file: PathBuf,
}

/// Where an agent listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Address {
    /// On a Unix domain socket: a path.
    Socket(PathBuf),
    /// On a port of this computer: `http://127.0.0.1:PORT`.
    Url(String),
}

impl AgentFile {
    /// The file of a workspace.
    pub fn path(workspace: &Path) -> PathBuf {
        workspace.join("state/agent.json")
    }

    /// What the last agent wrote, if it did not take it away.
    pub fn read(workspace: &Path) -> io::Result<Option<Self>> {
        match fs::read(Self::path(workspace)) {
            Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Writes the token, then itself: whoever finds the file finds the token too.
    pub fn write(&self, workspace: &Path, token: &SecretString) -> io::Result<()> {
        write_private(&workspace.join(&self.token_file), token.expose_secret().as_bytes())?;
        write_private(&Self::path(workspace), serde_json::to_string_pretty(self)?.as_bytes())
    }

    /// The token that the agent wants.
    pub fn token(&self, workspace: &Path) -> io::Result<SecretString> {
        fs::read_to_string(workspace.join(&self.token_file)).map(SecretString::from)
    }

    /// Takes both files away.
    pub fn remove(&self, workspace: &Path) {
        // Left files do no harm: the lock tells that nobody listens.
        let _ = fs::remove_file(Self::path(workspace));
        let _ = fs::remove_file(workspace.join(&self.token_file));
    }
}

/// A new token: 244 random bits.
pub fn new_token() -> SecretString {
    SecretString::from(format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()))
}

/// Held by the agent of a workspace while it lives; the operating system gives it back however the process ends.
#[derive(Debug)]
pub struct AgentLock(#[expect(dead_code, reason = "closing the file gives the lock back")] File);

impl AgentLock {
    fn open(workspace: &Path) -> io::Result<File> {
        let path = workspace.join("state/agent.lock");
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        File::options().create(true).truncate(false).read(true).write(true).open(path)
    }

    /// Takes the lock; `None` if another agent holds it.
    pub fn take(workspace: &Path) -> io::Result<Option<Self>> {
        let file = Self::open(workspace)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) => Err(e),
        }
    }

    /// Whether an agent of this workspace lives. Asked with a shared lock for an instant: an agent that starts just
    /// then tries again.
    pub fn is_held(workspace: &Path) -> io::Result<bool> {
        if !workspace.join("state/agent.lock").exists() {
            return Ok(false);
        }
        match Self::open(workspace)?.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(e)) => Err(e),
        }
    }
}

/// Whole or not at all, for the owner alone.
fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    // A file that is left from a crash may have any mode.
    match fs::remove_file(&beside) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut options = File::options();
    options.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&beside)?.write_all(bytes)?;
    fs::rename(beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_and_address_are_for_the_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("state")).unwrap();
        let file = AgentFile {
            api: API_VERSION,
            version: "0".into(),
            pid: 1,
            address: Address::Url("http://127.0.0.1:1".into()),
            token_file: "state/agent.token".into(),
        };
        let token = new_token();
        file.write(folder.path(), &token).unwrap();
        assert_eq!(AgentFile::read(folder.path()).unwrap().as_ref(), Some(&file));
        assert_eq!(file.token(folder.path()).unwrap().expose_secret(), token.expose_secret());
        assert_ne!(new_token().expose_secret(), token.expose_secret());
        #[cfg(unix)]
        for name in ["state/agent.token", "state/agent.json"] {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        file.remove(folder.path());
        assert_eq!(AgentFile::read(folder.path()).unwrap(), None);
    }

    #[test]
    fn one_agent_holds_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!AgentLock::is_held(folder.path()).unwrap());
        let lock = AgentLock::take(folder.path()).unwrap().unwrap();
        assert!(AgentLock::is_held(folder.path()).unwrap());
        assert!(AgentLock::take(folder.path()).unwrap().is_none());
        drop(lock);
        assert!(!AgentLock::is_held(folder.path()).unwrap());
    }
}
