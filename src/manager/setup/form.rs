//! The fields of a connection, as typed.

use riva_core::documents::{AccessMethod, AuthMethod, Connection, Picklists, SystemKind};
use riva_core::ids::ConnectionName;
use riva_core::ports::SecretKind;
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::path::PathBuf;
use url::Url;
use zeroize::Zeroizing;

/// How the connection account signs in, without the details.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignIn {
    /// User name and password.
    Password,
    /// OAuth 2.0, user name and password.
    OauthPassword,
    /// OAuth 2.0, JWT bearer.
    OauthJwt,
}

/// An option that a system has.
#[derive(Debug, Clone, Copy)]
pub struct OptionField {
    /// Its key in the document.
    pub key: &'static str,
    /// Its label.
    pub label: &'static str,
    /// What may stand there.
    pub hint: &'static str,
    /// Whether it must be given.
    pub needed: bool,
}

const fn option(key: &'static str, label: &'static str, hint: &'static str, needed: bool) -> OptionField {
    OptionField { key, label, hint, needed }
}

/// The options of a system.
pub fn options_of(system: SystemKind) -> &'static [OptionField] {
    const ODOO: &[OptionField] = &[option("database", "Database", "production", true)];
    const CALDAV: &[OptionField] = &[
        option("home", "Home of a user", "/{user}/ or /principals/{address}/", false),
        option("calendar", "Calendar", "the first found", false),
        option("tasks", "List of tasks", "the first found", false),
        option("addressbook", "Address book", "the first found", false),
        option("writers", "Writes at once", "1; more if the server does not lock a calendar", false),
    ];
    const SALESFORCE: &[OptionField] = &[
        option("sync_key_field", "External id field", "Riva_Key__c, if the org has it", false),
        option("api_version", "API version", "v60.0", false),
    ];
    match system {
        SystemKind::Odoo => ODOO,
        SystemKind::Caldav => CALDAV,
        SystemKind::Salesforce => SALESFORCE,
        SystemKind::ExchangeEws => &[],
    }
}

/// The fields.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectionForm {
    /// As saved before, if it was.
    original: Option<Connection>,
    /// Which system; cannot be changed afterwards.
    pub system: SystemKind,
    /// The file's name; cannot be changed afterwards.
    pub name: String,
    /// A longer name.
    pub display_name: String,
    /// Where.
    pub address: String,
    /// As whom.
    pub account: String,
    /// How.
    pub sign_in: SignIn,
    /// The consumer key, for OAuth.
    pub client_id: String,
    /// How other mailboxes are reached, on Exchange.
    pub access: AccessMethod,
    /// Further certificate authorities.
    pub ca_file: String,
    /// The options by key.
    pub options: BTreeMap<&'static str, String>,
    /// What the organisation's own words mean.
    pub picklists: Picklists,
    /// New secrets as typed; wiped when they go. What is stored is never read back.
    pub secrets: BTreeMap<SecretKind, Zeroizing<String>>,
}

/// What is wrong, by the key of the field.
pub type FieldErrors = BTreeMap<&'static str, String>;

/// What is to be saved: the document, and the secrets that were typed.
pub type ToSave = (Connection, Vec<(SecretKind, SecretString)>);

impl ConnectionForm {
    /// An empty form for a new connection.
    pub fn new(system: SystemKind) -> Self {
        let sign_in = if system == SystemKind::Salesforce { SignIn::OauthPassword } else { SignIn::Password };
        let mut form = Self {
            original: None,
            system,
            name: String::new(),
            display_name: String::new(),
            address: if system == SystemKind::Salesforce {
                "https://login.salesforce.com/".into()
            } else {
                String::new()
            },
            account: String::new(),
            sign_in,
            client_id: String::new(),
            access: AccessMethod::Impersonation,
            ca_file: String::new(),
            options: options_of(system).iter().map(|o| (o.key, String::new())).collect(),
            picklists: Picklists::default(),
            secrets: BTreeMap::new(),
        };
        form.ask_for_secrets();
        form
    }

    /// The form of a connection that exists.
    pub fn of(connection: &Connection) -> Self {
        let (sign_in, client_id) = match &connection.auth {
            AuthMethod::Password => (SignIn::Password, String::new()),
            AuthMethod::OauthPassword { client_id } => (SignIn::OauthPassword, client_id.clone()),
            AuthMethod::OauthJwt { client_id } => (SignIn::OauthJwt, client_id.clone()),
        };
        let option = |key: &str| connection.option(key).unwrap_or_default().to_owned();
        Self {
            system: connection.system,
            name: connection.name.to_string(),
            display_name: connection.display_name.clone().unwrap_or_default(),
            address: connection.address.to_string(),
            account: connection.account.clone(),
            sign_in,
            client_id,
            access: connection.access.unwrap_or_default(),
            ca_file: connection.ca_file.as_ref().map(|p| p.display().to_string()).unwrap_or_default(),
            options: options_of(connection.system).iter().map(|o| (o.key, option(o.key))).collect(),
            picklists: connection.picklists.clone(),
            secrets: BTreeMap::new(),
            original: Some(connection.clone()),
        }
    }

    /// Whether it has never been saved.
    pub fn is_new(&self) -> bool {
        self.original.is_none()
    }

    /// The document as it was loaded.
    pub fn original(&self) -> Option<&Connection> {
        self.original.as_ref()
    }

    /// The ways to sign in that the system has.
    pub fn sign_ins(&self) -> &'static [(SignIn, &'static str)] {
        const PASSWORD: &[(SignIn, &str)] = &[(SignIn::Password, "User name and password")];
        const SALESFORCE: &[(SignIn, &str)] = &[
            (SignIn::OauthPassword, "OAuth: user name and password"),
            (SignIn::OauthJwt, "OAuth: signed with a private key"),
        ];
        if self.system == SystemKind::Salesforce { SALESFORCE } else { PASSWORD }
    }

    /// The secrets that this way of signing in needs, with their labels.
    pub fn secret_kinds(&self) -> &'static [(SecretKind, &'static str)] {
        match self.sign_in {
            SignIn::Password => &[(SecretKind::Password, "Password")],
            SignIn::OauthPassword => {
                &[(SecretKind::Password, "Password"), (SecretKind::ClientSecret, "Consumer secret")]
            }
            SignIn::OauthJwt => &[(SecretKind::PrivateKey, "Private key")],
        }
    }

    /// Shows the secrets' fields, to type them anew.
    pub fn ask_for_secrets(&mut self) {
        for (kind, _) in self.secret_kinds() {
            self.secrets.entry(*kind).or_default();
        }
    }

    /// Whether there is anything to save.
    pub fn is_dirty(&self) -> bool {
        let before = self.original.as_ref().map_or_else(|| Self::new(self.system), Self::of);
        let typed = self.secrets.values().any(|s| !s.is_empty());
        let without_secrets = |form: &Self| Self { secrets: BTreeMap::new(), ..form.clone() };
        typed || without_secrets(self) != Self { original: self.original.clone(), ..without_secrets(&before) }
    }

    /// The document and the secrets to save, or what is wrong beside each field.
    pub fn read(&self) -> Result<ToSave, FieldErrors> {
        let mut errors = FieldErrors::new();
        let mut must = |key: &'static str, value: &str, what: &str| {
            if value.trim().is_empty() {
                errors.insert(key, what.to_owned());
            }
        };
        must("name", &self.name, "A name is needed; it becomes the file's name.");
        must("account", &self.account, "The connection account's login name is needed.");
        if self.sign_in != SignIn::Password {
            must("client_id", &self.client_id, "The connected app's consumer key is needed.");
        }
        for field in options_of(self.system).iter().filter(|o| o.needed) {
            must(field.key, self.option(field.key), "Must be given for this system.");
        }
        if self.is_new() {
            for (kind, label) in self.secret_kinds() {
                let typed = self.secrets.get(kind).map_or("", |s| s.as_str());
                must(kind.as_str(), typed, &format!("{label} is needed."));
            }
            if self.name.chars().any(|c| "/\\:*?\"<>|".contains(c)) {
                errors.insert("name", "May not hold any of / \\ : * ? \" < > |".into());
            }
        }
        let address = match Url::parse(self.address.trim()) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Some(url),
            Ok(_) => {
                errors.insert("address", "Must begin with https:// and name a computer.".into());
                None
            }
            Err(_) => {
                errors.insert("address", "Not an address. Example: https://mail.example.com/…".into());
                None
            }
        };
        match address {
            Some(address) if errors.is_empty() => Ok((self.document(address), self.typed_secrets())),
            _ => Err(errors),
        }
    }

    fn option(&self, key: &str) -> &str {
        self.options.get(key).map_or("", String::as_str)
    }

    fn typed_secrets(&self) -> Vec<(SecretKind, SecretString)> {
        let needed = self.secret_kinds().iter().map(|(kind, _)| kind);
        needed
            .filter_map(|kind| Some((*kind, self.secrets.get(kind)?)))
            .filter(|(_, typed)| !typed.is_empty())
            .map(|(kind, typed)| (kind, SecretString::from(typed.as_str())))
            .collect()
    }

    fn document(&self, address: Url) -> Connection {
        let text = |s: &str| Some(s.trim().to_owned()).filter(|s| !s.is_empty());
        let client_id = self.client_id.trim().to_owned();
        let auth = match self.sign_in {
            SignIn::Password => AuthMethod::Password,
            SignIn::OauthPassword => AuthMethod::OauthPassword { client_id },
            SignIn::OauthJwt => AuthMethod::OauthJwt { client_id },
        };
        let before = self.original.as_ref();
        // Options that this form does not know stay as they are.
        let mut options = before.map(|c| c.options.clone()).unwrap_or_default();
        for (key, value) in &self.options {
            match text(value) {
                Some(value) => options.insert((*key).to_owned(), value),
                None => options.remove(*key),
            };
        }
        Connection {
            name: ConnectionName::new(self.name.trim()),
            system: self.system,
            display_name: text(&self.display_name),
            address,
            account: self.account.trim().to_owned(),
            auth,
            access: (self.system == SystemKind::ExchangeEws).then_some(self.access),
            ca_file: text(&self.ca_file).map(PathBuf::from),
            max_concurrent: before.and_then(|c| c.max_concurrent),
            picklists: self.picklists.clone(),
            options,
            created: before.and_then(|c| c.created.clone()),
            modified: before.and_then(|c| c.modified.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    fn filled(system: SystemKind) -> ConnectionForm {
        let mut form = ConnectionForm::new(system);
        form.name = "crm".into();
        form.address = "https://crm.example/".into();
        form.account = "riva".into();
        form.client_id = "3MVG9".into();
        for value in form.options.values_mut() {
            *value = "x".into();
        }
        for secret in form.secrets.values_mut() {
            **secret = "geheim".into();
        }
        form
    }

    #[test]
    fn an_empty_form_says_what_is_missing_beside_each_field() {
        let errors = ConnectionForm::new(SystemKind::Odoo).read().unwrap_err();
        let keys: Vec<_> = errors.keys().copied().collect();
        assert_eq!(keys, ["account", "address", "database", "name", "password"]);
    }

    #[test]
    fn what_is_saved_comes_back_the_same() {
        for system in SystemKind::ALL {
            let (document, secrets) = filled(system).read().unwrap();
            assert!(secrets.iter().all(|(_, s)| s.expose_secret() == "geheim"));
            let again = ConnectionForm::of(&document);
            assert!(!again.is_dirty(), "{system:?}");
            assert!(again.secrets.is_empty(), "a stored secret is never read back");
            assert_eq!(again.read().unwrap().0, document);
        }
    }

    #[test]
    fn options_that_the_form_does_not_know_survive() {
        let (mut document, _) = filled(SystemKind::Odoo).read().unwrap();
        document.options.insert("later".into(), "1".into());
        document.picklists.task_priority.insert("Urgent".into(), riva_core::item::Importance::High);
        let mut form = ConnectionForm::of(&document);
        form.account = "other".into();
        assert!(form.is_dirty());
        let read = form.read().unwrap().0;
        assert_eq!((read.options["later"].as_str(), &read.picklists), ("1", &document.picklists));
    }

    #[test]
    fn addresses_and_file_names_are_checked() {
        let mut form = filled(SystemKind::Caldav);
        form.address = "ftp://x".into();
        form.name = "a/b".into();
        let errors = form.read().unwrap_err();
        assert!(errors["address"].contains("https://") && errors["name"].contains('/'));
    }

    #[test]
    fn a_new_password_alone_makes_it_dirty() {
        let (document, _) = filled(SystemKind::ExchangeEws).read().unwrap();
        let mut form = ConnectionForm::of(&document);
        form.ask_for_secrets();
        assert!(!form.is_dirty());
        form.secrets.insert(SecretKind::Password, Zeroizing::new("neu".into()));
        assert!(form.is_dirty());
    }
}
