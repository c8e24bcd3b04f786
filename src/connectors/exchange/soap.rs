//! The SOAP envelope around every request.

use super::xml::Node;
use riva_core::ids::EmailAddress;

/// The schema version that is asked for (`Exchange2010_SP2` unless the connection says otherwise).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ServerVersion {
    Exchange2010Sp2,
    Exchange2013,
    Exchange2013Sp1,
    Exchange2016,
}

impl ServerVersion {
    /// All of them, oldest first.
    pub(super) const ALL: [Self; 4] =
        [Self::Exchange2010Sp2, Self::Exchange2013, Self::Exchange2013Sp1, Self::Exchange2016];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Exchange2010Sp2 => "Exchange2010_SP2",
            Self::Exchange2013 => "Exchange2013",
            Self::Exchange2013Sp1 => "Exchange2013_SP1",
            Self::Exchange2016 => "Exchange2016",
        }
    }

    /// The reverse of [`ServerVersion::as_str`].
    pub(super) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|v| v.as_str() == word)
    }
}

/// The whole message: the operation in its envelope, on behalf of a user if one is impersonated.
pub(super) fn envelope(
    version: ServerVersion,
    impersonate: Option<&EmailAddress>,
    operation: Node,
) -> Vec<u8> {
    let mut header =
        Node::new("s:Header").child(Node::new("t:RequestServerVersion").with("Version", version.as_str()));
    if let Some(user) = impersonate {
        header = header.child(
            Node::new("t:ExchangeImpersonation")
                .child(Node::new("t:ConnectingSID").child(Node::text("t:SmtpAddress", user.as_str()))),
        );
    }
    Node::new("s:Envelope")
        .with("xmlns:s", "http://schemas.xmlsoap.org/soap/envelope/")
        .with("xmlns:t", "http://schemas.microsoft.com/exchange/services/2006/types")
        .with("xmlns:m", "http://schemas.microsoft.com/exchange/services/2006/messages")
        .child(header)
        .child(Node::new("s:Body").child(operation))
        .write()
}
