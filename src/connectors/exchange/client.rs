//! One call to Exchange: the envelope around an operation, and what its answer means.

use super::code::{About, Refusal};
use super::silence;
use super::soap::{ServerVersion, envelope};
use super::xml::{Node, Read as _, readable};
use crate::http::{HttpClient, Kind, Request, Response, Scope, shown_url};
use http::header::HeaderName;
use riva_core::documents::AccessMethod;
use riva_core::fault::{CallError, Fault, FaultKind};
use riva_core::ids::EmailAddress;
use roxmltree::Document;
use std::time::Duration;
use url::Url;

/// Lets the front end choose the server where the mailbox is.
static ANCHOR: HeaderName = HeaderName::from_static("x-anchormailbox");

/// Speaks to one Exchange as one connection account.
pub(super) struct Ews {
    pub(super) http: HttpClient,
    pub(super) url: Url,
    pub(super) version: ServerVersion,
    pub(super) access: AccessMethod,
    pub(super) account: String,
}

/// An answer, whole.
pub(super) struct Reply(String);

/// One response message: what was asked for, or why not.
pub(super) type Message<'a> = Result<roxmltree::Node<'a, 'a>, Refusal>;

impl Ews {
    pub(super) fn about<'a>(&self, user: Option<&'a EmailAddress>) -> About<'a> {
        About { user, access: self.access }
    }

    /// Whose budget a call uses up: an impersonated mailbox has its own, a delegate uses its account's.
    fn scope(&self, user: Option<&EmailAddress>) -> Scope {
        match (user, self.access) {
            (Some(user), AccessMethod::Impersonation) => Scope::of(user.as_str()),
            _ => Scope::of(self.account.as_str()),
        }
    }

    /// Sends an operation, on behalf of a user if one is named.
    pub(super) async fn call(
        &self,
        user: Option<&EmailAddress>,
        operation: Node,
    ) -> Result<Reply, CallError> {
        let impersonated = user.filter(|_| self.access == AccessMethod::Impersonation);
        let body = envelope(self.version, impersonated, operation);
        let kind = if silence::check(&body)? { Kind::Read } else { Kind::Write };
        let mut request = Request::post(self.url.clone(), kind, "text/xml; charset=utf-8", body);
        if let Some(user) = user {
            request = request.header_text(ANCHOR.clone(), user.as_str())?;
        }
        let scope = self.scope(user);
        let response = self.http.send(&scope, request).await?;
        let reply = Reply(readable(&response.body));
        match self.soap_fault(&response, &reply) {
            Ok(None) => Ok(reply),
            Ok(Some(refusal)) if kind == Kind::Write && refusal.leaves_in_doubt() => {
                Err(CallError::InDoubt(format!("[{}] {}", refusal.code, refusal.text)))
            }
            Ok(Some(refusal)) => Err(self.call_error(user, &refusal)),
            // A server, or a proxy, that fails says nothing of how far the request came; neither does one that is content,
            // but does not answer as Exchange does.
            Err(fault)
                if kind == Kind::Write
                    && (response.status.is_success() || response.status.is_server_error()) =>
            {
                Err(CallError::InDoubt(fault.detail))
            }
            Err(fault) => Err(fault.into()),
        }
    }

    /// A refusal of a whole call; Exchange's wish to be left alone is heeded from now on.
    pub(super) fn call_error(&self, user: Option<&EmailAddress>, refusal: &Refusal) -> CallError {
        if refusal.is_busy() {
            self.http.back_off(&self.scope(user), refusal.back_off);
        }
        refusal.call_error(self.about(user))
    }

    /// `None` if the answer is an ordinary one.
    fn soap_fault(&self, response: &Response, reply: &Reply) -> Result<Option<Refusal>, Fault> {
        let shown = shown_url(&self.url);
        let status = response.status.as_u16();
        let Ok(doc) = Document::parse(&reply.0) else { return Err(self.not_exchange(response, &shown)) };
        let Some(body) =
            doc.root_element().one("Body").filter(|_| doc.root_element().has_tag_name_local("Envelope"))
        else {
            return Err(self.not_exchange(response, &shown));
        };
        if let Some(fault) = body.one("Fault") {
            let detail = fault.one("detail").or_else(|| fault.one("Detail"));
            let said = |name: &str| detail.and_then(|d| d.deep(name)).map(|n| n.all_text());
            let code = said("ResponseCode").unwrap_or_else(|| {
                let code = fault.text_of("faultcode").unwrap_or_default();
                code.rsplit(':').next().unwrap_or_default().to_owned()
            });
            let text = said("Message").or_else(|| fault.text_of("faultstring")).unwrap_or_default();
            return Ok(Some(Refusal { code, text, back_off: back_off(fault) }));
        }
        if response.status.is_success() {
            Ok(None)
        } else {
            Err(Fault::new(
                FaultKind::UnexpectedAnswer,
                format!("Exchange answers {status} without saying why, at {shown}"),
            ))
        }
    }

    fn not_exchange(&self, response: &Response, shown: &str) -> Fault {
        let status = response.status.as_u16();
        let remedy = "Check the address of this connection. It usually ends with /EWS/Exchange.asmx.";
        match status {
            403 => Fault::new(
                FaultKind::GivenCredentials,
                format!("the login of {} is not allowed to use Exchange Web Services (403), at {shown}", self.account),
            )
            .remedy("Allow Exchange Web Services for the connection account (EwsEnabled, EWS application policy)."),
            300..=399 => Fault::new(
                FaultKind::UnexpectedAnswer,
                format!(
                    "the address leads elsewhere ({status}, to {}), at {shown}",
                    response.header("location").and_then(|l| self.url.join(l).ok()).map_or_else(|| "nowhere".to_owned(), |u| shown_url(&u))
                ),
            )
            .remedy(remedy),
            404 => Fault::new(FaultKind::UnexpectedAnswer, format!("there is nothing (404) at {shown}")).remedy(remedy),
            500.. => Fault::new(
                FaultKind::SystemNotAvailable,
                format!("the server, or what stands before it, fails ({status}), at {shown}"),
            ),
            _ => Fault::new(
                FaultKind::UnexpectedAnswer,
                format!("the answer ({status}) is not from Exchange Web Services, at {shown}"),
            )
            .remedy(remedy),
        }
    }
}

/// Names without their namespace.
trait LocalName {
    fn has_tag_name_local(&self, name: &str) -> bool;
}

impl LocalName for roxmltree::Node<'_, '_> {
    fn has_tag_name_local(&self, name: &str) -> bool {
        self.tag_name().name() == name
    }
}

/// `<t:Value Name="BackOffMilliseconds">` somewhere inside.
fn back_off(node: roxmltree::Node<'_, '_>) -> Option<Duration> {
    node.descendants()
        .find(|n| n.tag_name().name() == "Value" && n.attribute("Name") == Some("BackOffMilliseconds"))
        .and_then(|n| n.text()?.trim().parse().ok())
        .map(Duration::from_millis)
}

impl Reply {
    /// The answer as a document.
    pub(super) fn document(&self) -> Result<Document<'_>, Fault> {
        Document::parse(&self.0).map_err(|e| {
            Fault::new(FaultKind::UnexpectedAnswer, format!("Exchange's answer is not well-formed ({e})"))
        })
    }
}

/// The response messages, in the order of what was asked. A warning is as good as a success, unless it says that the
/// item was not tried.
pub(super) fn messages<'a>(doc: &'a Document<'a>) -> Vec<Message<'a>> {
    let Some(list) = doc.root_element().deep("ResponseMessages") else { return Vec::new() };
    list.elements()
        .map(|message| {
            let code = message.text_of("ResponseCode").unwrap_or_default();
            let failed =
                message.attribute("ResponseClass") == Some("Error") || code == "ErrorBatchProcessingStopped";
            if failed {
                let text = message.text_of("MessageText").unwrap_or_default();
                Err(Refusal { code, text, back_off: back_off(message) })
            } else {
                Ok(message)
            }
        })
        .collect()
}

/// The item inside a response message.
pub(super) fn item_of<'a>(message: roxmltree::Node<'a, 'a>) -> Option<roxmltree::Node<'a, 'a>> {
    message.one("Items")?.elements().next()
}
