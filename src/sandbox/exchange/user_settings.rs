//! Autodiscover by SOAP ([MS-OXWSADISC]): the settings of several users at once.

use super::Exchange;
use super::autodiscover::base;
use super::soap::{Connection, basic, down, unauthorized, xml};
use super::xml::{Element, SOAP, escape};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::Response;
use std::fmt::Write as _;

const AUTODISCOVER: &str = "http://schemas.microsoft.com/exchange/2010/Autodiscover";
const ADDRESSING: &str = "http://www.w3.org/2005/08/addressing";

/// `POST`: one SOAP request; GetUserSettings only.
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
    let request = roxmltree::Document::parse(text.trim_start_matches('\u{FEFF}')).ok().and_then(|document| {
        let body = document.root_element().children().find(|n| n.has_tag_name((SOAP, "Body")))?;
        Some(Element::from_node(body.first_element_child()?))
    });
    let request = request.as_ref().filter(|r| r.name == "GetUserSettingsRequestMessage");
    let Some(request) = request.and_then(|r| r.child("Request")) else {
        let fault = "<s:Fault><faultcode>s:Client</faultcode><faultstring>The sandbox has GetUserSettings only.\
                     </faultstring></s:Fault>";
        return xml(StatusCode::INTERNAL_SERVER_ERROR, envelope(fault));
    };
    let host = headers.get(header::HOST).and_then(|h| h.to_str().ok()).unwrap_or("localhost");
    let base = base(&exchange, &uri, host);
    let wanted = children(request, "RequestedSettings");
    let mut inside = format!(
        "<GetUserSettingsResponseMessage xmlns=\"{AUTODISCOVER}\" xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\">\
         <Response><ErrorCode>NoError</ErrorCode><ErrorMessage/><UserResponses>"
    );
    for user in children(request, "Users") {
        let address = user.child_text("Mailbox").unwrap_or_default().trim();
        inside.push_str(&user_response(&exchange, address, wanted, &base));
    }
    inside.push_str("</UserResponses></Response></GetUserSettingsResponseMessage>");
    xml(StatusCode::OK, envelope(&inside))
}

fn children<'a>(element: &'a Element, name: &str) -> &'a [Element] {
    element.child(name).map_or(&[], |e| e.children.as_slice())
}

fn user_response(exchange: &Exchange, address: &str, wanted: &[Element], base: &str) -> String {
    let found = {
        let organisation = exchange.lock();
        organisation
            .account(address)
            .map(|n| &organisation.accounts[n])
            .filter(|a| a.mailbox.is_some())
            .map(|a| (a.name.clone(), a.address.clone()))
    };
    let Some((name, address)) = found else {
        return "<UserResponse><ErrorCode>InvalidUser</ErrorCode><ErrorMessage>Invalid user.</ErrorMessage>\
                <RedirectTarget i:nil=\"true\"/><UserSettingErrors/><UserSettings/></UserResponse>"
            .to_owned();
    };
    let mut settings = String::new();
    let mut errors = String::new();
    for setting in wanted {
        let value = match &*setting.text {
            "UserDisplayName" => name.clone(),
            "AutoDiscoverSMTPAddress" => address.clone(),
            "UserDN" => format!("/o=Sandbox/ou=Exchange Administrative Group/cn=Recipients/cn={address}"),
            "InternalEwsUrl" | "ExternalEwsUrl" => format!("{base}/EWS/Exchange.asmx"),
            "EwsSupportedSchemas" => {
                "Exchange2007, Exchange2007_SP1, Exchange2010, Exchange2010_SP1, Exchange2010_SP2, Exchange2013, \
                 Exchange2013_SP1, Exchange2016"
                    .to_owned()
            }
            "CasVersion" | "ExternalEwsVersion" => "15.01.2507.039".to_owned(),
            // What a user has no value for is an error of that setting, not of the request.
            other => {
                let mut shown = String::new();
                escape(other, &mut shown);
                // Writing to a String cannot fail.
                let _ = write!(
                    errors,
                    "<UserSettingError><ErrorCode>SettingIsNotAvailable</ErrorCode><ErrorMessage>The setting is not \
                     available.</ErrorMessage><SettingName>{shown}</SettingName></UserSettingError>"
                );
                continue;
            }
        };
        let mut shown = String::new();
        escape(&value, &mut shown);
        let _ = write!(
            settings,
            "<UserSetting i:type=\"StringSetting\"><Name>{}</Name><Value>{shown}</Value></UserSetting>",
            setting.text
        );
    }
    format!(
        "<UserResponse><ErrorCode>NoError</ErrorCode><ErrorMessage>No error.</ErrorMessage>\
         <RedirectTarget i:nil=\"true\"/><UserSettingErrors>{errors}</UserSettingErrors>\
         <UserSettings>{settings}</UserSettings></UserResponse>"
    )
}

fn envelope(inside: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><s:Envelope xmlns:s=\"{SOAP}\" xmlns:w=\"{ADDRESSING}\"><s:Header>\
         <w:Action s:mustUnderstand=\"1\">{AUTODISCOVER}/Autodiscover/GetUserSettingsResponse</w:Action>\
         <h:ServerVersionInfo xmlns:h=\"{AUTODISCOVER}\"><h:MajorVersion>15</h:MajorVersion>\
         <h:MinorVersion>1</h:MinorVersion><h:MajorBuildNumber>2507</h:MajorBuildNumber>\
         <h:MinorBuildNumber>39</h:MinorBuildNumber><h:Version>Exchange2016</h:Version></h:ServerVersionInfo>\
         </s:Header><s:Body>{inside}</s:Body></s:Envelope>"
    )
}
