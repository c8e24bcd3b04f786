//! The keyring of the desktop session (Secret Service on D-Bus: GNOME Keyring, KWallet, KeePassXC).
//!
//! The D-Bus library blocks on a runtime of its own, which must not happen on a thread of another runtime: so all
//! calls are made on one thread that does nothing else, and the callers wait for its answer.

use super::IN_KEYRING;
use crate::ports::{SecretError, SecretKey, SecretStore};
use secrecy::{ExposeSecret, SecretString};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// How long the session may take to say that it has a keyring.
const TO_CONNECT: Duration = Duration::from_secs(5);
/// How long a call may take: the desktop may ask its user to unlock the keyring.
const TO_ANSWER: Duration = Duration::from_mins(1);

type Answer<T> = Sender<Result<T, SecretError>>;

enum Call {
    Get(String, Answer<Option<SecretString>>),
    Set(String, SecretString, Answer<()>),
    Remove(String, Answer<()>),
}

/// Secrets in the keyring of the session.
#[derive(Debug)]
pub struct KeyringSecrets {
    workspace: PathBuf,
    calls: Mutex<Sender<Call>>,
}

impl KeyringSecrets {
    /// Connects to the session's keyring; fails if there is none.
    pub fn open(workspace: &Path) -> Result<Self, SecretError> {
        let folder = workspace.canonicalize().unwrap_or_else(|_| workspace.to_owned());
        let service = format!("Riva {}", folder.display());
        let (calls, inbox) = channel();
        let (ready, connected) = channel();
        thread::Builder::new()
            .name("riva-keyring".into())
            .spawn(move || serve(&service, &ready, &inbox))
            .map_err(|e| no_keyring(&e.to_string()))?;
        let answer = connected.recv_timeout(TO_CONNECT);
        answer.map_err(|_| no_keyring("it does not answer"))??;
        Ok(Self { workspace: workspace.to_owned(), calls: Mutex::new(calls) })
    }

    fn ask<T>(&self, call: impl FnOnce(Answer<T>) -> Call) -> Result<T, SecretError> {
        let (answer, result) = channel();
        let sent = self.calls.lock().unwrap_or_else(PoisonError::into_inner).send(call(answer));
        sent.map_err(|_| no_keyring("its thread has ended"))?;
        result.recv_timeout(TO_ANSWER).map_err(|_| no_keyring("it does not answer"))?
    }
}

fn serve(service: &str, ready: &Answer<()>, inbox: &Receiver<Call>) {
    use keyring_core::api::CredentialStoreApi;
    let store = match zbus_secret_service_keyring_store::Store::new() {
        Ok(store) => store,
        Err(error) => {
            // Nobody listens any more if this took too long.
            let _ = ready.send(Err(no_keyring(&error.to_string())));
            return;
        }
    };
    let _ = ready.send(Ok(()));
    let entry = |name: &str| store.build(service, name, None).map_err(|e| refused(&e));
    while let Ok(call) = inbox.recv() {
        // A caller that gave up waiting does not hear the answer.
        let _ = match call {
            Call::Get(name, answer) => {
                let found = entry(&name).and_then(|entry| match entry.get_password() {
                    Ok(secret) => Ok(Some(secret.into())),
                    Err(keyring_core::Error::NoEntry) => Ok(None),
                    Err(error) => Err(refused(&error)),
                });
                answer.send(found).is_ok()
            }
            Call::Set(name, secret, answer) => {
                let set = entry(&name)
                    .and_then(|e| e.set_password(secret.expose_secret()).map_err(|e| refused(&e)));
                answer.send(set).is_ok()
            }
            Call::Remove(name, answer) => {
                let removed = entry(&name).and_then(|entry| match entry.delete_credential() {
                    Ok(()) | Err(keyring_core::Error::NoEntry) => Ok(()),
                    Err(error) => Err(refused(&error)),
                });
                answer.send(removed).is_ok()
            }
        };
    }
}

impl SecretStore for KeyringSecrets {
    fn get(&self, key: &SecretKey) -> Result<Option<SecretString>, SecretError> {
        self.ask(|answer| Call::Get(key.to_string(), answer))
    }

    fn set(&self, key: &SecretKey, secret: &SecretString) -> Result<(), SecretError> {
        self.ask(|answer| Call::Set(key.to_string(), secret.clone(), answer))?;
        let mark = self.workspace.join(IN_KEYRING);
        if !mark.exists() {
            let text = "The secrets of this workspace are in the keyring of the desktop session.\n";
            crate::documents::write_text(&mark, text).map_err(|error| SecretError {
                what: error.to_string(),
                remedy: "check the rights on the workspace's state folder".into(),
            })?;
        }
        Ok(())
    }

    fn remove(&self, key: &SecretKey) -> Result<(), SecretError> {
        self.ask(|answer| Call::Remove(key.to_string(), answer))
    }

    fn place(&self) -> String {
        "the keyring of this desktop session (Secret Service)".into()
    }
}

fn no_keyring(why: &str) -> SecretError {
    SecretError {
        what: format!("this session has no keyring that answers: {why}"),
        remedy: "log in to a desktop with a keyring, or set RIVA_SECRETS=file for the encrypted file".into(),
    }
}

/// The library's errors can hold what it could not decode: only their kind is told.
fn refused(error: &keyring_core::Error) -> SecretError {
    use keyring_core::Error as E;
    let why = match error {
        E::NoStorageAccess(_) => "it is locked".to_owned(),
        E::PlatformFailure(cause) => cause.to_string(),
        E::Ambiguous(_) => "it has two entries of this name".into(),
        E::TooLong(what, limit) => format!("{what} is longer than {limit}"),
        _ => "the entry cannot be used".into(),
    };
    SecretError {
        what: format!("the keyring refused: {why}"),
        remedy: "unlock it and try again, or set RIVA_SECRETS=file".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::SecretKind;

    /// Where the session has a keyring, it must keep secrets; where it has none, it must say so and not hang.
    #[test]
    fn the_keyring_keeps_secrets_or_says_that_there_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let key = SecretKey { connection: "a".into(), kind: SecretKind::Password };
        match KeyringSecrets::open(folder.path()) {
            Err(error) => assert!(error.to_string().contains("RIVA_SECRETS=file"), "{error}"),
            Ok(store) => {
                store.set(&key, &"gold".to_owned().into()).unwrap();
                assert_eq!(store.get(&key).unwrap().unwrap().expose_secret(), "gold");
                store.remove(&key).unwrap();
                assert!(store.get(&key).unwrap().is_none());
            }
        }
    }
}
