//! Files that hang on messages, as a client sees them.

use super::*;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const ANN: &str = "ann@northwind.example";

fn edited(ann: &Client, edit: Value) -> Option<String> {
    ann.control.edit(serde_json::from_value(edit).unwrap()).unwrap()
}

/// A message in the Inbox with these files.
fn delivered(ann: &Client, attachments: &Value) -> String {
    let fields = json!({"Subject": "Offer", "From": ["carl@ek.example"], "Attachments": attachments});
    edited(ann, json!({"do": "deliver", "user": ANN, "fields": fields})).unwrap()
}

fn two() -> Value {
    json!([
        {"Name": "offer.txt", "ContentType": "text/plain", "Content": STANDARD.encode("ten pieces")},
        {"Name": "logo.png", "ContentId": "logo@ek", "IsInline": true, "Content": ""},
    ])
}

/// The ids of all attachments in a reply.
fn ids(reply: &str) -> Vec<String> {
    let document = roxmltree::Document::parse(reply).unwrap();
    let all = document.descendants().filter(|n| n.tag_name().name() == "AttachmentId");
    all.map(|n| n.attribute("Id").unwrap().to_owned()).collect()
}

fn texts(reply: &str, element: &str) -> Vec<String> {
    let document = roxmltree::Document::parse(reply).unwrap();
    let all = document.descendants().filter(|n| n.tag_name().name() == element);
    all.map(|n| n.text().unwrap_or_default().to_owned()).collect()
}

impl Client {
    async fn about(&self, operation: &str, id: &str) -> String {
        self.ask(&format!(
            r#"<m:{operation}><m:AttachmentIds><t:AttachmentId Id="{id}"/></m:AttachmentIds></m:{operation}>"#
        ))
        .await
    }

    async fn attach(&self, item: &str, attachments: &str) -> (StatusCode, String) {
        self.raw(&format!(r#"<m:CreateAttachment><m:ParentItemId Id="{item}"/><m:Attachments>{attachments}</m:Attachments></m:CreateAttachment>"#)).await
    }
}

#[tokio::test]
async fn files_are_listed_with_a_message_and_read_one_by_one() {
    let ann = Client::service(ANN);
    let id = delivered(&ann, &two());
    let shown = ann.get(&id).await;
    assert_eq!(texts(&shown, "FileAttachment").len(), 2, "{shown}");
    assert_eq!(count(&shown, "Content"), 0, "a list says nothing of what they hold");
    assert_eq!(text(&shown, "HasAttachments"), "true");
    assert_eq!(texts(&shown, "Name")[..2], ["offer.txt", "logo.png"]);
    assert_eq!(texts(&shown, "IsInline"), ["false", "true"]);
    // After the files comes the item's own.
    let sizes: Vec<usize> = texts(&shown, "Size").iter().map(|size| size.parse().unwrap()).collect();
    assert!(sizes[0] > 10 && sizes[1] > 0 && sizes[2] > sizes[0] + sizes[1], "{sizes:?}");

    let all = ids(&shown);
    let file = ann.about("GetAttachment", &all[0]).await;
    assert_eq!((text(&file, "Name"), text(&file, "ContentType")), ("offer.txt".into(), "text/plain".into()));
    assert_eq!(STANDARD.decode(text(&file, "Content")).unwrap(), b"ten pieces");
    let file = ann.about("GetAttachment", &all[1]).await;
    assert_eq!((text(&file, "Content"), text(&file, "ContentId")), (String::new(), "logo@ek".into()));

    let pictures = delivered(&ann, &json!([two()[1]]));
    assert_eq!(text(&ann.get(&pictures).await, "HasAttachments"), "false");
    let plain = ann.get(&delivered(&ann, &json!([]))).await;
    assert_eq!((text(&plain, "HasAttachments"), count(&plain, "Attachments")), ("false".into(), 0));
}

#[tokio::test]
async fn a_file_has_another_id_after_its_message_was_moved() {
    let ann = Client::service(ANN);
    let id = delivered(&ann, &two());
    let before = ids(&ann.get(&id).await);
    let moved = edited(&ann, json!({"do": "move", "user": ANN, "id": id, "folder": "Later"})).unwrap();
    let after = ids(&ann.get(&moved).await);
    assert_eq!(after.len(), 2);
    assert!(before.iter().all(|id| !after.contains(id)));
    assert_eq!(code(&ann.about("GetAttachment", &before[0]).await), "ErrorItemNotFound");
    let file = ann.about("GetAttachment", &after[0]).await;
    assert_eq!(STANDARD.decode(text(&file, "Content")).unwrap(), b"ten pieces");
}

#[tokio::test]
async fn a_client_hangs_files_on_a_message_and_takes_them_off() {
    let ann = Client::service(ANN);
    let id = delivered(&ann, &json!([]));
    let key = attribute(&ann.get(&id).await, "ChangeKey");
    let new = "<t:FileAttachment><t:Name>a.txt</t:Name><t:Content>aGVs\nbG8=</t:Content></t:FileAttachment>";
    let (_, made) = ann.attach(&id, &new.repeat(2)).await;
    assert_eq!(texts(&made, "ResponseCode"), ["NoError"; 2], "{made}");
    let shown = ann.get(&id).await;
    assert_ne!(attribute(&shown, "ChangeKey"), key);
    assert_eq!((ids(&shown), text(&shown, "HasAttachments")), (ids(&made), "true".into()));
    let all = ids(&made);
    assert_eq!(text(&ann.about("GetAttachment", &all[1]).await, "Content"), "aGVsbG8=");

    let gone = ann.about("DeleteAttachment", &all[0]).await;
    assert_eq!((code(&gone), count(&gone, "RootItemId")), ("NoError".into(), 1), "{gone}");
    for operation in ["GetAttachment", "DeleteAttachment"] {
        assert_eq!(code(&ann.about(operation, &all[0]).await), "ErrorInvalidAttachmentId");
    }
    assert_eq!(ids(&ann.get(&id).await), all[1..]);
    // A new one is never taken for one that was there before.
    let (_, again) = ann.attach(&id, new).await;
    assert!(!all.contains(&ids(&again)[0]));
    edited(&ann, json!({"do": "update", "user": ANN, "id": id, "fields": {"Attachments": null}}));
    assert_eq!(ids(&ann.get(&id).await), [""; 0]);
}

#[tokio::test]
async fn what_is_no_file_is_refused() {
    let ann = Client::service(ANN);
    let id = delivered(&ann, &two());
    let (_, item) = ann.attach(&id, "<t:ItemAttachment><t:Name>x</t:Name></t:ItemAttachment>").await;
    assert_eq!(code(&item), "ErrorInvalidRequest");
    for wrong in [
        "<t:Message/>",
        "<t:FileAttachment><t:Content>?</t:Content></t:FileAttachment>",
        "<t:FileAttachment><t:Content/><t:Name>late</t:Name></t:FileAttachment>",
        "<t:FileAttachment><t:IsInline>perhaps</t:IsInline></t:FileAttachment>",
    ] {
        let (status, reply) = ann.attach(&id, wrong).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "{wrong}");
        assert_eq!(code(&reply), "ErrorSchemaValidation", "{wrong}");
    }
    for (wrong, expected) in
        [("", "ErrorInvalidIdEmpty"), ("x", "ErrorInvalidIdMalformed"), (&*id, "ErrorInvalidAttachmentId")]
    {
        assert_eq!(code(&ann.about("GetAttachment", wrong).await), expected);
    }
    let file = ids(&ann.get(&id).await).remove(0);
    assert_eq!(code(&ann.get(&file).await), "ErrorInvalidIdNotAnItemAttachmentId");
    // Another account does not see that there is something.
    let anton = Client { login: "anton@northwind.example", password: "anton-pw", acting: None, ..ann };
    assert_eq!(code(&anton.about("GetAttachment", &file).await), "ErrorItemNotFound");
}

#[tokio::test]
async fn the_back_door_shows_what_hangs_on_a_message() {
    let ann = Client::service(ANN);
    delivered(&ann, &two());
    let dump = ann.control.items(ANN).unwrap();
    let message = dump.iter().find(|item| item["class"] == "Message").unwrap();
    let files = message["fields"]["Attachments"].as_array().unwrap();
    assert_eq!((&files[0]["Name"], &files[1]["IsInline"]), (&json!("offer.txt"), &json!("true")));
    for wrong in [json!({"Name": "x"}), json!([{"Nam": "x"}]), json!([{"Name": {}}]), json!(["x"])] {
        let fields = json!({"Attachments": wrong});
        let edit = json!({"do": "deliver", "user": ANN, "fields": fields});
        assert!(ann.control.edit(serde_json::from_value(edit).unwrap()).is_err());
    }
}
