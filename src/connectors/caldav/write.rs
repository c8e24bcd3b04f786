//! Writes resources, each with its precondition, and only so many at a time in a collection as its server takes.

use super::dav::{is_a_page, refusal};
use super::discovery::Collection;
use super::mailbox::Mailbox;
use super::resource::{Resource, content_type};
use super::xml;
use crate::http::{Kind, Request, Response};
use crate::icalendar::{Component, WouldMail, mailed_by_deletion, quieten};
use chrono::Utc;
use http::Method;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use riva_core::fault::{CallError, Fault, ItemError};
use riva_core::ids::{Marker, RemoteId, Version};
use riva_core::item::Module;
use riva_core::ports::{Draft, Fetched, Patch, RemoteRef, Removal, Written};
use std::future::Future;
use std::sync::OnceLock;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How often a locked resource (423) is tried.
const LOCKED_TRIES: u32 = 3;

/// The path of the resource that a marker makes.
pub fn path_of(collection: &Collection, module: Module, marker: &Marker) -> String {
    let extension = if module == Module::Contacts { "vcf" } else { "ics" };
    format!("{}riva-{}-{}.{extension}", collection.path, marker.pair, marker.generation)
}

/// A batch of writes. A fault in its middle ends it: nothing more is begun; what was written is told, the rest is left
/// for later.
#[derive(Default)]
pub struct Batch {
    ended: OnceLock<CallError>,
}

/// Why one item was not written: its own fault, or one of the call.
pub enum Failed {
    /// This item.
    Item(ItemError),
    /// The connection, or the user on it.
    Call(CallError),
}

impl From<ItemError> for Failed {
    fn from(error: ItemError) -> Self {
        Self::Item(error)
    }
}

impl From<CallError> for Failed {
    fn from(error: CallError) -> Self {
        match error {
            CallError::InDoubt(why) => Self::Item(ItemError::InDoubt(why)),
            other => Self::Call(other),
        }
    }
}

impl From<WouldMail> for Failed {
    fn from(would: WouldMail) -> Self {
        Self::Item(ItemError::WouldNotify { people: would.people })
    }
}

impl Batch {
    /// One write of the batch.
    pub async fn one<R>(&self, write: impl Future<Output = Result<R, Failed>>) -> Result<R, Failed> {
        if let Some(error) = self.ended.get() {
            return Err(Failed::Call(error.clone()));
        }
        let answer = write.await;
        if let Err(Failed::Call(error)) = &answer {
            // The first fault is the one that is told.
            let _ = self.ended.set(error.clone());
        }
        answer
    }

    /// One answer for each item. A fault with nothing answered is one of the whole call.
    pub fn done<R>(&self, answers: Vec<Result<R, Failed>>) -> Result<Vec<Result<R, ItemError>>, CallError> {
        let Some(error) = self.ended.get() else {
            return Ok(answers.into_iter().map(|a| a.map_err(|failed| failed.of_item(""))).collect());
        };
        if answers.iter().all(|a| matches!(a, Err(Failed::Call(_)))) {
            return Err(error.clone());
        }
        let why = error.to_string();
        Ok(answers.into_iter().map(|a| a.map_err(|failed| failed.of_item(&why))).collect())
    }
}

impl Failed {
    fn of_item(self, why: &str) -> ItemError {
        match self {
            Self::Item(error) => error,
            Self::Call(_) => ItemError::NotNow(why.to_owned()),
        }
    }
}

/// The precondition of a PUT.
enum Unless<'a> {
    /// Something is there.
    Exists,
    /// It is another version.
    Moved(&'a str),
}

/// After something was sent: what cannot be seen now leaves it in doubt.
fn unseen(why: &CallError) -> ItemError {
    ItemError::InDoubt(format!("it cannot be looked at: {why}"))
}

/// What the collection has was not found there.
fn not_found(status: u16) -> ItemError {
    ItemError::NotNow(format!("the server does not find what it has ({status})"))
}

fn header(value: &str) -> Result<HeaderValue, Failed> {
    HeaderValue::from_str(value).map_err(|_| {
        ItemError::Invalid { reason: "its version holds a character that headers cannot hold".into() }.into()
    })
}

impl Mailbox {
    /// PUT. Every body comes through here, and so through [`quieten`].
    async fn put(
        &self,
        module: Module,
        collection: &Collection,
        path: &str,
        before: Option<&Component>,
        resource: &mut Resource,
        unless: &Unless<'_>,
    ) -> Result<Response, Failed> {
        if module != Module::Contacts {
            let scheduling = self.scheduling(&collection.path).await?;
            quieten(scheduling, before, resource.root_mut())?;
        }
        let mut request = Request::new(Method::PUT, self.shared.dav.url(path), Kind::Write)
            .header(CONTENT_TYPE, HeaderValue::from_static(content_type(module)))
            .header(HeaderName::from_static("schedule-reply"), HeaderValue::from_static("F"))
            .body(resource.root().write().into_bytes());
        request = match unless {
            Unless::Exists => request.header(IF_NONE_MATCH, HeaderValue::from_static("*")),
            Unless::Moved(etag) => request.header(IF_MATCH, header(etag)?),
        };
        self.send(collection, request).await
    }

    /// Sends a write when the collection takes one more. A server that says that the collection is locked (423) gets one
    /// at a time from then on; a lock is waited for a little.
    async fn send(&self, collection: &Collection, request: Request) -> Result<Response, Failed> {
        let lane = self.shared.lane(&collection.path);
        let closed = |_| Failed::from(ItemError::NotNow("the connection is being closed".to_owned()));
        let _slot = lane.slots.acquire().await.map_err(closed)?;
        for tried in 1.. {
            let alone =
                if lane.narrow.load(Ordering::Relaxed) { Some(lane.alone.lock().await) } else { None };
            let response = self.shared.dav.plain(&self.scope, request.clone()).await?;
            if is_a_page(&response) {
                let what = "a web page came instead of the server's answer";
                return Err(ItemError::InDoubt(what.to_owned()).into());
            }
            if response.status.as_u16() != 423 {
                return Ok(response);
            }
            if tried == LOCKED_TRIES {
                break;
            }
            lane.narrow.store(true, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(250 << tried)).await;
            drop(alone);
        }
        Err(ItemError::NotNow("somebody has locked it on the server (423)".to_owned()).into())
    }

    /// Where the resource lies now. Its content is read later, for a whole batch ([`Mailbox::read_back`]): Radicale
    /// gives an etag although it keeps the text in other words than it was sent, against RFC 4791, section 5.3.4.
    ///
    /// `before` is the version that was to be replaced: if it is still there, nobody has written.
    async fn written(
        &self,
        path: &str,
        response: &Response,
        before: Option<&str>,
    ) -> Result<Written, Failed> {
        let id = RemoteId::new(path);
        if let Some(etag) = response.header("etag").filter(|e| !e.is_empty()) {
            return Ok(Written { at: RemoteRef { id, version: Version::new(etag) }, item: None });
        }
        let lost = |why: String| Failed::Item(ItemError::InDoubt(why));
        match self.get(path).await {
            Ok(Some(text)) if before == Some(&text.etag) => {
                Err(lost("the server says that it was written, but still has it as it was".to_owned()))
            }
            Ok(Some(text)) => {
                Ok(Written { at: RemoteRef { id, version: Version::new(text.etag) }, item: None })
            }
            Ok(None) => Err(lost("it was written, but is not there".to_owned())),
            Err(error) => Err(lost(format!("it was written, but could not be read again: {error}"))),
        }
    }

    pub(super) async fn create_one(
        &self,
        module: Module,
        collection: &Collection,
        draft: &Draft,
    ) -> Result<Written, Failed> {
        let path = path_of(collection, module, &draft.marker);
        let uid = draft.item.uid.clone().filter(|u| !u.trim().is_empty());
        let uid = uid.unwrap_or_else(|| format!("riva-{}-{}", draft.marker.pair, draft.marker.generation));
        let mut resource = Resource::make(&draft.item, &uid, &draft.marker, Utc::now())
            .map_err(|refused| ItemError::Invalid { reason: refused.to_string() })?;
        let response = self.put(module, collection, &path, None, &mut resource, &Unless::Exists).await?;
        match response.status.as_u16() {
            200..=299 => self.written(&path, &response, None).await,
            // Made by an earlier try whose answer was lost, or by somebody else.
            412 => match self.get(&path).await.map_err(|why| unseen(&why))? {
                Some(text) => match Resource::read(module, &text.text) {
                    Ok(there) if there.marker() == Some(draft.marker) => Ok(Written {
                        at: RemoteRef { id: RemoteId::new(&path), version: Version::new(text.etag) },
                        item: there.item().ok().map(Box::new),
                    }),
                    _ => Err(ItemError::Exists.into()),
                },
                None => {
                    Err(ItemError::NotNow("the server says both that it exists and that it does not".into())
                        .into())
                }
            },
            _ => Err(self.refused(&path, &response)),
        }
    }

    pub(super) async fn update_one(
        &self,
        module: Module,
        collection: &Collection,
        patch: &Patch,
    ) -> Result<Written, Failed> {
        let target = patch.id.as_str();
        let text = self.get(target).await?.ok_or(ItemError::Gone)?;
        if text.etag != patch.version.as_str() {
            return Err(ItemError::VersionMoved.into());
        }
        let unreadable = |reason: &str| ItemError::Invalid { reason: reason.to_owned() };
        let resource =
            Resource::read(module, &text.text).map_err(|_| unreadable("it is none of ours any more"))?;
        let mut resource = resource.floating_in(collection.floating);
        let before = resource.root().clone();
        resource
            .change(&patch.set, &patch.marker, Utc::now())
            .map_err(|refused| ItemError::Invalid { reason: refused.to_string() })?;
        let response = self
            .put(module, collection, target, Some(&before), &mut resource, &Unless::Moved(&text.etag))
            .await?;
        match response.status.as_u16() {
            200..=299 => self.written(target, &response, Some(&text.etag)).await,
            _ => Err(self.refused(target, &response)),
        }
    }

    pub(super) async fn delete_one(
        &self,
        module: Module,
        collection: &Collection,
        removal: &Removal,
    ) -> Result<(), Failed> {
        let path = removal.id.as_str();
        if module != Module::Contacts {
            let scheduling = self.scheduling(&collection.path).await?;
            if scheduling.automatic {
                let Some(text) = self.get(path).await? else {
                    let gone = self.is_gone(module, collection, path).await?;
                    return Err(if gone { ItemError::Gone } else { not_found(404) }.into());
                };
                if let Ok(resource) = Resource::read(module, &text.text) {
                    let people = mailed_by_deletion(scheduling, resource.root());
                    if people > 0 {
                        return Err(ItemError::WouldNotify { people }.into());
                    }
                }
            }
        }
        let request = Request::new(Method::DELETE, self.shared.dav.url(path), Kind::Write)
            .header(IF_MATCH, header(removal.version.as_str())?)
            // An attendee's deletion is no answer to the organizer (RFC 6638, section 8.1).
            .header(HeaderName::from_static("schedule-reply"), HeaderValue::from_static("F"));
        let response = self.send(collection, request).await?;
        match response.status.as_u16() {
            204 => Ok(()),
            // Servers say other things as well of what they have deleted, and of what was not there; but so does what stands
            // before them. Only what is not there any more is gone.
            status @ (200..=299 | 404 | 410 | 412) => {
                let gone = self.is_gone(module, collection, path).await.map_err(|why| unseen(&why))?;
                match (status, gone) {
                    (200..=299, true) => Ok(()),
                    (200..=299, false) => {
                        let what = "the server says that it was deleted, but still has it";
                        Err(ItemError::InDoubt(what.to_owned()).into())
                    }
                    (_, true) => Err(ItemError::Gone.into()),
                    (412, false) => Err(self.refused(path, &response)),
                    (status, false) => Err(not_found(status).into()),
                }
            }
            _ => Err(self.refused(path, &response)),
        }
    }

    /// Whether a resource is not there any more, by the word of its collection where that has one: where nothing is at any
    /// address, nothing is known.
    async fn is_gone(&self, module: Module, collection: &Collection, path: &str) -> Result<bool, CallError> {
        match self.multiget(module, collection, &[path]).await?.remove(path) {
            Some(found) => Ok(found == Fetched::Gone),
            None => Ok(self.get(path).await?.is_none()),
        }
    }

    /// What the server's refusal of a write means.
    fn refused(&self, path: &str, response: &Response) -> Failed {
        let status = response.status.as_u16();
        let text = response.text();
        let conditions = xml::conditions(&text);
        let says = |name: &str| conditions.iter().any(|c| c == name);
        let reason = || {
            let said: Vec<&str> = conditions.iter().map(String::as_str).filter(|c| *c != "d:error").collect();
            let said =
                if said.is_empty() { text.trim().chars().take(200).collect() } else { said.join(", ") };
            if said.is_empty() {
                format!("the server answered with {status}")
            } else {
                format!("{said} ({status})")
            }
        };
        match status {
            404 | 410 => ItemError::Gone.into(),
            412 => ItemError::VersionMoved.into(),
            // Another resource has this UID (RFC 4791, section 5.3.2.1; RFC 6352, section 6.3.2.1).
            _ if says("c:no-uid-conflict") || says("r:no-uid-conflict") => ItemError::Exists.into(),
            409 => ItemError::NotNow(reason()).into(),
            403 if conditions.len() > 1 => ItemError::Invalid { reason: reason() }.into(),
            403 | 405 => ItemError::Forbidden { reason: reason() }.into(),
            400..=499 | 507 => ItemError::Invalid { reason: reason() }.into(),
            // Nobody knows how far it came.
            500..=599 => ItemError::InDoubt(reason()).into(),
            _ => {
                let fault: Fault = refusal("PUT", &self.shared.dav.url(path), response).into_fault();
                Failed::Call(fault.into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream::{self, StreamExt as _};
    use riva_core::fault::FaultKind;
    use std::sync::atomic::AtomicUsize;

    #[tokio::test]
    async fn a_fault_in_the_middle_leaves_the_rest_for_later() {
        let down = || Failed::Call(Fault::new(FaultKind::SystemNotAvailable, "down").into());
        for at_once in [1, 2] {
            let begun = AtomicUsize::new(0);
            let batch = Batch::default();
            let write = async |works| {
                begun.fetch_add(1, Ordering::Relaxed);
                if works { Ok(1) } else { Err(down()) }
            };
            let each = [true, false, true, true, true].map(|works| batch.one(write(works)));
            let answers = stream::iter(each).buffered(at_once).collect().await;
            let answers = batch.done(answers).unwrap();
            assert_eq!(answers.len(), 5);
            assert!(matches!((&answers[0], &answers[1]), (Ok(1), Err(ItemError::NotNow(_)))));
            assert!(matches!(&answers[4], Err(ItemError::NotNow(_))));
            assert!(begun.into_inner() <= 1 + at_once, "nothing more is begun");
            let batch = Batch::default();
            let answers = vec![batch.one(async { Err::<(), _>(down()) }).await];
            assert!(batch.done(answers).is_err(), "a fault of the whole call");
        }
    }
}
