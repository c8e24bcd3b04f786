//! The test of a connection for all users of a policy, some at a time, with progress and *Cancel*.

use crate::desk::{Desk, Ends};
use crate::trouble::Trouble;
use riva_core::documents::PolicyUser;
use riva_core::fault::Fault;
use riva_core::ids::{ConnectionName, EmailAddress, PolicyName};
use riva_core::ports::{StepReport, StepSink, TestStep};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How many users are tested at once.
const AT_ONCE: usize = 8;

/// How a user's test stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserTest {
    /// Not begun.
    Waiting,
    /// Under way.
    Running,
    /// Passed, in this time.
    Passed(Duration),
    /// Failed.
    Failed(Trouble),
    /// Given up by *Cancel*.
    Cancelled,
}

/// A user of the policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkRow {
    /// Address.
    pub address: EmailAddress,
    /// Name.
    pub name: String,
    /// How it stands.
    pub test: UserTest,
}

/// The test of all.
#[derive(Debug, Default)]
pub struct BulkTest {
    /// Of which policy.
    pub policy: Option<PolicyName>,
    /// Its users.
    pub rows: Vec<BulkRow>,
    /// The chosen one.
    pub selected: Option<usize>,
    running: Option<(Receiver<(usize, UserTest)>, Ends)>,
}

/// The steps of each single user are not shown here.
struct Quiet;

impl StepSink for Quiet {
    fn started(&self, _: TestStep) {}
    fn ended(&self, _: StepReport) {}
}

impl BulkTest {
    /// Begins with all users of a policy.
    pub fn start(
        &mut self,
        desk: &Desk,
        connection: &ConnectionName,
        policy: PolicyName,
        users: &[PolicyUser],
    ) {
        let Some(admin) = desk.admin.clone() else { return };
        self.policy = Some(policy);
        self.selected = None;
        self.rows = users
            .iter()
            .map(|u| BulkRow {
                address: u.address.clone(),
                name: u.name.clone().unwrap_or_default(),
                test: UserTest::Waiting,
            })
            .collect();
        let targets: Vec<String> = users.iter().map(|u| u.address.to_string()).collect();
        let (send, receive) = sync_channel(2 * targets.len() + 1);
        let (connection, wake) = (connection.clone(), desk.wake.clone());
        let ends = desk.begin(async move {
            let gate = Arc::new(Semaphore::new(AT_ONCE));
            // A set ends its tasks when it is dropped: cancelling this task cancels them all.
            let mut tests = JoinSet::new();
            for (index, target) in targets.into_iter().enumerate() {
                let (admin, connection, gate) = (admin.clone(), connection.clone(), gate.clone());
                let (send, wake) = (send.clone(), wake.clone());
                tests.spawn(async move {
                    let Ok(_permit) = gate.acquire().await else { return };
                    let tell = |test| {
                        let _ = send.try_send((index, test));
                        wake();
                    };
                    tell(UserTest::Running);
                    tell(match admin.test_connection(&connection, Some(&target), &Quiet).await {
                        Ok(report) => result(report.took, report.fault.as_ref()),
                        Err(error) => UserTest::Failed(Trouble::from(error)),
                    });
                });
            }
            while tests.join_next().await.is_some() {}
        });
        self.running = Some((receive, ends));
    }

    /// Takes in results. True once, when all have ended.
    pub fn poll(&mut self) -> bool {
        let Some((receive, _)) = &self.running else { return false };
        for (index, test) in receive.try_iter() {
            if let Some(row) = self.rows.get_mut(index) {
                row.test = test;
            }
        }
        let ended = self.done() == self.rows.len();
        if ended {
            self.running = None;
        }
        ended
    }

    /// Gives up what has not ended.
    pub fn cancel(&mut self) {
        self.running = None;
        for row in &mut self.rows {
            if matches!(row.test, UserTest::Waiting | UserTest::Running) {
                row.test = UserTest::Cancelled;
            }
        }
    }

    /// Whether it is under way.
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// How many have ended.
    pub fn done(&self) -> usize {
        self.rows.iter().filter(|r| !matches!(r.test, UserTest::Waiting | UserTest::Running)).count()
    }

    /// "23 passed, 2 failed of 25".
    pub fn summary(&self) -> String {
        let count = |wanted: fn(&UserTest) -> bool| self.rows.iter().filter(|r| wanted(&r.test)).count();
        let passed = count(|t| matches!(t, UserTest::Passed(_)));
        let failed = count(|t| matches!(t, UserTest::Failed(_)));
        let cancelled = count(|t| matches!(t, UserTest::Cancelled));
        let all = self.rows.len();
        if cancelled > 0 {
            format!("{passed} passed, {failed} failed, {cancelled} cancelled of {all}")
        } else {
            format!("{passed} passed, {failed} failed of {all}")
        }
    }
}

fn result(took: Duration, fault: Option<&Fault>) -> UserTest {
    fault.map_or(UserTest::Passed(took), |fault| UserTest::Failed(Trouble::from(fault)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use riva_core::fault::FaultKind;

    fn row(address: &str, test: UserTest) -> BulkRow {
        BulkRow { address: address.into(), name: String::new(), test }
    }

    #[test]
    fn the_summary_counts_and_cancel_keeps_what_has_ended() {
        let fault = Fault::new(FaultKind::UserNotFound, "nobody");
        let mut bulk = BulkTest {
            rows: vec![
                row("a@x", result(Duration::from_millis(4), None)),
                row("b@x", result(Duration::ZERO, Some(&fault))),
                row("c@x", UserTest::Running),
                row("d@x", UserTest::Waiting),
            ],
            ..BulkTest::default()
        };
        assert_eq!(bulk.done(), 2);
        bulk.cancel();
        assert_eq!(bulk.summary(), "1 passed, 1 failed, 2 cancelled of 4");
        assert!(!bulk.is_running());
    }
}
