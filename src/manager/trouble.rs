//! What went wrong, as the screen shows it: a heading, what happened, what to do next, and a text to copy.

use crate::requested::Lost;
use riva_api::AgentError;
use riva_core::admin::{AdminError, Finding};
use riva_core::fault::Fault;

/// Something that went wrong. Plain data, never a secret.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trouble {
    /// The heading.
    pub title: String,
    /// What happened, to whom.
    pub detail: String,
    /// What to do next; may be empty.
    pub remedy: String,
    /// What is wrong with a document, key by key.
    pub findings: Vec<Finding>,
}

impl Trouble {
    /// A trouble with its three parts.
    pub fn new(title: impl Into<String>, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { title: title.into(), detail: detail.into(), remedy: remedy.into(), findings: Vec::new() }
    }

    /// What *Copy* puts on the clipboard.
    pub fn copy_text(&self) -> String {
        let findings = self.findings.iter().map(ToString::to_string);
        [self.title.clone(), self.detail.clone(), self.remedy.clone()]
            .into_iter()
            .chain(findings)
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// One line for a toast.
    pub fn line(&self) -> String {
        if self.detail.is_empty() { self.title.clone() } else { format!("{}: {}", self.title, self.detail) }
    }

    /// What is said of one key of the document (`address`, `options.database`).
    pub fn of_key(&self, key: &str) -> Option<String> {
        let found = self.findings.iter().find(|f| f.key.as_deref() == Some(key))?;
        Some(format!("{} {}", found.what, found.remedy).trim().to_owned())
    }
}

impl From<&Fault> for Trouble {
    fn from(fault: &Fault) -> Self {
        Self::new(fault.title(), fault.detail.clone(), fault.remedy.clone())
    }
}

impl From<AdminError> for Trouble {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::Findings(findings) => {
                let detail = match findings.as_slice() {
                    [one] => format!("{} {}", one.what, one.remedy).trim().to_owned(),
                    many => format!("{} things are wrong with the document. It was not saved.", many.len()),
                };
                Self { findings, ..Self::new("The document is not complete", detail, "") }
            }
            AdminError::Refused { what, remedy } => Self::new("Refused", what, remedy),
            AdminError::Fault(fault) => Self::from(&fault),
            AdminError::Secret(error) => Self::new("The secret store failed", error.what, error.remedy),
            other @ AdminError::NoSuch { .. } => Self::new("Not found", other.to_string(), ""),
            other @ AdminError::Io { .. } => Self::new("The disk failed", other.to_string(), ""),
        }
    }
}

impl From<AgentError> for Trouble {
    fn from(error: AgentError) -> Self {
        match error {
            AgentError::NotRunning => Self::new(
                "The Riva CRM Agent is not running",
                "Nothing is synced until it is started.",
                "Start it in the Service Monitor.",
            ),
            AgentError::Refused(why) => Self::new("The Riva CRM Agent refused", why, ""),
            AgentError::Unreachable(why) => Self::new(
                "The Riva CRM Agent does not answer",
                why,
                "Restart it in the Service Monitor; its log is in the workspace under state/.",
            ),
        }
    }
}

impl From<Lost> for Trouble {
    fn from(Lost: Lost) -> Self {
        Self::new(
            "No answer",
            "The work behind this ended without a result.",
            "Try again. If it happens again, copy this message and report it.",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use riva_core::fault::FaultKind;

    #[test]
    fn a_fault_can_be_copied_whole() {
        let fault = Fault::new(FaultKind::GivenCredentials, "401 for riva-sync").remedy("Set the new one.");
        let text = Trouble::from(&fault).copy_text();
        assert_eq!(
            text,
            "Cannot Connect to the Target System with Given Credentials\n401 for riva-sync\nSet the new one."
        );
    }

    #[test]
    fn findings_are_found_by_key() {
        let finding = |key: &str| Finding {
            file: "connections/x.toml".into(),
            line: Some(3),
            key: Some(key.into()),
            what: "is missing.".into(),
            remedy: "Add it.".into(),
        };
        let trouble = Trouble::from(AdminError::Findings(vec![finding("address"), finding("account")]));
        assert_eq!(trouble.of_key("account").as_deref(), Some("is missing. Add it."));
        assert_eq!(trouble.of_key("system"), None);
        assert!(trouble.copy_text().contains("connections/x.toml:3: address"));
    }
}
