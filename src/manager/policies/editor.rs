//! *Edit CRM Synchronization Policy*.

use super::browser::Browser;
use crate::desk::Desk;
use crate::requested::Requested;
use riva_core::admin::{AdminError, ChangeEntry, DocumentKind, Revision};
use riva_core::documents::{
    CalendarPolicy, ContactsPolicy, FirstSync, NoPermission, Policy, PolicyModules, PolicyUser, Safety,
    Schedule, SystemKind, TasksPolicy,
};
use riva_core::ids::{EmailAddress, PolicyName};
use std::collections::{BTreeMap, BTreeSet};

/// The pages of the window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Page {
    /// Name, connections, users.
    #[default]
    General,
    /// When.
    Scheduling,
    /// Contacts.
    Contacts,
    /// Calendar.
    Calendar,
    /// Tasks.
    Tasks,
    /// E-mail.
    Email,
    /// Delete Safety.
    Safety,
    /// What becomes of what is not permitted.
    Advanced,
    /// When it was made and changed.
    About,
}

impl Page {
    /// All of them, with their titles.
    pub const ALL: [(Self, &'static str); 9] = [
        (Self::General, "General"),
        (Self::Scheduling, "Scheduling"),
        (Self::Contacts, "Contacts"),
        (Self::Calendar, "Calendar"),
        (Self::Tasks, "Tasks"),
        (Self::Email, "E-mail"),
        (Self::Safety, "Safety"),
        (Self::Advanced, "Advanced"),
        (Self::About, "About"),
    ];
}

/// The window.
#[derive(Debug)]
pub struct PolicyEditor {
    /// The document as it was loaded; `None` for a new one.
    pub original: Option<Policy>,
    /// The document as it is edited, when it is there.
    pub policy: Option<Policy>,
    /// Its name as typed, for a new one.
    pub name: String,
    /// The open page.
    pub page: Page,
    /// Reading it.
    pub loading: Requested<Policy>,
    /// Saving it.
    pub saving: Requested<()>,
    /// What is wrong beside each field.
    pub errors: BTreeMap<&'static str, String>,
    /// Why it is changed, for the history.
    pub why: String,
    /// What is searched in the list of users.
    pub search: String,
    /// The chosen users.
    pub selected: BTreeSet<EmailAddress>,
    /// The Exchange Browser, while it is open.
    pub browser: Option<Browser>,
    /// Its revisions.
    pub revisions: Requested<Vec<Revision>>,
}

impl PolicyEditor {
    fn empty() -> Self {
        Self {
            original: None,
            policy: None,
            name: String::new(),
            page: Page::General,
            loading: Requested::NotYet,
            saving: Requested::NotYet,
            errors: BTreeMap::new(),
            why: String::new(),
            search: String::new(),
            selected: BTreeSet::new(),
            browser: None,
            revisions: Requested::NotYet,
        }
    }

    /// For a new policy on these connections, with contacts, calendar and tasks on. Whose e-mail is logged is for somebody
    /// to decide.
    pub fn create(mail: &str, crm: &str) -> Self {
        let modules = PolicyModules {
            contacts: Some(ContactsPolicy::default()),
            calendar: Some(CalendarPolicy::default()),
            tasks: Some(TasksPolicy::default()),
            email: None,
        };
        let policy = Policy {
            name: PolicyName::default(),
            enabled: true,
            mail: mail.into(),
            crm: crm.into(),
            schedule: Schedule::default(),
            modules,
            safety: Safety::default(),
            first_sync: FirstSync::default(),
            no_permission: NoPermission::default(),
            created: None,
            modified: None,
            users: Vec::new(),
        };
        Self { policy: Some(policy), ..Self::empty() }
    }

    /// For a policy that exists; it is read now.
    pub fn open(desk: &Desk, name: &PolicyName) -> Self {
        let mut editor = Self { name: name.to_string(), ..Self::empty() };
        let (asked, of) = (name.clone(), name.clone());
        editor.loading.start(desk.disk(move |admin| admin.policy(&asked)));
        editor.revisions.start(desk.disk(move |admin| admin.history(DocumentKind::Policy, of.as_str())));
        editor
    }

    /// Riva's title of the window.
    pub fn title(&self) -> String {
        let name = if self.is_new() { "new policy" } else { &self.name };
        format!("Edit CRM Synchronization Policy - {name}")
    }

    /// Whether it has never been saved.
    pub fn is_new(&self) -> bool {
        self.original.is_none() && self.loading.is_not_yet()
    }

    /// Whether closing would lose something.
    pub fn is_dirty(&self) -> bool {
        match (&self.policy, &self.original) {
            (Some(now), Some(before)) => now != before,
            (Some(now), None) => !self.name.is_empty() || !now.users.is_empty(),
            _ => false,
        }
    }

    /// The users that fit the search, sorted by address.
    pub fn users(&self) -> Vec<PolicyUser> {
        let wanted = self.search.trim().to_lowercase();
        let all = self.policy.iter().flat_map(|p| &p.users);
        let mut users: Vec<PolicyUser> = all
            .filter(|u| {
                u.address.as_str().contains(&wanted)
                    || u.name.as_ref().is_some_and(|n| n.to_lowercase().contains(&wanted))
            })
            .cloned()
            .collect();
        users.sort_by(|a, b| a.address.cmp(&b.address));
        users
    }

    /// Whether a user was added since the document was loaded.
    pub fn is_added(&self, address: &EmailAddress) -> bool {
        !self.original.as_ref().is_some_and(|p| p.users.iter().any(|u| u.address == *address))
    }

    /// *add >>* on the General page: opens the Exchange Browser.
    pub fn browse(&mut self, system: Option<SystemKind>) {
        self.browser = Some(Browser::new(system));
    }

    /// *Ok >>* in the Exchange Browser: its users become users of the policy. The desk stamps them when they are saved.
    pub fn take_browsed(&mut self) {
        let (Some(browser), Some(policy)) = (self.browser.take(), self.policy.as_mut()) else { return };
        for candidate in browser.pending {
            if !policy.users.iter().any(|u| u.address == candidate.user.address) {
                policy.users.push(PolicyUser {
                    address: candidate.user.address,
                    name: Some(candidate.user.display_name).filter(|n| !n.is_empty()),
                    added: None,
                });
            }
        }
    }

    /// *remove >>*: takes the chosen users out.
    pub fn remove_selected(&mut self) {
        let selected = std::mem::take(&mut self.selected);
        if let Some(policy) = &mut self.policy {
            policy.users.retain(|u| !selected.contains(&u.address));
        }
    }

    /// Why e-mail cannot be logged between the policy's connections, if it cannot.
    pub fn no_email(&self, systems: &BTreeMap<String, SystemKind>) -> Option<String> {
        let policy = self.policy.as_ref()?;
        [&policy.mail, &policy.crm].into_iter().find_map(|connection| {
            let system = systems.get(connection.as_str())?;
            Some(format!("E-mail cannot be logged with {system}: {}.", system.no_email()?))
        })
    }

    /// "2 users added, 1 removed", for whoever saves.
    pub fn changes(&self) -> String {
        let Some(policy) = &self.policy else { return String::new() };
        let before: BTreeSet<&EmailAddress> =
            self.original.iter().flat_map(|p| &p.users).map(|u| &u.address).collect();
        let after: BTreeSet<&EmailAddress> = policy.users.iter().map(|u| &u.address).collect();
        let (added, removed) = (after.difference(&before).count(), before.difference(&after).count());
        let users = |n: usize| if n == 1 { "1 user".to_owned() } else { format!("{n} users") };
        match (added, removed) {
            (0, 0) if self.is_dirty() => "Not saved yet".into(),
            (0, 0) => String::new(),
            (a, 0) => format!("{} to add", users(a)),
            (0, r) => format!("{} to remove", users(r)),
            (a, r) => format!("{} to add, {r} to remove", users(a)),
        }
    }

    /// Checks the fields and saves.
    pub fn save(&mut self, desk: &Desk) {
        let Some(mut policy) = self.policy.clone() else { return };
        self.errors.clear();
        policy.name = PolicyName::new(self.name.trim());
        if let Some(email) = &mut policy.modules.email {
            tidy(&mut email.ignore);
        }
        if policy.name.as_str().is_empty() {
            self.errors.insert("name", "A name is needed; it becomes the file's name.".into());
        } else if self.is_new() && self.name.chars().any(|c| "/\\:*?\"<>|".contains(c)) {
            self.errors.insert("name", "May not hold any of / \\ : * ? \" < > |".into());
        }
        if policy.mail.as_str().is_empty() {
            self.errors.insert("mail", "Choose the connection to the mail system.".into());
        }
        if policy.crm.as_str().is_empty() {
            self.errors.insert("crm", "Choose the connection to the CRM.".into());
        }
        if !self.errors.is_empty() {
            self.page = Page::General;
            return;
        }
        let entry = ChangeEntry { why: self.why.trim().to_owned() };
        let is_new = self.is_new();
        self.saving.start(desk.disk(move |admin| {
            if is_new && admin.policies()?.iter().any(|p| p.name == policy.name) {
                return Err(AdminError::Refused {
                    what: format!("There is a policy named {:?} already.", policy.name.as_str()),
                    remedy: "Choose another name.".into(),
                });
            }
            admin.save_policy(&policy, &entry)
        }));
    }

    /// Takes in what has been done meanwhile. True once, when the policy was saved.
    pub fn poll(&mut self) -> bool {
        self.revisions.poll();
        if let Some(browser) = &mut self.browser {
            browser.poll();
        }
        if self.loading.poll()
            && let Requested::Ready(policy) = &self.loading
        {
            self.original = Some(policy.clone());
            self.policy = Some(policy.clone());
        }
        if !self.saving.poll() {
            return false;
        }
        if let Some(error) = self.saving.error() {
            for key in ["name", "mail", "crm"] {
                if let Some(text) = error.of_key(key) {
                    self.errors.insert(key, text);
                }
            }
            return false;
        }
        true
    }
}

/// What is typed as one text, as the list that it means so far: put together again, it is the same text.
pub fn split_list(text: &str) -> Vec<String> {
    if text.is_empty() { Vec::new() } else { text.split(',').map(str::to_owned).collect() }
}

/// A list as one text.
pub fn join_list(list: &[String]) -> String {
    list.join(",")
}

/// Without blanks around its entries, and without empty ones.
fn tidy(list: &mut Vec<String>) {
    *list = list.iter().map(|entry| entry.trim().to_owned()).filter(|entry| !entry.is_empty()).collect();
}

#[cfg(test)]
mod tests {
    use super::*;
    use riva_core::admin::Candidate;
    use riva_core::ports::ResolvedName;

    fn editor() -> PolicyEditor {
        let mut editor = PolicyEditor::create("exchange", "salesforce");
        let policy = editor.policy.as_mut().unwrap();
        for address in ["cy@x", "ann@x", "bob@x"] {
            let name = Some(format!("Name of {address}"));
            policy.users.push(PolicyUser { address: address.into(), name, added: None });
        }
        editor.original = editor.policy.clone();
        editor
    }

    #[test]
    fn users_are_searched_by_name_and_address() {
        let mut editor = editor();
        let shown = |e: &PolicyEditor| e.users().iter().map(|u| u.address.to_string()).collect::<Vec<_>>();
        assert_eq!(shown(&editor), ["ann@x", "bob@x", "cy@x"]);
        editor.search = "OF B".into();
        assert_eq!(shown(&editor), ["bob@x"]);
    }

    #[test]
    fn ok_adds_each_user_once_and_the_footer_counts() {
        let mut editor = editor();
        editor.browse(Some(SystemKind::ExchangeEws));
        let browser = editor.browser.as_mut().unwrap();
        for address in ["ann@x", "dora@x"] {
            let user = ResolvedName { display_name: address.into(), address: address.into() };
            browser.pending.push(Candidate { user, crm_user: None, obstacle: None });
        }
        editor.take_browsed();
        assert!(editor.browser.is_none());
        assert_eq!(editor.policy.as_ref().unwrap().users.len(), 4);
        assert_eq!(editor.changes(), "1 user to add");
        assert!(editor.is_added(&"dora@x".into()) && !editor.is_added(&"ann@x".into()));
        editor.selected = ["ann@x".into(), "bob@x".into()].into();
        editor.remove_selected();
        assert_eq!(editor.changes(), "1 user to add, 2 to remove");
    }

    #[test]
    fn a_list_is_typed_as_one_text() {
        for typed in ["", "a", "a,", "a, b@c.example", ",", " a ,,b"] {
            assert_eq!(join_list(&split_list(typed)), typed);
        }
        let mut list = split_list(" a.example ,, b@c.example,");
        tidy(&mut list);
        assert_eq!(list, ["a.example", "b@c.example"]);
    }

    #[test]
    fn email_is_offered_where_it_can_be_logged() {
        let editor = PolicyEditor::create("exchange", "crm");
        let between = |mail, crm| BTreeMap::from([("exchange".to_owned(), mail), ("crm".to_owned(), crm)]);
        for crm in [SystemKind::Salesforce, SystemKind::Odoo] {
            assert_eq!(editor.no_email(&between(SystemKind::ExchangeEws, crm)), None);
            let why = editor.no_email(&between(SystemKind::Caldav, crm)).unwrap();
            let said =
                "E-mail cannot be logged with CalDAV and CardDAV: there is no e-mail in CalDAV and CardDAV.";
            assert_eq!(why, said);
        }
    }

    #[test]
    fn nothing_changed_means_nothing_to_save() {
        let mut editor = editor();
        assert!(!editor.is_dirty() && editor.changes().is_empty());
        editor.policy.as_mut().unwrap().schedule.interval_minutes = 5;
        assert_eq!(editor.changes(), "Not saved yet");
    }
}
