//! ResolveNames: the directory by name, alias or address.

use super::super::fault::{Fault, Refusal};
use super::super::organisation::{Account, Caller, Organisation};
use super::super::xml::Element;
use super::{message, required, response, word};

/// The most matches of one reply.
const MOST: usize = 100;

pub(super) fn resolve_names(
    organisation: &mut Organisation,
    _caller: &Caller,
    operation: &Element,
) -> Result<Element, Fault> {
    let full = match operation.attribute("ReturnFullContactData") {
        Some("true" | "1") => true,
        Some("false" | "0") => false,
        _ => return Err(Fault::schema("The required attribute 'ReturnFullContactData' is missing.")),
    };
    let scopes = ["ActiveDirectory", "ActiveDirectoryContacts", "Contacts", "ContactsActiveDirectory"];
    let directory = word(operation, "SearchScope", &scopes)? != Some("Contacts");
    let wanted = required(operation, "UnresolvedEntry")?.text.trim().to_owned();
    if wanted.is_empty() {
        return Err(Fault::schema("The 'UnresolvedEntry' element is invalid: it is empty."));
    }
    let found = if directory { find(&organisation.accounts, &wanted) } else { Vec::new() };
    if found.is_empty() {
        let refusal = Refusal::new("ErrorNameResolutionNoResults", "No results were found.");
        return Ok(response("ResolveNames", vec![message("ResolveNames", Err(refusal), &[])]));
    }
    let set = Element::m("ResolutionSet")
        .attr("TotalItemsInView", found.len().to_string())
        .attr("IncludesLastItemInRange", (found.len() <= MOST).to_string())
        .with_all(found.iter().take(MOST).map(|account| {
            let mut resolution =
                Element::t("Resolution").with(organisation.mailbox_element("Mailbox", &account.address));
            if full {
                resolution.children.push(contact(account));
            }
            resolution
        }));
    let element = if found.len() == 1 {
        message("ResolveNames", Ok(vec![set]), &[])
    } else {
        Element::m("ResolveNamesResponseMessage")
            .attr("ResponseClass", "Warning")
            .with_all(
                Refusal::new("ErrorNameResolutionMultipleResults", "Multiple results were found.")
                    .message_children(),
            )
            .with(set)
    };
    Ok(response("ResolveNames", vec![element]))
}

/// Ambiguous name resolution: a whole address, or the beginning of a name, alias or address.
fn find<'a>(accounts: &'a [Account], wanted: &str) -> Vec<&'a Account> {
    let wanted = wanted.to_lowercase();
    let wanted = wanted.strip_prefix("smtp:").unwrap_or(&wanted);
    let exact: Vec<_> = accounts
        .iter()
        .filter(|a| a.address.to_lowercase() == wanted || a.login.to_lowercase() == wanted)
        .collect();
    if !exact.is_empty() {
        return exact;
    }
    accounts
        .iter()
        .filter(|a| {
            [&a.name, &a.given, &a.family, &a.address]
                .into_iter()
                .any(|n| n.to_lowercase().starts_with(wanted))
                || format!("{}, {}", a.family, a.given).to_lowercase().starts_with(wanted)
                || format!("{} {}", a.family, a.given).to_lowercase().starts_with(wanted)
        })
        .collect()
}

/// What the directory knows of somebody, as `Contact`.
fn contact(account: &Account) -> Element {
    let mut contact = Element::t("Contact").with(Element::t("DisplayName").text(&account.name));
    let mut text = |name: &'static str, value: &str| {
        if !value.is_empty() {
            contact.children.push(Element::t(name).text(value));
        }
    };
    text("GivenName", &account.given);
    let address = Element::t("Entry").attr("Key", "EmailAddress1").text(format!("SMTP:{}", account.address));
    contact.children.push(Element::t("EmailAddresses").with(address));
    if !account.phone.is_empty() {
        let phone = Element::t("Entry").attr("Key", "BusinessPhone").text(&account.phone);
        contact.children.push(Element::t("PhoneNumbers").with(phone));
    }
    contact.children.push(Element::t("ContactSource").text("ActiveDirectory"));
    let mut text = |name: &'static str, value: &str| {
        if !value.is_empty() {
            contact.children.push(Element::t(name).text(value));
        }
    };
    text("Department", &account.department);
    text("JobTitle", &account.title);
    text("Surname", &account.family);
    contact
}
