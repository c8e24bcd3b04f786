//! Connections: list, save, delete, test.

use super::{Admin, AdminError, ChangeEntry, ConnectionSummary, DocumentKind, LastTest, TestReport};
use crate::documents::{Connection, OrgWords, usage};
use crate::fault::Fault;
use crate::ids::{ConnectionName, PolicyName};
use crate::ports::{SecretKey, SecretKind, StepReport, StepSink, TestStep};
use secrecy::SecretString;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

const ALL_SECRETS: [SecretKind; 4] =
    [SecretKind::Password, SecretKind::ClientSecret, SecretKind::PrivateKey, SecretKind::RefreshToken];

impl Admin {
    /// The connections, sorted by name; a broken one with what is wrong.
    pub fn connections(&self) -> Result<Vec<ConnectionSummary>, AdminError> {
        let loaded = self.load()?;
        let names = self.open().names(DocumentKind::Connection)?;
        let summary = |name: String| {
            let broken = loaded.findings_of(DocumentKind::Connection, &name);
            let name = ConnectionName::new(name);
            let connection = loaded.connections.iter().find(|c| c.name == name);
            ConnectionSummary {
                shown_name: connection.map_or(name.as_str(), Connection::shown_name).to_owned(),
                system: connection.map(|c| c.system),
                address: connection.map(|c| c.address.to_string()).unwrap_or_default(),
                account: connection.map(|c| c.account.clone()).unwrap_or_default(),
                used_by: used_by(&loaded.policies, &name),
                last_test: self.last_test(&name),
                broken,
                name,
            }
        };
        Ok(names.into_iter().map(summary).collect())
    }

    /// One connection.
    pub fn connection(&self, name: &ConnectionName) -> Result<Connection, AdminError> {
        let loaded = self.load()?;
        let found = loaded.findings_of(DocumentKind::Connection, name.as_str());
        if !found.is_empty() {
            return Err(AdminError::Findings(found));
        }
        loaded.connections.into_iter().find(|c| c.name == *name).ok_or_else(|| no_such(name))
    }

    /// Adds a connection, or saves its changes. The stamps (created, modified) are set here.
    pub fn save_connection(&self, connection: &Connection, entry: &ChangeEntry) -> Result<(), AdminError> {
        let name = connection.name.as_str();
        self.save(DocumentKind::Connection, name, entry, |present: Option<Connection>| {
            let mut new = connection.clone();
            new.created = present.as_ref().map_or_else(|| Some(self.stamp()), |p| p.created.clone());
            new.modified = present.as_ref().and_then(|p| p.modified.clone());
            let unchanged = present.is_some_and(|p| Connection { name: new.name.clone(), ..p } == new);
            if !unchanged {
                new.modified = Some(self.stamp());
            }
            Ok(new)
        })
    }

    /// Deletes a connection with its secrets; refused if a policy uses it, or one has ever synced with it.
    pub fn delete_connection(&self, name: &ConnectionName, entry: &ChangeEntry) -> Result<(), AdminError> {
        let users = used_by(&self.load()?.policies, name);
        if !users.is_empty() {
            let users: Vec<_> = users.iter().map(PolicyName::as_str).collect();
            return Err(AdminError::Refused {
                what: format!("Connection {:?} is used by: {}.", name.as_str(), users.join(", ")),
                remedy: "Remove these policies, or give them another connection, first.".into(),
            });
        }
        if let Some(first) = usage::used_connections(&self.workspace)?.get(name) {
            return Err(AdminError::Refused {
                what: format!(
                    "Policy {:?} has synced with connection {:?} (first on {}), and items in the system are marked \
                     as its own.",
                    first.policy.as_str(),
                    name.as_str(),
                    first.at.date_naive()
                ),
                remedy: "It stays; a connection that no policy uses does nothing.".into(),
            });
        }
        self.remove_document(DocumentKind::Connection, name.as_str(), entry, "deleted")?;
        for kind in ALL_SECRETS {
            self.secrets.remove(&SecretKey { connection: name.clone(), kind })?;
        }
        Ok(())
    }

    pub(super) fn remove_document(
        &self,
        kind: DocumentKind,
        name: &str,
        entry: &ChangeEntry,
        deed: &str,
    ) -> Result<(), AdminError> {
        let why = format!("{deed}. {}", entry.why);
        let who = crate::documents::Who { at: self.now(), by: &self.who, why: why.trim() };
        self.open().remove(kind, name, &who)
    }

    /// Keeps a secret of a connection that exists.
    pub fn set_secret(
        &self,
        name: &ConnectionName,
        kind: SecretKind,
        secret: &SecretString,
    ) -> Result<(), AdminError> {
        // A broken document may get its secret all the same.
        if self.open().text(DocumentKind::Connection, name.as_str())?.is_none() {
            return Err(no_such(name));
        }
        Ok(self.secrets.set(&SecretKey { connection: name.clone(), kind }, secret)?)
    }

    /// Which secrets of a connection are kept (not what they are).
    pub fn secrets_kept(&self, name: &ConnectionName) -> Result<Vec<SecretKind>, AdminError> {
        let mut kept = Vec::new();
        for kind in ALL_SECRETS {
            if self.secrets.get(&SecretKey { connection: name.clone(), kind })?.is_some() {
                kept.push(kind);
            }
        }
        Ok(kept)
    }

    /// Tests a connection, for a target user if one is given. A failed test is an `Ok` report with its fault.
    pub async fn test_connection(
        &self,
        name: &ConnectionName,
        target: Option<&str>,
        steps: &dyn StepSink,
    ) -> Result<TestReport, AdminError> {
        let connection = self.connection(name)?;
        let at = self.now();
        let began = Instant::now();
        let recorder = Recorder { inner: steps, reports: Mutex::default() };
        let outcome = self.run_test(&connection, target, &recorder).await;
        let report = TestReport {
            connection: name.clone(),
            target: target.map(str::to_owned),
            at,
            steps: recorder.reports.into_inner().unwrap_or_else(PoisonError::into_inner),
            fault: outcome.err(),
            took: began.elapsed(),
        };
        let last = LastTest { at, target: report.target.clone(), fault: report.fault.clone() };
        self.write_state(&test_file(name), &last)?;
        Ok(report)
    }

    /// The words of a CRM's own lists, as they are now: what [`Connection::picklists`] may give a meaning.
    pub async fn org_words(&self, name: &ConnectionName) -> Result<OrgWords, AdminError> {
        let connection = self.connection(name)?;
        if connection.system.is_mail() {
            return Ok(OrgWords::default());
        }
        Ok(self.systems.crm(&connection)?.org_words().await?)
    }

    async fn run_test(
        &self,
        connection: &Connection,
        target: Option<&str>,
        steps: &dyn StepSink,
    ) -> Result<(), Fault> {
        if connection.system.is_mail() {
            self.systems.mail(connection)?.test(target, steps).await
        } else {
            self.systems.crm(connection)?.test(target, steps).await
        }
    }

    /// The last test. A file that cannot be read is as good as none: it only says what was seen before.
    fn last_test(&self, name: &ConnectionName) -> Option<LastTest> {
        let path = self.workspace.join("state").join(test_file(name));
        serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()
    }
}

fn test_file(name: &ConnectionName) -> String {
    format!("tests/{name}.json")
}

pub(super) fn no_such(name: &ConnectionName) -> AdminError {
    AdminError::NoSuch { kind: "connection", name: name.as_str().to_owned() }
}

fn used_by(policies: &[crate::documents::Policy], name: &ConnectionName) -> Vec<PolicyName> {
    policies.iter().filter(|p| p.mail == *name || p.crm == *name).map(|p| p.name.clone()).collect()
}

/// Passes steps on, and remembers them.
struct Recorder<'a> {
    inner: &'a dyn StepSink,
    reports: Mutex<Vec<StepReport>>,
}

impl StepSink for Recorder<'_> {
    fn started(&self, step: TestStep) {
        self.inner.started(step);
    }

    fn ended(&self, report: StepReport) {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner).push(report.clone());
        self.inner.ended(report);
    }
}
