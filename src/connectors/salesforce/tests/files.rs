//! The files beside the log of e-mail.

use super::messages::message;
use super::*;
use riva_core::fault::ItemError;
use riva_core::ports::{FileKept, FileOwner, ItemFile, SilentWriter};
use serde_json::json;

fn file(name: &str, content: &[u8]) -> ItemFile {
    ItemFile { name: name.to_owned(), media_type: String::new(), content: content.to_vec() }
}

/// Priya's side of a house, with one message that is logged.
async fn logged(house: &House) -> (Arc<dyn SilentWriter>, FileOwner) {
    let crm = house.crm(&house.password(), &[]);
    let side = crm.open(&crm.user(PRIYA).await.unwrap()).await.unwrap();
    let id = "<1@far.example>";
    let written = side.create(Module::Email, &[message(id, &[])]).await.unwrap().remove(0).unwrap();
    (side, FileOwner::message(written.at.id, id))
}

async fn names(side: &dyn SilentWriter, message: &FileOwner) -> Vec<(String, u64)> {
    let files = side.item_files(message.module).unwrap().files(message).await.unwrap();
    let mut names: Vec<_> = files.into_iter().map(|FileKept { name, size }| (name, size)).collect();
    names.sort();
    names
}

#[tokio::test]
async fn files_hang_on_their_message_and_nobody_is_told() {
    let house = House::open(true).await;
    // More than one page of them.
    house.org().set_page_size(Some(2));
    let (side, message) = logged(&house).await;
    let files = side.item_files(Module::Email).unwrap();
    assert_eq!(names(&*side, &message).await, []);
    let all = [("offer.pdf", 5), ("plan.tar.gz", 70_000), ("offer.pdf", 5)];
    for (name, size) in all {
        files.attach(&message, &file(name, &vec![7; size])).await.unwrap().unwrap();
    }
    let expected = [("offer.pdf", 5), ("offer.pdf", 5), ("plan.tar.gz", 70_000)];
    assert_eq!(names(&*side, &message).await, expected.map(|(name, size)| (name.to_owned(), size)));
    let kept = house.org().messages().remove(0);
    let kept = kept["files"].as_array().unwrap();
    assert_eq!((&kept[0]["Title"], &kept[0]["PathOnClient"]), (&json!("offer"), &json!("offer.pdf")));
    assert_eq!(kept[0]["VersionData"], json!("BwcHBwc="));
    assert_eq!(house.org().mails(), Vec::<String>::new());
}

#[tokio::test]
async fn files_hang_on_records_of_every_kind() {
    let house = House::open(true).await;
    let crm = house.crm(&house.password(), &[]);
    let side = crm.open(&crm.user(PRIYA).await.unwrap()).await.unwrap();
    let made = |object: &str, fields| house.made(object, fields);
    let records = [
        (Module::Contacts, made("Contact", json!({"LastName": "Lee"}))),
        (Module::Contacts, made("Lead", json!({"LastName": "Lee", "Company": "Lee & Co"}))),
        (
            Module::Calendar,
            made(
                "Event",
                json!({"Subject": "Visit", "ActivityDateTime": "2026-12-01T08:00:00Z", "DurationInMinutes": 30}),
            ),
        ),
        (Module::Tasks, made("Task", json!({"Subject": "Call"}))),
    ];
    for (module, id) in records {
        let owner = FileOwner::record(module, id.clone());
        let files = side.item_files(module).unwrap();
        assert_eq!(names(&*side, &owner).await, []);
        files.attach(&owner, &file("plan.pdf", b"%PDF")).await.unwrap().unwrap();
        assert_eq!(names(&*side, &owner).await, [("plan.pdf".to_owned(), 4)]);
        let object = match module {
            Module::Tasks => "Task",
            Module::Calendar => "Event",
            _ if id.as_str().starts_with("00Q") => "Lead",
            _ => "Contact",
        };
        house.deleted(object, &id);
        assert_eq!(files.attach(&owner, &file("b.txt", b"x")).await.unwrap(), Err(ItemError::Gone));
    }
    assert_eq!(house.org().mails(), Vec::<String>::new());
}

#[tokio::test]
async fn a_file_is_listed_under_the_name_that_it_was_given() {
    let house = House::open(true).await;
    let (side, message) = logged(&house).await;
    let long_extension = format!("a.{}", "b".repeat(50));
    let mut given = [
        "a",
        "a.b",
        ".hidden",
        "x.tar.gz",
        "offer.PDF",
        "offer.pdf.pdf",
        "a.",
        "1/2.txt",
        "a.b/c",
        "Step 1. End",
        "Größe – 1.txt",
        "it's \"so\".txt",
        &long_extension,
    ]
    .map(str::to_owned);
    for name in &given {
        let done = side.item_files(Module::Email).unwrap().attach(&message, &file(name, b"x")).await.unwrap();
        assert_eq!(done, Ok(()), "{name}");
    }
    given.sort();
    let listed: Vec<String> = names(&*side, &message).await.into_iter().map(|(name, _)| name).collect();
    assert_eq!(listed, given);
}

#[tokio::test]
async fn a_name_that_is_too_long_keeps_its_extension() {
    let house = House::open(true).await;
    let (side, message) = logged(&house).await;
    let name = format!("{}.docx", "n".repeat(295));
    side.item_files(Module::Email).unwrap().attach(&message, &file(&name, b"x")).await.unwrap().unwrap();
    assert_eq!(names(&*side, &message).await, [(format!("{}.docx", "n".repeat(250)), 1)]);
}

#[tokio::test]
async fn what_others_hang_there_is_listed_too() {
    let house = House::open(true).await;
    let (side, message) = logged(&house).await;
    let upload = |fields| house.made("ContentVersion", fields);
    let at = message.id.as_str();
    upload(json!({"PathOnClient": "scan.JPG", "VersionData": "AAAA", "FirstPublishLocationId": at}));
    upload(
        json!({"PathOnClient": "b.pdf", "Title": "The offer", "VersionData": "AA==", "FirstPublishLocationId": at}),
    );
    upload(json!({"PathOnClient": "elsewhere.pdf", "VersionData": "AAAA"}));
    let expected = [("The offer.pdf", 1), ("scan.JPG", 3)];
    assert_eq!(names(&*side, &message).await, expected.map(|(name, size)| (name.to_owned(), size)));
}

#[tokio::test]
async fn a_refused_file_is_no_fault() {
    let house = House::open(true).await;
    let (side, message) = logged(&house).await;
    let files = side.item_files(Module::Email).unwrap();
    let requests = house.org().counters().requests;
    let empty = files.attach(&message, &file("a", b"")).await.unwrap();
    assert!(matches!(&empty, Err(ItemError::Invalid { reason }) if reason.contains("empty")), "{empty:?}");
    assert_eq!(house.org().counters().requests, requests, "it is not sent");

    house.org().set_file_storage(Some(3));
    let full = files.attach(&message, &file("a", b"four")).await.unwrap();
    assert!(matches!(&full, Err(ItemError::Invalid { reason }) if reason.contains("storage")), "{full:?}");
    house.org().set_file_storage(None);

    // Somebody else's message, or one from before files were kept.
    let plain = house.made("EmailMessage", json!({"MessageIdentifier": "<2@far.example>", "Status": "1"}));
    let plain = FileOwner::message(plain, "<2@far.example>");
    let refused = files.attach(&plain, &file("a", b"x")).await.unwrap();
    assert!(
        matches!(&refused, Err(ItemError::Invalid { reason }) if reason.contains("client managed")),
        "{refused:?}"
    );

    house.deleted("EmailMessage", &message.id);
    assert_eq!(files.attach(&message, &file("a", b"x")).await.unwrap(), Err(ItemError::Gone));
    assert_eq!(names(&*side, &message).await, []);
    let stranger = FileOwner::message(RemoteId::new("no id"), "<3@far.example>");
    assert_eq!(files.attach(&stranger, &file("a", b"x")).await.unwrap(), Err(ItemError::Gone));
}

#[tokio::test]
async fn a_file_whose_answer_is_lost_is_found_by_listing() {
    let house = House::open(true).await;
    let (side, message) = logged(&house).await;
    house.org().lose_replies(1);
    let lost = side.item_files(Module::Email).unwrap().attach(&message, &file("a.txt", b"x")).await;
    assert!(matches!(lost, Err(CallError::InDoubt(_))), "{lost:?}");
    assert_eq!(names(&*side, &message).await, [("a.txt".to_owned(), 1)]);
}

#[tokio::test]
async fn an_org_without_files_logs_messages_alone() {
    let house = House::with(|org| org.files = false).await;
    let (side, _) = logged(&house).await;
    for module in [Module::Email, Module::Calendar, Module::Contacts] {
        assert!(side.item_files(module).is_none());
    }
    assert_eq!(tested(&house).await, "; e-mail can be logged; ");
    assert!(
        said(&house)
            .await
            .contains("; attachments cannot be kept: the account may not create ContentVersion")
    );
    let house = House::open(true).await;
    assert_eq!(tested(&house).await, "; e-mail can be logged, with its attachments; ");
    let house = House::with(|org| org.enhanced_email = false).await;
    let crm = house.crm(&house.password(), &[]);
    let side = crm.open(&crm.user(PRIYA).await.unwrap()).await.unwrap();
    assert!(side.item_files(Module::Email).is_none() && side.item_files(Module::Tasks).is_some());
}

/// What the test of the connection says last.
async fn said(house: &House) -> String {
    let steps = Steps::default();
    house.crm(&house.password(), &[]).test(Some(PRIYA), &steps).await.unwrap();
    let steps = steps.0.lock().unwrap();
    let StepOutcome::Passed { detail } = &steps.last().unwrap().outcome else { panic!("{steps:?}") };
    detail.clone()
}

/// What it says of e-mail, to the next colon or semicolon.
async fn tested(house: &House) -> String {
    let detail = said(house).await;
    let said = &detail[detail.find("; e-mail").unwrap()..];
    let end = said[1..].find([';', ':']).unwrap() + 3;
    said[..end].to_owned()
}
