//! Categories as the tags of an OpenERP: what it has, what it refuses, and what happens to the making of one.

use super::cells::marker;
use super::houses::{House, Side};
use super::openerp_server::CUSTOMERS;
use super::proxy::{Delivered, Fault, Hits, Reply};
use riva_core::fault::{CallError, FaultKind};
use riva_core::item::{Element, Field, Item, Module, Value};
use riva_core::ports::{Draft, Fetched, Patch, RemoteRef};

/// The row of a tag that somebody else has made.
const BY_HAND: i64 = 800_001;

fn categories(names: &[&str]) -> Value {
    Value::set(names.iter().map(|name| ((*name).to_owned(), Element::plain(*name))).collect())
}

fn draft(house: &House, names: &[&str]) -> Draft {
    let mut item = house.item("Ann");
    item.set(Field::Categories, categories(names));
    Draft { marker: marker(), item }
}

/// Makes a contact; where it stands.
async fn made(side: &Side, draft: Draft) -> (RemoteRef, Item) {
    let written = side.side.create(Module::Contacts, &[draft]).await.unwrap().remove(0).unwrap();
    (written.at, *written.item.unwrap())
}

async fn shown(side: &Side, at: &RemoteRef) -> Item {
    let now = side.side.fetch(Module::Contacts, std::slice::from_ref(&at.id)).await.unwrap().remove(0);
    let Fetched::Present { item, .. } = now else { panic!("{now:?}") };
    *item
}

/// Writes categories over what was read; the row as it is read back, and its version.
async fn written(side: &Side, (at, base): &(RemoteRef, Item), names: &[&str]) -> (RemoteRef, Item) {
    let patch = Patch {
        id: at.id.clone(),
        version: at.version.clone(),
        marker: marker(),
        set: [(Field::Categories, categories(names))].into(),
        base: base.clone(),
    };
    let written = side.side.update(Module::Contacts, &[patch]).await.unwrap().remove(0).unwrap();
    (written.at, *written.item.unwrap())
}

fn row(at: &RemoteRef) -> i64 {
    at.id.as_str().parse().unwrap()
}

fn names(house: &House) -> Vec<String> {
    house.openerp_server().tags.values().map(|(name, _)| name.clone()).collect()
}

#[tokio::test]
async fn a_category_is_the_tag_of_that_name_and_one_that_there_is_not_is_made_in_its_place() {
    let house = House::openerp().await;
    house.openerp_server().tags.insert(BY_HAND, ("Region".into(), None));
    let side = house.direct().await;
    let first = made(&side, draft(&house, &[CUSTOMERS, "Region / North", "Art / Craft"])).await;
    assert_eq!(
        first.1.get(Field::Categories),
        Some(&categories(&[CUSTOMERS, "Region / North", "Art / Craft"]))
    );
    let tags = house.openerp_server().tags.clone();
    assert!(tags.values().any(|tag| *tag == ("North".into(), Some(BY_HAND))), "{tags:?}");
    // There is no tag Art to put it below.
    assert!(tags.values().any(|tag| *tag == ("Art / Craft".into(), None)), "{tags:?}");
    // Made once.
    let _ = made(&side, draft(&house, &["Region / North", CUSTOMERS])).await;
    assert_eq!(house.openerp_server().tags, tags);
}

#[tokio::test]
async fn a_tag_that_somebody_has_put_on_in_between_stays() {
    let house = House::openerp().await;
    house.openerp_server().tags.insert(BY_HAND, ("Gold".into(), None));
    let side = house.direct().await;
    let first = made(&side, draft(&house, &[CUSTOMERS, "Old"])).await;
    // Within the same second: no version tells of it.
    house.openerp_server().link(row(&first.0), BY_HAND);
    let now = written(&side, &first, &[CUSTOMERS, "New"]).await;
    assert_eq!(now.1.get(Field::Categories), Some(&categories(&[CUSTOMERS, "New", "Gold"])));
}

#[tokio::test]
async fn a_category_that_can_be_no_tag_is_left_out_and_told_once() {
    let house = House::openerp().await;
    house.openerp_server().forbidden = vec!["create"];
    let side = house.direct().await;
    let first = made(&side, draft(&house, &[CUSTOMERS, "New"])).await;
    assert_eq!(first.1.get(Field::Categories), Some(&categories(&[CUSTOMERS])));
    let said = side.side.remarks(Module::Contacts);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("category New ") && said[0].contains("res.partner.category"), "{said:?}");
    // Nothing of it can be written: the row is left as it is.
    let again = written(&side, &first, &[CUSTOMERS, "New"]).await;
    assert_eq!(again, first);
    assert_eq!(side.side.remarks(Module::Contacts), [""; 0]);
    assert_eq!(names(&house), [CUSTOMERS]);
}

#[tokio::test]
async fn a_name_that_the_server_would_cut_is_no_tag() {
    let house = House::openerp().await;
    let side = house.direct().await;
    let long = "x".repeat(65);
    let first = made(&side, draft(&house, &[&long, &long[..64]])).await;
    assert_eq!(first.1.get(Field::Categories), Some(&categories(&[&long[..64]])));
    assert!(side.side.remarks(Module::Contacts)[0].contains("64"));
}

#[tokio::test]
async fn what_cannot_be_seen_was_not_taken_away() {
    let house = House::openerp().await;
    let side = house.direct().await;
    let first = made(&side, draft(&house, &[CUSTOMERS])).await;
    // A rule hides a tag of it.
    house.openerp_server().tags.insert(BY_HAND, ("Secret".into(), None));
    house.openerp_server().link(row(&first.0), BY_HAND);
    let hidden = house.openerp_server().tags.remove(&BY_HAND).unwrap();
    assert_eq!(shown(&side, &first.0).await.get(Field::Categories), None);
    house.openerp_server().tags.insert(BY_HAND, hidden);
    assert_eq!(
        shown(&side, &first.0).await.get(Field::Categories),
        Some(&categories(&[CUSTOMERS, "Secret"]))
    );
    // The right is taken away: contacts go on, and tags stay.
    house.openerp_server().forbidden = vec!["read", "create"];
    assert_eq!(shown(&side, &first.0).await.get(Field::Categories), None);
    let links = house.openerp_server().links(row(&first.0));
    let again = written(&side, &first, &["New"]).await;
    assert_eq!(again.1.get(Field::Categories), None);
    assert_eq!(house.openerp_server().links(row(&first.0)), links);
    // Whoever opens it then has no such field.
    let later = house.direct().await;
    let of_contacts = later.side.capabilities().module(Module::Contacts).unwrap();
    assert!(
        !of_contacts.reads.contains(&Field::Categories) && !of_contacts.writes.contains(&Field::Categories)
    );
    assert_eq!(shown(&later, &first.0).await.get(Field::Categories), None);
}

#[tokio::test]
async fn a_contact_tagged_lead_is_no_lead_and_a_category_lead_makes_no_tag() {
    let house = House::openerp().await;
    house.openerp_server().tags.insert(BY_HAND, ("Lead".into(), None));
    let side = house.direct().await;
    let first = made(&side, draft(&house, &[CUSTOMERS])).await;
    house.openerp_server().link(row(&first.0), BY_HAND);
    let now = shown(&side, &first.0).await;
    assert!(!now.is_lead());
    assert_eq!(now.get(Field::Categories), Some(&categories(&[CUSTOMERS])));
    let linked = house.openerp_server().links(row(&first.0));
    let now = written(&side, &(first.0.clone(), now), &[CUSTOMERS, "Lead", "lead"]).await;
    assert_eq!(now, first);
    let _ = written(&side, &now, &[]).await;
    let left = house.openerp_server().links(row(&first.0));
    assert_eq!((linked.len(), left), (2, vec![BY_HAND]));
    assert_eq!(house.openerp_server().tags.len(), 2);
}

#[tokio::test]
async fn a_tag_whose_making_got_no_answer_is_found_and_not_made_again() {
    let house = House::openerp().await;
    let side = house.through_proxy().await;
    let new = draft(&house, &["New"]);
    house.proxy.set(Fault { delivered: Delivered::Once, reply: Reply::Reset }, Hits::Writes);
    let failed = side.side.create(Module::Contacts, std::slice::from_ref(&new)).await;
    // Of the contact nothing was sent yet: it is not in doubt.
    let down =
        |error: &CallError| matches!(error, CallError::Fault(f) if f.kind == FaultKind::SystemNotAvailable);
    assert!(failed.as_ref().is_err_and(down), "{failed:?}");
    assert_eq!(house.proxy.mend().delivered, 1);
    assert_eq!(house.standing(), [""; 0]);
    house.proxy.pass(std::time::Duration::from_mins(20)).await;
    let made = made(&side, new).await;
    assert_eq!(made.1.get(Field::Categories), Some(&categories(&["New"])));
    assert_eq!(names(&house), ["New", CUSTOMERS]);
}
