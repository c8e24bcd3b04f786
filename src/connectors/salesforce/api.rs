//! The REST API of one org: requests, pages, refusals, and the daily limit.

use super::token::Tokens;
use crate::http::{Auth, HttpClient, HttpOptions, Kind, Request, Response, Scope, shown_url};
use chrono::{DateTime, Utc};
use http::{HeaderValue, Method};
use riva_core::fault::{CallError, Fault, FaultKind, ItemError};
use serde_json::Value as Json;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Above this part of the daily requests, nothing is polled any more.
const POLLS_STOP: f64 = 0.80;
/// Above this part, nothing is written either: the rest belongs to the org's other programs.
const WRITES_STOP: f64 = 0.95;
/// How long a reading of the limit stands; then one request is let through to read it again.
const READING_HOLDS: Duration = Duration::from_mins(15);

/// One org's REST API.
pub struct Api {
    http: HttpClient,
    tokens: Arc<Tokens>,
    version: String,
    heard: Mutex<Heard>,
}

/// What the headers of the last answers said.
#[derive(Default)]
struct Heard {
    usage: Option<(u64, u64, Instant)>,
    date: Option<DateTime<Utc>>,
}

/// One of Salesforce's refusals.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refusal {
    /// `REQUIRED_FIELD_MISSING`, …
    pub code: String,
    /// In Salesforce's words.
    pub message: String,
}

impl Refusal {
    /// Out of a list of errors, in either of their forms (`errorCode` of a request, `statusCode` of a record).
    pub fn read(errors: &Json) -> Option<Self> {
        let first = errors.as_array()?.first()?;
        let text = |name: &str| first.get(name).and_then(Json::as_str);
        let code = text("errorCode").or_else(|| text("statusCode"))?;
        Some(Self { code: code.to_owned(), message: text("message").unwrap_or_default().to_owned() })
    }

    /// For a write of one record, which then was not made.
    pub fn item(&self) -> ItemError {
        let reason = format!("{} ({})", self.message, self.code);
        match self.code.as_str() {
            "ENTITY_IS_DELETED" | "INVALID_CROSS_REFERENCE_KEY" | "NOT_FOUND" => ItemError::Gone,
            "DUPLICATE_VALUE" => ItemError::Exists,
            "INSUFFICIENT_ACCESS_OR_READONLY"
            | "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY"
            | "INSUFFICIENT_ACCESS"
            | "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"
            | "INVALID_FIELD_FOR_INSERT_UPDATE"
            | "DELETE_FAILED" => ItemError::Forbidden { reason },
            // Nobody may write then: no matter of a user's rights.
            "STORAGE_LIMIT_EXCEEDED" => {
                ItemError::Invalid { reason: format!("the org's storage is used up: {reason}") }
            }
            "UNABLE_TO_LOCK_ROW"
            | "REQUEST_LIMIT_EXCEEDED"
            | "SERVER_UNAVAILABLE"
            | "PROCESSING_HALTED"
            | "ALL_OR_NONE_OPERATION_ROLLED_BACK" => ItemError::NotNow(reason),
            // Whether it was carried out is unknown.
            "UNKNOWN_EXCEPTION" => ItemError::InDoubt(reason),
            _ => ItemError::Invalid { reason },
        }
    }
}

impl Api {
    /// Sends nothing yet. `options` are those of the connection, without a login.
    pub fn new(mut options: HttpOptions, tokens: Arc<Tokens>, version: String) -> Result<Self, Fault> {
        options.auth = Auth::Bearer(Arc::clone(&tokens) as Arc<dyn crate::http::TokenSource>);
        // Salesforce counts long requests only; the org is one scope.
        options.max_concurrent_per_scope = options.max_concurrent.min(10);
        Ok(Self { http: HttpClient::new(options)?, tokens, version, heard: Mutex::default() })
    }

    /// The account's tokens.
    pub fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// The HTTP client.
    pub fn http(&self) -> &HttpClient {
        &self.http
    }

    /// Used and allowed requests of the day, as last heard.
    pub fn usage(&self) -> Option<(u64, u64)> {
        self.heard().usage.map(|(used, limit, _)| (used, limit))
    }

    /// The server's clock, as last heard.
    pub fn server_time(&self) -> Option<DateTime<Utc>> {
        self.heard().date
    }

    /// The server's clock, or where it has not told yet, ours.
    pub fn now(&self) -> DateTime<Utc> {
        self.server_time().unwrap_or_else(Utc::now)
    }

    fn heard(&self) -> std::sync::MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn within(&self, part: f64, what: &str) -> Result<(), Fault> {
        let Some((used, limit, at)) = self.heard().usage else { return Ok(()) };
        #[allow(clippy::cast_precision_loss)] // daily requests are far below 2^52
        let too_many = limit > 0 && used as f64 >= limit as f64 * part;
        let age = at.elapsed();
        if !too_many || age >= READING_HOLDS {
            return Ok(());
        }
        Err(Fault::new(
            FaultKind::Throttled,
            format!("{used} of the {limit} requests that Salesforce allows this org in 24 hours are used: {what}"),
        )
        .remedy(
            "Riva goes on by itself when the count falls. If it happens often, lengthen the sync interval, sync fewer \
             modules, or have Salesforce raise the limit (Setup > Company Information > API Requests).",
        )
        .retry_after(READING_HOLDS.saturating_sub(age)))
    }

    /// Whether polls may go on: below 80 % of the daily limit.
    pub fn may_poll(&self) -> Result<(), Fault> {
        self.within(POLLS_STOP, "nothing is polled above 80 %")
    }

    /// Whether writes may go on: below 95 % of the daily limit.
    pub fn may_write(&self) -> Result<(), Fault> {
        self.within(WRITES_STOP, "nothing is written above 95 %")
    }

    /// All records of a query; `everything` sees the recycle bin too.
    pub async fn query(&self, soql: &str, everything: bool) -> Result<Vec<Json>, CallError> {
        let text = url::form_urlencoded::byte_serialize(soql.as_bytes()).collect::<String>();
        let mut path = format!("{}?q={text}", self.data(if everything { "queryAll" } else { "query" }));
        let mut records = Vec::new();
        loop {
            let mut answer = self.request(Method::GET, &path, None, Kind::Read).await?;
            match answer.get_mut("records").map(Json::take) {
                Some(Json::Array(page)) => records.extend(page),
                _ => return Err(unforeseen("an answer to a query without records").into()),
            }
            match answer.get("nextRecordsUrl").and_then(Json::as_str) {
                Some(next) => next.clone_into(&mut path),
                None => return Ok(records),
            }
        }
    }

    /// The path of a resource of the data API.
    pub fn data(&self, resource: &str) -> String {
        format!("/services/data/v{}/{resource}", self.version)
    }

    /// Reads a resource of the data API.
    pub async fn get(&self, resource: &str) -> Result<Json, CallError> {
        self.request(Method::GET, &self.data(resource), None, Kind::Read).await
    }

    /// Writes to a resource of the data API.
    pub async fn write(
        &self,
        method: Method,
        resource: &str,
        body: Option<&Json>,
    ) -> Result<Json, CallError> {
        self.may_write()?;
        self.request(method, &self.data(resource), body, Kind::Write).await
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&Json>,
        kind: Kind,
    ) -> Result<Json, CallError> {
        let instance = self.tokens.signed_in().await?.instance;
        let url = instance.join(path).map_err(|_| unforeseen(&format!("an address that is none: {path}")))?;
        // `nextRecordsUrl` comes from the server: the token goes to the org alone.
        if url.origin() != instance.origin() {
            return Err(unforeseen(&format!("the org leads to another host: {}", shown_url(&url))).into());
        }
        let mut request = Request::new(method, url.clone(), kind)
            .header(http::header::ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(body) = body {
            request = request
                .header(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
                .body(body.to_string());
        }
        let response = self.http.send(&Scope::connection(), request).await?;
        self.hear(&response);
        let json = serde_json::from_slice::<Json>(&response.body);
        if response.status.is_success() {
            return match json {
                Ok(json) => Ok(json),
                // Of a write, nothing more to say; of a read, nothing said.
                Err(_) if response.body.is_empty() && kind == Kind::Write => Ok(Json::Null),
                Err(_) if kind == Kind::Write => Err(CallError::InDoubt("the answer is no JSON".into())),
                Err(_) => {
                    Err(unforeseen(&format!("an answer that is no JSON, from {}", shown_url(&url))).into())
                }
            };
        }
        let refusal = json.ok().as_ref().and_then(Refusal::read);
        Err(self.refused(&url, response.status.as_u16(), refusal, kind))
    }

    fn hear(&self, response: &Response) {
        let mut heard = self.heard();
        if let Some((used, limit)) = response.header("sforce-limit-info").and_then(read_usage) {
            heard.usage = Some((used, limit, Instant::now()));
        }
        if let Some(date) = response.header("date").and_then(|d| DateTime::parse_from_rfc2822(d).ok()) {
            heard.date = Some(date.with_timezone(&Utc));
        }
    }

    fn refused(&self, url: &url::Url, status: u16, refusal: Option<Refusal>, kind: Kind) -> CallError {
        let place = shown_url(url);
        let Some(Refusal { code, message }) = refusal else {
            let what = format!("Salesforce failed (status {status}), at {place}");
            return match (status, kind) {
                (500.., Kind::Write) => CallError::InDoubt(what),
                (500.., Kind::Read) => Fault::new(FaultKind::SystemNotAvailable, what).into(),
                _ => unforeseen(&what).into(),
            };
        };
        let detail = format!("{message} ({code})");
        match code.as_str() {
            "REQUEST_LIMIT_EXCEEDED" => {
                let mut fault = self.http.back_off(&Scope::connection(), Some(READING_HOLDS));
                fault.detail = format!("Connection to CRM Server failed: {detail}");
                fault
                    .remedy(
                        "The org's requests of the last 24 hours are used up. Lengthen the sync interval, sync fewer \
                         modules, or have Salesforce raise the limit (Setup > Company Information > API Requests).",
                    )
                    .into()
            }
            "INVALID_REPLICATION_DATE" | "INVALID_QUERY_LOCATOR" => CallError::CursorLost(detail),
            // Stopped somewhere, or failed in words: nobody knows how far it came.
            "UNKNOWN_EXCEPTION" | "REQUEST_RUNNING_TOO_LONG" if kind == Kind::Write => {
                CallError::InDoubt(detail)
            }
            other if status >= 500 && kind == Kind::Write && other != "UNABLE_TO_LOCK_ROW" => {
                CallError::InDoubt(detail)
            }
            "UNABLE_TO_LOCK_ROW" | "QUERY_TIMEOUT" | "REQUEST_RUNNING_TOO_LONG" | "SERVER_UNAVAILABLE" => {
                Fault::new(FaultKind::Throttled, format!("Salesforce is busy: {detail}"))
                    .retry_after(Duration::from_mins(1))
                    .into()
            }
            "API_DISABLED_FOR_ORG" | "API_CURRENTLY_DISABLED" => Fault::new(
                FaultKind::MissingPermission,
                format!("{} may not use the API: {detail}", self.tokens.account()),
            )
            .remedy(
                "Give the account's profile the permission API Enabled; the edition must include the API.",
            )
            .into(),
            "INVALID_FIELD" | "INVALID_TYPE" | "INSUFFICIENT_ACCESS" | "INSUFFICIENT_ACCESS_OR_READONLY" => {
                Fault::new(
                    FaultKind::MissingPermission,
                    format!("{} may not see an object or field: {detail}", self.tokens.account()),
                )
                .into()
            }
            "NOT_FOUND" => unforeseen(&format!("{detail}, at {place}"))
                .remedy("Check the option `api_version` of this connection, and the object's name.")
                .into(),
            _ if status >= 500 => Fault::new(FaultKind::SystemNotAvailable, detail).into(),
            _ => unforeseen(&detail).into(),
        }
    }
}

fn unforeseen(what: &str) -> Fault {
    Fault::new(FaultKind::UnexpectedAnswer, what)
}

/// `api-usage=18/15000`, with more behind a semicolon in orgs with app limits.
fn read_usage(header: &str) -> Option<(u64, u64)> {
    let usage = header.split([';', ',']).find_map(|part| part.trim().strip_prefix("api-usage="))?;
    let (used, limit) = usage.split_once('/')?;
    Some((used.trim().parse().ok()?, limit.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_limit_header_is_read() {
        assert_eq!(read_usage("api-usage=18/15000"), Some((18, 15000)));
        assert_eq!(read_usage("api-usage=25/5000; per-app-api-usage=17/250(appName=riva)"), Some((25, 5000)));
        assert_eq!(read_usage("per-app-api-usage=17/250"), None);
    }

    #[test]
    fn refusals_of_a_record_are_told_apart() {
        let item = |code: &str| Refusal { code: code.into(), message: "why".into() }.item();
        assert_eq!(item("ENTITY_IS_DELETED"), ItemError::Gone);
        assert!(
            matches!(item("DUPLICATES_DETECTED"), ItemError::Invalid { reason } if reason.contains("DUPLICATES_DETECTED"))
        );
        assert!(matches!(item("REQUIRED_FIELD_MISSING"), ItemError::Invalid { .. }));
        assert!(matches!(item("FIELD_INTEGRITY_EXCEPTION"), ItemError::Invalid { .. }));
        assert!(matches!(item("INSUFFICIENT_ACCESS_OR_READONLY"), ItemError::Forbidden { .. }));
        assert!(
            matches!(item("STORAGE_LIMIT_EXCEEDED"), ItemError::Invalid { reason } if reason.contains("used up"))
        );
        assert!(matches!(item("UNABLE_TO_LOCK_ROW"), ItemError::NotNow(_)));
        assert_eq!(item("DUPLICATE_VALUE"), ItemError::Exists);
    }

    #[test]
    fn both_forms_of_a_refusal_are_read() {
        let expected = Some(Refusal { code: "X".into(), message: "m".into() });
        assert_eq!(Refusal::read(&json!([{"errorCode": "X", "message": "m"}])), expected);
        assert_eq!(Refusal::read(&json!([{"statusCode": "X", "message": "m", "fields": []}])), expected);
        assert_eq!(Refusal::read(&json!([])), None);
    }
}
