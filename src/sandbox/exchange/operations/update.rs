//! UpdateItem.

use super::super::fault::{Fault, Refusal};
use super::super::organisation::{Caller, Organisation};
use super::super::properties::Class;
use super::super::shape::ItemShape;
use super::super::show::View;
use super::super::xml::Element;
use super::super::{calendar, ids, series, write};
use super::{create, each, required, word};

const CONFLICTS: &[&str] = &["NeverOverwrite", "AutoResolve", "AlwaysOverwrite"];
const UPDATES: &[&str] =
    &["SendToNone", "SendOnlyToAll", "SendOnlyToChanged", "SendToAllAndSaveCopy", "SendToChangedAndSaveCopy"];

pub(super) fn update_item(
    organisation: &mut Organisation,
    caller: &Caller,
    operation: &Element,
) -> Result<Element, Fault> {
    let conflicts = word(operation, "ConflictResolution", CONFLICTS)?
        .ok_or_else(|| Fault::schema("The required attribute 'ConflictResolution' is missing."))?;
    let disposition = word(operation, "MessageDisposition", create::DISPOSITIONS)?;
    let updates = word(operation, "SendMeetingInvitationsOrCancellations", UPDATES)?;
    each(&required(operation, "ItemChanges")?.children, "UpdateItem", &["Items"], |change| {
        organisation.faults.refuse_write()?;
        let id = ["ItemId", "OccurrenceItemId", "RecurringMasterItemId"].iter().find_map(|n| change.child(n));
        let id = id.ok_or_else(|| Fault::schema("The element 'ItemChange' has no id."))?;
        let (mailbox, number, index) = organisation.find_item(caller, id)?;
        let stored = organisation.item(mailbox, number)?.clone();
        let before = match index {
            Some(index) => series::at(&stored, index)?.1,
            None => stored.clone(),
        };
        let missing = |code| Refusal::new(code, "Required attribute is missing from the request.");
        if before.class == Class::CalendarItem && updates.is_none() {
            return Err(missing("ErrorSendMeetingInvitationsOrCancellationsRequired").into());
        }
        if before.class == Class::Message && disposition.is_none() {
            return Err(missing("ErrorMessageDispositionRequired").into());
        }
        check_change_key(organisation.mailboxes[mailbox].guid, id, before.changed, conflicts)?;
        let mut item = before.clone();
        let updates_asked = &required(change, "Updates")?.children;
        for field in updates_asked {
            write::change(&mut item, field, caller)?;
        }
        if index.is_none() {
            let rule_was_set = updates_asked.iter().any(sets_rule);
            series::settle(&before, &mut item, rule_was_set);
        }
        calendar::finish(&mut item, caller)?;
        if item.class == Class::CalendarItem {
            calendar::mail_updated(
                organisation,
                mailbox,
                &before,
                &mut item,
                updates.unwrap_or("SendToNone"),
            );
        }
        if disposition.is_some_and(|d| d != "SaveOnly") && item.class == Class::Message {
            create::send(organisation, mailbox, &mut item)?;
        }
        let by = organisation.accounts[caller.acting].name.clone();
        let kept = match index {
            Some(index) => {
                let mut master = stored;
                series::change(&mut master, index, &item)?;
                master
            }
            None => item,
        };
        organisation.mailboxes[mailbox].write_item(kept, &by);
        let item = organisation.item(mailbox, number)?;
        let view = View::of(organisation, mailbox, item, caller);
        let view = match index {
            Some(index) => view.showing(series::at(item, index)?),
            None => view,
        };
        let shown = view.element(&ItemShape::id_only());
        Ok(vec![
            Element::m("Items").with(shown),
            Element::m("ConflictResults").with(Element::t("Count").text("0")),
        ])
    })
}

/// Whether a change sets (or clears) the rule of a series.
fn sets_rule(change: &Element) -> bool {
    change.children.first().and_then(|path| path.attribute("FieldURI")) == Some("calendar:Recurrence")
}

/// Compares the change key of the request with the item's. `AutoResolve` lets changes of other fields pass; the sandbox
/// then takes the client's value, as Exchange does where it can merge.
fn check_change_key(mailbox: uuid::Uuid, id: &Element, changed: u64, conflicts: &str) -> Result<(), Refusal> {
    if conflicts == "AlwaysOverwrite" {
        return Ok(());
    }
    let Some(key) = id.attribute("ChangeKey") else {
        return Err(Refusal::new("ErrorChangeKeyRequired", "The change key is required for this operation."));
    };
    let Some(at) = ids::change_of(key, mailbox) else {
        return Err(Refusal::new("ErrorInvalidChangeKey", "The change key is invalid."));
    };
    if at != changed && conflicts == "NeverOverwrite" {
        return Err(Refusal::new(
            "ErrorIrresolvableConflict",
            "The send or update operation could not be performed because the change key passed in the request does \
             not match the current change key for the item.",
        ));
    }
    Ok(())
}
