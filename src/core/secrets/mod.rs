//! Where secrets are kept: the keyring of the desktop, or an encrypted file. Never in a document, a log or an error.

mod data_key;
mod file;
mod key;
mod keyring;
mod memory;

pub use data_key::DataKey;
pub use file::FileSecrets;
#[cfg(feature = "fuzzing")]
pub(crate) use file::forged;
pub use keyring::KeyringSecrets;
pub use memory::MemorySecrets;

use crate::ports::{SecretError, SecretStore};
use std::path::Path;
use std::sync::Arc;

/// Says in which of the two places a workspace's secrets are, once there is one in the keyring.
const IN_KEYRING: &str = "state/secrets-in-keyring";

/// The secret store of a workspace: where its secrets are already; for a new one the keyring of this session, if
/// there is one that answers, else the encrypted file. `RIVA_SECRETS=file` or `=keyring` decides otherwise.
pub fn open(workspace: &Path) -> Result<Arc<dyn SecretStore>, SecretError> {
    let forced = std::env::var("RIVA_SECRETS").ok();
    match forced.as_deref().map(str::trim) {
        None | Some("") => {}
        Some("file") => return Ok(Arc::new(FileSecrets::new(workspace))),
        Some("keyring") => return Ok(Arc::new(KeyringSecrets::open(workspace)?)),
        Some(other) => {
            return Err(SecretError {
                what: format!("RIVA_SECRETS is {other:?}, which is no place for secrets"),
                remedy: "set it to `file` or `keyring`, or do not set it".into(),
            });
        }
    }
    if workspace.join(IN_KEYRING).exists() {
        // They are there, so an empty file would only hide what is missing.
        return Ok(Arc::new(KeyringSecrets::open(workspace)?));
    }
    if workspace.join(file::FILE).exists() {
        return Ok(Arc::new(FileSecrets::new(workspace)));
    }
    match KeyringSecrets::open(workspace) {
        Ok(keyring) => Ok(Arc::new(keyring)),
        Err(reason) => {
            tracing::debug!(%reason, "no keyring; secrets go to the encrypted file");
            Ok(Arc::new(FileSecrets::new(workspace)))
        }
    }
}
