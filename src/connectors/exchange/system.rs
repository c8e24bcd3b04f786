//! An Exchange as a mail system: its directory, its mailboxes, and the test of a connection.

use super::client::{Ews, messages};
use super::event::EventStyle;
use super::mailbox::Mailbox;
use super::request::{self, Folder};
use super::soap::ServerVersion;
use super::xml::Read;
use crate::http::{Auth, HttpClient, HttpOptions, probe_endpoint, run_step};
use async_trait::async_trait;
use chrono_tz::Tz;
use riva_core::documents::{AccessMethod, AuthMethod, Connection};
use riva_core::fault::{CallError, Fault, FaultKind};
use riva_core::ids::EmailAddress;
use riva_core::ports::{
    Directory, Endpoint, MailSystem, ResolvedName, SecretKey, SecretKind, SecretStore, SilentWriter,
    StepSink, TestStep,
};
use std::path::Path;
use std::sync::Arc;

/// An Exchange, reached with one connection account.
pub(super) struct Exchange {
    ews: Arc<Ews>,
    style: EventStyle,
}

/// Makes the Exchange of a connection. Options: `ews_version` (`Exchange2010_SP2`, the default, to `Exchange2016`) and
/// `all_day_zone` (an IANA zone, default `UTC`, at whose midnights the whole days begin that we write).
pub fn system(
    connection: &Connection,
    secrets: &Arc<dyn SecretStore>,
    workspace: &Path,
) -> Result<Arc<dyn MailSystem>, Fault> {
    Ok(Arc::new(Exchange::new(connection, secrets, workspace)?))
}

impl Exchange {
    fn new(connection: &Connection, secrets: &Arc<dyn SecretStore>, workspace: &Path) -> Result<Self, Fault> {
        let options = HttpOptions::of(connection, workspace, login(connection, secrets)?);
        Self::with(connection, options)
    }

    pub(super) fn with(connection: &Connection, http: HttpOptions) -> Result<Self, Fault> {
        let wrong = |option: &str, value: &str, expected: &str| {
            Fault::new(
                FaultKind::UnexpectedAnswer,
                format!("the option {option} of this connection is \"{value}\""),
            )
            .remedy(format!("Set {option} to {expected}."))
        };
        let version = match connection.option("ews_version") {
            Some(word) => ServerVersion::from_word(word).ok_or_else(|| {
                let known = ServerVersion::ALL.map(ServerVersion::as_str).join(", ");
                wrong("ews_version", word, &format!("one of {known}"))
            })?,
            None => ServerVersion::Exchange2010Sp2,
        };
        let all_day_zone = match connection.option("all_day_zone") {
            Some(word) => word.parse().map_err(|_| {
                wrong("all_day_zone", word, "the IANA name of a time zone, such as Europe/Berlin")
            })?,
            None => Tz::UTC,
        };
        let ews = Ews {
            http: HttpClient::new(http)?,
            url: connection.address.clone(),
            version,
            access: connection.access.unwrap_or_default(),
            account: connection.account.clone(),
        };
        Ok(Self { ews: Arc::new(ews), style: EventStyle { version, all_day_zone } })
    }

    /// A default folder of a user, or of the connection account: its node in the answer, as text of what is asked.
    async fn folder<T>(
        &self,
        user: Option<&EmailAddress>,
        id: &'static str,
        read: impl FnOnce(roxmltree::Node<'_, '_>) -> T + Send,
    ) -> Result<T, CallError> {
        let delegate = self.ews.access == AccessMethod::DelegateFullAccess;
        let folder = Folder::Default { id, mailbox: user.filter(|_| delegate).cloned() };
        let reply = self.ews.call(user, request::get_folder(&[folder])).await?;
        let doc = reply.document()?;
        match messages(&doc).into_iter().next() {
            Some(Ok(message)) => {
                let folder = message.one("Folders").and_then(|f| f.elements().next());
                folder.map(read).ok_or_else(|| {
                    Fault::new(FaultKind::UnexpectedAnswer, "Exchange's answer lacks the folder").into()
                })
            }
            Some(Err(refusal)) => Err(self.ews.call_error(user, &refusal)),
            None => Err(Fault::new(FaultKind::UnexpectedAnswer, "Exchange's answer lacks the folder").into()),
        }
    }

    /// The connection account's own inbox; an account without a mailbox of its own can be signed in as well.
    async fn sign_in(&self) -> Result<((), String), Fault> {
        match self.folder(None, "inbox", |_| ()).await {
            Ok(()) => Ok(((), format!("as {}", self.ews.account))),
            Err(CallError::Fault(fault))
                if matches!(fault.kind, FaultKind::UserNotFound | FaultKind::MailboxNeverOpened) =>
            {
                Ok(((), format!("as {}, which has no mailbox of its own", self.ews.account)))
            }
            Err(error) => Err(into_fault(error)),
        }
    }

    async fn find_user(&self, typed: &str) -> Result<(EmailAddress, String), Fault> {
        let found = self.check_name(typed).await?;
        let wanted = EmailAddress::new(typed);
        if let Some(user) = found.iter().find(|f| f.address == wanted) {
            return Ok((wanted, user.display_name.clone()));
        }
        let missing = |detail: String| Fault::new(FaultKind::UserNotFound, detail);
        match found.as_slice() {
            [] => Err(missing(format!("nobody in Exchange's directory matches \"{typed}\""))),
            [only] if wanted.looks_valid() => Err(missing(format!(
                "nobody in Exchange's directory has this primary address; the nearest is {} <{}>: \"{typed}\"",
                only.display_name, only.address
            ))
            .remedy("Use the primary address. It must be identical in the mailbox and in the CRM.")),
            [only] => Ok((only.address.clone(), format!("{} <{}>", only.display_name, only.address))),
            several => Err(missing(format!(
                "{} users in Exchange's directory match \"{typed}\": {}",
                several.len(),
                several.iter().take(5).map(|f| f.address.as_str()).collect::<Vec<_>>().join(", ")
            ))),
        }
    }

    /// Opens a folder: what it holds, and whether we may put something in.
    async fn open_folder(
        &self,
        user: &EmailAddress,
        id: &'static str,
    ) -> Result<(Option<bool>, String), Fault> {
        self.folder(Some(user), id, |folder| {
            let rights = folder.children().find(|n| n.tag_name().name() == "EffectiveRights");
            let may = rights.map(|r| super::shape::child_is_true(r, "CreateContents"));
            let count = super::shape::child_text(folder, "TotalCount");
            let name = super::shape::child_text(folder, "DisplayName");
            (may, if count.is_empty() { name } else { format!("{name}, {count} items") })
        })
        .await
        .map_err(into_fault)
    }
}

/// In a test nothing is written, so that whatever is in doubt is just a missing answer.
fn into_fault(error: CallError) -> Fault {
    match error {
        CallError::Fault(fault) => fault,
        CallError::InDoubt(why) => Fault::new(FaultKind::SystemNotAvailable, why),
        CallError::CursorLost(why) => Fault::new(FaultKind::UnexpectedAnswer, why),
    }
}

fn login(connection: &Connection, secrets: &Arc<dyn SecretStore>) -> Result<Auth, Fault> {
    if connection.auth != AuthMethod::Password {
        return Err(Fault::new(
            FaultKind::GivenCredentials,
            "Exchange Web Services on premises take user name and password; this connection is set to OAuth",
        )
        .remedy("Set the method of this connection to password."));
    }
    let key = SecretKey { connection: connection.name.clone(), kind: SecretKind::Password };
    let password = secrets.get(&key).map_err(|e| {
        Fault::new(
            FaultKind::GivenCredentials,
            format!("the password cannot be read from {}: {}", secrets.place(), e.what),
        )
        .remedy(e.remedy)
    })?;
    let password = password.ok_or_else(|| {
        Fault::new(FaultKind::GivenCredentials, format!("no password is stored for {}", connection.account))
            .remedy("Set the password of the connection account on this connection.")
    })?;
    Ok(Auth::Basic { user: connection.account.clone(), password })
}

#[async_trait]
impl Endpoint for Exchange {
    async fn test(&self, target: Option<&str>, steps: &dyn StepSink) -> Result<(), Fault> {
        probe_endpoint(&self.ews.url, self.ews.http.options().ca_file.as_deref(), steps).await?;
        run_step(TestStep::SignIn, steps, self.sign_in()).await?;
        let Some(target) = target.map(str::trim).filter(|t| !t.is_empty()) else { return Ok(()) };
        let user = run_step(TestStep::FindUser, steps, self.find_user(target)).await?;
        run_step(TestStep::Impersonate, steps, async {
            self.folder(Some(&user), "inbox", |_| ()).await.map_err(into_fault)?;
            let how = match self.ews.access {
                AccessMethod::Impersonation => "by impersonation",
                AccessMethod::DelegateFullAccess => "as delegate",
            };
            Ok(((), format!("{user} {how}")))
        })
        .await?;
        let mut rights = Vec::new();
        for (step, id) in [
            (TestStep::OpenCalendar, "calendar"),
            (TestStep::OpenContacts, "contacts"),
            (TestStep::OpenTasks, "tasks"),
        ] {
            let may = run_step(step, steps, self.open_folder(&user, id)).await?;
            rights.push((id, may));
        }
        run_step(TestStep::MayWrite, steps, async { may_write(&user, &rights) }).await
    }

    async fn fingerprint(&self) -> Result<String, CallError> {
        let host = self.ews.url.host_str().unwrap_or_default();
        let id = |folder: roxmltree::Node<'_, '_>| {
            let id = folder.children().find(|n| n.tag_name().name() == "FolderId");
            id.and_then(|f| f.attribute("Id")).map(str::to_owned)
        };
        match self.folder(None, "inbox", id).await {
            // A folder's id holds the mailbox's GUID: another Exchange under the same name has another.
            Ok(Some(id)) => Ok(format!("exchange/{id}")),
            Ok(None) => Ok(format!("exchange/{host}")),
            Err(CallError::Fault(f))
                if matches!(f.kind, FaultKind::UserNotFound | FaultKind::MailboxNeverOpened) =>
            {
                Ok(format!("exchange/{host}"))
            }
            Err(error) => Err(error),
        }
    }
}

fn may_write(user: &EmailAddress, rights: &[(&str, Option<bool>)]) -> Result<((), String), Fault> {
    let refused: Vec<_> = rights.iter().filter(|(_, may)| *may == Some(false)).map(|(id, _)| *id).collect();
    if !refused.is_empty() {
        return Err(Fault::new(
            FaultKind::MissingPermission,
            format!("nothing may be created in {} of {user}", refused.join(", ")),
        )
        .remedy("Grant the connection account ApplicationImpersonation, or Full Access on this mailbox."));
    }
    let unknown: Vec<_> = rights.iter().filter(|(_, may)| may.is_none()).map(|(id, _)| *id).collect();
    if !unknown.is_empty() {
        return Err(Fault::new(
            FaultKind::UnexpectedAnswer,
            format!("Exchange does not say what may be done in {} of {user}", unknown.join(", ")),
        ));
    }
    Ok(((), "calendar, contacts, tasks".to_owned()))
}

#[async_trait]
impl Directory for Exchange {
    async fn check_name(&self, typed: &str) -> Result<Vec<ResolvedName>, Fault> {
        let typed = typed.trim();
        if typed.is_empty() {
            return Ok(Vec::new());
        }
        let reply = self.ews.call(None, request::resolve_names(typed)).await.map_err(into_fault)?;
        let doc = reply.document()?;
        let message = match messages(&doc).into_iter().next() {
            Some(Ok(message)) => message,
            Some(Err(refusal)) if refusal.code == "ErrorNameResolutionNoResults" => return Ok(Vec::new()),
            Some(Err(refusal)) => return Err(into_fault(self.ews.call_error(None, &refusal))),
            None => return Err(Fault::new(FaultKind::UnexpectedAnswer, "Exchange's answer lacks the names")),
        };
        let set = message.one("ResolutionSet");
        let mailboxes = set.iter().flat_map(Read::elements).filter_map(|r| r.one("Mailbox"));
        Ok(mailboxes
            // Groups and outside contacts have no mailbox here.
            .filter(|m| m.text_of("MailboxType").is_none_or(|t| t == "Mailbox"))
            .filter(|m| m.text_of("RoutingType").is_none_or(|t| t.eq_ignore_ascii_case("SMTP")))
            .filter_map(|m| {
                let address = EmailAddress::new(m.text_of("EmailAddress")?);
                address.looks_valid().then(|| ResolvedName {
                    display_name: m.text_of("Name").unwrap_or_else(|| address.to_string()),
                    address,
                })
            })
            .collect())
    }
}

#[async_trait]
impl MailSystem for Exchange {
    fn directory(&self) -> &dyn Directory {
        self
    }

    async fn open(&self, user: &EmailAddress) -> Result<Arc<dyn SilentWriter>, Fault> {
        Ok(Arc::new(Mailbox::new(Arc::clone(&self.ews), user.clone(), self.style)))
    }
}
