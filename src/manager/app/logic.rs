//! Takes in what has been done, and carries out what is wanted. Nothing is drawn here.

use super::{Action, AgentJob, App, Asked, Job, Pane, Situation, Verb, Window, WindowId};
use crate::accept::model::catches_up;
use crate::desk::Desk;
use crate::monitor::model::{AgentState, MonitorPage};
use crate::monitor::watch::{News, Watcher};
use crate::policies::editor_ui::PolicyAction;
use crate::requested::{Lost, Requested};
use crate::setup::editor::{EditorNews, Tab};
use crate::setup::editor_ui::EditorAction;
use crate::theme::Tone;
use crate::trouble::Trouble;
use crate::welcome::model::WorkspaceChoice;
use crate::widgets::dialog::Question;
use crate::{Open, Opened};
use riva_api::{Agent, AgentError, Selection};
use riva_core::admin::{Admin, AdminError, ChangeEntry};
use std::collections::BTreeMap;
use std::sync::Arc;

impl App {
    /// Reads the documents anew.
    pub(super) fn refresh(&mut self) {
        if self.desk.admin.is_none() || self.what == Open::Monitor {
            return;
        }
        self.setup.connections.start(self.desk.disk(Admin::connections));
        self.policies.list.start(self.desk.disk(Admin::policies));
    }

    /// Takes in everything that has come in since the last frame.
    pub(super) fn take_in(&mut self) {
        let now = self.desk.now();
        self.setup.connections.poll();
        self.policies.list.poll();
        self.take_in_welcome();
        self.take_in_news();
        self.take_in_jobs();
        self.take_in_decisions();
        let mut refresh = false;
        let mut saved_policy = None;
        for (_, window) in &mut self.windows {
            match window {
                Window::Connection(editor) => {
                    for news in editor.poll(&self.desk) {
                        refresh = true;
                        match news {
                            EditorNews::Saved(name) => {
                                self.notices.say(now, Tone::Good, format!("{name} was saved"));
                                self.setup.selected = Some(name);
                            }
                            EditorNews::PasswordWorks => {
                                self.notices.say(now, Tone::Good, "Password updated successfully");
                            }
                            EditorNews::Tested => {}
                        }
                    }
                }
                Window::Policy(editor) => {
                    if editor.poll() {
                        saved_policy = Some(editor.name.trim().to_owned());
                    }
                }
                Window::Licensing(licensing) => drop(licensing.details.poll()),
                Window::Activity(activity) => activity.poll(&self.desk),
                Window::Preview(preview) => preview.poll(),
                Window::Explain(explain) => drop(explain.stories.poll()),
                Window::Undo(undo) => undo.poll(),
            }
        }
        if let Some(name) = saved_policy {
            self.windows.retain(|(_, w)| !matches!(w, Window::Policy(e) if e.name.trim() == name));
            self.policies.selected = Some(name.as_str().into());
            self.notices.say(now, Tone::Good, format!("Policy {name} was saved"));
            refresh = true;
            self.ask_to_restart(&format!("Policy {name} was saved."));
        }
        if refresh {
            self.refresh();
        }
        self.tell_watcher();
    }

    fn tell_watcher(&self) {
        let queue = self.desk.admin.is_some() && self.pane == Pane::Monitor;
        let activity: BTreeMap<_, _> = self
            .windows
            .iter()
            .filter_map(
                |(_, w)| if let Window::Activity(a) = w { Some((a.member, a.last_seq())) } else { None },
            )
            .collect();
        self.watcher.show(queue, activity);
    }

    fn take_in_news(&mut self) {
        let news: Vec<News> = self.watcher.news().collect();
        for one in news {
            match one {
                News::Status(answer) => {
                    self.monitor.agent = AgentState::from(answer);
                    if self.monitor.agent == AgentState::Stopped {
                        self.monitor.set_rows(Vec::new());
                        self.monitor.heard = false;
                        self.monitor.holds.set(Vec::new());
                        self.monitor.holds.heard = false;
                    }
                }
                News::Queue(rows) => {
                    self.monitor.set_rows(rows);
                    for (_, window) in &mut self.windows {
                        if let Window::Activity(activity) = window
                            && let Some(row) = self.monitor.member(activity.member)
                        {
                            activity.row = Some(row.clone());
                        }
                    }
                }
                News::Holds(holds) => self.monitor.holds.set(holds),
                News::Activity(member, lines) => {
                    for (_, window) in &mut self.windows {
                        if let Window::Activity(activity) = window
                            && activity.member == member
                        {
                            activity.add(lines.clone());
                        }
                    }
                }
            }
        }
    }

    fn take_in_jobs(&mut self) {
        let now = self.desk.now();
        if let Some(result) = self.agent_job.as_ref().and_then(|job| job.reply.poll()) {
            let done = self.agent_job.take().map_or("", |job| job.done);
            match result.unwrap_or_else(|lost| Err(lost.into())) {
                Ok(()) => self.notices.say(now, Tone::Good, done),
                Err(trouble) => self.notices.trouble(now, &trouble),
            }
            if self.question.as_ref().is_some_and(|(question, _)| question.busy.is_some()) {
                self.question = None;
            }
            self.watcher.hurry();
        }
        let mut ended = Vec::new();
        self.jobs.retain(|job| match job.reply.poll() {
            None => true,
            Some(result) => {
                ended.push((result, job.restart));
                false
            }
        });
        for (result, restart) in ended {
            match result.unwrap_or_else(|Lost| Err(Lost.into())) {
                Ok(said) => {
                    if restart {
                        self.ask_to_restart(&format!("{said}."));
                    }
                    self.notices.say(now, Tone::Good, said);
                }
                Err(trouble) => self.notices.trouble(now, &trouble),
            }
            self.refresh();
            self.watcher.hurry();
        }
    }

    fn take_in_welcome(&mut self) {
        if self.welcome.opening.poll()
            && let Requested::Ready(opened) = &self.welcome.opening
        {
            let Opened { admin, agent } = opened.clone();
            self.desk = Desk { admin: Some(admin), agent, ..self.desk.clone() };
            self.watcher = Watcher::start(&self.desk);
            self.welcome.opening = Requested::NotYet;
            self.refresh();
        }
    }

    /// What can be done now.
    pub(super) fn situation(&self) -> Situation {
        let policy = self.policies.chosen();
        Situation {
            workspace: self.desk.admin.is_some(),
            monitor_only: self.what == Open::Monitor,
            connection: self.setup.chosen().is_some(),
            policy: policy.is_some(),
            policy_enabled: policy.is_some_and(|p| p.enabled),
            member: self.monitor.chosen().is_some(),
            choices: if self.shows_holds() { self.monitor.holds.choices() } else { &[] },
            one_candidate: self.only_candidate().is_some(),
            unaccepted: !self.monitor.agent.to_accept().is_empty(),
            to_accept: self.to_accept().is_some(),
            agent: self.monitor.agent.runs(),
            agent_busy: self.agent_job.is_some(),
        }
    }

    /// Carries out what the administrator did.
    pub(super) fn carry_out(&mut self, ctx: &egui::Context, action: Action) {
        match action {
            Action::Do(verb) if verb.obstacle(self.situation()).is_none() => self.carry_out_verb(ctx, verb),
            Action::Do(verb) => {
                let why = verb.obstacle(self.situation()).unwrap_or_default();
                self.notices.say(self.desk.now(), Tone::Warn, format!("{}: {why}", verb.title()));
            }
            Action::Connection(id, action) => self.connection_action(id, action),
            Action::Policy(id, action) => self.policy_action(id, action),
            Action::SyncMember(id) => {
                if let Some(Window::Activity(activity)) = self.window_mut(id) {
                    let which = Selection::Member(activity.member);
                    self.sync_now(which);
                }
            }
            Action::Hold(action) => self.hold_action(action),
            Action::Accept(connection) => self.ask_to_accept(&connection),
            Action::Explain(member, item) => self.explain(Some(member), item),
            Action::Retry(member, pair) => self.retry(member, pair),
            Action::ExplainSearch(id) => self.explain_search(id),
            Action::Preview(id, action) => self.preview_action(id, action),
            Action::OpenUndo(member) => {
                self.monitor.selected = Some(member);
                self.open_undo();
            }
            Action::Undo(id, action) => self.undo_action(id, action),
            Action::Close(id) => self.close(id),
            Action::Welcome(choice) => self.open_workspace(choice),
            Action::Answer(yes) => self.answer(yes),
        }
    }

    fn carry_out_verb(&mut self, ctx: &egui::Context, verb: Verb) {
        match verb {
            Verb::ShowSetup => self.show(Pane::Setup),
            Verb::ShowPolicies => self.show(Pane::Policies),
            Verb::ShowMonitor => self.show_monitor(MonitorPage::Queue),
            Verb::ShowHolds => self.show_monitor(MonitorPage::Waiting),
            Verb::ReviewHolds => self.review_holds(),
            Verb::Decide(choice) => self.decide_chosen(choice),
            Verb::AcceptDatabase => {
                if let Some(name) = self.to_accept().map(|one| one.connection.clone()) {
                    self.ask_to_accept(&name);
                }
            }
            Verb::PreviewPolicy => self.preview_policy(),
            Verb::PreviewUser => self.preview_user(),
            Verb::UndoUser => self.open_undo(),
            Verb::ExplainItem => self.explain(self.monitor.selected, String::new()),
            Verb::RetryFailed => {
                if let Some(member) = self.monitor.selected {
                    self.retry(member, None);
                }
            }
            Verb::Refresh => {
                self.refresh();
                self.watcher.hurry();
            }
            Verb::Palette => self.palette.show_now(),
            Verb::Messages => self.notices.open = !self.notices.open,
            Verb::Help => self.help = !self.help,
            Verb::ZoomIn => ctx.set_zoom_factor((ctx.zoom_factor() + 0.1).min(2.0)),
            Verb::ZoomOut => ctx.set_zoom_factor((ctx.zoom_factor() - 0.1).max(1.0)),
            Verb::ZoomReset => ctx.set_zoom_factor(1.0),
            Verb::ThemeLight => ctx.set_theme(egui::ThemePreference::Light),
            Verb::ThemeDark => ctx.set_theme(egui::ThemePreference::Dark),
            Verb::ThemeSystem => ctx.set_theme(egui::ThemePreference::System),
            Verb::NewConnection(system) => self.new_connection(system),
            Verb::EditConnection => self.open_connection(Tab::General),
            Verb::TestConnection => self.open_connection(Tab::Test),
            Verb::NewPolicy => self.new_policy(),
            Verb::EditPolicy => self.open_policy(),
            Verb::EnablePolicy => self.set_enabled(true),
            Verb::DisablePolicy => self.set_enabled(false),
            Verb::DuplicatePolicy => self.duplicate_policy(),
            Verb::LicensingDetails => self.open_licensing(),
            Verb::StartAgent => {
                self.agent_job(
                    "Starting the agent",
                    "The agent was started",
                    |a| async move { a.start().await },
                );
            }
            Verb::RestartAgent => self.restart_agent(),
            Verb::SyncNow => {
                if let Some(id) = self.monitor.selected {
                    self.sync_now(Selection::Member(id));
                }
            }
            Verb::SyncAllNow => self.sync_now(Selection::All),
            Verb::MonitorActivity => self.open_activity(),
            Verb::DeleteConnection | Verb::RemovePolicy | Verb::StopAgent => self.ask_first(verb),
        }
    }

    pub(super) fn show(&mut self, pane: Pane) {
        self.pane = pane;
        self.refresh();
        self.watcher.hurry();
    }

    fn ask_first(&mut self, verb: Verb) {
        let (title, text, yes, asked) = match verb {
            Verb::DeleteConnection => {
                let Some(c) = self.setup.chosen() else { return };
                let text = format!(
                    "The document connections/{}.toml goes; its password is forgotten. A connection that a policy \
                     uses, or that has ever synced, is not deleted.",
                    c.name
                );
                (
                    format!("Delete connection {}?", c.name),
                    text,
                    "Delete",
                    Asked::DeleteConnection(c.name.clone()),
                )
            }
            Verb::RemovePolicy => {
                let Some(p) = self.policies.chosen() else { return };
                let users = if p.users == 1 { "1 user is".into() } else { format!("{} users are", p.users) };
                let text = format!(
                    "{users} no longer synced by it. Items stay where they are on both sides; its last document \
                     stays in the history."
                );
                (format!("Remove policy {}?", p.name), text, "Yes", Asked::RemovePolicy(p.name.clone()))
            }
            _ => {
                let users = self.monitor.all().iter().filter(|r| r.member.enabled).count();
                let who = match (&self.monitor.agent, users) {
                    (AgentState::Running(s), 0) => format!("{} users", s.members),
                    (_, n) => format!("{n} users"),
                };
                let text = format!(
                    "{who} will not be synced until it is started again. Calls that are under way are finished first."
                );
                ("Stop the Riva CRM Agent service?".to_owned(), text, "Stop service", Asked::StopAgent)
            }
        };
        let question = Question { title, text, choices: None, yes, no: "Cancel", danger: true, busy: None };
        self.question = Some((question, asked));
    }

    /// Riva's question after a policy is saved.
    fn ask_to_restart(&mut self, why: &str) {
        let text = format!(
            "{why} The agent reads its documents anew when it is restarted; running cycles end first."
        );
        let question = Question {
            title: "Restart the Riva CRM Agent service?".into(),
            text,
            choices: None,
            yes: "Yes",
            no: "No",
            danger: false,
            busy: None,
        };
        self.question = Some((question, Asked::RestartAgent));
    }

    fn answer(&mut self, yes: bool) {
        let Some((mut question, asked)) = self.question.take() else { return };
        if !yes {
            return;
        }
        match asked {
            Asked::DeleteConnection(name) => self.job(false, format!("{name} was deleted"), move |admin| {
                admin.delete_connection(&name, &ChangeEntry::default())
            }),
            Asked::RemovePolicy(name) => {
                self.job(true, format!("Policy {name} was removed"), move |admin| admin.remove_policy(&name));
            }
            Asked::StopAgent => {
                self.agent_job(
                    "Stopping the agent",
                    "The agent was stopped",
                    |a| async move { a.stop().await },
                );
            }
            Asked::RestartAgent => {
                self.restart_agent();
                question.busy = Some("Restarting the agent".into());
                self.question = Some((question, asked));
            }
            Asked::Decide(number, decision) => self.send_decision(number, decision),
            Asked::Accept(connection) => {
                if let Some(catch_up) = catches_up(&question) {
                    self.accept(connection, catch_up);
                }
            }
            Asked::Undo(id) => self.carry_out_undo(id),
            Asked::CloseWindow(id) => self.windows.retain(|(each, _)| *each != id),
        }
    }

    fn job(
        &mut self,
        restart: bool,
        said: String,
        work: impl FnOnce(&Admin) -> Result<(), AdminError> + Send + 'static,
    ) {
        let reply = self.desk.disk(move |admin| work(admin).map(|()| said));
        self.jobs.push(Job { reply, restart });
    }

    fn set_enabled(&mut self, enabled: bool) {
        let Some(name) = self.policies.chosen().map(|p| p.name.clone()) else { return };
        let said = format!("Policy {name} was {}", if enabled { "enabled" } else { "disabled" });
        self.job(true, said, move |admin| admin.set_policy_enabled(&name, enabled));
    }

    fn duplicate_policy(&mut self) {
        let Some(name) = self.policies.chosen().map(|p| p.name.clone()) else { return };
        let reply = self.desk.disk(move |admin| {
            let copy = admin.duplicate_policy(&name)?;
            Ok(format!("{copy} was made, disabled. Remove all its users before you enable it"))
        });
        self.jobs.push(Job { reply, restart: false });
    }

    fn agent_job<F: Future<Output = Result<(), AgentError>> + Send + 'static>(
        &mut self,
        doing: &'static str,
        done: &'static str,
        work: impl FnOnce(Arc<dyn Agent>) -> F,
    ) {
        let reply = self.desk.ask(work(self.desk.agent.clone()));
        self.agent_job = Some(AgentJob { doing, done, reply });
    }

    fn restart_agent(&mut self) {
        let runs = self.monitor.agent.runs();
        self.agent_job("Restarting the agent", "The agent was restarted", move |a| async move {
            if runs {
                return a.restart().await;
            }
            // What was last heard may be old: an agent that runs after all is restarted.
            match a.status().await {
                Ok(_) => a.restart().await,
                Err(_) => a.start().await,
            }
        });
    }

    fn sync_now(&mut self, which: Selection) {
        let agent = self.desk.agent.clone();
        let reply = self.desk.ask(async move {
            let woken = agent.sync_now(&which).await?;
            Ok::<_, AgentError>(format!(
                "{woken} user{} put first in the queue",
                if woken == 1 { "" } else { "s" }
            ))
        });
        self.jobs.push(Job { reply, restart: false });
        self.watcher.hurry();
    }

    fn open_workspace(&mut self, choice: WorkspaceChoice) {
        let Some(workspaces) = self.workspaces.clone() else { return };
        self.welcome.doing = choice.doing();
        self.welcome.opening.start(self.desk.ask(async move {
            let opened = workspaces.open(choice).await;
            opened.map_err(|why| Trouble::new("The workspace was not opened", why, ""))
        }));
    }

    fn connection_action(&mut self, id: WindowId, action: EditorAction) {
        let desk = self.desk.clone();
        let Some(Window::Connection(editor)) = self.window_mut(id) else { return };
        match action {
            EditorAction::Save => editor.save(&desk),
            EditorAction::RunTest => editor.run_test(&desk),
            EditorAction::CancelTest => editor.test.cancel(),
            EditorAction::ReadLists => editor.read_lists(&desk),
            EditorAction::TestAll => editor.test_all(&desk),
            EditorAction::CancelAll => editor.bulk.cancel(),
            EditorAction::Cancel => self.close(id),
        }
    }

    fn policy_action(&mut self, id: WindowId, action: PolicyAction) {
        if action == PolicyAction::Preview {
            self.preview_edited(id);
            return;
        }
        let desk = self.desk.clone();
        let system = match self.window_mut(id) {
            Some(Window::Policy(editor)) => editor.policy.as_ref().map(|p| p.mail.to_string()),
            _ => return,
        };
        let system = system.and_then(|mail| self.setup.system_of(&mail));
        let Some(Window::Policy(editor)) = self.window_mut(id) else { return };
        let policy = editor.policy.clone();
        match (action, &mut editor.browser, policy) {
            (PolicyAction::Save, ..) => editor.save(&desk),
            (PolicyAction::Cancel, ..) => self.close(id),
            (PolicyAction::Browse, ..) => editor.browse(system),
            (PolicyAction::Remove, ..) => editor.remove_selected(),
            (PolicyAction::CheckName, Some(browser), Some(policy)) => browser.check(&desk, &policy),
            (PolicyAction::EnterName, Some(browser), Some(policy)) => browser.enter(&desk, &policy),
            (PolicyAction::AddName, Some(browser), _) => browser.add(),
            (PolicyAction::RemoveName, Some(browser), _) => browser.remove(),
            (PolicyAction::Ok, Some(_), _) => editor.take_browsed(),
            (PolicyAction::CloseBrowser, ..) => editor.browser = None,
            _ => {}
        }
    }
}
