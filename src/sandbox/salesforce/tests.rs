//! The org over HTTP, as a client meets it. Outside clients judge the rest (`tests/judges/salesforce.sh`).

mod files;
mod messages;

use crate::{Company, RunningSandbox, Sandbox, SandboxOptions};
use chrono::NaiveDate;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::PathBuf;

const DEMO: &str = include_str!("../../../config/demo/company.toml");
const DATA: &str = "/services/data/v60.0";

struct Visitor {
    sandbox: RunningSandbox,
    client: Client,
    token: String,
}

impl Visitor {
    async fn new() -> Self {
        Self::dumping(None).await
    }

    async fn dumping(wire_dump: Option<PathBuf>) -> Self {
        Self::of(Company::parse(DEMO).unwrap(), wire_dump).await
    }

    async fn of(company: Company, wire_dump: Option<PathBuf>) -> Self {
        let today = NaiveDate::from_ymd_opt(2026, 11, 23).unwrap();
        let options = SandboxOptions { tls: false, today, wire_dump, ..SandboxOptions::new(company) };
        let sandbox = Sandbox::start(options).await.unwrap();
        let client = Client::builder().no_proxy().build().unwrap();
        let mut visitor = Self { sandbox, client, token: String::new() };
        visitor.token = visitor.sign_in("kT7wQ2mZ9").await["access_token"].as_str().unwrap().to_owned();
        visitor
    }

    async fn sign_in(&self, token: &str) -> Value {
        let password = format!("Sandbox-Salesforce-1{token}");
        let form = [
            ("grant_type", "password"),
            ("client_id", "3MVG9sandboxConsumerKey"),
            ("client_secret", "5A0ND80XC0N5UM3R53CR37"),
            ("username", "riva.integration@northwind-demo.example"),
            ("password", &password),
        ];
        let url = format!("{}/services/oauth2/token", self.sandbox.salesforce_url());
        self.client.post(url).form(&form).send().await.unwrap().json().await.unwrap()
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let url = format!("{}{DATA}{path}", self.sandbox.salesforce_url());
        let mut request = self.client.request(method, url).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let reply = request.send().await.unwrap();
        (reply.status(), serde_json::from_slice(&reply.bytes().await.unwrap()).unwrap_or(Value::Null))
    }

    async fn query(&self, soql: &str) -> Value {
        let query: String = url::form_urlencoded::byte_serialize(soql.as_bytes()).collect();
        let (status, body) = self.call(Method::GET, &format!("/query?q={query}"), None).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body
    }

    async fn count(&self, condition: &str) -> u64 {
        self.query(&format!("SELECT COUNT() FROM Contact WHERE {condition}")).await["totalSize"]
            .as_u64()
            .unwrap()
    }
}

fn named(name: &str) -> Value {
    json!({"attributes": {"type": "Contact"}, "LastName": name})
}

#[tokio::test]
async fn sign_in_wants_password_and_token() {
    let visitor = Visitor::new().await;
    let refused = visitor.sign_in("").await;
    assert_eq!(refused["error"], "invalid_grant");
    assert_eq!(refused["error_description"], "authentication failure");
    assert_eq!(visitor.sandbox.salesforce().expire_tokens(), 1);
    let counters = visitor.sandbox.salesforce().counters();
    assert_eq!((counters.sign_ins, counters.refused_sign_ins), (1, 1));
    let (status, body) = visitor.call(Method::GET, "/limits", None).await;
    assert_eq!((status, &body[0]["errorCode"]), (StatusCode::UNAUTHORIZED, &json!("INVALID_SESSION_ID")));
    visitor.sandbox.stop().await;
}

#[tokio::test]
async fn long_text_is_refused_and_nothing_is_cut() {
    let visitor = Visitor::new().await;
    for (field, most) in
        [("LastName", 80), ("FirstName", 40), ("Title", 128), ("Phone", 40), ("MailingCity", 40)]
    {
        let fits = "ä".repeat(most);
        let mut body = json!({"LastName": "Long"});
        body[field] = json!(fits);
        let (status, made) = visitor.call(Method::POST, "/sobjects/Contact", Some(body.clone())).await;
        assert_eq!(status, StatusCode::CREATED, "{field}: {made}");
        let path = format!("/sobjects/Contact/{}", made["id"].as_str().unwrap());
        assert_eq!(visitor.call(Method::GET, &path, None).await.1[field], json!(fits));
        body[field] = json!(format!("{fits}ä"));
        let (status, refused) = visitor.call(Method::PATCH, &path, Some(body)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert_eq!(refused[0]["errorCode"], "STRING_TOO_LONG");
        assert_eq!(refused[0]["fields"], json!([field]));
        assert_eq!(visitor.call(Method::GET, &path, None).await.1[field], json!(fits));
    }
    visitor.sandbox.stop().await;
}

#[tokio::test]
async fn collections_answer_for_each_record_or_take_all_back() {
    let visitor = Visitor::new().await;
    let nameless = json!({"attributes": {"type": "Contact"}, "FirstName": "x"});
    let mixed =
        |all_or_none: bool| json!({"allOrNone": all_or_none, "records": [named("Batch"), nameless.clone()]});
    let (_, results) = visitor.call(Method::POST, "/composite/sobjects", Some(mixed(true))).await;
    assert_eq!(results[0]["errors"][0]["statusCode"], "ALL_OR_NONE_OPERATION_ROLLED_BACK");
    assert_eq!(visitor.count("LastName = 'Batch'").await, 0);
    let (_, results) = visitor.call(Method::POST, "/composite/sobjects", Some(mixed(false))).await;
    assert_eq!((&results[0]["success"], &results[1]["success"]), (&json!(true), &json!(false)));
    assert_eq!(visitor.count("LastName = 'Batch'").await, 1);

    let id = results[0]["id"].as_str().unwrap();
    let twice = json!({"records": [
        {"attributes": {"type": "Contact"}, "id": id, "Title": "a"},
        {"attributes": {"type": "Contact"}, "Id": id, "Title": "b"},
    ]});
    let (_, results) = visitor.call(Method::PATCH, "/composite/sobjects", Some(twice)).await;
    assert_eq!(results[1]["errors"][0]["statusCode"], "DUPLICATE_VALUE");
    let many = json!({"records": vec![named("Too many"); 201]});
    assert_eq!(
        visitor.call(Method::POST, "/composite/sobjects", Some(many)).await.0,
        StatusCode::BAD_REQUEST
    );
    let path = format!("/composite/sobjects/Contact?ids={id},003000000000001AAA&fields=Title");
    let (_, rows) = visitor.call(Method::GET, &path, None).await;
    assert_eq!((&rows[0]["Title"], &rows[1]), (&json!("a"), &Value::Null));
    visitor.sandbox.stop().await;
}

#[tokio::test]
async fn upserts_by_key_never_double() {
    let visitor = Visitor::new().await;
    let path = "/composite/sobjects/Contact/Riva_Sync_Key__c";
    let record = |key: &str, name: &str| json!({"attributes": {"type": "Contact"}, "Riva_Sync_Key__c": key, "LastName": name});
    let body = json!({"records": [record("k/1", "One"), record("k/2", "Two"), record("k/1", "One again")]});
    let (_, results) = visitor.call(Method::PATCH, path, Some(body)).await;
    let created: Vec<&Value> = results.as_array().unwrap().iter().map(|r| &r["created"]).collect();
    assert_eq!(created, [&json!(true), &json!(true), &json!(false)]);
    assert_eq!(visitor.count("Riva_Sync_Key__c LIKE 'k/%'").await, 2);
    let (status, row) = visitor.call(Method::GET, "/sobjects/Contact/Riva_Sync_Key__c/k%2F1", None).await;
    assert_eq!((status, &row["LastName"]), (StatusCode::OK, &json!("One again")));
    visitor.sandbox.stop().await;
}

#[tokio::test]
async fn deletions_are_told_and_can_be_undone() {
    let visitor = Visitor::new().await;
    let rows = visitor.query("SELECT Id FROM Contact ORDER BY Id LIMIT 3").await;
    let ids: Vec<&str> =
        rows["records"].as_array().unwrap().iter().map(|r| r["Id"].as_str().unwrap()).collect();
    let (_, results) =
        visitor.call(Method::DELETE, &format!("/composite/sobjects?ids={}", ids.join(",")), None).await;
    assert!(results.as_array().unwrap().iter().all(|r| r["success"] == true));
    let hour = chrono::TimeDelta::hours(1);
    let now = chrono::Utc::now();
    let form = |t: chrono::DateTime<chrono::Utc>| t.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let path = format!("/sobjects/Contact/deleted/?start={}&end={}", form(now - hour), form(now + hour));
    let (_, gone) = visitor.call(Method::GET, &path, None).await;
    let told: BTreeSet<&str> =
        gone["deletedRecords"].as_array().unwrap().iter().map(|r| r["id"].as_str().unwrap()).collect();
    assert_eq!(told, ids.iter().copied().collect());
    let (status, body) = visitor.call(Method::GET, &format!("/sobjects/Contact/{}", ids[0]), None).await;
    assert_eq!((status, &body[0]["errorCode"]), (StatusCode::NOT_FOUND, &json!("ENTITY_IS_DELETED")));

    let undelete = super::control::Edit::Undelete { object: "Contact".to_owned(), id: ids[0].to_owned() };
    visitor.sandbox.salesforce().edit("priya.raman@northwind-demo.example", &undelete).unwrap();
    assert_eq!(
        visitor.call(Method::GET, &format!("/sobjects/Contact/{}", ids[0]), None).await.0,
        StatusCode::OK
    );
    let (_, gone) = visitor.call(Method::GET, &path, None).await;
    assert_eq!(gone["deletedRecords"].as_array().unwrap().len(), 2);

    let rows = visitor.query("SELECT Id FROM Contact ORDER BY Id LIMIT 2").await;
    let [winner, loser] = [0, 1].map(|n| rows["records"][n]["Id"].as_str().unwrap().to_owned());
    let merge = super::control::Edit::Merge {
        object: "Contact".to_owned(),
        id: winner.clone(),
        loser: loser.clone(),
    };
    visitor.sandbox.salesforce().edit("priya.raman@northwind-demo.example", &merge).unwrap();
    let soql = format!("SELECT MasterRecordId FROM Contact WHERE Id = '{loser}' AND IsDeleted = true");
    let query: String = url::form_urlencoded::byte_serialize(soql.as_bytes()).collect();
    let (_, found) = visitor.call(Method::GET, &format!("/queryAll?q={query}"), None).await;
    assert_eq!(found["records"][0]["MasterRecordId"], json!(winner));
    visitor.sandbox.stop().await;
}

#[tokio::test]
async fn faults_come_and_go() {
    let visitor = Visitor::new().await;
    let org = visitor.sandbox.salesforce().clone();
    org.set_usage(14_999, None);
    assert_eq!(visitor.call(Method::GET, "/limits", None).await.0, StatusCode::OK);
    let (status, body) = visitor.call(Method::GET, "/limits", None).await;
    assert_eq!((status, &body[0]["errorCode"]), (StatusCode::FORBIDDEN, &json!("REQUEST_LIMIT_EXCEEDED")));
    org.set_usage(0, None);

    org.lose_replies(1);
    let url = format!("{}{DATA}/sobjects/Contact", visitor.sandbox.salesforce_url());
    let lost = visitor.client.post(url).bearer_auth(&visitor.token).json(&named("Lost")).send().await;
    assert!(lost.is_err());
    assert_eq!(visitor.count("LastName = 'Lost'").await, 1);

    org.set_down(true);
    assert_eq!(visitor.call(Method::GET, "/limits", None).await.0, StatusCode::SERVICE_UNAVAILABLE);
    org.set_down(false);
    assert_eq!(org.counters().mails, 0);
    visitor.sandbox.stop().await;
}

#[tokio::test]
async fn every_person_has_what_the_company_file_says() {
    let visitor = Visitor::new().await;
    let company = Company::parse(DEMO).unwrap();
    let dump = visitor.sandbox.salesforce().dump();
    for person in company.people.iter().filter(|p| !p.name.ends_with(" Jones")) {
        let count = |object: &str| dump.get(&person.address).and_then(|d| d.get(object)).map_or(0, Vec::len);
        assert_eq!(count("Contact"), person.contacts.iter().filter(|c| c.in_crm).count(), "{}", person.name);
        assert_eq!(count("Event"), person.events.iter().filter(|e| e.in_crm).count(), "{}", person.name);
    }
    visitor.sandbox.stop().await;
}

#[tokio::test]
async fn a_wire_dump_holds_bodies_and_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let visitor = Visitor::dumping(Some(folder.path().to_owned())).await;
    let (_, made) =
        visitor.call(Method::POST, "/composite/sobjects", Some(json!({"records": [named("Seen")]}))).await;
    assert_eq!(made[0]["success"], true);
    let token = visitor.token.clone();
    visitor.sandbox.stop().await;
    let bodies: Vec<(String, String)> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.display().to_string(), std::fs::read_to_string(path).unwrap()))
        .collect();
    let holds =
        |end: &str, text: &str| bodies.iter().any(|(name, body)| name.ends_with(end) && body.contains(text));
    assert!(holds("-request.json", "Seen") && holds("-reply.json", "\"success\":true"));
    for secret in [token.as_str(), "Sandbox-Salesforce-1", "kT7wQ2mZ9", "5A0ND80XC0N5UM3R53CR37"] {
        assert!(!bodies.iter().any(|(_, body)| body.contains(secret)));
    }
}

#[tokio::test]
async fn https_is_trusted_through_the_ca_only_and_the_port_is_free_afterwards() {
    let sandbox = Sandbox::start(SandboxOptions::new(Company::parse(DEMO).unwrap())).await.unwrap();
    let url = format!("{}/services/data", sandbox.salesforce_url());
    assert!(url.starts_with("https://localhost:"));
    let ca = reqwest::Certificate::from_pem(sandbox.ca_pem().unwrap().as_bytes()).unwrap();
    let trusting = Client::builder().no_proxy().tls_certs_only([ca]).build().unwrap();
    assert_eq!(trusting.get(&url).send().await.unwrap().status(), StatusCode::OK);
    let ip = url.replace("localhost", "127.0.0.1");
    assert_eq!(trusting.get(ip).send().await.unwrap().status(), StatusCode::OK);
    assert!(Client::builder().no_proxy().build().unwrap().get(&url).send().await.is_err());
    let port = url::Url::parse(&url).unwrap().port().unwrap();
    sandbox.stop().await;
    tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
}
