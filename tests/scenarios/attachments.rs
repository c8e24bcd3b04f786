//! The files of contacts, appointments and tasks, by the real agent on the sandbox.

use crate::office::Office;
use crate::pairs::sandbox::{Northwind, class};
use crate::pairs::{Pair as _, Person};
use crate::story::{Rules, TWO_WAY};
use crate::things::Kind;
use riva_core::rows::Side;
use riva_sandbox::exchange::Edit as MailEdit;
use riva_sandbox::salesforce::control::Edit as CrmEdit;
use serde_json::{Map, Value, json};

fn with(mut fields: Value, files: &[&str]) -> Map<String, Value> {
    // In base64: "hello".
    let file = |name: &&str| json!({"Name": name, "ContentType": "text/plain", "Content": "aGVsbG8="});
    fields["Attachments"] = files.iter().map(file).collect();
    let Value::Object(fields) = fields else { panic!("{fields} is an object") };
    fields
}

fn item(kind: Kind) -> Value {
    match kind {
        Kind::Contact => json!({"GivenName": "Ann", "Surname": "Vale"}),
        Kind::Event => json!({
            "Subject": "Visit", "Start": "2027-01-12T08:00:00Z", "End": "2027-01-12T09:00:00Z",
        }),
        Kind::Task => json!({"Subject": "Call"}),
    }
}

async fn files_follow_their_item(kind: Kind) {
    let story = format!("{}files", kind.word());
    let who = Person { address: format!("{story}@northwind.example"), story };
    let pair = Northwind::start(std::slice::from_ref(&who)).await;
    let mut office = Office::new(&pair, &who, kind, Rules { attachments: true, ..TWO_WAY });
    let fields = with(item(kind), &["offer.txt", "plan.txt"]);
    let create = MailEdit::Create { user: who.address.clone(), class: class(kind).into(), fields };
    let id = pair.in_mail(create).expect("an item");
    let change = |fields| {
        let (user, id) = (who.address.clone(), id.clone());
        pair.in_mail(MailEdit::Update { user, id, occurrence: None, fields });
    };
    office.sync().await;
    let record = pair.shows(&who, kind, Side::Crm).await.remove(0).0;
    let names = || pair.files_of(&record).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names(), ["offer.txt", "plan.txt"], "{}", office.activity().await.join("\n"));

    // Somebody takes one off in the CRM, and another one comes in the mailbox.
    let (_, document) = pair.files_of(&record).remove(0);
    pair.in_crm(&who, &CrmEdit::Delete { object: "ContentDocument".into(), id: document });
    assert_eq!(names(), ["plan.txt"]);
    change(with(json!({"Body": "at noon"}), &["offer.txt", "plan.txt", "route.txt"]));
    office.sync().await;
    assert_eq!(names(), ["plan.txt", "route.txt"]);
    assert_eq!(pair.shows(&who, kind, Side::Crm).await[0].1.note, "at noon");

    // What goes from the mailbox stays in the CRM.
    change(with(json!({"Body": "at one"}), &[]));
    office.sync().await;
    assert_eq!(names(), ["plan.txt", "route.txt"]);
    office.stop().await;
    assert_eq!(pair.mails().await, 0, "nobody is mailed");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_contacts_follow_them_to_the_crm() {
    files_follow_their_item(Kind::Contact).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_appointments_follow_them_to_the_crm() {
    files_follow_their_item(Kind::Event).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_tasks_follow_them_to_the_crm() {
    files_follow_their_item(Kind::Task).await;
}
