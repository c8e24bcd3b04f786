//! How a client behaves, and how it signs in.

use async_trait::async_trait;
use riva_core::documents::Connection;
use riva_core::fault::Fault;
use secrecy::SecretString;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// Gets access tokens. The client asks one caller at a time.
#[async_trait]
pub trait TokenSource: Send + Sync {
    /// A token: a remembered one, or with `force_refresh` (the last one was refused) a new one.
    async fn token(&self, force_refresh: bool) -> Result<SecretString, Fault>;
}

/// How requests prove who sends them.
#[derive(Clone)]
pub enum Auth {
    /// Not at all, or in the body.
    None,
    /// HTTP Basic (RFC 7617): sent to the origin of the base address alone.
    Basic {
        /// The connection account.
        user: String,
        /// Its password.
        password: SecretString,
    },
    /// A bearer token (RFC 6750). After a 401 it is refreshed once and the request is sent again.
    Bearer(Arc<dyn TokenSource>),
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Basic { .. } => "Basic",
            Self::Bearer(_) => "Bearer",
        })
    }
}

/// How a client behaves.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// The address of the connection. `http` is allowed to this computer alone.
    pub base: Url,
    /// A PEM file with further certificate authorities to trust.
    pub ca_file: Option<PathBuf>,
    /// How requests prove who sends them.
    pub auth: Auth,
    /// Most requests at once.
    pub max_concurrent: usize,
    /// Most requests at once in one scope.
    pub max_concurrent_per_scope: usize,
    /// Most requests a second in one scope.
    pub rate_per_scope: Option<NonZeroU32>,
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
    /// How long a request may take from first to last byte.
    pub timeout: Duration,
    /// How often a read is tried in all.
    pub read_attempts: u32,
    /// The wait before the second try of a read is random up to this, before the third up to twice this, and so on.
    pub retry_base: Duration,
    /// So many faults in a row, with no success between, say that the server is down.
    pub breaker_threshold: u32,
    /// How long nothing is sent after the server turned out to be down; doubled each time up to 10 minutes.
    pub breaker_wait: Duration,
    /// How long nothing is sent after the login was refused, so that tries of many users do not lock the account.
    pub refusal_pause: Duration,
    /// Most bytes of a response.
    pub max_body: usize,
    /// Where the wire log is written; see [`WIRE_LOG`](super::WIRE_LOG).
    pub wire_log: Option<PathBuf>,
}

impl HttpOptions {
    /// The usual behaviour, without a login.
    pub fn new(base: Url) -> Self {
        Self {
            base,
            ca_file: None,
            auth: Auth::None,
            max_concurrent: 16,
            max_concurrent_per_scope: 3,
            rate_per_scope: None,
            connect_timeout: Duration::from_secs(15),
            timeout: Duration::from_mins(1),
            read_attempts: 3,
            retry_base: Duration::from_millis(500),
            breaker_threshold: 3,
            breaker_wait: Duration::from_secs(30),
            refusal_pause: Duration::from_mins(15),
            max_body: 64 << 20,
            wire_log: std::env::var_os(super::WIRE_LOG).map(PathBuf::from),
        }
    }

    /// The behaviour that a connection asks for; its certificate authorities are looked for in the workspace.
    pub fn of(connection: &Connection, workspace: &Path, auth: Auth) -> Self {
        let mut options = Self::new(connection.address.clone());
        options.ca_file = connection.ca_file.as_ref().map(|f| workspace.join(f));
        options.auth = auth;
        if let Some(most) = connection.max_concurrent {
            options.max_concurrent = usize::try_from(most.max(1)).unwrap_or(usize::MAX);
        }
        options
    }
}
