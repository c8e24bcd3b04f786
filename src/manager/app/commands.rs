//! Every verb once: menus, context menus, the palette, shortcuts and the help all come from this list.

use egui::{Key, KeyboardShortcut, Modifiers};
use lucide_icons::Icon;
use riva_core::documents::SystemKind;
use riva_core::holds::Choice;

/// Something the administrator can do, on what is chosen now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// The connections.
    ShowSetup,
    /// The policies.
    ShowPolicies,
    /// The sync queue.
    ShowMonitor,
    /// What waits for an administrator.
    ShowHolds,
    /// Read everything anew.
    Refresh,
    /// The command palette.
    Palette,
    /// The list of messages.
    Messages,
    /// The list of shortcuts.
    Help,
    /// Larger.
    ZoomIn,
    /// Smaller.
    ZoomOut,
    /// Size 100 %.
    ZoomReset,
    /// Light colours.
    ThemeLight,
    /// Dark colours.
    ThemeDark,
    /// Colours as the system has them.
    ThemeSystem,
    /// A new connection.
    NewConnection(SystemKind),
    /// The chosen connection's window.
    EditConnection,
    /// The same at its test page.
    TestConnection,
    /// Deletes the chosen connection.
    DeleteConnection,
    /// Accepts what a connection leads to now: the chosen one, the chosen user's, or the only one that waits.
    AcceptDatabase,
    /// A new policy.
    NewPolicy,
    /// The chosen policy's window.
    EditPolicy,
    /// Enables the chosen policy.
    EnablePolicy,
    /// Disables the chosen policy.
    DisablePolicy,
    /// Copies the chosen policy.
    DuplicatePolicy,
    /// Removes the chosen policy.
    RemovePolicy,
    /// Licence counts of the chosen policy.
    LicensingDetails,
    /// Starts the agent.
    StartAgent,
    /// Stops the agent.
    StopAgent,
    /// Restarts the agent.
    RestartAgent,
    /// Syncs the chosen user now.
    SyncNow,
    /// Syncs everybody now.
    SyncAllNow,
    /// The chosen user's activity.
    MonitorActivity,
    /// What waits of the chosen user.
    ReviewHolds,
    /// Decides about the chosen hold.
    Decide(Choice),
    /// What the next cycle of the chosen policy's users would do.
    PreviewPolicy,
    /// What the next cycle of the chosen user would do.
    PreviewUser,
    /// Takes back what was written for the chosen user.
    UndoUser,
    /// Tries again what failed of the chosen user.
    RetryFailed,
    /// Tells an item's history.
    ExplainItem,
}

/// What a verb needs in order to be possible.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each asked for by name")]
pub struct Situation {
    /// A workspace is open.
    pub workspace: bool,
    /// Only the Service Monitor is shown.
    pub monitor_only: bool,
    /// A connection is chosen.
    pub connection: bool,
    /// A policy is chosen.
    pub policy: bool,
    /// The chosen policy is enabled.
    pub policy_enabled: bool,
    /// A user is chosen in the queue.
    pub member: bool,
    /// What can be decided about the chosen hold.
    pub choices: &'static [Choice],
    /// The chosen hold names exactly one item that it may be the same as.
    pub one_candidate: bool,
    /// A connection leads elsewhere than before.
    pub unaccepted: bool,
    /// It is plain which one is meant.
    pub to_accept: bool,
    /// The agent runs.
    pub agent: bool,
    /// The agent is being started, stopped or restarted.
    pub agent_busy: bool,
}

impl Verb {
    /// All of them, in the order of the help.
    pub const ALL: [Self; 50] = [
        Self::ShowSetup,
        Self::ShowPolicies,
        Self::ShowMonitor,
        Self::ShowHolds,
        Self::NewConnection(SystemKind::ExchangeEws),
        Self::NewConnection(SystemKind::Caldav),
        Self::NewConnection(SystemKind::Salesforce),
        Self::NewConnection(SystemKind::Odoo),
        Self::EditConnection,
        Self::TestConnection,
        Self::DeleteConnection,
        Self::AcceptDatabase,
        Self::NewPolicy,
        Self::EditPolicy,
        Self::EnablePolicy,
        Self::DisablePolicy,
        Self::DuplicatePolicy,
        Self::RemovePolicy,
        Self::LicensingDetails,
        Self::PreviewPolicy,
        Self::MonitorActivity,
        Self::ReviewHolds,
        Self::Decide(Choice::Approve),
        Self::Decide(Choice::Refuse),
        Self::Decide(Choice::Link),
        Self::Decide(Choice::Create),
        Self::Decide(Choice::Ignore),
        Self::Decide(Choice::TakeMail),
        Self::Decide(Choice::TakeCrm),
        Self::Decide(Choice::Keep),
        Self::Decide(Choice::LetGo),
        Self::PreviewUser,
        Self::ExplainItem,
        Self::UndoUser,
        Self::RetryFailed,
        Self::SyncNow,
        Self::SyncAllNow,
        Self::StartAgent,
        Self::StopAgent,
        Self::RestartAgent,
        Self::Refresh,
        Self::Palette,
        Self::Messages,
        Self::Help,
        Self::ThemeLight,
        Self::ThemeDark,
        Self::ThemeSystem,
        Self::ZoomIn,
        Self::ZoomOut,
        Self::ZoomReset,
    ];

    /// In the palette and the help: says what it is done to.
    pub fn title(self) -> &'static str {
        match self {
            Self::ShowSetup => "Go to Setup",
            Self::ShowPolicies => "Go to Policies",
            Self::ShowMonitor => "Go to Service Monitor",
            Self::ShowHolds => "Go to what waits for you",
            Self::Refresh => "Refresh",
            Self::Palette => "Command palette",
            Self::Messages => "Messages",
            Self::Help => "Keyboard shortcuts",
            Self::ZoomIn => "Zoom in",
            Self::ZoomOut => "Zoom out",
            Self::ZoomReset => "Zoom to 100 %",
            Self::ThemeLight => "Light theme",
            Self::ThemeDark => "Dark theme",
            Self::ThemeSystem => "Theme as the system has it",
            Self::NewConnection(SystemKind::ExchangeEws) => "New Exchange connection…",
            Self::NewConnection(SystemKind::Caldav) => "New CalDAV connection…",
            Self::NewConnection(SystemKind::Salesforce) => "New Salesforce connection…",
            Self::NewConnection(SystemKind::Odoo) => "New Odoo connection…",
            Self::EditConnection => "Edit connection…",
            Self::TestConnection => "Test connection…",
            Self::DeleteConnection => "Delete connection…",
            Self::AcceptDatabase => "Accept what a connection leads to now…",
            Self::NewPolicy => "New policy…",
            Self::EditPolicy => "Edit policy…",
            Self::EnablePolicy => "Enable policy",
            Self::DisablePolicy => "Disable policy",
            Self::DuplicatePolicy => "Duplicate policy",
            Self::RemovePolicy => "Remove policy…",
            Self::LicensingDetails => "Licensing details of policy",
            Self::StartAgent => "Start agent",
            Self::StopAgent => "Stop agent…",
            Self::RestartAgent => "Restart agent",
            Self::SyncNow => "Sync user now",
            Self::SyncAllNow => "Sync all users now",
            Self::MonitorActivity => "Monitor Activity of user",
            Self::ReviewHolds => "Review what waits of user",
            Self::Decide(Choice::Approve) => "Held deletions: approve…",
            Self::Decide(Choice::Refuse) => "Held deletions: refuse…",
            Self::Decide(Choice::Link) => "Possible duplicate: link…",
            Self::Decide(Choice::Create) => "Hold: create",
            Self::Decide(Choice::Ignore) => "Hold: ignore",
            Self::Decide(Choice::TakeMail) => "Conflict: take mailbox…",
            Self::Decide(Choice::TakeCrm) => "Conflict: take CRM…",
            Self::Decide(Choice::Keep) => "Deleted but edited: keep",
            Self::Decide(Choice::LetGo) => "Deleted but edited: let go…",
            Self::PreviewPolicy => "Preview policy…",
            Self::PreviewUser => "Preview next cycle of user…",
            Self::UndoUser => "Undo what was written for user…",
            Self::RetryFailed => "Retry what failed of user",
            Self::ExplainItem => "Explain item…",
        }
    }

    /// In a context menu or a tool bar, where it is plain what it is done to: Riva's own words.
    pub fn label(self) -> &'static str {
        match self {
            Self::EditConnection | Self::EditPolicy => "Edit",
            Self::TestConnection => "Test Connection",
            Self::DeleteConnection => "Delete",
            Self::AcceptDatabase => "Accept…",
            Self::NewPolicy => "New policy",
            Self::EnablePolicy => "Enable",
            Self::DisablePolicy => "Disable",
            Self::DuplicatePolicy => "Duplicate",
            Self::RemovePolicy => "Remove",
            Self::LicensingDetails => "Licensing Details",
            Self::StartAgent => "Start",
            Self::StopAgent => "Stop",
            Self::RestartAgent => "Restart",
            Self::SyncNow => "Sync now",
            Self::SyncAllNow => "Sync all now",
            Self::MonitorActivity => "Monitor Activity",
            Self::ReviewHolds => "Review what waits",
            Self::PreviewPolicy | Self::PreviewUser => "Preview…",
            Self::UndoUser => "Undo…",
            Self::RetryFailed => "Retry what failed",
            Self::ExplainItem => "Explain item…",
            other => other.title(),
        }
    }

    /// Its icon.
    pub fn symbol(self) -> Icon {
        match self {
            Self::ShowSetup => Icon::Settings2,
            Self::ShowPolicies => Icon::ListChecks,
            Self::ShowMonitor | Self::MonitorActivity => Icon::Activity,
            Self::ShowHolds | Self::ReviewHolds => Icon::Inbox,
            Self::Decide(Choice::Refuse | Choice::Keep) => Icon::ShieldCheck,
            Self::Decide(Choice::Link) => Icon::Link,
            Self::Decide(Choice::TakeMail) => Icon::Mail,
            Self::Decide(Choice::TakeCrm) => Icon::Cloud,
            Self::PreviewPolicy | Self::PreviewUser => Icon::FileSearch,
            Self::UndoUser => Icon::Undo2,
            Self::RetryFailed => Icon::RotateCcw,
            Self::ExplainItem => Icon::History,
            Self::Palette => Icon::Search,
            Self::Messages => Icon::Bell,
            Self::Help => Icon::Keyboard,
            Self::ZoomIn | Self::ZoomOut | Self::ZoomReset => Icon::Eye,
            Self::ThemeLight => Icon::Sun,
            Self::ThemeDark => Icon::Moon,
            Self::ThemeSystem => Icon::SunMoon,
            Self::NewConnection(_) | Self::NewPolicy | Self::Decide(Choice::Create) => Icon::Plus,
            Self::EditConnection | Self::EditPolicy => Icon::Pencil,
            Self::TestConnection => Icon::PlugZap,
            Self::DeleteConnection | Self::RemovePolicy | Self::Decide(Choice::Approve | Choice::LetGo) => {
                Icon::Trash2
            }
            Self::AcceptDatabase => Icon::CircleCheck,
            Self::EnablePolicy | Self::StartAgent => Icon::Play,
            Self::DisablePolicy | Self::Decide(Choice::Ignore) => Icon::Ban,
            Self::DuplicatePolicy => Icon::Copy,
            Self::LicensingDetails => Icon::IdCard,
            Self::StopAgent => Icon::Square,
            Self::RestartAgent => Icon::RotateCw,
            Self::Refresh | Self::SyncNow | Self::SyncAllNow => Icon::RefreshCw,
        }
    }

    /// Its shortcut.
    pub fn shortcut(self) -> Option<KeyboardShortcut> {
        let ctrl = Modifiers::COMMAND;
        let ctrl_shift = Modifiers::COMMAND.plus(Modifiers::SHIFT);
        let (modifiers, key) = match self {
            Self::ShowSetup => (ctrl, Key::Num1),
            Self::ShowPolicies => (ctrl, Key::Num2),
            Self::ShowMonitor => (ctrl, Key::Num3),
            Self::ShowHolds => (ctrl, Key::Num4),
            Self::ReviewHolds => (ctrl, Key::J),
            Self::PreviewPolicy => (ctrl_shift, Key::P),
            Self::ExplainItem => (ctrl, Key::E),
            Self::UndoUser => (ctrl_shift, Key::U),
            Self::Refresh => (Modifiers::NONE, Key::F5),
            Self::Palette => (ctrl, Key::P),
            Self::Messages => (ctrl, Key::M),
            Self::Help => (Modifiers::NONE, Key::F1),
            Self::ZoomIn => (ctrl, Key::Plus),
            Self::ZoomOut => (ctrl, Key::Minus),
            Self::ZoomReset => (ctrl, Key::Num0),
            Self::TestConnection => (ctrl, Key::T),
            Self::NewPolicy => (ctrl, Key::N),
            Self::LicensingDetails => (ctrl, Key::L),
            Self::RestartAgent => (ctrl_shift, Key::R),
            Self::SyncNow => (ctrl, Key::R),
            Self::SyncAllNow => (ctrl_shift, Key::S),
            Self::MonitorActivity => (ctrl, Key::O),
            _ => return None,
        };
        Some(KeyboardShortcut::new(modifiers, key))
    }

    /// Why it cannot be done now; `None` if it can.
    pub fn obstacle(self, s: Situation) -> Option<&'static str> {
        let workspace = (!s.workspace).then_some("no workspace is open");
        let manager = workspace.or(s.monitor_only.then_some("open Riva Manager for this"));
        let busy = s.agent_busy.then_some("the agent is busy");
        let agent = workspace.or(busy).or((!s.agent).then_some("the agent is not running"));
        match self {
            Self::ShowSetup | Self::ShowPolicies | Self::NewConnection(_) | Self::NewPolicy => manager,
            Self::ShowMonitor | Self::ShowHolds | Self::Refresh => workspace,
            Self::EditConnection | Self::TestConnection | Self::DeleteConnection => {
                manager.or((!s.connection).then_some("choose a connection first"))
            }
            Self::EditPolicy | Self::DuplicatePolicy | Self::LicensingDetails => {
                manager.or((!s.policy).then_some("choose a policy first"))
            }
            Self::RemovePolicy => manager
                .or((!s.policy).then_some("choose a policy first"))
                .or(s.policy_enabled.then_some("disable it first")),
            Self::EnablePolicy => manager
                .or((!s.policy).then_some("choose a policy first"))
                .or(s.policy_enabled.then_some("it is enabled")),
            Self::DisablePolicy => manager
                .or((!s.policy).then_some("choose a policy first"))
                .or((!s.policy_enabled).then_some("it is disabled")),
            Self::StartAgent => workspace.or(busy).or(s.agent.then_some("the agent is running")),
            Self::StopAgent | Self::RestartAgent | Self::SyncAllNow | Self::ExplainItem => agent,
            Self::SyncNow | Self::PreviewUser | Self::UndoUser | Self::RetryFailed | Self::ReviewHolds => {
                agent.or((!s.member).then_some("choose a user first"))
            }
            Self::PreviewPolicy => manager.or((!s.policy).then_some("choose a policy first")).or(agent),
            Self::Decide(choice) => agent.or(undecidable(choice, s)),
            Self::AcceptDatabase => agent
                .or((!s.unaccepted).then_some("every connection leads where it did before"))
                .or((!s.to_accept).then_some("choose the connection, or one of its users, first")),
            Self::MonitorActivity => workspace.or((!s.member).then_some("choose a user first")),
            _ => None,
        }
    }
}

/// Why a choice does not fit the chosen hold.
fn undecidable(choice: Choice, s: Situation) -> Option<&'static str> {
    if s.choices.is_empty() {
        return Some("choose a hold that waits first");
    }
    if !s.choices.contains(&choice) {
        return Some("the chosen hold is of another kind");
    }
    (choice == Choice::Link && !s.one_candidate).then_some("choose the candidate in the hold")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeSet, HashMap};

    #[test]
    fn no_two_verbs_share_a_shortcut() {
        let mut taken: HashMap<KeyboardShortcut, Verb> = HashMap::new();
        for verb in Verb::ALL {
            if let Some(shortcut) = verb.shortcut()
                && let Some(other) = taken.insert(shortcut, verb)
            {
                panic!("{verb:?} and {other:?} share {shortcut:?}");
            }
        }
        // What text fields and egui itself use.
        for key in [Key::C, Key::V, Key::X, Key::A, Key::Z, Key::Y] {
            assert!(!taken.contains_key(&KeyboardShortcut::new(Modifiers::COMMAND, key)), "{key:?}");
        }
    }

    #[test]
    fn every_verb_is_listed_once_under_its_own_title() {
        use riva_core::holds::HoldKind as K;
        let titles: BTreeSet<_> = Verb::ALL.iter().map(|v| v.title()).collect();
        assert_eq!(titles.len(), Verb::ALL.len());
        for kind in SystemKind::ALL {
            assert!(Verb::ALL.contains(&Verb::NewConnection(kind)));
        }
        for kind in [K::DeleteSafety, K::PossibleDuplicate, K::Conflict, K::DeletedButEdited, K::WouldNotify]
        {
            assert!(kind.choices().iter().all(|choice| Verb::ALL.contains(&Verb::Decide(*choice))));
        }
    }

    #[test]
    fn what_cannot_be_done_says_why() {
        let nothing = Situation::default();
        for verb in Verb::ALL {
            if let Some(why) = verb.obstacle(nothing) {
                assert!(!why.is_empty(), "{verb:?}");
            }
        }
        let policy = Situation { workspace: true, policy: true, policy_enabled: true, ..nothing };
        assert_eq!(Verb::EnablePolicy.obstacle(policy), Some("it is enabled"));
        assert_eq!(Verb::DisablePolicy.obstacle(policy), None);
        let agent = Situation { workspace: true, agent: true, ..nothing };
        assert_eq!(Verb::StartAgent.obstacle(agent), Some("the agent is running"));
        assert_eq!(Verb::StopAgent.obstacle(agent), None);
        assert_eq!(Verb::SyncNow.obstacle(agent), Some("choose a user first"));
        assert!(Verb::Decide(Choice::Approve).obstacle(agent).is_some());
        let held = Situation { choices: &[Choice::Link, Choice::Create], ..agent };
        assert_eq!(Verb::Decide(Choice::Create).obstacle(held), None);
        assert!(Verb::Decide(Choice::Approve).obstacle(held).is_some());
        assert_eq!(Verb::Decide(Choice::Link).obstacle(held), Some("choose the candidate in the hold"));
        assert_eq!(Verb::Decide(Choice::Link).obstacle(Situation { one_candidate: true, ..held }), None);
        let verb = Verb::AcceptDatabase;
        assert_eq!(verb.obstacle(agent), Some("every connection leads where it did before"));
        let unaccepted = Situation { unaccepted: true, monitor_only: true, ..agent };
        assert_eq!(verb.obstacle(unaccepted), Some("choose the connection, or one of its users, first"));
        assert_eq!(verb.obstacle(Situation { to_accept: true, ..unaccepted }), None);
        let monitor = Situation { monitor_only: true, ..policy };
        assert!(Verb::EditPolicy.obstacle(monitor).is_some());
    }
}
