//! Decisions about holds, and what an administrator asks about the past and the next cycle. Nothing is drawn here.

use super::{App, Asked, HoldAction, Job, Pane};
use crate::accept::model::{Notice, accepted, of_member, question as ask_to_accept};
use crate::holds::decide::{question, said, simple};
use crate::holds::model::DecisionNews;
use crate::monitor::model::MonitorPage;
use crate::theme::Tone;
use riva_api::{AgentError, GiveOrder, Unaccepted};
use riva_core::admin::who;
use riva_core::history::Order;
use riva_core::holds::{Choice, Decision};
use riva_core::ids::{ConnectionName, MemberId, PairId, RemoteId};

impl App {
    /// Takes in what came of decisions.
    pub(super) fn take_in_decisions(&mut self) {
        let now = self.desk.now();
        let shown = self.shows_holds();
        for news in self.monitor.holds.poll(&self.desk, shown) {
            match news {
                DecisionNews::Taken(choice, what) => {
                    self.notices.say(now, Tone::Good, said(choice, &what));
                    self.watcher.hurry();
                }
                DecisionNews::Refused(trouble) => self.notices.trouble(now, &trouble),
            }
        }
    }

    /// Whether holds are on the screen.
    pub(super) fn shows_holds(&self) -> bool {
        self.pane == Pane::Monitor && self.monitor.page == MonitorPage::Waiting
    }

    /// The one item that the chosen hold can be linked to, if there is exactly one.
    pub(super) fn only_candidate(&self) -> Option<RemoteId> {
        let hold = self.monitor.holds.chosen()?;
        let mut twins = hold.items.iter().flat_map(|item| &item.twins);
        let only = twins.next()?;
        twins.next().is_none().then(|| only.id.clone())
    }

    pub(super) fn show_monitor(&mut self, page: MonitorPage) {
        self.monitor.page = page;
        self.show(Pane::Monitor);
    }

    /// What waits of the chosen user.
    pub(super) fn review_holds(&mut self) {
        let Some(row) = self.monitor.chosen() else { return };
        let address = row.member.address.to_string();
        self.monitor.holds.set_kind(None);
        self.monitor.holds.set_search(address);
        self.monitor.holds.select(0);
        self.show_monitor(MonitorPage::Waiting);
    }

    pub(super) fn hold_action(&mut self, action: HoldAction) {
        match action {
            HoldAction::Decide(number, decision) => self.decide(number, decision),
            HoldAction::Activity(member) => {
                self.monitor.selected = Some(member);
                self.open_activity();
            }
        }
    }

    pub(super) fn decide_chosen(&mut self, choice: Choice) {
        let Some(number) = self.monitor.holds.chosen().map(|hold| hold.number) else { return };
        let decision = match choice {
            Choice::Link => self.only_candidate().map(|to| Decision::Link { to }),
            other => simple(other),
        };
        if let Some(decision) = decision {
            self.decide(number, decision);
        }
    }

    fn decide(&mut self, number: i64, decision: Decision) {
        let holds = &self.monitor.holds;
        let asked = holds.number(number).and_then(|hold| question(holds, hold, &decision));
        match asked {
            Some(question) => self.question = Some((question, Asked::Decide(number, decision))),
            None => self.send_decision(number, decision),
        }
    }

    pub(super) fn send_decision(&mut self, number: i64, decision: Decision) {
        self.monitor.holds.decide(&self.desk, number, decision);
    }

    /// What waits to be accepted, as the screen tells of it.
    pub(super) fn unaccepted(&self) -> Vec<Notice> {
        let all = self.monitor.agent.to_accept();
        all.iter().map(|one| Notice::of(one, &self.setup.shown_name(&one.connection))).collect()
    }

    /// The connection that is meant by *Accept*: the chosen one, the chosen user's, or the only one that waits.
    pub(super) fn to_accept(&self) -> Option<&Unaccepted> {
        let all = self.monitor.agent.to_accept();
        let chosen = match self.pane {
            Pane::Setup => self.setup.chosen().and_then(|c| all.iter().find(|one| one.connection == c.name)),
            Pane::Monitor => self.monitor.chosen().and_then(|row| of_member(all, &row.member)),
            Pane::Policies => None,
        };
        chosen.or(if let [only] = all { Some(only) } else { None })
    }

    /// Asks how a connection is to be accepted.
    pub(super) fn ask_to_accept(&mut self, connection: &ConnectionName) {
        let all = self.monitor.agent.to_accept();
        // It may have been accepted elsewhere in the meantime.
        let Some(one) = all.iter().find(|one| one.connection == *connection) else { return };
        let question = ask_to_accept(one, &self.setup.shown_name(connection));
        self.question = Some((question, Asked::Accept(connection.clone())));
    }

    pub(super) fn accept(&mut self, connection: ConnectionName, catch_up: bool) {
        let (agent, shown_name) = (self.desk.agent.clone(), self.setup.shown_name(&connection));
        let reply = self.desk.ask(async move {
            let users = agent.accept(&connection, catch_up).await?;
            Ok::<_, AgentError>(accepted(&shown_name, users))
        });
        self.jobs.push(Job { reply, restart: false });
    }

    /// Tries again what failed.
    pub(super) fn retry(&mut self, member: MemberId, pair: Option<PairId>) {
        let agent = self.desk.agent.clone();
        let order = GiveOrder { member, order: Order::Retry { pair }, by: who() };
        let said = if pair.is_some() { "The item is" } else { "What failed is" };
        let said = format!("{said} tried again in this user's next cycle, which is due at once");
        let reply = self.desk.ask(async move { agent.order(&order).await.map(|_| said) });
        self.jobs.push(Job { reply, restart: false });
        self.watcher.hurry();
    }
}
