//! What the welcome page asks for.

use crate::Opened;
use crate::requested::Requested;
use std::path::PathBuf;

/// What the administrator wants to begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkspaceChoice {
    /// A sandbox company to try everything on.
    Demo,
    /// A new workspace in this folder.
    Create(PathBuf),
    /// The workspace in this folder.
    Open(PathBuf),
}

/// The page.
#[derive(Default)]
pub struct Welcome {
    /// The typed folder.
    pub folder: String,
    /// What is being opened.
    pub opening: Requested<Opened>,
    /// What is being done, in words.
    pub doing: String,
}

impl Welcome {
    /// The typed folder as a path; `~` is the home folder.
    pub fn path(&self, home: Option<PathBuf>) -> Option<PathBuf> {
        let typed = self.folder.trim();
        match (typed.strip_prefix("~/"), home) {
            _ if typed.is_empty() => None,
            (Some(rest), Some(home)) => Some(home.join(rest)),
            _ => Some(PathBuf::from(typed)),
        }
    }
}

impl WorkspaceChoice {
    /// What is being done, in words.
    pub fn doing(&self) -> String {
        match self {
            Self::Demo => "Starting the demo".into(),
            Self::Create(folder) => format!("Creating {}", folder.display()),
            Self::Open(folder) => format!("Opening {}", folder.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typed_folder_may_begin_at_home() {
        let page = |folder: &str| Welcome { folder: folder.into(), ..Welcome::default() };
        let home = || Some(PathBuf::from("/home/ann"));
        assert_eq!(page("  ").path(home()), None);
        assert_eq!(page("~/riva").path(home()), Some("/home/ann/riva".into()));
        assert_eq!(page(" /srv/riva ").path(home()), Some("/srv/riva".into()));
    }
}
