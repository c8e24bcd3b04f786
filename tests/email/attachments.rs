//! Attachments of logged e-mail through the real agent: each hangs on its message's record once, byte for byte.

use super::{AMELIE, DROP, House, KENJI, id_in};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{Duration, Utc};
use riva_api::Agent as _;
use riva_core::documents::EmailPolicy;
use riva_core::history::Order;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// By the id of each message: the names of its files, in order, with what they hold.
type Files = BTreeMap<String, Vec<(String, Vec<u8>)>>;

fn with_files() -> EmailPolicy {
    EmailPolicy { attachments: true, attachment_mib: 1, ..EmailPolicy::default() }
}

/// Attachments of a message, as they are put into a mailbox.
pub(crate) fn attached(files: &[(&str, &[u8])]) -> Value {
    let file = |(name, content): &(&str, &[u8])| json!({ "Name": name, "ContentType": "application/octet-stream", "Content": STANDARD.encode(content) });
    files.iter().map(file).collect()
}

impl House {
    pub(crate) fn files(&self) -> Files {
        let of = |message: Value| {
            let id = id_in(&message["MessageIdentifier"]).to_owned();
            let file = |file: &Value| {
                let content = STANDARD.decode(file["VersionData"].as_str().unwrap()).unwrap();
                (file["PathOnClient"].as_str().unwrap().to_owned(), content)
            };
            let mut files: Vec<_> = message["files"].as_array().unwrap().iter().map(file).collect();
            files.sort();
            (id, files)
        };
        self.tenant.sandbox.salesforce().messages().into_iter().map(of).collect()
    }
}

/// A message by its id, with its files.
type Message<'m> = (&'m str, &'m [(&'m str, &'m [u8])]);

fn wanted(messages: &[Message<'_>]) -> Files {
    let of = |(id, files): &Message<'_>| {
        let mut files: Vec<_> =
            files.iter().map(|(name, content)| ((*name).to_owned(), content.to_vec())).collect();
        files.sort();
        ((*id).to_owned(), files)
    };
    messages.iter().map(of).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_files_of_a_message_are_logged_with_it_once_and_byte_for_byte() {
    let mut house = House::new(with_files()).await;
    let now = Utc::now();
    let every_byte: Vec<u8> = (0..=255).collect();
    let film = vec![7; (1 << 20) + 1];
    let mut files = attached(&[
        ("every byte.bin", &every_byte),
        ("Größe.txt", "groß".as_bytes()),
        ("film.mp4", &film),
        ("offer.pdf", b"first"),
        ("offer.pdf", b"other"),
    ]);
    files.as_array_mut().unwrap().push(json!({
        "Name": "logo.png", "ContentType": "image/png", "IsInline": true, "ContentId": "logo",
        "Content": STANDARD.encode(b"picture"),
    }));
    for user in [AMELIE, KENJI] {
        let to_both = json!({ "ToRecipients": [AMELIE, KENJI], "Attachments": files });
        house.mail(user, "inbox", "offer", now, to_both);
    }
    house.mail(AMELIE, "inbox", "plain", now, json!({}));
    let dropped = house.mail(
        KENJI,
        "inbox",
        "dropped",
        now - Duration::days(900),
        json!({ "Attachments": attached(&[("old.txt", b"old")]) }),
    );
    house.moved(KENJI, &dropped, DROP);
    house.tenant.a_cycle_each().await;
    house.tenant.a_cycle_each().await;
    let all = wanted(&[
        (
            "offer",
            &[
                ("Größe.txt", "groß".as_bytes()),
                ("every byte.bin", &every_byte),
                ("offer.pdf", b"first"),
                ("offer.pdf", b"other"),
            ],
        ),
        ("plain", &[]),
        ("dropped", &[("old.txt", b"old")]),
    ]);
    assert_eq!(house.files(), all);
    let lines = [house.activity(AMELIE).await, house.activity(KENJI).await].concat();
    for said in [
        r#"E-mail: Logged 4 attachments of "About offer" in the CRM"#,
        r#"E-mail: Logged 1 attachment of "About dropped" in the CRM"#,
        "E-mail: About offer: film.mp4 is not logged: it is larger than 1 MiB",
    ] {
        assert_eq!(lines.iter().filter(|line| *line == said).count(), 1, "{said}: {lines:#?}");
    }
    // Read again as a whole, and with nothing remembered: none comes twice.
    house.tenant.sandbox.control().invalidate_sync_states();
    house.tenant.a_cycle_each().await;
    house.lose_state().await;
    house.tenant.a_cycle_each().await;
    house.tenant.a_cycle_each().await;
    assert_eq!(house.files(), all);
    house.nobody_was_mailed_and_nothing_written();
    house.tenant.stop_agent().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_finds_no_room_is_listed_with_the_reason_and_comes_when_there_is_some() {
    let mut house = House::new(with_files()).await;
    house.tenant.sandbox.salesforce().set_file_storage(Some(2));
    house.mail(
        AMELIE,
        "inbox",
        "big",
        Utc::now(),
        json!({ "Attachments": attached(&[("a.txt", b"more than two")]) }),
    );
    house.mail(AMELIE, "inbox", "none", Utc::now(), json!({}));
    house.tenant.a_cycle_each().await;
    house.tenant.a_cycle_each().await;
    assert_eq!(house.files(), wanted(&[("big", &[]), ("none", &[])]), "no message waits for a file");
    let amelie = house.member(AMELIE).await;
    let listed = house.tenant.agent.not_synced(amelie).await.unwrap();
    let why = "Could not be attached in the CRM: a.txt: ";
    assert!(listed.iter().any(|item| item.reason.starts_with(why)), "{listed:?}");
    house.tenant.sandbox.salesforce().set_file_storage(None);
    house.order(amelie, Order::Retry { pair: None }).await;
    house.tenant.a_cycle_each().await;
    house.tenant.a_cycle_each().await;
    assert_eq!(house.files(), wanted(&[("big", &[("a.txt", b"more than two")]), ("none", &[])]));
    assert_eq!(house.tenant.agent.not_synced(amelie).await.unwrap(), []);
    house.tenant.stop_agent().await;
}
