//! Where passwords, keys and tokens are kept: never in a document.

use crate::ids::ConnectionName;
use secrecy::SecretString;
use std::fmt;

/// What kind of secret of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretKind {
    /// The connection account's password (for Salesforce followed by its security token, if it has one).
    Password,
    /// An OAuth client's secret.
    ClientSecret,
    /// The private key (PEM) that signs OAuth JWT bearer assertions.
    PrivateKey,
    /// An OAuth refresh token.
    RefreshToken,
    /// The key that seals customers' content in the state database (of no connection).
    DataKey,
}

impl SecretKind {
    /// The kind as a word in the store's keys.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::ClientSecret => "client-secret",
            Self::PrivateKey => "private-key",
            Self::RefreshToken => "refresh-token",
            Self::DataKey => "data-key",
        }
    }
}

/// Names one secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretKey {
    /// The connection that it belongs to.
    pub connection: ConnectionName,
    /// Which of its secrets.
    pub kind: SecretKind,
}

impl fmt::Display for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.connection, self.kind.as_str())
    }
}

/// Why a secret could not be read or kept. Never holds the secret.
#[derive(Debug, thiserror::Error)]
#[error("{what}; {remedy}")]
pub struct SecretError {
    /// What happened.
    pub what: String,
    /// What to do next.
    pub remedy: String,
}

/// Keeps secrets. Calls may block for some milliseconds (a file, a D-Bus call), not for longer.
pub trait SecretStore: Send + Sync {
    /// The secret, or `None` if there is none.
    fn get(&self, key: &SecretKey) -> Result<Option<SecretString>, SecretError>;
    /// Keeps a secret in place of the old one.
    fn set(&self, key: &SecretKey, secret: &SecretString) -> Result<(), SecretError>;
    /// Forgets a secret; it is no error if there is none.
    fn remove(&self, key: &SecretKey) -> Result<(), SecretError>;
    /// Where they are kept, for the administrator to read.
    fn place(&self) -> String;
}
