//! Tasks on a real OpenERP, and on servers that have none.

use super::*;
use crate::crm_contract::task;
use riva_core::item::{Completion, Field, Item, TaskStatus, Value};
use riva_core::ports::{Patch, SilentWriter, StepOutcome};
use wiremock::Request;

fn present(fetched: &Fetched) -> (&Version, &Item) {
    match fetched {
        Fetched::Present { version, item, .. } => (version, item),
        other => panic!("not there: {other:?}"),
    }
}

fn done(status: TaskStatus) -> Value {
    Value::Completion(Completion { status, on: None, percent: None })
}

async fn shown(side: &dyn SilentWriter, id: &RemoteId) -> Fetched {
    side.fetch(Module::Tasks, std::slice::from_ref(id)).await.expect("fetched").remove(0)
}

/// Sets how far a task is, in the mailbox.
async fn set(side: &dyn SilentWriter, id: &RemoteId, status: TaskStatus) {
    let now = shown(side, id).await;
    let patch = Patch {
        id: id.clone(),
        version: present(&now).0.clone(),
        marker: Marker { pair: PairId(uuid::Uuid::new_v4()), generation: 1 },
        set: [(Field::Completion, done(status))].into(),
        base: present(&now).1.clone(),
    };
    let answer = side.update(Module::Tasks, &[patch]).await.expect("updated").remove(0).expect("written");
    assert_eq!(answer.item.expect("read back").get(Field::Completion), Some(&done(status)));
}

async fn stage_of(admin: &Session, id: &RemoteId) -> i64 {
    let row: i64 = id.as_str().parse().expect("a number");
    let rows = rows::read(admin, "project.task", &[row], &["stage_id"]).await.expect("read");
    rows[&row].get("stage_id").and_then(Rpc::many2one).expect("a stage")
}

async fn stage(admin: &Session, state: &str, project: i64) -> i64 {
    let projects = Rpc::List(vec![Rpc::List(vec![Rpc::Int(6), Rpc::Int(0), Rpc::list([project])])]);
    let columns = [
        ("name", Rpc::from(format!("Own {state}"))),
        ("state", Rpc::from(state)),
        ("sequence", Rpc::Int(500)),
        ("project_ids", projects),
    ];
    made(admin, "project.task.type", columns).await
}

#[tokio::test]
async fn openerp_moves_tasks_through_the_stages_of_their_project_and_tells_nobody() {
    let Some(server) = OpenErp::running() else { return };
    let (admin, crm) = (server.admin(), server.odoo());
    let alice = crm.user(ALICE).await.expect("alice");
    let side = crm.open(&alice).await.expect("alice's records");
    // With no stages but its own.
    let no_stage = Rpc::List(vec![Rpc::List(vec![Rpc::Int(6), Rpc::Int(0), Rpc::List(vec![])])]);
    let project =
        made(&admin, "project.project", [("name", Rpc::from("Fair")), ("type_ids", no_stage)]).await;
    let [design, testing, over] = [
        stage(&admin, "open", project).await,
        stage(&admin, "open", project).await,
        stage(&admin, "done", project).await,
    ];
    let owner: i64 = alice.id.as_str().parse().expect("a number");
    let columns = [
        ("name", Rpc::from("Stand")),
        ("project_id", Rpc::Int(project)),
        ("stage_id", Rpc::Int(testing)),
        ("user_id", Rpc::Int(owner)),
    ];
    let row = made(&admin, "project.task", columns).await;
    let fan =
        made(&admin, "res.partner", [("name", Rpc::from("Fan")), ("email", Rpc::from("fan@far.test"))]).await;
    follow(&admin, "project.task", row, fan).await;
    let _quiet = QUIET.read().await;
    let before = sent(&admin).await;
    let id = RemoteId::new(row.to_string());
    assert_eq!(
        present(&shown(&*side, &id).await).1.get(Field::Completion),
        Some(&done(TaskStatus::InProgress))
    );

    set(&*side, &id, TaskStatus::InProgress).await;
    assert_eq!(stage_of(&admin, &id).await, testing, "it is in a stage of that state already");
    set(&*side, &id, TaskStatus::Completed).await;
    assert_eq!(stage_of(&admin, &id).await, over);
    set(&*side, &id, TaskStatus::InProgress).await;
    assert_eq!(stage_of(&admin, &id).await, design);
    // The project has no stage of this state: one that others have.
    set(&*side, &id, TaskStatus::Waiting).await;
    assert_eq!(sent(&admin).await, before, "somebody was told");

    // Whoever cancels it in OpenERP takes it out of the mailbox.
    let cancelled =
        search(&admin, "project.task.type", vec![condition("state", "=", "cancelled")], Some(1)).await;
    let cancelled = Rpc::map([("stage_id", Rpc::Int(cancelled.expect("stages")[0]))]);
    admin.call("project.task", Method::Write, vec![Rpc::list([row]), cancelled]).await.expect("cancelled");
    assert_eq!(shown(&*side, &id).await, Fetched::Gone);
}

#[tokio::test]
async fn openerp_makes_a_task_that_is_done_already_as_one() {
    let Some(server) = OpenErp::running() else { return };
    let crm = server.odoo();
    let side = crm.open(&crm.user(BOB).await.expect("bob")).await.expect("bob's records");
    let mut item = task("Order the carpet", 1);
    item.set(Field::Completion, done(TaskStatus::Completed));
    let draft = Draft { marker: Marker { pair: PairId(uuid::Uuid::new_v4()), generation: 1 }, item };
    let made = side.create(Module::Tasks, &[draft]).await.expect("created").remove(0).expect("made");
    assert_eq!(made.item.expect("read back").get(Field::Completion), Some(&done(TaskStatus::Completed)));
}

/// A server on which neither the CRM nor the Project application is installed.
pub(super) async fn without_applications() -> MockServer {
    let server = MockServer::start().await;
    let answer = |value: &str| {
        ResponseTemplate::new(200).set_body_string(format!(
            "<methodResponse><params><param><value>{value}</value></param></params></methodResponse>"
        ))
    };
    let member = |name: &str, value: &str| {
        format!("<struct><member><name>{name}</name><value>{value}</value></member></struct>")
    };
    let respond = move |request: &Request| {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let asks = |what: &str| body.contains(what);
        if asks("<methodName>version<") {
            return answer(&member("server_version", "18.0"));
        }
        if asks("<methodName>authenticate<") {
            return answer("<int>2</int>");
        }
        if ["project.task", "crm.lead"].into_iter().any(asks) {
            return refusal("<int>2</int>", "Object does not exist");
        }
        if asks("check_access_rights") {
            return answer("<boolean>1</boolean>");
        }
        if asks("fields_get") {
            return answer(&member("name", &member("type", "char")));
        }
        answer("<array><data></data></array>")
    };
    Mock::given(method("POST")).respond_with(respond).mount(&server).await;
    server
}

#[tokio::test]
async fn what_is_not_installed_is_said_and_the_rest_is_synced() {
    let server = without_applications().await;
    let crm = odoo(&server.uri(), "svc", PASSWORD, &[("database", "db")]).expect("a system");
    let Err(CallError::Fault(fault)) = crm.feed(Module::Tasks, None).await else { panic!("no fault") };
    assert_eq!(fault.kind, FaultKind::MissingPermission, "{fault}");
    assert!(fault.detail.contains("Project application is not installed"), "{fault}");
    assert!(fault.remedy.contains("Install the Project application"), "{fault}");
    assert!(crm.feed(Module::Contacts, None).await.is_ok());
    let steps = Steps::default();
    assert_eq!(crm.test(None, &steps).await, Ok(()));
    let steps = steps.0.lock().unwrap();
    let tasks = steps.iter().find(|s| s.step == TestStep::OpenTasks).expect("tasks are looked at");
    let StepOutcome::Passed { detail } = &tasks.outcome else { panic!("{tasks:?}") };
    assert!(detail.contains("tasks cannot be synced"), "{detail}");
}
