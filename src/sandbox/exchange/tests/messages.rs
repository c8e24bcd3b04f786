//! Messages and their folders, as a client sees them.

use super::*;
use serde_json::{Value, json};

const ANN: &str = "ann@northwind.example";

fn delivered(ann: &Client, folder: &str, at: &str, fields: &Value) -> String {
    let edit = json!({"do": "deliver", "user": ANN, "folder": folder, "at": at, "fields": fields});
    ann.control.edit(serde_json::from_value(edit).unwrap()).unwrap().unwrap()
}

fn moved(ann: &Client, id: &str, folder: &str) -> Result<Option<String>, EditError> {
    let edit = json!({"do": "move", "user": ANN, "id": id, "folder": folder});
    ann.control.edit(serde_json::from_value(edit).unwrap())
}

async fn create_folder(ann: &Client, parent: &str, name: &str) -> String {
    ann.ask(&format!("<m:CreateFolder><m:ParentFolderId>{parent}</m:ParentFolderId><m:Folders><t:Folder><t:FolderClass>IPF.Note</t:FolderClass><t:DisplayName>{name}</t:DisplayName></t:Folder></m:Folders></m:CreateFolder>")).await
}

async fn find_folder(ann: &Client, parent: &str, name: &str) -> String {
    ann.ask(&format!(r#"<m:FindFolder Traversal="Shallow"><m:FolderShape><t:BaseShape>IdOnly</t:BaseShape></m:FolderShape><m:Restriction><t:IsEqualTo><t:FieldURI FieldURI="folder:DisplayName"/><t:FieldURIOrConstant><t:Constant Value="{name}"/></t:FieldURIOrConstant></t:IsEqualTo></m:Restriction><m:ParentFolderIds>{parent}</m:ParentFolderIds></m:FindFolder>"#)).await
}

fn folder_id(reply: &str) -> String {
    let document = roxmltree::Document::parse(reply).unwrap();
    let node = document.descendants().find(|n| n.tag_name().name() == "FolderId").unwrap();
    format!(r#"<t:FolderId Id="{}"/>"#, node.attribute("Id").unwrap())
}

#[tokio::test]
async fn a_message_that_came_in_is_told_of_and_shown() {
    let ann = Client::service(ANN);
    let before = ann.sync("inbox", "", 512).await;
    assert_eq!(count(&before, "Create"), 0);
    let fields = json!({
        "Subject": "Offer", "Body": {"html": "<p>Dear Ann</p>"}, "From": ["carl@ek.example"],
        "ToRecipients": [ANN, "bo@ek.example"], "CcRecipients": ["cc@ek.example"], "InternetMessageId": "<1@ek.example>",
    });
    let id = delivered(&ann, "inbox", "2026-11-20T08:15:00Z", &fields);
    let told = ann.ask(&format!(r#"<m:SyncFolderItems><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties><t:FieldURI FieldURI="item:DateTimeReceived"/><t:FieldURI FieldURI="item:Body"/><t:FieldURI FieldURI="message:ToRecipients"/></t:AdditionalProperties></m:ItemShape><m:SyncFolderId><t:DistinguishedFolderId Id="inbox"/></m:SyncFolderId><m:SyncState>{}</m:SyncState><m:MaxChangesReturned>10</m:MaxChangesReturned></m:SyncFolderItems>"#, text(&before, "SyncState"))).await;
    assert_eq!(
        (attribute(&told, "Id"), text(&told, "DateTimeReceived")),
        (id.clone(), "2026-11-20T08:15:00Z".into())
    );
    // Lists of items show neither bodies nor recipients.
    assert_eq!((count(&told, "Body"), count(&told, "ToRecipients")), (1, 0), "SOAP's own Body: {told}");
    let shown = ann.get(&id).await;
    assert_eq!(text(&shown, "InternetMessageId"), "<1@ek.example>");
    assert_eq!((text(&shown, "IsDraft"), count(&shown, "Mailbox")), ("false".into(), 5), "{shown}");
    assert_eq!(text(&shown, "DateTimeSent"), "2026-11-20T08:15:00Z");
}

#[tokio::test]
async fn a_message_has_a_message_id_once_it_is_sent() {
    let ann = Client::service(ANN);
    let create = |disposition: &str, folder: &str| {
        format!(
            r#"<m:CreateItem MessageDisposition="{disposition}"><m:SavedItemFolderId><t:DistinguishedFolderId Id="{folder}"/></m:SavedItemFolderId><m:Items><t:Message><t:Subject>Hello</t:Subject><t:ToRecipients><t:Mailbox><t:EmailAddress>carl@ek.example</t:EmailAddress></t:Mailbox></t:ToRecipients></t:Message></m:Items></m:CreateItem>"#
        )
    };
    let draft = ann.ask(&create("SaveOnly", "drafts")).await;
    let draft = ann.get(&attribute(&draft, "Id")).await;
    assert_eq!((text(&draft, "IsDraft"), count(&draft, "InternetMessageId")), ("true".into(), 0), "{draft}");
    let sent = ann.ask(&create("SendAndSaveCopy", "sentitems")).await;
    let sent = ann.get(&attribute(&sent, "Id")).await;
    assert!(text(&sent, "InternetMessageId").ends_with("@northwind.example>"), "{sent}");
    let document = roxmltree::Document::parse(&sent).unwrap();
    let from = document.descendants().find(|n| n.tag_name().name() == "From").unwrap();
    assert!(from.descendants().any(|n| n.text() == Some(ANN)), "{sent}");
    assert_eq!(ann.control.counters().total_mails(), 1);
}

#[tokio::test]
async fn a_folder_is_made_once_and_what_is_moved_there_is_new_there() {
    let ann = Client::service(ANN);
    let top = r#"<t:DistinguishedFolderId Id="msgfolderroot"/>"#;
    assert_eq!(count(&find_folder(&ann, top, "CRM").await, "FolderId"), 0);
    let made = create_folder(&ann, top, "CRM").await;
    let crm = folder_id(&made);
    let drop = folder_id(&create_folder(&ann, &crm, "- Create New Email").await);
    assert_eq!(code(&create_folder(&ann, top, "crm").await), "ErrorFolderExists");
    assert_eq!(
        folder_id(&find_folder(&ann, top, "crm").await),
        crm,
        "names are told apart without regard to case"
    );
    assert_eq!(
        count(&find_folder(&ann, top, "- Create New Email").await, "FolderId"),
        0,
        "not directly below"
    );

    // It is renamed, and keeps what a client notes in it.
    let uri = r#"<t:ExtendedFieldURI PropertySetId="6f1d2b8e-3c47-4a59-9e0b-52697661a001" PropertyName="Note" PropertyType="String"/>"#;
    let renamed = async |id: &str, name: &str| {
        ann.ask(&format!(r#"<m:UpdateFolder><m:FolderChanges><t:FolderChange>{id}<t:Updates><t:SetFolderField><t:FieldURI FieldURI="folder:DisplayName"/><t:Folder><t:DisplayName>{name}</t:DisplayName></t:Folder></t:SetFolderField><t:SetFolderField>{uri}<t:Folder><t:ExtendedProperty>{uri}<t:Value>of {name}</t:Value></t:ExtendedProperty></t:Folder></t:SetFolderField></t:Updates></t:FolderChange></m:FolderChanges></m:UpdateFolder>"#)).await
    };
    create_folder(&ann, &crm, "Other").await;
    assert_eq!(code(&renamed(&drop, "OTHER").await), "ErrorFolderExists");
    assert_eq!(
        code(&renamed(r#"<t:DistinguishedFolderId Id="inbox"/>"#, "Mine").await),
        "ErrorInvalidPropertySet"
    );
    assert_eq!(folder_id(&renamed(&drop, "Drop").await), drop);
    let shown = ann.ask(&format!(r"<m:GetFolder><m:FolderShape><t:BaseShape>Default</t:BaseShape><t:AdditionalProperties>{uri}</t:AdditionalProperties></m:FolderShape><m:FolderIds>{drop}</m:FolderIds></m:GetFolder>")).await;
    assert_eq!(
        (text(&shown, "DisplayName"), text(&shown, "Value")),
        ("Drop".to_owned(), "of Drop".to_owned())
    );
    renamed(&drop, "- Create New Email").await;

    let id = delivered(
        &ann,
        "inbox",
        "2020-01-01T00:00:00Z",
        &json!({"Subject": "Old", "From": ["carl@ek.example"]}),
    );
    let known = text(&ann.sync("inbox", "", 512).await, "SyncState");
    assert!(moved(&ann, &id, "CRM/Elsewhere").is_err());
    let new = moved(&ann, &id, "CRM/- Create New Email").unwrap().unwrap();
    assert_ne!(new, id);
    assert_eq!(count(&ann.sync("inbox", &known, 512).await, "Delete"), 1);
    let in_drop = ann.ask(&format!("<m:SyncFolderItems><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape><m:SyncFolderId>{drop}</m:SyncFolderId><m:MaxChangesReturned>10</m:MaxChangesReturned></m:SyncFolderItems>")).await;
    assert_eq!((count(&in_drop, "Create"), attribute(&in_drop, "Id")), (1, new));
}
