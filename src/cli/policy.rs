//! `riva policy …`

use super::desk::{Desk, because};
use super::output::{self, line};
use super::verdict::{Failure, Verdict};
use clap::{Args, Subcommand};
use riva_core::admin::{Admin, AdminError, Candidate, DocumentKind, PolicySummary};
use riva_core::documents::{
    CalendarPolicy, ContactsPolicy, EmailPolicy, FirstSync, NoPermission, Policy, PolicyModules, PolicyUser,
    Safety, Schedule, TasksPolicy,
};
use riva_core::ids::{EmailAddress, PolicyName};
use riva_core::license::{Counts, LicensingDetails};
use riva_core::ports::CrmUser;
use serde_json::json;

#[derive(Subcommand)]
pub enum PolicyVerb {
    /// All policies.
    List,
    /// One policy with its history.
    Show {
        /// Its name.
        name: String,
    },
    /// Add a policy between two connections; it is disabled until `enable`.
    Add {
        /// Its name: a file's name without `.toml`.
        name: String,
        /// The connection to the mail system.
        #[arg(long)]
        mail: String,
        /// The connection to the CRM.
        #[arg(long)]
        crm: String,
        /// Do not sync contacts.
        #[arg(long)]
        no_contacts: bool,
        /// Do not sync the calendar.
        #[arg(long)]
        no_calendar: bool,
        /// Do not sync tasks.
        #[arg(long)]
        no_tasks: bool,
        /// Log e-mail in the CRM too: Inbox, Sent Items and a drop folder, each message once. From Exchange alone. The choices are
        /// keys of [modules.email] in the policy's file.
        #[arg(long)]
        email: bool,
        /// With --email: a folder for each of a user's open opportunities and cases; what is dropped there is logged against it.
        #[arg(long, requires = "email")]
        assign_to: bool,
        /// Bring the files that hang on items in the mailbox to the CRM, up to 10 MiB each. For one module alone:
        /// `attachments = true` under [modules.calendar] and so on in the policy's file.
        #[arg(long)]
        attachments: bool,
        /// Minutes between full sync cycles.
        #[arg(long, default_value_t = 15)]
        interval: u32,
        /// Why, for the history.
        #[arg(long)]
        why: Option<String>,
    },
    /// Enable a policy.
    Enable {
        /// Its name.
        name: String,
    },
    /// Disable a policy.
    Disable {
        /// Its name.
        name: String,
    },
    /// Make a disabled copy with the same users.
    Duplicate {
        /// The name of the policy to copy.
        name: String,
    },
    /// Remove a disabled policy.
    Remove {
        /// Its name.
        name: String,
    },
    /// The syncing users of a policy.
    Users {
        /// The policy's name.
        name: String,
    },
    /// Add users: each is looked up in the address book (check name) and in the CRM.
    AddUser(AddUser),
    /// Take users out of a policy.
    RemoveUser {
        /// The policy's name.
        name: String,
        /// Their addresses.
        #[arg(required = true)]
        users: Vec<String>,
        /// Why, for the history.
        #[arg(long)]
        why: Option<String>,
        /// Restart the agent, so that it acts on it.
        #[arg(long)]
        restart: bool,
    },
    /// What the next cycle would do: every create, update, delete, link and hold, with the rule that decides and old and
    /// new values. Nothing is written. The policy may be disabled, and the agent may not have read yet that a user was added;
    /// but it must run.
    Preview {
        /// The policy's name.
        name: String,
        /// One user alone.
        #[arg(long)]
        user: Option<String>,
    },
    /// Licensing Details: counts of both systems, and who holds them.
    License {
        /// The policy's name.
        name: String,
    },
}

#[derive(Args)]
pub struct AddUser {
    /// The policy's name.
    name: String,
    /// Mailbox user names, display names or addresses; each must mean exactly one user.
    #[arg(required = true)]
    users: Vec<String>,
    /// Why, for the history.
    #[arg(long)]
    why: Option<String>,
    /// Take the addresses as they are, without asking the address book and the CRM.
    #[arg(long)]
    unchecked: bool,
    /// Restart the agent, so that it acts on it.
    #[arg(long)]
    restart: bool,
}

impl PolicyVerb {
    pub fn run(self, desk: &Desk) -> Result<Verdict, Failure> {
        let admin = desk.admin()?;
        match self {
            Self::List => list(desk, &admin),
            Self::Show { name } => show(desk, &admin, &name.into()),
            Self::Add {
                name,
                mail,
                crm,
                no_contacts,
                no_calendar,
                no_tasks,
                email,
                assign_to,
                attachments,
                interval,
                why,
            } => {
                let name = PolicyName::from(name);
                match admin.policy(&name) {
                    Err(AdminError::NoSuch { .. }) => {}
                    Err(other) => return Err(other.into()),
                    Ok(_) => {
                        return Err(Failure::Other(format!("policy {:?} exists already", name.as_str())));
                    }
                }
                let mut modules = PolicyModules {
                    contacts: (!no_contacts).then(ContactsPolicy::default),
                    calendar: (!no_calendar).then(CalendarPolicy::default),
                    tasks: (!no_tasks).then(TasksPolicy::default),
                    email: email.then(|| EmailPolicy { assign_to, ..EmailPolicy::default() }),
                };
                if attachments {
                    modules.bring_files();
                }
                let policy = Policy {
                    name,
                    enabled: false,
                    mail: mail.into(),
                    crm: crm.into(),
                    schedule: Schedule { interval_minutes: interval, ..Schedule::default() },
                    modules,
                    safety: Safety::default(),
                    first_sync: FirstSync::default(),
                    no_permission: NoPermission::default(),
                    created: None,
                    modified: None,
                    users: Vec::new(),
                };
                admin.save_policy(&policy, &because(why.as_ref()))?;
                Ok(done(desk, &policy.name, "added; add users, then enable it"))
            }
            Self::Enable { name } => {
                let name = PolicyName::from(name);
                admin.set_policy_enabled(&name, true)?;
                Ok(done(desk, &name, "enabled"))
            }
            Self::Disable { name } => {
                let name = PolicyName::from(name);
                admin.set_policy_enabled(&name, false)?;
                Ok(done(desk, &name, "disabled"))
            }
            Self::Duplicate { name } => {
                let copy = admin.duplicate_policy(&name.into())?;
                let what = "made as a disabled copy; remove users from one of the two before enabling it";
                Ok(done(desk, &copy, what))
            }
            Self::Remove { name } => {
                let name = PolicyName::from(name);
                admin.remove_policy(&name)?;
                Ok(done(desk, &name, "removed"))
            }
            Self::Users { name } => users(desk, &admin, &name.into()),
            Self::AddUser(verb) => verb.run(desk, &admin),
            Self::RemoveUser { name, users, why, restart } => {
                let mut policy = admin.policy(&name.into())?;
                for user in &users {
                    let address = EmailAddress::new(user);
                    let before = policy.users.len();
                    policy.users.retain(|u| u.address != address);
                    if policy.users.len() == before {
                        return Err(Failure::Other(format!(
                            "{address} is not in policy {:?}; nothing was changed",
                            policy.name.as_str()
                        )));
                    }
                }
                admin.save_policy(&policy, &because(why.as_ref()))?;
                done(desk, &policy.name, &format!("{} removed", users.join(", ")));
                super::agent::after_a_change(desk, restart)
            }
            Self::Preview { name, user } => super::preview::run(desk, &admin, &name.into(), user.as_deref()),
            Self::License { name } => license(desk, &admin, &name.into()),
        }
    }
}

fn done(desk: &Desk, name: &PolicyName, what: &str) -> Verdict {
    if desk.json {
        output::json(&json!({ "policy": name, "done": what }));
    } else {
        line(format!("{name}: {what}."));
    }
    Verdict::Fine
}

fn list(desk: &Desk, admin: &Admin) -> Result<Verdict, Failure> {
    let policies = admin.policies()?;
    let sound = policies.iter().all(|p| p.broken.is_empty());
    if desk.json {
        output::json(&policies);
        return Ok(Verdict::fine_if(sound));
    }
    let row = |p: &PolicySummary| {
        let state = match (p.broken.is_empty(), p.enabled) {
            (false, _) => "broken document",
            (true, true) => "enabled",
            (true, false) => "disabled",
        };
        let modified = p.modified.as_ref().map(|s| format!("{} by {}", output::time(s.at), s.by));
        let text = |t: &dyn std::fmt::Display| t.to_string();
        vec![
            text(&p.name),
            state.into(),
            text(&p.mail),
            text(&p.crm),
            text(&p.users),
            modified.unwrap_or_default(),
        ]
    };
    let heading = ["name", "state", "mail", "crm", "users", "modified"];
    output::table(&heading, policies.iter().map(row).collect(), "There is no policy yet: `riva policy add`.");
    for finding in policies.iter().flat_map(|p| &p.broken) {
        line(finding.to_string());
    }
    Ok(Verdict::fine_if(sound))
}

fn show(desk: &Desk, admin: &Admin, name: &PolicyName) -> Result<Verdict, Failure> {
    let policy = admin.policy(name)?;
    let history = admin.history(DocumentKind::Policy, name.as_str())?;
    if desk.json {
        output::json(&json!({ "name": name, "policy": policy, "history": history }));
        return Ok(Verdict::Fine);
    }
    let modules: Vec<_> = policy.modules.enabled().iter().map(ToString::to_string).collect();
    let rows = [
        ("name", name.to_string()),
        ("state", if policy.enabled { "enabled" } else { "disabled" }.to_owned()),
        ("mail", policy.mail.to_string()),
        ("crm", policy.crm.to_string()),
        ("modules", modules.join(", ")),
        ("every", format!("{} minutes", policy.schedule.interval_minutes)),
        ("threads", policy.schedule.execution_threads.to_string()),
        ("users", policy.users.len().to_string()),
    ];
    let rows = rows.into_iter().map(|(key, value)| vec![key.to_owned(), value]).collect();
    output::table(&["field", "value"], rows, "");
    for revision in &history {
        line(format!(
            "{:>4}  {}  {}  {}",
            revision.number,
            output::time(revision.at),
            revision.by,
            revision.why
        ));
    }
    Ok(Verdict::Fine)
}

fn users(desk: &Desk, admin: &Admin, name: &PolicyName) -> Result<Verdict, Failure> {
    let policy = admin.policy(name)?;
    if desk.json {
        output::json(&policy.users);
        return Ok(Verdict::Fine);
    }
    let row = |user: &PolicyUser| {
        let added = user.added.as_ref().map(|s| format!("{} by {}", output::time(s.at), s.by));
        vec![user.address.to_string(), user.name.clone().unwrap_or_default(), added.unwrap_or_default()]
    };
    let rows = policy.users.iter().map(row).collect();
    output::table(
        &["address", "name", "added"],
        rows,
        "This policy has no users yet: `riva policy add-user`.",
    );
    Ok(Verdict::Fine)
}

impl AddUser {
    fn run(self, desk: &Desk, admin: &Admin) -> Result<Verdict, Failure> {
        let mut policy = admin.policy(&self.name.clone().into())?;
        let mut added = Vec::new();
        for typed in &self.users {
            let (user, crm) = if self.unchecked {
                (PolicyUser { address: EmailAddress::new(typed), name: None, added: None }, None)
            } else {
                let (user, crm) = desk.wait(resolve(admin, &policy, typed))?;
                (user, Some(crm))
            };
            added.push(json!({ "address": user.address, "name": user.name, "crm_user": crm }));
            if !desk.json {
                let crm =
                    crm.map(|c| format!(", in the CRM {} ({})", c.name, c.user_name)).unwrap_or_default();
                line(format!("{typed}: {} <{}>{crm}", user.name.as_deref().unwrap_or(""), user.address));
            }
            policy.users.push(user);
        }
        admin.save_policy(&policy, &because(self.why.as_ref()))?;
        if desk.json {
            output::json(&json!({ "policy": policy.name, "added": added }));
        } else {
            let n = policy.users.len();
            line(format!("{}: saved with {n} user{}.", policy.name, if n == 1 { "" } else { "s" }));
        }
        super::agent::after_a_change(desk, self.restart)
    }
}

/// One user by what was typed: as in the Exchange Browser, check name and add.
pub async fn resolve(admin: &Admin, policy: &Policy, typed: &str) -> Result<(PolicyUser, CrmUser), Failure> {
    let found = admin.check_name(policy, typed).await?;
    let (user, crm) = match found.as_slice() {
        [Candidate { user, crm_user: Some(crm), obstacle: None }] => (user.clone(), crm.clone()),
        [Candidate { obstacle, .. }] => {
            let why = obstacle.as_deref().unwrap_or("The CRM names no user.");
            return Err(Failure::Other(format!("{why} Nothing was changed.")));
        }
        [] => {
            return Err(Failure::Other(format!(
                "no user in the address book matches {typed:?}; check the spelling. Nothing was changed."
            )));
        }
        several => {
            let names: Vec<_> = several.iter().take(10).map(|c| c.user.address.to_string()).collect();
            return Err(Failure::Other(format!(
                "{typed:?} means several users: {}. Give the address of one. Nothing was changed.",
                names.join(", ")
            )));
        }
    };
    let added = PolicyUser { address: user.address, name: Some(user.display_name), added: None };
    Ok((added, crm))
}

/// `3 of 10 used, 7 unused`
pub fn counts(counts: Counts) -> String {
    format!("{} of {} used, {} unused", counts.used, counts.total, counts.unused())
}

fn license(desk: &Desk, admin: &Admin, name: &PolicyName) -> Result<Verdict, Failure> {
    let details = admin.licensing_details(name)?;
    let verdict = Verdict::fine_if(details.refused.is_empty());
    if desk.json {
        output::json(&details);
        return Ok(verdict);
    }
    let LicensingDetails { mail, mail_system, crm, crm_system, files, holders, refused, expires } = details;
    line(format!("{mail_system}: {}", counts(mail)));
    line(format!("{crm_system}: {}", counts(crm)));
    if let Some(day) = expires {
        line(format!("Valid until {day}."));
    }
    for file in &files {
        line(format!("licenses/{}: {}", file.file, super::license::verdict(file)));
    }
    let row = |h: &riva_core::license::LicenseHolder| {
        vec![h.address.to_string(), h.system.title().into(), h.policy.to_string(), output::time(h.since)]
    };
    output::table(
        &["user", "system", "policy", "since"],
        holders.iter().map(row).collect(),
        "Nobody holds a count.",
    );
    for (user, why) in &refused {
        line(format!("{user} does not sync: {why}"));
    }
    Ok(verdict)
}
