//! Opening, finding and closing the windows inside the main window.

use super::{App, Asked, Window, WindowId};
use crate::monitor::activity::Activity;
use crate::policies::editor::PolicyEditor;
use crate::policies::licensing::Licensing;
use crate::requested::Requested;
use crate::setup::editor::{ConnectionEditor, Tab};
use crate::widgets::dialog::Question;
use riva_core::documents::SystemKind;
use riva_core::ids::MemberId;

impl App {
    pub(super) fn open_window(&mut self, window: Window) {
        self.opened += 1;
        let id = WindowId(self.opened);
        self.windows.push((id, window));
        self.raise = Some(id);
    }

    pub(super) fn find(&self, is: impl Fn(&Window) -> bool) -> Option<WindowId> {
        self.windows.iter().find(|(_, w)| is(w)).map(|(id, _)| *id)
    }

    pub(super) fn window_mut(&mut self, id: WindowId) -> Option<&mut Window> {
        self.windows.iter_mut().find(|(each, _)| *each == id).map(|(_, w)| w)
    }

    pub(super) fn open_connection(&mut self, tab: Tab) {
        let Some(chosen) = self.setup.chosen() else { return };
        let (name, system, used_by) = (chosen.name.clone(), chosen.system, chosen.used_by.clone());
        let same = |w: &Window| matches!(w, Window::Connection(e) if e.name.as_ref() == Some(&name));
        if let Some(id) = self.find(same) {
            self.raise = Some(id);
            if let Some(Window::Connection(editor)) = self.window_mut(id)
                && tab == Tab::Test
            {
                editor.tab = tab;
            }
            return;
        }
        let mut editor = ConnectionEditor::open(&self.desk, &name, system, used_by);
        editor.tab = tab;
        self.open_window(Window::Connection(Box::new(editor)));
    }

    pub(super) fn new_connection(&mut self, system: SystemKind) {
        self.open_window(Window::Connection(Box::new(ConnectionEditor::create(system))));
    }

    pub(super) fn open_policy(&mut self) {
        let Some(name) = self.policies.chosen().map(|p| p.name.clone()) else { return };
        let same = |w: &Window| matches!(w, Window::Policy(e) if !e.is_new() && e.name == name.as_str());
        if let Some(id) = self.find(same) {
            self.raise = Some(id);
            return;
        }
        let editor = PolicyEditor::open(&self.desk, &name);
        self.open_window(Window::Policy(Box::new(editor)));
    }

    pub(super) fn new_policy(&mut self) {
        // Where there is only one connection there is nothing to choose.
        let only = |names: Vec<String>| match names.as_slice() {
            [one] => one.clone(),
            _ => String::new(),
        };
        let editor = PolicyEditor::create(&only(self.setup.names(true)), &only(self.setup.names(false)));
        self.open_window(Window::Policy(Box::new(editor)));
    }

    pub(super) fn open_licensing(&mut self) {
        let Some(policy) = self.policies.chosen().map(|p| p.name.clone()) else { return };
        if let Some(id) = self.find(|w| matches!(w, Window::Licensing(l) if l.policy == policy)) {
            self.windows.retain(|(each, _)| *each != id);
        }
        let mut details = Requested::NotYet;
        let asked = policy.clone();
        details.start(self.desk.disk(move |admin| admin.licensing_details(&asked)));
        let search = String::new();
        self.open_window(Window::Licensing(Box::new(Licensing { policy, details, search })));
    }

    pub(super) fn open_activity(&mut self) {
        let Some(row) = self.monitor.chosen() else { return };
        let (member, activity): (MemberId, _) = (row.member.id, Activity::of(row));
        if let Some(id) = self.find(|w| matches!(w, Window::Activity(a) if a.member == member)) {
            self.raise = Some(id);
            return;
        }
        self.open_window(Window::Activity(Box::new(activity)));
    }

    /// Closes a window; asks first if something would be lost.
    pub(super) fn close(&mut self, id: WindowId) {
        let dirty = match self.window_mut(id) {
            Some(Window::Connection(e)) if e.is_dirty() => Some(e.title()),
            Some(Window::Policy(e)) if e.is_dirty() => Some(e.title()),
            _ => None,
        };
        let Some(title) = dirty else {
            self.windows.retain(|(each, _)| *each != id);
            return;
        };
        let question = Question {
            title: "Close without saving?".into(),
            text: format!("What you changed in \u{201c}{title}\u{201d} will be lost."),
            choices: None,
            yes: "Discard changes",
            no: "Keep editing",
            danger: true,
            busy: None,
        };
        self.question = Some((question, Asked::CloseWindow(id)));
    }
}
