//! One mailbox: folders, items, and the order in which they changed.

use super::attachments::Attachments;
use super::extended::Extended;
use super::ids::{self, Target};
use super::properties::Class;
use super::series::Series;
use super::xml::Element;
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;
use uuid::Uuid;

/// A folder.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    pub(super) number: u32,
    pub(super) parent: Option<u32>,
    /// Word of `DistinguishedFolderIdNameType`, for default folders.
    pub(super) distinguished: Option<&'static str>,
    pub(super) name: String,
    /// PR_CONTAINER_CLASS; empty for the roots.
    pub(super) class: String,
    pub(super) extended: Vec<Extended>,
    pub(super) entered: u64,
    pub(super) changed: u64,
}

/// An item. Properties that the server keeps are worked out when it is shown.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) number: u64,
    pub(super) class: Class,
    pub(super) folder: u32,
    /// Schema elements by FieldURI; dictionary entries by `FieldURI/Key`.
    pub(super) properties: BTreeMap<String, Element>,
    pub(super) extended: Vec<Extended>,
    /// The files that hang on it: they go with it when it is moved.
    pub(super) attachments: Attachments,
    /// Change of the mailbox at which it came into its folder.
    pub(super) entered: u64,
    /// Change of the mailbox at which it was last written.
    pub(super) changed: u64,
    pub(super) created: DateTime<Utc>,
    pub(super) modified: DateTime<Utc>,
    pub(super) modified_by: String,
    /// Meetings: an invitation was (would have been) mailed.
    pub(super) request_sent: bool,
    /// Meetings: who invites, if not the mailbox's owner.
    pub(super) organizer: Option<String>,
    /// Series: the occurrences that differ, and those that are gone.
    pub(super) series: Series,
}

impl Item {
    /// The text of a property.
    pub(super) fn text(&self, uri: &str) -> Option<&str> {
        self.properties.get(uri).map(|e| e.text.as_str())
    }
}

/// What is left of an item that was deleted or moved away.
#[derive(Debug, Clone)]
pub(super) struct Tombstone {
    pub(super) number: u64,
    pub(super) folder: u32,
    pub(super) entered: u64,
    pub(super) gone: u64,
}

/// A mailbox.
#[derive(Debug, Clone)]
pub(super) struct Mailbox {
    pub(super) guid: Uuid,
    pub(super) address: String,
    pub(super) name: String,
    /// Default folders are made when somebody first opens the mailbox.
    pub(super) opened: bool,
    pub(super) folders: BTreeMap<u32, Folder>,
    pub(super) items: BTreeMap<u64, Item>,
    pub(super) tombstones: Vec<Tombstone>,
    pub(super) change: u64,
    next_folder: u32,
    next_item: u64,
}

/// Default folders: distinguished name, shown name, container class; the first two are the roots.
const DEFAULTS: &[(&str, &str, &str)] = &[
    ("root", "", ""),
    ("msgfolderroot", "Top of Information Store", "IPF.Note"),
    ("calendar", "Calendar", "IPF.Appointment"),
    ("contacts", "Contacts", "IPF.Contact"),
    ("deleteditems", "Deleted Items", "IPF.Note"),
    ("drafts", "Drafts", "IPF.Note"),
    ("inbox", "Inbox", "IPF.Note"),
    ("journal", "Journal", "IPF.Journal"),
    ("junkemail", "Junk Email", "IPF.Note"),
    ("notes", "Notes", "IPF.StickyNote"),
    ("outbox", "Outbox", "IPF.Note"),
    ("sentitems", "Sent Items", "IPF.Note"),
    ("tasks", "Tasks", "IPF.Task"),
    ("recoverableitemsroot", "Recoverable Items", ""),
    ("recoverableitemsdeletions", "Deletions", ""),
];

impl Mailbox {
    pub(super) fn new(address: &str, name: &str, opened: bool) -> Self {
        let mut mailbox = Self {
            guid: ids::mailbox_guid(address),
            address: address.to_owned(),
            name: name.to_owned(),
            opened: false,
            folders: BTreeMap::new(),
            items: BTreeMap::new(),
            tombstones: Vec::new(),
            change: 0,
            next_folder: 1,
            next_item: 1,
        };
        if opened {
            mailbox.open();
        }
        mailbox
    }

    /// Makes the default folders, as the first sign-in does.
    pub(super) fn open(&mut self) {
        if self.opened {
            return;
        }
        self.opened = true;
        let mut root = None;
        let mut top = None;
        let mut recoverable = None;
        for (distinguished, name, class) in DEFAULTS {
            let parent = match *distinguished {
                "root" => None,
                "msgfolderroot" | "recoverableitemsroot" => root,
                "recoverableitemsdeletions" => recoverable,
                _ => top,
            };
            let number = self.add_folder(parent, name, class);
            if let Some(folder) = self.folders.get_mut(&number) {
                folder.distinguished = Some(distinguished);
            }
            match *distinguished {
                "root" => root = Some(number),
                "msgfolderroot" => top = Some(number),
                "recoverableitemsroot" => recoverable = Some(number),
                _ => {}
            }
        }
    }

    fn tick(&mut self) -> u64 {
        self.change += 1;
        self.change
    }

    pub(super) fn add_folder(&mut self, parent: Option<u32>, name: &str, class: &str) -> u32 {
        let (number, change) = (self.next_folder, self.tick());
        self.next_folder += 1;
        let folder = Folder {
            number,
            parent,
            distinguished: None,
            name: name.to_owned(),
            class: class.to_owned(),
            extended: Vec::new(),
            entered: change,
            changed: change,
        };
        self.folders.insert(number, folder);
        number
    }

    /// Replaces a folder by a changed one: its change key is new.
    pub(super) fn write_folder(&mut self, mut folder: Folder) {
        folder.changed = self.tick();
        self.folders.insert(folder.number, folder);
    }

    /// A default folder's number.
    pub(super) fn distinguished(&self, name: &str) -> Option<u32> {
        self.folders.values().find(|f| f.distinguished == Some(name)).map(|f| f.number)
    }

    /// All folders below a folder.
    pub(super) fn below(&self, folder: u32) -> Vec<u32> {
        let mut found = vec![folder];
        let mut at = 0;
        while at < found.len() {
            let parent = Some(found[at]);
            found.extend(self.folders.values().filter(|f| f.parent == parent).map(|f| f.number));
            at += 1;
        }
        found.remove(0);
        found
    }

    pub(super) fn items_in(&self, folder: u32) -> impl Iterator<Item = &Item> {
        self.items.values().filter(move |i| i.folder == folder)
    }

    /// Puts a new item in a folder; fills in number, change and times.
    pub(super) fn add_item(&mut self, mut item: Item) -> u64 {
        let change = self.tick();
        item.number = self.next_item;
        self.next_item += 1;
        item.entered = change;
        item.changed = change;
        let number = item.number;
        self.items.insert(number, item);
        number
    }

    /// Replaces an item by a changed one: its change key is new.
    pub(super) fn write_item(&mut self, mut item: Item, by: &str) {
        item.changed = self.tick();
        item.modified = Utc::now();
        by.clone_into(&mut item.modified_by);
        self.items.insert(item.number, item);
    }

    /// Takes an item out for good.
    pub(super) fn remove_item(&mut self, number: u64) -> Option<Item> {
        let item = self.items.remove(&number)?;
        let gone = self.tick();
        self.tombstones.push(Tombstone { number, folder: item.folder, entered: item.entered, gone });
        Some(item)
    }

    /// Moves an item: it gets a new id, and is gone under the old one.
    pub(super) fn move_item(&mut self, number: u64, folder: u32) -> Option<u64> {
        let mut item = self.remove_item(number)?;
        item.folder = folder;
        Some(self.add_item(item))
    }

    /// `Id` and `ChangeKey` of an item.
    pub(super) fn item_id(&self, item: &Item) -> Element {
        let kind = match item.class {
            Class::Message => 0x09,
            Class::Contact => 0x11,
            Class::CalendarItem => 0x0F,
            Class::Task => 0x13,
        };
        Element::t("ItemId")
            .attr("Id", ids::encode(self.guid, Target::Item(item.number)))
            .attr("ChangeKey", ids::change_key(kind, self.guid, item.changed))
    }

    /// `Id` and `ChangeKey` of a folder, under an element name.
    pub(super) fn folder_id(&self, name: &'static str, folder: &Folder) -> Element {
        let kind = match folder.class.as_str() {
            "IPF.Appointment" => 0x02,
            "IPF.Contact" => 0x03,
            "IPF.Task" => 0x04,
            _ => 0x01,
        };
        Element::t(name)
            .attr("Id", ids::encode(self.guid, Target::Folder(folder.number)))
            .attr("ChangeKey", ids::change_key(kind, self.guid, folder.changed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_never_opened_has_no_folders() {
        let mut mailbox = Mailbox::new("a@b.example", "A", false);
        assert!(mailbox.distinguished("calendar").is_none());
        mailbox.open();
        let top = mailbox.distinguished("msgfolderroot").unwrap();
        assert!(mailbox.below(top).contains(&mailbox.distinguished("calendar").unwrap()));
    }
}
