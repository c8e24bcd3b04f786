//! The Salesforce organisation: sign-in, REST data API with SOQL, collections and composite, limits and refusals.
//!
//! Written from the REST API Developer Guide, the Object Reference and the SOQL and SOSL Reference, and from what
//! outside clients (simple-salesforce, jsforce) expect. What it would have mailed is counted, never sent.

pub mod api;
mod auth;
mod collections;
mod composite;
pub mod control;
mod describe;
mod email;
mod event_time;
mod files;
mod fill;
mod gate;
mod ids;
mod objects;
pub mod org;
mod query;
mod replication;
mod rows;
pub mod schema;
mod soap;
pub mod soql;
mod values;

#[cfg(test)]
mod tests;

use crate::seed::{Company, SalesforceOrg};
use axum::Router;
use axum::routing::{get, post};
use chrono::NaiveDate;
use control::Faults;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// The newest version of the API that is offered.
pub const NEWEST: u32 = 66;
/// The oldest one.
pub const OLDEST: u32 = 31;

/// Largest body of a request, as the vendor's limit for REST.
const BODY: usize = 50 << 20;

/// The organisation, shared between its HTTP side and the process that runs it. Clones are the same organisation.
#[derive(Clone)]
pub struct Salesforce {
    state: Arc<State>,
}

struct State {
    base_url: OnceLock<String>,
    parts: OnceLock<Router>,
    setup: Mutex<SalesforceOrg>,
    org: Mutex<org::Org>,
    sessions: Mutex<auth::Sessions>,
    cursors: Mutex<BTreeMap<String, query::Cursor>>,
    faults: Mutex<Faults>,
}

/// A lock whose holder has panicked is still good: every change is made in one step.
fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Salesforce {
    /// The company's organisation, filled with its users and records around `today`.
    pub fn new(company: &Company, today: NaiveDate) -> Self {
        Self {
            state: Arc::new(State {
                base_url: OnceLock::new(),
                parts: OnceLock::new(),
                setup: Mutex::new(company.salesforce.clone()),
                org: Mutex::new(fill::org(company, today)),
                sessions: Mutex::default(),
                cursors: Mutex::default(),
                faults: Mutex::new(Faults::new(company.salesforce.api_limit)),
            }),
        }
    }

    /// The organisation's routes. `base_url` is where clients find them, without a slash at the end.
    pub fn router(&self, base_url: &str) -> Router {
        // A second call keeps the first address: one organisation lives at one place.
        let _ = self.state.base_url.set(base_url.to_owned());
        let data = Router::new()
            .route("/", get(rows::resources))
            .route("/limits", get(rows::limits))
            .route("/limits/", get(rows::limits))
            .route("/query", get(query::query))
            .route("/query/", get(query::query))
            .route("/query/{cursor}", get(query::more))
            .route("/queryAll", get(query::query_all))
            .route("/queryAll/", get(query::query_all))
            .route("/queryAll/{cursor}", get(query::more))
            .route("/sobjects", get(rows::list))
            .route("/sobjects/", get(rows::list))
            .route("/sobjects/{object}", get(rows::basics).post(rows::create))
            .route("/sobjects/{object}/", get(rows::basics).post(rows::create))
            .route("/sobjects/{object}/describe", get(rows::describe))
            .route("/sobjects/{object}/describe/", get(rows::describe))
            .route("/sobjects/{object}/deleted", get(replication::deleted))
            .route("/sobjects/{object}/deleted/", get(replication::deleted))
            .route("/sobjects/{object}/updated", get(replication::updated))
            .route("/sobjects/{object}/updated/", get(replication::updated))
            .route("/sobjects/{object}/{id}", get(rows::read).patch(rows::update).delete(rows::delete))
            .route(
                "/sobjects/{object}/{field}/{value}",
                get(rows::read_by).patch(rows::upsert).delete(rows::delete_by),
            )
            .route(
                "/composite/sobjects",
                post(collections::create).patch(collections::update).delete(collections::delete),
            )
            .route(
                "/composite/sobjects/{object}",
                get(collections::retrieve).post(collections::retrieve_posted),
            )
            .route("/composite/sobjects/{object}/{field}", axum::routing::patch(collections::upsert))
            .route("/composite", post(composite::run));
        let data = Router::new().nest("/services/data/{version}", data);
        // Parts of a composite come in by the same routes, behind the gate.
        let _ = self.state.parts.set(data.clone().with_state(self.clone()));
        Router::new()
            .route("/services/data", get(rows::versions))
            .route("/services/data/", get(rows::versions))
            .merge(data)
            .route("/services/oauth2/token", post(auth::token))
            .route("/services/oauth2/userinfo", get(auth::user_info).post(auth::user_info))
            .route("/services/oauth2/revoke", get(auth::revoke).post(auth::revoke))
            .route("/id/{org}/{user}", get(auth::identity))
            .route("/services/Soap/u/{version}", post(soap::call))
            .route("/services/Soap/c/{version}", post(soap::call))
            .fallback(rows::nowhere)
            .layer(axum::middleware::from_fn_with_state(self.clone(), gate::gate))
            .layer(axum::extract::DefaultBodyLimit::max(BODY))
            .merge(control::router())
            .with_state(self.clone())
    }

    fn org(&self) -> MutexGuard<'_, org::Org> {
        held(&self.state.org)
    }

    fn setup(&self) -> MutexGuard<'_, SalesforceOrg> {
        held(&self.state.setup)
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        held(&self.state.faults)
    }

    fn parts(&self) -> Router {
        self.state.parts.get().cloned().unwrap_or_default()
    }

    fn base_url(&self) -> &str {
        self.state.base_url.get().map_or("", String::as_str)
    }
}
