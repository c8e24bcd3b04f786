//! The key of `secrets.enc`: where it comes from, in order: a systemd credential, a passphrase, a key file.

use crate::documents::write_private;
use crate::ports::SecretError;
use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::{digest, rand};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The 256 bits that seal the records.
pub(super) type Key = Zeroizing<[u8; 32]>;

/// Where the key comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Source {
    /// `$CREDENTIALS_DIRECTORY/riva-key`: `LoadCredential=` or `LoadCredentialEncrypted=` of the service's unit.
    Credential,
    /// `RIVA_PASSPHRASE`, stretched by Argon2id.
    Passphrase,
    /// `state/secrets.key`, mode 0600, made on first use.
    KeyFile,
}

impl Source {
    /// For a person.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Credential => "the systemd credential riva-key",
            Self::Passphrase => "the passphrase in RIVA_PASSPHRASE",
            Self::KeyFile => "the key file state/secrets.key",
        }
    }
}

/// What decides over the key, taken from the environment once.
#[derive(Debug, Clone)]
pub(super) struct KeyRing {
    credential: Option<PathBuf>,
    passphrase: Option<secrecy::SecretString>,
    key_file: PathBuf,
}

impl KeyRing {
    /// As the environment says.
    pub(super) fn from_environment(workspace: &Path) -> Self {
        let credential = std::env::var_os("CREDENTIALS_DIRECTORY").map(|d| Path::new(&d).join("riva-key"));
        let passphrase = std::env::var("RIVA_PASSPHRASE").ok().filter(|p| !p.is_empty());
        Self {
            credential: credential.filter(|path| path.is_file()),
            passphrase: passphrase.map(Into::into),
            key_file: workspace.join("state/secrets.key"),
        }
    }

    #[cfg(test)]
    pub(super) fn with_passphrase(workspace: &Path, passphrase: &str) -> Self {
        let key_file = workspace.join("state/secrets.key");
        Self { credential: None, passphrase: Some(passphrase.to_owned().into()), key_file }
    }

    /// Where the key comes from here.
    pub(super) fn source(&self) -> Source {
        if self.credential.is_some() {
            Source::Credential
        } else if self.passphrase.is_some() {
            Source::Passphrase
        } else {
            Source::KeyFile
        }
    }

    /// The key. `make`: a key file that is not there is made.
    pub(super) fn key(&self, salt: &[u8], make: bool) -> Result<Key, SecretError> {
        if let Some(path) = &self.credential {
            let bytes = Zeroizing::new(fs::read(path).map_err(|e| trouble("read", path, &e))?);
            return hashed(path, &bytes, salt);
        }
        if let Some(passphrase) = &self.passphrase {
            return stretched(passphrase, salt);
        }
        let path = &self.key_file;
        if make && !path.exists() {
            let mut bytes = Zeroizing::new([0_u8; 32]);
            rand::fill(&mut *bytes).map_err(|_| SecretError {
                what: "the system gives no random numbers".into(),
                remedy: "try again".into(),
            })?;
            write_private(path, &*bytes).map_err(|e| trouble("write", path, &e))?;
        }
        only_owner_may_read(path)?;
        let bytes = Zeroizing::new(fs::read(path).map_err(|e| trouble("read", path, &e))?);
        hashed(path, &bytes, salt)
    }
}

/// A key out of bytes that are random already.
fn hashed(path: &Path, bytes: &[u8], salt: &[u8]) -> Result<Key, SecretError> {
    if bytes.len() < 32 {
        return Err(SecretError {
            what: format!("{} holds {} bytes, too few for a key", path.display(), bytes.len()),
            remedy: "put at least 32 random bytes into it (`head -c 32 /dev/urandom`)".into(),
        });
    }
    let mut context = digest::Context::new(&digest::SHA256);
    for part in [b"riva secrets key v1".as_slice(), salt, bytes] {
        context.update(part);
    }
    let mut key = Zeroizing::new([0; 32]);
    key.copy_from_slice(context.finish().as_ref());
    Ok(key)
}

/// A key out of a passphrase: Argon2id with 19 MiB and two passes (OWASP's first choice).
fn stretched(passphrase: &secrecy::SecretString, salt: &[u8]) -> Result<Key, SecretError> {
    use secrecy::ExposeSecret;
    let failed = |error: &dyn std::fmt::Display| SecretError {
        what: format!("the passphrase cannot be turned into a key: {error}"),
        remedy: "give the computer more memory, or use a key file".into(),
    };
    let params = Params::new(19 * 1024, 2, 1, Some(32)).map_err(|e| failed(&e))?;
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.expose_secret().as_bytes(), salt, &mut *key)
        .map_err(|e| failed(&e))?;
    Ok(key)
}

pub(super) fn trouble(doing: &str, path: &Path, error: &std::io::Error) -> SecretError {
    let remedy = if error.kind() == std::io::ErrorKind::NotFound {
        "restore it from a backup, or set the passwords anew after moving state/secrets.enc away"
    } else {
        "check the rights on this file and its folder"
    };
    SecretError { what: format!("cannot {doing} {}: {error}", path.display()), remedy: remedy.into() }
}

#[cfg(unix)]
fn only_owner_may_read(path: &Path) -> Result<(), SecretError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(path).map_err(|e| trouble("read", path, &e))?.permissions().mode();
    let of_others = mode & 0o077;
    if of_others == 0 {
        return Ok(());
    }
    Err(SecretError {
        what: format!("{} can be read by others (mode {:o})", path.display(), mode & 0o777),
        remedy: format!(
            "run `chmod 600 {}`; if others may have read it, change the passwords",
            path.display()
        ),
    })
}

#[cfg(not(unix))]
fn only_owner_may_read(_path: &Path) -> Result<(), SecretError> {
    Ok(())
}
