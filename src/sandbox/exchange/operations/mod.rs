//! The operations of the EWS service description (services.wsdl), one file for each family.

mod attachments;
mod convert;
mod create;
mod delete;
mod find;
pub(super) mod folders;
mod get;
mod names;
mod restriction;
mod sync;
mod update;
mod zones;

use super::fault::{Fault, Refusal};
use super::organisation::{Caller, Organisation};
use super::xml::Element;

/// Runs an operation.
pub(super) fn run(
    organisation: &mut Organisation,
    caller: &Caller,
    operation: &Element,
) -> Result<Element, Fault> {
    match &*operation.name {
        "GetItem" => get::get_item(organisation, caller, operation),
        "CreateItem" => create::create_item(organisation, caller, operation),
        "GetAttachment" => attachments::get_attachment(organisation, caller, operation),
        "CreateAttachment" => attachments::create_attachment(organisation, caller, operation),
        "DeleteAttachment" => attachments::delete_attachment(organisation, caller, operation),
        "UpdateItem" => update::update_item(organisation, caller, operation),
        "DeleteItem" => delete::delete_item(organisation, caller, operation),
        "MoveItem" => delete::move_item(organisation, caller, operation),
        "FindItem" => find::find_item(organisation, caller, operation),
        "SyncFolderItems" => sync::sync_folder_items(organisation, caller, operation),
        "SyncFolderHierarchy" => sync::sync_folder_hierarchy(organisation, caller, operation),
        "GetFolder" => folders::get_folder(organisation, caller, operation),
        "FindFolder" => folders::find_folder(organisation, caller, operation),
        "CreateFolder" => folders::create_folder(organisation, caller, operation),
        "UpdateFolder" => folders::update_folder(organisation, caller, operation),
        "DeleteFolder" => folders::delete_folder(organisation, caller, operation),
        "ResolveNames" => names::resolve_names(organisation, caller, operation),
        "ConvertId" => convert::convert_id(organisation, operation),
        "GetServerTimeZones" => Ok(zones::get_server_time_zones(operation)),
        other => {
            Err(Refusal::new("ErrorInvalidRequest", format!("The sandbox has no operation {other}.")).into())
        }
    }
}

/// A reply of the usual form: `XResponse` / `ResponseMessages` / one message for each thing asked for.
fn response(operation: &'static str, messages: Vec<Element>) -> Element {
    let name = format!("{operation}Response");
    Element::m(name).with(Element::m("ResponseMessages").with_all(messages))
}

/// One response message. `on_error` are the children that the schema wants in a failed one, too.
fn message(
    operation: &'static str,
    result: Result<Vec<Element>, Refusal>,
    on_error: &[&'static str],
) -> Element {
    let element = Element::m(format!("{operation}ResponseMessage"));
    match result {
        Ok(children) => element
            .attr("ResponseClass", "Success")
            .with(Element::m("ResponseCode").text("NoError"))
            .with_all(children),
        Err(refusal) => element
            .attr("ResponseClass", "Error")
            .with_all(refusal.message_children())
            .with_all(on_error.iter().map(|name| Element::m(*name))),
    }
}

/// One message for each part of a request. A fault of one part refuses the whole request only if it is a violation of
/// the schema; everything else is that part's own error.
fn each<'a, T: 'a>(
    parts: impl IntoIterator<Item = &'a T>,
    operation: &'static str,
    on_error: &[&'static str],
    mut work: impl FnMut(&'a T) -> Result<Vec<Element>, Fault>,
) -> Result<Element, Fault> {
    let mut messages = Vec::new();
    for part in parts {
        let result = match work(part) {
            Ok(children) => Ok(children),
            Err(fault) if fault.violation.is_none() => Err(fault.refusal),
            Err(fault) => return Err(fault),
        };
        messages.push(message(operation, result, on_error));
    }
    Ok(response(operation, messages))
}

/// A child that the schema requires.
fn required<'a>(operation: &'a Element, name: &'static str) -> Result<&'a Element, Fault> {
    operation.child(name).ok_or_else(|| {
        Fault::schema(format!(
            "The element '{}' has incomplete content: '{name}' is expected.",
            operation.name
        ))
    })
}

/// An attribute with one of the schema's words.
fn word(operation: &Element, name: &str, words: &[&'static str]) -> Result<Option<&'static str>, Fault> {
    let Some(value) = operation.attribute(name) else { return Ok(None) };
    match words.iter().find(|w| **w == value) {
        Some(word) => Ok(Some(word)),
        None => {
            Err(Fault::schema(format!("The '{name}' attribute is invalid - The value '{value}' is invalid.")))
        }
    }
}
