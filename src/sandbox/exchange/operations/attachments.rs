//! GetAttachment, CreateAttachment and DeleteAttachment.

use super::super::fault::{Fault, Refusal};
use super::super::ids::{self, Target};
use super::super::mailbox::Item;
use super::super::organisation::{Caller, Organisation, malformed};
use super::super::xml::Element;
use super::{each, required};

pub(super) fn get_attachment(
    organisation: &Organisation,
    caller: &Caller,
    operation: &Element,
) -> Result<Element, Fault> {
    each(&required(operation, "AttachmentIds")?.children, "GetAttachment", &["Attachments"], |id| {
        let (mailbox, number, which) = find(organisation, caller, id)?;
        let attachment = organisation.item(mailbox, number)?.attachments.get(which).ok_or_else(invalid)?;
        let shown = attachment.whole(organisation.mailboxes[mailbox].guid, number);
        Ok(vec![Element::m("Attachments").with(shown)])
    })
}

/// CreateAttachment: the item has another change key afterwards, which is told with each attachment.
pub(super) fn create_attachment(
    organisation: &mut Organisation,
    caller: &Caller,
    operation: &Element,
) -> Result<Element, Fault> {
    let parent = required(operation, "ParentItemId")?;
    let new = &required(operation, "Attachments")?.children;
    each(new, "CreateAttachment", &["Attachments"], |element| {
        organisation.faults.refuse_write()?;
        let (mailbox, number, _) = organisation.find_item(caller, parent)?;
        let mut item = organisation.item(mailbox, number)?.clone();
        let which = item.attachments.add(element)?;
        let (root_id, root_key) = written(organisation, caller, mailbox, item)?;
        let item = organisation.item(mailbox, number)?;
        let attachment = item.attachments.get(which).ok_or_else(invalid)?;
        let id = attachment
            .id(organisation.mailboxes[mailbox].guid, number)
            .attr("RootItemId", root_id)
            .attr("RootItemChangeKey", root_key);
        Ok(vec![Element::m("Attachments").with(Element::t("FileAttachment").with(id))])
    })
}

/// DeleteAttachment: as with a new one, the item has another change key afterwards.
pub(super) fn delete_attachment(
    organisation: &mut Organisation,
    caller: &Caller,
    operation: &Element,
) -> Result<Element, Fault> {
    each(&required(operation, "AttachmentIds")?.children, "DeleteAttachment", &[], |id| {
        organisation.faults.refuse_write()?;
        let (mailbox, number, which) = find(organisation, caller, id)?;
        let mut item = organisation.item(mailbox, number)?.clone();
        if !item.attachments.remove(which) {
            return Err(invalid().into());
        }
        let (root_id, root_key) = written(organisation, caller, mailbox, item)?;
        Ok(vec![Element::m("RootItemId").attr("RootItemId", root_id).attr("RootItemChangeKey", root_key)])
    })
}

/// Writes an item, and says its id and change key.
fn written(
    organisation: &mut Organisation,
    caller: &Caller,
    mailbox: usize,
    item: Item,
) -> Result<(String, String), Refusal> {
    let by = organisation.accounts[caller.acting].name.clone();
    let number = item.number;
    organisation.mailboxes[mailbox].write_item(item, &by);
    let id = organisation.mailboxes[mailbox].item_id(organisation.item(mailbox, number)?);
    let part = |name: &str| id.attribute(name).unwrap_or_default().to_owned();
    Ok((part("Id"), part("ChangeKey")))
}

/// Finds the mailbox, the item and the number that an `AttachmentId` names.
fn find(organisation: &Organisation, caller: &Caller, id: &Element) -> Result<(usize, u64, u32), Refusal> {
    let id = id.attribute("Id").unwrap_or_default();
    if id.is_empty() {
        return Err(Refusal::new("ErrorInvalidIdEmpty", "Id must be non-empty."));
    }
    let (guid, target) = ids::decode(id).ok_or_else(malformed)?;
    let Target::Attachment(number, which) = target else { return Err(invalid()) };
    let mailbox = organisation.mailbox_by_guid(guid).ok_or_else(Refusal::item_not_found)?;
    if !organisation.may_open(caller, mailbox) {
        return Err(Refusal::item_not_found());
    }
    // One whose item was moved away is not found by this id any more.
    organisation.item(mailbox, number)?;
    Ok((mailbox, number, which))
}

fn invalid() -> Refusal {
    Refusal::new("ErrorInvalidAttachmentId", "The specified attachment Id is invalid.")
}
