//! The agent is killed again and again, and nobody loses, doubles or gets back anything.
//!
//! A real agent process between two sandbox servers; users work on both sides; `kill -9` at seeded moments, counted in
//! requests that the servers have seen, so that it falls into work. `RIVA_KILLS` raises the number of kills,
//! `RIVA_SEED` takes other moments.

#![allow(clippy::unwrap_used)] // A test that panics is a failed test.

mod people;
mod secrets;
mod sides;
mod tenant;

use people::{People, Random};
use riva_api::Agent as _;
use riva_core::activity::ActivityQuery;
use sides::{Items, Shown};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use tenant::{Tenant, USERS};

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// How often each user has an item on each side, before anything is synced.
type Before = BTreeMap<(&'static str, String), (usize, usize)>;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_however_often_the_agent_is_killed() {
    let recovered = kill_and_check(number("RIVA_KILLS", 50), true).await;
    assert!(!recovered.is_empty(), "no kill fell between a write and its record");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_doubled_where_nothing_can_be_looked_for() {
    kill_and_check(number("RIVA_KILLS", 50).div_ceil(5), false).await;
}

/// Kills the agent so often, half in the initial sync, half while people work. Answers what was recovered.
async fn kill_and_check(kills: usize, markers: bool) -> Vec<String> {
    let seed = number("RIVA_SEED", 20_261_123);
    println!("{kills} kills, seed {seed}, markers in the CRM: {markers}");
    let mut people = People::new(u64::try_from(seed).unwrap());
    let mut tenant = Tenant::new(markers).await;
    tenant.sandbox.control().set_latency(3);
    tenant.sandbox.salesforce().set_latency(Duration::from_millis(3));
    for user in USERS {
        (0..16).for_each(|_| people.create(&tenant, user));
    }
    let before = census(&tenant);
    let mut count = Count::default();

    // The initial sync, two more users at a time.
    let mut waves = USERS.chunks(2);
    tenant.add(waves.next().unwrap());
    tenant.start_agent().await;
    for kill in 0..kills / 2 {
        if kill % (kills / 2 / 4).max(1) == 0
            && let Some(users) = waves.next()
        {
            tenant.add(users);
        }
        lose_some_replies(&tenant, kill, if markers { 5 } else { 2 });
        killed_in_work(&mut tenant, &mut people.random, &mut count).await;
    }
    waves.for_each(|users| tenant.add(users));
    tenant.agent.reload().await.unwrap();
    tenant.settle().await;
    check(&tenant, &people, &before).await;
    println!("after the initial sync: {count:?}");

    // Two-way sync while people work.
    for kill in 0..kills.div_ceil(2) {
        // Every cycle has ended: what is in step now is known to be, and may be deleted.
        tenant.a_cycle_each().await;
        people.busy(&tenant, 10, true);
        lose_some_replies(&tenant, kill, if markers { 5 } else { 2 });
        tenant.sync_now().await;
        people.busy(&tenant, 4, false);
        killed_in_work(&mut tenant, &mut people.random, &mut count).await;
    }
    tenant.settle().await;
    check(&tenant, &people, &before).await;
    let recovered = recoveries(&tenant).await;
    println!(
        "at the end: {count:?}; {} items made, {} edits, {} deletions; {} recoveries",
        people.made.len(),
        people.edits,
        people.deletions,
        recovered.len()
    );
    assert!(count.hits * 4 >= kills * 3, "most kills fall into a running cycle: {count:?}");
    assert!(people.deletions > 0 && people.edits > people.deletions);

    // One more sync writes nothing.
    let written = |tenant: &Tenant| {
        let requests = tenant.sandbox.control().counters().requests;
        let of = |name: &str| requests.get(name).copied().unwrap_or(0);
        let mail = of("CreateItem") + of("UpdateItem") + of("DeleteItem") + of("MoveItem");
        (mail, tenant.sandbox.salesforce().dump())
    };
    let still = written(&tenant);
    tenant.a_cycle_each().await;
    assert_eq!(written(&tenant), still);
    assert_eq!(tenant.sandbox.mails(), 0, "nobody is mailed");
    tenant.stop_agent().await;
    secrets::are_nowhere(&tenant).await;
    recovered
}

/// How the kills fell.
#[derive(Debug, Default)]
struct Count {
    kills: usize,
    /// In the middle of a cycle, as the next agent found.
    hits: usize,
}

/// Some answers to writing requests are lost on their way.
fn lose_some_replies(tenant: &Tenant, kill: usize, of_crm: usize) {
    let mail = ["CreateItem", "UpdateItem", "DeleteItem"].get(kill % 9).copied();
    if mail.is_some() {
        tenant.sandbox.control().lose_replies(1, mail);
    }
    if kill % of_crm == of_crm - 1 {
        tenant.sandbox.salesforce().lose_replies(1);
    }
}

/// Everyone is woken; after a random number of requests the agent is killed, and started again.
async fn killed_in_work(tenant: &mut Tenant, random: &mut Random, count: &mut Count) {
    tenant.sync_now().await;
    let from = tenant.requests();
    let after = 1 + u64::try_from(random.below(60)).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut last = (from, Instant::now());
    loop {
        let seen = tenant.requests();
        if seen >= from + after {
            break;
        }
        if seen > last.0 {
            last = (seen, Instant::now());
        }
        // All work was done with fewer requests: whoever is killed then is idle.
        if last.1.elapsed() > Duration::from_secs(3) || Instant::now() > deadline {
            break;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tenant.kill_agent();
    tenant.start_agent().await;
    count.kills += 1;
    count.hits += usize::from(tenant.last_words().contains("ended in the middle of"));
}

fn census(tenant: &Tenant) -> Before {
    let mut before = Before::new();
    for user in USERS {
        for (_, item) in sides::mailbox(&tenant.sandbox, user) {
            before.entry((user, item.key)).or_default().0 += 1;
        }
        for (_, item) in sides::crm(&tenant.sandbox, user) {
            before.entry((user, item.key)).or_default().1 += 1;
        }
    }
    before
}

/// No duplicate, no loss, no resurrection; both sides equal field by field, but for what is listed with a reason.
async fn check(tenant: &Tenant, people: &People, before: &Before) {
    let mut listed: BTreeSet<String> = BTreeSet::new();
    for row in tenant.queue().await {
        for item in tenant.agent.not_synced(row.member.id).await.unwrap() {
            assert!(!item.reason.trim().is_empty(), "{item:?}");
            listed.extend(item.mail_id.into_iter().chain(item.crm_id).map(|id| id.to_string()));
        }
    }
    let mut wrong = Vec::new();
    for user in USERS {
        let (mail, crm) = (sides::mailbox(&tenant.sandbox, user), sides::crm(&tenant.sandbox, user));
        alike(user, &mail, &crm, &listed, &mut wrong);
        let many = |items: &Items, key: &str| items.iter().filter(|(_, i)| i.key == key).count();
        let keys: BTreeSet<&String> = mail.iter().chain(&crm).map(|(_, item)| &item.key).collect();
        for key in keys {
            let known = before.get(&(user, key.clone())).copied();
            let most = known.map_or(1, |(mail, crm)| mail.max(crm));
            let now = (many(&mail, key), many(&crm, key));
            if now.0 > most || now.1 > most {
                wrong.push(format!("{user}: {key} is doubled: {now:?} now, {known:?} before"));
            }
        }
        for ((owner, key), was) in before.iter().filter(|((owner, _), _)| *owner == user) {
            let fate = people.made.get(&(*owner, key.clone())).cloned().unwrap_or_default();
            if !fate.gone && !fate.kept_by_crm && (many(&mail, key) < was.0 || many(&crm, key) < was.1) {
                wrong.push(format!("{user}: {key} is lost: {was:?} before"));
            }
        }
        for ((_, key), fate) in people.made.iter().filter(|((owner, _), _)| *owner == user) {
            let at = |items: &Items| items.iter().find(|(_, i)| i.key == *key).cloned();
            match (at(&mail), at(&crm)) {
                (None, None) if fate.gone => {}
                (None, Some((id, _))) if fate.kept_by_crm && listed.contains(&id) => {}
                (Some((_, mail)), Some((_, crm))) if !fate.gone && !fate.kept_by_crm => {
                    for (field, text) in &fate.last {
                        if mail.fields.get(field) != Some(text) || crm.fields.get(field) != Some(text) {
                            wrong.push(format!(
                                "{user}: {key}: the edit {field}={text} is lost: {mail:?} {crm:?}"
                            ));
                        }
                    }
                }
                // Held with a reason, which an administrator can read.
                (Some((id, _)), None) | (None, Some((id, _))) if !fate.gone && listed.contains(&id) => {}
                other => wrong.push(format!("{user}: {key}: {fate:?}, but it is {other:?}")),
            }
        }
    }
    if !wrong.is_empty() {
        for row in tenant.queue().await {
            println!("--- {}", row.member.address);
            for item in tenant.agent.not_synced(row.member.id).await.unwrap() {
                println!("  not synced: {item:?}");
            }
        }
        panic!("{}", wrong.join("\n"));
    }
}

/// Both sides show the same items, each as often, but for those that are listed.
fn alike(user: &str, mail: &Items, crm: &Items, listed: &BTreeSet<String>, wrong: &mut Vec<String>) {
    let mut more: BTreeMap<&Shown, i32> = BTreeMap::new();
    for (items, count) in [(mail, 1), (crm, -1)] {
        for (_, item) in items.iter().filter(|(id, _)| !listed.contains(id)) {
            *more.entry(item).or_default() += count;
        }
    }
    for (item, count) in more.into_iter().filter(|(_, count)| *count != 0) {
        let side = if count > 0 { "mailbox" } else { "CRM" };
        wrong.push(format!("{user}: only in the {side}: {item:?}"));
    }
}

/// What the agents said of writes that they found half done.
async fn recoveries(tenant: &Tenant) -> Vec<String> {
    let mut found = Vec::new();
    for row in tenant.queue().await {
        let query = ActivityQuery { member: row.member.id, after: 0, limit: 100_000 };
        let lines = tenant.agent.activity(&query).await.unwrap();
        found.extend(lines.into_iter().map(|line| line.text).filter(|text| text.starts_with("Recovered")));
    }
    found
}
