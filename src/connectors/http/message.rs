//! Requests and responses, whole in memory: no body that we exchange is large.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use riva_core::fault::{Fault, FaultKind};
use url::Url;

/// Whose budget a request uses up: a mailbox, an organisation, or the connection as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scope(String);

impl Scope {
    /// The scope with this name: a mailbox's address, an organisation's id.
    pub fn of(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The connection as a whole. While it has to wait, so does every other scope.
    pub fn connection() -> Self {
        Self(String::new())
    }

    /// Its name; empty for the connection.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a request may be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Changes nothing: repeated when the connection failed or the server was busy.
    Read,
    /// Changes something: repeated only if it certainly was not sent.
    Write,
}

/// A request.
#[derive(Debug, Clone)]
pub struct Request {
    /// GET, POST, PROPFIND, …
    pub method: Method,
    /// Where to.
    pub url: Url,
    /// Headers besides `Authorization`, which the client adds.
    pub headers: HeaderMap,
    /// The body; empty for none.
    pub body: Vec<u8>,
    /// Whether it may be repeated.
    pub kind: Kind,
    /// The body or the answer holds a secret (a login, a token): never written to the wire log.
    pub secret: bool,
}

impl Request {
    /// A request without headers and body.
    pub fn new(method: Method, url: Url, kind: Kind) -> Self {
        Self { method, url, headers: HeaderMap::new(), body: Vec::new(), kind, secret: false }
    }

    /// A GET.
    pub fn get(url: Url) -> Self {
        Self::new(Method::GET, url, Kind::Read)
    }

    /// A POST with a body.
    pub fn post(url: Url, kind: Kind, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        let mut request = Self::new(Method::POST, url, kind);
        request.body = body.into();
        request.header(http::header::CONTENT_TYPE, HeaderValue::from_static(content_type))
    }

    /// With a header in place of one of the same name.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// With a header whose value is made at run time; a fault if it holds a character that headers cannot.
    pub fn header_text(self, name: HeaderName, value: &str) -> Result<Self, Fault> {
        let value = HeaderValue::from_str(value).map_err(|_| {
            Fault::new(
                FaultKind::UnexpectedAnswer,
                format!("a value for the header {name} holds a character that headers cannot hold"),
            )
        })?;
        Ok(self.header(name, value))
    }

    /// With a body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Marked as holding a secret in the body or the answer.
    #[must_use]
    pub fn secret(mut self) -> Self {
        self.secret = true;
        self
    }
}

/// A response. 401, 429, 502, 503 and 504 never arrive as one: they are faults. Redirections do, and are not followed.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// A header's value, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as text; what is not UTF-8 is replaced.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }
}
