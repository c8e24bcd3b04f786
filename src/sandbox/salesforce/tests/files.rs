//! Files, and where they hang.

use super::*;
use crate::salesforce::control::Edit;

const PRIYA: &str = "priya.raman@northwind-demo.example";

impl Visitor {
    async fn message(&self, more: Value) -> String {
        let mut body =
            json!({"MessageIdentifier": "<1@x>", "Subject": "Offer", "Incoming": true, "Status": "1"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (status, made) = self.call(Method::POST, "/sobjects/EmailMessage", Some(body)).await;
        assert_eq!(status, StatusCode::CREATED, "{made}");
        made["id"].as_str().unwrap().to_owned()
    }

    async fn upload(&self, path: &str, message: Option<&str>) -> (StatusCode, Value) {
        let body =
            json!({"PathOnClient": path, "VersionData": "aGVsbG8=", "FirstPublishLocationId": message});
        self.call(Method::POST, "/sobjects/ContentVersion", Some(body)).await
    }

    async fn links(&self, of: &str) -> Vec<Value> {
        let what =
            "ContentDocument.Title,ContentDocument.FileExtension,ContentDocument.ContentSize,ShareType";
        let of = format!("SELECT {what} FROM ContentDocumentLink WHERE LinkedEntityId = '{of}' ORDER BY Id");
        self.query(&of).await["records"].as_array().unwrap().clone()
    }
}

fn code(refused: &(StatusCode, Value)) -> &str {
    assert!(!refused.0.is_success(), "{refused:?}");
    refused.1[0]["errorCode"].as_str().unwrap()
}

#[tokio::test]
async fn an_upload_makes_the_file_and_hangs_it_in_its_place() {
    let visitor = Visitor::new().await;
    let message = visitor.message(json!({"IsClientManaged": true})).await;
    let (status, made) = visitor.upload("folder\\Offer 1.PDF", Some(&message)).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    let links = visitor.links(&message).await;
    assert_eq!(links.len(), 1, "{links:?}");
    let document = &links[0]["ContentDocument"];
    assert_eq!(
        (&document["Title"], &document["FileExtension"], &document["ContentSize"], &links[0]["ShareType"]),
        (&json!("Offer 1"), &json!("PDF"), &json!(5), &json!("V"))
    );
    let id = made["id"].as_str().unwrap();
    let (_, version) = visitor.call(Method::GET, &format!("/sobjects/ContentVersion/{id}"), None).await;
    let at = version["VersionData"].as_str().unwrap();
    assert_eq!(at, format!("{DATA}/sobjects/ContentVersion/{id}/VersionData"));
    let url = format!("{}{at}", visitor.sandbox.salesforce_url());
    let held = visitor.client.get(url).bearer_auth(&visitor.token).send().await.unwrap();
    assert_eq!(held.bytes().await.unwrap(), "hello");
    let kept = visitor.sandbox.salesforce().messages().remove(0);
    assert_eq!(kept["files"][0]["VersionData"], "aGVsbG8=", "{kept}");

    // Names without an extension.
    for (path, title) in [("a", "a"), ("a.", "a."), (".b", ".b")] {
        let (_, made) = visitor.upload(path, None).await;
        let of = format!("SELECT Title FROM ContentVersion WHERE Id = '{}'", made["id"].as_str().unwrap());
        assert_eq!(visitor.query(&of).await["records"][0]["Title"], title);
    }
    assert_eq!(visitor.sandbox.salesforce().counters().mails, 0);
    visitor.sandbox.stop().await;
}

#[tokio::test]
async fn a_message_takes_files_while_it_is_a_draft_or_if_its_client_looks_after_it() {
    let visitor = Visitor::new().await;
    let (plain, draft) = (visitor.message(json!({})).await, visitor.message(json!({"Status": "5"})).await);
    assert_eq!(code(&visitor.upload("a.txt", Some(&plain)).await), "FIELD_INTEGRITY_EXCEPTION");
    assert_eq!(visitor.sandbox.salesforce().counters().records["ContentDocument"], 0, "nothing is left");
    let (status, made) = visitor.upload("a.txt", Some(&draft)).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    let of =
        format!("SELECT ContentDocumentId FROM ContentVersion WHERE Id = '{}'", made["id"].as_str().unwrap());
    let document = visitor.query(&of).await["records"][0]["ContentDocumentId"].clone();
    let link = json!({"LinkedEntityId": plain, "ContentDocumentId": document});
    let refused = visitor.call(Method::POST, "/sobjects/ContentDocumentLink", Some(link)).await;
    assert_eq!(code(&refused), "FIELD_INTEGRITY_EXCEPTION");
    let late = Some(json!({"IsClientManaged": true}));
    let refused = visitor.call(Method::PATCH, &format!("/sobjects/EmailMessage/{plain}"), late).await;
    assert_eq!(code(&refused), "INVALID_FIELD_FOR_INSERT_UPDATE", "it is said once");

    // With the message goes the link, and with the document all of it.
    let delete = |object: &str, id: &str| {
        let edit = Edit::Delete { object: object.to_owned(), id: id.to_owned() };
        visitor.sandbox.salesforce().edit(PRIYA, &edit).unwrap();
    };
    delete("EmailMessage", &draft);
    assert_eq!(visitor.links(&draft).await, Vec::<Value>::new());
    assert_eq!(code(&visitor.upload("a.txt", Some(&draft)).await), "ENTITY_IS_DELETED");
    delete("ContentDocument", document.as_str().unwrap());
    let counters = visitor.sandbox.salesforce().counters();
    for object in ["ContentDocument", "ContentVersion", "ContentDocumentLink"] {
        assert_eq!(counters.records[object], 0, "{object}");
    }
    visitor.sandbox.stop().await;
}

#[tokio::test]
async fn links_are_asked_for_by_what_they_belong_to() {
    let visitor = Visitor::new().await;
    let ask = |filter: &str| {
        let soql = format!("SELECT Id FROM ContentDocumentLink {filter}");
        let query: String = url::form_urlencoded::byte_serialize(soql.as_bytes()).collect();
        let visitor = &visitor;
        async move { visitor.call(Method::GET, &format!("/query?q={query}"), None).await }
    };
    for filter in [
        "",
        "WHERE ShareType = 'V'",
        "WHERE LinkedEntityId != '02s000000000001AAA'",
        "WHERE LinkedEntityId = '02s000000000001AAA' OR ShareType = 'V'",
        "WHERE ContentDocumentId NOT IN ('069000000000001AAA')",
    ] {
        assert_eq!(code(&ask(filter).await), "MALFORMED_QUERY", "{filter}");
    }
    for filter in [
        "WHERE linkedentityid = '02s000000000001AAA'",
        "WHERE ShareType = 'V' AND ContentDocumentId IN ('069000000000001AAA')",
    ] {
        assert_eq!(ask(filter).await.0, StatusCode::OK, "{filter}");
    }
    visitor.sandbox.stop().await;
}

#[tokio::test]
async fn what_is_no_file_is_refused() {
    let visitor = Visitor::new().await;
    let give = |body: Value| visitor.call(Method::POST, "/sobjects/ContentVersion", Some(body));
    let empty = give(json!({"PathOnClient": "a", "VersionData": ""})).await;
    assert_eq!((code(&empty), &empty.1[0]["fields"]), ("REQUIRED_FIELD_MISSING", &json!(["VersionData"])));
    assert_eq!(code(&give(json!({"PathOnClient": "a", "VersionData": "?"})).await), "JSON_PARSER_ERROR");
    assert_eq!(code(&visitor.upload(&format!("a.{}", "b".repeat(41)), None).await), "STRING_TOO_LONG");
    let document = visitor.call(Method::POST, "/sobjects/ContentDocument", Some(json!({"Title": "a"}))).await;
    assert_eq!(code(&document), "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY");
    visitor.sandbox.salesforce().set_file_storage(Some(9));
    assert_eq!(visitor.upload("a", None).await.0, StatusCode::CREATED);
    assert_eq!(code(&visitor.upload("a", None).await), "STORAGE_LIMIT_EXCEEDED");
    visitor.sandbox.stop().await;
}

#[tokio::test]
async fn without_files_there_are_no_such_objects() {
    let mut company = Company::parse(DEMO).unwrap();
    company.salesforce.files = false;
    let visitor = Visitor::of(company, None).await;
    for object in ["ContentVersion", "ContentDocument", "ContentDocumentLink"] {
        let (status, _) = visitor.call(Method::GET, &format!("/sobjects/{object}/describe"), None).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{object}");
    }
    visitor.message(json!({})).await;
    assert_eq!(visitor.sandbox.salesforce().messages()[0]["files"], json!([]));
    visitor.sandbox.stop().await;
}
