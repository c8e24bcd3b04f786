//! A sync policy: which users of which two connections are kept in step, and how: `policies/NAME.toml`.

use super::{FirstSync, NoPermission, Stamp};
use crate::ids::{ConnectionName, EmailAddress, PolicyName};
use crate::item::Module;
use serde::{Deserialize, Serialize};

/// A sync policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The file's name without `.toml`; not part of the document.
    #[serde(skip)]
    pub name: PolicyName,
    /// Whether it syncs.
    pub enabled: bool,
    /// The mail connection.
    pub mail: ConnectionName,
    /// The CRM connection.
    pub crm: ConnectionName,
    /// When and how often.
    #[serde(default)]
    pub schedule: Schedule,
    /// What is synced, and how.
    #[serde(default)]
    pub modules: PolicyModules,
    /// What becomes of what another sync has left in a mailbox.
    #[serde(default, skip_serializing_if = "FirstSync::is_default")]
    pub first_sync: FirstSync,
    /// When to stop rather than delete.
    #[serde(default)]
    pub safety: Safety,
    /// What becomes of changes that a user may not make in the CRM.
    #[serde(default, skip_serializing_if = "NoPermission::is_default")]
    pub no_permission: NoPermission,
    /// When it was made, and by whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Stamp>,
    /// When it was last changed, and by whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<Stamp>,
    /// The syncing users (`[[user]]`).
    #[serde(default, rename = "user", skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<PolicyUser>,
}

/// A syncing user of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyUser {
    /// Primary address, the same in both systems.
    pub address: EmailAddress,
    /// As shown in the address book when the user was added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// When the user was added, and by whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub added: Option<Stamp>,
}

/// How often a policy's users are synced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Schedule {
    /// Minutes between full sync cycles.
    pub interval_minutes: u32,
    /// Users of this policy that are synced at once (1 to 100).
    pub execution_threads: u32,
    /// Minutes between delete polls: full listings where a system tells of deletions in no other way.
    pub delete_poll_minutes: u32,
}

impl Default for Schedule {
    fn default() -> Self {
        Self { interval_minutes: 15, execution_threads: 3, delete_poll_minutes: 240 }
    }
}

/// What is synced.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PolicyModules {
    /// Contacts; switched off if missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contacts: Option<ContactsPolicy>,
    /// Calendar; switched off if missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calendar: Option<CalendarPolicy>,
    /// Tasks; switched off if missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tasks: Option<TasksPolicy>,
    /// E-mail; switched off if missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<EmailPolicy>,
}

impl PolicyModules {
    /// The modules that are switched on, in the order in which they are synced.
    pub fn enabled(&self) -> Vec<Module> {
        let contacts = self.contacts.as_ref().map(|_| Module::Contacts);
        let calendar = self.calendar.as_ref().map(|_| Module::Calendar);
        let tasks = self.tasks.as_ref().map(|_| Module::Tasks);
        // Last: the contacts that this cycle makes in the CRM are known there by then.
        let email = self.email.as_ref().map(|_| Module::Email);
        contacts.into_iter().chain(calendar).chain(tasks).chain(email).collect()
    }

    /// All modules bring the files that hang on their items in the mailbox to the CRM.
    pub fn bring_files(&mut self) {
        self.contacts.iter_mut().for_each(|m| m.attachments = true);
        self.calendar.iter_mut().for_each(|m| m.attachments = true);
        self.tasks.iter_mut().for_each(|m| m.attachments = true);
        self.email.iter_mut().for_each(|m| m.attachments = true);
    }

    /// The largest file in bytes that is brought to the CRM with an item of a module; `None` if none is.
    pub fn largest_file(&self, module: Module) -> Option<u64> {
        let (brings, mib) = match module {
            Module::Contacts => self.contacts.as_ref().map(|m| (m.attachments, m.attachment_mib)),
            Module::Calendar => self.calendar.as_ref().map(|m| (m.attachments, m.attachment_mib)),
            Module::Tasks => self.tasks.as_ref().map(|m| (m.attachments, m.attachment_mib)),
            Module::Email => self.email.as_ref().map(|m| (m.attachments, m.attachment_mib)),
        }?;
        let from_mail = self.direction(module).is_some_and(|way| way != Direction::CrmToMail);
        (brings && from_mail).then_some(u64::from(mib) << 20)
    }

    /// Which way a module's changes go, if it is switched on. E-mail is logged in the CRM alone.
    pub fn direction(&self, module: Module) -> Option<Direction> {
        match module {
            Module::Contacts => self.contacts.as_ref().map(|m| m.direction),
            Module::Calendar => self.calendar.as_ref().map(|m| m.direction),
            Module::Tasks => self.tasks.as_ref().map(|m| m.direction),
            Module::Email => self.email.as_ref().map(|_| Direction::MailToCrm),
        }
    }
}

/// Which way changes go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Both.
    #[default]
    TwoWay,
    /// From the mailbox to the CRM alone.
    MailToCrm,
    /// From the CRM to the mailbox alone.
    CrmToMail,
}

/// Which side wins when the same field was changed on both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConflictWinner {
    /// The CRM.
    Crm,
    /// The mailbox.
    Mail,
    /// The one that was changed later. Each system says by its own clock when an item was last changed: the item, not the
    /// field. Where one does not tell, or both tell the same second, nobody knows which came later, and the CRM wins.
    Newest,
    /// Neither: hold the item for an administrator.
    Hold,
}

/// What becomes of the other side when an item is deleted on one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeletePolicy {
    /// Deleted there too (to Deleted Items, to the recycle bin).
    Propagate,
    /// Kept there, and not synced any more.
    Detach,
    /// Made again on the side where it was deleted.
    Restore,
}

/// What becomes of items that are marked private in the mailbox.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PrivateItems {
    /// They are left alone.
    #[default]
    Skip,
    /// The CRM sees `Private appointment` and when it is, and nothing else. For the calendar alone.
    BusyOnly,
    /// They are synced as any other.
    Sync,
}

/// What becomes of the CRM's copy when an item is marked private that is in the CRM already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BecamePrivate {
    /// It stays as it was, and is not synced until the item is private no more.
    #[default]
    Leave,
    /// It shows `Private appointment` and nothing else, until the item is private no more. For the calendar alone.
    Blank,
    /// It is deleted, and made anew when the item is private no more.
    Delete,
}

/// How contacts are synced. Private ones are skipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContactsPolicy {
    /// Which way changes go.
    pub direction: Direction,
    /// Who wins a conflict.
    pub conflict: ConflictWinner,
    /// When a contact is deleted in the mailbox.
    pub deleted_in_mail: DeletePolicy,
    /// When a contact is deleted in the CRM.
    pub deleted_in_crm: DeletePolicy,
    /// When a contact that is in the CRM is marked private.
    pub became_private: BecamePrivate,
    /// Whether the user's leads come to the mailbox too, as contacts with the category `Lead`.
    pub leads: bool,
    /// Whether the files that hang on a contact in the mailbox are brought to the CRM (pictures inside its text are not). They are
    /// added there, and never taken away.
    pub attachments: bool,
    /// The largest file that is brought, in MiB.
    pub attachment_mib: u32,
}

impl Default for ContactsPolicy {
    fn default() -> Self {
        Self {
            direction: Direction::TwoWay,
            conflict: ConflictWinner::Crm,
            deleted_in_mail: DeletePolicy::Detach,
            deleted_in_crm: DeletePolicy::Propagate,
            became_private: BecamePrivate::Leave,
            leads: true,
            attachments: false,
            attachment_mib: 10,
        }
    }
}

/// How the calendar is synced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CalendarPolicy {
    /// Which way changes go.
    pub direction: Direction,
    /// Who wins a conflict.
    pub conflict: ConflictWinner,
    /// When an appointment is deleted in the mailbox.
    pub deleted_in_mail: DeletePolicy,
    /// When an appointment is deleted in the CRM.
    pub deleted_in_crm: DeletePolicy,
    /// Appointments that ended longer ago are left alone.
    pub days_back: u32,
    /// Appointments that start later are left alone.
    pub days_ahead: u32,
    /// Appointments marked private.
    pub private: PrivateItems,
    /// Where private appointments are skipped: when one that is in the CRM is marked private.
    pub became_private: BecamePrivate,
    /// Whether the files that hang on an appointment in the mailbox are brought to the CRM (pictures inside its text are not). They are
    /// added there, and never taken away.
    pub attachments: bool,
    /// The largest file that is brought, in MiB.
    pub attachment_mib: u32,
}

impl Default for CalendarPolicy {
    fn default() -> Self {
        Self {
            direction: Direction::TwoWay,
            conflict: ConflictWinner::Mail,
            deleted_in_mail: DeletePolicy::Propagate,
            deleted_in_crm: DeletePolicy::Propagate,
            days_back: 45,
            days_ahead: 400,
            private: PrivateItems::Skip,
            became_private: BecamePrivate::Blank,
            attachments: false,
            attachment_mib: 10,
        }
    }
}

/// How tasks are synced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TasksPolicy {
    /// Which way changes go.
    pub direction: Direction,
    /// Who wins a conflict. Whether a task is done is no matter of this: done wins, unless both sides have changed that and
    /// the side where it is not done is the newest one by the policy's word.
    pub conflict: ConflictWinner,
    /// When a task is deleted in the mailbox.
    pub deleted_in_mail: DeletePolicy,
    /// When a task is deleted in the CRM.
    pub deleted_in_crm: DeletePolicy,
    /// Tasks marked private: skipped, or synced as any other.
    pub private: PrivateItems,
    /// Where private tasks are skipped: when one that is in the CRM is marked private.
    pub became_private: BecamePrivate,
    /// Whether the files that hang on a task in the mailbox are brought to the CRM (pictures inside its text are not). They are
    /// added there, and never taken away.
    pub attachments: bool,
    /// The largest file that is brought, in MiB.
    pub attachment_mib: u32,
}

impl Default for TasksPolicy {
    fn default() -> Self {
        Self {
            direction: Direction::TwoWay,
            conflict: ConflictWinner::Crm,
            deleted_in_mail: DeletePolicy::Propagate,
            deleted_in_crm: DeletePolicy::Propagate,
            private: PrivateItems::Skip,
            became_private: BecamePrivate::Leave,
            attachments: false,
            attachment_mib: 10,
        }
    }
}

/// How e-mail is logged in the CRM: one way, each message once, by its Message-ID.
///
/// Messages marked private are skipped. A message that is deleted in the mailbox stays in the CRM, and one that is deleted
/// in the CRM does not come back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "choices that have nothing to do with one another")]
pub struct EmailPolicy {
    /// Messages in the Inbox from or to people whom the CRM knows.
    pub inbox: bool,
    /// Messages in Sent Items to people whom the CRM knows.
    pub sent: bool,
    /// Whether each mailbox gets drop folders: what a user drops there is logged, however old it is.
    pub drop_folders: bool,
    /// The name of the folder that holds the drop folders and `Assign To`, made beside the Inbox.
    pub master_folder: String,
    /// Whether there is a folder `Assign To` beside the drop folder, with a sub-folder for each of the user's active records
    /// in the CRM (opportunities, cases): what a user drops there is logged against that record.
    pub assign_to: bool,
    /// How many such sub-folders are made: of the records that were changed most recently.
    pub assign_to_limit: u32,
    /// If no contact is matched, match against leads.
    pub leads: bool,
    /// Addresses (`boss@example.com`) and domains (`example.com`) that are never matched: one's own company.
    pub ignore: Vec<String>,
    /// How old messages in Inbox and Sent Items may be when e-mail is first synced for a user. 0: those that come from then
    /// on.
    pub days_back: u32,
    /// Whether the files that hang on a message are logged with it (pictures inside its text are not).
    pub attachments: bool,
    /// The largest file that is logged, in MiB.
    pub attachment_mib: u32,
}

impl Default for EmailPolicy {
    fn default() -> Self {
        Self {
            inbox: true,
            sent: true,
            drop_folders: true,
            master_folder: "CRM".to_owned(),
            assign_to: false,
            assign_to_limit: 100,
            leads: true,
            ignore: Vec::new(),
            days_back: 0,
            attachments: false,
            attachment_mib: 10,
        }
    }
}

impl EmailPolicy {
    /// Whether an address is never matched.
    pub fn ignores(&self, address: &EmailAddress) -> bool {
        let domain = address.as_str().rsplit_once('@').map_or("", |(_, domain)| domain);
        self.ignore.iter().map(|entry| entry.trim().to_lowercase()).any(|entry| {
            let entry = entry.strip_prefix('@').unwrap_or(&entry);
            if entry.contains('@') { entry == address.as_str() } else { entry == domain }
        })
    }
}

/// Delete Safety: more deletions than this in one cycle are held until an administrator approves them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Safety {
    /// What becomes of items whose held deletion is refused.
    pub refused: Refused,
    /// For contacts.
    pub contacts: SafetyLimit,
    /// For appointments.
    pub calendar: SafetyLimit,
    /// For tasks.
    pub tasks: SafetyLimit,
    /// For everything else.
    pub others: SafetyLimit,
}

impl Safety {
    /// The limit of a module.
    pub fn limit(&self, module: Module) -> SafetyLimit {
        match module {
            Module::Contacts => self.contacts,
            Module::Calendar => self.calendar,
            Module::Tasks => self.tasks,
            Module::Email => self.others,
        }
    }
}

/// What becomes of an item whose held deletion an administrator refuses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refused {
    /// The side that still has it keeps it, and it is not kept in step any more.
    #[default]
    Detach,
    /// It is made again where it was deleted, and kept in step.
    Restore,
}

impl Default for Safety {
    fn default() -> Self {
        Self {
            refused: Refused::Detach,
            contacts: SafetyLimit { items: 250, percent: 25 },
            calendar: SafetyLimit { items: 50, percent: 10 },
            tasks: SafetyLimit { items: 50, percent: 75 },
            others: SafetyLimit { items: 100, percent: 25 },
        }
    }
}

/// A limit: whichever is reached first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SafetyLimit {
    /// Deletions in one cycle.
    pub items: u32,
    /// Deletions in one cycle, in percent of the items in step. Does not count below ten deletions.
    pub percent: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first block of TOML of a chapter of README.
    fn block_of(chapter: &str) -> &'static str {
        let readme = include_str!("../../../README.md");
        let from = readme.find(&format!("\n## {chapter}\n")).unwrap();
        readme[from..].split("```toml\n").nth(1).unwrap().split("```").next().unwrap()
    }

    #[test]
    fn readme_has_every_key_of_a_policy_with_its_default() {
        let told: toml::Table = block_of("A policy's file").parse().unwrap();
        let policy = Policy {
            name: PolicyName::default(),
            enabled: true,
            mail: "exchange".into(),
            crm: "salesforce".into(),
            schedule: Schedule::default(),
            modules: PolicyModules {
                contacts: Some(ContactsPolicy::default()),
                calendar: Some(CalendarPolicy::default()),
                tasks: Some(TasksPolicy::default()),
                email: None,
            },
            first_sync: FirstSync::default(),
            safety: Safety::default(),
            no_permission: NoPermission::default(),
            created: None,
            modified: None,
            users: vec![PolicyUser { address: "ann@example.com".into(), name: None, added: None }],
        };
        let mut all = toml::Table::try_from(&policy).unwrap();
        // What says the default is not written.
        all.insert("first_sync".into(), toml::Value::try_from(&policy.first_sync).unwrap());
        all.insert("no_permission".into(), toml::Value::try_from(policy.no_permission).unwrap());
        assert_eq!(told, all);

        let told: toml::Table = block_of("E-mail").parse().unwrap();
        let told = told["modules"]["email"].as_table().unwrap();
        let all = toml::Table::try_from(EmailPolicy::default()).unwrap();
        assert_eq!(told.keys().collect::<Vec<_>>(), all.keys().collect::<Vec<_>>());
    }

    #[test]
    fn ones_own_company_is_not_matched() {
        let ignore = ["Example.com", "@branch.example", "boss@elsewhere.example"].map(str::to_owned).to_vec();
        let policy = EmailPolicy { ignore, ..EmailPolicy::default() };
        for ignored in ["ann@example.com", "BOB@EXAMPLE.COM", "c@branch.example", "boss@elsewhere.example"] {
            assert!(policy.ignores(&ignored.into()), "{ignored}");
        }
        for matched in ["ann@notexample.com", "a@sub.example.com", "other@elsewhere.example", "nobody"] {
            assert!(!policy.ignores(&matched.into()), "{matched}");
        }
    }
}
