//! GetItem.

use super::super::fault::Fault;
use super::super::organisation::{Caller, Organisation};
use super::super::series;
use super::super::shape::ItemShape;
use super::super::show::View;
use super::super::xml::Element;
use super::{each, required};

pub(super) fn get_item(
    organisation: &mut Organisation,
    caller: &Caller,
    operation: &Element,
) -> Result<Element, Fault> {
    let shape = ItemShape::parse(operation)?;
    each(&required(operation, "ItemIds")?.children, "GetItem", &["Items"], |id| {
        let (mailbox, number, index) = organisation.find_item(caller, id)?;
        let item = organisation.item(mailbox, number)?;
        let view = View::of(organisation, mailbox, item, caller);
        let view = match index {
            Some(index) => view.showing(series::at(item, index)?),
            None => view,
        };
        Ok(vec![Element::m("Items").with(view.element(&shape))])
    })
}
