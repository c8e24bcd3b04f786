//! What users cost in memory: those who wait, those who are synced right now, and what many cycles leave behind.
//!
//! Each agent is a process of its own, on systems in memory; what is told of is the whole process.

#![cfg(target_os = "linux")]

use crate::fakes::Fakes;
use crate::tests::{ANN, Running, until, until_within, workspace};
use riva_api::{Agent as _, Selection};
use riva_core::queue::StateKind;
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What the process is to do: a word and a number.
const TASK: &str = "RIVA_MEMORY_TASK";

/// What this process has resident, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn told(kib: u64) {
    println!("\nresident {kib}");
}

/// What processes of this kind tell, in KiB.
fn measured(task: &str, number: u64) -> Vec<u64> {
    let done = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "memory_tests::an_agent_is_measured", "--ignored", "--nocapture"])
        .env(TASK, format!("{task} {number}"))
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(done.status.success(), "{task} {number}");
    let text = String::from_utf8(done.stdout).unwrap();
    text.lines().filter_map(|line| line.strip_prefix("resident ")?.parse().ok()).collect()
}

/// A workspace of so many users, who are due once a day.
fn office(users: u64) -> (tempfile::TempDir, Vec<String>) {
    let folder = workspace(&[], u32::try_from(users).unwrap());
    let users: Vec<String> = (0..users).map(|n| format!("user{n:05}@example.com")).collect();
    let mut text = "enabled = true\nmail = \"mail\"\ncrm = \"crm\"\n\n[schedule]\ninterval_minutes = 1440\n\
                    execution_threads = 100\n\n[modules.contacts]\n"
        .to_owned();
    for user in &users {
        text.extend(["\n[[user]]\naddress = \"", user, "\"\n"]);
    }
    std::fs::write(folder.path().join("policies/sales.toml"), text).unwrap();
    (folder, users)
}

/// Not a test of its own: the process that the others start.
#[tokio::test]
#[ignore = "is started by the tests of this file"]
async fn an_agent_is_measured() {
    let task = std::env::var(TASK).unwrap();
    let (task, number) = task.split_once(' ').unwrap();
    let number = number.parse().unwrap();
    match task {
        "waiting" => waiting(number).await,
        "running" => running(number).await,
        _ => cycles(number).await,
    }
}

/// So many users are in step, and wait.
async fn waiting(users: u64) {
    let (folder, names) = office(users);
    let fakes = Fakes::new();
    let agent = Running::start(folder.path(), &fakes).await;
    // The queue is not asked for: what it says of all users is large, and would be counted.
    until_within(Duration::from_mins(10), "all of them are in step", async || {
        fakes.mail().opened >= names.len() && agent.client.status().await.unwrap().running == 0
    })
    .await;
    told(resident());
    let queue = agent.client.queue().await.unwrap();
    assert!(queue.iter().all(|row| row.member.state.initial_done_at.is_some()));
    // Limits and open lines belong to them: a hundred users who start at once share one of each.
    assert_eq!(fakes.made.load(Ordering::SeqCst), 2);
    agent.stop().await;
}

/// So many users are at their first write, with 500 contacts each.
async fn running(users: u64) {
    let (folder, users) = office(users);
    let fakes = Fakes::new();
    for user in &users {
        for n in 0..500 {
            fakes.mail().add(user, &format!("Contact number {n} of {user}"));
        }
    }
    fakes.gate.send_replace(false);
    told(resident());
    let agent = Running::start(folder.path(), &fakes).await;
    until("all of them write", async || fakes.gate.receiver_count() >= users.len()).await;
    let queue = agent.client.queue().await.unwrap();
    assert!(queue.iter().all(|row| row.shown.kind == StateKind::Running));
    told(resident());
    fakes.gate.send_replace(true);
    agent.stop().await;
}

/// One user with some contacts is synced again and again: told after a fifth of the cycles, and after all.
async fn cycles(most: u64) {
    let folder = workspace(&[ANN], 1);
    let fakes = Fakes::new();
    for n in 0..20 {
        fakes.mail().add(ANN, &format!("Contact {n}"));
    }
    let agent = Running::start(folder.path(), &fakes).await;
    agent.initial_done(ANN).await;
    for cycle in 0..most {
        if cycle == most / 5 {
            told(resident());
        }
        let before = agent.row(ANN).await.member.state.cycle;
        agent.client.sync_now(&Selection::All).await.unwrap();
        until("it was synced once more", async || {
            let row = agent.row(ANN).await;
            row.member.state.cycle > before && row.shown.kind != StateKind::Running
        })
        .await;
    }
    told(resident());
    agent.stop().await;
}

/// Caches are full by then.
const FEW: u64 = 1000;

/// A number from the environment: nightly runs take more.
fn number(name: &str, else_this: u64) -> u64 {
    std::env::var(name).map_or(else_this, |n| n.parse().unwrap())
}

#[test]
fn a_user_who_waits_costs_next_to_nothing() {
    let more = number("RIVA_MEMORY_USERS", 1000);
    let [few, many] = [FEW, FEW + more].map(|users| measured("waiting", users)[0]);
    let each = many.saturating_sub(few) * 1024 / more;
    println!("{each} bytes for each user who waits ({few} KiB with {FEW}, {many} KiB with {more} more)");
    // The target is 8 KiB; what the allocator keeps of earlier peaks is counted, and differs from run to run.
    assert!(each <= 12 * 1024, "{each}");
}

#[test]
fn a_user_who_is_synced_costs_little() {
    let [before, at_work] = measured("running", 40)[..] else { panic!("two are told") };
    let each = (at_work - before) / 40;
    println!("{each} KiB for each of 40 users at work, the agent itself included");
    assert!(each <= 2048, "{each}");
}

#[test]
fn cycles_leave_nothing_behind() {
    let most = number("RIVA_CYCLES", 300);
    let [early, late] = measured("cycles", most)[..] else { panic!("two are told") };
    println!("{early} KiB after a fifth of {most} cycles, {late} KiB after all");
    // The caches of the database fill, slowly.
    assert!(late <= early + 4096, "{early} KiB, then {late} KiB");
}
