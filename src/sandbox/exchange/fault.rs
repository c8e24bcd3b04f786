//! Refusals: errors of one item or folder in a response message, and SOAP faults for a whole request.

use super::xml::{Element, Space};

/// A refusal inside a response message.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Refusal {
    /// A word of `ResponseCodeType`.
    pub(super) code: &'static str,
    /// The sentence that Exchange says with it.
    pub(super) text: String,
    /// Details (`MessageXml`): the property at fault, the back-off, …
    pub(super) details: Vec<Element>,
}

impl Refusal {
    pub(super) fn new(code: &'static str, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), details: Vec::new() }
    }

    /// Names the property at fault.
    pub(super) fn at(mut self, path: Element) -> Self {
        self.details.push(path);
        self
    }

    pub(super) fn item_not_found() -> Self {
        Self::new("ErrorItemNotFound", "The specified object was not found in the store.")
    }

    pub(super) fn folder_not_found() -> Self {
        Self::new("ErrorFolderNotFound", "The specified folder could not be found in the store.")
    }

    pub(super) fn no_mailbox() -> Self {
        Self::new("ErrorNonExistentMailbox", "The SMTP address has no mailbox associated with it.")
    }

    /// A property that may not be set.
    pub(super) fn property_set(path: Element) -> Self {
        Self::new("ErrorInvalidPropertySet", "Set action is invalid for property.").at(path)
    }

    /// The children of a failed response message, in schema order.
    pub(super) fn message_children(&self) -> Vec<Element> {
        let mut children = vec![
            Element::m("MessageText").text(self.text.clone()),
            Element::m("ResponseCode").text(self.code),
            Element::m("DescriptiveLinkKey").text("0"),
        ];
        if !self.details.is_empty() {
            children.push(Element::m("MessageXml").with_all(self.details.iter().cloned()));
        }
        children
    }
}

/// A SOAP fault: the whole request is refused with HTTP status 500.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fault {
    /// What to say.
    pub(super) refusal: Refusal,
    /// Position of a schema violation, if it is one.
    pub(super) violation: Option<String>,
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, violation: None }
    }
}

impl Fault {
    /// The request is not valid against the schema.
    pub(super) fn schema(violation: impl Into<String>) -> Self {
        Self {
            refusal: Refusal::new("ErrorSchemaValidation", "The request failed schema validation."),
            violation: Some(violation.into()),
        }
    }

    /// The server is too busy for this user just now.
    pub(super) fn busy(back_off_ms: u64) -> Self {
        let mut value = Element::t("Value").text(back_off_ms.to_string());
        value.attributes.push(("Name".into(), "BackOffMilliseconds".to_owned()));
        Refusal::new("ErrorServerBusy", "The server cannot service this request right now. Try again later.")
            .at(value)
            .into()
    }

    /// The `soap:Fault` element's inside.
    pub(super) fn write(&self, out: &mut String) {
        use super::xml::{ERRORS, escape};
        let code = self.refusal.code;
        let message = match &self.violation {
            Some(v) => format!("{}: {v}", self.refusal.text.trim_end_matches('.')),
            None => self.refusal.text.clone(),
        };
        out.push_str(
            "<s:Fault><faultcode xmlns:a=\"http://schemas.microsoft.com/exchange/services/2006/types\">a:",
        );
        out.push_str(code);
        out.push_str("</faultcode><faultstring xml:lang=\"en-US\">");
        escape(&message, out);
        out.push_str("</faultstring><detail>");
        out.push_str("<e:ResponseCode xmlns:e=\"");
        out.push_str(ERRORS);
        out.push_str("\">");
        out.push_str(code);
        out.push_str("</e:ResponseCode><e:Message xmlns:e=\"");
        out.push_str(ERRORS);
        out.push_str("\">");
        escape(&message, out);
        out.push_str("</e:Message>");
        if !self.refusal.details.is_empty() {
            out.push_str(
                "<t:MessageXml xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\">",
            );
            for detail in &self.refusal.details {
                let mut detail = detail.clone();
                detail.space = Space::Types;
                detail.write(out);
            }
            out.push_str("</t:MessageXml>");
        }
        out.push_str("</detail></s:Fault>");
    }
}
