//! What every request passes: faults that were asked for, sign-in, the daily limit, and the limit header.

use super::api::ApiError;
use super::{NEWEST, OLDEST, Salesforce};
use crate::serve::Cut;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Who is asking: put into the request for the handlers.
#[derive(Clone)]
pub struct Caller {
    /// The user's id.
    pub user: String,
    /// The address of the data API in the version that was asked for, as `/services/data/v60.0`.
    pub data: String,
}

/// The layer in front of all routes.
pub async fn gate(State(salesforce): State<Salesforce>, mut request: Request, next: Next) -> Response {
    let (down, latency) = {
        let faults = salesforce.faults();
        (faults.down, faults.latency)
    };
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    if down {
        let message = "The server is down for maintenance. Please try again later.";
        return ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "SERVER_UNAVAILABLE", message).into_response();
    }
    let path = request.uri().path().to_owned();
    let is_data = path.strip_prefix("/services/data/").is_some_and(|rest| !rest.is_empty());
    let writes = *request.method() != Method::GET && *request.method() != Method::HEAD;
    let cut = request.extensions().get::<ConnectInfo<Cut>>().map(|c| c.0.clone());
    if is_data {
        match admit(&salesforce, &request, &path) {
            Ok(caller) => request.extensions_mut().insert(caller),
            Err(error) => return with_limits(&salesforce, error.into_response()),
        };
    }
    let response = next.run(request).await;
    if path == "/services/oauth2/token" || path.starts_with("/services/Soap/") {
        let mut faults = salesforce.faults();
        if response.status().is_success() {
            faults.sign_ins += 1;
        } else {
            faults.refused_sign_ins += 1;
        }
    }
    if is_data && writes && salesforce.faults().take_lost_reply() {
        if let Some(cut) = cut {
            cut.cut();
        } else {
            tracing::error!("this listener cannot lose replies");
        }
    }
    if is_data { with_limits(&salesforce, response) } else { response }
}

fn admit(salesforce: &Salesforce, request: &Request, path: &str) -> Result<Caller, ApiError> {
    let version = path.trim_start_matches("/services/data/").split('/').next().unwrap_or_default();
    let number =
        version.strip_prefix('v').and_then(|v| v.strip_suffix(".0")).and_then(|v| v.parse::<u32>().ok());
    if !number.is_some_and(|n| (OLDEST..=NEWEST).contains(&n)) {
        return Err(ApiError::not_found());
    }
    let session = salesforce.session(request.headers())?;
    if !salesforce.faults().take_request() {
        let message = "TotalRequests Limit exceeded.";
        return Err(ApiError::new(StatusCode::FORBIDDEN, "REQUEST_LIMIT_EXCEEDED", message));
    }
    Ok(Caller { user: session.user, data: format!("/services/data/{version}") })
}

fn with_limits(salesforce: &Salesforce, mut response: Response) -> Response {
    let (used, limit) = {
        let faults = salesforce.faults();
        (faults.used, faults.limit)
    };
    if let Ok(value) = HeaderValue::from_str(&format!("api-usage={used}/{limit}")) {
        response.headers_mut().insert("sforce-limit-info", value);
    }
    response
}
