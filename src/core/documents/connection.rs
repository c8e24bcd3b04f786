//! A connection to one mail system or CRM: `connections/NAME.toml`.

use super::Picklists;
use crate::ids::ConnectionName;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use url::Url;

/// When something was done to a document, and by whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stamp {
    /// When (UTC).
    pub at: DateTime<Utc>,
    /// By whom (`user@computer`).
    pub by: String,
}

/// The systems that there are connectors for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SystemKind {
    /// Microsoft Exchange 2010 SP2 to Subscription Edition, by Exchange Web Services.
    ExchangeEws,
    /// Calendars by CalDAV (RFC 4791) and contacts by CardDAV (RFC 6352).
    Caldav,
    /// Salesforce, by REST.
    Salesforce,
    /// Odoo and OpenERP 7 to 18, by XML-RPC or JSON-RPC.
    Odoo,
}

impl SystemKind {
    /// All of them, mail systems first.
    pub const ALL: [Self; 4] = [Self::ExchangeEws, Self::Caldav, Self::Salesforce, Self::Odoo];

    /// Mail system (or else CRM).
    pub fn is_mail(self) -> bool {
        matches!(self, Self::ExchangeEws | Self::Caldav)
    }

    /// Why e-mail cannot be logged from it, or in it; `None` where it can.
    pub fn no_email(self) -> Option<&'static str> {
        match self {
            Self::ExchangeEws | Self::Salesforce | Self::Odoo => None,
            Self::Caldav => Some("there is no e-mail in CalDAV and CardDAV"),
        }
    }

    /// The keys below `[options]` that its connector reads.
    pub fn options(self) -> &'static [&'static str] {
        match self {
            Self::ExchangeEws => &["all_day_zone", "ews_version"],
            Self::Caldav => &["addressbook", "calendar", "domain", "home", "tasks", "writers"],
            Self::Salesforce => &["api_version", "sync_key_field"],
            Self::Odoo => &["database"],
        }
    }

    /// As a person calls it.
    pub fn title(self) -> &'static str {
        match self {
            Self::ExchangeEws => "Microsoft Exchange (EWS)",
            Self::Caldav => "CalDAV and CardDAV",
            Self::Salesforce => "Salesforce",
            Self::Odoo => "Odoo",
        }
    }

    /// The word in documents and licences.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ExchangeEws => "exchange-ews",
            Self::Caldav => "caldav",
            Self::Salesforce => "salesforce",
            Self::Odoo => "odoo",
        }
    }
}

impl fmt::Display for SystemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.title())
    }
}

/// How the connection account proves who it is. The secrets themselves are in the secret store.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "kebab-case", deny_unknown_fields)]
pub enum AuthMethod {
    /// User name and password (HTTP Basic; Odoo login).
    #[default]
    Password,
    /// OAuth 2.0 user name and password grant (Salesforce): also a client id, and a client secret in the secret store.
    OauthPassword {
        /// The connected app's consumer key.
        client_id: String,
    },
    /// OAuth 2.0 JWT bearer grant (RFC 7523): the private key is in the secret store.
    OauthJwt {
        /// The connected app's consumer key.
        client_id: String,
    },
}

/// How the connection account reaches other users' mailboxes on Exchange.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccessMethod {
    /// EWS Impersonation: the ApplicationImpersonation role.
    #[default]
    Impersonation,
    /// Delegate Full Access on each mailbox.
    DelegateFullAccess,
}

/// A connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connection {
    /// The file's name without `.toml`; not part of the document.
    #[serde(skip)]
    pub name: ConnectionName,
    /// Which system.
    pub system: SystemKind,
    /// A longer name for lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Where it is: the EWS URL, the DAV root, the Salesforce login URL, the Odoo base URL.
    pub address: Url,
    /// The connection account's login name.
    pub account: String,
    /// How it signs in.
    #[serde(default)]
    pub auth: AuthMethod,
    /// How it reaches other users' mailboxes (Exchange alone).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<AccessMethod>,
    /// A PEM file with further certificate authorities to trust for this connection; relative to the workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Most requests at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_concurrent: Option<u32>,
    /// What the system needs besides: Odoo `database`; CalDAV `calendar`, `addressbook` (paths below the user's home,
    /// default the first found), `home` (pattern with `{user}` or `{address}`) and `writers` (writes at once in one
    /// collection, default 1: Radicale and Xandikos lock it); Salesforce `sync_key_field` (the
    /// external id field, if the org has one) and `api_version`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
    /// What the organisation's own words mean (Salesforce alone): of a task's `Status` and `Priority`.
    #[serde(default, skip_serializing_if = "Picklists::is_empty")]
    pub picklists: Picklists,
    /// When it was made, and by whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Stamp>,
    /// When it was last changed, and by whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<Stamp>,
}

impl Connection {
    /// An option's value.
    pub fn option(&self, key: &str) -> Option<&str> {
        debug_assert!(self.system.options().contains(&key), "{key:?} is no option of {}", self.system);
        self.options.get(key).map(String::as_str)
    }

    /// What a list shows as its name.
    pub fn shown_name(&self) -> &str {
        self.display_name.as_deref().unwrap_or(self.name.as_str())
    }
}
