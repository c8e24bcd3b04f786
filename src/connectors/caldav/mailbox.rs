//! One user's calendar and address book: what changed, what there is, what it says.

use super::capabilities::{self, BATCH};
use super::cursor::Position;
use super::dav::{Depth, Refusal, is_a_page, refusal};
use super::discovery::{Collection, never_opened};
use super::resource::{NotOurs, Resource};
use super::xml::{Answer, document, element, escaped, prop};
use super::{Found, READERS, Shared, path, write};
use crate::http::{Request, Scope, shown_url};
use crate::icalendar::{Scheduling, utc_text};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use riva_core::fault::{CallError, Fault, FaultKind, ItemError};
use riva_core::ids::{Cursor, EmailAddress, Marker, RemoteId, Version};
use riva_core::item::Module;
use riva_core::ports::{
    Capabilities, Change, ChangePage, Draft, Fetched, FileSource, ItemFile, ListPage, Listed, Patch, Reader,
    RemoteRef, Removal, Silence, SilentWriter, Window, Written,
};
use std::collections::BTreeMap;
use std::hash::Hasher as _;
use std::sync::Arc;

/// One user's calendar and address book.
pub struct Mailbox {
    pub(super) shared: Arc<Shared>,
    pub(super) scope: Scope,
    user: EmailAddress,
    own_addresses: Vec<String>,
    found: Arc<Found>,
    capabilities: Capabilities,
}

/// A resource with its text.
pub(super) struct Whole {
    pub etag: String,
    /// When it was last changed, as an HTTP date; blank if the server does not say.
    pub modified: String,
    pub text: String,
}

impl Mailbox {
    /// A mailbox with what was found in a home. A fault if nothing was.
    pub(super) fn new(
        shared: Arc<Shared>,
        user: EmailAddress,
        scope: Scope,
        found: Arc<Found>,
    ) -> Result<Self, Fault> {
        let collections = &found.collections;
        if collections.calendar.is_none() && collections.address_book.is_none() {
            return Err(never_opened(user.as_str(), "calendar or address book", None, &found.home));
        }
        let mut own_addresses = found.home.addresses.clone();
        if !own_addresses.iter().any(|a| a == user.as_str()) {
            own_addresses.push(user.as_str().to_owned());
        }
        let capabilities = capabilities::of(collections, shared.writers);
        Ok(Self { shared, scope, user, own_addresses, found, capabilities })
    }

    pub(super) fn collection(&self, module: Module) -> Result<&Collection, CallError> {
        let found = match module {
            Module::Calendar => self.found.collections.calendar.as_ref(),
            Module::Contacts => self.found.collections.address_book.as_ref(),
            Module::Tasks => self.found.collections.tasks.as_ref(),
            Module::Email => None,
        };
        found.ok_or_else(|| {
            Fault::new(
                FaultKind::MailboxNeverOpened,
                format!("there is no place for {module}: {}", self.user),
            )
            .into()
        })
    }

    /// Whether the server mails people by itself. Asked once.
    pub(super) async fn scheduling(&self, calendar: &str) -> Result<&Scheduling, CallError> {
        self.found
            .scheduling
            .get_or_try_init(|| async {
                let features = self.shared.dav.features(&self.scope, calendar).await?;
                Ok(Scheduling {
                    automatic: features.iter().any(|f| f == "calendar-auto-schedule"),
                    own: self.own_addresses.clone(),
                })
            })
            .await
    }

    /// One resource; `None` if it is gone.
    pub(super) async fn get(&self, path: &str) -> Result<Option<Whole>, CallError> {
        let url = self.shared.dav.url(path);
        let response = self.shared.dav.plain(&self.scope, Request::get(url.clone())).await?;
        match response.status.as_u16() {
            _ if is_a_page(&response) => {
                let what = format!("a web page comes instead of what was asked for, at {}", shown_url(&url));
                Err(Fault::new(FaultKind::UnexpectedAnswer, what)
                    .remedy("Check whether a proxy before the server wants people to sign in.")
                    .into())
            }
            200 => Ok(Some(Whole {
                etag: response.header("etag").unwrap_or_default().to_owned(),
                modified: response.header("last-modified").unwrap_or_default().to_owned(),
                text: response.text().into_owned(),
            })),
            404 | 410 => Ok(None),
            _ => Err(refusal("GET", &url, &response).into()),
        }
    }

    /// One page of changes since a cursor.
    async fn changes_since(&self, module: Module, cursor: Option<&Cursor>) -> Result<ChangePage, CallError> {
        let collection = self.collection(module)?;
        let position = match cursor.map(Position::read) {
            None => None,
            Some(Some(position)) if position.path() == collection.path => Some(position),
            Some(Some(position)) => {
                return Err(CallError::CursorLost(format!(
                    "it was for {}, now {} is synced",
                    position.path(),
                    collection.path
                )));
            }
            Some(None) => return Err(CallError::CursorLost("it is not one of this connector's".to_owned())),
        };
        let token = match position {
            Some(Position::Etags { digest, .. }) if !collection.sync => {
                return self.etags(module, collection, Some(&digest)).await;
            }
            Some(Position::Etags { .. }) => {
                return Err(CallError::CursorLost("the server has sync-tokens now".to_owned()));
            }
            Some(Position::Sync { .. }) if !collection.sync => {
                return Err(CallError::CursorLost("the server has no sync-tokens any more".to_owned()));
            }
            Some(Position::Sync { token, .. }) => token,
            None if !collection.sync => return self.etags(module, collection, None).await,
            None => String::new(),
        };
        match self.sync(module, collection, &token).await {
            Ok(page) => Ok(page),
            // RFC 6578, section 3.2: a token that is not known any more is refused.
            Err(refusal)
                if !token.is_empty()
                    && (refusal.says("d:valid-sync-token")
                        || matches!(refusal.status(), Some(400 | 403 | 409 | 410 | 412))) =>
            {
                Err(CallError::CursorLost(format!(
                    "the sync-token was refused ({})",
                    refusal.status().unwrap_or_default()
                )))
            }
            Err(refusal) => Err(refusal.into()),
        }
    }

    /// Ids and etags of what may be ours, by PROPFIND.
    async fn listing(&self, module: Module, collection: &Collection) -> Result<Vec<Listed>, CallError> {
        let names = ["d:getetag", "d:resourcetype", "d:getcontenttype"];
        let found = self.shared.dav.propfind(&self.scope, &collection.path, Depth::One, &names).await?;
        Ok(found.answers.iter().filter_map(|a| listed(module, collection, a)).collect())
    }

    async fn sync(
        &self,
        module: Module,
        collection: &Collection,
        token: &str,
    ) -> Result<ChangePage, Refusal> {
        let names = prop(&["d:getetag", "d:resourcetype", "d:getcontenttype"]);
        let body = document(
            "d:sync-collection",
            &format!("{}<d:sync-level>1</d:sync-level>{names}", element("d:sync-token", token)),
        );
        let found = self.shared.dav.report(&self.scope, &collection.path, Depth::Zero, body).await?;
        let next = found.sync_token.ok_or_else(|| {
            let detail = format!("the server's sync report has no token, of {}", collection.path);
            Refusal::Call(Fault::new(FaultKind::UnexpectedAnswer, detail).into())
        })?;
        let itself = |a: &&Answer| path::collection(&a.path) == collection.path;
        // 507 for the collection itself: the answer was cut short, the token leads on (RFC 6578, section 3.6).
        let more = found.answers.iter().filter(itself).any(|a| a.status == Some(507)) && next != token;
        let changes = found
            .answers
            .iter()
            .filter(|a| !itself(a))
            .filter_map(|answer| match answer.status {
                Some(404 | 410) => Some(Change::Deleted { id: RemoteId::new(&answer.path) }),
                Some(status) if status >= 400 => None,
                _ => {
                    listed(module, collection, answer).map(|l| Change::Seen { id: l.id, version: l.version })
                }
            })
            .collect();
        let cursor = Position::Sync { path: collection.path.clone(), token: next }.cursor();
        Ok(ChangePage { changes, cursor, more })
    }

    /// Changes by comparing listings: all of it again, unless nothing changed. Deletions are not told.
    async fn etags(
        &self,
        module: Module,
        collection: &Collection,
        before: Option<&str>,
    ) -> Result<ChangePage, CallError> {
        let mut listing = self.listing(module, collection).await?;
        listing.sort_by(|a, b| a.id.cmp(&b.id));
        let mut hasher = siphasher::sip128::SipHasher13::new();
        for entry in &listing {
            hasher.write(entry.id.as_str().as_bytes());
            hasher.write_u8(0);
            hasher.write(entry.version.as_str().as_bytes());
            hasher.write_u8(0);
        }
        let digest = format!("{:032x}", siphasher::sip128::Hasher128::finish128(&hasher).as_u128());
        if before == Some(digest.as_str()) {
            listing.clear();
        }
        Ok(ChangePage {
            changes: listing.into_iter().map(|l| Change::Seen { id: l.id, version: l.version }).collect(),
            cursor: Position::Etags { path: collection.path.clone(), digest }.cursor(),
            more: false,
        })
    }

    /// Texts of resources by multiget; what the answer leaves out is read one by one.
    pub(super) async fn multiget(
        &self,
        module: Module,
        collection: &Collection,
        paths: &[&str],
    ) -> Result<BTreeMap<String, Fetched>, CallError> {
        let (root, data) = match module {
            Module::Calendar | Module::Tasks => ("c:calendar-multiget", "c:calendar-data"),
            _ => ("r:addressbook-multiget", "r:address-data"),
        };
        let hrefs: String = paths.iter().map(|p| element("d:href", p)).collect();
        let body = document(root, &format!("{}{hrefs}", prop(&["d:getetag", "d:getlastmodified", data])));
        let answers = match self.shared.dav.report(&self.scope, &collection.path, Depth::One, body).await {
            Ok(found) => found.answers,
            // A server without multiget, or one that a single resource makes stumble.
            Err(refusal) if refusal.is_of_the_report() || refusal.status() == Some(500) => Vec::new(),
            Err(refusal) => return Err(refusal.into()),
        };
        let mut found = BTreeMap::new();
        for answer in answers {
            let fetched = match (answer.status, answer.prop(data)) {
                (Some(404 | 410), _) => Fetched::Gone,
                (Some(403), _) => Fetched::OutOfScope,
                (_, Some(text)) => {
                    let told = |name| answer.text(name).unwrap_or_default();
                    let (etag, modified) = (told("d:getetag"), told("d:getlastmodified"));
                    understood(module, collection.floating, etag, modified, &text.text)
                }
                _ => continue,
            };
            found.insert(answer.path, fetched);
        }
        Ok(found)
    }

    /// Writes resources, as many at once as the collection takes; what the server made of them is read while others are
    /// still being written.
    async fn write_all<'a>(
        &'a self,
        module: Module,
        collection: &'a Collection,
        number: usize,
        write: impl Fn(usize) -> BoxFuture<'a, Result<Written, write::Failed>> + Send + Sync,
    ) -> Result<Vec<Result<Written, ItemError>>, CallError> {
        let batch = write::Batch::default();
        let writes = stream::iter(0..number).map(|n| batch.one(write(n)));
        let written = writes.buffered(self.shared.writers).chunks(BATCH);
        let read = written.map(|answers| self.read_back(module, collection, answers)).buffered(READERS);
        let answers: Vec<Vec<_>> = read.collect().await;
        batch.done(answers.into_iter().flatten().collect())
    }

    /// Tells of each resource that was written what the server keeps of it. Where that cannot be read, or is another
    /// version by now, nothing is told: the next poll will.
    async fn read_back(
        &self,
        module: Module,
        collection: &Collection,
        mut answers: Vec<Result<Written, write::Failed>>,
    ) -> Vec<Result<Written, write::Failed>> {
        let ids: Vec<RemoteId> =
            answers.iter().flatten().filter(|w| w.item.is_none()).map(|w| w.at.id.clone()).collect();
        if ids.is_empty() {
            return answers;
        }
        let paths: Vec<&str> = ids.iter().map(RemoteId::as_str).collect();
        let mut kept = self.multiget(module, collection, &paths).await.unwrap_or_default();
        for written in answers.iter_mut().flatten() {
            if let Some(Fetched::Present { version, item, .. }) = kept.remove(written.at.id.as_str())
                && version == written.at.version
            {
                written.item = Some(item);
            }
        }
        answers
    }

    /// Paths of resources that carry a marker, by query.
    async fn query_marker(
        &self,
        module: Module,
        collection: &Collection,
        marker: &Marker,
    ) -> Result<Vec<RemoteRef>, CallError> {
        let matching = escaped(&marker.to_string());
        let filter = match module {
            Module::Calendar | Module::Tasks => format!(
                "<c:filter><c:comp-filter name=\"VCALENDAR\"><c:comp-filter name=\"{}\">\
                 <c:prop-filter name=\"X-RIVA-MARKER\"><c:text-match collation=\"i;ascii-casemap\">{matching}</c:text-match>\
                 </c:prop-filter></c:comp-filter></c:comp-filter></c:filter>",
                component(module)
            ),
            _ => format!(
                "<r:filter><r:prop-filter name=\"X-RIVA-MARKER\"><r:text-match collation=\"i;unicode-casemap\" \
                 match-type=\"equals\">{matching}</r:text-match></r:prop-filter></r:filter>"
            ),
        };
        let (root, data) = match module {
            Module::Calendar | Module::Tasks => ("c:calendar-query", "c:calendar-data"),
            _ => ("r:addressbook-query", "r:address-data"),
        };
        let body = document(root, &format!("{}{filter}", prop(&["d:getetag", data])));
        let answers = match self.shared.dav.report(&self.scope, &collection.path, Depth::One, body).await {
            Ok(found) => found.answers,
            // A server that cannot search so: the name that we gave the resource has to do.
            Err(refusal) if refusal.is_of_the_report() => return Ok(Vec::new()),
            Err(refusal) => return Err(refusal.into()),
        };
        let carries = |answer: &Answer| {
            let text = &answer.prop(data)?.text;
            (Resource::read(module, text).ok()?.marker()? == *marker).then(|| RemoteRef {
                id: RemoteId::new(&answer.path),
                version: Version::new(answer.text("d:getetag").unwrap_or_default()),
            })
        };
        Ok(answers.iter().filter_map(carries).collect())
    }
}

/// The component of a module's calendar objects.
fn component(module: Module) -> &'static str {
    if module == Module::Tasks { "VTODO" } else { "VEVENT" }
}

/// A resource of a listing, unless it is a collection, or says itself that it holds something else.
fn listed(module: Module, collection: &Collection, answer: &Answer) -> Option<Listed> {
    let inside = answer.path.starts_with(&collection.path) && answer.path != collection.path;
    if !inside || answer.is_a("d:collection") || answer.path.ends_with('/') {
        return None;
    }
    let kind = answer.text("d:getcontenttype").unwrap_or_default().to_ascii_lowercase();
    let told = kind.split(';').map(str::trim).find_map(|p| p.strip_prefix("component="));
    let fits = |kind: &str| match module {
        Module::Calendar | Module::Tasks => kind.eq_ignore_ascii_case(component(module)),
        Module::Contacts | Module::Email => kind == "vcard" || kind == "vlist",
    };
    if !told.is_none_or(fits) {
        return None;
    }
    let version = Version::new(answer.text("d:getetag").unwrap_or_default());
    Some(Listed { id: RemoteId::new(&answer.path), version })
}

/// A resource's text as what was fetched.
fn understood(module: Module, floating: Option<Tz>, etag: &str, modified: &str, text: &str) -> Fetched {
    let resource = match Resource::read(module, text) {
        Ok(resource) => resource.floating_in(floating),
        Err(NotOurs::OtherKind) => return Fetched::OutOfScope,
        Err(NotOurs::Unreadable(reason)) => return Fetched::Unreadable { reason },
    };
    match resource.item() {
        Ok(item) => Fetched::Present {
            version: Version::new(etag),
            marker: resource.marker(),
            // The server's own date: what a resource says of itself (LAST-MODIFIED, REV) is some client's clock.
            modified: DateTime::parse_from_rfc2822(modified).ok().map(|at| at.with_timezone(&Utc)),
            item: Box::new(item),
        },
        Err(reason) => Fetched::Unreadable { reason },
    }
}

#[async_trait]
impl Reader for Mailbox {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn changes(&self, module: Module, cursor: Option<&Cursor>) -> Result<ChangePage, CallError> {
        let changes = self.changes_since(module, cursor).await;
        if changes.is_err() {
            self.shared.forget(&self.user);
        }
        changes
    }

    async fn list(
        &self,
        module: Module,
        window: Option<Window>,
        _: Option<&Cursor>,
    ) -> Result<ListPage, CallError> {
        let collection = self.collection(module)?;
        let range = match (module, window) {
            // Events lie in the same collection as the tasks, and a listing does not always tell them apart.
            (Module::Tasks, _) => String::new(),
            (Module::Calendar, Some(Window { from, to })) => {
                format!("<c:time-range start=\"{}\" end=\"{}\"/>", utc_text(from), utc_text(to))
            }
            _ => return Ok(ListPage { items: self.listing(module, collection).await?, next: None }),
        };
        let kind = component(module);
        let filter = format!(
            "<c:filter><c:comp-filter name=\"VCALENDAR\"><c:comp-filter name=\"{kind}\">{range}</c:comp-filter></c:comp-filter></c:filter>"
        );
        let body = document("c:calendar-query", &format!("{}{filter}", prop(&["d:getetag"])));
        let found = self.shared.dav.report(&self.scope, &collection.path, Depth::One, body).await?;
        let items = found
            .answers
            .iter()
            .filter(|a| a.status.is_none_or(|s| s < 400))
            .filter_map(|a| listed(module, collection, a));
        Ok(ListPage { items: items.collect(), next: None })
    }

    async fn fetch(&self, module: Module, ids: &[RemoteId]) -> Result<Vec<Fetched>, CallError> {
        let collection = self.collection(module)?;
        let inside = |id: &&RemoteId| id.as_str().starts_with(&collection.path);
        let paths: Vec<&str> = ids.iter().filter(inside).map(RemoteId::as_str).collect();
        let batches: Vec<&[&str]> = paths.chunks(BATCH).collect();
        let read = |n: usize| self.multiget(module, collection, batches[n]);
        let batches: Vec<BTreeMap<String, Fetched>> =
            stream::iter(0..batches.len()).map(read).buffered(READERS).try_collect().await?;
        let mut found: BTreeMap<String, Fetched> = batches.into_iter().flatten().collect();
        let mut all = Vec::with_capacity(ids.len());
        for id in ids {
            all.push(match found.remove(id.as_str()) {
                Some(fetched) => fetched,
                None if !inside(&id) => Fetched::OutOfScope,
                // Left out, or asked for twice.
                None => match self.get(id.as_str()).await? {
                    Some(text) => {
                        understood(module, collection.floating, &text.etag, &text.modified, &text.text)
                    }
                    None => Fetched::Gone,
                },
            });
        }
        Ok(all)
    }

    async fn probe(&self, module: Module, markers: &[Marker]) -> Result<Vec<Vec<RemoteRef>>, CallError> {
        let collection = self.collection(module)?;
        let mut all = Vec::with_capacity(markers.len());
        for marker in markers {
            let named = write::path_of(collection, module, marker);
            let found = match self.get(&named).await? {
                Some(text)
                    if Resource::read(module, &text.text).is_ok_and(|r| r.marker() == Some(*marker)) =>
                {
                    vec![RemoteRef { id: RemoteId::new(named), version: Version::new(text.etag) }]
                }
                _ => self.query_marker(module, collection, marker).await?,
            };
            all.push(found);
        }
        Ok(all)
    }

    fn file_source(&self) -> Option<&dyn FileSource> {
        Some(self)
    }
}

#[async_trait]
impl FileSource for Mailbox {
    /// What stands in the text of an event or a task. Links to files elsewhere are not followed.
    async fn file(
        &self,
        module: Module,
        item: &RemoteId,
        key: &str,
    ) -> Result<Result<ItemFile, ItemError>, CallError> {
        let Some(whole) = self.get(item.as_str()).await? else { return Ok(Err(ItemError::Gone)) };
        let file = Resource::read(module, &whole.text).ok().and_then(|resource| resource.file(key));
        Ok(file.ok_or(ItemError::Gone))
    }
}

#[async_trait]
impl SilentWriter for Mailbox {
    fn silence(&self) -> Silence {
        Silence::ByContent
    }

    async fn create(
        &self,
        module: Module,
        drafts: &[Draft],
    ) -> Result<Vec<Result<Written, ItemError>>, CallError> {
        let collection = self.collection(module)?;
        let write = |n: usize| self.create_one(module, collection, &drafts[n]).boxed();
        self.write_all(module, collection, drafts.len(), write).await
    }

    async fn update(
        &self,
        module: Module,
        patches: &[Patch],
    ) -> Result<Vec<Result<Written, ItemError>>, CallError> {
        let collection = self.collection(module)?;
        let write = |n: usize| self.update_one(module, collection, &patches[n]).boxed();
        self.write_all(module, collection, patches.len(), write).await
    }

    async fn delete(
        &self,
        module: Module,
        removals: &[Removal],
    ) -> Result<Vec<Result<(), ItemError>>, CallError> {
        let collection = self.collection(module)?;
        let batch = write::Batch::default();
        let one = |n: usize| batch.one(self.delete_one(module, collection, &removals[n]));
        let all = stream::iter(0..removals.len()).map(one).buffered(self.shared.writers);
        batch.done(all.collect().await)
    }

    async fn tag(
        &self,
        _: Module,
        tags: &[(RemoteRef, Marker)],
    ) -> Result<Vec<Result<RemoteRef, ItemError>>, CallError> {
        Ok(tags.iter().map(|(at, _)| Ok(at.clone())).collect())
    }
}
