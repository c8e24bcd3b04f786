//! What another sync has left in a mailbox, by the real agent on the sandbox.

use crate::office::Office;
use crate::pairs::sandbox::{Northwind, class};
use crate::pairs::{Hand, Pair as _, Person};
use crate::story::{Rules, TWO_WAY};
use crate::things::{Kind, Thing};
use riva_api::{Agent as _, Decide, HoldsQuery};
use riva_core::documents::LostAndFound;
use riva_core::holds::{Decision, HoldKind, HoldRow};
use riva_core::rows::Side;
use riva_sandbox::exchange::Edit as MailEdit;
use serde_json::json;

struct Stage {
    pair: Northwind,
    who: Person,
    kind: Kind,
    office: Office,
}

impl Stage {
    /// Ann and Ben carry the category of another sync, Ben is in the CRM as well; Cem is the user's own.
    async fn set(kind: Kind, choice: LostAndFound) -> Self {
        let who = Person::of("lost-and-found", kind, "northwind.example");
        let pair = Northwind::start(std::slice::from_ref(&who)).await;
        for name in ["Ann", "Ben", "Cem"] {
            let hand = Hand::Make { thing: Thing::parse(name), uid_of: None };
            pair.deed(&who, kind, Side::Mail, hand.clone()).await;
            if name == "Ben" {
                pair.deed(&who, kind, Side::Crm, hand).await;
            }
        }
        for (id, thing) in pair.shows(&who, kind, Side::Mail).await {
            if thing.name != "Cem" {
                let fields = json!({ "Categories": ["Customer", "Riva"] });
                let fields = fields.as_object().cloned().unwrap_or_default();
                pair.in_mail(MailEdit::Update { user: who.address.clone(), id, occurrence: None, fields });
            }
        }
        let office = Office::new(&pair, &who, kind, Rules { lost_and_found: choice, ..TWO_WAY });
        Self { pair, who, kind, office }
    }

    async fn crm(&self) -> Vec<String> {
        let mut all: Vec<String> = self
            .pair
            .shows(&self.who, self.kind, Side::Crm)
            .await
            .into_iter()
            .map(|(_, thing)| thing.name)
            .collect();
        all.sort();
        all
    }

    /// Names and ids of what lies in a folder of the mailbox.
    fn lies_in(&self, folder: &str) -> Vec<(String, String)> {
        let items = self.pair.items(&self.who);
        let there = items.iter().filter(|item| item["class"] == class(self.kind) && item["folder"] == folder);
        let name = |item: &serde_json::Value| {
            let fields = &item["fields"];
            let title = fields["Subject"].as_str().filter(|_| self.kind != Kind::Contact);
            let title = title.or_else(|| fields["GivenName"].as_str()).unwrap_or_default();
            title.rsplit(' ').next().unwrap_or_default().to_owned()
        };
        let mut all: Vec<_> =
            there.map(|item| (name(item), item["id"].as_str().unwrap().to_owned())).collect();
        all.sort();
        all
    }

    fn names_in(&self, folder: &str) -> Vec<String> {
        self.lies_in(folder).into_iter().map(|(name, _)| name).collect()
    }

    fn default_folder(&self) -> &'static str {
        match self.kind {
            Kind::Contact => "contacts",
            Kind::Event => "calendar",
            Kind::Task => "tasks",
        }
    }

    async fn holds(&self) -> Vec<HoldRow> {
        self.office.client().holds(&HoldsQuery { member: None, closed: false }).await.unwrap()
    }

    async fn decide(&self, hold: &HoldRow, decision: Decision) {
        let decide = Decide { number: hold.number, decision, by: "scenario".into() };
        self.office.client().decide(&decide).await.unwrap();
    }

    async fn ends(mut self) {
        self.office.stop().await;
        assert_eq!(self.pair.mails().await, 0, "nobody is mailed");
    }
}

const KINDS: [Kind; 3] = [Kind::Contact, Kind::Event, Kind::Task];

#[tokio::test(flavor = "multi_thread")]
async fn what_another_sync_has_left_lies_in_lost_and_found() {
    for kind in KINDS {
        let mut stage = Stage::set(kind, LostAndFound::Move).await;
        if kind == Kind::Contact {
            // The first move is carried out, and its answer is lost: it is believed half a minute later.
            stage.pair.loses_replies(1, "MoveItem");
        }
        stage.office.sync().await;
        let home = stage.default_folder();
        assert_eq!(stage.names_in("Lost & Found"), ["Ann"], "{:#?}", stage.office.activity().await);
        assert_eq!(
            (stage.names_in(home), stage.crm().await),
            (vec!["Ben".into(), "Cem".into()], vec!["Ben".to_owned(), "Cem".into()])
        );
        assert_eq!(stage.holds().await, []);
        // What its user moves back is synced as any other.
        let (_, id) = stage.lies_in("Lost & Found").remove(0);
        stage.pair.in_mail(MailEdit::Move { user: stage.who.address.clone(), id, folder: home.into() });
        stage.office.sync().await;
        assert_eq!(
            (stage.names_in(home), stage.crm().await.len()),
            (vec!["Ann".into(), "Ben".into(), "Cem".into()], 3)
        );
        stage.ends().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_goes_to_the_crm_once_somebody_says_so() {
    let mut stage = Stage::set(Kind::Contact, LostAndFound::Hold).await;
    stage.office.sync().await;
    assert_eq!(stage.crm().await, ["Ben", "Cem"]);
    let holds = stage.holds().await;
    let [hold] = &holds[..] else { panic!("{holds:#?}") };
    assert_eq!((hold.kind, hold.items.len()), (HoldKind::LostAndFound, 1));
    assert!(hold.items[0].title.contains("Ann"), "{hold:?}");
    stage.decide(hold, Decision::Create).await;
    stage.office.sync().await;
    assert_eq!(
        (stage.crm().await, stage.holds().await),
        (vec!["Ann".to_owned(), "Ben".into(), "Cem".into()], vec![])
    );
    stage.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_to_be_deleted_is_named_first_and_lies_in_deleted_items() {
    let mut stage = Stage::set(Kind::Event, LostAndFound::Delete).await;
    stage.office.sync().await;
    assert_eq!(stage.names_in("calendar"), ["Ann", "Ben", "Cem"]);
    let holds = stage.holds().await;
    let [hold] = &holds[..] else { panic!("{holds:#?}") };
    assert_eq!((hold.kind, hold.items[0].title.as_str()), (HoldKind::DeleteSafety, "Visit Ann"));
    stage.decide(hold, Decision::Approve).await;
    stage.office.sync().await;
    assert_eq!(
        (stage.names_in("calendar"), stage.names_in("deleteditems")),
        (vec!["Ben".into(), "Cem".into()], vec!["Ann".to_owned()])
    );
    assert_eq!(stage.crm().await, ["Ben", "Cem"]);
    stage.ends().await;
}
