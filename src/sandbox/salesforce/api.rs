//! The answers of the REST API when it refuses: a status and a JSON list of code, message and fields.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// A refusal, as the vendor words it.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiError {
    /// HTTP status.
    pub status: StatusCode,
    /// Error code (`errorCode`, in collections `statusCode`).
    pub code: &'static str,
    /// Message for people.
    pub message: String,
    /// Fields that it is about.
    pub fields: Vec<String>,
}

impl ApiError {
    /// A refusal with status 400.
    pub fn bad(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// A refusal with any status.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), fields: Vec::new() }
    }

    /// The same, naming fields.
    #[must_use]
    pub fn about<S: Into<String>>(mut self, fields: impl IntoIterator<Item = S>) -> Self {
        self.fields = fields.into_iter().map(Into::into).collect();
        self
    }

    /// No such address or record.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", "The requested resource does not exist")
    }

    /// The record is in the recycle bin.
    pub fn deleted() -> Self {
        Self::new(StatusCode::NOT_FOUND, "ENTITY_IS_DELETED", "entity is deleted")
    }

    /// The token is unknown or has expired.
    pub fn session() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "INVALID_SESSION_ID", "Session expired or invalid")
    }

    /// The body is not what the address wants.
    pub fn json(what: impl std::fmt::Display) -> Self {
        Self::bad("JSON_PARSER_ERROR", what.to_string())
    }

    /// As an entry of a collection's result.
    pub fn as_entry(&self) -> Value {
        json!({"statusCode": self.code, "message": self.message, "fields": self.fields})
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut entry = json!({"message": self.message, "errorCode": self.code});
        if !self.fields.is_empty()
            || self.status == StatusCode::BAD_REQUEST && FIELD_CODES.contains(&self.code)
        {
            entry["fields"] = json!(self.fields);
        }
        (self.status, Json(json!([entry]))).into_response()
    }
}

/// Codes that always name fields, if only none.
const FIELD_CODES: &[&str] = &[
    "REQUIRED_FIELD_MISSING",
    "STRING_TOO_LONG",
    "FIELD_INTEGRITY_EXCEPTION",
    "INVALID_EMAIL_ADDRESS",
    "DUPLICATE_VALUE",
    "INVALID_FIELD_FOR_INSERT_UPDATE",
    "INACTIVE_OWNER_OR_USER",
    "MALFORMED_ID",
];
