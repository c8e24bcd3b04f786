//! DeleteItem and MoveItem.

use super::super::fault::{Fault, Refusal};
use super::super::organisation::{Caller, Organisation};
use super::super::properties::Class;
use super::super::shape::ItemShape;
use super::super::show::View;
use super::super::xml::Element;
use super::super::{calendar, series};
use super::{create, each, required, word};

const DISPOSALS: &[&str] = &["HardDelete", "SoftDelete", "MoveToDeletedItems"];
const CANCELLATIONS: &[&str] = &["SendToNone", "SendOnlyToAll", "SendToAllAndSaveCopy"];
const TASKS: &[&str] = &["AllOccurrences", "SpecifiedOccurrenceOnly"];

/// DeleteItem. It does not look at change keys: whoever wants to be sure reads the item first.
pub(super) fn delete_item(
    organisation: &mut Organisation,
    caller: &Caller,
    operation: &Element,
) -> Result<Element, Fault> {
    let disposal = word(operation, "DeleteType", DISPOSALS)?
        .ok_or_else(|| Fault::schema("The required attribute 'DeleteType' is missing."))?;
    let cancellations = word(operation, "SendMeetingCancellations", CANCELLATIONS)?;
    let tasks = word(operation, "AffectedTaskOccurrences", TASKS)?;
    each(&required(operation, "ItemIds")?.children, "DeleteItem", &[], |id| {
        organisation.faults.refuse_write()?;
        let (mailbox, number, index) = organisation.find_item(caller, id)?;
        let item = organisation.item(mailbox, number)?.clone();
        let missing = |code| Refusal::new(code, "Required attribute is missing from the request.");
        if item.class == Class::CalendarItem && cancellations.is_none() {
            return Err(missing("ErrorSendMeetingCancellationsRequired").into());
        }
        if item.class == Class::Task && tasks.is_none() {
            return Err(missing("ErrorAffectedTaskOccurrencesRequired").into());
        }
        if let Some(index) = index {
            let (_, gone) = series::at(&item, index)?;
            calendar::mail_deleted(organisation, mailbox, &gone, cancellations.unwrap_or("SendToNone"));
            let mut master = item;
            series::delete(&mut master, index)?;
            let by = organisation.accounts[caller.acting].name.clone();
            organisation.mailboxes[mailbox].write_item(master, &by);
            return Ok(Vec::new());
        }
        calendar::mail_deleted(organisation, mailbox, &item, cancellations.unwrap_or("SendToNone"));
        let mailbox = &mut organisation.mailboxes[mailbox];
        let bin = mailbox.distinguished(match disposal {
            "MoveToDeletedItems" => "deleteditems",
            _ => "recoverableitemsdeletions",
        });
        match bin {
            Some(bin) if disposal != "HardDelete" && item.folder != bin => {
                mailbox.move_item(number, bin);
            }
            _ => {
                mailbox.remove_item(number);
            }
        }
        Ok(Vec::new())
    })
}

/// MoveItem: the item has a new id afterwards.
pub(super) fn move_item(
    organisation: &mut Organisation,
    caller: &Caller,
    operation: &Element,
) -> Result<Element, Fault> {
    let to = organisation.find_target_folder(caller, required(operation, "ToFolderId")?)?;
    let new_ids = operation.child_text("ReturnNewItemIds").is_none_or(|t| matches!(t, "true" | "1"));
    each(&required(operation, "ItemIds")?.children, "MoveItem", &["Items"], |id| {
        let (mailbox, number, occurrence) = organisation.find_item(caller, id)?;
        if occurrence.is_some() {
            return Err(Refusal::new(
                "ErrorCalendarCannotMoveOrCopyOccurrence",
                "Occurrences cannot be moved or copied.",
            )
            .into());
        }
        if mailbox != to.0 {
            return Err(
                Refusal::new("ErrorMoveCopyFailed", "The sandbox moves within one mailbox only.").into()
            );
        }
        create::fits(organisation, to, organisation.item(mailbox, number)?.class)?;
        let moved =
            organisation.mailboxes[mailbox].move_item(number, to.1).ok_or_else(Refusal::item_not_found)?;
        let item = organisation.item(mailbox, moved)?;
        let shown = View::of(organisation, mailbox, item, caller).element(&ItemShape::id_only());
        Ok(vec![if new_ids { Element::m("Items").with(shown) } else { Element::m("Items") }])
    })
}
