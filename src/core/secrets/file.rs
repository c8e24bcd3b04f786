//! `state/secrets.enc`: each secret sealed by AES-256-GCM with its own nonce and its name as associated data, so that
//! records can be neither read, nor changed, nor swapped.

use super::key::{Key, KeyRing, Source, trouble};
use crate::documents::{lock, write_private};
use crate::ports::{SecretError, SecretKey, SecretStore};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use zeroize::Zeroize;

/// Where it lies below the workspace.
pub(super) const FILE: &str = "state/secrets.enc";
/// A record that only says whether the key fits.
const PROBE: &str = "riva/probe";

/// The file as it is written.
#[derive(Serialize, Deserialize)]
struct Sealed {
    version: u32,
    key: Source,
    salt: String,
    records: BTreeMap<String, String>,
}

/// Secrets in an encrypted file.
pub struct FileSecrets {
    workspace: PathBuf,
    keys: KeyRing,
    /// The key of a salt: making it is slow on purpose.
    known: Mutex<Option<(String, Key)>>,
}

impl std::fmt::Debug for FileSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileSecrets").field("workspace", &self.workspace).finish_non_exhaustive()
    }
}

impl FileSecrets {
    /// The encrypted file of a workspace; it is made when the first secret is kept.
    pub fn new(workspace: &Path) -> Self {
        Self::with_keys(workspace, KeyRing::from_environment(workspace))
    }

    fn with_keys(workspace: &Path, keys: KeyRing) -> Self {
        Self { workspace: workspace.to_owned(), keys, known: Mutex::new(None) }
    }

    fn path(&self) -> PathBuf {
        self.workspace.join(FILE)
    }

    fn read(&self) -> Result<Option<Sealed>, SecretError> {
        let path = self.path();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(trouble("read", &path, &error)),
        };
        parse(&path, &text).map(Some)
    }

    fn cipher(&self, salt: &str, make: bool) -> Result<LessSafeKey, SecretError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.as_ref().is_none_or(|(of, _)| of != salt) {
            *known = Some((salt.to_owned(), self.keys.key(salt.as_bytes(), make)?));
        }
        let key = known.as_ref().map(|(_, key)| key.as_slice()).unwrap_or_default();
        UnboundKey::new(&AES_256_GCM, key).map(LessSafeKey::new).map_err(|_| broken_crypto())
    }

    /// Opens the file's cipher and makes sure that it is the right one.
    fn cipher_of(&self, sealed: &Sealed) -> Result<LessSafeKey, SecretError> {
        let cipher = self.cipher(&sealed.salt, false)?;
        let probe = sealed.records.get(PROBE).and_then(|record| unseal(&cipher, PROBE, record));
        if probe.is_some() {
            return Ok(cipher);
        }
        let (then, now) = (sealed.key, self.keys.source());
        Err(SecretError {
            what: if then == now {
                format!("{} does not open {}", now.words(), self.path().display())
            } else {
                format!(
                    "{} was sealed with {}, but here is only {}",
                    self.path().display(),
                    then.words(),
                    now.words()
                )
            },
            remedy: "give the key it was sealed with; or move the file away and set the passwords anew"
                .into(),
        })
    }

    fn change(
        &self,
        change: impl FnOnce(&LessSafeKey, &mut Sealed) -> Result<(), SecretError>,
    ) -> Result<(), SecretError> {
        let _lock = lock(&self.workspace, "secrets.lock").map_err(|error| SecretError {
            what: error.to_string(),
            remedy: "check the rights on the workspace's state folder".into(),
        })?;
        let (cipher, mut sealed) = if let Some(sealed) = self.read()? {
            (self.cipher_of(&sealed)?, sealed)
        } else {
            let salt = STANDARD.encode(random::<16>()?);
            let cipher = self.cipher(&salt, true)?;
            let probe = (PROBE.to_owned(), seal(&cipher, PROBE, "fits")?);
            let records = BTreeMap::from([probe]);
            (cipher, Sealed { version: 1, key: self.keys.source(), salt, records })
        };
        change(&cipher, &mut sealed)?;
        let text = serde_json::to_vec_pretty(&sealed).map_err(|e| damaged(&self.path(), &e.to_string()))?;
        write_private(&self.path(), &text).map_err(|e| trouble("write", &self.path(), &e))
    }
}

impl SecretStore for FileSecrets {
    fn get(&self, key: &SecretKey) -> Result<Option<SecretString>, SecretError> {
        let Some(sealed) = self.read()? else { return Ok(None) };
        let name = key.to_string();
        let Some(record) = sealed.records.get(&name) else { return Ok(None) };
        let cipher = self.cipher_of(&sealed)?;
        match unseal(&cipher, &name, record) {
            Some(secret) => Ok(Some(secret)),
            None => Err(damaged(&self.path(), &format!("the record {name} was changed"))),
        }
    }

    fn set(&self, key: &SecretKey, secret: &SecretString) -> Result<(), SecretError> {
        let name = key.to_string();
        self.change(|cipher, sealed| {
            let record = seal(cipher, &name, secret.expose_secret())?;
            sealed.records.insert(name.clone(), record);
            Ok(())
        })
    }

    fn remove(&self, key: &SecretKey) -> Result<(), SecretError> {
        let name = key.to_string();
        match self.read()? {
            Some(sealed) if sealed.records.contains_key(&name) => self.change(|_, sealed| {
                sealed.records.remove(&name);
                Ok(())
            }),
            _ => Ok(()),
        }
    }

    fn place(&self) -> String {
        format!("{} (AES-256-GCM, key from {})", self.path().display(), self.keys.source().words())
    }
}

fn parse(path: &Path, text: &str) -> Result<Sealed, SecretError> {
    match serde_json::from_str::<Sealed>(text) {
        Ok(sealed) if sealed.version == 1 => Ok(sealed),
        Ok(sealed) => Err(damaged(path, &format!("its version is {}", sealed.version))),
        Err(error) => Err(damaged(path, &error.to_string())),
    }
}

/// Whether a file that nobody sealed has a record that opens.
#[cfg(feature = "fuzzing")]
pub(crate) fn forged(text: &str) -> bool {
    let Ok(sealed) = parse(Path::new("secrets.enc"), text) else { return false };
    let Ok(cipher) = UnboundKey::new(&AES_256_GCM, &[7; 32]).map(LessSafeKey::new) else { return false };
    sealed.records.iter().any(|(name, record)| unseal(&cipher, name, record).is_some())
}

fn random<const N: usize>() -> Result<[u8; N], SecretError> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| broken_crypto())?;
    Ok(bytes)
}

/// base64(nonce ‖ ciphertext ‖ tag). Nonces are random: far fewer than 2³² secrets are ever sealed with one key.
fn seal(cipher: &LessSafeKey, name: &str, secret: &str) -> Result<String, SecretError> {
    let nonce = random::<NONCE_LEN>()?;
    let mut data = secret.as_bytes().to_vec();
    let aad = Aad::from(name.as_bytes());
    cipher
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut data)
        .map_err(|_| broken_crypto())?;
    Ok(STANDARD.encode([nonce.as_slice(), &data].concat()))
}

fn unseal(cipher: &LessSafeKey, name: &str, record: &str) -> Option<SecretString> {
    let mut bytes = STANDARD.decode(record).ok()?;
    let (nonce, data) = bytes.split_at_mut_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let plain = cipher.open_in_place(nonce, Aad::from(name.as_bytes()), data).ok()?;
    let secret = std::str::from_utf8(plain).ok().map(|text| SecretString::from(text.to_owned()));
    bytes.zeroize();
    secret
}

fn damaged(path: &Path, why: &str) -> SecretError {
    SecretError {
        what: format!("{} is damaged: {why}", path.display()),
        remedy: "restore it from a backup, or move it away and set the passwords anew".into(),
    }
}

fn broken_crypto() -> SecretError {
    SecretError {
        what: "the cryptography library refused to work".into(),
        remedy: "report this with the version of your system".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::SecretKind;

    fn key(name: &str) -> SecretKey {
        SecretKey { connection: name.into(), kind: SecretKind::Password }
    }

    fn keyed_by_file(folder: &Path) -> FileSecrets {
        FileSecrets::new(folder)
    }

    #[test]
    fn a_secret_comes_back_and_never_lies_in_clear() {
        let folder = tempfile::tempdir().unwrap();
        let store = keyed_by_file(folder.path());
        assert!(store.get(&key("exchange")).unwrap().is_none());
        store.set(&key("exchange"), &"correct horse".to_owned().into()).unwrap();
        store.set(&key("salesforce"), &"battery".to_owned().into()).unwrap();
        let fresh = keyed_by_file(folder.path());
        assert_eq!(fresh.get(&key("exchange")).unwrap().unwrap().expose_secret(), "correct horse");
        let text = fs::read_to_string(folder.path().join(FILE)).unwrap();
        assert!(!text.contains("horse"));
        fresh.remove(&key("exchange")).unwrap();
        assert!(store.get(&key("exchange")).unwrap().is_none());
        assert_eq!(store.get(&key("salesforce")).unwrap().unwrap().expose_secret(), "battery");
    }

    #[cfg(unix)]
    #[test]
    fn files_are_for_their_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let store = keyed_by_file(folder.path());
        store.set(&key("a"), &"x".to_owned().into()).unwrap();
        for file in [FILE, "state/secrets.key"] {
            let mode = fs::metadata(folder.path().join(file)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{file}");
        }
        let open = fs::Permissions::from_mode(0o644);
        fs::set_permissions(folder.path().join("state/secrets.key"), open).unwrap();
        let error = keyed_by_file(folder.path()).get(&key("a")).unwrap_err();
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }

    #[test]
    fn records_cannot_be_swapped_or_changed() {
        let folder = tempfile::tempdir().unwrap();
        let store = keyed_by_file(folder.path());
        store.set(&key("a"), &"one".to_owned().into()).unwrap();
        store.set(&key("b"), &"two".to_owned().into()).unwrap();
        let path = folder.path().join(FILE);
        let mut sealed: Sealed = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let b = sealed.records["b/password"].clone();
        sealed.records.insert("a/password".into(), b);
        fs::write(&path, serde_json::to_vec(&sealed).unwrap()).unwrap();
        assert!(store.get(&key("a")).is_err());
        assert_eq!(store.get(&key("b")).unwrap().unwrap().expose_secret(), "two");
    }

    #[test]
    fn a_passphrase_opens_only_with_itself() {
        let folder = tempfile::tempdir().unwrap();
        let with = |p| FileSecrets::with_keys(folder.path(), KeyRing::with_passphrase(folder.path(), p));
        with("open sesame").set(&key("a"), &"gold".to_owned().into()).unwrap();
        assert_eq!(with("open sesame").get(&key("a")).unwrap().unwrap().expose_secret(), "gold");
        let error = with("open sesam").get(&key("a")).unwrap_err().to_string();
        assert!(error.contains("does not open") && !error.contains("sesam"), "{error}");
        // A wrong key never overwrites what is there.
        assert!(with("wrong").set(&key("b"), &"x".to_owned().into()).is_err());
        assert!(keyed_by_file(folder.path()).get(&key("a")).is_err());
    }

    #[test]
    fn a_damaged_file_is_an_error_not_an_empty_store() {
        let folder = tempfile::tempdir().unwrap();
        let store = keyed_by_file(folder.path());
        store.set(&key("a"), &"x".to_owned().into()).unwrap();
        fs::write(folder.path().join(FILE), b"{").unwrap();
        assert!(store.get(&key("a")).is_err());
        assert!(store.set(&key("a"), &"y".to_owned().into()).is_err());
    }
}
