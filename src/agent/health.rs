//! How the connections are: a fault that concerns everyone stops everyone, and one probe finds out when it is over.

use chrono::{DateTime, TimeDelta, Utc};
use riva_core::fault::{Fault, FaultKind};
use riva_core::ids::{ConnectionName, MemberId};
use std::collections::{BTreeMap, BTreeSet};

/// Members that must fail, without a success in between, before a connection is taken to be down. One mailbox's
/// store may be away while all others work.
const WITNESSES: usize = 3;
/// A refused login is tried twice in half an hour: more would lock the account out.
const CREDENTIALS: TimeDelta = TimeDelta::minutes(15);
/// Whoever has no access, or is not found, is tried again hourly.
const ACCESS: TimeDelta = TimeDelta::hours(1);

/// All connections.
#[derive(Debug, Default)]
pub(crate) struct Health {
    connections: BTreeMap<ConnectionName, State>,
    /// Failed cycles in a row, of a member.
    members: BTreeMap<MemberId, u32>,
}

#[derive(Debug, Default)]
struct State {
    down: Option<Down>,
    failed: BTreeSet<MemberId>,
}

#[derive(Debug)]
struct Down {
    fault: Fault,
    tries: u32,
    next: DateTime<Utc>,
}

/// Whom a failed call concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The member whose call it was.
    OneMember,
    /// Everyone on the connection, from now on.
    EveryoneNow,
    /// Everyone on the connection, as before.
    EveryoneStill,
}

/// Doubles with every try, from `first` to `most` seconds.
fn doubled(first: i64, most: i64, tries: u32) -> TimeDelta {
    TimeDelta::seconds(first.saturating_mul(1 << tries.min(20)).min(most))
}

fn hinted(fault: &Fault, wait: TimeDelta) -> TimeDelta {
    fault.retry_after.and_then(|hint| TimeDelta::from_std(hint).ok()).map_or(wait, |hint| hint.max(wait))
}

impl Health {
    /// How many members of a policy on these connections may be worked on now: all, one to probe, or none.
    pub fn allows(&self, connections: [&ConnectionName; 2], now: DateTime<Utc>) -> usize {
        let one = |name| match self.connections.get(name).and_then(|s: &State| s.down.as_ref()) {
            None => usize::MAX,
            Some(down) if down.next <= now => 1,
            Some(_) => 0,
        };
        connections.into_iter().map(one).min().unwrap_or(usize::MAX)
    }

    /// What is wrong with a connection for everyone.
    pub fn fault(&self, connection: &ConnectionName) -> Option<&Fault> {
        self.connections.get(connection)?.down.as_ref().map(|down| &down.fault)
    }

    /// The connection account works. Answers whether it did not before.
    pub fn works(&mut self, connection: &ConnectionName) -> bool {
        let again = self.connections.remove(connection).is_some_and(|state| state.down.is_some());
        if again {
            tracing::info!("the connection {connection} works again");
        }
        again
    }

    /// A call failed, for a member or (`None`) for the connection account itself, on a connection that `members` use.
    /// Answers whom that concerns.
    pub fn fails(
        &mut self,
        connection: &ConnectionName,
        member: Option<MemberId>,
        members: usize,
        fault: &Fault,
        now: DateTime<Utc>,
    ) -> Reach {
        if !fault.kind.concerns_everyone() || fault.kind == FaultKind::Throttled {
            return Reach::OneMember;
        }
        let state = self.connections.entry(connection.clone()).or_default();
        state.failed.extend(member);
        let at_once = member.is_none() || fault.kind == FaultKind::GivenCredentials || state.down.is_some();
        if !at_once && state.failed.len() < WITNESSES.min(members) {
            return Reach::OneMember;
        }
        let tries = state.down.as_ref().map_or(0, |down| down.tries);
        let wait = match fault.kind {
            FaultKind::GivenCredentials => CREDENTIALS,
            _ => hinted(fault, doubled(30, 600, tries)),
        };
        let reach = if state.down.is_some() { Reach::EveryoneStill } else { Reach::EveryoneNow };
        if reach == Reach::EveryoneNow {
            tracing::warn!("the connection {connection} does not work: {fault}");
        }
        state.down = Some(Down { fault: fault.clone(), tries: tries.saturating_add(1), next: now + wait });
        reach
    }

    /// A person asks, or a document or secret has changed: the next one may probe.
    pub fn may_probe(&mut self, connection: &ConnectionName, now: DateTime<Utc>) {
        if let Some(down) = self.connections.get_mut(connection).and_then(|s| s.down.as_mut()) {
            down.next = now;
        }
    }

    /// Connections whose login is refused.
    pub fn refused(&self) -> Vec<ConnectionName> {
        let refused =
            |s: &State| s.down.as_ref().is_some_and(|d| d.fault.kind == FaultKind::GivenCredentials);
        self.connections.iter().filter(|(_, s)| refused(s)).map(|(name, _)| name.clone()).collect()
    }

    /// A member's cycle went through.
    pub fn well(&mut self, member: MemberId) {
        self.members.remove(&member);
    }

    /// When to try a member again whose cycle failed, not before its interval has gone by if that is later.
    pub fn again(
        &mut self,
        member: MemberId,
        connection: &ConnectionName,
        fault: &Fault,
        now: DateTime<Utc>,
    ) -> DateTime<Utc> {
        let tries = self.members.entry(member).or_default();
        let before = *tries;
        *tries = tries.saturating_add(1);
        if let Some(down) = self.connections.get(connection).and_then(|s| s.down.as_ref()) {
            return down.next;
        }
        now + match fault.kind {
            FaultKind::GivenCredentials => CREDENTIALS,
            FaultKind::SystemNotAvailable => hinted(fault, doubled(30, 600, before)),
            FaultKind::Throttled => hinted(fault, doubled(1, 900, before)),
            FaultKind::UnexpectedAnswer => doubled(60, 3600, before),
            FaultKind::UserNotFound
            | FaultKind::NoAccessToUser
            | FaultKind::MailboxNeverOpened
            | FaultKind::MissingPermission => ACCESS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    #[test]
    fn one_mailbox_that_is_away_stops_nobody_else() {
        let (mut health, mail, crm) = (Health::default(), "mail".into(), "crm".into());
        let away = Fault::new(FaultKind::SystemNotAvailable, "store is away");
        for n in [1, 1, 2] {
            assert_eq!(health.fails(&mail, Some(MemberId(n)), 25, &away, at(0)), Reach::OneMember);
        }
        assert_eq!(health.allows([&mail, &crm], at(0)), usize::MAX);
        assert_eq!(health.fails(&mail, Some(MemberId(3)), 25, &away, at(0)), Reach::EveryoneNow);
        assert_eq!(health.allows([&mail, &crm], at(29)), 0);
        assert_eq!(health.allows([&mail, &crm], at(30)), 1);
        // The probe fails: a longer wait.
        assert_eq!(health.fails(&mail, Some(MemberId(1)), 25, &away, at(30)), Reach::EveryoneStill);
        assert_eq!(health.allows([&mail, &crm], at(89)), 0);
        assert_eq!(health.allows([&mail, &crm], at(90)), 1);
        assert!(health.works(&mail) && !health.works(&mail));
        assert_eq!(health.allows([&mail, &crm], at(90)), usize::MAX);
    }

    #[test]
    fn a_refused_login_is_tried_twice_in_half_an_hour() {
        let (mut health, mail, crm) = (Health::default(), "mail".into(), "crm".into());
        let refused = Fault::new(FaultKind::GivenCredentials, "wrong password");
        let mut tries = 0;
        for second in 0..1800 {
            if health.allows([&crm, &mail], at(second)) > 0 {
                tries += 1;
                let reach = health.fails(&mail, Some(MemberId(1)), 25, &refused, at(second));
                assert_eq!(reach, if tries == 1 { Reach::EveryoneNow } else { Reach::EveryoneStill });
            }
        }
        assert_eq!(tries, 2);
        assert_eq!(health.refused(), [ConnectionName::from("mail")]);
        health.may_probe(&mail, at(1800));
        assert_eq!(health.allows([&mail, &crm], at(1800)), 1);
    }

    #[test]
    fn waits_follow_the_kind_of_fault_and_the_systems_hint() {
        let (mut health, mail) = (Health::default(), ConnectionName::from("mail"));
        let mut wait = |kind, hint: Option<u64>| {
            let mut fault = Fault::new(kind, "x");
            fault.retry_after = hint.map(std::time::Duration::from_secs);
            (health.again(MemberId(1), &mail, &fault, at(0)) - at(0)).num_seconds()
        };
        assert_eq!(wait(FaultKind::UserNotFound, None), 3600);
        assert_eq!(wait(FaultKind::Throttled, Some(77)), 77);
        assert_eq!(wait(FaultKind::SystemNotAvailable, None), 120);
        for _ in 0..40 {
            wait(FaultKind::SystemNotAvailable, None);
        }
        assert_eq!(wait(FaultKind::SystemNotAvailable, None), 600);
        health.well(MemberId(1));
    }
}
