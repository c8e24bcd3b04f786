//! A connection test that is under way or has ended.

use crate::desk::{Desk, Ends};
use crate::trouble::Trouble;
use crate::widgets::steps::StepLine;
use riva_core::admin::TestReport;
use riva_core::ids::ConnectionName;
use riva_core::ports::{StepReport, StepSink, TestStep};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};

/// What a running test tells.
#[derive(Debug)]
pub enum TestNews {
    /// A step begins.
    Started(TestStep),
    /// A step has ended.
    Ended(StepReport),
    /// The whole test has ended.
    Done(Box<Result<TestReport, Trouble>>),
}

/// A test.
#[derive(Debug, Default)]
pub struct TestRun {
    /// Whom it is run for; empty: the connection account alone.
    pub target: String,
    /// The steps so far.
    pub steps: Vec<StepLine>,
    /// How it ended.
    pub outcome: Option<Result<TestReport, Trouble>>,
    running: Option<(Receiver<TestNews>, Ends)>,
}

/// Passes the steps on to the screen.
struct Teller {
    news: SyncSender<TestNews>,
    wake: crate::desk::Wake,
}

impl Teller {
    /// There are at most two messages for each of ten steps, and the channel holds more: nothing is ever left out.
    fn tell(&self, news: TestNews) {
        let _ = self.news.try_send(news);
        (self.wake)();
    }
}

impl StepSink for Teller {
    fn started(&self, step: TestStep) {
        self.tell(TestNews::Started(step));
    }

    fn ended(&self, report: StepReport) {
        self.tell(TestNews::Ended(report));
    }
}

impl TestRun {
    /// Begins the test.
    pub fn start(&mut self, desk: &Desk, connection: &ConnectionName) {
        let Some(admin) = desk.admin.clone() else { return };
        let target = self.target.trim().to_owned();
        *self = Self { target: target.clone(), ..Self::default() };
        let (news, receive) = sync_channel(64);
        let (name, wake) = (connection.clone(), desk.wake.clone());
        let ends = desk.begin(async move {
            let teller = Teller { news, wake };
            let target = Some(target.as_str()).filter(|t| !t.is_empty());
            let result = admin.test_connection(&name, target, &teller).await.map_err(Trouble::from);
            teller.tell(TestNews::Done(Box::new(result)));
        });
        self.running = Some((receive, ends));
    }

    /// Whether it is under way.
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Ends it at once.
    pub fn cancel(&mut self) {
        self.running = None;
        self.steps.retain(|s| matches!(s, StepLine::Ended(_)));
    }

    /// Takes in what was told. True once, when the test has ended.
    pub fn poll(&mut self) -> bool {
        let mut news = Vec::new();
        let mut lost = false;
        if let Some((receive, _)) = &self.running {
            loop {
                match receive.try_recv() {
                    Ok(one) => news.push(one),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => {
                        lost = true;
                        break;
                    }
                }
            }
        }
        for one in news {
            self.take(one);
        }
        if lost && self.outcome.is_none() {
            self.take(TestNews::Done(Box::new(Err(crate::requested::Lost.into()))));
        }
        let ended = self.running.is_some() && self.outcome.is_some();
        if ended {
            self.running = None;
        }
        ended
    }

    fn take(&mut self, news: TestNews) {
        match news {
            TestNews::Started(step) => self.steps.push(StepLine::Running(step)),
            TestNews::Ended(report) => {
                let place = self.steps.iter().position(|s| *s == StepLine::Running(report.step));
                match place {
                    Some(index) => self.steps[index] = StepLine::Ended(report),
                    None => self.steps.push(StepLine::Ended(report)),
                }
            }
            TestNews::Done(result) => {
                // The report has every step, also one that a lost wake-up would have kept from us.
                if let Ok(report) = result.as_ref() {
                    self.steps = report.steps.iter().cloned().map(StepLine::Ended).collect();
                }
                self.outcome = Some(*result);
            }
        }
    }

    /// The verdict in words, when it has ended: Riva's words for success.
    pub fn verdict(&self) -> Option<Result<String, Trouble>> {
        Some(match self.outcome.as_ref()? {
            Err(trouble) => Err(trouble.clone()),
            Ok(report) => match (&report.fault, &report.target) {
                (Some(fault), _) => Err(Trouble::from(fault)),
                (None, None) => Ok("Connection Test Succeeded".into()),
                (None, Some(target)) => Ok(format!("Connection Test Succeeded for {target}")),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::Utc;
    use riva_core::fault::{Fault, FaultKind};
    use riva_core::ports::StepOutcome;
    use std::time::Duration;

    fn ended(step: TestStep, fault: Option<Fault>) -> StepReport {
        let outcome = match fault {
            None => StepOutcome::Passed { detail: "fine".into() },
            Some(fault) => StepOutcome::Failed { fault },
        };
        StepReport { step, outcome, took: Duration::from_millis(2) }
    }

    fn report(target: Option<&str>, steps: Vec<StepReport>, fault: Option<Fault>) -> TestReport {
        let took = Duration::from_millis(9);
        TestReport {
            connection: "x".into(),
            target: target.map(Into::into),
            at: Utc::now(),
            steps,
            fault,
            took,
        }
    }

    #[test]
    fn steps_appear_when_they_begin_and_are_settled_when_they_end() {
        let mut run = TestRun::default();
        run.take(TestNews::Started(TestStep::ResolveName));
        assert_eq!(run.steps, [StepLine::Running(TestStep::ResolveName)]);
        run.take(TestNews::Ended(ended(TestStep::ResolveName, None)));
        run.take(TestNews::Started(TestStep::Connect));
        assert_eq!(run.steps.len(), 2);
        assert!(matches!(run.steps[0], StepLine::Ended(_)));
        assert!(run.verdict().is_none());
    }

    #[test]
    fn success_is_told_in_rivas_words() {
        let mut run = TestRun::default();
        run.take(TestNews::Done(Box::new(Ok(report(None, vec![], None)))));
        assert_eq!(run.verdict(), Some(Ok("Connection Test Succeeded".into())));
        run.take(TestNews::Done(Box::new(Ok(report(Some("ann@x"), vec![], None)))));
        assert_eq!(run.verdict(), Some(Ok("Connection Test Succeeded for ann@x".into())));
    }

    #[test]
    fn a_failure_is_told_with_what_to_do() {
        let fault = Fault::new(FaultKind::GivenCredentials, "401");
        let mut run = TestRun::default();
        let steps = vec![ended(TestStep::SignIn, Some(fault.clone()))];
        run.take(TestNews::Done(Box::new(Ok(report(None, steps, Some(fault.clone()))))));
        let trouble = run.verdict().unwrap().unwrap_err();
        assert_eq!(trouble.title, "Cannot Connect to the Target System with Given Credentials");
        assert_eq!(trouble.remedy, fault.remedy);
        assert_eq!(run.steps.len(), 1);
    }
}
