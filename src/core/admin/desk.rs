//! The desk's calls.

use super::{
    Admin, AdminError, Candidate, ChangeEntry, ConnectionSummary, DocumentKind, Finding, PolicySummary,
    Revision, TestReport,
};
use crate::documents::{Connection, Policy, Settings};
use crate::ids::{ConnectionName, PolicyName};
use crate::license::{LicenseFile, LicensingDetails};
use crate::ports::{Clock, CrmUser, SecretKind, SecretStore, StepSink, Systems};
use secrecy::SecretString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn later<T>() -> Result<T, AdminError> {
    Err(AdminError::Refused { what: "This is being built.".into(), remedy: String::new() })
}

#[allow(unused_variables, clippy::unused_async, clippy::unused_self)]
impl Admin {
    /// A desk in a workspace that exists already ([`Admin::create_workspace`] makes one).
    pub fn new(
        workspace: impl Into<PathBuf>,
        systems: Arc<dyn Systems>,
        secrets: Arc<dyn SecretStore>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { workspace: workspace.into(), systems, secrets, clock, who: String::new() }
    }

    /// The workspace's folder.
    pub fn workspace(&self) -> &Path {
        &self.workspace
    }

    /// `riva.toml`.
    pub fn settings(&self) -> Result<Settings, AdminError> {
        later()
    }

    /// Makes the folders and a commented `riva.toml`; refuses a folder that has other things in it.
    pub fn create_workspace(folder: &Path) -> Result<(), AdminError> {
        later()
    }

    /// Every document, checked as a whole.
    pub fn check(&self) -> Result<Vec<Finding>, AdminError> {
        later()
    }

    /// The connections, sorted by name.
    pub fn connections(&self) -> Result<Vec<ConnectionSummary>, AdminError> {
        later()
    }

    /// One connection.
    pub fn connection(&self, name: &ConnectionName) -> Result<Connection, AdminError> {
        later()
    }

    /// Adds a connection, or saves its changes.
    pub fn save_connection(&self, connection: &Connection, entry: &ChangeEntry) -> Result<(), AdminError> {
        later()
    }

    /// Deletes a connection; refused if a policy uses it, or one has ever synced with it.
    pub fn delete_connection(&self, name: &ConnectionName, entry: &ChangeEntry) -> Result<(), AdminError> {
        later()
    }

    /// Keeps a secret of a connection.
    pub fn set_secret(
        &self,
        name: &ConnectionName,
        kind: SecretKind,
        secret: &SecretString,
    ) -> Result<(), AdminError> {
        later()
    }

    /// Tests a connection, for a target user if one is given. A failed test is an `Ok` report with its fault.
    pub async fn test_connection(
        &self,
        name: &ConnectionName,
        target: Option<&str>,
        steps: &dyn StepSink,
    ) -> Result<TestReport, AdminError> {
        later()
    }

    /// The revisions of a document, oldest first.
    pub fn history(&self, kind: DocumentKind, name: &str) -> Result<Vec<Revision>, AdminError> {
        later()
    }

    /// Makes an old revision of a document the one in force again (which is a new revision).
    pub fn restore(
        &self,
        kind: DocumentKind,
        name: &str,
        number: u32,
        entry: &ChangeEntry,
    ) -> Result<(), AdminError> {
        later()
    }

    /// The policies, sorted by name.
    pub fn policies(&self) -> Result<Vec<PolicySummary>, AdminError> {
        later()
    }

    /// One policy.
    pub fn policy(&self, name: &PolicyName) -> Result<Policy, AdminError> {
        later()
    }

    /// Adds a policy, or saves its changes.
    pub fn save_policy(&self, policy: &Policy, entry: &ChangeEntry) -> Result<(), AdminError> {
        later()
    }

    /// Enables or disables a policy.
    pub fn set_policy_enabled(&self, name: &PolicyName, enabled: bool) -> Result<(), AdminError> {
        later()
    }

    /// Copies a policy as a disabled one ("Copy of …"). Answers its name.
    pub fn duplicate_policy(&self, name: &PolicyName) -> Result<PolicyName, AdminError> {
        later()
    }

    /// Removes a policy; refused while it is enabled.
    pub fn remove_policy(&self, name: &PolicyName) -> Result<(), AdminError> {
        later()
    }

    /// Exchange Browser, *check name >>*: the users that the directory finds, and whether they can be added to this
    /// policy (as it is on the screen, saved or not).
    pub async fn check_name(&self, policy: &Policy, typed: &str) -> Result<Vec<Candidate>, AdminError> {
        later()
    }

    /// The CRM user that a mailbox address will be matched to.
    pub async fn match_crm_user(&self, policy: &Policy, address: &str) -> Result<CrmUser, AdminError> {
        later()
    }

    /// What the Licensing Details window of a policy shows.
    pub fn licensing_details(&self, policy: &PolicyName) -> Result<LicensingDetails, AdminError> {
        later()
    }

    /// The licence files of the workspace.
    pub fn licenses(&self) -> Result<Vec<LicenseFile>, AdminError> {
        later()
    }

    /// Checks a licence and puts it into the workspace.
    pub fn install_license(&self, text: &str) -> Result<LicenseFile, AdminError> {
        later()
    }
}
