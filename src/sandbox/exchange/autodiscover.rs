//! Autodiscover by POX ([MS-OXDSCLI]): from an address to the EWS URL.

use super::Exchange;
use super::soap::{Connection, basic, down, unauthorized, xml};
use super::xml::{Element, escape};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::Response;

const RESPONSE: &str = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a";
const ENVELOPE: &str = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006";

/// `GET`: signed in, but without a request: error 600, "Invalid Request".
pub(super) async fn get(
    State(exchange): State<Exchange>,
    connection: Connection,
    headers: HeaderMap,
) -> Response {
    if let Some(response) = down(&exchange, &connection) {
        return response;
    }
    if basic(&headers).and_then(|(l, p)| exchange.lock().sign_in(&l, &p)).is_none() {
        return unauthorized();
    }
    xml(StatusCode::OK, error("600", "Invalid Request"))
}

/// `POST`: the settings of one address.
pub(super) async fn post(
    State(exchange): State<Exchange>,
    connection: Connection,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(response) = down(&exchange, &connection) {
        return response;
    }
    if basic(&headers).and_then(|(l, p)| exchange.lock().sign_in(&l, &p)).is_none() {
        return unauthorized();
    }
    let text = String::from_utf8_lossy(&body);
    let request = roxmltree::Document::parse(text.trim_start_matches('\u{FEFF}'))
        .ok()
        .map(|document| Element::from_node(document.root_element()));
    let request = request.as_ref().and_then(|r| r.child("Request"));
    let Some(address) = request.and_then(|r| r.child_text("EMailAddress")).map(str::trim) else {
        return xml(StatusCode::OK, error("600", "Invalid Request"));
    };
    if request.and_then(|r| r.child_text("AcceptableResponseSchema")) != Some(RESPONSE) {
        return xml(StatusCode::OK, error("601", "Provider is not available"));
    }
    let found = {
        let organisation = exchange.lock();
        organisation
            .account(address)
            .map(|n| &organisation.accounts[n])
            .filter(|a| a.mailbox.is_some())
            .map(|a| (a.name.clone(), a.address.clone()))
    };
    let Some((name, address)) = found else {
        return xml(StatusCode::OK, error("500", "The e-mail address cannot be found."));
    };
    let host = headers.get(header::HOST).and_then(|h| h.to_str().ok()).unwrap_or("localhost");
    xml(StatusCode::OK, settings(&name, &address, &base(&exchange, &uri, host)))
}

/// Where this server is, as the client sees it.
pub(super) fn base(exchange: &Exchange, uri: &Uri, host: &str) -> String {
    if let Some(url) = &exchange.url {
        return url.to_string();
    }
    let scheme = uri.scheme_str().unwrap_or("http");
    format!("{scheme}://{host}")
}

fn settings(name: &str, address: &str, base: &str) -> String {
    let safe = |text: &str| {
        let mut out = String::new();
        escape(text, &mut out);
        out
    };
    let (name, address, base) = (safe(name), safe(address), safe(base));
    let protocol = |kind: &str| {
        format!(
            "<Protocol><Type>{kind}</Type><Server>exchange.sandbox</Server><ServerVersion>73C189CB</ServerVersion>\
             <ASUrl>{base}/EWS/Exchange.asmx</ASUrl><EwsUrl>{base}/EWS/Exchange.asmx</EwsUrl>\
             <EmwsUrl>{base}/EWS/Exchange.asmx</EmwsUrl><AuthPackage>basic</AuthPackage></Protocol>"
        )
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><Autodiscover xmlns=\"{ENVELOPE}\"><Response xmlns=\"{RESPONSE}\">\
         <User><DisplayName>{name}</DisplayName><LegacyDN>/o=Sandbox/ou=Exchange Administrative Group/cn=Recipients/\
         cn={address}</LegacyDN><AutoDiscoverSMTPAddress>{address}</AutoDiscoverSMTPAddress></User>\
         <Account><AccountType>email</AccountType><Action>settings</Action>{}{}</Account></Response></Autodiscover>",
        protocol("EXCH"),
        protocol("EXPR"),
    )
}

fn error(code: &str, message: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><Autodiscover xmlns=\"{ENVELOPE}\"><Response>\
         <Error Time=\"{}\" Id=\"1\"><ErrorCode>{code}</ErrorCode><Message>{message}</Message><DebugData/></Error>\
         </Response></Autodiscover>",
        chrono::Utc::now().format("%H:%M:%S%.6f"),
    )
}
