//! The key under which customers' content lies in the state database: made once, kept among the secrets.

use crate::ports::{SecretError, SecretKey, SecretKind, SecretStore};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret as _;
use zeroize::Zeroizing;

/// Seals with AES-256-GCM, each time with a nonce of its own. Nonces are random: a key seals far fewer than 2³² records,
/// which is what NIST SP 800-38D (section 8.3) allows.
pub struct DataKey(LessSafeKey);

impl std::fmt::Debug for DataKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DataKey")
    }
}

impl DataKey {
    /// The workspace's key; made and kept if there is none.
    ///
    /// # Errors
    /// The secret store fails, or what it has is no key.
    pub fn of(secrets: &dyn SecretStore) -> Result<Self, SecretError> {
        // No connection can have this name: it is no file's name.
        let name = SecretKey { connection: "state/".into(), kind: SecretKind::DataKey };
        if let Some(known) = secrets.get(&name)? {
            let bytes = STANDARD.decode(known.expose_secret()).map(Zeroizing::new);
            return Self::from_bytes(&bytes.map_err(|_| no_key())?);
        }
        let mut bytes = Zeroizing::new([0_u8; 32]);
        rand::fill(bytes.as_mut_slice()).map_err(|_| no_key())?;
        secrets.set(&name, &STANDARD.encode(bytes.as_slice()).into())?;
        Self::from_bytes(bytes.as_slice())
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, SecretError> {
        UnboundKey::new(&AES_256_GCM, bytes).map(|key| Self(LessSafeKey::new(key))).map_err(|_| no_key())
    }

    /// Seals a record: nonce, ciphertext, tag. It opens only with the same name. `None`: the cryptography library refuses
    /// to work.
    pub fn seal(&self, name: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        rand::fill(&mut nonce).ok()?;
        let mut data = plain.to_vec();
        let with = Nonce::assume_unique_for_key(nonce);
        self.0.seal_in_place_append_tag(with, Aad::from(name), &mut data).ok()?;
        Some([nonce.as_slice(), &data].concat())
    }

    /// Opens a record; `None` if it was sealed with another key, under another name, or was changed.
    pub fn open(&self, name: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, data) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut data = Zeroizing::new(data.to_vec());
        let length = self.0.open_in_place(nonce, Aad::from(name), &mut data).ok()?.len();
        data.truncate(length);
        Some(data)
    }
}

fn no_key() -> SecretError {
    SecretError {
        what: "the key of the state database cannot be used".into(),
        remedy: "remove the secret state//data-key; what can be undone until now is lost by that".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::MemorySecrets;

    #[test]
    fn a_record_opens_with_its_key_and_name_alone() {
        let secrets = MemorySecrets::default();
        let key = DataKey::of(&secrets).unwrap();
        let sealed = key.seal(b"pair 1", b"Ann Lee").unwrap();
        assert!(!sealed.windows(3).any(|w| w == b"Ann"));
        let again = DataKey::of(&secrets).unwrap();
        assert_eq!(again.open(b"pair 1", &sealed).unwrap().as_slice(), b"Ann Lee");
        assert!(again.open(b"pair 2", &sealed).is_none());
        assert!(DataKey::of(&MemorySecrets::default()).unwrap().open(b"pair 1", &sealed).is_none());
        let mut changed = sealed.clone();
        *changed.last_mut().unwrap() ^= 1;
        assert!(key.open(b"pair 1", &changed).is_none());
        assert!(key.open(b"pair 1", &sealed[..5]).is_none());
        assert_ne!(key.seal(b"pair 1", b"Ann Lee").unwrap(), sealed, "a nonce is used once");
    }
}
