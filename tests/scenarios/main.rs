//! One list of scenarios, played by the real agent on several pairs of systems: what must come of each is written down
//! once, and every pair must come to exactly that, on both sides, with the same number of writes and the same holds.
//!
//! vdirsyncer's own scenarios of conflicts and deletions are among them, restated: each says which ones.
//!
//! The sandbox's Exchange and Salesforce are always there. `tests/servers/scenarios_test.sh` starts Radicale, Xandikos and
//! OpenERP 7 and names them in the environment. `RIVA_SCENARIO_KINDS=all` plays each with every kind of thing; `RIVA_SCENARIO`
//! picks those whose name contains it; `RIVA_END_STATES` is a folder into which each pair writes what it came to.

#![allow(clippy::unwrap_used)] // A test that panics is a failed test.

mod attachments;
mod cases;
mod list;
mod lost_and_found;
mod office;
mod pairs;
mod play;
mod story;
mod tamper;
mod things;
mod words;

use pairs::sandbox::Northwind;
use pairs::servers::{Dav, Servers};
use pairs::{Pair, Person};
use play::{Outcome, play};
use riva_core::admin::DocumentKind;
use riva_core::documents::Workspace;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use story::Scenario;
use things::Kind;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// The scenarios that were asked for, once for each of their kinds; by default for one of them, in turns.
fn parts() -> Vec<(Arc<Scenario>, Kind)> {
    let wanted = std::env::var("RIVA_SCENARIO").unwrap_or_default();
    let every_kind = std::env::var("RIVA_SCENARIO_KINDS").is_ok_and(|kinds| kinds == "all");
    let mut parts = Vec::new();
    for (n, scenario) in list::all().into_iter().enumerate().filter(|(_, s)| s.name.contains(&wanted)) {
        let scenario = Arc::new(scenario);
        let kinds = scenario.kinds;
        let kinds = if every_kind { kinds.to_vec() } else { vec![kinds[n % kinds.len()]] };
        parts.extend(kinds.into_iter().map(|kind| (Arc::clone(&scenario), kind)));
    }
    parts
}

/// Plays all that the pair can express, so many at a time.
async fn play_all(pair: Arc<dyn Pair>, at_once: usize) {
    let (turns, mut plays) = (Arc::new(Semaphore::new(at_once)), JoinSet::new());
    for (scenario, kind) in parts() {
        let reasons: Vec<_> = scenario.needs.iter().filter_map(|need| pair.cannot(*need, kind)).collect();
        if let Some(why) = pair.lacks(kind).or(reasons.first().copied()) {
            println!("{}/{} cannot be told on {}: {why}", scenario.name, kind.word(), pair.name());
            continue;
        }
        let (pair, turns) = (Arc::clone(&pair), Arc::clone(&turns));
        plays.spawn(async move {
            let _turn = turns.acquire_owned().await.unwrap();
            ((scenario.name, kind), play(pair.as_ref(), &scenario, kind).await)
        });
    }
    let mut outcomes: BTreeMap<(&str, Kind), Outcome> = BTreeMap::new();
    while let Some(played) = plays.join_next().await {
        let (name, outcome) = played.unwrap();
        outcomes.insert(name, outcome);
    }
    if let Ok(folder) = std::env::var("RIVA_END_STATES") {
        std::fs::create_dir_all(&folder).unwrap();
        let lines: Vec<&str> = outcomes.values().flat_map(|o| o.lines.iter().map(String::as_str)).collect();
        std::fs::write(format!("{folder}/{}.txt", pair.name()), lines.join("\n") + "\n").unwrap();
    }
    let wrong: Vec<&str> = outcomes.values().filter_map(|o| o.wrong.as_deref()).collect();
    println!("{}: {} of {} scenarios passed", pair.name(), outcomes.len() - wrong.len(), outcomes.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert_eq!(pair.mails().await, 0, "nobody is mailed");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_exchange_and_salesforce_of_the_sandbox() {
    let people =
        parts().iter().map(|(s, kind)| Person::of(s.name, *kind, "northwind.example")).collect::<Vec<_>>();
    play_all(Arc::new(Northwind::start(&people).await), 16).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_radicale_and_openerp() {
    let Some(servers) = Servers::running(Dav::Radicale) else { return };
    play_all(Arc::new(servers), 8).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_xandikos_and_openerp() {
    let Some(servers) = Servers::running(Dav::Xandikos) else { return };
    play_all(Arc::new(servers), 8).await;
}

#[test]
fn every_test_of_vdirsyncer_is_restated_or_it_is_said_why_not() {
    let scenarios = list::all();
    let restated: BTreeSet<&str> = scenarios.iter().flat_map(|s| s.restates.iter().copied()).collect();
    let left_out: BTreeSet<&str> = list::NOT_RESTATED.iter().map(|(name, _)| *name).collect();
    assert_eq!(restated.intersection(&left_out).next(), None);
    assert_eq!(
        restated.union(&left_out).copied().collect::<BTreeSet<_>>(),
        list::OF_VDIRSYNCER.iter().copied().collect()
    );
}

/// vdirsyncer's `test_conflict_resolution_invalid_mode`.
#[test]
fn a_policy_with_an_unknown_word_is_refused() {
    let policy = |conflict: &str| {
        let text = format!(
            "enabled = true\nmail = \"m\"\ncrm = \"c\"\n[modules.contacts]\nconflict = \"{conflict}\"\n"
        );
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("policies")).unwrap();
        std::fs::write(folder.path().join("riva.toml"), "").unwrap();
        std::fs::write(folder.path().join("policies/p.toml"), text).unwrap();
        let loaded = Workspace::new(folder.path()).load().unwrap();
        let findings = loaded.findings_of(DocumentKind::Policy, "p");
        findings.iter().any(|finding| finding.to_string().contains(conflict))
    };
    assert!(policy("yolo"));
    assert!(!policy("hold"));
}
