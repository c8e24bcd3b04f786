//! Writes resources one by one, each with its precondition, and one at a time in a collection.

use super::dav::refusal;
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
use riva_core::ports::{Draft, Patch, RemoteRef, Removal, Written};
use std::time::Duration;

/// How often a locked resource (423) is tried.
const LOCKED_TRIES: u32 = 3;

/// The path of the resource that a marker makes.
pub fn path_of(collection: &Collection, module: Module, marker: &Marker) -> String {
    let extension = if module == Module::Contacts { "vcf" } else { "ics" };
    format!("{}riva-{}-{}.{extension}", collection.path, marker.pair, marker.generation)
}

/// The answers of a batch. A fault in its middle ends it: what was written is told, the rest is left for later.
pub struct Batch<T> {
    size: usize,
    answers: Vec<Result<T, ItemError>>,
    ended: Option<String>,
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

impl<T> Batch<T> {
    /// For so many items.
    pub fn new(size: usize) -> Self {
        Self { size, answers: Vec::with_capacity(size), ended: None }
    }

    /// Whether the next item is to be tried.
    pub fn goes_on(&self) -> bool {
        self.ended.is_none()
    }

    /// The answer for the next item. A fault with nothing written before it is one of the whole call.
    pub fn add(&mut self, answer: Result<T, Failed>) -> Result<(), CallError> {
        match answer {
            Ok(done) => self.answers.push(Ok(done)),
            Err(Failed::Item(error)) => self.answers.push(Err(error)),
            Err(Failed::Call(error)) if self.answers.is_empty() => return Err(error),
            Err(Failed::Call(error)) => self.ended = Some(error.to_string()),
        }
        Ok(())
    }

    /// One answer for each item.
    pub fn done(mut self) -> Vec<Result<T, ItemError>> {
        while let (true, Some(why)) = (self.answers.len() < self.size, &self.ended) {
            self.answers.push(Err(ItemError::NotNow(why.clone())));
        }
        self.answers
    }
}

/// The precondition of a PUT.
enum Unless<'a> {
    /// Something is there.
    Exists,
    /// It is another version.
    Moved(&'a str),
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

    /// Sends a write when no other is under way in the collection; waits a little for a lock to go.
    async fn send(&self, collection: &Collection, request: Request) -> Result<Response, Failed> {
        let lock = self.shared.lock(&collection.path);
        let _alone = lock.lock().await;
        for tried in 1.. {
            let response = self.shared.dav.plain(&self.scope, request.clone()).await?;
            if response.status.as_u16() != 423 {
                return Ok(response);
            }
            if tried == LOCKED_TRIES {
                break;
            }
            tokio::time::sleep(Duration::from_millis(250 << tried)).await;
        }
        Err(ItemError::NotNow("somebody has locked it on the server (423)".to_owned()).into())
    }

    /// Where the resource lies now. Its content is read later, for a whole batch ([`Mailbox::read_back`]): Radicale
    /// gives an etag although it keeps the text in other words than it was sent, against RFC 4791, section 5.3.4.
    async fn written(&self, path: &str, response: &Response) -> Result<Written, Failed> {
        let id = RemoteId::new(path);
        if let Some(etag) = response.header("etag").filter(|e| !e.is_empty()) {
            return Ok(Written { at: RemoteRef { id, version: Version::new(etag) }, item: None });
        }
        let lost = |why: String| Failed::Item(ItemError::InDoubt(why));
        match self.get(path).await {
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
            200..=299 => self.written(&path, &response).await,
            // Made by an earlier try whose answer was lost, or by somebody else.
            412 => match self.get(&path).await? {
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
        let mut resource =
            Resource::read(module, &text.text).map_err(|_| unreadable("it is none of ours any more"))?;
        let before = resource.root().clone();
        resource
            .change(&patch.set, &patch.marker, Utc::now())
            .map_err(|refused| ItemError::Invalid { reason: refused.to_string() })?;
        let response = self
            .put(module, collection, target, Some(&before), &mut resource, &Unless::Moved(&text.etag))
            .await?;
        match response.status.as_u16() {
            200..=299 => self.written(target, &response).await,
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
                let text = self.get(path).await?.ok_or(ItemError::Gone)?;
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
            200..=299 => Ok(()),
            // Some servers say 412 of what is not there.
            412 if self.get(path).await?.is_none() => Err(ItemError::Gone.into()),
            _ => Err(self.refused(path, &response)),
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
    use riva_core::fault::FaultKind;

    #[test]
    fn a_fault_in_the_middle_leaves_the_rest_for_later() {
        let down = || Failed::Call(Fault::new(FaultKind::SystemNotAvailable, "down").into());
        let mut batch: Batch<u8> = Batch::new(3);
        assert!(batch.add(Err(down())).is_err());
        batch.add(Ok(1)).unwrap();
        batch.add(Err(down())).unwrap();
        assert!(!batch.goes_on());
        let answers = batch.done();
        assert_eq!(answers.len(), 3);
        assert!(matches!((&answers[0], &answers[2]), (Ok(1), Err(ItemError::NotNow(_)))));
    }
}
