//! SOAP 1.1 over HTTP: sign-in, headers, dispatch to the operations, faults.

use super::Exchange;
use super::fault::{Fault, Refusal};
use super::operations;
use super::organisation::{Caller, Down};
use super::xml::{Element, MESSAGES, SOAP, TYPES};
use crate::serve::Cut;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Extension, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::time::Duration;

/// Versions that `RequestServerVersion` may name (types.xsd, `ExchangeVersionType`), as years.
const VERSIONS: &[(&str, u32)] = &[
    ("Exchange2007", 2007),
    ("Exchange2007_SP1", 2007),
    ("Exchange2009", 2009),
    ("Exchange2010", 2010),
    ("Exchange2010_SP1", 2010),
    ("Exchange2010_SP2", 2010),
    ("Exchange2012", 2012),
    ("Exchange2013", 2013),
    ("Exchange2013_SP1", 2013),
    ("Exchange2015", 2015),
    ("Exchange2016", 2016),
    ("V2015_10_05", 2016),
    ("V2016_01_06", 2016),
    ("V2016_04_13", 2016),
    ("V2016_07_13", 2016),
    ("V2016_10_10", 2016),
];

/// The connection on which the request came, if the listener can cut it.
pub(super) type Connection = Option<Extension<ConnectInfo<Cut>>>;

/// The name and password of a Basic `Authorization` header.
pub(super) fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, credentials) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
    let (login, password) = text.split_once(':')?;
    Some((login.to_owned(), password.to_owned()))
}

/// HTTP 401, as IIS answers it.
pub(super) fn unauthorized() -> Response {
    let mut response = StatusCode::UNAUTHORIZED.into_response();
    response
        .headers_mut()
        .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"exchange.sandbox\""));
    response
}

/// A reply that never arrives: the connection ends.
fn lost(connection: Connection) -> Response {
    if let Some(Extension(ConnectInfo(cut))) = connection {
        cut.cut();
    }
    // Where the listener cannot cut, a body that fails breaks the connection just as well.
    let broken =
        futures_util::stream::once(async { Err::<Bytes, _>(std::io::Error::other("reply lost on purpose")) });
    Response::new(Body::from_stream(broken))
}

/// XML with exactly the content type that Exchange sends.
pub(super) fn xml(status: StatusCode, body: String) -> Response {
    let mut response = (status, body).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/xml; charset=utf-8"));
    response
}

/// `GET`: Exchange shows a page about the service to whoever has signed in.
pub(super) async fn get(
    State(exchange): State<Exchange>,
    connection: Connection,
    headers: HeaderMap,
) -> Response {
    if let Some(response) = down(&exchange, &connection) {
        return response;
    }
    let signed_in = basic(&headers).is_some_and(|(l, p)| exchange.lock().sign_in(&l, &p).is_some());
    if !signed_in {
        return unauthorized();
    }
    let page = "<html><body>You have created a service. (Exchange sandbox)</body></html>";
    (StatusCode::OK, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response()
}

/// The answer of a server that is switched down.
pub(super) fn down(exchange: &Exchange, connection: &Connection) -> Option<Response> {
    let down = exchange.lock().faults.down?;
    Some(match down {
        Down::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable").into_response(),
        Down::Closed => lost(connection.clone()),
    })
}

/// `POST`: one SOAP request.
pub(super) async fn post(
    State(exchange): State<Exchange>,
    connection: Connection,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(response) = down(&exchange, &connection) {
        return response;
    }
    let Some(account) =
        basic(&headers).and_then(|(login, password)| exchange.lock().sign_in(&login, &password))
    else {
        return unauthorized();
    };
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("text/xml") {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    let request = match Request::parse(&body) {
        Ok(request) => request,
        Err(fault) => return failed(&fault),
    };
    // The budget is the impersonated mailbox's, not the account's.
    let budget = request.impersonated().map_or_else(|| format!("account {account}"), str::to_lowercase);
    let _in_flight = match InFlight::enter(&exchange, budget) {
        Ok(in_flight) => in_flight,
        Err(fault) => return failed(&fault),
    };
    let latency = exchange.lock().faults.latency_ms;
    if latency > 0 {
        tokio::time::sleep(Duration::from_millis(latency)).await;
    }
    let (status, reply, lose) = answer(&exchange, account, &request);
    if lose {
        return lost(connection);
    }
    xml(status, reply)
}

fn failed(fault: &Fault) -> Response {
    xml(StatusCode::INTERNAL_SERVER_ERROR, envelope(|out| fault.write(out)))
}

/// A request that is being answered: counts against its mailbox's concurrent connections (EWSMaxConcurrency).
struct InFlight {
    exchange: Exchange,
    budget: String,
}

impl InFlight {
    fn enter(exchange: &Exchange, budget: String) -> Result<Self, Fault> {
        let mut organisation = exchange.lock();
        let most = organisation.faults.max_concurrency;
        let now = organisation.in_flight.entry(budget.clone()).or_default();
        if most.is_some_and(|most| *now >= most) {
            return Err(Refusal::new(
                "ErrorExceededConnectionCount",
                "You have exceeded the available concurrent connections for your account.  Try again once your other \
                 requests have completed.",
            )
            .into());
        }
        *now += 1;
        let now = *now;
        organisation.peak_concurrency = organisation.peak_concurrency.max(now);
        Ok(Self { exchange: exchange.clone(), budget })
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut organisation = self.exchange.lock();
        if let Some(now) = organisation.in_flight.get_mut(&self.budget) {
            *now -= 1;
            if *now == 0 {
                organisation.in_flight.remove(&self.budget);
            }
        }
    }
}

/// Answers a request; the last of the three says whether the reply shall get lost.
fn answer(exchange: &Exchange, account: usize, request: &Request) -> (StatusCode, String, bool) {
    let failed = |fault: &Fault| (StatusCode::INTERNAL_SERVER_ERROR, envelope(|out| fault.write(out)));
    let mut organisation = exchange.lock();
    *organisation.requests.entry(request.operation.name.clone().into_owned()).or_default() += 1;
    if let Some((left, back_off)) = organisation.faults.throttle {
        organisation.faults.throttle = (left > 1).then_some((left - 1, back_off));
        let (status, reply) = failed(&Fault::busy(back_off));
        return (status, reply, false);
    }
    let (status, reply) = match request
        .caller(&organisation, account)
        .and_then(|caller| operations::run(&mut organisation, &caller, &request.operation))
    {
        Ok(reply) => (StatusCode::OK, envelope(|out| reply.write(out))),
        Err(fault) => failed(&fault),
    };
    let mut lose = false;
    if let Some((left, only)) = organisation.faults.lose.take() {
        lose = only.as_deref().is_none_or(|o| o == request.operation.name);
        let left = if lose { left - 1 } else { left };
        organisation.faults.lose = (left > 0).then_some((left, only));
    }
    (status, reply, lose)
}

/// Writes the envelope around the inside of the body.
fn envelope(inside: impl FnOnce(&mut String)) -> String {
    let mut out = String::with_capacity(2048);
    out.push_str("<?xml version=\"1.0\" encoding=\"utf-8\"?><s:Envelope xmlns:s=\"");
    out.push_str(SOAP);
    out.push_str("\"><s:Header><h:ServerVersionInfo MajorVersion=\"15\" MinorVersion=\"1\" ");
    out.push_str("MajorBuildNumber=\"2507\" MinorBuildNumber=\"39\" Version=\"V2017_07_11\" xmlns:h=\"");
    out.push_str(TYPES);
    out.push_str("\"/></s:Header><s:Body xmlns:m=\"");
    out.push_str(MESSAGES);
    out.push_str("\" xmlns:t=\"");
    out.push_str(TYPES);
    out.push_str("\">");
    inside(&mut out);
    out.push_str("</s:Body></s:Envelope>");
    out
}

/// A request, taken out of its envelope.
struct Request {
    header: Option<Element>,
    operation: Element,
}

impl Request {
    fn parse(body: &[u8]) -> Result<Self, Fault> {
        let text = std::str::from_utf8(body).map_err(|_| Fault::schema("the body is not UTF-8"))?;
        let document = roxmltree::Document::parse(text.trim_start_matches('\u{FEFF}'))
            .map_err(|error| Fault::schema(format!("the body is not well-formed XML: {error}")))?;
        let root = document.root_element();
        if !root.has_tag_name((SOAP, "Envelope")) {
            return Err(Fault::schema("the root element is not a SOAP 1.1 Envelope"));
        }
        let inside = |name| root.children().find(|n| n.has_tag_name((SOAP, name)));
        let operation = inside("Body")
            .and_then(|b| b.first_element_child())
            .filter(|o| o.tag_name().namespace() == Some(MESSAGES))
            .ok_or_else(|| Fault::schema("the Body holds no operation"))?;
        Ok(Self {
            header: inside("Header").map(Element::from_node),
            operation: Element::from_node(operation),
        })
    }

    /// The address in the impersonation header.
    fn impersonated(&self) -> Option<&str> {
        let sid = self.header.as_ref()?.child("ExchangeImpersonation")?.child("ConnectingSID")?;
        sid.children.first().map(|who| who.text.trim())
    }

    /// Works out from the headers for whom the request works.
    fn caller(
        &self,
        organisation: &super::organisation::Organisation,
        account: usize,
    ) -> Result<Caller, Fault> {
        let header = |name| self.header.as_ref().and_then(|h| h.child(name));
        let version = match header("RequestServerVersion") {
            // Without the header the server takes its oldest schema.
            None => 2007,
            Some(element) => {
                let word = element.attribute("Version").unwrap_or_default();
                VERSIONS.iter().find(|(w, _)| *w == word).map(|(_, year)| *year).ok_or_else(|| {
                    Refusal::new("ErrorInvalidServerVersion", "The specified server version is invalid.")
                })?
            }
        };
        let zone = match header("TimeZoneContext").and_then(|c| c.child("TimeZoneDefinition")) {
            None => chrono_tz::UTC,
            Some(zone) => {
                super::time::zone_of(zone.attribute("Id").unwrap_or_default())
                    .ok_or_else(|| Refusal::new("ErrorTimeZone", "The specified time zone isn't supported."))?
                    .1
            }
        };
        let acting = match header("ExchangeImpersonation").and_then(|i| i.child("ConnectingSID")) {
            None => account,
            Some(sid) => {
                let who = sid.children.first().ok_or_else(|| Fault::schema("ConnectingSID is empty"))?;
                match &*who.name {
                    "PrimarySmtpAddress" | "SmtpAddress" | "PrincipalName" => {
                        organisation.impersonate(account, who.text.trim())?
                    }
                    _ => {
                        return Err(Refusal::new(
                            "ErrorInvalidExchangeImpersonationHeaderData",
                            "ExchangeImpersonation SOAP header must have only one Connecting SID.",
                        )
                        .into());
                    }
                }
            }
        };
        Ok(Caller { account, acting, version, zone })
    }
}
