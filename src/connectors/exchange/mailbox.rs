//! One user's mailbox, for reading and silent writing.

use super::client::{Ews, item_of, messages};
use super::event::EventStyle;
use super::kind::Kind;
use super::message_folders::DefaultFolders;
use super::record_folders::{Other, Seen};
use super::request::{self, Folder, ItemChange, LIST_PAGE, PROBE_BATCH, PROBE_FOLDERS};
use super::series::{self, Occurrence, Overrides};
use super::shape::{Change, Path, cannot_hold, child_text, extended_value, read_id, read_marker};
use super::xml::{Node, Read};
use super::{capabilities, event};
use async_trait::async_trait;
use riva_core::documents::AccessMethod;
use riva_core::fault::{CallError, ItemError};
use riva_core::ids::{Cursor, EmailAddress, Marker, RemoteId, Version};
use riva_core::item::{Field, Item, MailFolder, Module, Role, Value};
use riva_core::ports::{
    Capabilities, Change as FeedEntry, ChangePage, Draft, Fetched, FileSource, ListPage, Listed,
    LostAndFound, MessageSource, Patch, Reader, RemoteRef, Removal, Silence, SilentWriter, Window, Written,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// One user's mailbox.
pub(super) struct Mailbox {
    pub(super) ews: Arc<Ews>,
    pub(super) user: EmailAddress,
    pub(super) style: EventStyle,
    capabilities: Capabilities,
    /// The id of Deleted Items, once it was asked for.
    pub(super) deleted: OnceCell<Option<String>>,
    /// The ids of Inbox and Sent Items, once they were asked for.
    pub(super) message_folders: OnceCell<DefaultFolders>,
    /// Of which records other folders are.
    pub(super) seen: Seen,
}

impl Mailbox {
    pub(super) fn new(ews: Arc<Ews>, user: EmailAddress, style: EventStyle) -> Self {
        Self {
            ews,
            user,
            style,
            capabilities: capabilities::all(),
            deleted: OnceCell::new(),
            message_folders: OnceCell::new(),
            seen: Seen::default(),
        }
    }

    pub(super) fn folder(&self, id: &'static str) -> Folder {
        let mailbox = (self.ews.access == AccessMethod::DelegateFullAccess).then(|| self.user.clone());
        Folder::Default { id, mailbox }
    }

    /// Every folder in which an item of a kind may lie: its default one first, those that the user made, and Deleted Items.
    async fn folders(&self, kind: Kind) -> Result<Vec<Folder>, CallError> {
        let mut all = vec![self.folder(kind.folder()), self.folder("deleteditems")];
        let top = self.folder("msgfolderroot");
        let reply = self.call(request::find_folders(&top, kind.folder_class())).await?;
        let doc = reply.document()?;
        match messages(&doc).into_iter().next() {
            Some(Ok(message)) => {
                let found = message.one("RootFolder").and_then(|root| root.one("Folders"));
                let ids = found.iter().flat_map(Read::elements).filter_map(|folder| {
                    Some(Folder::Of(folder.one("FolderId")?.attribute("Id")?.to_owned()))
                });
                all.extend(ids);
            }
            Some(Err(refusal)) if refusal.concerns_call() => return Err(self.refused(&refusal)),
            // A delegate of single folders does not see the others.
            Some(Err(_)) => {}
            None => return Err(Self::silent_answer()),
        }
        Ok(all)
    }

    fn updates(&self, kind: Kind, patch: &Patch) -> Result<Vec<Node>, ItemError> {
        let mut changes = Vec::new();
        for (field, value) in &patch.set {
            let these = kind.changes(*field, value, patch.base.get(*field), self.style);
            changes.extend(these.ok_or_else(|| cannot_hold(*field))?);
        }
        changes.push(Change::marker(patch.marker));
        Ok(changes.into_iter().map(|c| c.update(kind.element())).collect())
    }

    /// Reads items, with the occurrences of series that differ. The answer has one entry for each id.
    pub(super) async fn read(&self, kind: Kind, ids: &[RemoteId]) -> Result<Vec<Found>, CallError> {
        let deleted = self.deleted_items().await?;
        let mut found = Vec::with_capacity(ids.len());
        for batch in ids.chunks(capabilities::BATCH) {
            let reply = self.call(request::get_item(batch, kind.properties())).await?;
            let doc = reply.document()?;
            let answers = messages(&doc);
            self.call_wide(&answers)?;
            if answers.len() != batch.len() {
                return Err(Self::silent_answer());
            }
            let nodes = answers.iter().flatten().filter_map(|message| item_of(*message));
            let modified: Vec<RemoteId> = nodes.flat_map(series::modified).collect();
            let occurrences = self.occurrences(&modified).await?;
            for answer in answers {
                found.push(match answer {
                    Ok(message) => match item_of(message) {
                        Some(node) => read_item(kind, node, deleted, &occurrences),
                        None => Found::unreadable("Exchange's answer lacks it"),
                    },
                    Err(refusal) => match refusal.code.as_str() {
                        "ErrorItemNotFound" => Found::of(Fetched::Gone),
                        "ErrorAccessDenied" => Found::of(Fetched::OutOfScope),
                        // It must not be taken for gone, and says nothing of the others: the cycle comes again.
                        _ if refusal.concerns_call() => return Err(self.refused(&refusal)),
                        code => Found::unreadable(format!("[{code}] {}", refusal.text)),
                    },
                });
            }
        }
        Ok(found)
    }

    /// Says in which folder a message lies, and of which record that is. What lies in Sent Items was written by this user, by
    /// whatever name the directory calls them. Answers false if nothing is known of the folder.
    fn place(&self, item: &mut Item, folders: &DefaultFolders) -> bool {
        let parent = item.text(Field::MailFolder).unwrap_or_default();
        let folder = match (folders.of(parent), self.seen.of(parent)) {
            (Some(folder), _) => folder,
            (None, Some(Other::Of(to))) => {
                item.set_assigned(&to);
                MailFolder::Assigned
            }
            // Nothing but the drop folder is looked at besides.
            (None, Some(Other::Plain)) => MailFolder::Drop,
            (None, None) => return false,
        };
        item.set_text(Field::MailFolder, folder.as_str());
        if folder == MailFolder::Sent && item.addresses(Role::From).next().is_none() {
            item.set_addresses(Role::From, [(self.user.as_str(), "")]);
        }
        true
    }

    /// Reads occurrences by their own ids. One that is gone again is left out.
    async fn occurrences(&self, ids: &[RemoteId]) -> Result<BTreeMap<RemoteId, Occurrence>, CallError> {
        let mut found = BTreeMap::new();
        for batch in ids.chunks(capabilities::BATCH) {
            let reply = self.call(request::get_item(batch, event::properties())).await?;
            let doc = reply.document()?;
            let answers = messages(&doc);
            self.call_wide(&answers)?;
            let nodes = answers.into_iter().flatten().filter_map(item_of);
            let read = nodes.filter_map(|node| Occurrence::read(node).ok());
            // By the id that was asked for: that is how the master names it.
            found.extend(read.map(|one| (one.id.clone(), one)));
        }
        Ok(found)
    }
}

/// What was found under an id.
pub(super) struct Found {
    pub(super) fetched: Fetched,
    /// Of a series: what its occurrences are still to get, because we were interrupted.
    pub(super) unfinished: Option<Overrides>,
}

impl Found {
    fn of(fetched: Fetched) -> Self {
        Self { fetched, unfinished: None }
    }

    fn unreadable(reason: impl Into<String>) -> Self {
        Self::of(Fetched::Unreadable { reason: reason.into() })
    }
}

fn read_item(
    kind: Kind,
    node: roxmltree::Node<'_, '_>,
    deleted: Option<&str>,
    occurrences: &BTreeMap<RemoteId, Occurrence>,
) -> Found {
    if node.tag_name().name() != kind.name() {
        let what = node.tag_name().name();
        return Found::unreadable(format!("it is a {what}, not a {}", kind.name()));
    }
    let parent = node.children().find(|n| n.tag_name().name() == "ParentFolderId");
    if deleted.is_some() && parent.and_then(|p| p.attribute("Id")) == deleted {
        return Found::of(Fetched::Gone);
    }
    let Some((_, version)) = read_id(node) else { return Found::unreadable("it has no id") };
    let overrides = |mut item: Item| {
        if item.recurrence().is_some() {
            let all = series::overrides(&item, node, occurrences)?;
            item.set(Field::Overrides, if all.is_empty() { Value::Blank } else { Value::Overrides(all) });
        }
        Ok(item)
    };
    let placed = |mut item: Item| {
        if kind == Kind::Message {
            // Its id, until the mailbox says which one that is.
            item.set_text(Field::MailFolder, parent.and_then(|p| p.attribute("Id")).unwrap_or_default());
        }
        item
    };
    match kind.read(node).map(placed).and_then(overrides) {
        Ok(item) => Found {
            fetched: Fetched::Present {
                version: Version::new(version),
                marker: read_marker(node),
                modified: child_text(node, "LastModifiedTime").parse().ok(),
                item: Box::new(item),
            },
            unfinished: extended_value(node, &Path::Unfinished).and_then(|text| series::from_text(&text)),
        },
        Err(reason) => Found::unreadable(reason),
    }
}

/// Id and change key that a write's answer gives.
pub(super) fn written_at(message: roxmltree::Node<'_, '_>) -> Result<RemoteRef, ItemError> {
    item_ref(item_of_any(message))
        .ok_or_else(|| ItemError::InDoubt("Exchange's answer lacks the id of the item".to_owned()))
}

/// Whether a patch is about the rule, the time or the occurrences of a series.
fn touches_series(kind: Kind, patch: &Patch) -> bool {
    let sets = |field| patch.set.get(&field);
    let rule = sets(Field::Recurrence).is_some_and(|v| *v != Value::Blank || patch.base.is_recurring());
    let occurrences = sets(Field::Overrides).is_some_and(|v| *v != Value::Blank)
        || (sets(Field::Overrides).is_some() && patch.base.overrides().is_some());
    let moved = sets(Field::When).is_some() && patch.base.is_recurring();
    kind == Kind::Event && (rule || occurrences || moved)
}

fn item_of_any<'a, 'b: 'a>(message: roxmltree::Node<'a, 'b>) -> Option<roxmltree::Node<'a, 'b>> {
    message
        .children()
        .find(|n| n.tag_name().name() == "Items")
        .and_then(|items| items.children().find(roxmltree::Node::is_element))
}

pub(super) fn item_ref(node: Option<roxmltree::Node<'_, '_>>) -> Option<RemoteRef> {
    let (id, version) = read_id(node?)?;
    Some(RemoteRef { id: RemoteId::new(id), version: Version::new(version) })
}

#[async_trait]
impl Reader for Mailbox {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn changes(&self, module: Module, cursor: Option<&Cursor>) -> Result<ChangePage, CallError> {
        let kind = Kind::of(module);
        let folder = self.folder(kind.folder());
        let reply = self.call(request::sync_folder_items(&folder, cursor.map(Cursor::as_str))).await?;
        let doc = reply.document()?;
        let message = match messages(&doc).into_iter().next() {
            Some(Ok(message)) => message,
            Some(Err(refusal)) => return Err(self.refused(&refusal)),
            None => return Err(Self::silent_answer()),
        };
        let cursor = message.text_of("SyncState").ok_or_else(Self::silent_answer)?;
        let last = message.text_of("IncludesLastItemInRange").is_none_or(|t| t.trim() == "true");
        let mut changes = Vec::new();
        for change in message.one("Changes").iter().flat_map(Read::elements) {
            match change.tag_name().name() {
                "Create" | "Update" => {
                    // Distribution lists and the like lie in the same folder.
                    if let Some(at) = item_ref(change.one(kind.name())) {
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
        let kind = Kind::of(module);
        let folder = self.folder(kind.folder());
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
        let all: Vec<_> = root.one("Items").iter().flat_map(Read::elements).collect();
        let items = all
            .iter()
            .filter(|n| n.tag_name().name() == kind.name())
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
        let kind = Kind::of(module);
        let mut all = Vec::with_capacity(ids.len());
        let found = self.read(kind, ids).await?;
        let folders = if kind == Kind::Message { Some(self.default_folders().await?) } else { None };
        if let Some(folders) = folders {
            let parents = found.iter().filter_map(|found| match &found.fetched {
                Fetched::Present { item, .. } => item.text(Field::MailFolder),
                _ => None,
            });
            self.learn_folders(&parents.filter(|parent| folders.of(parent).is_none()).collect()).await?;
        }
        for (id, found) in ids.iter().zip(found) {
            all.push(match (found.unfinished, found.fetched) {
                (Some(_), fetched @ Fetched::Present { .. }) => self.finished(id, fetched).await?,
                (_, Fetched::Present { version, marker, modified, mut item }) => {
                    if folders.is_some_and(|folders| !self.place(&mut item, folders)) {
                        let reason = "its folder cannot be read".to_owned();
                        all.push(Fetched::Unreadable { reason });
                        continue;
                    }
                    Fetched::Present { version, marker, modified, item }
                }
                (_, fetched) => fetched,
            });
        }
        Ok(all)
    }

    fn message_source(&self) -> Option<&dyn MessageSource> {
        Some(self)
    }

    fn file_source(&self) -> Option<&dyn FileSource> {
        Some(self)
    }

    async fn probe(&self, module: Module, markers: &[Marker]) -> Result<Vec<Vec<RemoteRef>>, CallError> {
        let kind = Kind::of(module);
        let folders = self.folders(kind).await?;
        let mut found: BTreeMap<Marker, BTreeMap<RemoteId, RemoteRef>> = BTreeMap::new();
        for folders in folders.chunks(PROBE_FOLDERS) {
            for batch in markers.chunks(PROBE_BATCH) {
                let reply = self.call(request::find_markers(folders, batch)).await?;
                let doc = reply.document()?;
                let answers = messages(&doc);
                if answers.is_empty() {
                    return Err(Self::silent_answer());
                }
                for answer in answers {
                    let message = match answer {
                        Ok(message) => message,
                        // A folder that was just deleted holds nothing any more.
                        Err(refusal) if refusal.code == "ErrorFolderNotFound" && folders.len() > 1 => {
                            continue;
                        }
                        Err(refusal) => return Err(self.refused(&refusal)),
                    };
                    let items = message.one("RootFolder").and_then(|root| root.one("Items"));
                    for node in items.iter().flat_map(Read::elements) {
                        // Exchange compares without regard to case; only the very marker counts. The default folder may
                        // be told twice.
                        if let (Some(marker), Some(at)) = (read_marker(node), item_ref(Some(node))) {
                            found.entry(marker).or_default().insert(at.id.clone(), at);
                        }
                    }
                }
            }
        }
        let of = |marker| found.get(marker).map(|refs| refs.values().cloned().collect()).unwrap_or_default();
        Ok(markers.iter().map(of).collect())
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
        let kind = Kind::of(module);
        let folder = self.folder(kind.folder());
        let built = drafts.iter().map(|draft| kind.new_item(&draft.item, draft.marker, self.style)).collect();
        let mut answers = self
            .write_some(
                built,
                |items| request::create_items(&folder, items.to_vec()),
                |_, message| Ok(Written { at: written_at(message)?, item: None }),
            )
            .await?;
        for (draft, answer) in drafts.iter().zip(&mut answers) {
            if let (Ok(written), Some(_)) = (&*answer, draft.item.overrides()) {
                // It is there, and is found by its marker: whoever reads it finishes it.
                *answer = match self.finish(&written.at.id).await {
                    Ok(at) => Ok(Written { at, item: None }),
                    Err(why) => Err(ItemError::InDoubt(why.to_string())),
                };
            }
        }
        Ok(answers)
    }

    async fn update(
        &self,
        module: Module,
        patches: &[Patch],
    ) -> Result<Vec<Result<Written, ItemError>>, CallError> {
        let kind = Kind::of(module);
        // What places a series in time is written one by one: its occurrences follow.
        let (series, plain): (Vec<_>, Vec<_>) = patches.iter().partition(|p| touches_series(kind, p));
        let built = plain.iter().map(|p| Ok((*p, self.updates(kind, p)?))).collect();
        let answers = self
            .write_some(
                built,
                |items: &[(&Patch, Vec<Node>)]| {
                    let change = |(patch, updates): &(&Patch, Vec<Node>)| ItemChange {
                        id: patch.id.clone(),
                        version: patch.version.clone(),
                        updates: updates.clone(),
                    };
                    request::update_items(items.iter().map(change).collect())
                },
                |_, message| Ok(Written { at: written_at(message)?, item: None }),
            )
            .await?;
        let mut by_id: BTreeMap<&RemoteId, _> = plain.iter().map(|p| &p.id).zip(answers).collect();
        for patch in series {
            by_id.insert(&patch.id, self.update_series(patch).await);
        }
        let none = || Err(ItemError::NotNow("it was not tried".to_owned()));
        Ok(patches.iter().map(|p| by_id.remove(&p.id).unwrap_or_else(none)).collect())
    }

    async fn delete(
        &self,
        module: Module,
        removals: &[Removal],
    ) -> Result<Vec<Result<(), ItemError>>, CallError> {
        if Kind::of(module) == Kind::Message {
            let never = || ItemError::Invalid { reason: "messages are never deleted".to_owned() };
            return Ok(removals.iter().map(|_| Err(never())).collect());
        }
        let deleted = self.deleted_items().await?;
        // DeleteItem does not look at the version it is given: we do, just before.
        let there =
            |parent: Option<&str>| (deleted.is_some() && parent == deleted).then_some(Err(ItemError::Gone));
        let built = self.as_read(removals, there).await?;
        self.write_some(built, request::delete_items, |_, _| Ok(())).await
    }

    async fn tag(
        &self,
        module: Module,
        tags: &[(RemoteRef, Marker)],
    ) -> Result<Vec<Result<RemoteRef, ItemError>>, CallError> {
        let element = Kind::of(module).element();
        self.write(
            tags,
            |batch| {
                let change = |(at, marker): &(RemoteRef, Marker)| ItemChange {
                    id: at.id.clone(),
                    version: at.version.clone(),
                    updates: vec![Change::marker(*marker).update(element)],
                };
                request::update_items(batch.iter().map(change).collect())
            },
            |_, message| written_at(message),
        )
        .await
    }

    fn lost_and_found(&self, module: Module) -> Option<&dyn LostAndFound> {
        (Kind::of(module) != Kind::Message).then_some(self as &dyn LostAndFound)
    }
}
