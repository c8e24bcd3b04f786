//! The sync queue: one member per syncing user, and the one plain state in which it is.

use crate::activity::Progress;
use crate::fault::{Fault, FaultKind, ToAccept};
use crate::ids::{ConnectionName, CrmUserId, EmailAddress, MemberId, PolicyName};
use crate::item::Module;
use crate::rows::Side;
use chrono::{DateTime, Local, TimeZone, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A member as the policies want it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberSpec {
    /// The policy.
    pub policy: PolicyName,
    /// The mailbox.
    pub address: EmailAddress,
    /// The policy's mail connection.
    pub mail: ConnectionName,
    /// The policy's CRM connection.
    pub crm: ConnectionName,
    /// Whether the policy is enabled.
    pub enabled: bool,
}

/// A member as stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MemberRow {
    /// Its number.
    pub id: MemberId,
    /// The policy.
    pub policy: PolicyName,
    /// The mailbox.
    pub address: EmailAddress,
    /// The policy's mail connection.
    pub mail: ConnectionName,
    /// The policy's CRM connection.
    pub crm: ConnectionName,
    /// The CRM user it was matched to.
    #[serde(default)]
    pub crm_user: Option<CrmUserId>,
    /// Whether it is to be synced.
    pub enabled: bool,
    /// When it is due.
    pub next_at: DateTime<Utc>,
    /// Whether "Sync now" was asked for.
    pub urgent: bool,
    /// Whether an agent works on it now.
    pub running: bool,
    /// How it is.
    pub state: MemberState,
}

/// How a member is: orthogonal facts, from which one state is shown.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MemberState {
    /// Why the licence is refused, if it is.
    pub licence: Option<String>,
    /// What is wrong with the mail connection or mailbox.
    pub mail_fault: Option<Fault>,
    /// What is wrong with the CRM connection or user.
    pub crm_fault: Option<Fault>,
    /// What is done right now.
    pub progress: Option<Progress>,
    /// Why it waits longer than its schedule says, and until when.
    pub backing_off: Option<(DateTime<Utc>, String)>,
    /// Number of cycles begun.
    pub cycle: u64,
    /// When the first full initial sync was completed.
    pub initial_done_at: Option<DateTime<Utc>>,
    /// When a cycle last ended without a fault.
    pub last_success: Option<DateTime<Utc>>,
    /// When a cycle last ended.
    pub last_end: Option<DateTime<Utc>>,
    /// How things stand per module.
    pub modules: BTreeMap<Module, ModuleCounts>,
    /// Items written in each of the last cycles, newest last (at most 24): the spark line.
    pub recent_writes: Vec<u32>,
}

/// Counts of a member's module.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModuleCounts {
    /// Whether its initial sync is done.
    pub initial_done: bool,
    /// Pairs in step.
    pub linked: u64,
    /// Pairs that wait for an administrator.
    pub held: u64,
    /// Pairs that failed.
    pub quarantined: u64,
    /// Created in the mailbox since the start.
    pub created_mail: u64,
    /// Created in the CRM since the start.
    pub created_crm: u64,
    /// Updated in the mailbox since the start.
    pub updated_mail: u64,
    /// Updated in the CRM since the start.
    pub updated_crm: u64,
    /// Deleted in the mailbox since the start.
    pub deleted_mail: u64,
    /// Deleted in the CRM since the start.
    pub deleted_crm: u64,
    /// Moved to Lost & Found since the start.
    pub moved: u64,
}

impl MemberState {
    /// Items that failed, over all modules.
    pub fn errors(&self) -> u64 {
        self.modules.values().map(|m| m.quarantined).sum()
    }

    /// Items that wait for an administrator, over all modules.
    pub fn held(&self) -> u64 {
        self.modules.values().map(|m| m.held).sum()
    }

    /// Items in step, over all modules.
    pub fn linked(&self) -> u64 {
        self.modules.values().map(|m| m.linked).sum()
    }
}

/// The kinds of state, to filter and colour by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StateKind {
    /// Policy or user switched off.
    Disabled,
    /// No licence count.
    LicenceRefused,
    /// A connection account's login is refused.
    Credentials,
    /// A system is not available.
    NotAvailable,
    /// Another fault of this user.
    Fault,
    /// Items wait for an administrator.
    Held,
    /// Being synced.
    Running,
    /// Waits because a system asked for it.
    BackingOff,
    /// Due, waits for a free worker.
    Queued,
    /// Some items failed.
    Errors,
    /// First sync not done yet.
    InitialSync,
    /// Waits for its next time.
    Waiting,
}

/// What the Monitor shows of a member: one kind, one text, one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownState {
    /// The kind.
    pub kind: StateKind,
    /// The text in the row.
    pub text: String,
    /// The whole reason with what to do next; empty if there is nothing to say.
    pub reason: String,
}

impl MemberRow {
    /// The side whose connection is to be accepted before this member is synced again, why, and what was found. What was
    /// found before says nothing of one that is being tried again.
    pub fn to_accept(&self) -> Option<(Side, ToAccept, &Fault)> {
        if !self.enabled || self.urgent || self.running {
            return None;
        }
        let faults = [(Side::Mail, &self.state.mail_fault), (Side::Crm, &self.state.crm_fault)];
        faults.into_iter().find_map(|(side, fault)| {
            let fault = fault.as_ref()?;
            Some((side, fault.to_accept?, fault))
        })
    }

    /// Its connection of a side.
    pub fn connection(&self, side: Side) -> &ConnectionName {
        match side {
            Side::Mail => &self.mail,
            Side::Crm => &self.crm,
        }
    }

    /// The one state to show at a time: the first that applies (engine design, section 3.1). Times in it are those of
    /// this computer's clock.
    pub fn shown(&self, now: DateTime<Utc>) -> ShownState {
        self.shown_in(now, &Local)
    }

    /// The same with the times of a zone.
    fn shown_in<Z: TimeZone<Offset: std::fmt::Display>>(&self, now: DateTime<Utc>, zone: &Z) -> ShownState {
        let state = |kind, text: String, reason: String| ShownState { kind, text, reason };
        if !self.enabled {
            return state(
                StateKind::Disabled,
                "Disabled".into(),
                "The policy or the user is disabled.".into(),
            );
        }
        let s = &self.state;
        if let Some(why) = &s.licence {
            return state(StateKind::LicenceRefused, "Licence refused".into(), why.clone());
        }
        let faults = [("E-mail", &s.mail_fault), ("CRM", &s.crm_fault)];
        for (side, fault) in faults.iter().filter_map(|(side, fault)| Some((side, fault.as_ref()?))) {
            let kind = match fault.kind {
                FaultKind::GivenCredentials => StateKind::Credentials,
                FaultKind::SystemNotAvailable => StateKind::NotAvailable,
                FaultKind::Throttled => continue,
                _ => StateKind::Fault,
            };
            let reason = format!("{side}: {} {}", fault.detail, fault.remedy);
            return state(kind, fault.title().into(), reason);
        }
        if self.running {
            let text = s.progress.as_ref().map_or_else(
                || "Running".to_owned(),
                |p| match p.total {
                    0 => format!("Running: {} {}", p.module, p.phase),
                    total => format!("Running: {} {} {}/{total}", p.module, p.phase, p.done),
                },
            );
            return state(StateKind::Running, text, String::new());
        }
        if let Some((until, why)) = s.backing_off.as_ref().filter(|(until, _)| *until > now) {
            let text = format!("Backing off until {}", until.with_timezone(zone).format("%H:%M:%S"));
            return state(StateKind::BackingOff, text, why.clone());
        }
        if self.next_at <= now {
            return state(StateKind::Queued, "Queued".into(), "Due; waits for a free worker.".into());
        }
        if s.held() > 0 {
            return state(
                StateKind::Held,
                format!("Held ({})", s.held()),
                "Items wait for a decision.".into(),
            );
        }
        if s.errors() > 0 {
            let text = format!("Errors ({} items)", s.errors());
            return state(StateKind::Errors, text, "These items failed and are tried again.".into());
        }
        if s.initial_done_at.is_none() {
            return state(StateKind::InitialSync, "Initial sync".into(), String::new());
        }
        let text = format!("Waiting, next {}", self.next_at.with_timezone(zone).format("%H:%M"));
        state(StateKind::Waiting, text, String::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;
    use chrono_tz::Asia::Tokyo;

    fn row(now: DateTime<Utc>) -> MemberRow {
        MemberRow {
            id: MemberId(1),
            policy: "p".into(),
            address: "ann@example.com".into(),
            mail: "mail".into(),
            crm: "crm".into(),
            crm_user: None,
            enabled: true,
            next_at: now + TimeDelta::minutes(15),
            urgent: false,
            running: false,
            state: MemberState { initial_done_at: Some(now), ..MemberState::default() },
        }
    }

    #[test]
    fn what_is_to_be_accepted_says_nothing_of_one_that_is_tried_again() {
        let mut row = row(Utc::now());
        assert_eq!(row.to_accept(), None);
        let fault = Fault::new(FaultKind::UnexpectedAnswer, "it is older");
        row.state.crm_fault = Some(fault.clone());
        assert_eq!(row.to_accept(), None, "another fault is nothing to be accepted");
        row.state.crm_fault = Some(fault.to_be_accepted(ToAccept::OlderState));
        let (side, why, fault) = row.to_accept().unwrap();
        assert_eq!((side, why, fault.title()), (Side::Crm, ToAccept::OlderState, "Backup Put Back"));
        assert_eq!(row.connection(side).as_str(), "crm");
        for (enabled, urgent, running) in [(false, false, false), (true, true, false), (true, false, true)] {
            let tried = MemberRow { enabled, urgent, running, ..row.clone() };
            assert_eq!(tried.to_accept(), None, "{tried:?}");
        }
    }

    #[test]
    fn times_are_those_of_the_clock_on_the_wall() {
        let now: DateTime<Utc> = "2026-11-23T08:00:00Z".parse().unwrap();
        let mut row = row(now);
        assert_eq!(row.shown_in(now, &Tokyo).text, "Waiting, next 17:15");
        row.state.backing_off = Some((now + TimeDelta::minutes(2), "busy".into()));
        assert_eq!(row.shown_in(now, &Tokyo).text, "Backing off until 17:02:00");
    }
}
