//! One user's mailbox, for reading and silent writing.

use super::client::{Ews, Message, item_of, messages};
use super::code::Refusal;
use super::event::EventStyle;
use super::request::{self, Folder, ItemChange, LIST_PAGE, PROBE_BATCH};
use super::shape::{Change, read_id, read_marker};
use super::xml::{Node, Read};
use super::{capabilities, contact, event};
use async_trait::async_trait;
use riva_core::documents::AccessMethod;
use riva_core::fault::{CallError, Fault, FaultKind, ItemError};
use riva_core::ids::{Cursor, EmailAddress, Marker, RemoteId, Version};
use riva_core::item::{Field, Item, Module, Value};
use riva_core::ports::{
    Capabilities, Change as FeedEntry, ChangePage, Draft, Fetched, ListPage, Listed, Patch, Reader,
    RemoteRef, Removal, Silence, SilentWriter, Window, Written,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// One user's mailbox.
pub(super) struct Mailbox {
    ews: Arc<Ews>,
    user: EmailAddress,
    style: EventStyle,
    capabilities: Capabilities,
    /// The id of Deleted Items, once it was asked for.
    deleted: OnceCell<Option<String>>,
}

impl Mailbox {
    pub(super) fn new(ews: Arc<Ews>, user: EmailAddress, style: EventStyle) -> Self {
        Self { ews, user, style, capabilities: capabilities::all(), deleted: OnceCell::new() }
    }

    fn folder(&self, id: &'static str) -> Folder {
        let mailbox = (self.ews.access == AccessMethod::DelegateFullAccess).then(|| self.user.clone());
        Folder { id, mailbox }
    }

    fn folder_of(&self, module: Module) -> Result<Folder, CallError> {
        match module {
            Module::Calendar => Ok(self.folder("calendar")),
            Module::Contacts => Ok(self.folder("contacts")),
            Module::Tasks | Module::Email => Err(Fault::new(
                FaultKind::UnexpectedAnswer,
                format!("{module} are not synced with Exchange yet"),
            )
            .into()),
        }
    }

    async fn call(&self, operation: Node) -> Result<super::client::Reply, CallError> {
        self.ews.call(Some(&self.user), operation).await
    }

    fn refused(&self, refusal: &Refusal) -> CallError {
        self.ews.call_error(Some(&self.user), refusal)
    }

    fn silent_answer() -> CallError {
        Fault::new(FaultKind::UnexpectedAnswer, "Exchange's answer lacks the response that was asked for")
            .into()
    }

    /// Deleted items keep their id on some versions: an item that lies there is gone.
    async fn deleted_items(&self) -> Result<Option<&str>, CallError> {
        let id = self
            .deleted
            .get_or_try_init(|| async {
                let reply = self.call(request::get_folder(&[self.folder("deleteditems")])).await?;
                let doc = reply.document()?;
                let id = match messages(&doc).into_iter().next() {
                    Some(Ok(message)) => {
                        message.deep("FolderId").and_then(|f| f.attribute("Id")).map(str::to_owned)
                    }
                    // A delegate of single folders does not see it.
                    _ => None,
                };
                Ok::<_, CallError>(id)
            })
            .await?;
        Ok(id.as_deref())
    }

    /// If every message concerns the whole call, there is nothing to be said of items.
    fn call_wide(&self, answers: &[Message<'_>]) -> Result<(), CallError> {
        if let Some(Err(busy)) = answers.iter().find(|m| matches!(m, Err(r) if r.is_busy())) {
            // Heeded even if other items went through.
            let error = self.refused(busy);
            if answers.iter().all(Result::is_err) {
                return Err(error);
            }
        }
        match answers.first() {
            Some(Err(first))
                if answers
                    .iter()
                    .all(|m| matches!(m, Err(r) if r.concerns_call() && !r.leaves_in_doubt())) =>
            {
                Err(self.refused(first))
            }
            _ => Ok(()),
        }
    }

    /// Sends writes in batches. What a batch brought is kept even if a later one fails.
    async fn write<T, I: Sync>(
        &self,
        all: &[I],
        build: impl Fn(&[I]) -> Node + Send + Sync,
        read: impl Fn(&I, roxmltree::Node<'_, '_>) -> Result<T, ItemError> + Send + Sync,
    ) -> Result<Vec<Result<T, ItemError>>, CallError>
    where
        T: Send,
    {
        let mut results: Vec<Result<T, ItemError>> = Vec::with_capacity(all.len());
        for batch in all.chunks(capabilities::BATCH) {
            match self.write_batch(batch, build(batch), &read).await {
                Ok(mut answers) => results.append(&mut answers),
                Err(error) if results.is_empty() => return Err(error),
                Err(CallError::InDoubt(why)) => {
                    results.extend(batch.iter().map(|_| Err(ItemError::InDoubt(why.clone()))));
                    break;
                }
                Err(_) => break,
            }
        }
        while results.len() < all.len() {
            results.push(Err(ItemError::NotNow("an earlier batch failed".to_owned())));
        }
        Ok(results)
    }

    async fn write_batch<T, I: Sync>(
        &self,
        batch: &[I],
        operation: Node,
        read: impl Fn(&I, roxmltree::Node<'_, '_>) -> Result<T, ItemError> + Send + Sync,
    ) -> Result<Vec<Result<T, ItemError>>, CallError> {
        let reply = self.call(operation).await?;
        let doc = reply.document().map_err(|fault| CallError::InDoubt(fault.detail))?;
        let answers = messages(&doc);
        self.call_wide(&answers)?;
        let mut answers = answers.into_iter();
        Ok(batch
            .iter()
            .map(|item| match answers.next() {
                Some(Ok(message)) => read(item, message),
                Some(Err(refusal)) => Err(refusal.item_error()),
                None => Err(ItemError::InDoubt("Exchange's answer lacks this item".to_owned())),
            })
            .collect())
    }

    /// Sends those that could be built; the others have their error already.
    async fn write_some<T: Send, I: Sync + Send>(
        &self,
        prepared: Vec<Result<I, ItemError>>,
        build: impl Fn(&[I]) -> Node + Send + Sync,
        read: impl Fn(&I, roxmltree::Node<'_, '_>) -> Result<T, ItemError> + Send + Sync,
    ) -> Result<Vec<Result<T, ItemError>>, CallError> {
        let mut good = Vec::new();
        let mut bad = Vec::new();
        for item in prepared {
            match item {
                Ok(item) => {
                    good.push(item);
                    bad.push(None);
                }
                Err(error) => bad.push(Some(error)),
            }
        }
        let written = if good.is_empty() { Vec::new() } else { self.write(&good, build, read).await? };
        let mut written = written.into_iter();
        Ok(bad
            .into_iter()
            .map(|error| match error {
                Some(error) => Err(error),
                None => written
                    .next()
                    .unwrap_or_else(|| Err(ItemError::InDoubt("no answer for this item".to_owned()))),
            })
            .collect())
    }

    fn changes_of(&self, module: Module, field: Field, value: &Value, base: &Item) -> Option<Vec<Change>> {
        match module {
            Module::Calendar => event::changes(field, value, self.style),
            _ => contact::changes(field, value, base.get(field)),
        }
    }

    fn updates(&self, module: Module, patch: &Patch) -> Result<Vec<Node>, ItemError> {
        let mut changes = Vec::new();
        for (field, value) in &patch.set {
            changes.extend(
                self.changes_of(module, *field, value, &patch.base).ok_or_else(|| cannot_hold(*field))?,
            );
        }
        changes.push(Change::marker(patch.marker));
        let element = element_of(module);
        Ok(changes.into_iter().map(|c| c.update(element)).collect())
    }

    fn read_item(module: Module, node: roxmltree::Node<'_, '_>, deleted: Option<&str>) -> Fetched {
        if node.tag_name().name() != element_of(module).trim_start_matches("t:") {
            let what = node.tag_name().name();
            return Fetched::Unreadable { reason: format!("it is a {what}, not one of {module}") };
        }
        let parent = node.one("ParentFolderId").and_then(|p| p.attribute("Id"));
        if deleted.is_some() && parent == deleted {
            return Fetched::Gone;
        }
        let Some((_, version)) = read_id(node) else {
            return Fetched::Unreadable { reason: "it has no id".to_owned() };
        };
        let item = match module {
            Module::Calendar => event::read(node),
            _ => Ok(contact::read(node)),
        };
        match item {
            Ok(item) => Fetched::Present {
                version: Version::new(version),
                marker: read_marker(node),
                item: Box::new(item),
            },
            Err(reason) => Fetched::Unreadable { reason },
        }
    }
}

fn element_of(module: Module) -> &'static str {
    match module {
        Module::Calendar => "t:CalendarItem",
        _ => "t:Contact",
    }
}

fn cannot_hold(field: Field) -> ItemError {
    ItemError::Invalid { reason: format!("Exchange cannot hold this value of {field}") }
}

/// Id and change key that a write's answer gives.
fn written_at(message: roxmltree::Node<'_, '_>) -> Result<RemoteRef, ItemError> {
    item_ref(item_of_any(message))
        .ok_or_else(|| ItemError::InDoubt("Exchange's answer lacks the id of the item".to_owned()))
}

fn item_of_any<'a, 'b: 'a>(message: roxmltree::Node<'a, 'b>) -> Option<roxmltree::Node<'a, 'b>> {
    message
        .children()
        .find(|n| n.tag_name().name() == "Items")
        .and_then(|items| items.children().find(roxmltree::Node::is_element))
}

fn item_ref(node: Option<roxmltree::Node<'_, '_>>) -> Option<RemoteRef> {
    let (id, version) = read_id(node?)?;
    Some(RemoteRef { id: RemoteId::new(id), version: Version::new(version) })
}

#[async_trait]
impl Reader for Mailbox {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn changes(&self, module: Module, cursor: Option<&Cursor>) -> Result<ChangePage, CallError> {
        let folder = self.folder_of(module)?;
        let reply = self.call(request::sync_folder_items(&folder, cursor.map(Cursor::as_str))).await?;
        let doc = reply.document()?;
        let message = match messages(&doc).into_iter().next() {
            Some(Ok(message)) => message,
            Some(Err(refusal)) => return Err(self.refused(&refusal)),
            None => return Err(Self::silent_answer()),
        };
        let cursor = message.text_of("SyncState").ok_or_else(Self::silent_answer)?;
        let last = message.text_of("IncludesLastItemInRange").is_none_or(|t| t.trim() == "true");
        let element = element_of(module).trim_start_matches("t:");
        let mut changes = Vec::new();
        for change in message.one("Changes").iter().flat_map(Read::elements) {
            match change.tag_name().name() {
                "Create" | "Update" => {
                    // Distribution lists and the like lie in the same folder.
                    if let Some(at) = item_ref(change.one(element)) {
                        changes.push(FeedEntry::Seen { id: at.id, version: at.version });
                    }
                }
                "Delete" => {
                    if let Some(at) = item_ref(Some(change)) {
                        changes.push(FeedEntry::Deleted { id: at.id });
                    }
                }
                // ReadFlagChange says nothing of the content.
                _ => {}
            }
        }
        Ok(ChangePage { changes, cursor: Cursor::new(cursor), more: !last })
    }

    async fn list(
        &self,
        module: Module,
        window: Option<Window>,
        after: Option<&Cursor>,
    ) -> Result<ListPage, CallError> {
        let folder = self.folder_of(module)?;
        let offset = match after {
            Some(cursor) => cursor
                .as_str()
                .parse()
                .map_err(|_| CallError::CursorLost(format!("not a place in a listing: {cursor}")))?,
            None => 0,
        };
        let window = window.filter(|_| module == Module::Calendar);
        let reply = self.call(request::list(&folder, offset, window)).await?;
        let doc = reply.document()?;
        let root = match messages(&doc).into_iter().next() {
            Some(Ok(message)) => message.one("RootFolder").ok_or_else(Self::silent_answer)?,
            Some(Err(refusal)) => return Err(self.refused(&refusal)),
            None => return Err(Self::silent_answer()),
        };
        let element = element_of(module).trim_start_matches("t:");
        let all: Vec<_> = root.one("Items").iter().flat_map(Read::elements).collect();
        let items = all
            .iter()
            .filter(|n| n.tag_name().name() == element)
            .filter_map(|n| item_ref(Some(*n)))
            .map(|at| Listed { id: at.id, version: at.version })
            .collect();
        let last = root.attribute("IncludesLastItemInRange").is_none_or(|t| t == "true") || all.is_empty();
        let next = root
            .attribute("IndexedPagingOffset")
            .and_then(|t| t.parse::<usize>().ok())
            .unwrap_or(offset + all.len().min(LIST_PAGE));
        Ok(ListPage { items, next: (!last).then(|| Cursor::new(next.to_string())) })
    }

    async fn fetch(&self, module: Module, ids: &[RemoteId]) -> Result<Vec<Fetched>, CallError> {
        self.folder_of(module)?;
        let deleted = self.deleted_items().await?;
        let mut found = Vec::with_capacity(ids.len());
        for batch in ids.chunks(capabilities::BATCH) {
            let properties =
                if module == Module::Calendar { event::properties() } else { contact::properties() };
            let reply = self.call(request::get_item(batch, properties)).await?;
            let doc = reply.document()?;
            let answers = messages(&doc);
            self.call_wide(&answers)?;
            if answers.len() != batch.len() {
                return Err(Self::silent_answer());
            }
            for answer in answers {
                found.push(match answer {
                    Ok(message) => match item_of(message) {
                        Some(node) => Self::read_item(module, node, deleted),
                        None => Fetched::Unreadable { reason: "Exchange's answer lacks it".to_owned() },
                    },
                    Err(refusal) => match refusal.code.as_str() {
                        "ErrorItemNotFound" => Fetched::Gone,
                        "ErrorAccessDenied" => Fetched::OutOfScope,
                        // It must not be taken for gone, and says nothing of the others: the cycle comes again.
                        _ if refusal.concerns_call() => return Err(self.refused(&refusal)),
                        code => Fetched::Unreadable { reason: format!("[{code}] {}", refusal.text) },
                    },
                });
            }
        }
        Ok(found)
    }

    async fn probe(&self, module: Module, markers: &[Marker]) -> Result<Vec<Vec<RemoteRef>>, CallError> {
        let folders = [self.folder_of(module)?, self.folder("deleteditems")];
        let mut found: BTreeMap<Marker, Vec<RemoteRef>> = BTreeMap::new();
        for batch in markers.chunks(PROBE_BATCH) {
            let reply = self.call(request::find_markers(&folders, batch)).await?;
            let doc = reply.document()?;
            let answers = messages(&doc);
            if answers.is_empty() {
                return Err(Self::silent_answer());
            }
            for answer in answers {
                let message = match answer {
                    Ok(message) => message,
                    Err(refusal) => return Err(self.refused(&refusal)),
                };
                let items = message.one("RootFolder").and_then(|root| root.one("Items"));
                for node in items.iter().flat_map(Read::elements) {
                    // Exchange compares without regard to case; only the very marker counts.
                    if let (Some(marker), Some(at)) = (read_marker(node), item_ref(Some(node))) {
                        found.entry(marker).or_default().push(at);
                    }
                }
            }
        }
        Ok(markers.iter().map(|m| found.get(m).cloned().unwrap_or_default()).collect())
    }
}

#[async_trait]
impl SilentWriter for Mailbox {
    fn silence(&self) -> Silence {
        Silence::ByRequest
    }

    async fn create(
        &self,
        module: Module,
        drafts: &[Draft],
    ) -> Result<Vec<Result<Written, ItemError>>, CallError> {
        let folder = self.folder_of(module)?;
        let built = drafts
            .iter()
            .map(|draft| {
                match module {
                    Module::Calendar => event::new(&draft.item, draft.marker, self.style),
                    _ => contact::new(&draft.item, draft.marker),
                }
                .map_err(cannot_hold)
            })
            .collect();
        self.write_some(
            built,
            |items| request::create_items(&folder, items.to_vec()),
            |_, message| Ok(Written { at: written_at(message)?, item: None }),
        )
        .await
    }

    async fn update(
        &self,
        module: Module,
        patches: &[Patch],
    ) -> Result<Vec<Result<Written, ItemError>>, CallError> {
        self.folder_of(module)?;
        let built = patches.iter().map(|p| Ok((p, self.updates(module, p)?))).collect();
        self.write_some(
            built,
            |items: &[(&Patch, Vec<Node>)]| {
                let change = |(patch, updates): &(&Patch, Vec<Node>)| {
                    (patch.id.clone(), patch.version.clone(), updates.clone())
                };
                let changes: Vec<_> = items.iter().map(change).collect();
                request::update_items(
                    changes
                        .iter()
                        .map(|(id, version, updates)| ItemChange { id, version, updates: updates.clone() })
                        .collect(),
                )
            },
            |_, message| Ok(Written { at: written_at(message)?, item: None }),
        )
        .await
    }

    async fn delete(
        &self,
        module: Module,
        removals: &[Removal],
    ) -> Result<Vec<Result<(), ItemError>>, CallError> {
        self.folder_of(module)?;
        let deleted = self.deleted_items().await?;
        // DeleteItem does not look at the version it is given: we do, just before.
        let mut built = Vec::with_capacity(removals.len());
        for batch in removals.chunks(capabilities::BATCH) {
            let ids: Vec<_> = batch.iter().map(|r| r.id.clone()).collect();
            let parent = vec![request::field_uri("item:ParentFolderId")];
            let reply = self.call(request::get_item(&ids, parent)).await?;
            let doc = reply.document()?;
            let answers = messages(&doc);
            self.call_wide(&answers)?;
            if answers.len() != batch.len() {
                return Err(Self::silent_answer());
            }
            for (removal, answer) in batch.iter().zip(answers) {
                built.push(match answer {
                    Ok(message) => {
                        let node = item_of(message);
                        let parent = node.and_then(|n| n.one("ParentFolderId")?.attribute("Id"));
                        match item_ref(node) {
                            _ if deleted.is_some() && parent == deleted => Err(ItemError::Gone),
                            Some(now) if now.version == removal.version => Ok((now.id, now.version)),
                            Some(_) => Err(ItemError::VersionMoved),
                            None => Err(ItemError::NotNow("Exchange's answer lacks the item".to_owned())),
                        }
                    }
                    // Nothing was tried yet, so nothing can be in doubt.
                    Err(refusal) => Err(match refusal.item_error() {
                        ItemError::InDoubt(why) => ItemError::NotNow(why),
                        other => other,
                    }),
                });
            }
        }
        self.write_some(built, request::delete_items, |_, _| Ok(())).await
    }

    async fn tag(
        &self,
        module: Module,
        tags: &[(RemoteRef, Marker)],
    ) -> Result<Vec<Result<RemoteRef, ItemError>>, CallError> {
        self.folder_of(module)?;
        let element = element_of(module);
        self.write(
            tags,
            |batch| {
                let change = |(at, marker): &(RemoteRef, Marker)| {
                    (at.clone(), vec![Change::marker(*marker).update(element)])
                };
                let changes: Vec<_> = batch.iter().map(change).collect();
                request::update_items(
                    changes
                        .iter()
                        .map(|(at, updates)| ItemChange {
                            id: &at.id,
                            version: &at.version,
                            updates: updates.clone(),
                        })
                        .collect(),
                )
            },
            |_, message| written_at(message),
        )
        .await
    }
}
