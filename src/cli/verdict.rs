//! How a command ends: fine (0), failed (1), wrongly used (2).

use riva_api::AgentError;
use riva_core::admin::{AdminError, Finding};
use riva_core::fault::Fault;
use riva_core::ports::SecretError;
use serde_json::json;
use std::process::ExitCode;

/// How a command ended that could do its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Everything is well.
    Fine,
    /// It was done, and the answer is no: a test failed, a document is broken.
    Failed,
}

impl Verdict {
    /// Fine if so.
    pub fn fine_if(yes: bool) -> Self {
        if yes { Self::Fine } else { Self::Failed }
    }
}

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The desk refused.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// The agent did not answer.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// The secret store failed.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// Arguments that do not fit together.
    #[error("{0}")]
    Usage(String),
    /// Anything else, in words that say what to do.
    #[error("{0}")]
    Other(String),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Admin(fault.into())
    }
}

impl Failure {
    /// Says so: a text on the error stream, or JSON where JSON was asked for.
    pub fn tell(&self, json: bool) {
        if json {
            super::output::json(&self.as_json());
            return;
        }
        match self {
            Self::Admin(AdminError::Fault(fault)) => {
                eprintln!("riva: {}\n      {}\n      {}", fault.title(), fault.detail, fault.remedy);
            }
            other => eprintln!("riva: {other}"),
        }
    }

    fn as_json(&self) -> serde_json::Value {
        match self {
            Self::Admin(AdminError::Findings(findings)) => {
                json!({ "error": self.to_string(), "findings": findings as &Vec<Finding> })
            }
            Self::Admin(AdminError::Fault(fault)) => json!({ "error": self.to_string(), "fault": fault }),
            other => json!({ "error": other.to_string() }),
        }
    }

    /// 2 for wrong usage, else 1.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(if matches!(self, Self::Usage(_)) { 2 } else { 1 })
    }
}
