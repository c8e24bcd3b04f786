//! GetFolder, FindFolder, CreateFolder, UpdateFolder, DeleteFolder.

use super::super::extended::Extended;
use super::super::fault::{Fault, Refusal};
use super::super::mailbox::{Folder, Mailbox};
use super::super::organisation::{Caller, Organisation};
use super::super::shape::Path;
use super::super::show;
use super::super::xml::Element;
use super::restriction::Restriction;
use super::{each, message, required, response, word};

/// `FolderShape`: ids alone, or more, and what is named.
pub(super) struct FolderShape {
    base: u8,
    additional: Vec<Path>,
}

impl FolderShape {
    pub(super) fn parse(operation: &Element) -> Result<Self, Fault> {
        let shape = required(operation, "FolderShape")?;
        let base = match shape.child_text("BaseShape") {
            Some("IdOnly") => 0,
            Some("Default") => 1,
            Some("AllProperties") => 2,
            _ => return Err(Fault::schema("The 'BaseShape' element is invalid.")),
        };
        let additional = match shape.child("AdditionalProperties") {
            None => Vec::new(),
            Some(paths) => paths.children.iter().map(Path::parse).collect::<Result<_, _>>()?,
        };
        Ok(Self { base, additional })
    }

    fn wants(&self, uri: &str, from: u8) -> bool {
        self.base >= from || self.additional.iter().any(|p| matches!(p, Path::Field(u) if u == uri))
    }
}

/// A folder as a reply shows it; the order is the schema's.
pub(super) fn show(
    organisation: &Organisation,
    mailbox: usize,
    folder: &Folder,
    shape: &FolderShape,
) -> Element {
    let mailbox = &organisation.mailboxes[mailbox];
    let (name, sees_unread) = match folder.class.as_str() {
        "IPF.Appointment" => ("CalendarFolder", false),
        "IPF.Contact" => ("ContactsFolder", false),
        "IPF.Task" => ("TasksFolder", true),
        _ => ("Folder", true),
    };
    let mut element = Element::t(name).with(mailbox.folder_id("FolderId", folder));
    if shape.wants("folder:ParentFolderId", 2) {
        // The root's parent is outside the mailbox; Exchange shows the root itself.
        let parent = folder.parent.and_then(|p| mailbox.folders.get(&p)).unwrap_or(folder);
        element.children.push(mailbox.folder_id("ParentFolderId", parent));
    }
    let mut text = |uri: &str, name: &'static str, from: u8, value: String| {
        if shape.wants(uri, from) {
            element.children.push(Element::t(name).text(value));
        }
    };
    if !folder.class.is_empty() {
        text("folder:FolderClass", "FolderClass", 2, folder.class.clone());
    }
    text("folder:DisplayName", "DisplayName", 1, folder.name.clone());
    text("folder:TotalCount", "TotalCount", 1, mailbox.items_in(folder.number).count().to_string());
    let children = mailbox.folders.values().filter(|f| f.parent == Some(folder.number)).count();
    text("folder:ChildFolderCount", "ChildFolderCount", 1, children.to_string());
    let named = shape.additional.iter().filter_map(|path| match path {
        Path::Extended(key) => folder.extended.iter().find(|property| property.key == *key),
        _ => None,
    });
    element.children.extend(named.map(Extended::element));
    if shape.wants("folder:EffectiveRights", 2) {
        element.children.push(show::rights());
    }
    if let Some(distinguished) = folder.distinguished
        && shape.wants("folder:DistinguishedFolderId", 2)
    {
        element.children.push(Element::t("DistinguishedFolderId").text(distinguished));
    }
    if sees_unread && shape.wants("folder:UnreadCount", 1) {
        let unread = mailbox.items_in(folder.number).filter(|i| {
            i.class == super::super::properties::Class::Message && i.text("message:IsRead") != Some("true")
        });
        element.children.push(Element::t("UnreadCount").text(unread.count().to_string()));
    }
    element
}

pub(super) fn get_folder(
    organisation: &mut Organisation,
    caller: &Caller,
    operation: &Element,
) -> Result<Element, Fault> {
    let shape = FolderShape::parse(operation)?;
    each(&required(operation, "FolderIds")?.children, "GetFolder", &["Folders"], |id| {
        let at = organisation.find_folder(caller, id)?;
        let folder = organisation.folder(at).ok_or_else(Refusal::folder_not_found)?;
        Ok(vec![Element::m("Folders").with(show(organisation, at.0, folder, &shape))])
    })
}

pub(super) fn find_folder(
    organisation: &mut Organisation,
    caller: &Caller,
    operation: &Element,
) -> Result<Element, Fault> {
    let shape = FolderShape::parse(operation)?;
    let deep = match word(operation, "Traversal", &["Shallow", "Deep", "SoftDeleted"])? {
        Some("Deep") => true,
        Some("Shallow") => false,
        Some(_) => {
            return Ok(response(
                "FindFolder",
                vec![message("FindFolder", Ok(vec![page(Vec::new(), 0, 0)]), &[])],
            ));
        }
        None => return Err(Fault::schema("The required attribute 'Traversal' is missing.")),
    };
    let restriction = operation.child("Restriction").map(Restriction::parse).transpose()?;
    let view = operation.child("IndexedPageFolderView");
    let number = |name| view.and_then(|v| v.attribute(name)).and_then(|n| n.parse::<usize>().ok());
    let (offset, most) = (number("Offset").unwrap_or(0), number("MaxEntriesReturned").unwrap_or(usize::MAX));
    each(&required(operation, "ParentFolderIds")?.children, "FindFolder", &[], |id| {
        let (mailbox, top) = organisation.find_folder(caller, id)?;
        let folders = &organisation.mailboxes[mailbox].folders;
        let all: Vec<_> = organisation.mailboxes[mailbox]
            .below(top)
            .into_iter()
            .filter_map(|n| folders.get(&n))
            .filter(|f| deep || f.parent == Some(top))
            .filter(|f| restriction.as_ref().is_none_or(|r| r.takes_folder(f)))
            .collect();
        let shown: Vec<_> =
            all.iter().skip(offset).take(most).map(|f| show(organisation, mailbox, f, &shape)).collect();
        Ok(vec![page(shown, offset, all.len())])
    })
}

fn page(shown: Vec<Element>, offset: usize, total: usize) -> Element {
    let next = offset + shown.len();
    Element::m("RootFolder")
        .attr("IndexedPagingOffset", next.to_string())
        .attr("TotalItemsInView", total.to_string())
        .attr("IncludesLastItemInRange", (next >= total).to_string())
        .with(Element::t("Folders").with_all(shown))
}

pub(super) fn create_folder(
    organisation: &mut Organisation,
    caller: &Caller,
    operation: &Element,
) -> Result<Element, Fault> {
    let (mailbox, parent) =
        organisation.find_target_folder(caller, required(operation, "ParentFolderId")?)?;
    each(&required(operation, "Folders")?.children, "CreateFolder", &["Folders"], |wanted| {
        let class = match (&*wanted.name, wanted.child_text("FolderClass")) {
            (_, Some(class)) => class,
            ("CalendarFolder", None) => "IPF.Appointment",
            ("ContactsFolder", None) => "IPF.Contact",
            ("TasksFolder", None) => "IPF.Task",
            _ => "IPF.Note",
        };
        let name = wanted.child_text("DisplayName").unwrap_or_default();
        if name.is_empty() {
            return Err(Refusal::new("ErrorFolderSavePropertyError", "The folder name is missing.").into());
        }
        let extended = wanted.children.iter().filter(|c| c.name == "ExtendedProperty");
        let extended = extended.map(Extended::from_element).collect::<Result<Vec<_>, _>>()?;
        let mailbox_ref = &mut organisation.mailboxes[mailbox];
        name_is_free(mailbox_ref, parent, name, None)?;
        let number = mailbox_ref.add_folder(Some(parent), name, class);
        if let Some(folder) = mailbox_ref.folders.get_mut(&number) {
            folder.extended = extended;
        }
        let folder = organisation.folder((mailbox, number)).ok_or_else(Refusal::folder_not_found)?;
        let shape = FolderShape { base: 0, additional: Vec::new() };
        Ok(vec![Element::m("Folders").with(show(organisation, mailbox, folder, &shape))])
    })
}

/// Whether no other folder beside it has this name.
fn name_is_free(mailbox: &Mailbox, parent: u32, name: &str, own: Option<u32>) -> Result<(), Refusal> {
    let lower = name.to_lowercase();
    let same = |f: &Folder| f.parent == Some(parent) && f.name.to_lowercase() == lower;
    if mailbox.folders.values().any(|f| same(f) && Some(f.number) != own) {
        let text = "A folder with the specified name already exists.";
        return Err(Refusal::new("ErrorFolderExists", text));
    }
    Ok(())
}

pub(super) fn update_folder(
    organisation: &mut Organisation,
    caller: &Caller,
    operation: &Element,
) -> Result<Element, Fault> {
    each(&required(operation, "FolderChanges")?.children, "UpdateFolder", &["Folders"], |change| {
        let id = ["FolderId", "DistinguishedFolderId"].iter().find_map(|name| change.child(name));
        let id = id.ok_or_else(|| Fault::schema("The element 'FolderChange' has no id."))?;
        let at = organisation.find_folder(caller, id)?;
        let mut folder = organisation.folder(at).ok_or_else(Refusal::folder_not_found)?.clone();
        for update in &required(change, "Updates")?.children {
            set(&mut folder, update)?;
        }
        let mailbox = &mut organisation.mailboxes[at.0];
        if let Some(parent) = folder.parent {
            name_is_free(mailbox, parent, &folder.name, Some(folder.number))?;
        }
        mailbox.write_folder(folder.clone());
        let shape = FolderShape { base: 0, additional: Vec::new() };
        Ok(vec![Element::m("Folders").with(show(organisation, at.0, &folder, &shape))])
    })
}

/// Sets one property of a folder: its name, or an extended one.
fn set(folder: &mut Folder, update: &Element) -> Result<(), Fault> {
    if update.name != "SetFolderField" {
        return Err(Fault::schema(format!("The sandbox has no folder update '{}'.", update.name)));
    }
    let path = update.children.iter().find(|c| Path::is_path(c));
    let path = path.ok_or_else(|| Fault::schema("'SetFolderField' has no path."))?;
    let content = update.children.iter().find(|c| !Path::is_path(c)).and_then(|of| of.children.first());
    let content = content.ok_or_else(|| Fault::schema("'SetFolderField' has no value."))?;
    match Path::parse(path)? {
        Path::Field(uri) if uri == "folder:DisplayName" && folder.distinguished.is_none() => {
            folder.name.clone_from(&content.text);
        }
        Path::Extended(key) => {
            let property = Extended::from_element(content)?;
            folder.extended.retain(|other| other.key != key);
            folder.extended.push(property);
        }
        _ => {
            let text = "Update operation is invalid for property of this folder.";
            return Err(Refusal::new("ErrorInvalidPropertySet", text).at(path.clone()).into());
        }
    }
    Ok(())
}

pub(super) fn delete_folder(
    organisation: &mut Organisation,
    caller: &Caller,
    operation: &Element,
) -> Result<Element, Fault> {
    each(&required(operation, "FolderIds")?.children, "DeleteFolder", &[], |id| {
        let at = organisation.find_folder(caller, id)?;
        delete(organisation, at)?;
        Ok(Vec::new())
    })
}

/// Deletes a folder with all that is in it, past the bin.
pub(in super::super) fn delete(organisation: &mut Organisation, at: (usize, u32)) -> Result<(), Refusal> {
    let folder = organisation.folder(at).ok_or_else(Refusal::folder_not_found)?;
    if folder.distinguished.is_some() {
        return Err(Refusal::new(
            "ErrorDeleteDistinguishedFolder",
            "Distinguished folders cannot be deleted.",
        ));
    }
    let mailbox = &mut organisation.mailboxes[at.0];
    let mut gone = mailbox.below(at.1);
    gone.push(at.1);
    let items: Vec<_> =
        mailbox.items.values().filter(|i| gone.contains(&i.folder)).map(|i| i.number).collect();
    for number in items {
        mailbox.remove_item(number);
    }
    mailbox.folders.retain(|n, _| !gone.contains(n));
    Ok(())
}
