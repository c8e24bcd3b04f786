//! The documents as the agent acts upon them: sound ones, and of a broken one the last good version.

use crate::AgentFault;
use chrono::{DateTime, Local, Utc};
use riva_core::admin::{AdminError, DocumentKind};
use riva_core::documents::{Connection, Loaded, Policy, Settings, Workspace};
use riva_core::fault::{Fault, FaultKind};
use riva_core::ids::{ConnectionName, EmailAddress, PolicyName};
use riva_core::license::{Allotment, allot, installed};
use riva_core::queue::MemberSpec;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is in force.
#[derive(Debug, Clone, Default)]
pub(crate) struct Documents {
    pub settings: Settings,
    pub connections: BTreeMap<ConnectionName, Connection>,
    /// Each with all its users: whoever works on one of them shares it.
    pub policies: BTreeMap<PolicyName, Arc<Policy>>,
    /// What is wrong, in words.
    pub complaints: Vec<String>,
    allotment: Allotment,
}

/// `state/last-good.json`: what was in force when the documents were last read, so that a document which is broken
/// while the agent does not run is no loss.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct LastGood {
    settings: Settings,
    connections: BTreeMap<ConnectionName, Connection>,
    policies: BTreeMap<PolicyName, Policy>,
}

impl Documents {
    /// Reads the workspace.
    pub fn load(folder: &Path, now: DateTime<Utc>) -> Result<Self, AgentFault> {
        let workspace = Workspace::new(folder);
        let loaded = workspace.load()?;
        let last = LastGood::read(folder);
        let mut documents = Self { settings: last.settings.clone(), ..Self::default() };
        let sound = |kind, name: &str| loaded.findings_of(kind, name).is_empty();
        if let Some(settings) = loaded.settings.as_ref().filter(|_| sound(DocumentKind::Settings, "riva")) {
            documents.settings = settings.clone();
        }
        for name in workspace.names(DocumentKind::Connection)? {
            let name = ConnectionName::from(name);
            let read = loaded.connections.iter().find(|c| c.name == name);
            let read = read.filter(|_| sound(DocumentKind::Connection, name.as_str()));
            let good = read.or_else(|| last.connections.get(&name)).cloned();
            documents.connections.extend(good.map(|c| (name.clone(), Connection { name, ..c })));
        }
        for name in workspace.names(DocumentKind::Policy)? {
            let name = PolicyName::from(name);
            let read = loaded.policies.iter().find(|p| p.name == name);
            let read = read.filter(|_| sound(DocumentKind::Policy, name.as_str()));
            let good = read.or_else(|| last.policies.get(&name)).cloned();
            documents.policies.extend(good.map(|p| (name.clone(), Arc::new(Policy { name, ..p }))));
        }
        documents.complain(&loaded);
        documents.miss(&workspace, &last)?;
        documents.deal(folder, now)?;
        LastGood::keep(folder, &documents);
        Ok(documents)
    }

    fn complain(&mut self, loaded: &Loaded) {
        for finding in &loaded.findings {
            let name =
                Path::new(&finding.file).file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let kept = match finding.file.split('/').next() {
                Some("connections") => self.connections.contains_key(&ConnectionName::from(name)),
                Some("policies") => self.policies.contains_key(&PolicyName::from(name)),
                _ => true,
            };
            let then =
                if kept { "The last good version stays in force." } else { "It is left out until then." };
            self.complaints.push(format!("{finding} {then}"));
        }
        for policy in self.policies.values().filter(|p| p.enabled) {
            for name in [&policy.mail, &policy.crm].into_iter().filter(|n| !self.connections.contains_key(*n))
            {
                self.complaints.push(format!(
                    "The policy {} is not synced: its connection {name} is missing or broken.",
                    policy.name
                ));
            }
        }
    }

    /// Says which files are gone that nobody has removed with Riva: nobody may have meant that.
    fn miss(&mut self, workspace: &Workspace, last: &LastGood) -> Result<(), AdminError> {
        let vanished = workspace.vanished()?;
        let connections = last.connections.keys().map(|name| (DocumentKind::Connection, name.as_str()));
        let policies = last.policies.keys().map(|name| (DocumentKind::Policy, name.as_str()));
        // One that Riva has never saved has no history: it is known by what was in force before.
        for (kind, name) in connections.chain(policies) {
            let (there, folder) = match kind {
                DocumentKind::Policy => (self.policies.contains_key(&PolicyName::from(name)), "policies"),
                _ => (self.connections.contains_key(&ConnectionName::from(name)), "connections"),
            };
            if !there && workspace.has_no_history(kind, name)? {
                self.complaints.push(format!(
                    "{folder}/{name}.toml: the file is gone since the agent was last started, and it was not removed with Riva. \
                     What it asked for is not done any more."
                ));
            }
        }
        let gone =
            vanished.iter().map(|finding| format!("{finding} What it asked for is not done any more."));
        self.complaints.extend(gone);
        Ok(())
    }

    /// Deals the licence counts anew.
    pub fn deal(&mut self, folder: &Path, now: DateTime<Utc>) -> Result<(), AdminError> {
        // A licence is valid until the end of its last day where it is used.
        let today = now.with_timezone(&Local).date_naive();
        let policies: Vec<Policy> = self.policies.values().map(|p| Policy::clone(p)).collect();
        let connections: Vec<Connection> = self.connections.values().cloned().collect();
        self.allotment = allot(&policies, &connections, &installed(folder, today)?, today);
        Ok(())
    }

    /// Why a user may not be synced in a policy, if not.
    pub fn refused(&self, policy: &PolicyName, address: &EmailAddress) -> Option<String> {
        match self.allotment.verdicts.get(&(policy.clone(), address.clone())) {
            Some(Ok(())) => None,
            Some(Err(why)) => Some(why.clone()),
            None => Some("No licence count is set aside for this user. Restart the agent.".to_owned()),
        }
    }

    /// Why nobody can be synced with a connection, if its document is broken or missing.
    pub fn unusable(&self, name: &ConnectionName) -> Option<Fault> {
        if self.connections.contains_key(name) {
            return None;
        }
        let file = format!("connections/{name}.toml");
        let why = self.complaints.iter().find(|complaint| complaint.starts_with(&file));
        let why = why.cloned().unwrap_or_else(|| format!("There is no connection {name} in this workspace."));
        let remedy = "Mend the connection, then restart the agent.";
        Some(Fault::new(FaultKind::SystemNotAvailable, why).remedy(remedy))
    }

    /// The members that the policies want.
    pub fn members(&self) -> Vec<MemberSpec> {
        let spec = |policy: &Policy, address: &EmailAddress| MemberSpec {
            policy: policy.name.clone(),
            address: address.clone(),
            mail: policy.mail.clone(),
            crm: policy.crm.clone(),
            enabled: policy.enabled,
        };
        let users = |p: &'_ Policy| p.users.iter().map(|u| spec(p, &u.address)).collect::<Vec<_>>();
        self.policies.values().flat_map(|p| users(p)).collect()
    }
}

impl LastGood {
    fn path(folder: &Path) -> PathBuf {
        folder.join("state/last-good.json")
    }

    fn read(folder: &Path) -> Self {
        let text = match std::fs::read(Self::path(folder)) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Self::default(),
            Err(e) => {
                tracing::warn!("the last good documents cannot be read: {e}");
                return Self::default();
            }
        };
        serde_json::from_slice(&text).unwrap_or_else(|e| {
            tracing::warn!("the last good documents cannot be understood, and are not used: {e}");
            Self::default()
        })
    }

    fn keep(folder: &Path, documents: &Documents) {
        let good = Self {
            settings: documents.settings.clone(),
            connections: documents.connections.clone(),
            policies: documents.policies.iter().map(|(name, p)| (name.clone(), Policy::clone(p))).collect(),
        };
        let path = Self::path(folder);
        let beside = path.with_extension("new");
        let kept = serde_json::to_vec(&good)
            .map_err(std::io::Error::other)
            .and_then(|text| std::fs::create_dir_all(folder.join("state")).map(|()| text))
            .and_then(|text| std::fs::write(&beside, text))
            .and_then(|()| std::fs::rename(&beside, &path));
        if let Err(e) = kept {
            tracing::warn!("the good documents cannot be kept for the next start: {e}");
        }
    }
}
