//! SyncFolderItems and SyncFolderHierarchy.
//!
//! A sync state says two things: up to which change the client knows what happened, and up to which entry it knows
//! the folder's items at all. New items come first, in the order in which they entered; then changes and deletions of
//! known ones. So an item that changes while a long first sync is under way is never reported as an update before it
//! was reported as new.

use super::super::fault::{Fault, Refusal};
use super::super::ids::{self, Target};
use super::super::organisation::{Caller, Organisation};
use super::super::shape::ItemShape;
use super::super::show::View;
use super::super::xml::Element;
use super::folders::{self, FolderShape};
use super::{message, required, response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What a client knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct State {
    /// Changes up to this one are known.
    since: u64,
    /// Items that entered up to this change are known.
    known: u64,
}

impl State {
    fn write(self, kind: &str, generation: u32, folder: (usize, u32)) -> String {
        STANDARD
            .encode(format!("{kind}:{generation}:{}:{}:{}:{}", folder.0, folder.1, self.since, self.known))
    }

    fn read(text: &str, kind: &str, generation: u32, folder: (usize, u32)) -> Result<Self, Refusal> {
        let invalid = || {
            Refusal::new(
                "ErrorInvalidSyncStateData",
                "Synchronization state data is corrupt or otherwise invalid.",
            )
        };
        let bytes = STANDARD.decode(text.trim()).map_err(|_| invalid())?;
        let text = String::from_utf8(bytes).map_err(|_| invalid())?;
        let rest = text.strip_prefix(&format!("{kind}:{generation}:{}:{}:", folder.0, folder.1));
        let (since, known) = rest.and_then(|r| r.split_once(':')).ok_or_else(invalid)?;
        Ok(Self {
            since: since.parse().map_err(|_| invalid())?,
            known: known.parse().map_err(|_| invalid())?,
        })
    }

    fn of(operation: &Element, kind: &str, generation: u32, folder: (usize, u32)) -> Result<Self, Refusal> {
        match operation.child_text("SyncState") {
            None | Some("") => Ok(Self::default()),
            Some(text) => Self::read(text, kind, generation, folder),
        }
    }
}

pub(super) fn sync_folder_items(
    organisation: &mut Organisation,
    caller: &Caller,
    operation: &Element,
) -> Result<Element, Fault> {
    let shape = ItemShape::parse(operation)?;
    let most = required(operation, "MaxChangesReturned")?.text.trim().parse::<usize>().ok();
    let most = most.filter(|n| (1..=512).contains(n)).ok_or_else(|| {
        Fault::schema("The 'MaxChangesReturned' element is invalid: it must be from 1 to 512.")
    })?;
    let most = most.min(organisation.faults.page_size.unwrap_or(most));
    let target = required(operation, "SyncFolderId")?;
    let result = items(organisation, caller, operation, target, &shape, most);
    Ok(response("SyncFolderItems", vec![message("SyncFolderItems", result, &[])]))
}

fn items(
    organisation: &Organisation,
    caller: &Caller,
    operation: &Element,
    target: &Element,
    shape: &ItemShape,
    most: usize,
) -> Result<Vec<Element>, Refusal> {
    let at = organisation.find_target_folder(caller, target)?;
    let state = State::of(operation, "items", organisation.generation, at)?;
    let ignored: Vec<_> = operation
        .child("Ignore")
        .map(|ids| ids.children.iter().filter_map(|i| i.attribute("Id")).collect())
        .unwrap_or_default();
    let mailbox = &organisation.mailboxes[at.0];
    let show = |name: &'static str, item| {
        let view = View { in_find: true, ..View::of(organisation, at.0, item, caller) };
        Element::t(name).with(view.element(shape))
    };

    let mut fresh: Vec<_> = mailbox.items_in(at.1).filter(|i| i.entered > state.known).collect();
    fresh.sort_by_key(|i| i.entered);
    let mut changes: Vec<Element> = fresh.iter().take(most).map(|item| show("Create", item)).collect();
    let (next, last) = if fresh.len() > most {
        (State { known: fresh[most - 1].entered, ..state }, false)
    } else {
        // Changes and deletions of what was known before, in their order.
        let updates = mailbox
            .items_in(at.1)
            .filter(|i| i.entered <= state.known && i.changed > state.since && i.changed > i.entered)
            .map(|i| (i.changed, show("Update", i)));
        let deletions = mailbox
            .tombstones
            .iter()
            .filter(|t| t.folder == at.1 && t.entered <= state.known && t.gone > state.since)
            .map(|t| {
                let id = ids::encode(mailbox.guid, Target::Item(t.number));
                let key = ids::change_key(0x10, mailbox.guid, t.gone);
                let id = Element::t("ItemId").attr("Id", id).attr("ChangeKey", key);
                (t.gone, Element::t("Delete").with(id))
            });
        let mut later: Vec<_> = updates.chain(deletions).collect();
        later.sort_by_key(|(change, _)| *change);
        let room = most - changes.len();
        let next = if later.len() > room {
            // All that is new has been told; the rest of the changes comes with the next page.
            let since = room.checked_sub(1).map_or(state.since, |n| later[n].0);
            State { since, known: mailbox.change.max(state.known) }
        } else {
            State { since: mailbox.change, known: mailbox.change }
        };
        let last = later.len() <= room;
        changes.extend(later.into_iter().take(room).map(|(_, element)| element));
        (next, last)
    };
    changes.retain(|change| {
        let id = change
            .children
            .first()
            .and_then(|i| if i.name == "ItemId" { Some(i) } else { i.child("ItemId") });
        id.and_then(|i| i.attribute("Id")).is_none_or(|id| !ignored.contains(&id))
    });
    Ok(vec![
        Element::m("SyncState").text(next.write("items", organisation.generation, at)),
        Element::m("IncludesLastItemInRange").text(last.to_string()),
        Element::m("Changes").with_all(changes),
    ])
}

pub(super) fn sync_folder_hierarchy(
    organisation: &mut Organisation,
    caller: &Caller,
    operation: &Element,
) -> Result<Element, Fault> {
    let shape = FolderShape::parse(operation)?;
    let result = hierarchy(organisation, caller, operation, &shape);
    Ok(response("SyncFolderHierarchy", vec![message("SyncFolderHierarchy", result, &[])]))
}

fn hierarchy(
    organisation: &Organisation,
    caller: &Caller,
    operation: &Element,
    shape: &FolderShape,
) -> Result<Vec<Element>, Refusal> {
    let top = if let Some(target) = operation.child("SyncFolderId") {
        organisation.find_target_folder(caller, target)?
    } else {
        let id = Element::t("DistinguishedFolderId").attr("Id", "msgfolderroot");
        organisation.find_folder(caller, &id)?
    };
    let state = State::of(operation, "folders", organisation.generation, top)?;
    let mailbox = &organisation.mailboxes[top.0];
    let changes = mailbox
        .below(top.1)
        .into_iter()
        .filter_map(|n| mailbox.folders.get(&n))
        .filter(|f| f.changed > state.since)
        .map(|f| {
            let name = if f.entered > state.known { "Create" } else { "Update" };
            Element::t(name).with(folders::show(organisation, top.0, f, shape))
        });
    let next = State { since: mailbox.change, known: mailbox.change };
    Ok(vec![
        Element::m("SyncState").text(next.write("folders", organisation.generation, top)),
        Element::m("IncludesLastFolderInRange").text("true"),
        Element::m("Changes").with_all(changes),
    ])
}
