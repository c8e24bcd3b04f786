//! Composite: up to 25 requests in one, later ones may use the answers of earlier ones.

use super::Salesforce;
use super::api::ApiError;
use super::gate::Caller;
use super::rows::{Answer, fields_of};
use axum::Json;
use axum::body::to_bytes;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Extension, State};
use axum::http::{Request, header};
use axum::response::IntoResponse;
use serde_json::{Map, Value, json};
use tower::ServiceExt;

/// Most requests in one.
const MOST: usize = 25;
/// Largest answer of a part.
const ANSWER: usize = 16 << 20;

/// `POST …/composite`.
pub async fn run(
    State(salesforce): State<Salesforce>,
    Extension(caller): Extension<Caller>,
    body: Result<Json<Value>, JsonRejection>,
) -> Answer {
    let fields = fields_of(body)?;
    let all_or_none = fields.get("allOrNone").and_then(Value::as_bool).unwrap_or(false);
    let parts = fields.get("compositeRequest").and_then(Value::as_array).cloned().unwrap_or_default();
    if parts.is_empty() || parts.len() > MOST {
        let message = format!("The request can't contain more than {MOST} operations, and not none.");
        return Err(ApiError::bad("LIMIT_EXCEEDED", message));
    }
    let before = all_or_none.then(|| {
        let org = salesforce.org();
        let names: Vec<&'static str> =
            org.schema.objects().iter().filter(|o| o.writable).map(|o| o.name).collect();
        org.snapshot(&names)
    });
    let mut answers: Map<String, Value> = Map::new();
    let mut results = Vec::new();
    let mut failed = false;
    for part in &parts {
        let reference = part.get("referenceId").and_then(Value::as_str).unwrap_or_default().to_owned();
        let (status, headers, body) = if failed && all_or_none {
            (400, json!({}), halted())
        } else {
            one(&salesforce, &caller, part, &answers).await?
        };
        failed |= status >= 400;
        answers.insert(reference.clone(), body.clone());
        results.push(
            json!({"body": body, "httpHeaders": headers, "httpStatusCode": status, "referenceId": reference}),
        );
    }
    if let Some(before) = before
        && failed
    {
        salesforce.org().restore(before);
        for result in &mut results {
            if result["httpStatusCode"].as_u64().is_some_and(|s| s < 400) {
                result["httpStatusCode"] = 400.into();
                result["body"] = halted();
            }
        }
    }
    Ok(Json(json!({"compositeResponse": results})).into_response())
}

fn halted() -> Value {
    json!([{
        "errorCode": "PROCESSING_HALTED",
        "message": "The transaction was rolled back since another operation in the same transaction failed.",
    }])
}

async fn one(
    salesforce: &Salesforce,
    caller: &Caller,
    part: &Value,
    answers: &Map<String, Value>,
) -> Result<(u16, Value, Value), ApiError> {
    let text = |name: &str| part.get(name).and_then(Value::as_str).unwrap_or_default();
    let url = resolve(text("url"), answers);
    if !url.starts_with("/services/data/v") || url.contains("/composite") {
        return Err(ApiError::bad("INVALID_INPUT", format!("a part of a composite cannot go to {url}")));
    }
    let mut request = Request::builder().method(text("method")).uri(&url);
    let body = match part.get("body") {
        Some(body) => {
            request = request.header(header::CONTENT_TYPE, "application/json");
            resolve(&body.to_string(), answers)
        }
        None => String::new(),
    };
    if let Some(headers) = part.get("httpHeaders").and_then(Value::as_object) {
        for (name, value) in headers {
            request = request.header(name, value.as_str().unwrap_or_default());
        }
    }
    let mut request = request.body(axum::body::Body::from(body)).map_err(|e| {
        ApiError::bad("INVALID_INPUT", format!("a part of the composite is not a request: {e}"))
    })?;
    request.extensions_mut().insert(caller.clone());
    let response = match salesforce.parts().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let status = response.status().as_u16();
    let headers = match response.headers().get(header::LOCATION).and_then(|v| v.to_str().ok()) {
        Some(location) => json!({"Location": location}),
        None => json!({}),
    };
    let bytes = to_bytes(response.into_body(), ANSWER)
        .await
        .map_err(|e| ApiError::bad("UNKNOWN_EXCEPTION", format!("a part's answer is too large: {e}")))?;
    // An answer without a body is null, as at the vendor.
    Ok((status, headers, serde_json::from_slice(&bytes).unwrap_or(Value::Null)))
}

/// Puts the answers of earlier parts in place of `@{reference.path}`.
fn resolve(text: &str, answers: &Map<String, Value>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("@{") {
        let Some(length) = rest[start..].find('}') else { break };
        out.push_str(&rest[..start]);
        let path = &rest[start + 2..start + length];
        out.push_str(&value_at(path, answers).unwrap_or_else(|| rest[start..=start + length].to_owned()));
        rest = &rest[start + length + 1..];
    }
    out + rest
}

/// A value in an answer: `reference.records[0].Id`.
fn value_at(path: &str, answers: &Map<String, Value>) -> Option<String> {
    let mut parts = path.split(['.', '[']).map(|p| p.trim_end_matches(']'));
    let mut at = answers.get(parts.next()?)?;
    for part in parts {
        at = match part.parse::<usize>() {
            Ok(n) => at.get(n)?,
            Err(_) => at.get(part)?,
        };
    }
    Some(at.as_str().map_or_else(|| at.to_string(), str::to_owned))
}
