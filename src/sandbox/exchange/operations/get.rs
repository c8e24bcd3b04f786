//! GetItem.

use super::super::fault::{Fault, Refusal};
use super::super::organisation::{Caller, Organisation};
use super::super::recurrence::Recurrence;
use super::super::shape::ItemShape;
use super::super::show::View;
use super::super::xml::Element;
use super::super::{calendar, mailbox::Item};
use super::{each, required};
use chrono::{DateTime, Utc};

pub(super) fn get_item(
    organisation: &mut Organisation,
    caller: &Caller,
    operation: &Element,
) -> Result<Element, Fault> {
    let shape = ItemShape::parse(operation)?;
    each(&required(operation, "ItemIds")?.children, "GetItem", &["Items"], |id| {
        if id.name != "ItemId" {
            return Err(Refusal::new("ErrorInvalidRequest", "The sandbox takes ItemId only.").into());
        }
        let (mailbox, number, index) = organisation.find_item(caller, id)?;
        let item = organisation.item(mailbox, number)?;
        let mut view = View::of(organisation, mailbox, item, caller);
        if let Some(index) = index {
            view.occurrence = Some((index, occurrence(item, index)?));
        }
        Ok(vec![Element::m("Items").with(view.element(&shape))])
    })
}

/// The start of the n-th occurrence (from 1) of a series.
pub(super) fn occurrence(item: &Item, index: u32) -> Result<DateTime<Utc>, Refusal> {
    let out_of_range = || {
        Refusal::new(
            "ErrorCalendarOccurrenceIndexIsOutOfRecurrenceRange",
            "Occurrence with the specified index couldn't be found.",
        )
    };
    let recurrence = item.properties.get("calendar:Recurrence").ok_or_else(out_of_range)?;
    let recurrence = Recurrence::parse(recurrence).map_err(|fault| fault.refusal)?;
    let start = calendar::instant(item, "calendar:Start").ok_or_else(out_of_range)?;
    let at = (index as usize).checked_sub(1).ok_or_else(out_of_range)?;
    recurrence.occurrences(start, calendar::zone(item)).nth(at).ok_or_else(out_of_range)
}
