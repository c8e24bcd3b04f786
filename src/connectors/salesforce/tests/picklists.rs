//! Words of the org's own, as its administrator has made them.

use super::*;
use riva_core::documents::Picklists;
use riva_core::item::{Completion, Importance, TaskStatus};
use serde_json::json;

/// With these meanings; without any, as an old document has it.
fn crm(house: &House, picklists: Picklists) -> Arc<dyn CrmSystem> {
    house.crm_where(&house.password(), &[SYNC_KEY], |connection| connection.picklists = picklists)
}

fn meanings() -> Picklists {
    Picklists {
        task_status: [("in prüfung".to_owned(), TaskStatus::Cancelled)].into(),
        task_priority: [("urgent".to_owned(), Importance::High)].into(),
    }
}

fn make(house: &House, status: &str, priority: &str) -> RemoteId {
    let fields = json!({"Subject": "Call", "Status": status, "Priority": priority});
    let made = Edit::Create { object: "Task".into(), fields: fields.as_object().unwrap().clone() };
    RemoteId::new(house.org().edit(PRIYA, &made).unwrap())
}

async fn shown(side: &dyn SilentWriter, id: &RemoteId) -> (riva_core::ids::Version, Item) {
    match side.fetch(Module::Tasks, std::slice::from_ref(id)).await.unwrap().remove(0) {
        Fetched::Present { version, item, .. } => (version, *item),
        other => panic!("{other:?}"),
    }
}

fn done(status: TaskStatus) -> Value {
    Value::Completion(Completion { status, on: None, percent: None })
}

#[tokio::test]
async fn a_word_without_a_meaning_is_not_shown_and_told_of_once_for_each_user() {
    let house = House::open(true).await;
    let (open, closed) = (make(&house, "In Prüfung", "Urgent"), make(&house, "Abgelehnt", "Normal"));
    let crm = crm(&house, Picklists::default());
    let priya = crm.user(PRIYA).await.unwrap();
    let side = crm.open(&priya).await.unwrap();
    let (_, item) = shown(&*side, &open).await;
    assert_eq!((item.get(Field::Completion), item.get(Field::Importance)), (None, None));
    let (_, item) = shown(&*side, &closed).await;
    assert_eq!(item.get(Field::Completion), Some(&done(TaskStatus::Completed)));
    let said = side.remarks(Module::Tasks);
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said.iter().any(|s| s.contains("\"Abgelehnt\"") && s.contains("taken as completed")), "{said:?}");
    assert!(
        said.iter().any(|s| s.contains("\"Urgent\"") && s.contains("[picklists.task-priority]")),
        "{said:?}"
    );
    // The next cycle, and a reading on somebody's screen.
    let again = crm.open(&priya).await.unwrap();
    shown(&*again, &open).await;
    assert_eq!(again.remarks(Module::Tasks), Vec::<String>::new());
}

#[tokio::test]
async fn a_word_with_a_meaning_is_read_and_written() {
    let house = House::open(true).await;
    let id = make(&house, "In Prüfung", "Urgent");
    let crm = crm(&house, meanings());
    let side = crm.open(&crm.user(PRIYA).await.unwrap()).await.unwrap();
    let (version, item) = shown(&*side, &id).await;
    assert_eq!(item.get(Field::Completion), Some(&done(TaskStatus::Cancelled)));
    assert_eq!(item.get(Field::Importance), Some(&Importance::High.value()));
    assert!(
        side.capabilities().module(Module::Tasks).unwrap().parts[&Field::Completion].contains("cancelled")
    );
    let write = |version, set| {
        let (marker, side, item) = (draft(item.clone()).marker, Arc::clone(&side), item.clone());
        let patch = Patch { id: id.clone(), version, marker, set, base: item };
        async move { side.update(Module::Tasks, &[patch]).await.unwrap().remove(0).unwrap() }
    };
    let words = || {
        let tasks = house.org().dump().into_values().filter_map(|mut of_user| of_user.remove("Task"));
        let record = tasks.flatten().find(|task| task["Id"] == id.as_str()).unwrap();
        ["Status", "Priority"].map(|column| record[column].as_str().unwrap_or_default().to_owned())
    };
    let set =
        [(Field::Completion, done(TaskStatus::Completed)), (Field::Importance, Importance::Low.value())];
    let written = write(version, set.into()).await;
    assert_eq!(words(), ["Completed", "Low"]);
    // Of two words with one meaning, the first of the org's list.
    let set =
        [(Field::Completion, done(TaskStatus::Cancelled)), (Field::Importance, Importance::High.value())];
    let written = write(written.at.version, set.into()).await;
    assert_eq!(words(), ["In Prüfung", "High"]);
    assert_eq!(written.item.unwrap().get(Field::Completion), Some(&done(TaskStatus::Cancelled)));
    assert_eq!(side.remarks(Module::Tasks), Vec::<String>::new());
}

#[tokio::test]
async fn the_connection_test_names_the_words_without_a_meaning() {
    let house = House::open(false).await;
    for (picklists, named) in [(Picklists::default(), true), (meanings(), false)] {
        let crm = house.crm_where(&house.password(), &[], |connection| connection.picklists = picklists);
        let steps = Steps::default();
        crm.test(Some(PRIYA), &steps).await.unwrap();
        let steps = steps.0.lock().unwrap();
        let tasks = steps.iter().find(|s| s.step == TestStep::OpenTasks).unwrap();
        let StepOutcome::Passed { detail } = &tasks.outcome else { panic!("{tasks:?}") };
        assert!(detail.contains("\"Abgelehnt\""), "{detail}");
        assert_eq!(detail.contains("\"Urgent\"") && detail.contains("\"In Prüfung\""), named, "{detail}");
    }
}

#[tokio::test]
async fn the_orgs_words_are_told_in_its_own_order() {
    let house = House::open(false).await;
    let words = crm(&house, meanings()).org_words().await.err();
    assert!(words.is_some(), "the field for markers is missing, as for every other reading");
    let words = house.crm(&house.password(), &[]).org_words().await.unwrap();
    let priority: Vec<_> = words.task_priority.iter().map(|w| (w.word.as_str(), w.means)).collect();
    let [low, normal, high] = Importance::ALL.map(Some);
    assert_eq!(priority, [("High", high), ("Normal", normal), ("Low", low), ("Urgent", None)]);
    assert!(words.task_status.iter().any(|w| w.word == "In Prüfung" && w.means.is_none()));
}
