//! Calendars and tasks by CalDAV (RFC 4791) and contacts by CardDAV (RFC 6352), through one connection account that may reach
//! the homes of all users.

mod capabilities;
mod check;
mod cursor;
mod dav;
mod discovery;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod mailbox;
mod path;
mod resource;
mod write;
mod xml;

use crate::http::{Auth, HttpClient, HttpOptions, Scope, shown_url};
use crate::icalendar::Scheduling;
use async_trait::async_trait;
use dav::Dav;
use discovery::{Collections, Home, Places};
use mailbox::Mailbox;
use riva_core::documents::Connection;
use riva_core::fault::{CallError, Fault, FaultKind};
use riva_core::ids::EmailAddress;
use riva_core::ports::{
    Directory, Endpoint, MailSystem, ResolvedName, SecretKey, SecretKind, SecretStore, SilentWriter, StepSink,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

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
    let writers = writers(connection)?;
    options.max_concurrent_per_scope = READERS.max(writers);
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
    let shared = Shared { dav, places, ca_file, writers, lanes: Mutex::default(), found: Mutex::default() };
    Ok(Arc::new(Caldav { shared: Arc::new(shared) }))
}

/// Requests of one user at once that only read.
const READERS: usize = 4;
/// Most writes at once that a connection may ask for.
const MOST_WRITERS: usize = 64;
/// For how long it is believed where a user's calendar and address book lie.
const BELIEVED: Duration = Duration::from_hours(1);
/// Users whose places are forgotten first when there are more than this.
const MANY_USERS: usize = 4096;

/// The option `writers`: writes at once in one collection. One is right for servers that lock a collection (Radicale,
/// Xandikos); a server with a database behind it takes more.
fn writers(connection: &Connection) -> Result<usize, Fault> {
    let Some(text) = connection.option("writers") else { return Ok(1) };
    text.trim().parse().ok().filter(|n| (1..=MOST_WRITERS).contains(n)).ok_or_else(|| {
        Fault::new(
            FaultKind::UnexpectedAnswer,
            format!(
                "the option writers is no number from 1 to {MOST_WRITERS}, on connection {}",
                connection.name
            ),
        )
        .remedy("Set it to 1, or take it away, if the server's maker does not say how many it takes.")
    })
}

/// What the users of one connection share.
struct Shared {
    dav: Dav,
    places: Places,
    ca_file: Option<PathBuf>,
    writers: usize,
    /// By path of the collection.
    lanes: Mutex<BTreeMap<String, Arc<Lane>>>,
    /// By address of the user.
    found: Mutex<BTreeMap<EmailAddress, Arc<Found>>>,
}

/// The way into one collection: so many writes at once, and one alone as soon as the server has said that it is locked.
struct Lane {
    slots: tokio::sync::Semaphore,
    narrow: AtomicBool,
    alone: tokio::sync::Mutex<()>,
}

/// Where a user's things lie, found a while ago.
struct Found {
    at: Instant,
    home: Home,
    collections: Collections,
    /// Asked when something is written for the first time.
    scheduling: tokio::sync::OnceCell<Scheduling>,
}

impl Shared {
    fn lane(&self, collection: &str) -> Arc<Lane> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = lanes.entry(collection.to_owned()).or_insert_with(|| {
            let slots = tokio::sync::Semaphore::new(self.writers);
            Arc::new(Lane { slots, narrow: AtomicBool::default(), alone: tokio::sync::Mutex::default() })
        });
        Arc::clone(lane)
    }

    /// Where a user's things lie. Not asked again for a while: a cycle in which nothing changed costs one request.
    async fn found(&self, user: &EmailAddress, scope: &Scope) -> Result<Arc<Found>, Fault> {
        let known = self.all_found().get(user).filter(|found| found.at.elapsed() < BELIEVED).cloned();
        if let Some(found) = known {
            return Ok(found);
        }
        let home = discovery::home_of(&self.dav, &self.places, scope, user.as_str()).await?;
        let collections = discovery::collections(&self.dav, &self.places, scope, &home).await?;
        let found = Arc::new(Found {
            at: Instant::now(),
            home,
            collections,
            scheduling: tokio::sync::OnceCell::new(),
        });
        let mut all = self.all_found();
        if all.len() >= MANY_USERS {
            all.retain(|_, found| found.at.elapsed() < BELIEVED / 2);
        }
        all.insert(user.clone(), Arc::clone(&found));
        Ok(found)
    }

    /// Something is not as it was found: looked for anew the next time.
    fn forget(&self, user: &EmailAddress) {
        self.all_found().remove(user);
    }

    fn all_found(&self) -> MutexGuard<'_, BTreeMap<EmailAddress, Arc<Found>>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
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
        let found = self.shared.found(user, &scope).await?;
        let mailbox = Mailbox::new(Arc::clone(&self.shared), user.clone(), scope, found);
        if mailbox.is_err() {
            self.shared.forget(user);
        }
        Ok(Arc::new(mailbox?))
    }
}

#[async_trait]
impl Directory for Caldav {
    async fn check_name(&self, typed: &str) -> Result<Vec<ResolvedName>, Fault> {
        discovery::check_name(&self.shared.dav, &self.shared.places, typed).await
    }
}
