//! One signed-in account on one database: every call goes through here.

use super::event::Shape;
use super::layout::Layout;
use super::places::Places;
use super::refusal::Refusal;
use super::tables::Table;
use super::tags::Tags;
use super::task;
use super::xmlrpc::{Answer, Value as Rpc, read_answer, write_call};
use crate::http::{HttpClient, Kind, Request, Scope, shown_url};
use chrono::{DateTime, Utc};
use riva_core::fault::{CallError, Fault, FaultKind};
use secrecy::{ExposeSecret as _, SecretString};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// The methods that are called. Which of them write is decided here, once: see [`Method::writes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Ids of rows that match a domain.
    Search,
    /// Columns of rows.
    Read,
    /// When rows were written last (to the microsecond on OpenERP 7).
    PermRead,
    /// What columns a model has.
    FieldsGet,
    /// Which ids exist, whether they can be seen or not.
    Exists,
    /// Whether the account may do something with a model.
    CheckAccessRights,
    /// A configuration parameter.
    GetParam,
    /// Upsert by external id.
    Load,
    /// Insert.
    Create,
    /// Update.
    Write,
    /// Delete: messages that we have logged, with the files that we have hung on them, and nothing else.
    Unlink,
}

impl Method {
    fn name(self) -> &'static str {
        match self {
            Self::Search => "search",
            Self::Read => "read",
            Self::PermRead => "perm_read",
            Self::FieldsGet => "fields_get",
            Self::Exists => "exists",
            Self::CheckAccessRights => "check_access_rights",
            Self::GetParam => "get_param",
            Self::Load => "load",
            Self::Create => "create",
            Self::Write => "write",
            Self::Unlink => "unlink",
        }
    }

    /// Whether it changes anything.
    pub fn writes(self) -> bool {
        matches!(self, Self::Load | Self::Create | Self::Write | Self::Unlink)
    }

    fn takes_context(self) -> bool {
        !matches!(self, Self::CheckAccessRights | Self::GetParam)
    }

    /// The context of a call. Reads see archived rows and series as one row each, in UTC and English. **Every write
    /// tells the server to mail nobody**: there is no way to write around it.
    fn context(self, more: &[(String, Rpc)]) -> Rpc {
        let mut context = vec![
            ("active_test", Rpc::Bool(false)),
            ("virtual_id", Rpc::Bool(false)),
            ("tz", Rpc::from("UTC")),
            ("lang", Rpc::from("en_US")),
        ];
        if self.writes() {
            context.extend(
                [
                    "no_mail_to_attendees",
                    "dont_notify",
                    "skip_attendee_notification",
                    "mail_create_nosubscribe",
                    "mail_create_nolog",
                    "mail_notrack",
                    "mail_notify_noemail",
                    "mail_auto_subscribe_no_notify",
                    "tracking_disable",
                ]
                .map(|key| (key, Rpc::Bool(true))),
            );
        }
        let own = context.into_iter().map(|(key, value)| (key.to_owned(), value));
        // Ours come last: nothing that is passed in can switch them off.
        Rpc::map(more.iter().cloned().chain(own))
    }
}

/// Why a call did not bring its result.
#[derive(Debug)]
pub enum Failed {
    /// Nothing, or not all, came through.
    Call(CallError),
    /// The server understood, and refuses.
    Refused(Refusal),
}

impl Failed {
    /// For calls that concern no single item.
    pub fn call(self, account: &str) -> CallError {
        match self {
            Self::Call(error) => error,
            Self::Refused(refusal) => refusal.fault(account).into(),
        }
    }
}

impl From<CallError> for Failed {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

/// What is known of the server once the account has signed in.
#[derive(Debug)]
pub struct SignedIn {
    /// The account's id.
    pub uid: i64,
    /// As the server says it: `7.0`, `18.0`.
    pub version: String,
    /// OpenERP 7 (or else Odoo 8 and later).
    pub seven: bool,
    /// The columns of contacts.
    pub contacts: Layout,
    /// The columns of leads; `None` where there are none, or the account may not see them.
    pub leads: Option<Layout>,
    /// The columns of opportunities; `None` where e-mail cannot be logged against any.
    pub opportunities: Option<Layout>,
    /// The event model; `None` where the calendar is not installed.
    pub events: Option<Shape>,
    /// How tasks are built; `None` where they are not installed, or the account may not see them.
    pub tasks: Option<task::Shape>,
    /// How rows are tagged, of the tables whose tags the account may see.
    pub tags: BTreeMap<Table, Tags>,
    /// The columns of messages; `None` where none can be logged.
    pub messages: Option<Layout>,
    /// The columns of files; `None` where none can be kept.
    pub files: Option<Layout>,
    /// Whether logged messages can show files.
    pub files_on_messages: bool,
    /// The columns of users.
    pub users: Layout,
    /// Whether external ids may be made.
    pub may_tag: bool,
    /// Countries and states.
    pub places: Places,
}

/// A session. OpenERP has none: each call carries the password, and what was found out is remembered here.
pub struct Session {
    http: HttpClient,
    database: String,
    account: String,
    password: SecretString,
    state: Mutex<Known>,
    /// The server's clock, as last heard.
    heard: std::sync::Mutex<Option<DateTime<Utc>>>,
    /// Held by who makes tags.
    makes_tags: Mutex<()>,
    /// Which categories an owner was told of that the server does not keep.
    told: std::sync::Mutex<BTreeSet<(i64, String)>>,
}

#[derive(Default)]
struct Known {
    signed_in: Option<Arc<SignedIn>>,
    refused: Option<(Instant, Fault)>,
}

/// How long a refused login is not tried again, so that the tries of many users do not lock the account.
const REFUSAL_PAUSE: Duration = Duration::from_mins(15);

impl Session {
    /// A session that has sent nothing yet.
    pub fn new(http: HttpClient, database: String, account: String, password: SecretString) -> Self {
        Self {
            http,
            database,
            account,
            password,
            state: Mutex::default(),
            heard: std::sync::Mutex::default(),
            makes_tags: Mutex::default(),
            told: std::sync::Mutex::default(),
        }
    }

    /// The connection account.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The database's name.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// The HTTP client.
    pub fn http(&self) -> &HttpClient {
        &self.http
    }

    /// Held by who makes tags: no two may make the same one.
    pub(super) fn makes_tags(&self) -> &Mutex<()> {
        &self.makes_tags
    }

    /// Whether something is told an owner for the first time.
    pub(super) fn is_news(&self, owner: i64, text: &str) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.insert((owner, text.to_owned()))
    }

    /// The server's clock when it last answered; where it has not told, ours. The database may have another.
    pub fn now(&self) -> DateTime<Utc> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).unwrap_or_else(Utc::now)
    }

    /// Forgets what is known, a refusal too: a connection test wants to know how it is now.
    pub async fn forget(&self) {
        *self.state.lock().await = Known::default();
    }

    /// Signs in, once.
    pub async fn signed_in(&self) -> Result<Arc<SignedIn>, CallError> {
        let mut state = self.state.lock().await;
        if let Some(known) = &state.signed_in {
            return Ok(Arc::clone(known));
        }
        match &state.refused {
            Some((until, fault)) if Instant::now() < *until => return Err(fault.clone().into()),
            _ => state.refused = None,
        }
        match self.sign_in().await {
            Ok(known) => {
                let known = Arc::new(known);
                state.signed_in = Some(Arc::clone(&known));
                Ok(known)
            }
            Err(error) => {
                if let CallError::Fault(fault) = &error
                    && fault.kind == FaultKind::GivenCredentials
                {
                    state.refused = Some((Instant::now() + REFUSAL_PAUSE, fault.clone()));
                }
                Err(error)
            }
        }
    }

    async fn sign_in(&self) -> Result<SignedIn, CallError> {
        let version = self.version().await?;
        let seven = version.split('.').next().and_then(|n| n.parse::<u32>().ok()).is_some_and(|n| n < 8);
        let login = vec![
            Rpc::from(self.database.as_str()),
            Rpc::from(self.account.as_str()),
            Rpc::from(self.password.expose_secret()),
        ];
        let (method, params) = if seven {
            ("login", login)
        } else {
            ("authenticate", login.into_iter().chain([Rpc::Map([].into())]).collect())
        };
        let uid = match self.send("common", seven, method, &params, Kind::Read).await {
            Ok(Rpc::Int(uid)) => uid,
            Ok(_) | Err(Failed::Refused(Refusal::SignIn)) => {
                return Err(Refusal::SignIn.fault(&self.account).into());
            }
            Err(failed) => return Err(failed.call(&self.account)),
        };
        let mut known = SignedIn {
            uid,
            version,
            seven,
            contacts: Layout::default(),
            leads: None,
            opportunities: None,
            events: None,
            tasks: None,
            tags: BTreeMap::new(),
            messages: None,
            files: None,
            files_on_messages: false,
            users: Layout::default(),
            may_tag: false,
            places: Places::default(),
        };
        self.learn(&mut known).await.map_err(|failed| failed.call(&self.account))?;
        Ok(known)
    }

    /// The server's version, from the service that it has: `/xmlrpc/2/` since Odoo 8, `/xmlrpc/` before.
    async fn version(&self) -> Result<String, CallError> {
        let mut last: Option<CallError> = None;
        for seven in [false, true] {
            match self.send("common", seven, "version", &[], Kind::Read).await {
                Ok(answer) => {
                    return Ok(answer.get("server_version").map(Rpc::str).unwrap_or_default().to_owned());
                }
                Err(Failed::Refused(refusal)) => last = Some(refusal.fault(&self.account).into()),
                // The new service is not there (404): try the old one.
                Err(Failed::Call(CallError::Fault(fault))) if fault.kind == FaultKind::UnexpectedAnswer => {
                    last = Some(CallError::Fault(fault));
                }
                Err(Failed::Call(error)) => return Err(error),
            }
        }
        let nobody = || Fault::new(FaultKind::UnexpectedAnswer, "no XML-RPC service answers").into();
        Err(last.unwrap_or_else(nobody))
    }

    /// Whether the account may `create`, `write`, `read` or `unlink` rows of a model.
    pub async fn may(&self, known: &SignedIn, model: &str, operation: &str) -> Result<bool, Failed> {
        let args = vec![Rpc::from(operation), Rpc::Bool(false)];
        match self.as_user(known, model, Method::CheckAccessRights, args, &[]).await {
            Ok(answer) => Ok(answer.is_true()),
            Err(Failed::Refused(Refusal::Forbidden(_))) => Ok(false),
            Err(failed) => Err(failed),
        }
    }

    /// Calls a method of a model.
    pub async fn call(&self, model: &str, method: Method, args: Vec<Rpc>) -> Result<Rpc, Failed> {
        self.call_with(model, method, args, &[]).await
    }

    /// The same with more in its context.
    pub async fn call_with(
        &self,
        model: &str,
        method: Method,
        args: Vec<Rpc>,
        context: &[(String, Rpc)],
    ) -> Result<Rpc, Failed> {
        let known = self.signed_in().await?;
        let answer = self.as_user(&known, model, method, args, context).await;
        if matches!(answer, Err(Failed::Refused(Refusal::SignIn))) {
            // The password was changed, or the account switched off: not to be tried with every call.
            let mut state = self.state.lock().await;
            state.signed_in = None;
            state.refused = Some((Instant::now() + REFUSAL_PAUSE, Refusal::SignIn.fault(&self.account)));
        }
        answer
    }

    /// The same for an account that is only being signed in.
    pub(super) async fn as_user(
        &self,
        known: &SignedIn,
        model: &str,
        method: Method,
        args: Vec<Rpc>,
        context: &[(String, Rpc)],
    ) -> Result<Rpc, Failed> {
        let mut named = Vec::new();
        if method.takes_context() {
            named.push(("context", method.context(context)));
        }
        if method == Method::PermRead {
            named.push(("details", Rpc::Bool(false)));
        }
        let params = [
            Rpc::from(self.database.as_str()),
            Rpc::Int(known.uid),
            Rpc::from(self.password.expose_secret()),
            Rpc::from(model),
            Rpc::from(method.name()),
            Rpc::List(args),
            Rpc::map(named),
        ];
        let kind = if method.writes() { Kind::Write } else { Kind::Read };
        self.send("object", known.seven, "execute_kw", &params, kind).await
    }

    async fn send(
        &self,
        service: &str,
        seven: bool,
        method: &str,
        params: &[Rpc],
        kind: Kind,
    ) -> Result<Rpc, Failed> {
        let mut url = self.http.base().clone();
        let root = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{root}/xmlrpc/{}{service}", if seven { "" } else { "2/" }));
        // Every call carries the password.
        let request = Request::post(url.clone(), kind, "text/xml", write_call(method, params)).secret();
        let response = self.http.send(&Scope::connection(), request).await?;
        if let Some(date) = response.header("date").and_then(|d| DateTime::parse_from_rfc2822(d).ok()) {
            *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Some(date.to_utc());
        }
        let unforeseen = |what: String| -> Failed {
            if kind == Kind::Write {
                return Failed::Call(CallError::InDoubt(what));
            }
            let fault = Fault::new(FaultKind::UnexpectedAnswer, what).remedy(
                "Check that the address of this connection is the one with which Odoo opens in a browser.",
            );
            Failed::Call(fault.into())
        };
        let status = response.status.as_u16();
        if status >= 500 {
            let what = format!("the server failed (status {status}), at {}", shown_url(&url));
            return Err(if kind == Kind::Write {
                Failed::Call(CallError::InDoubt(what))
            } else {
                Failed::Call(Fault::new(FaultKind::SystemNotAvailable, what).into())
            });
        }
        if status == 413 {
            // Nothing was read of it. The server, or what stands before it, has a limit for the size of a request.
            let what = "the server takes no request of this size (status 413)";
            return Err(Failed::Refused(Refusal::Invalid(what.to_owned())));
        }
        if status != 200 {
            return Err(unforeseen(format!(
                "no XML-RPC service answers (status {status}), at {}",
                shown_url(&url)
            )));
        }
        match read_answer(&response.text()) {
            Ok(Answer::Result(value)) => Ok(value),
            // OpenERP 7 and later ones up to 12 commit first and write their answer then: a method that answers None, as
            // some modules' do, has done its work.
            Ok(Answer::Fault { code, text })
                if kind == Kind::Write && format!("{code}\n{text}").contains("cannot marshal None") =>
            {
                Err(unforeseen(format!(
                    "the server could not put its answer into words, at {}",
                    shown_url(&url)
                )))
            }
            Ok(Answer::Fault { code, text }) => Err(Failed::Refused(Refusal::read(&code, &text))),
            Err(error) => Err(unforeseen(format!("{error}, at {}", shown_url(&url)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Method; 11] = [
        Method::Search,
        Method::Read,
        Method::PermRead,
        Method::FieldsGet,
        Method::Exists,
        Method::CheckAccessRights,
        Method::GetParam,
        Method::Load,
        Method::Create,
        Method::Write,
        Method::Unlink,
    ];

    #[test]
    fn every_write_is_silent_and_nothing_can_change_that() {
        let loud = [
            ("no_mail_to_attendees".to_owned(), Rpc::Bool(false)),
            ("dont_notify".to_owned(), Rpc::Bool(false)),
        ];
        for method in ALL.into_iter().filter(|m| m.writes()) {
            assert!(method.takes_context());
            let context = method.context(&loud);
            for key in [
                "no_mail_to_attendees",
                "dont_notify",
                "skip_attendee_notification",
                "mail_create_nosubscribe",
                "mail_notrack",
                "mail_notify_noemail",
                "mail_auto_subscribe_no_notify",
                "tracking_disable",
            ] {
                assert_eq!(context.get(key), Some(&Rpc::Bool(true)), "{method:?} {key}");
            }
        }
    }
}
