//! An org whose administrator has words of his own for tasks, by the real agent on the sandbox.

use crate::office::Office;
use crate::pairs::sandbox::Northwind;
use crate::pairs::{Connected as _, Pair as _, Person};
use crate::story::{Rules, TWO_WAY};
use crate::things::{DONE, Kind};
use riva_core::documents::ConflictWinner;
use riva_core::rows::Side;
use riva_sandbox::exchange::Edit as MailEdit;
use riva_sandbox::salesforce::control::Edit as CrmEdit;
use serde_json::{Map, Value, json};

fn fields(value: Value) -> Map<String, Value> {
    let Value::Object(fields) = value else { panic!("{value} is an object") };
    fields
}

struct Stage {
    pair: Northwind,
    who: Person,
}

impl Stage {
    /// The one task's id and how far it is, by the word of that side; nothing, where it is not started.
    async fn task(&self, side: Side) -> (String, String) {
        let mut all = self.pair.shows(&self.who, Kind::Task, side).await;
        assert_eq!(all.len(), 1, "{all:?}");
        let (id, thing) = all.remove(0);
        (id, thing.extra)
    }

    async fn words(&self) -> [String; 2] {
        [self.task(Side::Mail).await.1, self.task(Side::Crm).await.1]
    }

    /// Versions tell whole seconds: an edit in the second of our last write would be seen some seconds later.
    async fn the_next_second(&self) {
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    }

    async fn in_crm(&self, values: Value) {
        self.the_next_second().await;
        let id = self.task(Side::Crm).await.0;
        self.pair.in_crm(&self.who, &CrmEdit::Update { object: "Task".into(), id, fields: fields(values) });
    }

    async fn in_mail(&self, values: Value) {
        self.the_next_second().await;
        let (user, id) = (self.who.address.clone(), self.task(Side::Mail).await.0);
        self.pair.in_mail(MailEdit::Update { user, id, occurrence: None, fields: fields(values) });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_of_the_orgs_own_is_left_alone_until_it_has_a_meaning() {
    let who = Person { story: "words".into(), address: "words@northwind.example".into() };
    let pair = Northwind::start(std::slice::from_ref(&who)).await;
    let rules = Rules { conflict: ConflictWinner::Crm, ..TWO_WAY };
    let mut office = Office::new(&pair, &who, Kind::Task, rules);
    let task = json!({"Subject": "Call Ann", "Status": "In Prüfung", "Priority": "Urgent"});
    pair.in_crm(&who, &CrmEdit::Create { object: "Task".into(), fields: fields(task) });
    let stage = Stage { pair, who };

    // It is made in the mailbox, as a task that nothing is known of.
    office.sync().await;
    assert_eq!(stage.words().await, ["", "In Prüfung"]);
    // Everything else is synced, and neither word is touched.
    stage.in_mail(json!({"Body": "by phone", "Status": "InProgress"})).await;
    office.sync().await;
    assert_eq!(stage.words().await, ["InProgress", "In Prüfung"]);
    assert_eq!(stage.pair.shows(&stage.who, Kind::Task, Side::Crm).await[0].1.note, "by phone");
    let told = |activity: &[String], word: &str| activity.iter().filter(|line| line.contains(word)).count();
    let activity = office.activity().await;
    assert_eq!((told(&activity, "\"In Prüfung\""), told(&activity, "\"Urgent\"")), (1, 1), "{activity:#?}");

    // The administrator gives it a meaning; the task takes it when it is next changed.
    office.write_connection(
        Side::Crm,
        &format!(
            "{}\n[picklists.task-status]\n\"In Prüfung\" = \"waiting\"\n",
            stage.pair.connection(Side::Crm)
        ),
    );
    stage.in_crm(json!({"Description": "by mail"})).await;
    office.sync().await;
    assert_eq!(stage.words().await, ["WaitingOnOthers", "In Prüfung"]);
    stage.in_mail(json!({"Status": "Completed"})).await;
    office.sync().await;
    assert_eq!(stage.words().await, [DONE, DONE]);
    stage.in_crm(json!({"Status": "Not Started"})).await;
    office.sync().await;
    assert_eq!(stage.words().await, ["", ""]);
    // Of two words with this meaning it is the first in the org's own list.
    stage.in_mail(json!({"Status": "WaitingOnOthers"})).await;
    office.sync().await;
    assert_eq!(stage.words().await, ["WaitingOnOthers", "Waiting on someone else"]);

    // A task that is closed does not look open, whatever its word.
    stage.in_crm(json!({"Status": "Abgelehnt"})).await;
    office.sync().await;
    assert_eq!(stage.words().await, [DONE, "Abgelehnt"]);
    office.stop().await;
    assert_eq!(stage.pair.mails().await, 0, "nobody is mailed");
}
