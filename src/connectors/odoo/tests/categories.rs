//! Categories as tags on a real OpenERP.

use super::*;
use crate::crm_contract::task;
use riva_core::item::{Element, Field, Item, Value};
use riva_core::ports::{Patch, StepOutcome, Written};

fn categories(names: &[&str]) -> Value {
    Value::set(names.iter().map(|name| ((*name).to_owned(), Element::plain(*name))).collect())
}

fn marker() -> Marker {
    Marker { pair: PairId(uuid::Uuid::new_v4()), generation: 1 }
}

async fn made_with(side: &dyn SilentWriter, mut item: Item, names: &[&str]) -> Written {
    let module = item.module;
    item.fields.retain(|field, _| side.capabilities().modules[&module].writes.contains(field));
    item.set(Field::Categories, categories(names));
    side.create(module, &[Draft { marker: marker(), item }]).await.expect("created").remove(0).expect("made")
}

async fn rewritten(side: &dyn SilentWriter, module: Module, was: &Written, names: &[&str]) -> Written {
    let patch = Patch {
        id: was.at.id.clone(),
        version: was.at.version.clone(),
        marker: marker(),
        set: [(Field::Categories, categories(names))].into(),
        base: was.item.as_deref().cloned().expect("read back"),
    };
    side.update(module, &[patch]).await.expect("updated").remove(0).expect("written")
}

fn shown(written: &Written) -> Option<&Value> {
    written.item.as_deref().expect("read back").get(Field::Categories)
}

/// A name that no other run has.
fn own(word: &str) -> String {
    format!("{word} {}", uuid::Uuid::new_v4().simple())
}

async fn called(admin: &Session, model: &str, name: &str) -> Vec<i64> {
    search(admin, model, vec![condition("name", "=", name)], None).await.expect("found")
}

#[tokio::test]
async fn openerp_keeps_categories_as_tags_and_mails_nobody() {
    let Some(server) = OpenErp::running() else { return };
    let (admin, crm) = (server.admin(), server.odoo());
    let side = crm.open(&crm.user(ALICE).await.expect("alice")).await.expect("alice's records");
    let _quiet = QUIET.read().await;
    let before = sent(&admin).await;
    for (model, item) in [
        ("res.partner.category", contact("Tina", "Tag")),
        ("crm.meeting.type", event("tagged", 4, false)),
        ("project.category", task("tagged", 4)),
    ] {
        let module = item.module;
        let (first, second) = (own("First"), own("Second"));
        let one = made_with(&*side, item, &[&first, &second]).await;
        assert_eq!(shown(&one), Some(&categories(&[&first, &second])), "{module}");
        // Somebody else's, which are there by the time of the next writing.
        let third = own("Third");
        let by_hand = made(&admin, model, [("name", Rpc::from(third.as_str()))]).await;
        let fourth = own("Fourth");
        let two = rewritten(&*side, module, &one, &[&second, &third, &fourth]).await;
        assert_eq!(shown(&two), Some(&categories(&[&second, &third, &fourth])), "{module}");
        assert_eq!(called(&admin, model, &third).await, [by_hand], "{module}: it was there");
        let none = rewritten(&*side, module, &two, &[]).await;
        assert_eq!(shown(&none), Some(&Value::Blank), "{module}");
        // The tags themselves stay.
        for name in [&first, &second, &fourth] {
            assert_eq!(called(&admin, model, name).await.len(), 1, "{module}");
        }
    }
    assert_eq!(sent(&admin).await, before, "somebody was told");
}

#[tokio::test]
async fn openerp_calls_a_tag_with_those_above_it_and_an_archived_one_stays() {
    let Some(server) = OpenErp::running() else { return };
    let (admin, crm) = (server.admin(), server.odoo());
    let side = crm.open(&crm.user(BOB).await.expect("bob")).await.expect("bob's records");
    let model = "res.partner.category";
    let (region, north) = (own("Region"), own("North"));
    let above = made(&admin, model, [("name", Rpc::from(region.as_str()))]).await;
    let whole = format!("{region} / {north}");
    let one = made_with(&*side, contact("Nora", "North"), &[&whole]).await;
    assert_eq!(shown(&one), Some(&categories(&[&whole])));
    let below = called(&admin, model, &north).await;
    let names = rows::read(&admin, model, &below, &["parent_id", "complete_name"]).await.expect("read");
    assert_eq!(names[&below[0]].get("parent_id").and_then(Rpc::many2one), Some(above));
    assert_eq!(
        names[&below[0]].get("complete_name"),
        Some(&Rpc::from(whole.as_str())),
        "as it is shown there"
    );
    let archived = vec![Rpc::list([below[0]]), Rpc::map([("active", Rpc::Bool(false))])];
    admin.call(model, Method::Write, archived).await.expect("archived");
    let again =
        side.fetch(Module::Contacts, std::slice::from_ref(&one.at.id)).await.expect("fetched").remove(0);
    let Fetched::Present { item, .. } = again else { panic!("{again:?}") };
    assert_eq!(item.get(Field::Categories), Some(&categories(&[&whole])));
}

#[tokio::test]
async fn openerp_says_which_tags_an_account_may_not_make() {
    let Some(server) = OpenErp::running() else { return };
    // A salesman may link tags of events, and make none.
    let alices = server.odoo_as(ALICE, "alice-pw", server.text("database")).expect("a system");
    let side = alices.open(&alices.user(ALICE).await.expect("alice")).await.expect("alice's records");
    let admin = server.admin();
    let (known, new) = (own("Known"), own("New"));
    made(&admin, "crm.meeting.type", [("name", Rpc::from(known.as_str()))]).await;
    let of_riva = server.odoo();
    let whole = of_riva.open(&of_riva.user(ALICE).await.expect("alice")).await.expect("alice's records");
    let one = made_with(&*whole, event("hers", 4, false), &[]).await;
    let two = rewritten(&*side, Module::Calendar, &one, &[&known, &new]).await;
    assert_eq!(shown(&two), Some(&categories(&[&known])));
    let said = side.remarks(Module::Calendar);
    assert!(said.len() == 1 && said[0].contains(&new) && said[0].contains("crm.meeting.type"), "{said:?}");
    assert_eq!(called(&admin, "crm.meeting.type", &new).await, [0; 0]);
    // The account of the connection may make them all.
    let steps = Steps::default();
    of_riva.test(None, &steps).await.expect("passed");
    let seen = steps.0.lock().unwrap().iter().find_map(|step| match &step.outcome {
        StepOutcome::Passed { detail } if step.step == TestStep::MayWrite => Some(detail.clone()),
        _ => None,
    });
    let seen = seen.expect("it says what may be written");
    assert!(seen.contains("categories are tags of contacts, events, tasks;"), "{seen}");
}
