//! The files beside the log of e-mail, on a real OpenERP and on servers where none can be kept.

use super::messages::{message, message_id};
use super::*;
use crate::odoo::files::WANTED;
use base64::Engine as _;
use riva_core::item::Role;
use riva_core::ports::{FileKept, FileOwner, ItemFile, Removal};
use wiremock::Request;

fn file(name: &str, content: Vec<u8>) -> ItemFile {
    ItemFile { name: name.into(), media_type: "application/octet-stream".into(), content }
}

/// Each byte there is, up to 1 MiB.
fn every_byte() -> Vec<u8> {
    (0..1 << 20).map(|at: u32| at.to_le_bytes()[0] ^ at.to_le_bytes()[1]).collect()
}

fn kept(file: &ItemFile) -> FileKept {
    FileKept { name: file.name.clone(), size: file.content.len() as u64 }
}

/// The files of each row of a message, as the administrator reads them: record, name, and what it holds.
async fn shown(admin: &Session, message_id: &str) -> Vec<Vec<(i64, String, Vec<u8>)>> {
    let domain = vec![condition("message_id", "=", message_id)];
    let found = search(admin, "mail.message", domain, None).await.expect("messages");
    let messages = rows::read(admin, "mail.message", &found, &["attachment_ids"]).await.expect("read");
    let mut all = Vec::new();
    for message in messages.values() {
        let linked = message.get("attachment_ids").map(Rpc::items).unwrap_or_default();
        let linked: Vec<i64> = linked.iter().filter_map(Rpc::int).collect();
        let columns = ["name", "datas_fname", "datas", "res_model", "res_id"];
        let files = rows::read(admin, "ir.attachment", &linked, &columns).await.expect("read");
        let of = |row: &Rpc| {
            let text = |column: &str| row.get(column).map(Rpc::str).unwrap_or_default();
            assert_eq!((text("res_model"), text("datas_fname")), ("res.partner", text("name")));
            let content = text("datas").replace(['\r', '\n'], "");
            let content = base64::engine::general_purpose::STANDARD.decode(content).expect("base64");
            (row.get("res_id").and_then(Rpc::int).expect("a record"), text("name").to_owned(), content)
        };
        all.push(files.values().map(of).collect());
    }
    all
}

#[tokio::test]
async fn openerp_keeps_each_file_once_on_all_rows_of_its_message_and_tells_nobody() {
    let Some(server) = OpenErp::running() else { return };
    let (admin, crm) = (server.admin(), server.odoo());
    let side = crm.open(&crm.user(ALICE).await.expect("alice")).await.expect("alice's records");
    let files = side.item_files(Module::Email).expect("files can be kept");
    let contact = async |name: &str| made(&admin, "res.partner", [("name", Rpc::from(name))]).await;
    let (ann, ben) = (contact("Ann Lee").await, contact("Ben Lee").await);
    let fan =
        made(&admin, "res.partner", [("name", Rpc::from("Fan")), ("email", Rpc::from("fan@far.test"))]).await;
    for row in [ann, ben] {
        follow(&admin, "res.partner", row, fan).await;
    }
    let _quiet = QUIET.read().await;
    let before = sent(&admin).await;
    let id = message_id();
    let [of_ann, of_ben] = [ann, ben].map(|row| RemoteId::new(row.to_string()));
    let draft = message(&id, &[(Role::From, &of_ann), (Role::Cc, &of_ben)]);
    let logged = side.create(Module::Email, &[draft]).await.expect("created").remove(0).expect("made");
    let to = FileOwner::message(logged.at.id.clone(), &*id);
    assert_eq!(files.files(&to).await, Ok(vec![]));

    let picture = file("Größe & <Maß>.bin", every_byte());
    let text = file("notes.txt", b"Dear Alice\r\n1 < 2\n".to_vec());
    let empty = file("empty.txt", Vec::new());
    for one in [&picture, &text, &empty] {
        assert_eq!(files.attach(&to, one).await, Ok(Ok(())), "{one:?}");
    }
    // The answers were lost, and they are brought again.
    for one in [&picture, &empty] {
        assert_eq!(files.attach(&to, one).await, Ok(Ok(())), "{one:?}");
    }
    assert_eq!(files.files(&to).await, Ok(vec![kept(&picture), kept(&text), kept(&empty)]));
    let wanted = [&picture, &text, &empty].map(|f| (ann, f.name.clone(), f.content.clone()));
    let rows = shown(&admin, &id).await;
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| *row == wanted), "a row shows other files");
    assert_eq!(sent(&admin).await, before, "somebody was told");
}

#[tokio::test]
async fn openerp_has_no_place_for_the_files_of_a_message_that_was_deleted() {
    let Some(server) = OpenErp::running() else { return };
    let (admin, crm) = (server.admin(), server.odoo());
    let side = crm.open(&crm.user(BOB).await.expect("bob")).await.expect("bob's records");
    let files = side.item_files(Module::Email).expect("files can be kept");
    let ann = made(&admin, "res.partner", [("name", Rpc::from("Ann Lee"))]).await;
    let on_ann = async || {
        let domain = vec![condition("res_model", "=", "res.partner"), condition("res_id", "=", ann)];
        search(&admin, "ir.attachment", domain, None).await.expect("files").len()
    };
    let id = message_id();
    let draft = message(&id, &[(Role::From, &RemoteId::new(ann.to_string()))]);
    let logged = side.create(Module::Email, &[draft]).await.expect("created").remove(0).expect("made");
    let to = FileOwner::message(logged.at.id.clone(), id);
    let row: i64 = logged.at.id.as_str().parse().expect("a number");
    admin.call("mail.message", Method::Unlink, vec![Rpc::list([row])]).await.expect("deleted");
    assert_eq!(files.attach(&to, &file("late.txt", b"late".to_vec())).await, Ok(Err(ItemError::Gone)));
    assert_eq!(files.files(&to).await, Ok(vec![]));
    assert_eq!(on_ann().await, 0);
}

#[tokio::test]
async fn openerp_loses_our_files_with_the_message_that_is_taken_out_and_no_others() {
    let Some(server) = OpenErp::running() else { return };
    let (admin, crm) = (server.admin(), server.odoo());
    let side = crm.open(&crm.user(BOB).await.expect("bob")).await.expect("bob's records");
    let files = side.item_files(Module::Email).expect("files can be kept");
    let ann = made(&admin, "res.partner", [("name", Rpc::from("Ann Lee"))]).await;
    let id = message_id();
    let draft = message(&id, &[(Role::From, &RemoteId::new(ann.to_string()))]);
    let logged = side.create(Module::Email, &[draft]).await.expect("created").remove(0).expect("made");
    let to = FileOwner::message(logged.at.id.clone(), &*id);
    let ours = file("ours.txt", b"ours".to_vec());
    assert_eq!(files.attach(&to, &ours).await, Ok(Ok(())));
    // A person hangs one there, too.
    let theirs = [("name", "theirs.txt"), ("datas", "dGhlaXJz"), ("res_model", "res.partner")];
    let theirs = theirs.map(|(column, value)| (column, Rpc::from(value)));
    let theirs = made(&admin, "ir.attachment", theirs.into_iter().chain([("res_id", Rpc::Int(ann))])).await;
    let row: i64 = logged.at.id.as_str().parse().expect("a number");
    let link = Rpc::map([("attachment_ids", Rpc::List(vec![Rpc::list([4, theirs])]))]);
    admin.call("mail.message", Method::Write, vec![Rpc::list([row]), link]).await.expect("linked");
    assert_eq!(files.files(&to).await.expect("read").len(), 2);
    let at = side.message_log().expect("a log").logged(std::slice::from_ref(&id)).await.expect("found");
    let removal = Removal { id: at[&id].id.clone(), version: at[&id].version.clone() };
    assert_eq!(side.delete(Module::Email, &[removal]).await.expect("answered"), [Ok(())]);
    let domain = vec![condition("res_model", "=", "res.partner"), condition("res_id", "=", ann)];
    assert_eq!(search(&admin, "ir.attachment", domain, None).await.expect("files"), [theirs]);
    assert_eq!(files.attach(&to, &ours).await, Ok(Err(ItemError::Gone)));
}

/// A server that has all columns, but does not let the account do this with files, and takes nothing.
async fn without(operation: &'static str) -> MockServer {
    let server = MockServer::start().await;
    let answer = |value: &str| {
        ResponseTemplate::new(200).set_body_string(format!(
            "<methodResponse><params><param><value>{value}</value></param></params></methodResponse>"
        ))
    };
    let member =
        |name: &str, value: &str| format!("<member><name>{name}</name><value>{value}</value></member>");
    let columns: String =
        message::WANTED.iter().chain(&WANTED).map(|name| member(name, "<struct></struct>")).collect();
    let respond = move |request: &Request| {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let asks = |what: &str| body.contains(what);
        if asks("<methodName>version<") {
            return answer(&format!("<struct>{}</struct>", member("server_version", "18.0")));
        }
        if asks("<methodName>authenticate<") {
            return answer("<int>2</int>");
        }
        if asks("<string>load<") {
            return ResponseTemplate::new(413);
        }
        if asks("ir.attachment") && asks(operation) {
            return refusal("<int>4</int>", "You are not allowed to access 'Attachment'");
        }
        if asks("check_access_rights") {
            return answer("<boolean>1</boolean>");
        }
        if asks("fields_get") {
            return answer(&format!("<struct>{columns}</struct>"));
        }
        answer("<array><data></data></array>")
    };
    Mock::given(method("POST")).respond_with(respond).mount(&server).await;
    server
}

#[tokio::test]
async fn an_account_that_may_not_keep_files_logs_messages_all_the_same() {
    for (operation, kept) in [
        ("fields_get", false),
        ("<string>read<", false),
        ("<string>create<", false),
        ("<string>write<", false),
        ("<string>unlink<", true),
    ] {
        let server = without(operation).await;
        let http = HttpClient::new(HttpOptions::new(server.uri().parse().expect("a URL"))).expect("a client");
        let session = Session::new(http, "db".into(), "svc".into(), PASSWORD.to_owned().into());
        let known = session.signed_in().await.expect("signed in");
        assert_eq!(
            (known.messages.is_some(), known.files.is_some() && known.files_on_messages),
            (true, kept),
            "{operation}"
        );
    }
}

#[tokio::test]
async fn a_file_that_is_too_large_for_the_server_is_refused_and_not_in_doubt() {
    let server = without("nothing").await;
    let http = HttpClient::new(HttpOptions::new(server.uri().parse().expect("a URL"))).expect("a client");
    let session = Session::new(http, "db".into(), "svc".into(), PASSWORD.to_owned().into());
    let failed = session.call("ir.attachment", Method::Load, vec![]).await.expect_err("refused");
    let Failed::Refused(refusal) = failed else { panic!("{failed:?}") };
    assert!(matches!(refusal.item(), ItemError::Invalid { reason } if reason.contains("size")));
}

/// The administrator's view of the files of a record: name, and what it holds.
async fn on(admin: &Session, model: &str, record: i64) -> Vec<(String, String)> {
    let domain = vec![condition("res_model", "=", model), condition("res_id", "=", record)];
    let found = search(admin, "ir.attachment", domain, None).await.expect("files");
    let rows = rows::read(admin, "ir.attachment", &found, &["name", "datas"]).await.expect("read");
    let text = |row: &Rpc, column: &str| row.get(column).map(Rpc::str).unwrap_or_default().trim().to_owned();
    rows.values().map(|row| (text(row, "name"), text(row, "datas"))).collect()
}

#[tokio::test]
async fn openerp_keeps_files_on_contacts_leads_meetings_and_tasks_and_tells_nobody() {
    let Some(server) = OpenErp::running() else { return };
    let (admin, crm) = (server.admin(), server.odoo());
    let side = crm.open(&crm.user(ALICE).await.expect("alice")).await.expect("alice's records");
    let fan =
        made(&admin, "res.partner", [("name", Rpc::from("Fan")), ("email", Rpc::from("fan@far.test"))]).await;
    let named = |name: &'static str| [("name", Rpc::from(name))];
    let meeting = [
        ("name", Rpc::from("Visit")),
        ("date", Rpc::from("2026-12-01 08:00:00")),
        ("date_deadline", Rpc::from("2026-12-01 09:00:00")),
    ];
    let records = [
        (Module::Contacts, "res.partner", made(&admin, "res.partner", named("Ann Lee")).await, ""),
        (Module::Contacts, "crm.lead", made(&admin, "crm.lead", named("Lead")).await, "lead-"),
        (Module::Calendar, "crm.meeting", made(&admin, "crm.meeting", meeting).await, ""),
        (Module::Tasks, "project.task", made(&admin, "project.task", named("Call")).await, ""),
    ];
    let _quiet = QUIET.read().await;
    let before = sent(&admin).await;
    for (module, model, row, prefix) in records {
        if model != "crm.meeting" {
            follow(&admin, model, row, fan).await;
        }
        let owner = FileOwner::record(module, RemoteId::new(format!("{prefix}{row}")));
        let files = side.item_files(module).expect("files can be kept");
        assert_eq!(files.files(&owner).await, Ok(vec![]), "{model}");
        let plan = file("plan.bin", vec![7; 3]);
        // The answer was lost, and it is brought again.
        for _ in 0..2 {
            assert_eq!(files.attach(&owner, &plan).await, Ok(Ok(())), "{model}");
        }
        let theirs = [("name", "theirs.txt"), ("datas", "dGhlaXJz"), ("res_model", model)];
        let theirs = theirs.map(|(column, value)| (column, Rpc::from(value)));
        made(&admin, "ir.attachment", theirs.into_iter().chain([("res_id", Rpc::Int(row))])).await;
        let mut listed = files.files(&owner).await.expect("listed");
        listed.sort_by(|a, b| a.name.cmp(&b.name));
        assert_eq!(listed, [kept(&plan), FileKept { name: "theirs.txt".into(), size: 6 }], "{model}");
        let mut shown = on(&admin, model, row).await;
        shown.sort();
        let shown: Vec<(&str, &str)> = shown.iter().map(|(name, data)| (&**name, &**data)).collect();
        assert_eq!(shown, [("plan.bin", "BwcH"), ("theirs.txt", "dGhlaXJz")], "{model}");
        admin.call(model, Method::Unlink, vec![Rpc::list([row])]).await.expect("deleted");
        assert_eq!(files.attach(&owner, &plan).await, Ok(Err(ItemError::Gone)), "{model}");
    }
    assert_eq!(sent(&admin).await, before, "somebody was told");
}
