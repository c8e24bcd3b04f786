//! The operations that we use, as Exchange's schema wants them (`messages.xsd`): the order of elements matters.
//!
//! There is no way here to build a write without `SendToNone`, or a deletion that is not to Deleted Items.

use super::shape::{MARKER_NAME, MARKER_SET};
use super::xml::Node;
use chrono::{DateTime, SecondsFormat, Utc};
use riva_core::ids::{EmailAddress, Marker, RemoteId, Version};
use riva_core::ports::Window;

/// Changes in one page of `SyncFolderItems`: the most that the schema allows.
pub(super) const SYNC_PAGE: usize = 512;
/// Ids in one page of a listing.
pub(super) const LIST_PAGE: usize = 512;
/// Markers in one restriction.
pub(super) const PROBE_BATCH: usize = 20;

/// A default folder, of the connection account or of the mailbox that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Folder {
    pub(super) id: &'static str,
    pub(super) mailbox: Option<EmailAddress>,
}

impl Folder {
    fn node(&self) -> Node {
        let node = Node::new("t:DistinguishedFolderId").with("Id", self.id);
        match &self.mailbox {
            Some(address) => {
                node.child(Node::new("t:Mailbox").child(Node::text("t:EmailAddress", address.as_str())))
            }
            None => node,
        }
    }
}

pub(super) fn field_uri(uri: &str) -> Node {
    Node::new("t:FieldURI").with("FieldURI", uri)
}

pub(super) fn marker_uri() -> Node {
    Node::new("t:ExtendedFieldURI")
        .with("PropertySetId", MARKER_SET)
        .with("PropertyName", MARKER_NAME)
        .with("PropertyType", "String")
}

fn ids_only() -> Node {
    Node::new("m:ItemShape").child(Node::text("t:BaseShape", "IdOnly"))
}

fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn item_id(id: &RemoteId, version: Option<&Version>) -> Node {
    let node = Node::new("t:ItemId").with("Id", id.as_str());
    match version {
        Some(version) => node.with("ChangeKey", version.as_str()),
        None => node,
    }
}

/// Finds users by what an administrator types: in the directory alone, never in anybody's contacts.
pub(super) fn resolve_names(typed: &str) -> Node {
    Node::new("m:ResolveNames")
        .with("ReturnFullContactData", "false")
        .with("SearchScope", "ActiveDirectory")
        .child(Node::text("m:UnresolvedEntry", typed))
}

/// Folders with their name, count and what we may do there.
pub(super) fn get_folder(folders: &[Folder]) -> Node {
    let wanted = ["folder:DisplayName", "folder:TotalCount", "folder:EffectiveRights"].map(field_uri);
    Node::new("m:GetFolder")
        .child(
            Node::new("m:FolderShape")
                .child(Node::text("t:BaseShape", "IdOnly"))
                .child(Node::new("t:AdditionalProperties").children(wanted)),
        )
        .child(Node::new("m:FolderIds").children(folders.iter().map(Folder::node)))
}

/// One page of a folder's changes.
pub(super) fn sync_folder_items(folder: &Folder, state: Option<&str>) -> Node {
    let mut node = Node::new("m:SyncFolderItems")
        .child(ids_only())
        .child(Node::new("m:SyncFolderId").child(folder.node()));
    if let Some(state) = state {
        node = node.child(Node::text("m:SyncState", state));
    }
    node.child(Node::text("m:MaxChangesReturned", SYNC_PAGE.to_string()))
}

/// Items with the properties that are named.
pub(super) fn get_item(ids: &[RemoteId], properties: Vec<Node>) -> Node {
    let mut shape = Node::new("m:ItemShape").child(Node::text("t:BaseShape", "IdOnly"));
    if !properties.is_empty() {
        shape = shape
            .child(Node::text("t:BodyType", "Text"))
            .child(Node::new("t:AdditionalProperties").children(properties));
    }
    Node::new("m:GetItem")
        .child(shape)
        .child(Node::new("m:ItemIds").children(ids.iter().map(|id| item_id(id, None))))
}

/// One page of a folder's items; events: those that touch the window, and all series.
pub(super) fn list(folder: &Folder, offset: usize, window: Option<Window>) -> Node {
    let compare = |operator: &'static str, uri: &str, value: String| {
        Node::new(operator)
            .child(field_uri(uri))
            .child(Node::new("t:FieldURIOrConstant").child(Node::new("t:Constant").with("Value", value)))
    };
    let mut node = Node::new("m:FindItem").with("Traversal", "Shallow").child(ids_only()).child(
        Node::new("m:IndexedPageItemView")
            .with("MaxEntriesReturned", LIST_PAGE.to_string())
            .with("Offset", offset.to_string())
            .with("BasePoint", "Beginning"),
    );
    if let Some(window) = window {
        // The start of a series says nothing of its last occurrence.
        node = node.child(
            Node::new("m:Restriction").child(
                Node::new("t:Or")
                    .child(compare("t:IsEqualTo", "calendar:IsRecurring", "true".to_owned()))
                    .child(
                        Node::new("t:And")
                            .child(compare("t:IsGreaterThan", "calendar:End", instant(window.from)))
                            .child(compare("t:IsLessThan", "calendar:Start", instant(window.to))),
                    ),
            ),
        );
    }
    // Oldest first: what is made while we turn the pages comes last.
    node.child(
        Node::new("m:SortOrder").child(
            Node::new("t:FieldOrder").with("Order", "Ascending").child(field_uri("item:DateTimeCreated")),
        ),
    )
    .child(Node::new("m:ParentFolderIds").child(folder.node()))
}

/// Everything in the folders that carries one of the markers.
pub(super) fn find_markers(folders: &[Folder], markers: &[Marker]) -> Node {
    let equals = |marker: &Marker| {
        Node::new("t:IsEqualTo").child(marker_uri()).child(
            Node::new("t:FieldURIOrConstant")
                .child(Node::new("t:Constant").with("Value", marker.to_string())),
        )
    };
    let condition = match markers {
        [one] => equals(one),
        several => Node::new("t:Or").children(several.iter().map(equals)),
    };
    Node::new("m:FindItem")
        .with("Traversal", "Shallow")
        .child(ids_only().child(Node::new("t:AdditionalProperties").child(marker_uri())))
        .child(
            Node::new("m:IndexedPageItemView")
                .with("MaxEntriesReturned", LIST_PAGE.to_string())
                .with("Offset", "0")
                .with("BasePoint", "Beginning"),
        )
        .child(Node::new("m:Restriction").child(condition))
        .child(Node::new("m:ParentFolderIds").children(folders.iter().map(Folder::node)))
}

/// Makes items in a folder; nobody is mailed.
pub(super) fn create_items(folder: &Folder, items: Vec<Node>) -> Node {
    Node::new("m:CreateItem")
        .with("MessageDisposition", "SaveOnly")
        .with("SendMeetingInvitations", "SendToNone")
        .child(Node::new("m:SavedItemFolderId").child(folder.node()))
        .child(Node::new("m:Items").children(items))
}

/// Changes of one item, for [`update_items`].
pub(super) struct ItemChange<'a> {
    pub(super) id: &'a RemoteId,
    pub(super) version: &'a Version,
    /// `SetItemField` and `DeleteItemField`; at least one.
    pub(super) updates: Vec<Node>,
}

/// Changes items that are still in the version named; nobody is mailed.
pub(super) fn update_items(changes: Vec<ItemChange<'_>>) -> Node {
    Node::new("m:UpdateItem")
        .with("ConflictResolution", "NeverOverwrite")
        .with("MessageDisposition", "SaveOnly")
        .with("SendMeetingInvitationsOrCancellations", "SendToNone")
        .child(Node::new("m:ItemChanges").children(changes.into_iter().map(|c| {
            Node::new("t:ItemChange")
                .child(item_id(c.id, Some(c.version)))
                .child(Node::new("t:Updates").children(c.updates))
        })))
}

/// Moves items to Deleted Items; nobody is mailed.
pub(super) fn delete_items(ids: &[(RemoteId, Version)]) -> Node {
    Node::new("m:DeleteItem")
        .with("DeleteType", "MoveToDeletedItems")
        .with("SendMeetingCancellations", "SendToNone")
        .child(Node::new("m:ItemIds").children(ids.iter().map(|(id, version)| item_id(id, Some(version)))))
}
