//! Holds, previews, explanations and undo, asked of a running agent.

use crate::fakes::Fakes;
use crate::tests::{ANN, Running, policy, until, workspace};
use riva_api::Agent as _;
use riva_api::{AgentError, Decide, ExplainQuery, GiveOrder, HoldsQuery, Selection};
use riva_core::history::{DeedKind, Order, UndoSpan};
use riva_core::holds::{Decision, HoldKind};
use riva_core::queue::StateKind;
use riva_core::rows::Side;

const NAMES: [&str; 5] = ["Ada", "Ben", "Cleo", "Dan", "Eve"];

async fn synced(agent: &Running) {
    let cycle = agent.row(ANN).await.member.state.cycle;
    agent.client.sync_now(&Selection::All).await.unwrap();
    until("a cycle has run", async || {
        let member = agent.row(ANN).await.member;
        member.state.cycle > cycle && !member.running
    })
    .await;
}

#[tokio::test]
async fn an_emptied_crm_is_held_by_name_until_it_is_decided() {
    for (decision, in_mail) in [(Decision::Approve, 0), (Decision::Refuse, 5)] {
        let (folder, fakes) = (workspace(&[ANN], 1), Fakes::new());
        for name in NAMES {
            fakes.crm().add(ANN, name);
        }
        let agent = Running::start(folder.path(), &fakes).await;
        agent.initial_done(ANN).await;
        for name in NAMES {
            fakes.crm().remove(ANN, name);
        }
        synced(&agent).await;
        let row = agent.row(ANN).await;
        assert_eq!((row.shown.kind, row.shown.text.as_str()), (StateKind::Held, "Held (5)"));
        let query = HoldsQuery { member: Some(row.member.id), closed: false };
        let [hold] = agent.client.holds(&query).await.unwrap().try_into().unwrap();
        assert_eq!((hold.kind, hold.number), (HoldKind::DeleteSafety, 1));
        let mut named: Vec<&str> = hold.items.iter().map(|item| item.title.as_str()).collect();
        named.sort_unstable();
        assert_eq!(named, NAMES);
        assert_eq!(fakes.mail().names(ANN).len(), 5);
        let details = agent.client.hold_details(1).await.unwrap();
        assert_eq!(details.last_done.len(), 5, "each was in step before");
        assert!(details.last_done.values().all(|at| *at <= hold.since) && details.shown.is_empty());
        assert!(agent.client.hold_details(9).await.is_err());

        let decide = async |number, decision| {
            agent.client.decide(&Decide { number, decision, by: "bob@desk".into() }).await
        };
        assert!(
            matches!(decide(9, Decision::Approve).await, Err(AgentError::Refused(why)) if why.contains("no hold 9"))
        );
        assert!(
            matches!(decide(1, Decision::Create).await, Err(AgentError::Refused(why)) if why.contains("Approve, Refuse"))
        );
        decide(1, decision.clone()).await.unwrap();
        until("the hold is closed", async || agent.client.holds(&query).await.unwrap().is_empty()).await;
        assert_eq!(fakes.mail().names(ANN).len(), in_mail, "{decision:?}");
        let all = agent.client.holds(&HoldsQuery { closed: true, ..query }).await.unwrap();
        let decided = all[0].decided.clone().unwrap();
        assert_eq!((decided.decision, decided.by.as_str()), (decision, "bob@desk"));
        agent.is(ANN, StateKind::Waiting).await;
        agent.stop().await;
    }
}

#[tokio::test]
async fn a_policy_is_previewed_before_it_is_enabled() {
    let (folder, fakes) = (workspace(&[ANN], 1), Fakes::new());
    let disabled = policy(&[ANN]).replace("enabled = true", "enabled = false");
    std::fs::write(folder.path().join("policies/sales.toml"), disabled).unwrap();
    fakes.mail().add(ANN, "Mia Mail");
    fakes.crm().add(ANN, "Carl Crm");
    let agent = Running::start(folder.path(), &fakes).await;
    let member = agent.row(ANN).await.member.id;
    for _ in 0..2 {
        let preview = agent.client.preview(member).await.unwrap();
        let deeds: Vec<_> =
            preview.deeds.iter().map(|d| (d.kind, d.title.as_str(), d.rule.as_str())).collect();
        assert_eq!(
            deeds,
            [
                (DeedKind::Create { side: Side::Crm }, "Mia Mail", "table row 15"),
                (DeedKind::Create { side: Side::Mail }, "Carl Crm", "table row 16"),
            ]
        );
        assert_eq!(preview.ended, None);
    }
    assert_eq!(
        (fakes.mail().names(ANN), fakes.crm().names(ANN)),
        (vec!["Mia Mail".to_owned()], vec!["Carl Crm".to_owned()])
    );
    let fault =
        riva_core::fault::Fault::new(riva_core::fault::FaultKind::UserNotFound, "nobody of this name.");
    fakes.crm().fault = Some(fault);
    let refused = agent.client.preview(member).await;
    assert!(
        matches!(&refused, Err(AgentError::Refused(why)) if why.contains("nobody of this name")),
        "{refused:?}"
    );
    agent.stop().await;
}

#[tokio::test]
async fn what_was_written_is_explained_and_undone() {
    let (folder, fakes) = (workspace(&[ANN], 1), Fakes::new());
    fakes.mail().add(ANN, "Mia Mail");
    fakes.crm().add(ANN, "Carl Crm");
    let agent = Running::start(folder.path(), &fakes).await;
    agent.initial_done(ANN).await;
    fakes.mail().rename(ANN, "Mia Mail", "Mia Maier");
    synced(&agent).await;
    assert_eq!(fakes.crm().names(ANN), ["Carl Crm", "Mia Maier"]);
    let member = agent.row(ANN).await.member;
    let (id, cycle) = (member.id, member.state.cycle);

    let explain = async |item: &str| {
        let query = ExplainQuery { member: id, item: item.into() };
        agent.client.explain(&query).await.unwrap()
    };
    let [story] = explain("maier").await.try_into().unwrap();
    let deeds: Vec<&str> = story.journal.iter().map(|line| line.deed.as_str()).collect();
    assert_eq!((story.state.as_str(), deeds), ("linked", vec!["create crm", "update crm"]));
    let last = story.journal.last().unwrap();
    assert_eq!(
        (last.rule.as_str(), last.text.as_str()),
        ("table row 2", "updated in the CRM: Mia Maier (displayName)")
    );
    assert!(
        last.seen.contains("changed: displayName") && last.seen.contains("CRM: version"),
        "{}",
        last.seen
    );
    assert_eq!(explain(&story.pair.to_string()).await, std::slice::from_ref(&story));
    assert!(explain(story.sides[0].id.as_str()).await.contains(&story));
    assert!(explain("nobody").await.is_empty());

    // Somebody edits what one of the writes left behind: that edit is not lost.
    fakes.crm().add(ANN, "Zoe");
    let span = UndoSpan::Cycle(cycle);
    let lines = agent.client.preview_undo(id, span).await.unwrap();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0].deed, Some(DeedKind::Update { side: Side::Crm }));
    assert_eq!(fakes.crm().names(ANN), ["Carl Crm", "Mia Maier", "Zoe"]);
    let give = GiveOrder { member: id, order: Order::Undo { span }, by: "bob@desk".into() };
    let order = agent.client.order(&give).await.unwrap();
    until("it is undone", async || agent.client.order_of(order.number).await.unwrap().done.is_some()).await;
    until("Zoe arrives", async || fakes.mail().names(ANN).contains(&"Zoe".to_owned())).await;
    assert_eq!(fakes.crm().names(ANN), ["Carl Crm", "Mia Mail", "Zoe"]);
    assert_eq!(fakes.mail().names(ANN), ["Carl Crm", "Mia Maier", "Zoe"], "the user's own edit stays");
    let done = agent.client.order_of(order.number).await.unwrap();
    assert_eq!(done.outcome, ["Undone by bob@desk: one write was taken back"]);
    synced(&agent).await;
    assert_eq!(fakes.crm().names(ANN), ["Carl Crm", "Mia Mail", "Zoe"], "it is not done again");
    // The next edit is synced as ever.
    fakes.mail().rename(ANN, "Mia Maier", "Mia Meyer");
    synced(&agent).await;
    assert_eq!(fakes.crm().names(ANN), ["Carl Crm", "Mia Meyer", "Zoe"]);
    agent.stop().await;
}
