//! A made-up agent: it reads the policies when it starts, and brings each user through an initial sync, a step with
//! every question it is asked.

use super::answers::Answers;
use super::made_up;
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use riva_api::{
    Agent, AgentError, AgentStatus, Decide, ExplainQuery, GiveOrder, HoldsQuery, QueueRow, Selection,
    Unaccepted,
};
use riva_core::activity::{ActivityLine, ActivityQuery, Level, Progress};
use riva_core::admin::Admin;
use riva_core::fault::{Fault, FaultKind, ToAccept};
use riva_core::history::{Explanation, OrderRow, Preview, UndoLine, UndoSpan};
use riva_core::hold_details::HoldDetails;
use riva_core::holds::HoldRow;
use riva_core::ids::{ConnectionName, EmailAddress, MemberId, PolicyName};
use riva_core::item::Module;
use riva_core::not_synced::NotSynced;
use riva_core::queue::{MemberRow, MemberState, ModuleCounts};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Steps of a made-up initial sync.
const STEPS: u64 = 5;

#[derive(Default)]
struct Inside {
    started: Option<DateTime<Utc>>,
    rows: Vec<MemberRow>,
    lines: BTreeMap<MemberId, Vec<ActivityLine>>,
    step: BTreeMap<MemberId, u64>,
    starts: usize,
}

/// The agent.
pub struct FakeAgent {
    admin: Admin,
    inside: Mutex<Inside>,
    answers: Mutex<Answers>,
}

impl FakeAgent {
    /// One that is stopped.
    pub fn new(admin: Admin) -> Self {
        let answers = Answers { deeds: 6, ..Answers::default() };
        Self { admin, inside: Mutex::default(), answers: Mutex::new(answers) }
    }

    /// What it answers about holds, orders and previews, and what was asked of it.
    pub fn answers(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often it was started.
    pub fn starts(&self) -> usize {
        self.inside().starts
    }

    /// Fills the queue with users in all states, as after weeks of work. They stay as they are.
    pub fn set_weeks_of_work(&self, users: usize) {
        let now = Utc::now();
        let mut inside = self.inside();
        inside.started = Some(now - TimeDelta::hours(30));
        inside.rows = super::fakes::people(users)
            .into_iter()
            .zip(1..)
            .map(|(person, id)| worked(id, &person.address, now))
            .collect();
        inside.lines.clear();
        let ids: Vec<MemberId> = inside.rows.iter().map(|r| r.id).collect();
        for id in ids {
            inside.step.insert(id, STEPS);
            log(&mut inside, id);
        }
    }

    /// From now on the CRM leads elsewhere, and everyone but the first user has run into that.
    pub fn leads_elsewhere(&self, why: ToAccept) {
        for row in self.inside().rows.iter_mut().filter(|row| row.id != MemberId(1)) {
            row.state.mail_fault = None;
            row.state.crm_fault = Some(made_up::elsewhere(why));
        }
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_documents(&self) {
        let names = self.admin.policies().unwrap_or_default();
        let policies = names.iter().filter_map(|p| self.admin.policy(&p.name).ok());
        let now = Utc::now();
        let mut inside = self.inside();
        let known: Vec<MemberRow> = std::mem::take(&mut inside.rows);
        let mut next = known.iter().map(|r| r.id.0).max().unwrap_or(0) + 1;
        for policy in policies {
            for user in &policy.users {
                let same = |r: &&MemberRow| r.policy == policy.name && r.address == user.address;
                let mut row = known.iter().find(same).cloned().unwrap_or_else(|| {
                    let id = MemberId(next);
                    next += 1;
                    member(id, policy.name.clone(), user.address.clone(), now)
                });
                row.enabled = policy.enabled;
                inside.rows.push(row);
            }
        }
        inside.started = Some(now);
        inside.starts += 1;
    }
}

fn member(id: MemberId, policy: PolicyName, address: EmailAddress, now: DateTime<Utc>) -> MemberRow {
    MemberRow {
        id,
        policy,
        address,
        mail: "exchange".into(),
        crm: "salesforce".into(),
        crm_user: None,
        enabled: true,
        next_at: now,
        urgent: false,
        running: false,
        state: MemberState::default(),
    }
}

/// A member after weeks of work: one in seven has something to tell.
fn worked(id: i64, address: &EmailAddress, now: DateTime<Utc>) -> MemberRow {
    let mut row = member(MemberId(id), "Sales".into(), address.clone(), now);
    let age = id.rem_euclid(14);
    row.next_at = now + TimeDelta::minutes(15 - age);
    let linked = 120 + (id * 37 % 400).unsigned_abs();
    let counts = |linked| ModuleCounts { initial_done: true, linked, ..ModuleCounts::default() };
    row.state = MemberState {
        cycle: 400,
        initial_done_at: Some(now - TimeDelta::days(20)),
        last_success: Some(now - TimeDelta::minutes(age)),
        last_end: Some(now - TimeDelta::minutes(age)),
        modules: [(Module::Contacts, counts(linked / 3)), (Module::Calendar, counts(linked))].into(),
        recent_writes: (0..24).map(|i| (u32::try_from(id).unwrap_or(0) * 7 + i * i * 5) % 9).collect(),
        ..MemberState::default()
    };
    let s = &mut row.state;
    match id % 21 {
        3 => {
            row.running = true;
            s.progress = Some(Progress {
                module: Module::Calendar,
                phase: "reading the mailbox".into(),
                done: 40,
                total: 318,
            });
        }
        5 => {
            s.crm_fault = Some(Fault::new(FaultKind::UserNotFound, format!("No active user has {address}.")));
        }
        8 => {
            s.mail_fault =
                Some(Fault::new(FaultKind::NoAccessToUser, format!("Access denied to {address}.")));
        }
        11 => s.modules.entry(Module::Contacts).or_default().quarantined = 3,
        13 => {
            s.licence =
                Some("All 25 Salesforce counts are used. Free one, or install a larger licence.".into());
        }
        16 => s.backing_off = Some((now + TimeDelta::minutes(4), "Salesforce asks to wait (429).".into())),
        18 => s.modules.entry(Module::Calendar).or_default().held = 2,
        _ => {}
    }
    row
}

/// Brings a member a step further.
fn advance(inside: &mut Inside, index: usize, now: DateTime<Utc>) {
    let row = &mut inside.rows[index];
    if !row.enabled || row.state.initial_done_at.is_some() {
        return;
    }
    let step = inside.step.entry(row.id).or_default();
    *step += 1;
    row.running = *step < STEPS;
    row.state.cycle = 1;
    let done = *step * 40;
    row.state.progress = Some(Progress {
        module: Module::Contacts,
        phase: "writing to the CRM".into(),
        done,
        total: STEPS * 40,
    });
    if *step >= STEPS {
        row.state.progress = None;
        row.state.initial_done_at = Some(now);
        row.state.last_success = Some(now);
        row.state.last_end = Some(now);
        row.state.recent_writes = vec![200];
        row.next_at = now + TimeDelta::minutes(15);
        let counts = ModuleCounts { initial_done: true, linked: 200, ..ModuleCounts::default() };
        row.state.modules.insert(Module::Contacts, counts);
    }
    let id = row.id;
    log(inside, id);
}

const TEXTS: [(Level, Option<Module>, &str); 9] = [
    (Level::Info, None, "Cycle begins: 1 e-mail and 1 CRM license are held"),
    (Level::Info, Some(Module::Contacts), "126 contacts in the mailbox, 212 in the CRM, 74 of them match"),
    (Level::Info, Some(Module::Contacts), "Created \u{201c}Zoë Álvarez\u{201d} in the CRM"),
    (
        Level::Info,
        Some(Module::Contacts),
        "Updated \u{201c}Tomáš Novák\u{201d} in the mailbox: phones, titles",
    ),
    (
        Level::Warning,
        Some(Module::Calendar),
        "\u{201c}Board meeting\u{201d} is a series that cannot be told in full, and is held",
    ),
    (
        Level::Info,
        Some(Module::Calendar),
        "Created \u{201c}Quarterly review with Contoso\u{201d} in the CRM, 3 attendees, no invitation was sent",
    ),
    (
        Level::Error,
        Some(Module::Calendar),
        "\u{201c}Visit\u{201d} was refused by the CRM: FIELD_INTEGRITY_EXCEPTION: Event duration cannot be longer than 14 days",
    ),
    (Level::Info, Some(Module::Calendar), "318 appointments are in step"),
    (Level::Info, None, "Full initial sync completed in 41 s"),
];

fn log(inside: &mut Inside, id: MemberId) {
    let lines = inside.lines.entry(id).or_default();
    for (level, module, text) in TEXTS {
        let seq = i64::try_from(lines.len()).unwrap_or(i64::MAX) + 1;
        let line =
            ActivityLine { seq, member: id, at: Utc::now(), level, cycle: 1, module, text: text.into() };
        lines.push(line);
    }
}

#[async_trait]
impl Agent for FakeAgent {
    async fn status(&self) -> Result<AgentStatus, AgentError> {
        let inside = self.inside();
        let started = inside.started.ok_or(AgentError::NotRunning)?;
        Ok(AgentStatus {
            version: "0.1.0".into(),
            pid: 4711,
            started,
            running: inside.rows.iter().filter(|r| r.running).count(),
            members: inside.rows.len(),
            complaints: Vec::new(),
            to_accept: Unaccepted::of(&inside.rows),
        })
    }

    async fn queue(&self) -> Result<Vec<QueueRow>, AgentError> {
        let mut inside = self.inside();
        inside.started.ok_or(AgentError::NotRunning)?;
        let now = Utc::now();
        for index in 0..inside.rows.len() {
            advance(&mut inside, index, now);
        }
        Ok(inside.rows.iter().map(|r| QueueRow { member: r.clone(), shown: r.shown(now) }).collect())
    }

    async fn activity(&self, query: &ActivityQuery) -> Result<Vec<ActivityLine>, AgentError> {
        let inside = self.inside();
        inside.started.ok_or(AgentError::NotRunning)?;
        let lines = inside.lines.get(&query.member).into_iter().flatten();
        let mut newest: Vec<ActivityLine> = lines.filter(|l| l.seq > query.after).cloned().collect();
        newest.drain(..newest.len().saturating_sub(query.limit));
        Ok(newest)
    }

    async fn not_synced(&self, member: MemberId) -> Result<Vec<NotSynced>, AgentError> {
        let row = self.inside().rows.iter().find(|row| row.id == member).cloned();
        let troubled = row.is_some_and(|row| row.state.errors() + row.state.held() > 0);
        Ok(if troubled { made_up::not_synced(member, Utc::now()) } else { Vec::new() })
    }

    async fn holds(&self, query: &HoldsQuery) -> Result<Vec<HoldRow>, AgentError> {
        Ok(self.answers().holds(query))
    }

    async fn hold_details(&self, number: i64) -> Result<HoldDetails, AgentError> {
        self.answers().details(number)
    }

    async fn decide(&self, what: &Decide) -> Result<HoldRow, AgentError> {
        self.answers().decide(what)
    }

    async fn order(&self, what: &GiveOrder) -> Result<OrderRow, AgentError> {
        Ok(self.answers().order(what))
    }

    async fn order_of(&self, number: i64) -> Result<OrderRow, AgentError> {
        self.answers().order_of(number)
    }

    async fn explain(&self, query: &ExplainQuery) -> Result<Vec<Explanation>, AgentError> {
        if query.item == "nobody" {
            return Ok(Vec::new());
        }
        Ok(vec![made_up::story(query.member, made_up::pair(1), Utc::now())])
    }

    async fn preview(&self, member: MemberId) -> Result<Preview, AgentError> {
        let (takes, deeds, unseen) = {
            let answers = self.answers();
            (answers.preview_takes, answers.deeds, answers.unseen.contains(&member))
        };
        tokio::time::sleep(takes).await;
        if unseen {
            return Err(AgentError::Refused("User Not Found: no active user has this address".into()));
        }
        Ok(made_up::preview(member, deeds))
    }

    async fn preview_undo(&self, _: MemberId, _: UndoSpan) -> Result<Vec<UndoLine>, AgentError> {
        Ok(made_up::undo_lines())
    }

    async fn accept(&self, connection: &ConnectionName, catch_up: bool) -> Result<usize, AgentError> {
        let mut inside = self.inside();
        inside.started.ok_or(AgentError::NotRunning)?;
        self.answers().accepted.push((connection.clone(), catch_up));
        let mut woken = 0;
        for row in inside.rows.iter_mut().filter(|row| row.enabled && row.crm == *connection) {
            row.state.crm_fault = None;
            row.urgent = true;
            woken += 1;
        }
        Ok(woken)
    }

    async fn sync_now(&self, which: &Selection) -> Result<usize, AgentError> {
        let mut inside = self.inside();
        inside.started.ok_or(AgentError::NotRunning)?;
        let now = Utc::now();
        let wanted = |row: &MemberRow| match which {
            Selection::All => true,
            Selection::Policy(policy) => row.policy == *policy,
            Selection::User(address) => row.address == *address,
            Selection::Member(id) => row.id == *id,
        };
        let mut woken = 0;
        for row in inside.rows.iter_mut().filter(|r| wanted(r)) {
            row.next_at = now;
            row.urgent = true;
            woken += 1;
        }
        Ok(woken)
    }

    async fn start(&self) -> Result<(), AgentError> {
        self.read_documents();
        Ok(())
    }

    async fn stop(&self) -> Result<(), AgentError> {
        self.inside().started = None;
        Ok(())
    }

    async fn restart(&self) -> Result<(), AgentError> {
        self.stop().await?;
        self.start().await
    }
}
