//! The log of e-mail.

use super::*;
use riva_core::fault::ItemError;
use riva_core::item::{Body, MailFolder, Related, Role};
use riva_core::ports::{MessageLog, Person, PersonKind, SilentWriter};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

pub(super) const ANN: &str = "ann@far.example";

impl House {
    /// Something that a user makes in the CRM; its id.
    pub(super) fn made(&self, object: &str, fields: serde_json::Value) -> RemoteId {
        let serde_json::Value::Object(fields) = fields else { panic!("fields") };
        RemoteId::new(self.org().edit(PRIYA, &Edit::Create { object: object.into(), fields }).unwrap())
    }

    pub(super) fn deleted(&self, object: &str, id: &RemoteId) {
        self.org().edit(PRIYA, &Edit::Delete { object: object.into(), id: id.to_string() }).unwrap();
    }

    fn contact(&self, name: &str, email: &str) -> RemoteId {
        self.made("Contact", json!({"LastName": name, "Email": email}))
    }
}

pub(super) fn message(id: &str, people: &[(Role, &RemoteId)]) -> Draft {
    let mut item = Item::new(Module::Email);
    item.uid = Some(id.to_owned());
    item.set_text(Field::Summary, "Offer");
    item.set(Field::Body, Value::body(Body::plain("Dear Priya\n1 < 2")));
    item.set_text(Field::MailFolder, MailFolder::Inbox.as_str());
    item.set(Field::SentAt, Value::Number(1_795_421_700));
    item.set_addresses(Role::From, [(ANN, "Ann Lee")]);
    item.set_addresses(Role::To, [(PRIYA, ""), ("else@far.example", "")]);
    item.set_related(people.iter().map(|(role, id)| Related {
        role: *role,
        id: (*id).clone(),
        address: if *role == Role::From { ANN.into() } else { PRIYA.into() },
    }));
    draft(item)
}

async fn logged(log: &dyn MessageLog, ids: &[&str]) -> BTreeMap<String, RemoteId> {
    let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
    log.logged(&ids).await.unwrap().into_iter().map(|(id, at)| (id, at.id)).collect()
}

#[tokio::test]
async fn everybody_with_an_address_is_known() {
    let house = House::open(true).await;
    let crm = house.crm(&house.password(), &[SYNC_KEY]);
    let side = crm.open(&crm.user(PRIYA).await.unwrap()).await.unwrap();
    let one = house.contact("Lee", ANN);
    let two = house.contact("Lee the second", "Ann@FAR.example");
    let gone = house.contact("Gone", ANN);
    house.deleted("Contact", &gone);
    let lead = |name: &str| json!({"LastName": name, "Company": "Acme", "Email": "lena@acme.example"});
    let lead_of = |name| house.made("Lead", lead(name));
    let (open, converted) = (lead_of("Open"), lead_of("Converted"));
    let became =
        RemoteId::new(house.org().edit(PRIYA, &Edit::Convert { id: converted.to_string() }).unwrap());
    // Enough for more than one question.
    let others = (0..400).map(|n| format!("nobody-{n:03}@far-away-and-unknown.example"));
    let asked: BTreeSet<_> = others
        .chain([ANN.into(), "LENA@acme.example".into(), PRIYA.into(), "it's@far.example".into()])
        .map(Into::into)
        .collect();
    let mut people = side.message_log().unwrap().people(&asked).await.unwrap();
    people.sort_by(|a, b| (a.kind, &a.id).cmp(&(b.kind, &b.id)));
    let person =
        |address: &str, kind, id: &RemoteId| Person { address: address.into(), kind, id: id.clone() };
    let me = RemoteId::new(crm.user(PRIYA).await.unwrap().id.as_str());
    let mut wanted = vec![
        person(ANN, PersonKind::Contact, &one),
        person(ANN, PersonKind::Contact, &two),
        person("lena@acme.example", PersonKind::Contact, &became),
        person("lena@acme.example", PersonKind::Lead, &open),
        person(PRIYA, PersonKind::User, &me),
    ];
    wanted.sort_by(|a, b| (a.kind, &a.id).cmp(&(b.kind, &b.id)));
    assert_eq!(people, wanted);
}

#[tokio::test]
async fn a_message_is_logged_with_its_people_and_found_again() {
    let house = House::open(true).await;
    let crm = house.crm(&house.password(), &[SYNC_KEY]);
    let user = crm.user(PRIYA).await.unwrap();
    let side = crm.open(&user).await.unwrap();
    let log = side.message_log().unwrap();
    let (ann, me) = (house.contact("Lee", ANN), RemoteId::new(user.id.as_str()));
    let drafts = [message("<1@far.example>", &[(Role::From, &ann), (Role::To, &me)])];
    let written = side.create(Module::Email, &drafts).await.unwrap().remove(0).unwrap();
    let kept = house.org().messages().remove(0);
    for (field, value) in [
        ("Id", json!(written.at.id.as_str())),
        ("MessageIdentifier", json!("<1@far.example>")),
        ("Subject", json!("Offer")),
        ("TextBody", json!("Dear Priya\n1 < 2")),
        ("FromAddress", json!(ANN)),
        ("FromName", json!("Ann Lee")),
        ("ToAddress", json!("else@far.example")),
        ("Incoming", json!(true)),
        ("Status", json!("1")),
        ("MessageDate", json!("2026-11-23T08:15:00.000+0000")),
    ] {
        assert_eq!(kept[field], value, "{field}: {kept}");
    }
    let people = kept["people"].as_array().unwrap();
    let people: BTreeSet<_> = people
        .iter()
        .map(|p| (p["RelationType"].as_str().unwrap(), p["RelationId"].as_str().unwrap()))
        .collect();
    assert_eq!(people, BTreeSet::from([("FromAddress", ann.as_str()), ("ToAddress", me.as_str())]));

    // By somebody else, without the angle brackets; and one that was deleted since.
    house
        .made("EmailMessage", json!({"MessageIdentifier": "2@far.example", "Status": "1", "Incoming": true}));
    let gone = house.made("EmailMessage", json!({"MessageIdentifier": "<3@far.example>", "Status": "1"}));
    house.deleted("EmailMessage", &gone);
    let endless = format!("<{}@far.example>", "x".repeat(700));
    let mut asked: Vec<String> =
        (100..400).map(|n| format!("<{n}-some-quite-long-message-id@far.example>")).collect();
    asked.extend(
        ["<1@far.example>", "<2@far.example>", "<3@far.example>", "<1@FAR.example>", "<it's\\4>", &endless]
            .map(str::to_owned),
    );
    let asked: Vec<&str> = asked.iter().map(String::as_str).collect();
    let found = logged(log, &asked).await;
    assert_eq!(found.keys().collect::<Vec<_>>(), ["<1@far.example>", "<2@far.example>", "<3@far.example>"]);
    assert_eq!((&found["<1@far.example>"], &found["<3@far.example>"]), (&written.at.id, &gone));
    assert_eq!(house.org().mails(), Vec::<String>::new());
}

#[tokio::test]
async fn a_message_whose_answer_is_lost_is_found_by_its_message_id() {
    let house = House::open(true).await;
    let crm = house.crm(&house.password(), &[SYNC_KEY]);
    let side = crm.open(&crm.user(PRIYA).await.unwrap()).await.unwrap();
    let ann = house.contact("Lee", ANN);
    house.org().lose_replies(1);
    let drafts = [message("<1@far.example>", &[(Role::From, &ann)])];
    let lost = side.create(Module::Email, &drafts).await;
    assert!(matches!(lost, Err(CallError::InDoubt(_))), "{lost:?}");
    assert_eq!(logged(side.message_log().unwrap(), &["<1@far.example>"]).await.len(), 1);
    assert_eq!(house.org().messages().len(), 1);
}

#[tokio::test]
async fn what_is_refused_leaves_nothing_behind_and_delays_no_other() {
    let house = House::open(true).await;
    let crm = house.crm(&house.password(), &[SYNC_KEY]);
    let side = crm.open(&crm.user(PRIYA).await.unwrap()).await.unwrap();
    let (ann, gone) = (house.contact("Lee", ANN), house.contact("Gone", "gone@far.example"));
    house.deleted("Contact", &gone);
    let long = format!("<{}@far.example>", "x".repeat(800));
    let drafts = [
        message("<1@far.example>", &[(Role::From, &gone)]),
        message(&long, &[(Role::From, &ann)]),
        message("<2@far.example>", &[(Role::From, &ann)]),
    ];
    let answers = side.create(Module::Email, &drafts).await.unwrap();
    assert!(matches!(&answers[0], Err(ItemError::NotNow(why)) if why.contains("deleted")), "{answers:?}");
    assert!(
        matches!(&answers[1], Err(ItemError::Invalid { reason }) if reason.contains("Message-ID")),
        "{answers:?}"
    );
    assert!(answers[2].is_ok(), "{answers:?}");
    let kept = house.org().messages();
    assert_eq!((kept.len(), &kept[0]["MessageIdentifier"]), (1, &json!("<2@far.example>")));
}

#[tokio::test]
async fn an_org_without_enhanced_email_keeps_no_log() {
    let house = House::with(|org| org.enhanced_email = false).await;
    let crm = house.crm(&house.password(), &[]);
    let side: Arc<dyn SilentWriter> = crm.open(&crm.user(PRIYA).await.unwrap()).await.unwrap();
    assert!(side.message_log().is_none() && side.capabilities().module(Module::Email).is_none());
    let steps = Steps::default();
    crm.test(Some(PRIYA), &steps).await.unwrap();
    let steps = steps.0.lock().unwrap();
    let StepOutcome::Passed { detail } = &steps.last().unwrap().outcome else { panic!("{steps:?}") };
    assert!(detail.contains("e-mail cannot be logged: Enhanced Email is off"), "{detail}");
}
