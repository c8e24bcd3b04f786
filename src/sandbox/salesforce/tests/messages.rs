//! E-mail as records of the org.

use super::*;

fn message(id: &str, more: &Value) -> Value {
    let mut body = json!({
        "MessageIdentifier": id, "Subject": "Offer", "TextBody": "Dear Ann", "FromAddress": "ann@far.example",
        "MessageDate": "2026-11-23T09:30:00Z", "Incoming": true, "Status": "1",
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

async fn create(visitor: &Visitor, object: &str, body: Value) -> (StatusCode, Value) {
    visitor.call(Method::POST, &format!("/sobjects/{object}"), Some(body)).await
}

async fn one(visitor: &Visitor, soql: &str) -> Value {
    let answer = visitor.query(soql).await;
    assert_eq!(answer["totalSize"], 1, "{soql}: {answer}");
    answer["records"][0].clone()
}

#[tokio::test]
async fn a_message_and_its_people_are_made_in_one_transaction_or_not_at_all() {
    let visitor = Visitor::new().await;
    let contact = one(&visitor, "SELECT Id,Email FROM Contact WHERE Email != null ORDER BY Id LIMIT 1").await;
    let transaction = |id: &str, person: &str| {
        json!({"allOrNone": true, "compositeRequest": [
            {"method": "POST", "url": format!("{DATA}/sobjects/EmailMessage"), "referenceId": "message", "body": message(id, &json!({}))},
            {"method": "POST", "url": format!("{DATA}/sobjects/EmailMessageRelation"), "referenceId": "person0",
             "body": {"EmailMessageId": "@{message.id}", "RelationId": person, "RelationType": "FromAddress"}},
        ]})
    };
    let nobody = transaction("<1@far.example>", "003000000000001AAA");
    let (_, answer) = visitor.call(Method::POST, "/composite", Some(nobody)).await;
    assert_eq!(answer["compositeResponse"][0]["body"][0]["errorCode"], "PROCESSING_HALTED", "{answer}");
    let cause = &answer["compositeResponse"][1]["body"][0]["errorCode"];
    assert_eq!(cause, "INVALID_CROSS_REFERENCE_KEY");
    let none = visitor.query("SELECT Id FROM EmailMessage").await;
    assert_eq!(none["totalSize"], 0, "{none}");

    let id = contact["Id"].as_str().unwrap();
    let (_, answer) =
        visitor.call(Method::POST, "/composite", Some(transaction("<1@far.example>", id))).await;
    assert_eq!(answer["compositeResponse"][1]["httpStatusCode"], 201, "{answer}");
    let kept = one(&visitor, "SELECT Id,ActivityId,MessageDate,Activity.Subject,Activity.TaskSubtype,Activity.WhoId FROM EmailMessage WHERE MessageIdentifier = '<1@FAR.example>'").await;
    assert_eq!(kept["MessageDate"], "2026-11-23T09:30:00.000+0000");
    let task = &kept["Activity"];
    assert_eq!((&task["Subject"], &task["TaskSubtype"]), (&json!("Email: Offer"), &json!("Email")));
    assert_eq!(task["WhoId"], contact["Id"]);
    let relation =
        one(&visitor, "SELECT RelationAddress,RelationObjectType,Relation.Name FROM EmailMessageRelation")
            .await;
    assert_eq!(
        (&relation["RelationAddress"], &relation["RelationObjectType"]),
        (&contact["Email"], &json!("Contact"))
    );
    assert_eq!(visitor.sandbox.salesforce().counters().mails, 0, "what is logged is not sent");
    visitor.sandbox.stop().await;
}

#[tokio::test]
async fn what_is_no_draft_stays_as_it_is_and_goes_with_its_people() {
    let visitor = Visitor::new().await;
    let (status, refused) =
        create(&visitor, "EmailMessage", message("<2@x>", &json!({"Status": null}))).await;
    assert_eq!(
        (status, &refused[0]["errorCode"]),
        (StatusCode::BAD_REQUEST, &json!("REQUIRED_FIELD_MISSING"))
    );
    let (_, refused) = create(&visitor, "EmailMessage", message("<2@x>", &json!({"Status": "7"}))).await;
    assert_eq!(refused[0]["errorCode"], "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST");
    let (status, made) = create(&visitor, "EmailMessage", message("<2@x>", &json!({}))).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    // Nothing keeps a second one of the same Message-ID out.
    let (status, twin) = create(&visitor, "EmailMessage", message("<2@x>", &json!({}))).await;
    assert_eq!(status, StatusCode::CREATED, "{twin}");
    let (_, draft) = create(&visitor, "EmailMessage", message("<3@x>", &json!({"Status": "5"}))).await;
    let path = |made: &Value| format!("/sobjects/EmailMessage/{}", made["id"].as_str().unwrap());
    let edit = Some(json!({"Subject": "Another"}));
    let (_, refused) = visitor.call(Method::PATCH, &path(&made), edit.clone()).await;
    assert_eq!(refused[0]["errorCode"], "INSUFFICIENT_ACCESS_OR_READONLY", "{refused}");
    assert_eq!(visitor.call(Method::PATCH, &path(&draft), edit).await.0, StatusCode::NO_CONTENT);
    let shown = Some(json!({"IsExternallyVisible": true}));
    assert_eq!(visitor.call(Method::PATCH, &path(&made), shown).await.0, StatusCode::NO_CONTENT);

    let user = one(&visitor, "SELECT Id FROM User WHERE Email = 'priya.raman@northwind-demo.example'").await;
    let relation =
        json!({"EmailMessageId": made["id"], "RelationId": user["Id"], "RelationType": "ToAddress"});
    let (status, relation) = create(&visitor, "EmailMessageRelation", relation).await;
    assert_eq!(status, StatusCode::CREATED, "{relation}");
    let of = format!("/sobjects/EmailMessageRelation/{}", relation["id"].as_str().unwrap());
    let (_, refused) = visitor.call(Method::PATCH, &of, Some(json!({"RelationType": "CcAddress"}))).await;
    assert_eq!(refused[0]["errorCode"], "INVALID_FIELD_FOR_INSERT_UPDATE", "a relation is made once");
    assert_eq!(visitor.call(Method::DELETE, &path(&made), None).await.0, StatusCode::NO_CONTENT);
    let left = visitor.query("SELECT Id FROM EmailMessageRelation").await;
    assert_eq!(left["totalSize"], 0, "{left}");
    let tasks = visitor.query("SELECT Id FROM Task WHERE TaskSubtype = 'Email'").await;
    assert_eq!(tasks["totalSize"], 1, "the twin's alone: {tasks}");
    visitor.sandbox.stop().await;
}

#[tokio::test]
async fn without_enhanced_email_there_is_no_such_object() {
    let mut company = Company::parse(DEMO).unwrap();
    company.salesforce.enhanced_email = false;
    let options = SandboxOptions { tls: false, ..SandboxOptions::new(company) };
    let sandbox = Sandbox::start(options).await.unwrap();
    let client = Client::builder().no_proxy().build().unwrap();
    let mut visitor = Visitor { sandbox, client, token: String::new() };
    visitor.token = visitor.sign_in("kT7wQ2mZ9").await["access_token"].as_str().unwrap().to_owned();
    for object in ["EmailMessage", "EmailMessageRelation"] {
        let (status, _) = visitor.call(Method::GET, &format!("/sobjects/{object}/describe"), None).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{object}");
    }
    visitor.sandbox.stop().await;
}
