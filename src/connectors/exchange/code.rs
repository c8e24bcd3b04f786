//! Exchange's response codes (`ResponseCodeType`) as faults and item errors.

use riva_core::documents::AccessMethod;
use riva_core::fault::{CallError, Fault, FaultKind, ItemError};
use riva_core::ids::EmailAddress;
use std::time::Duration;

/// An error as Exchange words it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// `ErrorItemNotFound`, …
    pub(super) code: String,
    /// Its explanation.
    pub(super) text: String,
    /// How long it asks us to wait.
    pub(super) back_off: Option<Duration>,
}

/// For whom, and how, a call was made.
#[derive(Debug, Clone, Copy)]
pub(super) struct About<'a> {
    pub(super) user: Option<&'a EmailAddress>,
    pub(super) access: AccessMethod,
}

impl About<'_> {
    fn whom(&self) -> String {
        self.user.map_or_else(|| "the connection account".to_owned(), ToString::to_string)
    }
}

const BUSY: [&str; 6] = [
    "ErrorServerBusy",
    "ErrorExceededConnectionCount",
    "ErrorTooManyObjectsOpened",
    "ErrorInsufficientResources",
    "ErrorExceededSubscriptionCount",
    "ErrorExceededFindCountLimit",
];
const DOWN: [&str; 12] = [
    "ErrorMailboxStoreUnavailable",
    "ErrorMailboxMoveInProgress",
    "ErrorMailboxFailover",
    "ErrorADUnavailable",
    "ErrorADOperation",
    "ErrorConnectionFailed",
    "ErrorInternalServerTransientError",
    "ErrorProxyCallFailed",
    "ErrorProxyRequestNotAllowed",
    "ErrorProxiedSubscriptionCallFailure",
    "ErrorNoRespondingCASInDestinationSite",
    "ErrorNoDestinationCASDueToNetworkFailure",
];
const NOBODY: [&str; 5] = [
    "ErrorNonExistentMailbox",
    "ErrorMissingEmailAddress",
    "ErrorInvalidSmtpAddress",
    "ErrorNonPrimarySmtpAddress",
    "ErrorNoMailbox",
];
const NOT_ALLOWED: [&str; 4] = [
    "ErrorImpersonateUserDenied",
    "ErrorImpersonationDenied",
    "ErrorImpersonationFailed",
    "ErrorUserNotAllowedByPolicy",
];
const ACCOUNT: [&str; 4] =
    ["ErrorAccountDisabled", "ErrorPasswordExpired", "ErrorPasswordChangeRequired", "ErrorMailboxDisabled"];

impl Refusal {
    pub(super) fn is_busy(&self) -> bool {
        BUSY.contains(&self.code.as_str())
    }

    /// Whether it says that there is no such mailbox.
    pub(super) fn says_nobody(&self) -> bool {
        NOBODY.contains(&self.code.as_str())
    }

    /// Whether it concerns the whole call, not one item of it.
    pub(super) fn concerns_call(&self) -> bool {
        let code = self.code.as_str();
        self.is_busy()
            || self.says_nobody()
            || DOWN.contains(&code)
            || NOT_ALLOWED.contains(&code)
            || ACCOUNT.contains(&code)
    }

    /// Whether nobody can know if the request was carried out.
    pub(super) fn leaves_in_doubt(&self) -> bool {
        match self.code.as_str() {
            "ErrorTimeoutExpired" | "ErrorInternalServerError" | "ErrorInternalServerTransientError" => true,
            // The client is at fault (SOAP 1.1 and 1.2): it was not even tried.
            "Client" | "Sender" => false,
            // Not Exchange speaks, but what it runs on (InternalServiceFault, Server, Receiver, …).
            code => !code.starts_with("Error"),
        }
    }

    /// As the end of a call.
    pub(super) fn call_error(&self, about: About<'_>) -> CallError {
        let code = self.code.as_str();
        if matches!(code, "ErrorInvalidSyncStateData" | "ErrorSyncFolderNotFound") {
            return CallError::CursorLost(format!("[{code}] {}", self.text));
        }
        self.fault(about).into()
    }

    /// As a fault.
    pub(super) fn fault(&self, about: About<'_>) -> Fault {
        let code = self.code.as_str();
        let text = self.text.trim();
        let whom = about.whom();
        let delegate = about.access == AccessMethod::DelegateFullAccess;
        let fault = |kind| Fault::new(kind, format!("[{code}] {text} For {whom}."));
        if self.is_busy() {
            let fault = fault(FaultKind::Throttled);
            return match self.back_off {
                Some(wait) => fault.retry_after(wait),
                None => fault,
            };
        }
        if DOWN.contains(&code) {
            return fault(FaultKind::SystemNotAvailable);
        }
        if self.says_nobody() {
            return Fault::new(
                FaultKind::UserNotFound,
                format!("no mailbox has this address [{code}]: {whom}"),
            );
        }
        if NOT_ALLOWED.contains(&code) {
            return fault(FaultKind::NoAccessToUser).remedy(
                "Grant the connection account the ApplicationImpersonation role, with a scope that holds this user; \
                 or set the access of this connection to delegate full access and grant that on the mailbox.",
            );
        }
        if ACCOUNT.contains(&code) {
            return fault(FaultKind::GivenCredentials);
        }
        match code {
            "ErrorAccessDenied" if delegate => fault(FaultKind::NoAccessToUser)
                .remedy("Grant the connection account Full Access on this user's mailbox."),
            "ErrorAccessDenied" => fault(FaultKind::MissingPermission),
            "ErrorFolderNotFound" | "ErrorItemNotFound" if delegate => fault(FaultKind::NoAccessToUser).remedy(
                "Grant the connection account Full Access on this user's mailbox. If it has that, let the user log \
                 in once, which creates the folders.",
            ),
            "ErrorFolderNotFound" | "ErrorItemNotFound" => fault(FaultKind::MailboxNeverOpened),
            "ErrorInvalidServerVersion" | "ErrorIncorrectSchemaVersion" => fault(FaultKind::UnexpectedAnswer).remedy(
                "This Exchange is older than the version that is asked for. Riva needs Exchange 2010 SP2 or newer; \
                 see the option ews_version of this connection.",
            ),
            // What fails inside, or before anything was found out, may work the next time.
            _ if self.leaves_in_doubt() => fault(FaultKind::SystemNotAvailable),
            _ => fault(FaultKind::UnexpectedAnswer),
        }
    }

    /// As the end of one item.
    pub(super) fn item_error(&self) -> ItemError {
        let code = self.code.as_str();
        let reason = format!("[{code}] {}", self.text.trim());
        match code {
            "ErrorItemNotFound" => ItemError::Gone,
            "ErrorIrresolvableConflict"
            | "ErrorStaleObject"
            | "ErrorInvalidChangeKey"
            | "ErrorChangeKeyRequired"
            | "ErrorChangeKeyRequiredForWriteOperations" => ItemError::VersionMoved,
            "ErrorAccessDenied" | "ErrorCannotDeleteObject" | "ErrorCalendarIsDelegatedForDecline" => {
                ItemError::Forbidden { reason }
            }
            _ if self.leaves_in_doubt() => ItemError::InDoubt(reason),
            "ErrorBatchProcessingStopped" => ItemError::NotNow(reason),
            _ if self.concerns_call() => ItemError::NotNow(reason),
            _ => ItemError::Invalid { reason },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_become_the_kinds_that_an_administrator_tells_apart() {
        let user = EmailAddress::new("ann@example.com");
        let of = |code: &str, access| {
            let refusal = Refusal { code: code.into(), text: "Because.".into(), back_off: None };
            refusal.fault(About { user: Some(&user), access }).kind
        };
        let imp = AccessMethod::Impersonation;
        for (code, kind) in [
            ("ErrorImpersonateUserDenied", FaultKind::NoAccessToUser),
            ("ErrorNonExistentMailbox", FaultKind::UserNotFound),
            ("ErrorMailboxStoreUnavailable", FaultKind::SystemNotAvailable),
            ("ErrorServerBusy", FaultKind::Throttled),
            ("ErrorAccessDenied", FaultKind::MissingPermission),
            ("ErrorFolderNotFound", FaultKind::MailboxNeverOpened),
            ("ErrorAccountDisabled", FaultKind::GivenCredentials),
            ("ErrorSomethingNew", FaultKind::UnexpectedAnswer),
        ] {
            assert_eq!(of(code, imp), kind, "{code}");
        }
        assert_eq!(of("ErrorAccessDenied", AccessMethod::DelegateFullAccess), FaultKind::NoAccessToUser);
        let lost = Refusal { code: "ErrorInvalidSyncStateData".into(), text: String::new(), back_off: None };
        assert!(matches!(lost.call_error(About { user: None, access: imp }), CallError::CursorLost(_)));
    }

    #[test]
    fn codes_of_items_say_what_to_do_with_the_item() {
        let of = |code: &str| Refusal { code: code.into(), text: "x".into(), back_off: None }.item_error();
        assert_eq!(of("ErrorItemNotFound"), ItemError::Gone);
        assert_eq!(of("ErrorIrresolvableConflict"), ItemError::VersionMoved);
        for code in ["ErrorTimeoutExpired", "InternalServiceFault", "Server", ""] {
            assert!(matches!(of(code), ItemError::InDoubt(_)), "{code}");
        }
        assert!(matches!(of("Client"), ItemError::Invalid { .. }));
        assert!(matches!(of("ErrorServerBusy"), ItemError::NotNow(_)));
        assert!(matches!(of("ErrorInvalidPropertySet"), ItemError::Invalid { .. }));
        assert!(matches!(of("ErrorAccessDenied"), ItemError::Forbidden { .. }));
    }
}
