//! The edit window of one connection.

use super::bulk::BulkTest;
use super::form::{ConnectionForm, FieldErrors};
use super::picklists::PicklistsPage;
use super::test::TestRun;
use crate::desk::Desk;
use crate::requested::Requested;
use crate::trouble::Trouble;
use riva_core::admin::{ChangeEntry, Revision};
use riva_core::documents::{Connection, PolicyUser, SystemKind};
use riva_core::fault::FaultKind;
use riva_core::ids::{ConnectionName, PolicyName};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// The pages of the window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tab {
    /// The fields.
    #[default]
    General,
    /// The test.
    Test,
    /// What the organisation's own words mean, where the system has lists of them.
    Picklists,
    /// When it was made and changed.
    About,
}

impl Tab {
    /// All of them, with their titles.
    pub const ALL: [(Self, &'static str); 4] = [
        (Self::General, "General"),
        (Self::Test, "Test Connection"),
        (Self::Picklists, "Picklists"),
        (Self::About, "About"),
    ];

    /// Those that a system has.
    pub fn of(system: Option<SystemKind>) -> impl Iterator<Item = (Self, &'static str)> {
        let lists = system == Some(SystemKind::Salesforce);
        Self::ALL.into_iter().filter(move |(tab, _)| lists || *tab != Self::Picklists)
    }
}

/// The window.
#[derive(Debug)]
pub struct ConnectionEditor {
    /// Which connection; `None` until it is saved for the first time.
    pub name: Option<ConnectionName>,
    /// Which system, as far as known.
    pub system: Option<SystemKind>,
    /// The open page.
    pub tab: Tab,
    /// The document as it was loaded.
    pub loading: Requested<Connection>,
    /// The fields, when it is loaded.
    pub form: Option<ConnectionForm>,
    /// What is wrong beside each field.
    pub errors: FieldErrors,
    /// Why it is changed, for the history.
    pub why: String,
    /// Saving.
    pub saving: Requested<()>,
    /// The test.
    pub test: TestRun,
    /// The policies that use it, for *test all users*.
    pub policies: Vec<PolicyName>,
    /// The policy whose users are tested.
    pub bulk_policy: String,
    /// Its users, being read.
    bulk_users: Requested<Vec<PolicyUser>>,
    /// The test of all users.
    pub bulk: BulkTest,
    /// The words of its lists.
    pub picklists: PicklistsPage,
    /// Its revisions.
    pub revisions: Requested<Vec<Revision>>,
    /// A new password was saved: the test that is under way says whether it works.
    proves_password: bool,
}

/// What came of an editor's work since it was last asked.
#[derive(Debug, PartialEq, Eq)]
pub enum EditorNews {
    /// The document was saved under this name.
    Saved(ConnectionName),
    /// A test has ended: the list shows its result.
    Tested,
    /// A new password works.
    PasswordWorks,
}

impl ConnectionEditor {
    fn empty() -> Self {
        Self {
            name: None,
            system: None,
            tab: Tab::General,
            loading: Requested::NotYet,
            form: None,
            errors: BTreeMap::new(),
            why: String::new(),
            saving: Requested::NotYet,
            test: TestRun::default(),
            policies: Vec::new(),
            bulk_policy: String::new(),
            bulk_users: Requested::NotYet,
            bulk: BulkTest::default(),
            picklists: PicklistsPage::default(),
            revisions: Requested::NotYet,
            proves_password: false,
        }
    }

    /// For a new connection.
    pub fn create(system: SystemKind) -> Self {
        Self { system: Some(system), form: Some(ConnectionForm::new(system)), ..Self::empty() }
    }

    /// For a connection that exists; it is read now.
    pub fn open(
        desk: &Desk,
        name: &ConnectionName,
        system: Option<SystemKind>,
        policies: Vec<PolicyName>,
    ) -> Self {
        let mut editor = Self {
            name: Some(name.clone()),
            system,
            bulk_policy: policies.first().map(ToString::to_string).unwrap_or_default(),
            policies,
            ..Self::empty()
        };
        editor.load(desk);
        editor
    }

    /// Riva's title of the window.
    pub fn title(&self) -> String {
        let what = match self.system {
            Some(SystemKind::ExchangeEws) => "Exchange Connection Edit",
            Some(system) if system.is_mail() => "E-mail Connection Edit",
            _ => "CRM Connection Edit",
        };
        match (&self.name, self.form.as_ref()) {
            (Some(name), _) => format!("{what} - {name}"),
            (None, Some(form)) => format!("{what} - new {} connection", form.system.title()),
            (None, None) => what.to_owned(),
        }
    }

    /// Whether closing would lose something.
    pub fn is_dirty(&self) -> bool {
        self.form.as_ref().is_some_and(ConnectionForm::is_dirty)
    }

    fn load(&mut self, desk: &Desk) {
        let Some(name) = self.name.clone() else { return };
        let asked = name.clone();
        self.loading.start(desk.disk(move |admin| admin.connection(&asked)));
        self.revisions.start(
            desk.disk(move |admin| admin.history(riva_core::admin::DocumentKind::Connection, name.as_str())),
        );
    }

    /// Checks the fields and saves document and secrets.
    pub fn save(&mut self, desk: &Desk) {
        let Some(form) = &self.form else { return };
        let (document, secrets) = match form.read() {
            Ok(read) => read,
            Err(errors) => {
                self.errors = errors;
                self.tab = Tab::General;
                return;
            }
        };
        self.errors.clear();
        self.proves_password = !form.is_new() && !secrets.is_empty();
        let entry = ChangeEntry { why: self.why.trim().to_owned() };
        self.name = Some(document.name.clone());
        let is_new = form.is_new();
        self.saving.start(desk.disk(move |admin| {
            if is_new && admin.connections()?.iter().any(|c| c.name == document.name) {
                return Err(riva_core::admin::AdminError::Refused {
                    what: format!("There is a connection named {:?} already.", document.name.as_str()),
                    remedy: "Choose another name.".into(),
                });
            }
            admin.save_connection(&document, &entry)?;
            secrets.iter().try_for_each(|(kind, secret)| admin.set_secret(&document.name, *kind, secret))
        }));
    }

    /// *Run Test >>*.
    pub fn run_test(&mut self, desk: &Desk) {
        if let Some(name) = &self.name {
            self.test.start(desk, name);
        }
    }

    /// Reads the organisation's lists.
    pub fn read_lists(&mut self, desk: &Desk) {
        if let Some(name) = &self.name {
            self.picklists.read(desk, name);
        }
    }

    /// Reads the users of the chosen policy, then tests them all.
    pub fn test_all(&mut self, desk: &Desk) {
        let policy = PolicyName::new(&self.bulk_policy);
        self.bulk_users.start(desk.disk(move |admin| Ok(admin.policy(&policy)?.users)));
    }

    /// Whether the users of a policy are being read or tested.
    pub fn bulk_busy(&self) -> bool {
        self.bulk.is_running() || self.bulk_users.is_pending()
    }

    /// Why the users of the policy could not be read.
    pub fn bulk_trouble(&self) -> Option<&Trouble> {
        self.bulk_users.error()
    }

    /// Takes in what has been done meanwhile.
    pub fn poll(&mut self, desk: &Desk) -> Vec<EditorNews> {
        let mut news = Vec::new();
        self.revisions.poll();
        self.picklists.org.poll();
        if self.loading.poll()
            && let Requested::Ready(document) = &self.loading
        {
            self.system = Some(document.system);
            self.form = Some(ConnectionForm::of(document));
        }
        if self.saving.poll() {
            self.saved(desk, &mut news);
        }
        if self.bulk_users.poll()
            && let (Requested::Ready(users), Some(name)) = (&self.bulk_users, &self.name)
        {
            self.bulk.start(desk, name, PolicyName::new(&self.bulk_policy), users);
        }
        if self.test.poll() {
            news.push(EditorNews::Tested);
            self.tested(&mut news);
            let passed = matches!(&self.test.outcome, Some(Ok(report)) if report.passed());
            if passed && self.system == Some(SystemKind::Salesforce) {
                self.read_lists(desk);
            }
        }
        if self.bulk.poll() {
            news.push(EditorNews::Tested);
        }
        news
    }

    fn saved(&mut self, desk: &Desk, news: &mut Vec<EditorNews>) {
        match &self.saving {
            Requested::Ready(()) => {
                self.why.clear();
                if let Some(form) = &mut self.form {
                    form.secrets.clear();
                }
                self.load(desk);
                if let Some(name) = &self.name {
                    news.push(EditorNews::Saved(name.clone()));
                }
                if self.proves_password {
                    self.tab = Tab::Test;
                    self.test.target.clear();
                    self.run_test(desk);
                }
            }
            Requested::Failed { error, .. } => {
                self.proves_password = false;
                if self.form.as_ref().is_some_and(ConnectionForm::is_new) {
                    self.name = None;
                }
                let keys = ["name", "address", "account", "ca_file", "database", "client_id"];
                for key in keys {
                    let found = error.of_key(key).or_else(|| error.of_key(&format!("options.{key}")));
                    if let Some(text) = found {
                        self.errors.insert(key, text);
                    }
                }
            }
            _ => {}
        }
    }

    fn tested(&mut self, news: &mut Vec<EditorNews>) {
        if !std::mem::take(&mut self.proves_password) {
            return;
        }
        match &self.test.outcome {
            Some(Ok(report)) if report.passed() => news.push(EditorNews::PasswordWorks),
            Some(Ok(report))
                if report.fault.as_ref().is_some_and(|f| f.kind == FaultKind::GivenCredentials) =>
            {
                // A password that is refused is asked for again, empty.
                if let Some(form) = &mut self.form {
                    for (kind, _) in form.secret_kinds() {
                        form.secrets.insert(*kind, Zeroizing::default());
                    }
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_titled_in_rivas_words() {
        let title = |system| ConnectionEditor::create(system).title();
        assert!(title(SystemKind::ExchangeEws).starts_with("Exchange Connection Edit"));
        assert!(title(SystemKind::Salesforce).starts_with("CRM Connection Edit"));
        assert!(title(SystemKind::Odoo).starts_with("CRM Connection Edit"));
    }

    #[test]
    fn lists_of_words_are_there_where_a_system_has_them() {
        let has = |system| Tab::of(Some(system)).any(|(tab, _)| tab == Tab::Picklists);
        assert!(has(SystemKind::Salesforce) && !has(SystemKind::Odoo) && !has(SystemKind::ExchangeEws));
        assert_eq!(Tab::of(None).count(), 3);
    }

    #[test]
    fn an_untouched_new_connection_may_be_closed() {
        let mut editor = ConnectionEditor::create(SystemKind::Odoo);
        assert!(!editor.is_dirty());
        editor.form.as_mut().unwrap().account = "x".into();
        assert!(editor.is_dirty());
    }
}
