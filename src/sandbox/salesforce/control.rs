//! What a test or a person may ask of the org from behind: faults, counters, changes as a user makes them, a dump.
//!
//! The same over HTTP under `/_sandbox/salesforce/` on the org's own listener, as JSON, and as methods of [`Salesforce`]:
//!
//! | request | what it does |
//! |---|---|
//! | `GET counters` | API requests, sign-ins, mails that would have been sent, records and deleted records by object |
//! | `GET mails` | each of these mails |
//! | `GET dump` | all contacts, events and tasks by their owner's address |
//! | `POST settings` | any of `down`, `latency_ms`, `lose_replies`, `page_size` (0: as asked), `used`, `limit`, `expire_tokens`, `password`, `security_token`, `public_key_pem`, `multi_day_events` |
//! | `POST edit/USER` | an [`Edit`], as the user with this address or user name |
//! | `POST active/USER/true` | activates (or with `false` deactivates) a user |

use super::Salesforce;
use super::api::ApiError;
use super::org::{Org, Record};
use super::rows::writable;
use super::schema::Object;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// The org's state of health, and its request counter.
#[derive(Debug, Clone)]
pub struct Faults {
    /// Answers 503 to everything.
    pub down: bool,
    /// Waits so long before each answer.
    pub latency: Duration,
    /// The replies to so many of the next writing requests get lost after the work was done.
    pub lose_replies: u32,
    /// Records on a query page, whatever the client asks for; 1 is allowed.
    pub page_size: Option<usize>,
    /// API requests used.
    pub used: u64,
    /// API requests allowed.
    pub limit: u64,
    /// Sign-ins that succeeded.
    pub sign_ins: u64,
    /// Sign-ins that were refused.
    pub refused_sign_ins: u64,
}

impl Faults {
    /// In good health.
    pub fn new(limit: u64) -> Self {
        Self {
            down: false,
            latency: Duration::ZERO,
            lose_replies: 0,
            page_size: None,
            used: 0,
            limit,
            sign_ins: 0,
            refused_sign_ins: 0,
        }
    }

    /// Counts a request; `false` if the limit is used up.
    pub(super) fn take_request(&mut self) -> bool {
        let left = self.used < self.limit;
        self.used += u64::from(left);
        left
    }

    /// Whether this reply is to get lost.
    pub(super) fn take_lost_reply(&mut self) -> bool {
        let lost = self.lose_replies > 0;
        self.lose_replies -= u32::from(lost);
        lost
    }
}

/// How much there is and how much was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// API requests used.
    pub requests: u64,
    /// Sign-ins that succeeded.
    pub sign_ins: u64,
    /// Sign-ins that were refused: a good client stops at once, because the real org locks the user out.
    pub refused_sign_ins: u64,
    /// Mails that the org would have sent.
    pub mails: usize,
    /// Records in use, by object.
    pub records: BTreeMap<String, usize>,
    /// Records in the recycle bin, by object.
    pub deleted: BTreeMap<String, usize>,
}

impl Salesforce {
    /// What was asked so far.
    pub fn counters(&self) -> Counters {
        let faults = self.faults().clone();
        let org = self.org();
        let mut counters = Counters {
            requests: faults.used,
            sign_ins: faults.sign_ins,
            refused_sign_ins: faults.refused_sign_ins,
            mails: org.mails.len(),
            records: BTreeMap::new(),
            deleted: BTreeMap::new(),
        };
        for object in org.schema.objects() {
            let gone = org.rows(object).filter(|(_, r)| r.deleted_at.is_some()).count();
            counters.records.insert(object.name.to_owned(), org.rows(object).count() - gone);
            counters.deleted.insert(object.name.to_owned(), gone);
        }
        counters
    }

    /// The mails that the org would have sent, one line each.
    pub fn mails(&self) -> Vec<String> {
        self.org().mails.clone()
    }

    /// Answers 503 to everything, or goes on.
    pub fn set_down(&self, down: bool) {
        self.faults().down = down;
    }

    /// Waits so long before each answer.
    pub fn set_latency(&self, latency: Duration) {
        self.faults().latency = latency;
    }

    /// Does the work of the next `count` writing requests, and loses the replies.
    pub fn lose_replies(&self, count: u32) {
        self.faults().lose_replies = count;
    }

    /// Fixes the number of records on a query page; `None` listens to the client again.
    pub fn set_page_size(&self, size: Option<usize>) {
        self.faults().page_size = size;
    }

    /// Sets the request counter, and the limit if given.
    pub fn set_usage(&self, used: u64, limit: Option<u64>) {
        let mut faults = self.faults();
        faults.used = used;
        faults.limit = limit.unwrap_or(faults.limit);
    }

    /// Bytes that all files together may have; `None`: as many as they like.
    pub fn set_file_storage(&self, most: Option<u64>) {
        self.org().file_storage = most;
    }

    /// Ends all sessions; returns how many there were.
    pub fn expire_tokens(&self) -> usize {
        self.close_all_sessions()
    }

    /// Changes the integration user's password, and the security token if given (empty: none is needed).
    /// Sessions stay open, as at the vendor.
    pub fn change_password(&self, password: &str, security_token: Option<&str>) {
        let mut setup = self.setup();
        password.clone_into(&mut setup.password);
        if let Some(token) = security_token {
            setup.security_token = (!token.is_empty()).then(|| token.to_owned());
        }
    }

    /// Registers the public key that JWT assertions are checked with.
    pub fn register_key(&self, public_key_pem: &str) {
        self.setup().public_key_pem = Some(public_key_pem.to_owned());
    }

    /// Activates or deactivates the user with this user name.
    pub fn set_user_active(&self, user_name: &str, active: bool) -> Result<(), ApiError> {
        let mut org = self.org();
        let users = org.schema.known("User")?;
        let id = org
            .rows(&users)
            .find(|(_, r)| r.text("Username").is_some_and(|u| u.eq_ignore_ascii_case(user_name)))
            .map(|(id, _)| id.clone())
            .ok_or_else(ApiError::not_found)?;
        let by = org.integration_user.clone();
        let change = Map::from_iter([("IsActive".to_owned(), Value::Bool(active))]);
        org.update(&users, &id, &change, &by)
    }

    /// All contacts and events in use, by the owner's e-mail address and object.
    pub fn dump(&self) -> BTreeMap<String, BTreeMap<String, Vec<Value>>> {
        let org = self.org();
        let mut out: BTreeMap<String, BTreeMap<String, Vec<Value>>> = BTreeMap::new();
        let Some(users) = org.schema.object("User") else { return out };
        let objects = ["Contact", "Event", "Task", "Opportunity", "Case"];
        for object in objects.iter().filter_map(|n| org.schema.object(n)) {
            for (_, record) in org.rows(&object).filter(|(_, r)| r.deleted_at.is_none()) {
                let owner = record.text("OwnerId").and_then(|id| org.any(&users, id));
                let address = owner.and_then(|o| o.text("Email")).unwrap_or("(nobody)").to_lowercase();
                let shown: Map<String, Value> =
                    record.values.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect();
                out.entry(address).or_default().entry(object.name.to_owned()).or_default().push(shown.into());
            }
        }
        out
    }

    /// The versions of the files that hang on a record.
    pub fn files_of(&self, record: &str) -> Vec<Value> {
        files_on(&self.org(), record)
    }

    /// All messages in use, each with its relations as `people`, and the versions of its files as `files`.
    pub fn messages(&self) -> Vec<Value> {
        let org = self.org();
        let (messages, relations) =
            (org.schema.object("EmailMessage"), org.schema.object("EmailMessageRelation"));
        let (Some(messages), Some(relations)) = (messages, relations) else { return Vec::new() };
        live(&org, &messages)
            .into_iter()
            .map(|mut message| {
                let files = message.get("Id").and_then(Value::as_str).map(|id| files_on(&org, id));
                let people = live(&org, &relations)
                    .into_iter()
                    .filter(|r| r.get("EmailMessageId") == message.get("Id"));
                let people: Vec<Value> = people.map(Value::Object).collect();
                message.insert("files".to_owned(), files.unwrap_or_default().into());
                message.insert("people".to_owned(), people.into());
                message.into()
            })
            .collect()
    }

    /// Does what a user does in the browser, as the user with this e-mail address or user name.
    pub fn edit(&self, as_user: &str, edit: &Edit) -> Result<String, ApiError> {
        let mut org = self.org();
        let users = org.schema.known("User")?;
        let same = |value: Option<&str>| value.is_some_and(|v| v.eq_ignore_ascii_case(as_user));
        let by = org
            .rows(&users)
            .find(|(_, r)| same(r.text("Email")) || same(r.text("Username")))
            .map(|(id, _)| id.clone())
            .ok_or_else(ApiError::not_found)?;
        match edit {
            Edit::Create { object, fields } => {
                let object = writable(&org, object)?;
                org.create(&object, fields, &by)
            }
            Edit::Update { object, id, fields } => {
                let object = writable(&org, object)?;
                org.update(&object, id, fields, &by)?;
                Ok(id.clone())
            }
            Edit::Delete { object, id } => {
                let object = writable(&org, object)?;
                org.delete(&object, id, &by)?;
                Ok(id.clone())
            }
            Edit::Undelete { object, id } => {
                let object = writable(&org, object)?;
                org.undelete(&object, id, &by)?;
                Ok(id.clone())
            }
            Edit::Convert { id } => org.convert(id, &by),
            Edit::Merge { object, id, loser } => {
                let object = writable(&org, object)?;
                org.merge(&object, id, loser, &by)?;
                Ok(id.clone())
            }
        }
    }
}

/// Something that a user does to a record.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(tag = "do", rename_all = "lowercase")]
pub enum Edit {
    /// Makes a record.
    Create {
        /// Object name.
        object: String,
        /// Values by field.
        fields: Map<String, Value>,
    },
    /// Changes fields.
    Update {
        /// Object name.
        object: String,
        /// Record id.
        id: String,
        /// Values by field.
        fields: Map<String, Value>,
    },
    /// Moves a record to the recycle bin.
    Delete {
        /// Object name.
        object: String,
        /// Record id.
        id: String,
    },
    /// Converts a lead to a contact, whose id is answered.
    Convert {
        /// The lead's id.
        id: String,
    },
    /// Takes it out again.
    Undelete {
        /// Object name.
        object: String,
        /// Record id.
        id: String,
    },
    /// Merges a duplicate into another record.
    Merge {
        /// Object name.
        object: String,
        /// Id of the record that stays.
        id: String,
        /// Id of the one that goes.
        loser: String,
    },
}

/// What can be set over HTTP; what is not named stays.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    down: Option<bool>,
    latency_ms: Option<u64>,
    lose_replies: Option<u32>,
    /// 0 listens to the client again.
    page_size: Option<usize>,
    used: Option<u64>,
    limit: Option<u64>,
    expire_tokens: Option<bool>,
    password: Option<String>,
    security_token: Option<String>,
    public_key_pem: Option<String>,
    multi_day_events: Option<bool>,
}

/// The addresses under `/_sandbox/salesforce/`.
pub(super) fn router() -> Router<Salesforce> {
    Router::new()
        .route(
            "/_sandbox/salesforce/counters",
            get(|State(s): State<Salesforce>| async move { Json(s.counters()) }),
        )
        .route(
            "/_sandbox/salesforce/mails",
            get(|State(s): State<Salesforce>| async move { Json(s.mails()) }),
        )
        .route("/_sandbox/salesforce/dump", get(|State(s): State<Salesforce>| async move { Json(s.dump()) }))
        .route("/_sandbox/salesforce/settings", post(settings))
        .route("/_sandbox/salesforce/edit/{user}", post(edit))
        .route("/_sandbox/salesforce/active/{user}/{active}", post(active))
}

async fn settings(State(salesforce): State<Salesforce>, Json(settings): Json<Settings>) -> Response {
    {
        let mut faults = salesforce.faults();
        faults.down = settings.down.unwrap_or(faults.down);
        faults.latency = settings.latency_ms.map_or(faults.latency, Duration::from_millis);
        faults.lose_replies = settings.lose_replies.unwrap_or(faults.lose_replies);
        if let Some(size) = settings.page_size {
            faults.page_size = (size > 0).then_some(size);
        }
        faults.used = settings.used.unwrap_or(faults.used);
        faults.limit = settings.limit.unwrap_or(faults.limit);
    }
    if let Some(on) = settings.multi_day_events {
        salesforce.org().multi_day_events = on;
    }
    if let Some(password) = settings.password {
        salesforce.change_password(&password, settings.security_token.as_deref());
    }
    if let Some(pem) = settings.public_key_pem {
        salesforce.register_key(&pem);
    }
    let expired = if settings.expire_tokens == Some(true) { salesforce.expire_tokens() } else { 0 };
    Json(json!({"expired": expired})).into_response()
}

async fn edit(
    State(salesforce): State<Salesforce>,
    Path(user): Path<String>,
    Json(edit): Json<Edit>,
) -> Result<Json<Value>, ApiError> {
    salesforce.edit(&user, &edit).map(|id| Json(json!({"id": id})))
}

async fn active(
    State(salesforce): State<Salesforce>,
    Path((user, active)): Path<(String, bool)>,
) -> Result<StatusCode, ApiError> {
    salesforce.set_user_active(&user, active)?;
    Ok(StatusCode::NO_CONTENT)
}

/// The records of an object that are in use.
fn live(org: &Org, object: &Object) -> Vec<Map<String, Value>> {
    let records = org.rows(object).filter(|(_, record)| record.deleted_at.is_none());
    let shown = |record: &Record| record.values.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect();
    records.map(|(_, record)| shown(record)).collect()
}

/// The versions of the files that hang on a record.
fn files_on(org: &Org, record: &str) -> Vec<Value> {
    let of_files = ["ContentDocumentLink", "ContentVersion"].map(|name| org.schema.object(name));
    let [links, versions] =
        of_files.each_ref().map(|object| object.as_ref().map(|object| live(org, object)).unwrap_or_default());
    let is_on = |version: &Map<String, Value>| {
        let is_link = |link: &Map<String, Value>| {
            link.get("LinkedEntityId").and_then(Value::as_str) == Some(record)
                && link.get("ContentDocumentId") == version.get("ContentDocumentId")
        };
        links.iter().any(is_link)
    };
    versions.into_iter().filter(is_on).map(Value::Object).collect()
}
