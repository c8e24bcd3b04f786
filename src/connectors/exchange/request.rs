//! The operations that we use, as Exchange's schema wants them (`messages.xsd`): the order of elements matters.
//!
//! There is no way here to build a write without `SendToNone`, or a deletion that is not to Deleted Items.

use super::shape::{MARKER_NAME, MARKER_SET, Path, extended};
use super::xml::Node;
use chrono::{DateTime, SecondsFormat, Utc};
use riva_core::ids::{EmailAddress, Marker, RemoteId, Version};
use riva_core::ports::Window;

/// Folders in one page of a listing.
const FOLDER_PAGE: usize = 200;
/// Changes in one page of `SyncFolderItems`: the most that the schema allows.
pub(super) const SYNC_PAGE: usize = 512;
/// Ids in one page of a listing.
pub(super) const LIST_PAGE: usize = 512;
/// Markers in one restriction.
pub(super) const PROBE_BATCH: usize = 20;
/// Folders in one search.
pub(super) const PROBE_FOLDERS: usize = 20;

/// A folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Folder {
    /// A default one, of the connection account or of the mailbox that it names.
    Default { id: &'static str, mailbox: Option<EmailAddress> },
    /// Any other, by its id.
    Of(String),
}

impl Folder {
    fn node(&self) -> Node {
        match self {
            Self::Default { id, mailbox } => {
                let node = Node::new("t:DistinguishedFolderId").with("Id", *id);
                node.children(mailbox.iter().map(|address| {
                    Node::new("t:Mailbox").child(Node::text("t:EmailAddress", address.as_str()))
                }))
            }
            Self::Of(id) => Node::new("t:FolderId").with("Id", id.as_str()),
        }
    }
}

pub(super) fn field_uri(uri: &str) -> Node {
    Node::new("t:FieldURI").with("FieldURI", uri)
}

/// One of Riva's own extended properties.
pub(super) fn own_uri(name: &'static str) -> Node {
    Node::new("t:ExtendedFieldURI")
        .with("PropertySetId", MARKER_SET)
        .with("PropertyName", name)
        .with("PropertyType", "String")
}

fn marker_uri() -> Node {
    own_uri(MARKER_NAME)
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

/// All folders below a folder whose class begins with a word, however deep.
pub(super) fn find_folders(below: &Folder, class: &str) -> Node {
    let constant = Node::new("t:Constant").with("Value", class);
    let begins = Node::new("t:Contains")
        .with("ContainmentMode", "Prefixed")
        .with("ContainmentComparison", "IgnoreCase")
        .child(field_uri("folder:FolderClass"))
        .child(constant);
    Node::new("m:FindFolder")
        .with("Traversal", "Deep")
        .child(Node::new("m:FolderShape").child(Node::text("t:BaseShape", "IdOnly")))
        .child(Node::new("m:Restriction").child(begins))
        .child(Node::new("m:ParentFolderIds").child(below.node()))
}

/// The folder of a name directly below another one.
pub(super) fn find_folder_named(below: &Folder, name: &str) -> Node {
    let constant = Node::new("t:Constant").with("Value", name);
    let equals = Node::new("t:IsEqualTo")
        .child(field_uri("folder:DisplayName"))
        .child(Node::new("t:FieldURIOrConstant").child(constant));
    Node::new("m:FindFolder")
        .with("Traversal", "Shallow")
        .child(Node::new("m:FolderShape").child(Node::text("t:BaseShape", "IdOnly")))
        .child(Node::new("m:Restriction").child(equals))
        .child(Node::new("m:ParentFolderIds").child(below.node()))
}

/// Makes a folder for items whose folders have this class.
pub(super) fn create_folder(below: &Folder, name: &str, class: &str) -> Node {
    let element = match class {
        "IPF.Appointment" => "t:CalendarFolder",
        "IPF.Contact" => "t:ContactsFolder",
        "IPF.Task" => "t:TasksFolder",
        _ => "t:Folder",
    };
    let folder =
        Node::new(element).child(Node::text("t:FolderClass", class)).child(Node::text("t:DisplayName", name));
    Node::new("m:CreateFolder")
        .child(Node::new("m:ParentFolderId").child(below.node()))
        .child(Node::new("m:Folders").child(folder))
}

/// What is asked of folders that may be of a record.
fn record_folder_shape() -> Node {
    let wanted = ["folder:DisplayName", "folder:TotalCount"].map(field_uri);
    Node::new("m:FolderShape")
        .child(Node::text("t:BaseShape", "IdOnly"))
        .child(Node::new("t:AdditionalProperties").children(wanted).child(Path::Record.node()))
}

/// One page of the folders directly below another one, with the records that they are of.
pub(super) fn list_folders(below: &Folder, offset: usize) -> Node {
    let view = Node::new("m:IndexedPageFolderView")
        .with("MaxEntriesReturned", FOLDER_PAGE.to_string())
        .with("Offset", offset.to_string())
        .with("BasePoint", "Beginning");
    Node::new("m:FindFolder")
        .with("Traversal", "Shallow")
        .child(record_folder_shape())
        .child(view)
        .child(Node::new("m:ParentFolderIds").child(below.node()))
}

/// Folders with the records that they are of.
pub(super) fn get_record_folders(ids: &[&str]) -> Node {
    let ids = ids.iter().map(|id| Folder::Of((*id).to_owned()).node());
    Node::new("m:GetFolder").child(record_folder_shape()).child(Node::new("m:FolderIds").children(ids))
}

/// Makes a folder for messages about a record.
pub(super) fn create_record_folder(below: &Folder, name: &str, record: &str) -> Node {
    let folder = Node::new("t:Folder")
        .child(Node::text("t:FolderClass", "IPF.Note"))
        .child(Node::text("t:DisplayName", name))
        .child(extended(&Path::Record, record));
    Node::new("m:CreateFolder")
        .child(Node::new("m:ParentFolderId").child(below.node()))
        .child(Node::new("m:Folders").child(folder))
}

/// Gives the folder of a record another name.
pub(super) fn rename_record_folder(id: &str, name: &str, record: &str) -> Node {
    let set = |path: Node, content: Node| {
        Node::new("t:SetFolderField").child(path).child(Node::new("t:Folder").child(content))
    };
    let updates = Node::new("t:Updates")
        .child(set(field_uri("folder:DisplayName"), Node::text("t:DisplayName", name)))
        .child(set(Path::Record.node(), extended(&Path::Record, record)));
    let change = Node::new("t:FolderChange").child(Folder::Of(id.to_owned()).node()).child(updates);
    Node::new("m:UpdateFolder").child(Node::new("m:FolderChanges").child(change))
}

/// One page of the changes of a folder with messages, with the time at which each came in.
pub(super) fn sync_messages(folder: &Folder, state: Option<&str>) -> Node {
    let shape =
        ids_only().child(Node::new("t:AdditionalProperties").child(field_uri("item:DateTimeReceived")));
    sync(shape, folder, state)
}

/// One page of a folder's changes.
pub(super) fn sync_folder_items(folder: &Folder, state: Option<&str>) -> Node {
    sync(ids_only(), folder, state)
}

fn sync(shape: Node, folder: &Folder, state: Option<&str>) -> Node {
    let mut node =
        Node::new("m:SyncFolderItems").child(shape).child(Node::new("m:SyncFolderId").child(folder.node()));
    if let Some(state) = state {
        node = node.child(Node::text("m:SyncState", state));
    }
    node.child(Node::text("m:MaxChangesReturned", SYNC_PAGE.to_string()))
}

/// Items with the properties that are named.
pub(super) fn get_item(ids: &[RemoteId], properties: Vec<Node>) -> Node {
    get(ids.iter().map(|id| item_id(id, None)), properties)
}

/// Occurrences of a series by their place in its rule, with the properties that are named.
pub(super) fn get_occurrences(master: &RemoteId, places: &[u32], properties: Vec<Node>) -> Node {
    get(places.iter().map(|place| occurrence_id(master, *place)), properties)
}

fn occurrence_id(master: &RemoteId, place: u32) -> Node {
    Node::new("t:OccurrenceItemId")
        .with("RecurringMasterId", master.as_str())
        .with("InstanceIndex", place.to_string())
}

fn get(ids: impl Iterator<Item = Node>, properties: Vec<Node>) -> Node {
    let mut shape = Node::new("m:ItemShape").child(Node::text("t:BaseShape", "IdOnly"));
    if !properties.is_empty() {
        shape = shape
            .child(Node::text("t:BodyType", "Text"))
            .child(Node::new("t:AdditionalProperties").children(properties));
    }
    Node::new("m:GetItem").child(shape).child(Node::new("m:ItemIds").children(ids))
}

/// What one attachment holds.
pub(super) fn get_attachment(id: &str) -> Node {
    Node::new("m:GetAttachment")
        .child(Node::new("m:AttachmentIds").child(Node::new("t:AttachmentId").with("Id", id)))
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
pub(super) struct ItemChange {
    pub(super) id: RemoteId,
    pub(super) version: Version,
    /// `SetItemField` and `DeleteItemField`; at least one.
    pub(super) updates: Vec<Node>,
}

/// Changes items that are still in the version named; nobody is mailed.
pub(super) fn update_items(changes: Vec<ItemChange>) -> Node {
    Node::new("m:UpdateItem")
        .with("ConflictResolution", "NeverOverwrite")
        .with("MessageDisposition", "SaveOnly")
        .with("SendMeetingInvitationsOrCancellations", "SendToNone")
        .child(Node::new("m:ItemChanges").children(changes.into_iter().map(|c| {
            Node::new("t:ItemChange")
                .child(item_id(&c.id, Some(&c.version)))
                .child(Node::new("t:Updates").children(c.updates))
        })))
}

/// Moves items to Deleted Items; nobody is mailed.
pub(super) fn delete_items(ids: &[(RemoteId, Version)]) -> Node {
    delete(ids.iter().map(|(id, version)| item_id(id, Some(version))))
}

/// Takes occurrences out of a series; nobody is mailed.
pub(super) fn delete_occurrences(master: &RemoteId, places: &[u32]) -> Node {
    delete(places.iter().map(|place| occurrence_id(master, *place)))
}

fn delete(ids: impl Iterator<Item = Node>) -> Node {
    Node::new("m:DeleteItem")
        .with("DeleteType", "MoveToDeletedItems")
        .with("SendMeetingCancellations", "SendToNone")
        // A task that recurs goes as a whole; other items do not look at this.
        .with("AffectedTaskOccurrences", "AllOccurrences")
        .child(Node::new("m:ItemIds").children(ids))
}

/// Moves items to another folder of their mailbox. That mails nobody: no invitation follows from where an item lies.
pub(super) fn move_items(to: &Folder, items: &[(RemoteId, Version)]) -> Node {
    Node::new("m:MoveItem")
        .child(Node::new("m:ToFolderId").child(to.node()))
        .child(Node::new("m:ItemIds").children(items.iter().map(|(id, version)| item_id(id, Some(version)))))
}
