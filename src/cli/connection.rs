//! `riva connection …`

use super::desk::{Desk, because};
use super::meaning::Meaning;
use super::output::{self, line};
use super::secret_input;
use super::verdict::{Failure, Verdict};
use clap::{Args, Subcommand, ValueEnum};
use riva_api::{Agent as _, AgentClient, QueueRow};
use riva_core::admin::{Admin, AdminError, ConnectionSummary, DocumentKind, LastTest, TestReport};
use riva_core::documents::{AccessMethod, AuthMethod, Connection, SystemKind};
use riva_core::ids::{ConnectionName, EmailAddress};
use riva_core::ports::{SecretKind, StepOutcome, StepReport, StepSink, TestStep};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use url::Url;

/// Tests of all users that run at once.
const AT_ONCE: usize = 8;

#[derive(Subcommand)]
pub enum ConnectionVerb {
    /// All connections, with the last test of each.
    List,
    /// One connection with its history.
    Show {
        /// Its name.
        name: String,
    },
    /// Add a connection; the password is set afterwards with `set-password`.
    Add {
        /// Its name: a file's name without `.toml`.
        name: String,
        /// Which system.
        #[arg(long, value_parser = system)]
        system: SystemKind,
        #[command(flatten)]
        fields: Fields,
    },
    /// Change fields of a connection; what is not named stays.
    Edit {
        /// Its name.
        name: String,
        #[command(flatten)]
        fields: Fields,
    },
    /// Test a connection: for the connection account, one user, or all users of its policies.
    Test {
        /// Its name.
        name: String,
        /// A user's address, or user name in the CRM.
        #[arg(long, value_name = "ADDRESS", conflicts_with = "all_users")]
        user: Option<String>,
        /// Every user of every policy that uses the connection.
        #[arg(long)]
        all_users: bool,
    },
    /// Set the password or another secret: asked for without echo, or read from the standard input.
    SetPassword {
        /// The connection's name.
        name: String,
        /// Which secret.
        #[arg(long, value_enum, default_value = "password")]
        kind: Secret,
    },
    /// Sync with the database that a connection leads to now, although it is not the one synced before (the system was
    /// moved), or shows an older state of it (a backup was put back).
    Accept {
        /// Its name.
        name: String,
        /// Bring what a backup has put back there up to date with what was in step before; otherwise what it shows counts as
        /// edited.
        #[arg(long)]
        catch_up: bool,
    },
    /// Delete a connection that no policy uses and none has ever synced with.
    Delete {
        /// Its name.
        name: String,
        /// Why, for the history.
        #[arg(long)]
        why: Option<String>,
    },
}

#[derive(Args)]
pub struct Fields {
    /// Where the system is: the EWS URL, the DAV root, the Salesforce login URL, the Odoo base URL.
    #[arg(long)]
    address: Option<Url>,
    /// The connection account's login name.
    #[arg(long)]
    account: Option<String>,
    /// A longer name for lists.
    #[arg(long)]
    display_name: Option<String>,
    /// How the account signs in.
    #[arg(long, value_enum)]
    auth: Option<Auth>,
    /// The connected app's consumer key, for OAuth.
    #[arg(long)]
    client_id: Option<String>,
    /// How the account reaches other users' mailboxes (Exchange).
    #[arg(long, value_enum)]
    access: Option<Access>,
    /// A PEM file with further certificate authorities to trust; relative to the workspace.
    #[arg(long)]
    ca_file: Option<PathBuf>,
    /// Most requests at once.
    #[arg(long)]
    max_concurrent: Option<u32>,
    /// Another option, such as database=sales; an empty value takes it away. Odoo: database; CalDAV: home, calendar, tasks,
    /// addressbook, domain, writers; Salesforce: sync_key_field, api_version; Exchange: ews_version, all_day_zone.
    #[arg(long = "option", value_name = "KEY=VALUE", value_parser = key_value)]
    options: Vec<(String, String)>,
    /// What a word of a list of Salesforce means, such as "task-status/In Prüfung=waiting"; an empty meaning takes it away.
    #[arg(long = "meaning", value_name = "LIST/WORD=MEANING", value_parser = Meaning::read)]
    meanings: Vec<Meaning>,
    /// Why, for the history.
    #[arg(long)]
    why: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Auth {
    Password,
    OauthPassword,
    OauthJwt,
}

#[derive(Clone, Copy, ValueEnum)]
enum Access {
    Impersonation,
    DelegateFullAccess,
}

#[derive(Clone, Copy, ValueEnum)]
#[allow(clippy::enum_variant_names)] // `client-secret` is what it is called.
pub enum Secret {
    /// The connection account's password (Salesforce: followed by its security token, if it has one).
    Password,
    /// The OAuth client's secret.
    ClientSecret,
    /// The private key (PEM) that signs OAuth JWT bearer assertions.
    PrivateKey,
}

fn system(word: &str) -> Result<SystemKind, String> {
    SystemKind::ALL.into_iter().find(|system| system.as_str() == word).ok_or_else(|| {
        let all: Vec<_> = SystemKind::ALL.iter().map(|system| system.as_str()).collect();
        format!("known systems: {}", all.join(", "))
    })
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

impl ConnectionVerb {
    pub fn run(self, desk: &Desk) -> Result<Verdict, Failure> {
        let admin = desk.admin()?;
        match self {
            Self::List => list(desk, &admin),
            Self::Show { name } => show(desk, &admin, &name.into()),
            Self::Add { name, system, fields } => {
                let name = ConnectionName::from(name);
                match admin.connection(&name) {
                    Err(AdminError::NoSuch { .. }) => {}
                    Err(other) => return Err(other.into()),
                    Ok(_) => {
                        let text = format!(
                            "connection {:?} exists already; change it with `riva connection edit`",
                            name.as_str()
                        );
                        return Err(Failure::Other(text));
                    }
                }
                let connection = fields.new_connection(name, system)?;
                admin.save_connection(&connection, &because(fields.why.as_ref()))?;
                Ok(done(
                    desk,
                    &connection.name,
                    "added; set its password with `riva connection set-password`",
                ))
            }
            Self::Edit { name, fields } => {
                let before = admin.connection(&name.into())?;
                if fields.say_nothing() {
                    let text = "name what is to be changed, such as --account or --address; `riva connection edit --help` lists it";
                    return Err(Failure::Usage(text.into()));
                }
                let mut connection = before.clone();
                fields.put_into(&mut connection)?;
                if connection == before {
                    return Ok(done(desk, &connection.name, "nothing was changed: it says that already"));
                }
                admin.save_connection(&connection, &because(fields.why.as_ref()))?;
                Ok(done(desk, &connection.name, "saved"))
            }
            Self::Test { name, user, all_users } => {
                let name = ConnectionName::from(name);
                if all_users {
                    return test_all(desk, &admin, &name);
                }
                test_one(desk, &admin, &name, user.as_deref())
            }
            Self::SetPassword { name, kind } => {
                let name = ConnectionName::from(name);
                // An unknown name is told before anybody types a password.
                if let Err(error @ AdminError::NoSuch { .. }) = admin.connection(&name) {
                    return Err(error.into());
                }
                let (kind, words) = match kind {
                    Secret::Password => (SecretKind::Password, "Password"),
                    Secret::ClientSecret => (SecretKind::ClientSecret, "Client secret"),
                    Secret::PrivateKey => (SecretKind::PrivateKey, "Private key"),
                };
                let secret = secret_input::read(&format!("{words} of {name}"))?;
                admin.set_secret(&name, kind, &secret)?;
                Ok(done(desk, &name, &format!("{words} updated successfully")))
            }
            Self::Accept { name, catch_up } => {
                let name = admin.connection(&name.into())?.name;
                let agent = AgentClient::new(&desk.workspace);
                let waits = desk.wait(agent.queue())?.iter().any(|row| waits_for(row, &name));
                if !waits {
                    done(desk, &name, NOTHING_TO_ACCEPT);
                    return Ok(Verdict::Failed);
                }
                let woken = desk.wait(agent.accept(&name, catch_up))?;
                let users = if woken == 1 { "user goes" } else { "users go" };
                Ok(done(
                    desk,
                    &name,
                    &format!("the database it leads to now is accepted; {woken} {users} on"),
                ))
            }
            Self::Delete { name, why } => {
                let name = ConnectionName::from(name);
                admin.delete_connection(&name, &because(why.as_ref()))?;
                Ok(done(desk, &name, "deleted"))
            }
        }
    }
}

/// Said of a connection of which no user has found that it leads elsewhere, or shows an older state.
const NOTHING_TO_ACCEPT: &str = "nothing waits to be accepted: as far as the agent knows, it leads where it led before. If \
                                 that has just changed, `riva sync` finds it out; accept it then";

/// Whether a user waits until somebody has accepted what this connection leads to. (One that is just tried again, too.)
fn waits_for(row: &QueueRow, connection: &ConnectionName) -> bool {
    let state = &row.member.state;
    let sides = [(&row.member.mail, &state.mail_fault), (&row.member.crm, &state.crm_fault)];
    let mut faults =
        sides.into_iter().filter(|(name, _)| *name == connection).filter_map(|(_, fault)| fault.as_ref());
    row.member.enabled && faults.any(|fault| fault.to_accept.is_some())
}

impl Fields {
    /// Whether nothing is to be changed.
    fn say_nothing(&self) -> bool {
        let Self {
            address,
            account,
            display_name,
            auth,
            client_id,
            access,
            ca_file,
            max_concurrent,
            options,
            meanings,
            why: _,
        } = self;
        let texts = [account, display_name, client_id].iter().all(|text| text.is_none());
        texts
            && (address.is_none() && auth.is_none() && access.is_none())
            && (ca_file.is_none() && max_concurrent.is_none() && options.is_empty() && meanings.is_empty())
    }

    fn auth(&self, present: &AuthMethod) -> Result<AuthMethod, Failure> {
        let client_id = || {
            let present = match present {
                AuthMethod::Password => None,
                AuthMethod::OauthPassword { client_id } | AuthMethod::OauthJwt { client_id } => {
                    Some(client_id)
                }
            };
            let id = self.client_id.as_ref().or(present).cloned();
            id.ok_or_else(|| Failure::Usage("OAuth needs the connected app's key: --client-id".into()))
        };
        Ok(match (self.auth, present) {
            (Some(Auth::Password), _) | (None, AuthMethod::Password) => AuthMethod::Password,
            (Some(Auth::OauthPassword), _) | (None, AuthMethod::OauthPassword { .. }) => {
                AuthMethod::OauthPassword { client_id: client_id()? }
            }
            (Some(Auth::OauthJwt), _) | (None, AuthMethod::OauthJwt { .. }) => {
                AuthMethod::OauthJwt { client_id: client_id()? }
            }
        })
    }

    fn put_into(&self, connection: &mut Connection) -> Result<(), Failure> {
        connection.auth = self.auth(&connection.auth)?;
        if let Some(address) = &self.address {
            connection.address = address.clone();
        }
        if let Some(account) = &self.account {
            connection.account.clone_from(account);
        }
        connection.display_name = self.display_name.clone().or(connection.display_name.take());
        connection.ca_file = self.ca_file.clone().or(connection.ca_file.take());
        connection.max_concurrent = self.max_concurrent.or(connection.max_concurrent);
        if let Some(access) = self.access {
            connection.access = Some(match access {
                Access::Impersonation => AccessMethod::Impersonation,
                Access::DelegateFullAccess => AccessMethod::DelegateFullAccess,
            });
        }
        for (key, value) in &self.options {
            if value.is_empty() {
                connection.options.remove(key);
            } else {
                connection.options.insert(key.clone(), value.clone());
            }
        }
        self.meanings.iter().for_each(|meaning| meaning.put_into(&mut connection.picklists));
        Ok(())
    }

    fn new_connection(&self, name: ConnectionName, system: SystemKind) -> Result<Connection, Failure> {
        let wanted = |what: &str| Failure::Usage(format!("a new connection needs --{what}"));
        let mut connection = Connection {
            name,
            system,
            display_name: None,
            address: self.address.clone().ok_or_else(|| wanted("address"))?,
            account: self.account.clone().ok_or_else(|| wanted("account"))?,
            auth: AuthMethod::Password,
            access: None,
            ca_file: None,
            max_concurrent: None,
            picklists: riva_core::documents::Picklists::default(),
            options: BTreeMap::new(),
            created: None,
            modified: None,
        };
        self.put_into(&mut connection)?;
        Ok(connection)
    }
}

fn done(desk: &Desk, name: &ConnectionName, what: &str) -> Verdict {
    if desk.json {
        output::json(&json!({ "connection": name, "done": what }));
    } else {
        line(format!("{name}: {what}."));
    }
    Verdict::Fine
}

fn tested(last: Option<&LastTest>) -> String {
    match last {
        None => "never tested".into(),
        Some(LastTest { at, fault: None, .. }) => format!("passed {}", output::time(*at)),
        Some(LastTest { at, fault: Some(fault), .. }) => {
            format!("{} {}", fault.title(), output::time(*at))
        }
    }
}

fn list(desk: &Desk, admin: &Admin) -> Result<Verdict, Failure> {
    let connections = admin.connections()?;
    let sound = connections.iter().all(|c| c.broken.is_empty());
    if desk.json {
        output::json(&connections);
        return Ok(Verdict::fine_if(sound));
    }
    let row = |c: &ConnectionSummary| {
        let policies: Vec<_> = c.used_by.iter().map(ToString::to_string).collect();
        let state = if c.broken.is_empty() { tested(c.last_test.as_ref()) } else { "broken document".into() };
        let system = c.system.map_or("", SystemKind::title).to_owned();
        vec![c.name.to_string(), system, c.address.clone(), c.account.clone(), policies.join(", "), state]
    };
    let heading = ["name", "system", "address", "account", "used by", "last test"];
    output::table(
        &heading,
        connections.iter().map(row).collect(),
        "There is no connection yet: `riva connection add`.",
    );
    for finding in connections.iter().flat_map(|c| &c.broken) {
        line(finding.to_string());
    }
    Ok(Verdict::fine_if(sound))
}

fn show(desk: &Desk, admin: &Admin, name: &ConnectionName) -> Result<Verdict, Failure> {
    let connection = admin.connection(name)?;
    let kept: Vec<_> = admin.secrets_kept(name)?.into_iter().map(SecretKind::as_str).collect();
    let history = admin.history(DocumentKind::Connection, name.as_str())?;
    if desk.json {
        output::json(&json!({ "name": name, "connection": connection, "secrets": kept, "history": history }));
        return Ok(Verdict::Fine);
    }
    let mut rows = vec![
        vec!["name".into(), name.to_string()],
        vec!["system".into(), connection.system.title().into()],
        vec!["address".into(), connection.address.to_string()],
        vec!["account".into(), connection.account.clone()],
        vec!["secrets kept".into(), if kept.is_empty() { "none".into() } else { kept.join(", ") }],
    ];
    for (key, value) in &connection.options {
        rows.push(vec![key.clone(), value.clone()]);
    }
    for (what, stamp) in [("created", &connection.created), ("modified", &connection.modified)] {
        rows.extend(stamp.as_ref().map(|s| vec![what.into(), format!("{} by {}", output::time(s.at), s.by)]));
    }
    output::table(&["field", "value"], rows, "");
    for revision in &history {
        line(format!(
            "{:>4}  {}  {}  {}",
            revision.number,
            output::time(revision.at),
            revision.by,
            revision.why
        ));
    }
    Ok(Verdict::Fine)
}

/// Prints steps while they happen.
pub struct Shown {
    /// In front of each line.
    pub indent: &'static str,
}

impl StepSink for Shown {
    fn started(&self, _: TestStep) {}

    fn ended(&self, report: StepReport) {
        let (mark, text) = match &report.outcome {
            StepOutcome::Passed { detail } => ("ok    ", detail.clone()),
            StepOutcome::Failed { fault } => ("FAILED", fault.title().to_owned()),
        };
        line(format!(
            "{}{mark}  {:<36} {:>8}  {text}",
            self.indent,
            report.step.title(),
            output::took(report.took)
        ));
    }
}

/// Says nothing while steps happen.
pub struct Silent;

impl StepSink for Silent {
    fn started(&self, _: TestStep) {}
    fn ended(&self, _: StepReport) {}
}

/// What came of a test, in words.
pub fn outcome(report: &TestReport) -> String {
    match &report.fault {
        None => format!("passed in {}", output::took(report.took)),
        Some(fault) => format!("{}\n  {}\n  {}", fault.title(), fault.detail, fault.remedy),
    }
}

fn test_one(
    desk: &Desk,
    admin: &Admin,
    name: &ConnectionName,
    user: Option<&str>,
) -> Result<Verdict, Failure> {
    let shown = Shown { indent: "" };
    let sink: &dyn StepSink = if desk.json { &Silent } else { &shown };
    let report = desk.wait(admin.test_connection(name, user, sink))?;
    if desk.json {
        output::json(&report);
    } else {
        line(outcome(&report));
    }
    Ok(Verdict::fine_if(report.passed()))
}

fn test_all(desk: &Desk, admin: &Admin, name: &ConnectionName) -> Result<Verdict, Failure> {
    let connection = admin.connection(name)?;
    let mut users: BTreeSet<EmailAddress> = BTreeSet::new();
    for summary in admin.policies()?.iter().filter(|p| p.mail == connection.name || p.crm == connection.name)
    {
        users.extend(admin.policy(&summary.name)?.users.into_iter().map(|user| user.address));
    }
    if users.is_empty() {
        return Err(Failure::Other(format!("no policy that uses connection {:?} has users", name.as_str())));
    }
    let total = users.len();
    let failed = desk.wait(async {
        let gate = Arc::new(tokio::sync::Semaphore::new(AT_ONCE));
        let mut tests = tokio::task::JoinSet::new();
        for user in users {
            let (gate, admin, name) = (Arc::clone(&gate), admin.clone(), name.clone());
            tests.spawn(async move {
                // The gate is never closed: without a permit the test would only run at once.
                let _permit = gate.acquire().await;
                let report = admin.test_connection(&name, Some(user.as_str()), &Silent).await;
                (user, report)
            });
        }
        let mut failed = 0;
        while let Some(ended) = tests.join_next().await {
            let (user, report) = ended.map_err(|e| Failure::Other(format!("a test ended badly: {e}")))?;
            let report = report?;
            failed += usize::from(!report.passed());
            if desk.json {
                output::json_line(&report);
            } else {
                let mark = if report.passed() { "ok    " } else { "FAILED" };
                line(format!("{mark}  {user}  {}", outcome(&report)));
            }
        }
        Ok::<_, Failure>(failed)
    })?;
    if !desk.json {
        line(format!("{} of {total} users passed.", total - failed));
    }
    Ok(Verdict::fine_if(failed == 0))
}
