//! Messages that were sent or came in.

use super::fault::Fault;
use super::mailbox::Item;
use super::organisation::{Caller, Organisation};
use super::properties::Class;
use super::xml::Element;
use super::{fill, time, write};
use crate::seed::{Person, SeedMessage};
use chrono::NaiveDate;
use uuid::Uuid;

/// What a message has once it was sent, whoever made it: a Message-ID, and somebody who wrote it.
pub(super) fn complete(item: &mut Item, owner: &str) {
    let domain = owner.rsplit_once('@').map_or("localhost", |(_, domain)| domain);
    let mut put = |uri: &str, element: Element| {
        item.properties.entry(uri.to_owned()).or_insert(element);
    };
    put(
        "message:InternetMessageId",
        Element::t("InternetMessageId").text(format!("<{}@{domain}>", Uuid::new_v4().simple())),
    );
    put("message:From", Element::t("From").with(mailbox(owner)));
    // Nobody here sends on behalf of somebody else.
    let from = item.properties.get("message:From").map(|from| from.children.clone()).unwrap_or_default();
    item.properties.entry("message:Sender".to_owned()).or_insert_with(|| Element::t("Sender").with_all(from));
}

fn mailbox(address: &str) -> Element {
    Element::t("Mailbox")
        .with(Element::t("Name").text(address))
        .with(Element::t("EmailAddress").text(address))
        .with(Element::t("RoutingType").text("SMTP"))
}

/// A message of the company file.
pub(super) fn fill(
    organisation: &mut Organisation,
    at: usize,
    seed: &SeedMessage,
    person: &Person,
    caller: &Caller,
    today: NaiveDate,
) -> Result<(), Fault> {
    let folder = if seed.from.is_some() { "inbox" } else { "sentitems" };
    let Some(folder) = organisation.mailboxes[at].distinguished(folder) else { return Ok(()) };
    let list = |name: &'static str, all: Vec<&String>| {
        let all: Vec<Element> = all.into_iter().map(|address| mailbox(address)).collect();
        (!all.is_empty()).then(|| Element::t(name).with_all(all))
    };
    let to = seed.from.iter().map(|_| &person.address).chain(&seed.to).collect();
    let from = seed.from.as_ref().unwrap_or(&person.address);
    let element = Element::t("Message")
        .with(Element::t("Subject").text(&seed.subject))
        .with(Element::t("Sensitivity").text(if seed.private { "Private" } else { "Normal" }))
        .with(Element::t("Body").attr("BodyType", "Text").text(&seed.body))
        .with_all(list("ToRecipients", to))
        .with_all(list("CcRecipients", seed.cc.iter().collect()))
        .with(Element::t("From").with(mailbox(from)))
        .with(Element::t("IsRead").text("true"));
    let mut item = fill::blank(Class::Message, folder, &person.name);
    write::fill(&mut item, &element, caller)?;
    item.created = time::from_wall(seed.at(today), caller.zone);
    item.modified = item.created;
    item.request_sent = true;
    complete(&mut item, &person.address);
    organisation.mailboxes[at].add_item(item);
    Ok(())
}
