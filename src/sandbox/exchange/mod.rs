//! An Exchange organisation that speaks EWS (SOAP 1.1) and POX autodiscover.
//!
//! Written from the schema and service description of Exchange Web Services and Microsoft's documentation. Everything
//! lives in memory behind one lock. No mail ever leaves; each that would have is noted.

mod attachments;
mod autodiscover;
mod back_door;
mod body;
mod calendar;
mod edit;
mod extended;
mod fault;
mod fill;
mod ids;
mod mailbox;
mod message;
mod operations;
mod organisation;
mod properties;
mod recurrence;
mod series;
mod shape;
mod show;
mod soap;
mod time;
mod user_settings;
mod write;
mod xml;

#[cfg(test)]
mod tests;

pub use edit::{Edit, EditError};
pub(crate) use organisation::REFUSALS;
pub use organisation::{Down, Mail};

use crate::seed::Company;
use axum::Router;
use axum::routing::get;
use chrono::NaiveDate;
use organisation::Organisation;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A running organisation; clones are handles on the same one.
#[derive(Debug, Clone)]
pub struct Exchange {
    organisation: Arc<Mutex<Organisation>>,
    url: Option<Arc<str>>,
}

impl Exchange {
    /// An organisation with the people of a company; days of their events are counted from `today`.
    pub fn new(company: &Company, today: NaiveDate) -> Self {
        Self { organisation: Arc::new(Mutex::new(fill::organisation(company, today))), url: None }
    }

    /// The routes, control routes included. `url` is where clients find this server, without a slash at the end: what
    /// autodiscover answers.
    ///
    /// Where the environment names a folder in `RIVA_EWS_DUMP`, the bodies of all requests and replies are written to a
    /// folder of this server's own below it: for checks of whatever a client says against the EWS schema.
    pub fn router(&self, url: &str) -> Router {
        let router = router(&Self { organisation: Arc::clone(&self.organisation), url: Some(url.into()) });
        let Some(folder) = std::env::var_os("RIVA_EWS_DUMP").filter(|f| !f.is_empty()) else { return router };
        let port = url.rsplit(':').next().unwrap_or_default();
        let folder = PathBuf::from(folder).join(format!("{}-{port}", std::process::id()));
        if let Err(error) = std::fs::create_dir_all(&folder) {
            tracing::error!(folder = %folder.display(), %error, "the folder for the wire dump cannot be made");
            return router;
        }
        crate::serve::with_dump(router, folder, "exchange")
    }

    /// The organisation. A panic while it was locked leaves it as it was at that moment, which is good enough here.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Organisation> {
        self.organisation.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The routes of an organisation, control routes included (`/_sandbox/exchange/…`). Autodiscover answers with the host
/// that it was asked at.
pub fn router(exchange: &Exchange) -> Router {
    let ews = get(soap::get).post(soap::post);
    let autodiscover = get(autodiscover::get).post(autodiscover::post);
    Router::new()
        .route("/EWS/Exchange.asmx", ews.clone())
        .route("/ews/exchange.asmx", ews.clone())
        .route("/ews/Exchange.asmx", ews)
        .route("/autodiscover/autodiscover.xml", autodiscover.clone())
        .route("/Autodiscover/Autodiscover.xml", autodiscover)
        .route("/autodiscover/autodiscover.svc", get(autodiscover::get).post(user_settings::post))
        .with_state(exchange.clone())
        .merge(crate::control::router(exchange))
        // A real server takes requests of up to 64 MB.
        .layer(axum::extract::DefaultBodyLimit::max(64 << 20))
}
