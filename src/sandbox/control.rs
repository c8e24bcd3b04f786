//! What tests and people may ask of a running Exchange sandbox: counters, faults, dumps, edits by users.
//!
//! The same over HTTP under `/_sandbox/exchange/` on the organisation's own listener (which is on loopback), as JSON:
//!
//! | request | what it does |
//! |---|---|
//! | `GET counters` | requests by operation; mails that would have been sent, by kind |
//! | `GET mails` | each of these mails |
//! | `GET users` | addresses, and whether each has a mailbox |
//! | `GET items?user=ADDRESS` | everything in a mailbox |
//! | `POST edit` | an [`Edit`] as the owner would make it |
//! | `POST faults` | any of the keys of [`FaultSettings`] |
//! | `POST password` | `{"user": …, "password": …}` |
//! | `POST rights` | `{"user": …, "impersonation": …, "full_access": …}` |
//! | `POST reset` | ends all faults, sets the counters to zero |

use crate::exchange::{Down, Edit, EditError, Exchange, Mail, REFUSALS};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What happened so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Requests by EWS operation.
    pub requests: BTreeMap<String, u64>,
    /// Mails that would have been sent by kind (`invitation`, `update`, `cancellation`, `response`, `message`), one for
    /// each recipient.
    pub mails: BTreeMap<String, u64>,
    /// The most requests that were under way at a time for one mailbox.
    pub peak_concurrency: u32,
}

impl Counters {
    /// All requests.
    pub fn total_requests(&self) -> u64 {
        self.requests.values().sum()
    }

    /// All mails that would have been sent.
    pub fn total_mails(&self) -> u64 {
        self.mails.values().sum()
    }
}

/// A change of the server's faults. A key that is missing leaves its fault as it is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FaultSettings {
    /// `unavailable` (HTTP 503), `closed` (connections end without a reply) or `no` (up again).
    pub down: Option<String>,
    /// The next n requests are answered with ErrorServerBusy; 0 ends it.
    pub throttle: Option<u32>,
    /// The back-off that is told with it, in milliseconds; 1000 if not given.
    pub back_off_ms: Option<u64>,
    /// The next n replies get lost after the work is done; 0 ends it.
    pub lose_replies: Option<u32>,
    /// Only replies of this operation get lost.
    pub lose_operation: Option<String>,
    /// The next n items that are created, changed or deleted are refused, each for itself; 0 ends it.
    pub refuse_items: Option<u32>,
    /// With which code: a transient one, ErrorInternalServerTransientError, if not given.
    pub refuse_code: Option<String>,
    /// Every reply takes so many milliseconds longer.
    pub latency_ms: Option<u64>,
    /// More concurrent requests than this for one mailbox are refused; 0 ends it.
    pub max_concurrency: Option<u32>,
    /// Largest page of FindItem and SyncFolderItems; 0 ends it.
    pub page_size: Option<usize>,
    /// All sync states given out so far become invalid.
    pub invalidate_sync_states: bool,
}

/// The handle on an organisation's back door; clones are handles on the same one.
#[derive(Debug, Clone)]
pub struct Control {
    exchange: Exchange,
}

impl Control {
    /// The back door of an organisation.
    pub fn new(exchange: &Exchange) -> Self {
        Self { exchange: exchange.clone() }
    }

    /// What happened so far.
    pub fn counters(&self) -> Counters {
        let mut mails = BTreeMap::new();
        for mail in self.mails() {
            *mails.entry(mail.kind.to_owned()).or_default() += 1;
        }
        Counters {
            requests: self.exchange.requests(),
            mails,
            peak_concurrency: self.exchange.peak_concurrency(),
        }
    }

    /// Every mail that would have been sent.
    pub fn mails(&self) -> Vec<Mail> {
        self.exchange.mails()
    }

    /// Switches the server down, or up again.
    pub fn set_down(&self, down: Option<Down>) {
        self.exchange.lock().faults.down = down;
    }

    /// The next `requests` requests are answered with ErrorServerBusy and this back-off.
    pub fn throttle(&self, requests: u32, back_off_ms: u64) {
        self.exchange.lock().faults.throttle = (requests > 0).then_some((requests, back_off_ms));
    }

    /// The next `replies` replies (of one operation only, if named) get lost after the work is done.
    pub fn lose_replies(&self, replies: u32, operation: Option<&str>) {
        self.exchange.lock().faults.lose = (replies > 0).then(|| (replies, operation.map(str::to_owned)));
    }

    /// The next `items` items that are created, changed or deleted are refused with a response code, each for itself.
    pub fn refuse_items(&self, items: u32, code: &str) -> Result<(), EditError> {
        let code = REFUSALS.iter().find(|c| **c == code).ok_or_else(|| {
            EditError::new(format!("items can be refused with {}, not with {code}", REFUSALS.join(", ")))
        })?;
        self.exchange.lock().faults.refuse = (items > 0).then_some((items, *code));
        Ok(())
    }

    /// Every reply takes so much longer.
    pub fn set_latency(&self, milliseconds: u64) {
        self.exchange.lock().faults.latency_ms = milliseconds;
    }

    /// More concurrent requests than this for one mailbox are refused with ErrorExceededConnectionCount.
    pub fn set_max_concurrency(&self, requests: Option<u32>) {
        self.exchange.lock().faults.max_concurrency = requests;
    }

    /// Largest page of FindItem and SyncFolderItems.
    pub fn set_page_size(&self, items: Option<usize>) {
        self.exchange.lock().faults.page_size = items;
    }

    /// Makes all sync states given out so far invalid.
    pub fn invalidate_sync_states(&self) {
        self.exchange.invalidate_sync_states();
    }

    /// Another password for an account.
    pub fn set_password(&self, user: &str, password: &str) -> Result<(), EditError> {
        self.exchange.set_password(user, password)
    }

    /// Whether the connection account may impersonate a user, and whether it has Full Access to the mailbox.
    pub fn set_rights(
        &self,
        user: &str,
        impersonation: Option<bool>,
        full_access: Option<bool>,
    ) -> Result<(), EditError> {
        self.exchange.set_rights(user, impersonation, full_access)
    }

    /// Everything in a mailbox, as JSON.
    pub fn items(&self, user: &str) -> Result<Vec<Value>, EditError> {
        self.exchange.dump(user)
    }

    /// An edit as the mailbox's owner would make it; answers with the item's id, if it still has one.
    pub fn edit(&self, edit: Edit) -> Result<Option<String>, EditError> {
        self.exchange.edit(edit)
    }

    /// The mailbox's owner deletes a folder for good, with all that is in it: its names from the top with slashes between.
    pub fn delete_folder(&self, user: &str, name: &str) -> Result<(), EditError> {
        self.exchange.delete_folder(user, name)
    }

    /// Ends all faults and sets the counters to zero. Items and passwords stay.
    pub fn reset(&self) {
        self.exchange.reset();
    }

    /// Applies a change of the faults.
    pub fn set_faults(&self, settings: &FaultSettings) -> Result<(), EditError> {
        match settings.down.as_deref() {
            None => {}
            Some("no") => self.set_down(None),
            Some("unavailable") => self.set_down(Some(Down::Unavailable)),
            Some("closed") => self.set_down(Some(Down::Closed)),
            Some(other) => {
                return Err(EditError::new(format!("down is unavailable, closed or no, not {other}")));
            }
        }
        if let Some(requests) = settings.throttle {
            self.throttle(requests, settings.back_off_ms.unwrap_or(1000));
        }
        if let Some(replies) = settings.lose_replies {
            self.lose_replies(replies, settings.lose_operation.as_deref());
        }
        if let Some(items) = settings.refuse_items {
            let code = settings.refuse_code.as_deref().unwrap_or("ErrorInternalServerTransientError");
            self.refuse_items(items, code)?;
        }
        if let Some(milliseconds) = settings.latency_ms {
            self.set_latency(milliseconds);
        }
        if let Some(requests) = settings.max_concurrency {
            self.set_max_concurrency((requests > 0).then_some(requests));
        }
        if let Some(items) = settings.page_size {
            self.set_page_size((items > 0).then_some(items));
        }
        if settings.invalidate_sync_states {
            self.invalidate_sync_states();
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct OfUser {
    user: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    user: String,
    password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRights {
    user: String,
    impersonation: Option<bool>,
    full_access: Option<bool>,
}

fn answer(result: Result<Value, EditError>) -> Response {
    match result {
        Ok(value) => Json(value).into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, Json(json!({ "error": error.to_string() }))).into_response(),
    }
}

/// The control routes.
pub(crate) fn router(exchange: &Exchange) -> Router {
    let counters = |State(c): State<Control>| async move { Json(c.counters()) };
    let mails = |State(c): State<Control>| async move { Json(c.mails()) };
    let users = |State(c): State<Control>| async move {
        let users = c.exchange.users();
        Json(users.into_iter().map(|(a, m)| json!({ "address": a, "mailbox": m })).collect::<Vec<_>>())
    };
    let items = |State(c): State<Control>, Query(of): Query<OfUser>| async move {
        answer(c.items(&of.user).map(Value::from))
    };
    let edit = |State(c): State<Control>, Json(edit): Json<Edit>| async move {
        answer(c.edit(edit).map(|id| json!({ "id": id })))
    };
    let faults = |State(c): State<Control>, Json(settings): Json<FaultSettings>| async move {
        answer(c.set_faults(&settings).map(|()| json!({})))
    };
    let password = |State(c): State<Control>, Json(new): Json<NewPassword>| async move {
        answer(c.set_password(&new.user, &new.password).map(|()| json!({})))
    };
    let rights = |State(c): State<Control>, Json(new): Json<NewRights>| async move {
        answer(c.set_rights(&new.user, new.impersonation, new.full_access).map(|()| json!({})))
    };
    let reset = |State(c): State<Control>| async move {
        c.reset();
        Json(json!({}))
    };
    Router::new()
        .route("/_sandbox/exchange/counters", get(counters))
        .route("/_sandbox/exchange/mails", get(mails))
        .route("/_sandbox/exchange/users", get(users))
        .route("/_sandbox/exchange/items", get(items))
        .route("/_sandbox/exchange/edit", post(edit))
        .route("/_sandbox/exchange/faults", post(faults))
        .route("/_sandbox/exchange/password", post(password))
        .route("/_sandbox/exchange/rights", post(rights))
        .route("/_sandbox/exchange/reset", post(reset))
        .with_state(Control::new(exchange))
}
