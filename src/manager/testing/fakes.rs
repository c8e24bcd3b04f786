//! A made-up company: systems that know 25 people, and an agent that syncs whoever is in an enabled policy.

use super::agent::FakeAgent;
use crate::Office;
use async_trait::async_trait;
use riva_core::admin::{Admin, ChangeEntry};
use riva_core::documents::{
    AuthMethod, CalendarPolicy, Connection, ContactsPolicy, FirstSync, NoPermission, OrgWord, OrgWords,
    Picklists, Policy, PolicyModules, PolicyUser, Safety, Schedule, SystemKind, TasksPolicy,
};
use riva_core::fault::{CallError, Fault, FaultKind};
use riva_core::ids::{Cursor, EmailAddress};
use riva_core::item::{Importance, Module, TaskStatus};
use riva_core::ports::{
    CrmSystem, CrmUser, Directory, Endpoint, FeedPage, MailSystem, Reader, ResolvedName, SilentWriter,
    StepOutcome, StepReport, StepSink, SystemClock, Systems, TestStep,
};
use riva_core::secrets::MemorySecrets;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

const FIRST: [&str; 25] = [
    "Ada", "Björn", "Carla", "Dmitri", "Elena", "Farid", "Grace", "Hugo", "Ines", "Jun", "Kofi", "Lena",
    "Marta", "Niels", "Olga", "Paolo", "Quentin", "Rosa", "Sven", "Tariq", "Ursula", "Viktor", "Wanda",
    "Xaver", "Yara",
];
const LAST: [&str; 5] = ["Lindqvist", "Moreau", "Okafor", "Petrova", "Steinhauser-Weidenfeld"];

/// The people of the company: display name and address.
pub fn people(count: usize) -> Vec<ResolvedName> {
    (0..count)
        .map(|i| {
            let (first, last) = (FIRST[i % 25], LAST[(i / 3) % 5]);
            let ascii = first.replace('ö', "o").to_lowercase();
            let short = last.split('-').next().unwrap_or(last).to_lowercase();
            let number = if i < 25 { String::new() } else { format!(".{}", i / 25) };
            ResolvedName {
                display_name: format!("{first} {last}"),
                address: EmailAddress::new(format!("{ascii}.{short}{number}@northwind.example")),
            }
        })
        .collect()
}

/// Systems that know these people, and fail as they are told to.
pub struct FakeSystems {
    people: Vec<ResolvedName>,
    /// How long a step of a test takes.
    pub pace: Duration,
    fault: Mutex<Option<(SystemKind, Fault)>>,
}

impl FakeSystems {
    /// From now on a system of this kind fails in this way.
    pub fn fail(&self, with: Option<(SystemKind, Fault)>) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = with;
    }

    fn fault_of(&self, kind: SystemKind) -> Option<Fault> {
        let fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        fault.as_ref().filter(|(of, _)| *of == kind).map(|(_, fault)| fault.clone())
    }

    fn knows(&self, target: &str) -> bool {
        let wanted = EmailAddress::new(target);
        self.people.iter().any(|p| p.address == wanted)
    }
}

struct FakeSystem {
    company: Arc<FakeSystems>,
    kind: SystemKind,
}

/// The systems as a port: `Arc` makes each of them.
pub struct Registry(pub Arc<FakeSystems>);

impl Systems for Registry {
    fn mail(&self, connection: &Connection) -> Result<Arc<dyn MailSystem>, Fault> {
        Ok(Arc::new(FakeSystem { company: self.0.clone(), kind: connection.system }))
    }

    fn crm(&self, connection: &Connection) -> Result<Arc<dyn CrmSystem>, Fault> {
        Ok(Arc::new(FakeSystem { company: self.0.clone(), kind: connection.system }))
    }
}

/// Nothing of this is asked for by the Manager.
fn not_here<T>() -> Result<T, Fault> {
    Err(Fault::new(FaultKind::UnexpectedAnswer, "the made-up company has no items"))
}

#[async_trait]
impl Endpoint for FakeSystem {
    async fn test(&self, target: Option<&str>, steps: &dyn StepSink) -> Result<(), Fault> {
        let mut plan = vec![
            (TestStep::ResolveName, "192.0.2.17"),
            (TestStep::Connect, "192.0.2.17:443"),
            (TestStep::Tls, "TLS 1.3, valid until 2027-03-01"),
            (TestStep::SignIn, "Exchange 15.1.2507, build of 2026"),
        ];
        if target.is_some() {
            plan.extend([
                (TestStep::FindUser, ""),
                (TestStep::Impersonate, "EWS Impersonation"),
                (TestStep::OpenCalendar, "318 items"),
                (TestStep::OpenContacts, "126 items"),
                (TestStep::MayWrite, "create, edit, delete"),
            ]);
        }
        for (step, seen) in plan {
            steps.started(step);
            let begun = Instant::now();
            tokio::time::sleep(self.company.pace).await;
            let fault = match (step, target) {
                (TestStep::FindUser, Some(target)) if !self.company.knows(target) => Some(Fault::new(
                    FaultKind::UserNotFound,
                    format!("No active user has the primary e-mail address {target}."),
                )),
                (TestStep::SignIn, _) => self.company.fault_of(self.kind),
                _ => None,
            };
            let outcome = match &fault {
                None => StepOutcome::Passed { detail: seen.into() },
                Some(fault) => StepOutcome::Failed { fault: fault.clone() },
            };
            steps.ended(StepReport { step, outcome, took: begun.elapsed() });
            if let Some(fault) = fault {
                return Err(fault);
            }
        }
        Ok(())
    }

    async fn fingerprint(&self) -> Result<String, CallError> {
        Ok("northwind".into())
    }
}

#[async_trait]
impl MailSystem for FakeSystem {
    fn directory(&self) -> &dyn Directory {
        self
    }

    async fn open(&self, _: &EmailAddress) -> Result<Arc<dyn SilentWriter>, Fault> {
        not_here()
    }
}

#[async_trait]
impl Directory for FakeSystem {
    async fn check_name(&self, typed: &str) -> Result<Vec<ResolvedName>, Fault> {
        tokio::time::sleep(self.company.pace).await;
        if let Some(fault) = self.company.fault_of(self.kind) {
            return Err(fault);
        }
        let wanted = typed.to_lowercase();
        let fits = |p: &&ResolvedName| {
            p.display_name.to_lowercase().starts_with(&wanted) || p.address.as_str().starts_with(&wanted)
        };
        Ok(self.company.people.iter().filter(fits).take(20).cloned().collect())
    }
}

#[async_trait]
impl CrmSystem for FakeSystem {
    async fn user(&self, address: &str) -> Result<CrmUser, Fault> {
        let of_address = |p: &&ResolvedName| p.address.as_str() == address;
        match self.company.people.iter().find(of_address) {
            Some(person) => Ok(CrmUser {
                id: person.address.as_str().into(),
                name: person.display_name.clone(),
                user_name: person.address.as_str().into(),
                address: person.address.clone(),
            }),
            None => Err(Fault::new(FaultKind::UserNotFound, format!("nobody has this address: {address}"))),
        }
    }

    async fn feed(&self, _: Module, _: Option<&Cursor>) -> Result<FeedPage, CallError> {
        Err(CallError::Fault(Fault::new(FaultKind::UnexpectedAnswer, "the made-up company has no items")))
    }

    async fn open(&self, _: &CrmUser) -> Result<Arc<dyn SilentWriter>, Fault> {
        not_here()
    }

    async fn reader(&self, _: &CrmUser) -> Result<Arc<dyn Reader>, Fault> {
        not_here()
    }

    async fn org_words(&self) -> Result<OrgWords, Fault> {
        tokio::time::sleep(self.company.pace).await;
        if let Some(fault) = self.company.fault_of(self.kind) {
            return Err(fault);
        }
        let status = [
            ("Not Started", Some(TaskStatus::NotStarted)),
            ("In Progress", Some(TaskStatus::InProgress)),
            ("In Prüfung", None),
            ("Completed", Some(TaskStatus::Completed)),
            ("Abgelehnt", None),
        ];
        let priority =
            [("Urgent", None), ("High", Some(Importance::High)), ("Normal", Some(Importance::Normal))];
        Ok(OrgWords {
            task_status: status.map(|(word, means)| OrgWord { word: word.into(), means }).into(),
            task_priority: priority.map(|(word, means)| OrgWord { word: word.into(), means }).into(),
        })
    }
}

/// The company in a folder of its own, with two connections, two policies and a demo licence for 25.
pub struct Company {
    /// Its workspace; goes when this is dropped.
    pub folder: tempfile::TempDir,
    /// Its systems.
    pub systems: Arc<FakeSystems>,
    /// Its documents.
    pub admin: Admin,
    /// Its agent.
    pub agent: Arc<FakeAgent>,
}

impl Company {
    /// Makes it: `users` people are in the policy Sales already.
    ///
    /// # Panics
    /// If the temporary folder cannot be written, or core refuses its own documents.
    pub fn new(count: usize, users: usize, pace: Duration) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let workspace = folder.path().join("northwind");
        Admin::create_workspace(&workspace).expect("a workspace can be made in an empty folder");
        let systems = Arc::new(FakeSystems { people: people(count), pace, fault: Mutex::new(None) });
        let secrets = Arc::new(MemorySecrets::default());
        let registry = Arc::new(Registry(systems.clone()));
        let admin = Admin::new(&workspace, registry, secrets, Arc::new(SystemClock));
        for (name, system, shown, address, account) in [
            (
                "exchange",
                SystemKind::ExchangeEws,
                "Exchange, head office",
                "https://mail.northwind.example/EWS/Exchange.asmx",
                "NORTHWIND\\riva-sync",
            ),
            (
                "salesforce",
                SystemKind::Salesforce,
                "Salesforce production",
                "https://northwind.my.salesforce.example/",
                "riva.sync@northwind.example",
            ),
        ] {
            let auth = if system == SystemKind::Salesforce {
                AuthMethod::OauthPassword { client_id: "3MVG9riva".into() }
            } else {
                AuthMethod::Password
            };
            let connection = Connection {
                name: name.into(),
                system,
                display_name: Some(shown.into()),
                address: address.parse().expect("the address above is one"),
                account: account.into(),
                auth,
                access: None,
                ca_file: None,
                max_concurrent: None,
                picklists: Picklists::default(),
                options: BTreeMap::new(),
                created: None,
                modified: None,
            };
            admin.save_connection(&connection, &ChangeEntry::default()).expect("the document above is sound");
        }
        for (name, enabled, range) in [("Sales", true, 0..users), ("Service desk", false, users..users)] {
            let policy = Policy {
                name: name.into(),
                enabled,
                mail: "exchange".into(),
                crm: "salesforce".into(),
                schedule: Schedule::default(),
                modules: PolicyModules {
                    contacts: Some(ContactsPolicy::default()),
                    calendar: Some(CalendarPolicy::default()),
                    tasks: Some(TasksPolicy::default()),
                    email: None,
                },
                safety: Safety::default(),
                first_sync: FirstSync::default(),
                no_permission: NoPermission::default(),
                created: None,
                modified: None,
                users: systems.people[range]
                    .iter()
                    .map(|p| PolicyUser {
                        address: p.address.clone(),
                        name: Some(p.display_name.clone()),
                        added: None,
                    })
                    .collect(),
            };
            admin.save_policy(&policy, &ChangeEntry::default()).expect("the document above is sound");
        }
        license(&admin);
        let agent = Arc::new(FakeAgent::new(admin.clone()));
        Self { folder, systems, admin, agent }
    }

    /// What the Manager works with.
    pub fn office(&self, runtime: &Handle) -> Office {
        Office {
            admin: Some(self.admin.clone()),
            agent: self.agent.clone(),
            workspaces: None,
            runtime: runtime.clone(),
            clock: Arc::new(SystemClock),
        }
    }
}

/// Installs a demo licence for 25 users, signed with the public demo key.
fn license(admin: &Admin) {
    let text = "[license]\nid = \"DEMO-1\"\nlicensee = \"Northwind Demo\"\nmode = \"demo\"\nissued = \"2026-01-01\"\n\
                expires = \"2099-12-31\"\n\n[license.counts]\nexchange-ews = 25\nsalesforce = 25\n";
    let key = include_str!("../../../config/demo/demo-issuer.key").to_owned().into();
    let signed = riva_core::license::sign(text, &key).expect("the demo key signs demo licences");
    admin.install_license(&signed).expect("a licence that was just signed is valid");
}
