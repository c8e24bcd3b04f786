//! Riva Manager and the Riva Service Monitor: the screens of the administrator.
//!
//! Each pane is a view model (plain data, tested without a window) and a file that draws it. What the administrator
//! does becomes an `Action`; work runs on the tokio runtime and answers over a channel, so that the screen's thread
//! never waits. Documents are reached through [`Admin`], the agent through [`Agent`]; no connector is known here.

mod accept;
mod age;
mod app;
mod desk;
mod holds;
mod monitor;
mod policies;
mod requested;
mod setup;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod theme;
mod trouble;
mod welcome;
mod widgets;
pub mod words;

pub use app::App;
pub use holds::compare::{Column as ComparedItem, Comparison, Row as ComparedField};
pub use welcome::model::WorkspaceChoice;

use async_trait::async_trait;
use riva_api::Agent;
use riva_core::admin::Admin;
use riva_core::ports::Clock;
use std::sync::Arc;
use tokio::runtime::Handle;

/// Everything that the Manager works with.
#[derive(Clone)]
pub struct Office {
    /// The documents of the open workspace; `None` shows the welcome page.
    pub admin: Option<Admin>,
    /// The workspace's agent.
    pub agent: Arc<dyn Agent>,
    /// Opens workspaces from the welcome page; `None` if that cannot be done here.
    pub workspaces: Option<Arc<dyn Workspaces>>,
    /// Where the work runs.
    pub runtime: Handle,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Opens workspaces: what the welcome page needs of the program around it.
#[async_trait]
pub trait Workspaces: Send + Sync {
    /// Opens, creates, or starts the demo. The error is one or two plain sentences.
    async fn open(&self, choice: WorkspaceChoice) -> Result<Opened, String>;
}

/// An open workspace.
#[derive(Clone)]
pub struct Opened {
    /// Its documents.
    pub admin: Admin,
    /// Its agent.
    pub agent: Arc<dyn Agent>,
}

/// What is to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// Riva Manager, with all panes.
    Manager,
    /// The Service Monitor alone.
    Monitor,
}

/// Why no window could be opened. One sentence each, with what to do.
#[derive(Debug, thiserror::Error)]
pub enum ManagerError {
    /// Neither X11 nor Wayland.
    #[error(
        "there is no display here (neither DISPLAY nor WAYLAND_DISPLAY is set); use the `riva` command, which does \
         the same in a terminal"
    )]
    NoDisplay,
    /// No OpenGL.
    #[error(
        "no OpenGL for a window ({reason}); install libgl1 and libgl1-mesa-dri, or use the `riva` command, which does \
         the same in a terminal"
    )]
    NoGraphics {
        /// In the driver's words.
        reason: String,
    },
    /// The window system refuses.
    #[error(
        "the window system gives no window ({reason}); check DISPLAY, and that libxcursor1, libxi6 and \
         libxkbcommon-x11-0 are installed, or use the `riva` command"
    )]
    NoWindow {
        /// In its words.
        reason: String,
    },
}

/// Opens the window and stays until it is closed. Must be called on the program's first thread.
pub fn run(office: Office, what: Open) -> Result<(), ManagerError> {
    if cfg!(target_os = "linux") && !has_display(|name| std::env::var_os(name).is_some_and(|v| !v.is_empty()))
    {
        return Err(ManagerError::NoDisplay);
    }
    let title = match what {
        Open::Manager => "Riva Manager",
        Open::Monitor => "Riva Service Monitor",
    };
    let viewport = egui::ViewportBuilder::default()
        .with_title(title)
        .with_app_id(if what == Open::Manager { "riva-manager" } else { "riva-monitor" })
        .with_inner_size([1240.0, 780.0])
        .with_min_inner_size([640.0, 420.0]);
    let options = eframe::NativeOptions {
        viewport,
        renderer: eframe::Renderer::Glow,
        ..eframe::NativeOptions::default()
    };
    eframe::run_native(title, options, Box::new(move |cc| Ok(Box::new(App::new(&cc.egui_ctx, office, what)))))
        .map_err(|error| why(&error))
}

fn has_display(is_set: impl Fn(&str) -> bool) -> bool {
    is_set("WAYLAND_DISPLAY") || is_set("WAYLAND_SOCKET") || is_set("DISPLAY")
}

fn why(error: &eframe::Error) -> ManagerError {
    let reason = error.to_string().replace('\n', " ");
    match error {
        eframe::Error::Winit(_) | eframe::Error::WinitEventLoop(_) => ManagerError::NoWindow { reason },
        _ => ManagerError::NoGraphics { reason },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_display_one_plain_sentence_is_given() {
        assert!(!has_display(|_| false));
        assert!(has_display(|name| name == "DISPLAY"));
        let text = ManagerError::NoDisplay.to_string();
        assert!(text.contains("no display") && text.contains("`riva` command") && !text.contains('\n'));
    }
}
