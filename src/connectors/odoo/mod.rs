//! Odoo, and OpenERP 7 that it was once called, by XML-RPC.
//!
//! The connection account signs in to one database (option `database`) and works with the rows that belong to a user by
//! their `user_id`. Nobody is impersonated: Odoo has no such thing. What the account needs: to see and change
//! everybody's contacts, leads, events and tasks, and to read and make external ids (Settings, or in OpenERP 7 Access Rights).
//!
//! - Markers are external ids, so that a create may be repeated ([`external_id`]).
//! - Changes are polled by `write_date` ([`feed`]); deletions leave no trace and show as missing in a full listing.
//! - Deleting archives; a message that we logged is taken out of the log ([`log`]). Writing mails nobody ([`session::Method`]).
//! - Categories are tags, where the account may see them ([`categories`], [`tags`]).
//! - Messages are logged as notes, which nobody is told of ([`message`]); their files hang beside them ([`files`]).

mod abilities;
mod active;
mod categories;
mod contact;
mod event;
mod external_id;
mod feed;
mod files;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod layout;
mod lead;
mod learn;
mod log;
mod message;
mod places;
mod postal;
mod refusal;
mod rows;
mod session;
mod stage;
mod tables;
mod tags;
mod task;
mod text;
mod user;
mod view;
mod writer;
mod xmlrpc;

use crate::http::{Auth, HttpClient, HttpOptions, probe_endpoint, run_step};
use crate::one_user::{Found, exactly_one};
use async_trait::async_trait;
use chrono_tz::Tz;
use refusal::Refusal;
use riva_core::documents::Connection;
use riva_core::fault::{CallError, Fault, FaultKind};
use riva_core::ids::{CrmUserId, Cursor, EmailAddress};
use riva_core::item::Module;
use riva_core::ports::{
    CrmSystem, CrmUser, Endpoint, FeedPage, Reader, SecretKey, SecretKind, SecretStore, SilentWriter,
    StepSink, TestStep,
};
use rows::{condition, search};
use secrecy::SecretString;
use session::{Failed, Method, Session};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tables::Table;
use user::User;
use xmlrpc::Value as Rpc;

/// The Odoo of a connection. Reads the password; sends nothing.
pub fn system(
    connection: &Connection,
    secrets: &Arc<dyn SecretStore>,
    workspace: &Path,
) -> Result<Arc<dyn CrmSystem>, Fault> {
    let key = SecretKey { connection: connection.name.clone(), kind: SecretKind::Password };
    let password: SecretString = secrets
        .get(&key)
        .map_err(|e| {
            Fault::new(FaultKind::GivenCredentials, format!("the password cannot be read: {}", e.what))
                .remedy(e.remedy)
        })?
        .ok_or_else(|| {
            Fault::new(
                FaultKind::GivenCredentials,
                format!("no password is stored for {}", connection.account),
            )
            .remedy("Set the password of the connection account on this connection.")
        })?;
    let database = connection.option("database").filter(|d| !d.is_empty()).ok_or_else(|| {
        Fault::new(FaultKind::UnexpectedAnswer, "this connection does not say which Odoo database to use")
            .remedy("Add the option `database` to this connection; Odoo shows its name on the login page.")
    })?;
    let mut options = HttpOptions::of(connection, workspace, Auth::None);
    // Each call of Odoo blocks one of its workers.
    options.max_concurrent_per_scope = options.max_concurrent.min(4);
    options.timeout = Duration::from_mins(2);
    let session =
        Session::new(HttpClient::new(options)?, database.to_owned(), connection.account.clone(), password);
    Ok(Arc::new(Odoo { session: Arc::new(session) }))
}

struct Odoo {
    session: Arc<Session>,
}

impl Odoo {
    fn fault(&self, failed: Failed) -> Fault {
        match failed.call(self.session.account()) {
            CallError::Fault(fault) => fault,
            other => Fault::new(FaultKind::SystemNotAvailable, other.to_string()),
        }
    }

    async fn users_with(&self, column: &str, value: &str) -> Result<Vec<Found>, Failed> {
        // `=ilike` takes wildcards.
        let pattern = value.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        let ids =
            search(&self.session, "res.users", vec![condition(column, "=ilike", pattern)], None).await?;
        let rows =
            rows::read(&self.session, "res.users", &ids, &["name", "login", "email", "active"]).await?;
        Ok(rows
            .iter()
            .map(|(id, row)| {
                let text = |column: &str| row.get(column).map(Rpc::str).unwrap_or_default();
                let user = CrmUser {
                    id: CrmUserId::new(id.to_string()),
                    name: text("name").to_owned(),
                    user_name: text("login").to_owned(),
                    address: EmailAddress::new(text("email")),
                };
                Found { active: row.get("active").is_some_and(Rpc::is_true), user }
            })
            .collect())
    }

    async fn open_user(&self, user: &CrmUser) -> Result<User, Fault> {
        let known = self.session.signed_in().await.map_err(|e| self.fault(e.into()))?;
        let id: i64 = user.id.as_str().parse().map_err(|_| {
            Fault::new(FaultKind::UserNotFound, format!("this is no user id of Odoo: {}", user.id))
        })?;
        let rows = rows::read(&self.session, "res.users", &[id], &["tz", "partner_id"])
            .await
            .map_err(|f| self.fault(f))?;
        let row = rows.get(&id).ok_or_else(|| {
            Fault::new(
                FaultKind::UserNotFound,
                format!("the user no longer exists in Odoo: {}", user.user_name),
            )
        })?;
        let zone: Tz = row.get("tz").map(Rpc::str).and_then(|tz| tz.parse().ok()).unwrap_or(Tz::UTC);
        let partner = row.get("partner_id").and_then(Rpc::many2one);
        Ok(User::new(Arc::clone(&self.session), known, id, partner, zone))
    }

    /// Which rights are missing for a two-way sync.
    async fn missing_rights(&self) -> Result<Vec<String>, Failed> {
        let known = self.session.signed_in().await?;
        let mut wanted = vec![("res.partner", "create"), ("res.partner", "write"), ("ir.model.data", "read")];
        if let Some(shape) = &known.events {
            wanted.extend([(shape.model(), "create"), (shape.model(), "write")]);
        }
        wanted.extend(known.leads.as_ref().map(|_| ("crm.lead", "write")));
        if known.tasks.is_some() {
            wanted.extend([("project.task", "create"), ("project.task", "write")]);
        }
        if known.seven {
            // OpenERP 7 makes the external ids of `load` with the account's own rights.
            wanted.push(("ir.model.data", "create"));
        }
        let mut missing = Vec::new();
        for (model, right) in wanted {
            if !self.session.may(&known, model, right).await? {
                missing.push(format!("{right} {model}"));
            }
        }
        Ok(missing)
    }
}

#[async_trait]
impl Endpoint for Odoo {
    async fn test(&self, target: Option<&str>, steps: &dyn StepSink) -> Result<(), Fault> {
        let options = self.session.http().options();
        probe_endpoint(&options.base, options.ca_file.as_deref(), steps).await?;
        run_step(TestStep::SignIn, steps, async {
            self.session.forget().await;
            let known = self.session.signed_in().await.map_err(|e| self.fault(e.into()))?;
            let product = if known.seven { "OpenERP" } else { "Odoo" };
            let seen = format!(
                "{product} {}, database {}, {}",
                known.version,
                self.session.database(),
                self.session.account()
            );
            Ok(((), seen))
        })
        .await?;
        let user = match target {
            Some(target) => Some(
                run_step(TestStep::FindUser, steps, async {
                    let user = self.user(target).await?;
                    let seen = format!("{} ({})", user.name, user.user_name);
                    Ok((user, seen))
                })
                .await?,
            ),
            None => None,
        };
        for (step, module) in [
            (TestStep::OpenCalendar, Module::Calendar),
            (TestStep::OpenContacts, Module::Contacts),
            (TestStep::OpenTasks, Module::Tasks),
        ] {
            run_step(step, steps, async {
                let known = self.session.signed_in().await.map_err(|e| self.fault(e.into()))?;
                if module == Module::Tasks && known.tasks.is_none() {
                    let seen = "the Project application is not installed, or hidden: tasks cannot be synced";
                    return Ok(((), seen.to_owned()));
                }
                let seen = if let Some(user) = &user {
                    let page = self.open_user(user).await?.list(module, None, None).await;
                    let page = page.map_err(|e| self.fault(e.into()))?;
                    format!("{}{} found", page.items.len(), if page.next.is_some() { " or more" } else { "" })
                } else {
                    let tables = Table::of(&known, module).map_err(|e| self.fault(e.into()))?;
                    let models: Vec<&str> = tables.iter().map(|table| table.model(&known)).collect();
                    for model in &models {
                        search(&self.session, model, vec![], Some(1)).await.map_err(|f| self.fault(f))?;
                    }
                    format!("{} can be read", models.join(" and "))
                };
                Ok(((), seen))
            })
            .await?;
        }
        run_step(TestStep::MayWrite, steps, async {
            let missing = self.missing_rights().await.map_err(|f| self.fault(f))?;
            if missing.is_empty() {
                let known = self.session.signed_in().await.map_err(|e| self.fault(e.into()))?;
                let items = if known.tasks.is_some() { "contacts, events and tasks" } else { "contacts and events" };
                let email = if known.messages.is_some() {
                    "; e-mail can be logged"
                } else {
                    "; e-mail cannot be logged: the application Discuss (mail) is not installed, or the account may not see \
                     and make messages (mail.message)"
                };
                let categories = tags::remark_of_test(&known.tags, known.tasks.is_some());
                return Ok(((), format!("{items} may be created and changed{categories}{email}")));
            }
            Err(Fault::new(
                FaultKind::MissingPermission,
                format!("{} lacks rights in Odoo: {}", self.session.account(), missing.join(", ")),
            )
            .remedy(
                "In Odoo, open Settings > Users, and give the connection account the application rights for Sales \
                 (see all documents), Project (Manager), Contact Creation, and Administration (Access Rights or Settings).",
            ))
        })
        .await
    }

    async fn fingerprint(&self) -> Result<String, CallError> {
        let args = vec![Rpc::from("database.uuid")];
        match self.session.call("ir.config_parameter", Method::GetParam, args).await {
            Ok(uuid) if !uuid.str().is_empty() => Ok(uuid.str().to_owned()),
            // Later versions show it to administrators alone.
            Ok(_) | Err(Failed::Refused(Refusal::Forbidden(_))) => {
                let base = self.session.http().base();
                Ok(format!("{}/{}", base.host_str().unwrap_or_default(), self.session.database()))
            }
            Err(failed) => Err(failed.call(self.session.account())),
        }
    }
}

#[async_trait]
impl CrmSystem for Odoo {
    async fn user(&self, address: &str) -> Result<CrmUser, Fault> {
        let address = address.trim();
        let mut found = self.users_with("email", address).await.map_err(|f| self.fault(f))?;
        if found.is_empty() {
            found = self.users_with("login", address).await.map_err(|f| self.fault(f))?;
        }
        exactly_one("Odoo", found, address)
    }

    async fn feed(&self, module: Module, cursor: Option<&Cursor>) -> Result<FeedPage, CallError> {
        feed::page(&self.session, module, cursor).await
    }

    async fn open(&self, user: &CrmUser) -> Result<Arc<dyn SilentWriter>, Fault> {
        Ok(Arc::new(self.open_user(user).await?))
    }

    async fn reader(&self, user: &CrmUser) -> Result<Arc<dyn Reader>, Fault> {
        Ok(Arc::new(self.open_user(user).await?))
    }
}

#[cfg(test)]
mod tests;
