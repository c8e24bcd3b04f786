//! WebDAV requests over the shared HTTP layer, and what their refusals mean.

use super::xml::{self, Multistatus};
use crate::http::{HttpClient, Kind, Request, Response, Scope, shown_url};
use http::Method;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use riva_core::fault::{CallError, Fault, FaultKind};
use std::sync::Arc;
use url::Url;

/// `Depth` of a request (RFC 4918, section 10.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// The resource alone.
    Zero,
    /// The resource and what lies in it.
    One,
}

/// Why a request that reads brought nothing.
#[derive(Debug, Clone)]
pub enum Refusal {
    /// The server answered with this status.
    Status {
        /// The status.
        status: u16,
        /// The elements of the error body.
        conditions: Vec<String>,
        /// The fault that it stands for, unless the caller knows better.
        fault: Fault,
    },
    /// The system cannot be reached, or does not let us in.
    Call(CallError),
}

impl From<Refusal> for CallError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Status { fault, .. } => fault.into(),
            Refusal::Call(error) => error,
        }
    }
}

impl Refusal {
    /// As a fault; a read is never in doubt.
    pub fn into_fault(self) -> Fault {
        match CallError::from(self) {
            CallError::Fault(fault) => fault,
            other => Fault::new(FaultKind::UnexpectedAnswer, other.to_string()),
        }
    }

    /// The status, if the server answered.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            Self::Call(_) => None,
        }
    }

    /// Whether a server says so that has no such report, or stumbles over one of the things that it was asked for.
    /// Everything else (a page to sign in, nothing at this address, …) says nothing of what was asked for.
    pub fn is_of_the_report(&self) -> bool {
        match self {
            Self::Status { status: 403, conditions, .. } => conditions.iter().any(|c| c != "d:error"),
            Self::Status { status, .. } => matches!(status, 400 | 405 | 415 | 422 | 501),
            Self::Call(_) => false,
        }
    }

    /// Whether an element stands in the error body.
    pub fn says(&self, condition: &str) -> bool {
        matches!(self, Self::Status { conditions, .. } if conditions.iter().any(|c| c == condition))
    }
}

/// The requests of one connection.
#[derive(Debug, Clone)]
pub struct Dav {
    http: Arc<HttpClient>,
}

impl Dav {
    /// Over a client whose base is the DAV root.
    pub fn new(http: Arc<HttpClient>) -> Self {
        Self { http }
    }

    /// The DAV root.
    pub fn root(&self) -> &Url {
        self.http.base()
    }

    /// The URL of a path (already percent-encoded) on this server.
    pub fn url(&self, path: &str) -> Url {
        let mut url = self.root().clone();
        url.set_path(path);
        url.set_query(None);
        url
    }

    /// PROPFIND. A server that sends us elsewhere on itself is followed.
    pub async fn propfind(
        &self,
        scope: &Scope,
        path: &str,
        depth: Depth,
        names: &[xml::Name],
    ) -> Result<Multistatus, Refusal> {
        let body = xml::document("d:propfind", &xml::prop(names));
        self.multistatus(scope, "PROPFIND", path, depth, body).await
    }

    /// REPORT.
    pub async fn report(
        &self,
        scope: &Scope,
        path: &str,
        depth: Depth,
        body: String,
    ) -> Result<Multistatus, Refusal> {
        self.multistatus(scope, "REPORT", path, depth, body).await
    }

    async fn multistatus(
        &self,
        scope: &Scope,
        method: &'static str,
        path: &str,
        depth: Depth,
        body: String,
    ) -> Result<Multistatus, Refusal> {
        let mut url = self.url(path);
        for _ in 0..4 {
            let verb = Method::from_bytes(method.as_bytes()).unwrap_or(Method::GET);
            let request = Request::new(verb, url.clone(), Kind::Read)
                .header(
                    HeaderName::from_static("depth"),
                    HeaderValue::from_static(if depth == Depth::Zero { "0" } else { "1" }),
                )
                .header(CONTENT_TYPE, HeaderValue::from_static("application/xml; charset=utf-8"))
                .body(body.clone().into_bytes());
            let response = self.http.send(scope, request).await.map_err(Refusal::Call)?;
            if response.status.is_redirection() {
                match response.header("location").and_then(|to| url.join(to).ok()).filter(|to| *to != url) {
                    Some(to) => url = to,
                    None => break,
                }
                continue;
            }
            if response.status.as_u16() != 207 {
                return Err(refusal(method, &url, &response));
            }
            return xml::multistatus(&response.text(), &url).map_err(|why| {
                let detail = format!("the answer to {method} is {why}, from {}", shown_url(&url));
                Refusal::Call(Fault::new(FaultKind::UnexpectedAnswer, detail).into())
            });
        }
        let detail = format!(
            "the server sends {method} from one address to the next without end, from {}",
            shown_url(&url)
        );
        Err(Refusal::Call(Fault::new(FaultKind::UnexpectedAnswer, detail).into()))
    }

    /// GET, PUT, DELETE, OPTIONS: the answer whatever its status.
    pub async fn plain(&self, scope: &Scope, request: Request) -> Result<Response, CallError> {
        self.http.send(scope, request).await
    }

    /// The features in the `DAV` header of a path (RFC 4918, section 10.1), in lower case.
    pub async fn features(&self, scope: &Scope, path: &str) -> Result<Vec<String>, CallError> {
        let request = Request::new(Method::OPTIONS, self.url(path), Kind::Read);
        let response = self.http.send(scope, request).await?;
        let mut values = response.headers.get_all("dav").iter().filter_map(|v| v.to_str().ok()).peekable();
        if values.peek().is_none() {
            // Every DAV server tells its features. Whoever does not is none, and what it can do is not known.
            let what = format!(
                "the answer to OPTIONS ({}) has no DAV header, from {}",
                response.status.as_u16(),
                shown_url(&self.url(path))
            );
            return Err(Fault::new(FaultKind::UnexpectedAnswer, what).into());
        }
        Ok(values.flat_map(|v| v.split(',')).map(|f| f.trim().to_lowercase()).collect())
    }
}

/// Whether this is a web page in place of an answer: of whoever stands before the server and wants a login, or says something
/// else to people. What it says to a write is no word of the server's. (Servers in PHP say `text/html` of no body at all.)
pub fn is_a_page(response: &Response) -> bool {
    let kind = response.header("content-type").unwrap_or_default().to_ascii_lowercase();
    let is_html = kind.starts_with("text/html") || kind.starts_with("application/xhtml");
    response.status.as_u16() == 200 && is_html && !response.body.trim_ascii().is_empty()
}

/// What a status means where nobody knows better.
pub fn refusal(method: &str, url: &Url, response: &Response) -> Refusal {
    let status = response.status.as_u16();
    let conditions = xml::conditions(&response.text());
    let place = shown_url(url);
    let fault = match status {
        403 => Fault::new(
            FaultKind::NoAccessToUser,
            format!("{method} is not allowed for the connection account (403), at {place}"),
        )
        .remedy(
            "Grant the connection account read and write access to this user's calendar and address book.",
        ),
        404 | 410 => {
            Fault::new(FaultKind::UserNotFound, format!("there is nothing there ({status}), at {place}"))
        }
        500..=599 => Fault::new(
            FaultKind::SystemNotAvailable,
            format!("the server failed ({status}) at {method}, at {place}"),
        ),
        _ => Fault::new(
            FaultKind::UnexpectedAnswer,
            format!("{method} was answered with {status}, at {place}"),
        )
        .remedy("Check that the address of this connection is the DAV root of a CalDAV server."),
    };
    Refusal::Status { status, conditions, fault }
}
