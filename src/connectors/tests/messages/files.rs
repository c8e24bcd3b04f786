//! The files that hang on messages of the sandbox's Exchange.

use super::{GRACE, House, read};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use riva_core::fault::ItemError;
use riva_core::ids::RemoteId;
use riva_core::item::Module;
use riva_core::ports::{Fetched, ItemFile, SilentWriter};
use riva_sandbox::exchange::Edit;
use serde_json::{Value as Json, json};

const CAME: &str = "2026-11-23T08:15:00Z";

fn attachment(name: &str, media_type: &str, content: &[u8]) -> Json {
    json!({"Name": name, "ContentType": media_type, "Content": STANDARD.encode(content)})
}

/// A file of a MiB and a bit, with every byte in it.
fn large() -> Vec<u8> {
    (0..=u8::MAX).cycle().take((1 << 20) + 7).collect()
}

/// Two files of one name and size, an empty one, a large one, and a picture inside the text.
fn some() -> Vec<Json> {
    let mut picture = attachment("logo.png", "image/png", b"png");
    picture["IsInline"] = json!(true);
    vec![
        attachment("Angebot & Co.pdf", "application/pdf", b"%PDF-1.4\r\n\0\xff first "),
        picture,
        attachment("leer.txt", "text/plain", b""),
        attachment("Angebot & Co.pdf", "application/pdf", b"%PDF-1.4\r\n\0\xff second"),
        attachment("large.bin", "application/octet-stream", &large()),
    ]
}

async fn file(side: &dyn SilentWriter, message: &RemoteId, key: &str) -> Result<ItemFile, ItemError> {
    side.file_source().unwrap().file(Module::Email, message, key).await.unwrap()
}

impl House {
    fn with_files(&self, id: &str, files: &[Json]) -> RemoteId {
        self.message("inbox", CAME, id, &json!({"Attachments": files}))
    }

    /// Its user leaves these files alone on a message.
    fn left(&self, message: &RemoteId, files: &[Json]) {
        let fields = json!({"Attachments": files}).as_object().unwrap().clone();
        let edit = Edit::Update { user: GRACE.into(), id: message.to_string(), occurrence: None, fields };
        self.sandbox.control().edit(edit).unwrap();
    }
}

#[tokio::test]
async fn files_come_as_they_are() {
    let house = House::open().await;
    let side = house.mailbox(GRACE).await;
    let plain = house.message("inbox", CAME, "plain", &json!({}));
    assert_eq!(read(&*side, &plain).await.files, []);

    let message = house.with_files("1", &some());
    let files = read(&*side, &message).await.files;
    let shown: Vec<_> = files.iter().map(|f| (f.name.as_str(), f.nth)).collect();
    assert_eq!(
        shown,
        [("Angebot & Co.pdf", 1), ("Angebot & Co.pdf", 2), ("large.bin", 1), ("leer.txt", 1)],
        "without the picture inside the text"
    );
    let held: [(&str, &[u8]); 4] = [
        ("application/pdf", b"%PDF-1.4\r\n\0\xff first "),
        ("application/pdf", b"%PDF-1.4\r\n\0\xff second"),
        ("application/octet-stream", &large()),
        ("text/plain", b""),
    ];
    for (listed, (media_type, content)) in files.iter().zip(held) {
        let file = file(&*side, &message, &listed.key).await.unwrap();
        assert_eq!((&*file.name, &*file.media_type), (&*listed.name, media_type));
        assert!(file.content == content, "{file:?} is not what hangs there");
        assert!(listed.size >= content.len() as u64, "{listed:?}");
    }
    assert_eq!(file(&*side, &message, "nothing").await, Err(ItemError::Gone));
    let counters = house.sandbox.control().counters();
    assert_eq!((counters.requests["GetAttachment"], counters.total_mails()), (4, 0));
    for never in ["CreateAttachment", "DeleteAttachment", "UpdateItem"] {
        assert_eq!(counters.requests.get(never), None, "a mailbox's messages are read alone");
    }
}

#[tokio::test]
async fn a_file_is_gone_with_its_message_and_from_it() {
    let house = House::open().await;
    let side = house.mailbox(GRACE).await;
    let message = house.with_files("1", &some());
    let files = read(&*side, &message).await.files;

    let moved = house.moved(&message, "Later");
    assert_eq!(file(&*side, &message, &files[0].key).await, Err(ItemError::Gone), "not under its old id");
    assert_eq!(read(&*side, &moved).await.files, files, "keys last");
    assert_eq!(file(&*side, &moved, &files[1].key).await.unwrap().content, b"%PDF-1.4\r\n\0\xff second");

    house.left(&moved, &some()[..3]);
    assert_eq!(file(&*side, &moved, &files[1].key).await, Err(ItemError::Gone), "the second of its name");
    assert_eq!(file(&*side, &moved, &files[2].key).await, Err(ItemError::Gone));
    assert_eq!(file(&*side, &moved, &files[0].key).await.unwrap().content, b"%PDF-1.4\r\n\0\xff first ");

    let deleted = house.moved(&moved, "deleteditems");
    for id in [&moved, &deleted] {
        assert_eq!(file(&*side, id, &files[0].key).await, Err(ItemError::Gone));
    }
}

#[tokio::test]
async fn files_of_contacts_appointments_and_tasks_come_as_they_are() {
    let house = House::open().await;
    let side = house.mailbox(GRACE).await;
    let mut picture = attachment("ContactPicture.jpg", "image/jpeg", b"jpg");
    picture["IsContactPhoto"] = json!(true);
    let mut inline = attachment("logo.png", "image/png", b"png");
    inline["IsInline"] = json!(true);
    let files = json!([attachment("plan.pdf", "application/pdf", b"%PDF"), picture, inline]);
    for (module, class, mut fields) in [
        (Module::Contacts, "Contact", json!({"DisplayName": "Ann Lee"})),
        (
            Module::Calendar,
            "CalendarItem",
            json!({"Subject": "Visit", "Start": "2026-12-01T08:00:00Z", "End": "2026-12-01T09:00:00Z"}),
        ),
        (Module::Tasks, "Task", json!({"Subject": "Call"})),
    ] {
        fields["Attachments"] = files.clone();
        let fields = fields.as_object().unwrap().clone();
        let edit = Edit::Create { user: GRACE.into(), class: class.into(), fields };
        let id = RemoteId::new(house.sandbox.control().edit(edit).unwrap().unwrap());
        let fetched = side.fetch(module, std::slice::from_ref(&id)).await.unwrap().remove(0);
        let Fetched::Present { item, .. } = fetched else { panic!("{fetched:?}") };
        let [listed] = &item.files[..] else { panic!("{class}: {:?}", item.files) };
        let file = side.file_source().unwrap().file(module, &id, &listed.key).await.unwrap().unwrap();
        assert_eq!((&*file.name, &*file.content), ("plan.pdf", &b"%PDF"[..]), "{class}");
    }
    assert_eq!(house.sandbox.control().counters().total_mails(), 0);
}
