//! Salesforce, by its REST API.
//!
//! One connection account (an integration user with *View All* and *Modify All* on contacts, events and tasks) works with the
//! records that a user owns; Salesforce's REST has no impersonation. What is needed besides: API Enabled, a connected
//! app, and, strongly advised, an external id field (unique) for markers on Contact and Event, named by the option
//! `sync_key_field`. Without it a create whose answer is lost cannot be found again by its marker.
//!
//! - Changes are polled by `SystemModstamp` ([`feed`]), for all users together.
//! - Deleting moves to the recycle bin. Invitees are never written, so nobody is mailed.
//! - `Sforce-Limit-Info` is read from every answer: polls stop at 80 % of the org's daily requests, writes at 95 %.

mod active;
mod api;
mod capabilities;
mod contact;
mod email;
mod event;
mod feed;
mod files;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod layout;
mod layouts;
mod lead;
mod log;
mod remarks;
mod soql;
mod task;
mod token;
mod user;
mod words;

use crate::http::{Auth, HttpClient, HttpOptions, probe_endpoint, run_step};
use crate::one_user::{Found, exactly_one};
use api::Api;
use async_trait::async_trait;
use layout::Layout;
use layouts::Layouts;
use remarks::Told;
use riva_core::documents::{AuthMethod, Connection, OrgWords};
use riva_core::fault::{CallError, Fault, FaultKind};
use riva_core::ids::{CrmUserId, Cursor, EmailAddress};
use riva_core::item::Module;
use riva_core::ports::{
    CrmSystem, CrmUser, Endpoint, FeedPage, Reader, SecretKey, SecretKind, SecretStore, SilentWriter,
    StepSink, TestStep,
};
use secrecy::SecretString;
use serde_json::Value as Json;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use token::{Grant, Tokens};
use tokio::sync::Mutex;
use tokio::time::Instant;
use user::User;
use words::Words;

/// The version of the API unless the connection says otherwise.
const API_VERSION: &str = "60.0";
/// How long the objects' metadata is taken as it was read.
const METADATA_HOLDS: Duration = Duration::from_hours(24);

/// The Salesforce of a connection. Reads secrets; sends nothing.
pub fn system(
    connection: &Connection,
    secrets: &Arc<dyn SecretStore>,
    workspace: &Path,
) -> Result<Arc<dyn CrmSystem>, Fault> {
    let secret = |kind: SecretKind, what: &str| -> Result<SecretString, Fault> {
        let key = SecretKey { connection: connection.name.clone(), kind };
        secrets
            .get(&key)
            .map_err(|e| {
                Fault::new(FaultKind::GivenCredentials, format!("the {what} cannot be read: {}", e.what))
                    .remedy(e.remedy)
            })?
            .ok_or_else(|| {
                Fault::new(
                    FaultKind::GivenCredentials,
                    format!("no {what} is stored for {}", connection.account),
                )
                .remedy(format!("Set the {what} on this connection."))
            })
    };
    let (client_id, grant) = match &connection.auth {
        AuthMethod::OauthPassword { client_id } => (
            client_id,
            Grant::Password {
                client_secret: secret(SecretKind::ClientSecret, "consumer secret")?,
                password: secret(SecretKind::Password, "password")?,
            },
        ),
        AuthMethod::OauthJwt { client_id } => {
            (client_id, Grant::Jwt { key: secret(SecretKind::PrivateKey, "private key")? })
        }
        AuthMethod::Password => {
            return Err(Fault::new(
                FaultKind::GivenCredentials,
                "Salesforce does not take a user name and password alone",
            )
            .remedy(
                "Set the method of this connection to oauth-password or oauth-jwt, with the consumer key of a \
                 connected app.",
            ));
        }
    };
    let version = connection.option("api_version").unwrap_or(API_VERSION).trim_start_matches('v');
    if version.is_empty() || !version.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return Err(Fault::new(FaultKind::UnexpectedAnswer, format!("api_version is no version: {version}"))
            .remedy("Write it as in 60.0, or leave it out."));
    }
    let sync_key = connection.option("sync_key_field").filter(|f| !f.is_empty());
    if sync_key.is_some_and(|f| !f.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')) {
        return Err(Fault::new(FaultKind::UnexpectedAnswer, "sync_key_field is no field name")
            .remedy("Write the API name of the field, as in Riva_Sync_Key__c."));
    }
    let options = HttpOptions::of(connection, workspace, Auth::None);
    let tokens =
        Tokens::new(HttpClient::new(options.clone())?, client_id.clone(), connection.account.clone(), grant);
    let api = Api::new(options, Arc::new(tokens), version.to_owned())?;
    Ok(Arc::new(Salesforce {
        api: Arc::new(api),
        sync_key: sync_key.map(str::to_owned),
        words: Words::new(connection.picklists.clone()),
        layouts: Mutex::default(),
        told: Arc::new(Told::new(connection.name.clone())),
    }))
}

struct Salesforce {
    api: Arc<Api>,
    sync_key: Option<String>,
    words: Words,
    layouts: Mutex<Option<(Arc<Layouts>, Instant)>>,
    /// Which words without a meaning have been told of.
    told: Arc<Told>,
}

/// For calls whose answer can only be a fault.
fn fault(error: CallError) -> Fault {
    match error {
        CallError::Fault(fault) => fault,
        other => Fault::new(FaultKind::SystemNotAvailable, other.to_string()),
    }
}

impl Salesforce {
    /// The objects' metadata: read once a day, for what an administrator changes in it.
    async fn layouts(&self) -> Result<Arc<Layouts>, CallError> {
        let mut known = self.layouts.lock().await;
        if let Some((layouts, at)) = &*known
            && at.elapsed() < METADATA_HOLDS
        {
            return Ok(Arc::clone(layouts));
        }
        let contact = Layout::read(&self.api.get("sobjects/Contact/describe").await?);
        let event = Layout::read(&self.api.get("sobjects/Event/describe").await?);
        let task = self.layout_if_seen("Task").await?;
        let lead = self.layout_if_seen("Lead").await?;
        let message = self.layout_if_seen("EmailMessage").await?;
        let relation = self.layout_if_seen("EmailMessageRelation").await?;
        let email = message.filter(|message| relation.is_some_and(|r| email::can_log(message, &r)));
        let opportunity = self.layout_if_seen("Opportunity").await?.filter(active::can_offer);
        let case = self.layout_if_seen("Case").await?.filter(active::can_offer);
        let files = self.files().await?;
        if let Some(key) = &self.sync_key {
            let tasks = task.as_ref().map(|task| ("Task", task));
            for (object, layout) in [("Contact", &contact), ("Event", &event)].into_iter().chain(tasks) {
                if !layout.writes(key) {
                    let what = if layout.has(key) { "may not be written" } else { "is not there, or hidden" };
                    return Err(Fault::new(FaultKind::MissingPermission, format!("the field {key} of {object} {what}"))
                        .remedy(
                            "Make the field in Salesforce (Text 60, External ID, Unique, case-insensitive) on Contact and \
                             on Activity, and let the connection account's profile edit it; or take the option \
                             sync_key_field out of this connection.",
                        )
                        .into());
                }
            }
        }
        let layouts = Arc::new(Layouts {
            contact,
            event,
            task,
            lead,
            email,
            opportunity,
            case,
            files,
            sync_key: self.sync_key.clone(),
            words: self.words.clone(),
        });
        *known = Some((Arc::clone(&layouts), Instant::now()));
        Ok(layouts)
    }

    /// How files look that can be kept beside records, if they can.
    async fn files(&self) -> Result<Option<Layout>, CallError> {
        let version = self.layout_if_seen("ContentVersion").await?;
        let link = self.layout_if_seen("ContentDocumentLink").await?;
        Ok(version.filter(|version| link.is_some_and(|link| files::can_keep(version, &link))))
    }

    /// An object that the account may do without: `None` if it is hidden from it.
    async fn layout_if_seen(&self, object: &str) -> Result<Option<Layout>, CallError> {
        match self.api.get(&format!("sobjects/{object}/describe")).await {
            Ok(describe) => Ok(Some(Layout::read(&describe))),
            Err(CallError::Fault(f))
                if matches!(f.kind, FaultKind::MissingPermission | FaultKind::UnexpectedAnswer) =>
            {
                tracing::debug!(fault = %f, object, "it cannot be seen");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn users_with(&self, column: &str, value: &str) -> Result<Vec<Found>, CallError> {
        let query = format!(
            "SELECT Id,Name,Username,Email,IsActive,UserType FROM User WHERE {column} = {} LIMIT 20",
            soql::text(value)
        );
        let records = self.api.query(&query, false).await?;
        Ok(records
            .iter()
            // Portal and community users, and the robots of Salesforce, own nothing that is synced.
            .filter(|r| r.get("UserType").and_then(Json::as_str).is_none_or(|t| t == "Standard"))
            .filter_map(|r| {
                let text = |name: &str| r.get(name).and_then(Json::as_str).unwrap_or_default();
                let user = CrmUser {
                    id: CrmUserId::new(r.get("Id")?.as_str()?),
                    name: text("Name").to_owned(),
                    user_name: text("Username").to_owned(),
                    address: EmailAddress::new(text("Email")),
                };
                Some(Found { active: r.get("IsActive").and_then(Json::as_bool).unwrap_or(false), user })
            })
            .collect())
    }

    async fn open_user(&self, user: &CrmUser) -> Result<User, Fault> {
        if !soql::is_id(user.id.as_str()) {
            return Err(Fault::new(
                FaultKind::UserNotFound,
                format!("this is no user id of Salesforce: {}", user.id),
            ));
        }
        let layouts = self.layouts().await.map_err(fault)?;
        Ok(User::new(Arc::clone(&self.api), user, layouts, Arc::clone(&self.told)))
    }

    /// What a two-way sync lacks.
    fn missing_rights(layouts: &Layouts) -> Vec<String> {
        let tasks = layouts.task.as_ref().map(|task| ("Task", task));
        [("Contact", &layouts.contact), ("Event", &layouts.event)]
            .into_iter()
            .chain(tasks)
            .flat_map(|(object, l)| {
                [("create", l.createable), ("edit", l.updateable), ("delete", l.deletable)]
                    .into_iter()
                    .filter(|(_, may)| !may)
                    .map(move |(right, _)| format!("{right} {object}"))
            })
            .collect()
    }
}

#[async_trait]
impl Endpoint for Salesforce {
    async fn test(&self, target: Option<&str>, steps: &dyn StepSink) -> Result<(), Fault> {
        let options = self.api.http().options();
        probe_endpoint(&options.base, options.ca_file.as_deref(), steps).await?;
        run_step(TestStep::SignIn, steps, async {
            self.api.tokens().forget().await;
            let signed_in = self.api.tokens().signed_in().await?;
            let place = signed_in.instance.host_str().unwrap_or_default().to_owned();
            Ok(((), format!("{} at {place}", self.api.tokens().account())))
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
        for (step, object) in [
            (TestStep::OpenCalendar, "Event"),
            (TestStep::OpenContacts, "Contact"),
            (TestStep::OpenTasks, "Task"),
        ] {
            run_step(step, steps, async {
                let mut remark = String::new();
                if object == "Task" {
                    let layouts = self.layouts().await.map_err(fault)?;
                    let Some(task) = &layouts.task else {
                        return Ok((
                            (),
                            "Task: not visible to this account: tasks cannot be synced".to_owned(),
                        ));
                    };
                    remark = words::remark_of_test(&layouts.words.without_meaning(task));
                }
                let owner = user
                    .as_ref()
                    .map(|u| format!(" WHERE OwnerId = {}", soql::text(u.id.as_str())))
                    .unwrap_or_default();
                let query = format!("SELECT Id FROM {object}{owner} LIMIT 1");
                let found = self.api.query(&query, false).await.map_err(fault)?;
                let seen = if found.is_empty() { "there are no records yet" } else { "records can be read" };
                Ok(((), format!("{object}: {seen}{remark}")))
            })
            .await?;
        }
        run_step(TestStep::MayWrite, steps, async {
            // The rights may have been mended just now.
            *self.layouts.lock().await = None;
            let layouts = self.layouts().await.map_err(fault)?;
            let missing = Self::missing_rights(&layouts);
            if !missing.is_empty() {
                return Err(Fault::new(
                    FaultKind::MissingPermission,
                    format!("{} lacks rights in Salesforce: {}", self.api.tokens().account(), missing.join(", ")),
                )
                .remedy(
                    "Give the account's profile or permission set Create, Edit, Delete, View All and Modify All on \
                     contacts, and Edit Events and Edit Tasks.",
                ));
            }
            let usage = self.api.usage().map(|(used, limit)| format!("; {used} of {limit} API requests used today"));
            let key = if layouts.sync_key.is_some() { "" } else { "; no external id field for markers (option sync_key_field)" };
            let keeps_files = layouts.files.is_some();
            let email = match &layouts.email {
                Some(_) if !keeps_files => "; e-mail can be logged",
                Some(message) if files::hang_on_messages(message) => "; e-mail can be logged, with its attachments",
                Some(_) => {
                    "; e-mail can be logged, but without its attachments: the account may not set IsClientManaged of EmailMessage"
                }
                None => {
                    "; e-mail cannot be logged: Enhanced Email is off, or the account may not create EmailMessage and EmailMessageRelation"
                }
            };
            let files = if keeps_files {
                ""
            } else {
                "; attachments cannot be kept: the account may not create ContentVersion, or see ContentDocumentLink"
            };
            let usage = usage.unwrap_or_default();
            Ok(((), format!("contacts, events and tasks may be created, changed and deleted{email}{files}{usage}{key}")))
        })
        .await
    }

    async fn fingerprint(&self) -> Result<String, CallError> {
        let organization = self.api.query("SELECT Id FROM Organization LIMIT 1", false).await?;
        let id = organization.first().and_then(|o| o.get("Id")).and_then(Json::as_str);
        id.map(str::to_owned).ok_or_else(|| {
            Fault::new(FaultKind::MissingPermission, "the connection account may not see the Organization")
                .into()
        })
    }
}

#[async_trait]
impl CrmSystem for Salesforce {
    async fn user(&self, address: &str) -> Result<CrmUser, Fault> {
        let address = address.trim();
        let mut found = self.users_with("Email", address).await.map_err(fault)?;
        if found.is_empty() {
            found = self.users_with("Username", address).await.map_err(fault)?;
        }
        exactly_one("Salesforce", found, address)
    }

    async fn feed(&self, module: Module, cursor: Option<&Cursor>) -> Result<FeedPage, CallError> {
        feed::page(&self.api, &*self.layouts().await?, module, cursor).await
    }

    async fn open(&self, user: &CrmUser) -> Result<Arc<dyn SilentWriter>, Fault> {
        Ok(Arc::new(self.open_user(user).await?))
    }

    async fn reader(&self, user: &CrmUser) -> Result<Arc<dyn Reader>, Fault> {
        Ok(Arc::new(self.open_user(user).await?))
    }

    async fn org_words(&self) -> Result<OrgWords, Fault> {
        let layouts = self.layouts().await.map_err(fault)?;
        Ok(layouts.task.as_ref().map(words::of_org).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests;
