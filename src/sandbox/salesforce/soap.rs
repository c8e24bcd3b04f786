//! The SOAP login of the Partner and Enterprise APIs: how older clients trade a password for a session.

use super::Salesforce;
use super::auth::{SignInError, password_fits};
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use quick_xml::escape::escape;

/// `POST /services/Soap/u/NN.0` (and `/c/`): `login` and `logout`, nothing else.
pub async fn call(
    State(salesforce): State<Salesforce>,
    Path(version): Path<String>,
    body: String,
) -> Response {
    let Ok(document) = roxmltree::Document::parse(&body) else {
        return fault("soapenv:Client", "the request is not XML");
    };
    let text = |name: &str| {
        document
            .descendants()
            .find(|n| n.tag_name().name() == name)
            .and_then(|n| n.text())
            .unwrap_or_default()
    };
    if document.descendants().any(|n| n.tag_name().name() == "logout") {
        salesforce.close_session(text("sessionId"));
        return envelope(StatusCode::OK, "<logoutResponse/>");
    }
    if !document.descendants().any(|n| n.tag_name().name() == "login") {
        return fault(
            "sf:UNSUPPORTED_API_VERSION",
            "this org answers login and logout only; use REST for the rest",
        );
    }
    let setup = salesforce.setup().clone();
    let wrong = "INVALID_LOGIN: Invalid username, password, security token; or user locked out.";
    let token_missing = setup.security_token.is_some() && text("password") == setup.password;
    if token_missing && text("username").eq_ignore_ascii_case(&setup.account) {
        let message = "LOGIN_MUST_USE_SECURITY_TOKEN: Invalid username, password, security token; or user locked \
                       out. Are you at a new location? When accessing Salesforce from outside of your company's \
                       trusted networks you must add a security token to your password to log in.";
        return fault("sf:LOGIN_MUST_USE_SECURITY_TOKEN", message);
    }
    if !password_fits(&setup, text("username"), text("password")) {
        return fault("sf:INVALID_LOGIN", wrong);
    }
    let user = match salesforce.active_user(text("username")) {
        Ok(user) => user,
        Err(SignInError::Failed | SignInError::Inactive) => return fault("sf:INVALID_LOGIN", wrong),
    };
    let session = salesforce.open_session(&user);
    let base = salesforce.base_url();
    let org = salesforce.org().id.clone();
    let name = escape(&setup.account).into_owned();
    let inner = format!(
        "<loginResponse><result><metadataServerUrl>{base}/services/Soap/m/{version}/{org}</metadataServerUrl>\
         <passwordExpired>false</passwordExpired><sandbox>false</sandbox>\
         <serverUrl>{base}/services/Soap/u/{version}/{org}</serverUrl><sessionId>{session}</sessionId>\
         <userId>{user}</userId><userInfo><organizationId>{org}</organizationId>\
         <organizationName>Sandbox</organizationName><sessionSecondsValid>7200</sessionSecondsValid>\
         <userId>{user}</userId><userName>{name}</userName><userType>Standard</userType></userInfo></result>\
         </loginResponse>",
        version = escape(&version),
    );
    envelope(StatusCode::OK, &inner)
}

fn fault(code: &str, message: &str) -> Response {
    let inner = format!(
        "<soapenv:Fault><faultcode>{code}</faultcode><faultstring>{}</faultstring></soapenv:Fault>",
        escape(message)
    );
    envelope(StatusCode::INTERNAL_SERVER_ERROR, &inner)
}

fn envelope(status: StatusCode, inner: &str) -> Response {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope \
         xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns=\"urn:partner.soap.sforce.com\" \
         xmlns:sf=\"urn:fault.partner.soap.sforce.com\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\
         <soapenv:Body>{inner}</soapenv:Body></soapenv:Envelope>"
    );
    (status, [(header::CONTENT_TYPE, "text/xml;charset=UTF-8")], body).into_response()
}
