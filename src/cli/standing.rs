//! How the service stands: what waits for somebody, what goes wrong, when it works next.

use super::output;
use chrono::{DateTime, Utc};
use riva_api::{AgentStatus, QueueRow, Unaccepted};
use riva_core::admin::DocumentKind;
use riva_core::documents::Workspace;
use riva_core::holds::HoldRow;
use riva_core::ids::PolicyName;
use riva_core::queue::StateKind;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Of so many users with the same trouble each is named.
const NAMED: usize = 3;

/// Everything that `riva agent status` tells.
#[derive(Debug, Serialize)]
pub struct Standing {
    #[serde(flatten)]
    status: AgentStatus,
    /// When the next member is due, if any waits for its time.
    next_sync: Option<DateTime<Utc>>,
    /// Holds that nobody has decided.
    holds_open: usize,
    /// Who has items that failed, and how many.
    failing: Vec<Failing>,
    /// Who is not synced, or not without trouble, and why: no licence count, a refused login, a system that does not answer.
    troubles: Vec<Trouble>,
    /// What has become of the documents since the agent has read them.
    documents: Vec<String>,
}

/// A user with items that failed.
#[derive(Debug, Serialize)]
struct Failing {
    user: String,
    policy: String,
    items: u64,
}

/// A user who is not synced, or not without trouble.
#[derive(Debug, Serialize)]
struct Trouble {
    user: String,
    policy: String,
    state: StateKind,
    text: String,
    reason: String,
}

impl Standing {
    /// From what the agent and the documents say.
    pub fn of(status: AgentStatus, queue: &[QueueRow], holds: &[HoldRow], documents: Vec<String>) -> Self {
        let enabled = || queue.iter().filter(|row| row.member.enabled);
        let person = |row: &QueueRow| (row.member.address.to_string(), row.member.policy.to_string());
        let failing = enabled().filter(|row| row.member.state.errors() > 0).map(|row| {
            let (user, policy) = person(row);
            Failing { user, policy, items: row.member.state.errors() }
        });
        let troubles = enabled().filter(|row| is_trouble(row.shown.kind)).map(|row| {
            let (user, policy) = person(row);
            let (text, reason) = (row.shown.text.clone(), row.shown.reason.clone());
            Trouble { user, policy, state: row.shown.kind, text, reason }
        });
        let waits =
            enabled().filter(|row| !row.member.running && row.shown.kind != StateKind::LicenceRefused);
        Self {
            next_sync: waits.map(|row| row.member.next_at).min(),
            holds_open: holds.iter().filter(|hold| hold.closed.is_none() && hold.decided.is_none()).count(),
            failing: failing.collect(),
            troubles: troubles.collect(),
            documents,
            status,
        }
    }

    /// The same in words.
    pub fn told(&self, now: DateTime<Utc>) -> Vec<String> {
        let status = &self.status;
        let mut lines = vec![
            format!(
                "The Riva CRM Agent {} runs (process {}, since {}).",
                status.version,
                status.pid,
                output::time(status.started)
            ),
            format!("  {}", self.work(now)),
        ];
        match self.holds_open {
            0 => {}
            1 => lines.push("  1 hold waits for a decision: `riva holds`".to_owned()),
            many => lines.push(format!("  {many} holds wait for a decision: `riva holds`")),
        }
        lines.extend(self.failed());
        lines.extend(self.troubled());
        lines.extend(status.complaints.iter().map(|complaint| format!("  {complaint}")));
        lines.extend(self.documents.iter().map(|news| format!("  {news}")));
        for one in &status.to_accept {
            let users = if one.users == 1 { "user waits" } else { "users wait" };
            let Unaccepted { connection, found, users: how_many, .. } = one;
            lines.push(format!(
                "  {found} {how_many} {users} until you say what it should be: `riva connection accept {connection}` takes it as \
                 it is, with `--catch-up` it is brought up to date with what was in step before."
            ));
        }
        lines
    }

    /// What it does now, or when it does something next.
    fn work(&self, now: DateTime<Utc>) -> String {
        let status = &self.status;
        let members =
            if status.members == 1 { "1 member".to_owned() } else { format!("{} members", status.members) };
        let next = match self.next_sync {
            None => String::new(),
            Some(at) if at <= now => ", the next sync is due".to_owned(),
            Some(at) => format!(", next sync at {}", output::time(at)),
        };
        match (status.members, status.running) {
            (0, _) => "idle; nobody is to be synced: no policy is enabled, or none has users".to_owned(),
            (_, 0) => format!("idle; {members}{next}"),
            (_, running) => format!("at work: {running} of {members} being synced now{next}"),
        }
    }

    fn failed(&self) -> Option<String> {
        let items: u64 = self.failing.iter().map(|one| one.items).sum();
        if items == 0 {
            return None;
        }
        let some: Vec<String> =
            self.failing.iter().take(NAMED).map(|one| format!("{}: {}", one.user, one.items)).collect();
        let more = self.failing.len().saturating_sub(NAMED);
        let more = if more == 0 { String::new() } else { format!(", and {more} more users") };
        let what = if items == 1 { "1 item fails".to_owned() } else { format!("{items} items fail") };
        Some(format!("  {what} ({}{more}): `riva holds USER` names them", some.join(", ")))
    }

    /// Users with the same trouble in one line.
    fn troubled(&self) -> Vec<String> {
        let mut alike: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
        for one in &self.troubles {
            alike.entry((&one.text, &one.reason)).or_default().push(&one.user);
        }
        let line = |((text, reason), users): ((&str, &str), Vec<&str>)| {
            let who = if users.len() <= NAMED { users.join(", ") } else { format!("{} users", users.len()) };
            let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
            format!("  {who}: {text}{reason}")
        };
        alike.into_iter().map(line).collect()
    }
}

/// Whether somebody has to know of it.
fn is_trouble(kind: StateKind) -> bool {
    match kind {
        StateKind::LicenceRefused
        | StateKind::Credentials
        | StateKind::NotAvailable
        | StateKind::Fault
        | StateKind::BackingOff => true,
        StateKind::Disabled
        | StateKind::Held
        | StateKind::Running
        | StateKind::Queued
        | StateKind::Errors
        | StateKind::InitialSync
        | StateKind::Waiting => false,
    }
}

/// What has become of the documents since the agent has read them: it goes on with what it knows until it is restarted.
pub fn documents_since(folder: &Path, status: &AgentStatus, queue: &[QueueRow]) -> Vec<String> {
    const SINCE: &str = "The agent has not read this yet:";
    let workspace = Workspace::new(folder);
    let read = || {
        let mut findings = workspace.load()?.findings;
        findings.extend(workspace.vanished()?);
        Ok::<_, riva_core::admin::AdminError>((findings, workspace.names(DocumentKind::Policy)?))
    };
    let (findings, there) = match read() {
        Ok(read) => read,
        Err(error) => return vec![format!("{SINCE} {error}")],
    };
    let told = |text: &str| status.complaints.iter().any(|complaint| complaint.starts_with(text));
    let mut news: Vec<String> = findings
        .iter()
        .map(ToString::to_string)
        .filter(|text| !told(text))
        .map(|text| format!("{SINCE} {text}"))
        .collect();
    let in_force: BTreeSet<&PolicyName> =
        queue.iter().filter(|row| row.member.enabled).map(|row| &row.member.policy).collect();
    for policy in in_force.into_iter().filter(|policy| !there.iter().any(|name| name == policy.as_str())) {
        let file = format!("policies/{policy}.toml");
        if news.iter().any(|told| told.contains(&file)) {
            continue;
        }
        let users = queue.iter().filter(|row| row.member.policy == *policy).count();
        let users = if users == 1 { "its user is".to_owned() } else { format!("its {users} users are") };
        news.push(format!(
            "{file}: the file is gone; {users} synced as it said, until the agent is restarted."
        ));
    }
    news
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;
    use riva_core::fault::{Fault, FaultKind, ToAccept};
    use riva_core::ids::MemberId;
    use riva_core::item::Module;
    use riva_core::queue::{MemberRow, MemberState, ModuleCounts};
    use riva_core::rows::Side;

    fn now() -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(1)
    }

    fn status(running: usize, members: usize) -> AgentStatus {
        let (version, complaints) = ("1.0".into(), Vec::new());
        AgentStatus {
            version,
            pid: 7,
            started: DateTime::UNIX_EPOCH,
            running,
            members,
            complaints,
            to_accept: Vec::new(),
        }
    }

    fn row(user: &str, state: MemberState) -> QueueRow {
        let state = MemberState { initial_done_at: Some(now()), ..state };
        let member = MemberRow {
            id: MemberId(1),
            policy: "sales".into(),
            address: user.into(),
            mail: "mail".into(),
            crm: "crm".into(),
            crm_user: None,
            enabled: true,
            next_at: now() + TimeDelta::minutes(5),
            urgent: false,
            running: false,
            state,
        };
        QueueRow { shown: member.shown(now()), member }
    }

    #[test]
    fn an_agent_that_waits_is_well() {
        let rows = [row("ann@x.example", MemberState::default())];
        let lines = Standing::of(status(0, 1), &rows, &[], Vec::new()).told(now());
        let next = output::time(now() + TimeDelta::minutes(5));
        assert_eq!(lines[1..], [format!("  idle; 1 member, next sync at {next}")]);
        let lines = Standing::of(status(2, 5), &rows, &[], Vec::new()).told(now());
        assert!(lines[1].starts_with("  at work: 2 of 5 members being synced now, next"), "{lines:?}");
        let lines = Standing::of(status(0, 0), &[], &[], Vec::new()).told(now());
        assert!(lines[1].contains("no policy is enabled"), "{lines:?}");
    }

    #[test]
    fn what_goes_wrong_is_told_once_with_all_its_users() {
        let fault =
            || Some(Fault::new(FaultKind::SystemNotAvailable, "timed out.").remedy("Look at the server."));
        let failed = ModuleCounts { quarantined: 2, ..ModuleCounts::default() };
        let rows = [
            row("ann@x.example", MemberState { mail_fault: fault(), ..MemberState::default() }),
            row("bob@x.example", MemberState { mail_fault: fault(), ..MemberState::default() }),
            row(
                "cy@x.example",
                MemberState { licence: Some("No licence.".into()), ..MemberState::default() },
            ),
            row(
                "dee@x.example",
                MemberState { modules: [(Module::Tasks, failed)].into(), ..MemberState::default() },
            ),
        ];
        let text = Standing::of(status(0, 4), &rows, &[], vec!["a.toml: gone".into()]).told(now()).join("\n");
        for told in [
            "ann@x.example, bob@x.example: Cannot Connect to the Target System - System Not Available: E-mail: timed out. Look",
            "  cy@x.example: Licence refused: No licence.",
            "  2 items fail (dee@x.example: 2): `riva holds USER` names them",
            "  a.toml: gone",
        ] {
            assert!(text.contains(told), "{told}: {text}");
        }
    }

    #[test]
    fn the_status_tells_what_waits_to_be_accepted() {
        let one = |users| Unaccepted {
            connection: "crm".into(),
            side: Side::Crm,
            why: ToAccept::OlderState,
            found: "It is older.".into(),
            users,
        };
        let status = AgentStatus {
            complaints: vec!["p.toml: no policy".into()],
            to_accept: vec![one(1), one(2)],
            ..status(0, 9)
        };
        let lines = Standing::of(status, &[], &[], Vec::new()).told(now());
        assert_eq!((lines.len(), lines[2].as_str()), (5, "  p.toml: no policy"));
        assert!(lines[3].starts_with("  It is older. 1 user waits until you say"), "{lines:?}");
        assert!(lines[4].starts_with("  It is older. 2 users wait until you say"), "{lines:?}");
        assert!(lines[4].contains("`riva connection accept crm`"), "{lines:?}");
    }
}
