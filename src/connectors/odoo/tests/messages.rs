//! The log of e-mail on a real OpenERP.

use super::*;
use riva_core::item::{Assigned, Body, Field, Item, MailFolder, Related, Role, Value};
use riva_core::ports::{CrmUser, Person, PersonKind, Removal, SilentWriter, StepOutcome};
use std::collections::BTreeSet;

pub(super) fn message(id: &str, people: &[(Role, &RemoteId)]) -> Draft {
    let mut item = Item::new(Module::Email);
    item.uid = Some(id.to_owned());
    item.set_text(Field::Summary, "Offer");
    item.set(Field::Body, Value::body(Body::plain("Dear Alice\n1 < 2")));
    item.set_text(Field::MailFolder, MailFolder::Inbox.as_str());
    item.set(Field::SentAt, Value::Number(1_795_421_700));
    item.set_addresses(Role::From, [("ann@far.test", "Ann Lee")]);
    item.set_addresses(Role::To, [(ALICE, ""), ("else@far.test", "")]);
    let related = |(role, id): &(Role, &RemoteId)| Related {
        role: *role,
        id: (*id).clone(),
        address: "ann@far.test".into(),
    };
    item.set_related(people.iter().map(related));
    Draft { marker: Marker { pair: PairId(uuid::Uuid::new_v4()), generation: 1 }, item }
}

/// A Message-ID that no other run has used.
pub(super) fn message_id() -> String {
    format!("<{}@far.test>", uuid::Uuid::new_v4())
}

async fn rows_of(admin: &Session, message_id: &str) -> Vec<Rpc> {
    let columns = [
        "model",
        "res_id",
        "subject",
        "body",
        "date",
        "email_from",
        "author_id",
        "subtype_id",
        "partner_ids",
    ];
    let domain = vec![condition("message_id", "=", message_id)];
    let found = search(admin, "mail.message", domain, None).await.expect("messages");
    rows::read(admin, "mail.message", &found, &columns).await.expect("read").into_values().collect()
}

#[tokio::test]
async fn openerp_logs_a_message_once_on_all_whom_it_concerns_and_tells_nobody() {
    let Some(server) = OpenErp::running() else { return };
    let (admin, crm) = (server.admin(), server.odoo());
    let side = crm.open(&crm.user(ALICE).await.expect("alice")).await.expect("alice's records");
    let log = side.message_log().expect("a log");
    let person = |name: &str| [("name", Rpc::from(name)), ("email", Rpc::from("ann@far.test"))];
    let contact = made(&admin, "res.partner", person("Ann Lee")).await;
    let fan =
        made(&admin, "res.partner", [("name", Rpc::from("Fan")), ("email", Rpc::from("fan@far.test"))]).await;
    let lead = made(
        &admin,
        "crm.lead",
        [("name", "Wants"), ("type", "lead"), ("email_from", "Lena <lena@far.test>")]
            .map(|(k, v)| (k, Rpc::from(v))),
    )
    .await;
    for (model, row) in [("res.partner", contact), ("crm.lead", lead)] {
        follow(&admin, model, row, fan).await;
    }
    let _quiet = QUIET.read().await;
    let before = sent(&admin).await;

    let asked = [ALICE, "ANN@far.test", "lena@far.test", "nobody@far.test", "left@example.test"];
    let people = log.people(&asked.map(Into::into).into()).await.expect("people");
    let of = |kind, id: &str| people.iter().filter(|p| p.kind == kind).any(|p: &Person| p.id.as_str() == id);
    assert!(of(PersonKind::Contact, &contact.to_string()), "{people:?}");
    assert!(of(PersonKind::Lead, &format!("lead-{lead}")), "{people:?}");
    // A user is no contact, though the server has one for each.
    let users: Vec<_> = people.iter().filter(|p| p.address.as_str() == ALICE).map(|p| p.kind).collect();
    assert_eq!(users, [PersonKind::User]);
    assert!(people.iter().all(|p| !["nobody@far.test", "left@example.test"].contains(&p.address.as_str())));

    let (ann, lena) = (RemoteId::new(contact.to_string()), RemoteId::new(format!("lead-{lead}")));
    let me = people.iter().find(|p| p.kind == PersonKind::User).expect("alice").id.clone();
    let id = message_id();
    let drafts = [message(&id, &[(Role::From, &ann), (Role::Cc, &lena), (Role::To, &me)])];
    let written = side.create(Module::Email, &drafts).await.expect("created").remove(0).expect("made");
    let found = log.logged(&[id.clone(), message_id()]).await.expect("looked up");
    assert_eq!(found.keys().collect::<Vec<_>>(), [&id]);
    assert_eq!(found[&id], written.at);
    // Its answer was lost, and it is made again.
    side.create(Module::Email, &drafts).await.expect("created").remove(0).expect("made");
    let kept = rows_of(&admin, &id).await;
    let on: Vec<_> = kept
        .iter()
        .map(|row| (row.get("model").map(Rpc::str), row.get("res_id").and_then(Rpc::int)))
        .collect();
    assert_eq!(on, [(Some("res.partner"), Some(contact)), (Some("crm.lead"), Some(lead))]);
    for row in &kept {
        let text = |column: &str| row.get(column).map(Rpc::str).unwrap_or_default();
        assert_eq!((text("subject"), text("date")), ("Offer", "2026-11-23 08:15:00"));
        assert_eq!(text("email_from"), "Ann Lee <ann@far.test>");
        assert_eq!(row.get("author_id").and_then(Rpc::many2one), Some(contact));
        assert!(text("body").contains("1 &lt; 2") && text("body").contains("else@far.test"), "{row:?}");
        assert_eq!(
            (row.get("subtype_id"), row.get("partner_ids")),
            (Some(&Rpc::Bool(false)), Some(&Rpc::List(vec![])))
        );
    }
    assert_eq!(sent(&admin).await, before, "somebody was told");
}

#[tokio::test]
async fn openerp_logs_a_message_against_an_open_opportunity_and_tells_nobody() {
    let Some(server) = OpenErp::running() else { return };
    let (admin, crm) = (server.admin(), server.odoo());
    let (alice, bob) = (crm.user(ALICE).await.expect("alice"), crm.user(BOB).await.expect("bob"));
    let side = crm.open(&alice).await.expect("alice's records");
    assert!(side.capabilities().modules[&Module::Email].writes.contains(&Field::Record));
    let make = async |name: &str, kind: &str, owner: &CrmUser| {
        let owner: i64 = owner.id.as_str().parse().expect("a number");
        let columns = [("name", name.into()), ("type", kind.into()), ("user_id", Rpc::Int(owner))];
        made(&admin, "crm.lead", columns).await
    };
    let first = make("500 seats", "opportunity", &alice).await;
    let (won, lost) = (make("Won", "opportunity", &alice).await, make("Lost", "opportunity", &alice).await);
    let (theirs, lead) = (make("Theirs", "opportunity", &bob).await, make("Wants", "lead", &alice).await);
    let newest = make("600 seats", "opportunity", &alice).await;
    for (state, row) in [("done", won), ("cancel", lost)] {
        let stages = vec![condition("state", "=", state)];
        let stage = search(&admin, "crm.case.stage", stages, None).await.expect("found")[0];
        let closed = vec![Rpc::list([row]), Rpc::map([("stage_id", Rpc::Int(stage))])];
        admin.call("crm.lead", Method::Write, closed).await.expect("closed");
    }
    let log = side.message_log().expect("a log");
    let id = |row: i64| RemoteId::new(format!("lead-{row}"));
    let all = log.active_records(1000, &BTreeSet::new()).await.expect("records");
    let of = |row: i64| all.records.iter().position(|record| record.id == id(row));
    assert!(of(newest) < of(first) && of(newest).is_some(), "the most recently changed first: {all:?}");
    assert!([won, lost, theirs, lead].into_iter().all(|row| of(row).is_none()) && !all.more, "{all:?}");
    assert_eq!(all.records[of(first).expect("there")].name, "500 seats");
    // What has its folder already is told of for as long as it is open.
    let known = BTreeSet::from([id(first), id(won)]);
    let some = log.active_records(1, &known).await.expect("records");
    let ids: Vec<&RemoteId> = some.records.iter().map(|record| &record.id).collect();
    assert_eq!((ids, some.more), (vec![&id(newest), &id(first)], true));

    let fan =
        made(&admin, "res.partner", [("name", Rpc::from("Fan")), ("email", Rpc::from("fan@far.test"))]).await;
    follow(&admin, "crm.lead", first, fan).await;
    let _quiet = QUIET.read().await;
    let before = sent(&admin).await;
    let message_id = message_id();
    let mut draft = message(&message_id, &[]);
    draft.item.set_assigned(&Assigned { record: id(first), name: "500 seats".into() });
    let writer: Arc<dyn SilentWriter> = side;
    writer.create(Module::Email, &[draft]).await.expect("answered").remove(0).expect("logged");
    let rows = rows_of(&admin, &message_id).await;
    let on: Vec<_> = rows
        .iter()
        .map(|row| (row.get("model").map(Rpc::str), row.get("res_id").and_then(Rpc::int)))
        .collect();
    assert_eq!(on, [(Some("crm.lead"), Some(first))]);
    assert_eq!(sent(&admin).await, before, "somebody was told");
}

/// What is counted elsewhere can be otherwise.
#[tokio::test]
async fn openerp_tells_a_follower_of_a_message_with_a_subtype() {
    let Some(server) = OpenErp::running() else { return };
    let admin = server.admin();
    let _loud = QUIET.write().await;
    let fan = [("name", Rpc::from("Fan")), ("email", Rpc::from("fan@far.test"))];
    let fan = made(&admin, "res.partner", fan).await;
    let lead = made(&admin, "crm.lead", [("name", Rpc::from("Wants")), ("type", Rpc::from("lead"))]).await;
    follow(&admin, "crm.lead", lead, fan).await;
    let before = sent(&admin).await;
    let named = vec![condition("name", "=", "mt_comment")];
    let named = search(&admin, "ir.model.data", named, None).await.expect("found");
    let named = rows::read(&admin, "ir.model.data", &named, &["res_id"]).await.expect("read");
    let comment = named.values().find_map(|row| row.get("res_id").and_then(Rpc::int)).expect("a subtype");
    let loud =
        [("model", Rpc::from("crm.lead")), ("res_id", Rpc::Int(lead)), ("subtype_id", Rpc::Int(comment))];
    made(&admin, "mail.message", loud).await;
    assert_ne!(sent(&admin).await, before, "the other tests show nothing");
}

#[tokio::test]
async fn openerp_is_told_why_a_message_cannot_be_logged_and_the_next_one_is() {
    let Some(server) = OpenErp::running() else { return };
    let (admin, crm) = (server.admin(), server.odoo());
    let side: Arc<dyn SilentWriter> =
        crm.open(&crm.user(BOB).await.expect("bob")).await.expect("bob's records");
    let contact = made(&admin, "res.partner", [("name", Rpc::from("Ann Lee"))]).await;
    let ann = RemoteId::new(contact.to_string());
    let nobody = RemoteId::new("999999");
    let ids = [message_id(), message_id()];
    let drafts = [
        message(&ids[0], &[(Role::From, &ann), (Role::To, &nobody)]),
        message(&ids[1], &[(Role::From, &ann)]),
    ];
    let answers = side.create(Module::Email, &drafts).await.expect("answered");
    assert!(answers[0].is_err() && answers[1].is_ok(), "{answers:?}");
    // All of its rows, or none.
    assert_eq!(rows_of(&admin, &ids[0]).await.len(), 0);
    assert_eq!(rows_of(&admin, &ids[1]).await.len(), 1);
}

#[tokio::test]
async fn openerp_takes_out_of_the_log_what_was_put_there_and_nothing_else() {
    let Some(server) = OpenErp::running() else { return };
    let (admin, crm) = (server.admin(), server.odoo());
    let side = crm.open(&crm.user(ALICE).await.expect("alice")).await.expect("alice's records");
    let _quiet = QUIET.read().await;
    let before = sent(&admin).await;
    let contact = async |name: &str| made(&admin, "res.partner", [("name", Rpc::from(name))]).await;
    let (ann, ben) = (contact("Ann Lee").await, contact("Ben Lee").await);
    let [of_ann, of_ben] = [ann, ben].map(|row| RemoteId::new(row.to_string()));
    let (id, theirs) = (message_id(), message_id());
    let draft = message(&id, &[(Role::From, &of_ann), (Role::Cc, &of_ben)]);
    let logged = side.create(Module::Email, &[draft]).await.expect("created").remove(0).expect("made");
    // A person's comment on the same message, and a message that a person has logged.
    let note = |name: &str| {
        [("model", Rpc::from("res.partner")), ("res_id", Rpc::Int(ann)), ("message_id", Rpc::from(name))]
    };
    made(&admin, "mail.message", note(&id)).await;
    made(&admin, "mail.message", note(&theirs)).await;
    assert_eq!(rows_of(&admin, &id).await.len(), 3);

    let at = side.message_log().expect("a log").logged(std::slice::from_ref(&theirs)).await.expect("found");
    let moved = Removal { id: logged.at.id.clone(), version: Version::new("2001-01-01 00:00:00") };
    let not_ours = Removal { id: at[&theirs].id.clone(), version: at[&theirs].version.clone() };
    let gone = Removal { id: RemoteId::new("999999"), version: logged.at.version.clone() };
    let ours = Removal { id: logged.at.id, version: logged.at.version };
    let all = [moved, not_ours, gone, ours.clone()];
    let answers = side.delete(Module::Email, &all).await.expect("answered");
    assert!(
        matches!(
            &answers[..],
            [Err(ItemError::VersionMoved), Err(ItemError::Forbidden { .. }), Err(ItemError::Gone), Ok(())]
        ),
        "{answers:?}"
    );
    assert_eq!(rows_of(&admin, &id).await.len(), 1);
    assert_eq!(rows_of(&admin, &theirs).await.len(), 1);
    assert_eq!(side.delete(Module::Email, &[ours]).await.expect("answered"), [Err(ItemError::Gone)]);
    assert_eq!(sent(&admin).await, before, "somebody was told");
}

/// What the last step of a connection test says.
async fn may_write(crm: &dyn CrmSystem) -> String {
    let steps = Steps::default();
    crm.test(None, &steps).await.expect("passed");
    let steps = steps.0.lock().unwrap();
    let step = steps.iter().find(|s| s.step == TestStep::MayWrite).expect("the rights are looked at");
    let StepOutcome::Passed { detail } = &step.outcome else { panic!("{step:?}") };
    detail.clone()
}

#[tokio::test]
async fn the_connection_test_says_whether_email_can_be_logged() {
    let bare = tasks::without_applications().await;
    let said =
        may_write(&*odoo(&bare.uri(), "svc", PASSWORD, &[("database", "db")]).expect("a system")).await;
    assert!(said.contains("e-mail cannot be logged: ") && said.contains("mail.message"), "{said}");
    let Some(server) = OpenErp::running() else { return };
    let said = may_write(&*server.odoo()).await;
    assert!(said.ends_with("; e-mail can be logged"), "{said}");
}
