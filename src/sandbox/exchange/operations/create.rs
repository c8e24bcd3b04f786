//! CreateItem.

use super::super::fault::{Fault, Refusal};
use super::super::mailbox::Item;
use super::super::organisation::{Caller, Organisation};
use super::super::properties::Class;
use super::super::shape::ItemShape;
use super::super::show::View;
use super::super::xml::Element;
use super::super::{calendar, fill, message, write};
use super::{each, required, word};

const INVITATIONS: &[&str] = &["SendToNone", "SendOnlyToAll", "SendToAllAndSaveCopy"];
pub(super) const DISPOSITIONS: &[&str] = &["SaveOnly", "SendOnly", "SendAndSaveCopy"];

pub(super) fn create_item(
    organisation: &mut Organisation,
    caller: &Caller,
    operation: &Element,
) -> Result<Element, Fault> {
    let disposition = word(operation, "MessageDisposition", DISPOSITIONS)?;
    let invitations = word(operation, "SendMeetingInvitations", INVITATIONS)?;
    let saved = operation.child("SavedItemFolderId");
    each(&required(operation, "Items")?.children, "CreateItem", &["Items"], |element| {
        organisation.faults.refuse_write()?;
        let class = Class::from_element(&element.name).ok_or_else(|| {
            Refusal::new(
                "ErrorInvalidRequest",
                format!("The sandbox does not create {} items.", element.name),
            )
        })?;
        let required = |code| Refusal::new(code, "Required attribute is missing from the request.");
        let invitations = match class {
            Class::CalendarItem => {
                invitations.ok_or_else(|| required("ErrorSendMeetingInvitationsRequired"))?
            }
            _ => "SendToNone",
        };
        let disposition = match class {
            Class::Message => disposition.ok_or_else(|| required("ErrorMessageDispositionRequired"))?,
            _ => "SaveOnly",
        };
        let (mailbox, folder) = match saved {
            Some(target) => organisation.find_target_folder(caller, target)?,
            None => default_folder(organisation, caller, class, disposition)?,
        };
        fits(organisation, (mailbox, folder), class)?;
        let by = organisation.accounts[caller.acting].name.clone();
        let mut item = fill::blank(class, folder, &by);
        write::fill(&mut item, element, caller)?;
        calendar::finish(&mut item, caller)?;
        if class == Class::CalendarItem {
            calendar::mail_created(organisation, mailbox, &mut item, invitations);
        }
        if disposition != "SaveOnly" {
            send(organisation, mailbox, &mut item)?;
        }
        if disposition == "SendOnly" {
            return Ok(vec![Element::m("Items")]);
        }
        let number = organisation.mailboxes[mailbox].add_item(item);
        let item = organisation.item(mailbox, number)?;
        let shown = View::of(organisation, mailbox, item, caller).element(&ItemShape::id_only());
        Ok(vec![Element::m("Items").with(shown)])
    })
}

/// Where an item goes if the request does not say.
fn default_folder(
    organisation: &Organisation,
    caller: &Caller,
    class: Class,
    disposition: &str,
) -> Result<(usize, u32), Refusal> {
    let name = match (class, disposition) {
        (Class::CalendarItem, _) => "calendar",
        (Class::Contact, _) => "contacts",
        (Class::Task, _) => "tasks",
        (Class::Message, "SaveOnly") => "drafts",
        (Class::Message, _) => "sentitems",
    };
    organisation.find_folder(caller, &Element::t("DistinguishedFolderId").attr("Id", name))
}

/// Contacts, events and tasks live in folders of their kind only.
pub(super) fn fits(organisation: &Organisation, at: (usize, u32), class: Class) -> Result<(), Refusal> {
    let folder = organisation.folder(at).ok_or_else(Refusal::folder_not_found)?;
    let (wanted, code) = match class {
        Class::CalendarItem => ("IPF.Appointment", "ErrorCannotCreateCalendarItemInNonCalendarFolder"),
        Class::Contact => ("IPF.Contact", "ErrorCannotCreateContactInNonContactFolder"),
        Class::Task => ("IPF.Task", "ErrorCannotCreateTaskInNonTaskFolder"),
        Class::Message => return Ok(()),
    };
    if folder.class.starts_with(wanted) || folder.distinguished == Some("deleteditems") {
        return Ok(());
    }
    Err(Refusal::new(code, format!("Can't create a {} in folder {}.", class.element(), folder.name)))
}

/// Notes the mails of a message.
pub(super) fn send(organisation: &mut Organisation, mailbox: usize, item: &mut Item) -> Result<(), Refusal> {
    let to =
        calendar::addresses(item, &["message:ToRecipients", "message:CcRecipients", "message:BccRecipients"]);
    if to.is_empty() {
        return Err(Refusal::new("ErrorInvalidRecipients", "At least one recipient isn't valid."));
    }
    item.request_sent = true;
    message::complete(item, &organisation.mailboxes[mailbox].address);
    let from = organisation.mailboxes[mailbox].address.clone();
    organisation.would_mail("message", &from, &to, item.text("item:Subject").unwrap_or_default());
    Ok(())
}
