//! Leads on a real OpenERP.

use super::*;
use riva_core::item::{Body, Element, Field, Item, Value};
use riva_core::ports::{Change, FeedChange, Patch, Removal, SilentWriter};

async fn feed_since(crm: &dyn CrmSystem, cursor: &Cursor) -> Vec<FeedChange> {
    let page = crm.feed(Module::Contacts, Some(cursor)).await.expect("a page of the feed");
    assert!(!page.more);
    page.changes
}

async fn listed(side: &dyn SilentWriter) -> Vec<RemoteId> {
    let (mut after, mut all) = (None, Vec::new());
    loop {
        let page = side.list(Module::Contacts, None, after.as_ref()).await.expect("a page of the list");
        all.extend(page.items.into_iter().map(|item| item.id));
        match page.next {
            Some(next) => after = Some(next),
            None => return all,
        }
    }
}

fn lead_id(row: i64) -> RemoteId {
    RemoteId::new(format!("lead-{row}"))
}

/// What is made when a person enters a lead.
fn lead(owner: &CrmUser, more: &[(&str, Rpc)]) -> Vec<(String, Rpc)> {
    let owner: i64 = owner.id.as_str().parse().expect("a number");
    let columns = [
        ("name", Rpc::from("Asks for an offer")),
        ("type", Rpc::from("lead")),
        ("user_id", Rpc::Int(owner)),
        ("email_from", Rpc::from("lena@acme.test")),
    ];
    columns.iter().chain(more).map(|(column, value)| ((*column).to_owned(), value.clone())).collect()
}

fn present(fetched: &Fetched) -> (&Version, Option<Marker>, &Item) {
    match fetched {
        Fetched::Present { version, marker, item, .. } => (version, *marker, item),
        other => panic!("not there: {other:?}"),
    }
}

#[tokio::test]
async fn openerp_shows_a_users_leads_as_contacts_and_mails_nobody() {
    let Some(server) = OpenErp::running() else { return };
    let (admin, crm) = (server.admin(), server.odoo());
    let (alice, bob) = (crm.user(ALICE).await.expect("alice"), crm.user(BOB).await.expect("bob"));
    let side = crm.open(&alice).await.expect("alice's records");
    let start = crm.feed(Module::Contacts, None).await.expect("the feed's start").cursor;
    let follower =
        made(&admin, "res.partner", [("name", Rpc::from("Fan")), ("email", Rpc::from("fan@far.test"))]).await;
    let names = [("contact_name", Rpc::from("Lena Lee")), ("partner_name", Rpc::from("Acme"))];
    let row = made(&admin, "crm.lead", lead(&alice, &names)).await;
    follow(&admin, "crm.lead", row, follower).await;
    let others = [
        made(&admin, "crm.lead", lead(&alice, &[("type", Rpc::from("opportunity"))])).await,
        made(&admin, "crm.lead", lead(&bob, &[])).await,
    ];
    let _quiet = QUIET.read().await;
    let before = sent(&admin).await;

    // It is listed, and neither an opportunity nor somebody else's is.
    let (id, all) = (lead_id(row), listed(&*side).await);
    assert!(all.contains(&id), "{all:?}");
    let others = others.map(lead_id);
    assert!(others.iter().all(|other| !all.contains(other)), "{all:?}");
    let shown = side.fetch(Module::Contacts, &[id.clone(), others[0].clone(), others[1].clone()]).await;
    let shown = shown.expect("fetched");
    assert_eq!(shown[1..], [Fetched::OutOfScope, Fetched::OutOfScope]);
    let (version, _, item) = present(&shown[0]);
    assert!(item.is_lead());
    assert_eq!(item.title(), "Lena Lee");
    let told = feed_since(&*crm, &start).await;
    let seen = Change::Seen { id: id.clone(), version: version.clone() };
    let told = told.iter().find(|change| change.change == seen).expect("it is in the feed");
    assert_eq!(told.concerns, [alice.id.clone()].into());

    // An edit of the mailbox goes to its columns, and its subject stays.
    let marker = Marker { pair: PairId(uuid::Uuid::new_v4()), generation: 1 };
    let phones = [("work".to_owned(), Element::plain("+49 30 1234"))].into();
    let set =
        [(Field::Phones, Value::set(phones)), (Field::Notes, Value::body(Body::plain("met at the fair")))];
    let patch = |version: &Version| Patch {
        id: id.clone(),
        version: version.clone(),
        marker,
        set: set.clone().into(),
        base: item.clone(),
    };
    let stale = side.update(Module::Contacts, &[patch(&Version::new("1999-01-01 00:00:00"))]).await;
    assert_eq!(stale.expect("answered")[0], Err(ItemError::VersionMoved));
    let done = side.update(Module::Contacts, &[patch(version)]).await.expect("updated").remove(0);
    let now = done.expect("written");
    let mut wanted = item.clone();
    wanted.fields.extend(set.clone());
    assert_eq!(now.item.as_deref(), Some(&wanted));
    let kept = rows::read(&admin, "crm.lead", &[row], &["name", "phone", "description"]).await.expect("read");
    assert_eq!(kept[&row].get("name"), Some(&Rpc::from("Asks for an offer")));
    assert_eq!(kept[&row].get("description"), Some(&Rpc::from("met at the fair")));

    // It is found by its marker, next to contacts.
    let tagged = side.tag(Module::Contacts, &[(now.at.clone(), marker)]).await.expect("tagged");
    assert_eq!(tagged, [Ok(now.at.clone())]);
    let probed = side.probe(Module::Contacts, &[marker]).await.expect("probed");
    assert_eq!(probed, [vec![now.at.clone()]]);
    let shown = side.fetch(Module::Contacts, std::slice::from_ref(&id)).await.expect("fetched");
    assert_eq!(present(&shown[0]).1, Some(marker));

    // Converted: it has become the contact.
    let contact = made(&admin, "res.partner", [("name", Rpc::from("Lena Lee"))]).await;
    let converted = [("type", Rpc::from("opportunity")), ("partner_id", Rpc::Int(contact))];
    let converted = vec![Rpc::list([row]), Rpc::map(converted)];
    admin.call("crm.lead", Method::Write, converted).await.expect("converted");
    let shown = side.fetch(Module::Contacts, std::slice::from_ref(&id)).await.expect("fetched");
    assert_eq!(shown, [Fetched::Became { id: RemoteId::new(contact.to_string()) }]);
    assert!(!listed(&*side).await.contains(&id));
    assert_eq!(sent(&admin).await, before, "somebody was told");
}

#[tokio::test]
async fn openerp_archives_a_lead_that_is_deleted_in_the_mailbox() {
    let Some(server) = OpenErp::running() else { return };
    let (admin, crm) = (server.admin(), server.odoo());
    let bob = crm.user(BOB).await.expect("bob");
    let side = crm.open(&bob).await.expect("bob's records");
    let start = crm.feed(Module::Contacts, None).await.expect("the feed's start").cursor;
    let id = lead_id(made(&admin, "crm.lead", lead(&bob, &[])).await);
    let shown = side.fetch(Module::Contacts, std::slice::from_ref(&id)).await.expect("fetched");
    // It has neither a person's name nor a company's.
    assert_eq!(present(&shown[0]).2.title(), "Asks for an offer");
    let removal = Removal { id: id.clone(), version: present(&shown[0]).0.clone() };
    assert_eq!(side.delete(Module::Contacts, &[removal]).await.expect("deleted"), [Ok(())]);
    assert_eq!(
        side.fetch(Module::Contacts, std::slice::from_ref(&id)).await.expect("fetched"),
        [Fetched::Gone]
    );
    let told = feed_since(&*crm, &start).await;
    assert!(told.iter().any(|change| change.change == Change::Deleted { id: id.clone() }), "{told:?}");
}
