//! Calendars and tasks by CalDAV (RFC 4791) and contacts by CardDAV (RFC 6352), through one connection account that may reach
//! the homes of all users.

mod capabilities;
mod check;
mod cursor;
mod dav;
mod discovery;
mod mailbox;
mod path;
mod resource;
mod write;
mod xml;

use crate::http::{Auth, HttpClient, HttpOptions, Scope, shown_url};
use async_trait::async_trait;
use dav::Dav;
use discovery::Places;
use mailbox::Mailbox;
use riva_core::documents::Connection;
use riva_core::fault::{CallError, Fault, FaultKind};
use riva_core::ids::EmailAddress;
use riva_core::ports::{
    Directory, Endpoint, MailSystem, ResolvedName, SecretKey, SecretKind, SecretStore, SilentWriter, StepSink,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The mail system of a connection. Reads its password; sends nothing.
pub fn system(
    connection: &Connection,
    secrets: &Arc<dyn SecretStore>,
    workspace: &Path,
) -> Result<Arc<dyn MailSystem>, Fault> {
    let key = SecretKey { connection: connection.name.clone(), kind: SecretKind::Password };
    let password = secrets
        .get(&key)
        .map_err(|e| {
            Fault::new(FaultKind::GivenCredentials, format!("its password cannot be read: {}", e.what))
                .remedy(e.remedy)
        })?
        .ok_or_else(|| {
            Fault::new(
                FaultKind::GivenCredentials,
                format!("no password is stored, for connection {}", connection.name),
            )
            .remedy("Set the password of the connection account on this connection.")
        })?;
    let auth = Auth::Basic { user: connection.account.clone(), password };
    let mut options = HttpOptions::of(connection, workspace, auth);
    options.max_concurrent_per_scope = 4;
    let ca_file = options.ca_file.clone();
    let dav = Dav::new(Arc::new(HttpClient::new(options)?));
    let places = Places {
        account: connection.account.clone(),
        home: connection.option("home").map(str::to_owned),
        calendar: connection.option("calendar").map(str::to_owned),
        tasks: connection.option("tasks").map(str::to_owned),
        address_book: connection.option("addressbook").map(str::to_owned),
        domain: connection.option("domain").map(str::to_owned),
    };
    Ok(Arc::new(Caldav { shared: Arc::new(Shared { dav, places, ca_file, locks: Mutex::default() }) }))
}

/// What the users of one connection share.
struct Shared {
    dav: Dav,
    places: Places,
    ca_file: Option<PathBuf>,
    /// One writer at a time in each collection, by path.
    locks: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

impl Shared {
    fn lock(&self, collection: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(locks.entry(collection.to_owned()).or_default())
    }
}

/// A server with calendars and address books.
struct Caldav {
    shared: Arc<Shared>,
}

#[async_trait]
impl Endpoint for Caldav {
    async fn test(&self, target: Option<&str>, steps: &dyn StepSink) -> Result<(), Fault> {
        check::run(&self.shared, target, steps).await
    }

    /// DAV has no identity of a server but its address and who signs in.
    async fn fingerprint(&self) -> Result<String, CallError> {
        let principal = discovery::own_principal(&self.shared.dav, &Scope::connection()).await?;
        Ok(format!("{} {principal}", shown_url(self.shared.dav.root())))
    }
}

#[async_trait]
impl MailSystem for Caldav {
    fn directory(&self) -> &dyn Directory {
        self
    }

    async fn open(&self, user: &EmailAddress) -> Result<Arc<dyn SilentWriter>, Fault> {
        let scope = Scope::of(user.as_str());
        let home = discovery::home_of(&self.shared.dav, &self.shared.places, &scope, user.as_str()).await?;
        let found = discovery::collections(&self.shared.dav, &self.shared.places, &scope, &home).await?;
        Ok(Arc::new(Mailbox::new(Arc::clone(&self.shared), user.clone(), scope, &home, found)?))
    }
}

#[async_trait]
impl Directory for Caldav {
    async fn check_name(&self, typed: &str) -> Result<Vec<ResolvedName>, Fault> {
        discovery::check_name(&self.shared.dav, &self.shared.places, typed).await
    }
}
