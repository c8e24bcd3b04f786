//! The application: what is open, what is under way, and the order in which things happen.
//!
//! `logic` takes in what the background has done, `ui` draws; what the administrator did in a frame is carried out
//! after it, in `logic`.

mod chrome;
mod commands;
mod decisions;
mod logic;
mod open;
mod past;
mod ui;

pub use chrome::{card, child_window, footer, heading, inset, menu_verb, pane_frame, tabs, tool, window};
pub use commands::{Situation, Verb};

use crate::desk::Desk;
use crate::monitor::activity::Activity;
use crate::monitor::explain::Explain;
use crate::monitor::model::Monitor;
use crate::monitor::undo::Undo;
use crate::monitor::watch::Watcher;
use crate::policies::editor::PolicyEditor;
use crate::policies::editor_ui::PolicyAction;
use crate::policies::licensing::Licensing;
use crate::policies::model::Policies;
use crate::policies::preview::PolicyPreview;
use crate::requested::Reply;
use crate::setup::editor::ConnectionEditor;
use crate::setup::editor_ui::EditorAction;
use crate::setup::model::Setup;
use crate::trouble::Trouble;
use crate::welcome::model::{Welcome, WorkspaceChoice};
use crate::widgets::dialog::Question;
use crate::widgets::notices::Notices;
use crate::widgets::palette::Palette;
use crate::{Office, Open, Workspaces, theme};
use riva_core::holds::Decision;
use riva_core::ids::{ConnectionName, MemberId, PairId, PolicyName};
use std::sync::Arc;

/// Names a window inside the main window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WindowId(pub u64);

/// What is done in a preview.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreviewAction {
    /// End it; what was seen stays.
    Cancel,
    /// Begin anew.
    Again,
    /// Save it as text where the path says.
    Save,
}

/// What is done in an undo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UndoAction {
    /// Show what would be restored.
    List,
    /// Choose again.
    Back,
    /// Do it, asking first.
    CarryOut,
    /// Close the window.
    Close,
}

/// What is done in a hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HoldAction {
    /// Decide, asking first where something is lost or overwritten.
    Decide(i64, Decision),
    /// Open the activity of whose it is.
    Activity(MemberId),
}

/// What the administrator did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A verb, on what is chosen.
    Do(Verb),
    /// A button of a connection's window.
    Connection(WindowId, EditorAction),
    /// A button of a policy's window.
    Policy(WindowId, PolicyAction),
    /// Sync the user of this activity window.
    SyncMember(WindowId),
    /// Something in a hold.
    Hold(HoldAction),
    /// Accept what a connection leads to now, asking how.
    Accept(ConnectionName),
    /// Tell the history of a member's item: its pair's id, an id on a side, or a part of its title.
    Explain(MemberId, String),
    /// Try again what failed: one pair, or all of the member.
    Retry(MemberId, Option<PairId>),
    /// Look for what is typed in this window.
    ExplainSearch(WindowId),
    /// A button of a preview.
    Preview(WindowId, PreviewAction),
    /// Take back what was written for a member.
    OpenUndo(MemberId),
    /// A button of an undo.
    Undo(WindowId, UndoAction),
    /// Close a window, asking first if something would be lost.
    Close(WindowId),
    /// A choice on the welcome page.
    Welcome(WorkspaceChoice),
    /// The open question is answered.
    Answer(bool),
}

/// The panes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pane {
    Setup,
    Policies,
    Monitor,
}

/// A window inside the main window.
enum Window {
    Connection(Box<ConnectionEditor>),
    Policy(Box<PolicyEditor>),
    Licensing(Box<Licensing>),
    Activity(Box<Activity>),
    Preview(Box<PolicyPreview>),
    Explain(Box<Explain>),
    Undo(Box<Undo>),
}

/// What a question is about.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Asked {
    DeleteConnection(ConnectionName),
    RemovePolicy(PolicyName),
    StopAgent,
    RestartAgent,
    CloseWindow(WindowId),
    Decide(i64, Decision),
    Accept(ConnectionName),
    Undo(WindowId),
}

/// What is being done to the agent.
struct AgentJob {
    doing: &'static str,
    done: &'static str,
    reply: Reply<Result<(), Trouble>>,
}

/// A change that is under way.
struct Job {
    reply: Reply<Result<String, Trouble>>,
    /// Whether the agent must be restarted for it.
    restart: bool,
}

/// Riva Manager, or the Service Monitor alone.
pub struct App {
    desk: Desk,
    what: Open,
    workspaces: Option<Arc<dyn Workspaces>>,
    pane: Pane,
    setup: Setup,
    policies: Policies,
    monitor: Monitor,
    watcher: Watcher,
    windows: Vec<(WindowId, Window)>,
    opened: u64,
    /// The window to bring to the front.
    raise: Option<WindowId>,
    notices: Notices,
    palette: Palette,
    help: bool,
    question: Option<(Question, Asked)>,
    agent_job: Option<AgentJob>,
    jobs: Vec<Job>,
    welcome: Welcome,
}

impl App {
    /// Builds it. No window is needed: tests draw it on a harness.
    pub fn new(ctx: &egui::Context, office: Office, what: Open) -> Self {
        theme::install(ctx);
        // Zooming is a verb of ours, with its own bounds.
        ctx.options_mut(|o| o.zoom_with_keyboard = false);
        let waker = ctx.clone();
        let desk = Desk {
            admin: office.admin,
            agent: office.agent,
            runtime: office.runtime,
            clock: office.clock,
            wake: Arc::new(move || waker.request_repaint()),
        };
        let mut app = Self {
            watcher: Watcher::start(&desk),
            desk,
            what,
            workspaces: office.workspaces,
            pane: if what == Open::Monitor { Pane::Monitor } else { Pane::Setup },
            setup: Setup::default(),
            policies: Policies::default(),
            monitor: Monitor::default(),
            windows: Vec::new(),
            opened: 0,
            raise: None,
            notices: Notices::default(),
            palette: Palette::default(),
            help: false,
            question: None,
            agent_job: None,
            jobs: Vec::new(),
            welcome: Welcome::default(),
        };
        app.refresh();
        app
    }
}

impl eframe::App for App {
    fn logic(&mut self, _ctx: &egui::Context, _frame: &mut eframe::Frame) {
        self.take_in();
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        let mut actions = self.shortcuts(ui.ctx());
        self.draw(ui, &mut actions);
        let ctx = ui.ctx().clone();
        for action in actions {
            self.carry_out(&ctx, action);
        }
    }
}
