//! Windows about the next cycle and about the past: preview, explain, undo. Nothing is drawn here.

use super::{App, Asked, PreviewAction, UndoAction, Window, WindowId};
use crate::monitor::explain::Explain;
use crate::monitor::model::AgentState;
use crate::monitor::undo::Undo;
use crate::policies::preview::PolicyPreview;
use crate::policies::preview_text::text;
use crate::requested::Requested;
use crate::trouble::Trouble;
use riva_core::ids::{MemberId, PolicyName};

impl App {
    /// Previews the chosen policy.
    pub(super) fn preview_policy(&mut self) {
        let Some(name) = self.policies.chosen().map(|p| p.name.clone()) else { return };
        self.open_preview(name, None);
    }

    /// Previews the policy of an editor; it is saved.
    pub(super) fn preview_edited(&mut self, id: WindowId) {
        let Some(Window::Policy(editor)) = self.window_mut(id) else { return };
        if editor.is_new() || editor.is_dirty() {
            return;
        }
        let name = PolicyName::from(editor.name.trim());
        self.open_preview(name, None);
    }

    /// Previews the next cycle of the chosen user.
    pub(super) fn preview_user(&mut self) {
        let Some(row) = self.monitor.chosen() else { return };
        let (policy, member) = (row.member.policy.clone(), row.member.id);
        self.open_preview(policy, Some(member));
    }

    fn open_preview(&mut self, policy: PolicyName, only: Option<MemberId>) {
        let same = |w: &Window| matches!(w, Window::Preview(p) if p.policy == policy && p.only == only);
        if let Some(id) = self.find(same) {
            self.raise = Some(id);
            return;
        }
        let mut preview = PolicyPreview::begin(&self.desk, policy, only);
        preview.note = self.stale(&preview.policy);
        self.open_window(Window::Preview(Box::new(preview)));
    }

    /// What must be known of a preview whose policy was changed after the agent has read it.
    fn stale(&self, policy: &PolicyName) -> Option<String> {
        let AgentState::Running(status) = &self.monitor.agent else { return None };
        let list = self.policies.list.value()?;
        let modified = list.iter().find(|p| p.name == *policy)?.modified.as_ref()?.at;
        (modified > status.started).then(|| {
            "The policy was changed after the agent was started: this is what the agent would do by the document that \
             it has. Restart the agent to preview the new one."
                .to_owned()
        })
    }

    pub(super) fn preview_action(&mut self, id: WindowId, action: PreviewAction) {
        let desk = self.desk.clone();
        let Some(Window::Preview(preview)) = self.window_mut(id) else { return };
        match action {
            PreviewAction::Cancel => preview.cancel(),
            PreviewAction::Again => {
                let (policy, only) = (preview.policy.clone(), preview.only);
                **preview = PolicyPreview::begin(&desk, policy.clone(), only);
                let note = self.stale(&policy);
                if let Some(Window::Preview(preview)) = self.window_mut(id) {
                    preview.note = note;
                }
            }
            PreviewAction::Save => {
                let Some(path) = preview.path.clone() else { return };
                let text = text(preview, desk.now());
                preview.saved = Requested::NotYet;
                preview.saved.start(desk.ask(async move {
                    match tokio::fs::write(&path, text).await {
                        Ok(()) => Ok(format!("Saved to {path}")),
                        Err(error) => {
                            let what = format!("{path}: {error}");
                            Err(Trouble::new(
                                "It was not saved",
                                what,
                                "Choose a folder that you may write to.",
                            ))
                        }
                    }
                }));
            }
        }
    }

    /// Opens the window that explains an item; asks at once if one is named.
    pub(super) fn explain(&mut self, member: Option<MemberId>, item: String) {
        let row = member.and_then(|id| self.monitor.member(id));
        let user = row.map(|row| (row.member.id, row.member.address.to_string()));
        let mut explain = Explain::of(user, item);
        explain.ask(&self.desk);
        let open = self.find(|w| matches!(w, Window::Explain(_)));
        match open {
            // One window tells one story at a time.
            Some(id) => {
                if let Some(Window::Explain(shown)) = self.window_mut(id) {
                    **shown = explain;
                }
                self.raise = Some(id);
            }
            None => self.open_window(Window::Explain(Box::new(explain))),
        }
    }

    pub(super) fn explain_search(&mut self, id: WindowId) {
        let desk = self.desk.clone();
        if let Some(Window::Explain(explain)) = self.window_mut(id) {
            explain.ask(&desk);
        }
    }

    /// Opens the undo of the chosen user.
    pub(super) fn open_undo(&mut self) {
        let Some(row) = self.monitor.chosen() else { return };
        let (member, undo) = (row.member.id, Undo::of(&self.desk, row));
        if let Some(id) = self.find(|w| matches!(w, Window::Undo(u) if u.member == member)) {
            self.raise = Some(id);
            return;
        }
        self.open_window(Window::Undo(Box::new(undo)));
    }

    pub(super) fn undo_action(&mut self, id: WindowId, action: UndoAction) {
        let desk = self.desk.clone();
        let Some(Window::Undo(undo)) = self.window_mut(id) else { return };
        match action {
            UndoAction::List => undo.list(&desk),
            UndoAction::Back => undo.back(),
            UndoAction::CarryOut => {
                let question = undo.question();
                self.question = Some((question, Asked::Undo(id)));
            }
            UndoAction::Close => self.close(id),
        }
    }

    pub(super) fn carry_out_undo(&mut self, id: WindowId) {
        let desk = self.desk.clone();
        if let Some(Window::Undo(undo)) = self.window_mut(id) {
            undo.carry_out(&desk);
            self.watcher.hurry();
        }
    }
}
