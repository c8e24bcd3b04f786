//! What must hold over all documents together.

use super::place::{Step, line_of};
use super::workspace::Document;
use super::{
    AuthMethod, BecamePrivate, Connection, EmailPolicy, Picklist, Policy, PolicyModules, PrivateItems,
    Settings, SystemKind, folded,
};
use crate::admin::Finding;
use crate::ids::{ConnectionName, EmailAddress, PolicyName};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use url::{Host, Url};

/// What is in the way of a name, if anything: it must be fit for a file's name on every system.
pub fn legal_name(name: &str) -> Result<(), String> {
    const RESERVED: [&str; 4] = ["con", "prn", "aux", "nul"];
    let lower = name.to_lowercase();
    let stem = lower.split('.').next().unwrap_or_default();
    let device = (stem.starts_with("com") || stem.starts_with("lpt"))
        && stem.len() == 4
        && stem.ends_with(|c: char| c.is_ascii_digit());
    if name.trim().is_empty() {
        return Err("a name is needed".into());
    }
    if name.chars().count() > 100 {
        return Err("a name has at most 100 characters".into());
    }
    if let Some(bad) = name.chars().find(|c| c.is_control() || "/\\:*?\"<>|".contains(*c)) {
        return Err(format!("a name is also a file's name and cannot hold {bad:?}"));
    }
    if name.starts_with('.') || name.ends_with('.') || name != name.trim() {
        return Err("a name does not begin with a dot, nor end with one, nor with white space".into());
    }
    if RESERVED.contains(&stem) || device {
        return Err(format!("{name:?} is the name of a device on Windows"));
    }
    Ok(())
}

/// Collects the findings of one document.
struct Notes<'a> {
    file: &'a str,
    text: &'a str,
    found: &'a mut Vec<Finding>,
}

impl Notes<'_> {
    fn add(&mut self, path: &[Step<'_>], what: impl Into<String>, remedy: impl Into<String>) {
        let key: Vec<&str> = path
            .iter()
            .filter_map(|step| match step {
                Step::Key(key) => Some(*key),
                Step::At(_) => None,
            })
            .collect();
        self.found.push(Finding {
            file: self.file.to_owned(),
            line: line_of(self.text, path),
            key: (!key.is_empty()).then(|| key.join(".")),
            what: what.into(),
            remedy: remedy.into(),
        });
    }

    fn name(&mut self, name: &str) {
        if let Err(why) = legal_name(name) {
            self.add(&[], format!("{why}."), "Rename the file.");
        }
    }

    fn range(&mut self, path: &[Step<'_>], value: u32, from: u32, to: u32) {
        if !(from..=to).contains(&value) {
            self.add(path, format!("{value} is out of range."), format!("Expected: {from} to {to}."));
        }
    }
}

/// Checks `riva.toml`.
pub(crate) fn settings(document: &Document<Settings>, found: &mut Vec<Finding>) {
    use Step::Key;
    let s = &document.value;
    let mut notes = Notes { file: &document.file, text: &document.text, found };
    notes.range(&[Key("agent"), Key("max_threads")], s.agent.max_threads, 1, 1000);
    notes.range(&[Key("agent"), Key("keep_activity_days")], s.agent.keep_activity_days, 1, 3650);
    notes.range(&[Key("agent"), Key("keep_journal_days")], s.agent.keep_journal_days, 1, 3650);
    notes.range(&[Key("agent"), Key("keep_undo_days")], s.agent.keep_undo_days, 0, 90);
    notes.range(&[Key("log"), Key("keep_files")], s.log.keep_files, 1, 3650);
    let listen = s.api.listen.parse::<SocketAddr>();
    if !listen.is_ok_and(|address| address.ip().is_loopback()) {
        notes.add(
            &[Key("api"), Key("listen")],
            format!("{:?} is not a loopback address with a port.", s.api.listen),
            "Expected: \"127.0.0.1:0\" or \"[::1]:0\"; the control API is never open to the network.",
        );
    }
    let path = Path::new(&s.store.path);
    let climbs = path.components().any(|part| matches!(part, std::path::Component::ParentDir));
    if s.store.path.trim().is_empty() || path.is_absolute() || climbs {
        notes.add(
            &[Key("store"), Key("path")],
            format!("{:?} is not a path below the workspace.", s.store.path),
            "Expected: a relative path such as \"state/riva.db\".",
        );
    }
}

/// Checks a connection.
pub(crate) fn connection(workspace: &Path, document: &Document<Connection>, found: &mut Vec<Finding>) {
    use Step::Key;
    let c = &document.value;
    let mut notes = Notes { file: &document.file, text: &document.text, found };
    notes.name(c.name.as_str());
    address(&mut notes, &c.address);
    if c.account.trim().is_empty() {
        notes.add(&[Key("account")], "the connection account is empty.", "Enter the account's login name.");
    }
    let oauth = !matches!(c.auth, AuthMethod::Password);
    if oauth != (c.system == SystemKind::Salesforce) {
        let (what, remedy) = if oauth {
            (format!("{} does not sign in by OAuth here.", c.system), "Expected: { method = \"password\" }.")
        } else {
            (
                "Salesforce does not sign in by password alone.".to_owned(),
                "Expected: { method = \"oauth-password\", client_id = \"…\" } or \"oauth-jwt\".",
            )
        };
        notes.add(&[Key("auth"), Key("method")], what, remedy);
    }
    if c.access.is_some() && c.system != SystemKind::ExchangeEws {
        notes.add(&[Key("access")], "this is for Exchange alone.", "Take the line out.");
    }
    if let Some(most) = c.max_concurrent {
        notes.range(&[Key("max_concurrent")], most, 1, 1000);
    }
    if let Some(file) = c.ca_file.as_ref().filter(|file| !workspace.join(file).is_file()) {
        notes.add(
            &[Key("ca_file")],
            format!("there is no file {}.", file.display()),
            "Name a PEM file with certificates; relative paths begin in the workspace.",
        );
    }
    if c.system == SystemKind::Odoo && c.option("database").is_none_or(str::is_empty) {
        notes.add(
            &[Key("options"), Key("database")],
            "an Odoo server has several databases, and none is named.",
            "Add `database = \"…\"` below [options].",
        );
    }
    let known = c.system.options();
    for key in c.options.keys().filter(|key| !known.contains(&key.as_str())) {
        let what = format!("there is no option `{key}` for {}.", c.system);
        notes.add(&[Key("options"), Key(key)], what, super::read::suggest(key, known));
    }
    picklists(&mut notes, c);
}

/// Each word has one meaning, and there is somebody who uses it.
fn picklists(notes: &mut Notes<'_>, c: &Connection) {
    use Step::Key;
    if !c.picklists.is_empty() && c.system != SystemKind::Salesforce {
        notes.add(&[Key("picklists")], "this is for Salesforce alone.", "Take the tables out.");
    }
    for list in Picklist::ALL {
        let mut seen = BTreeSet::new();
        for word in c.picklists.words(list) {
            let path = [Key("picklists"), Key(list.as_str()), Key(word)];
            if word.trim().is_empty() {
                notes.add(
                    &path,
                    "the word is empty.",
                    "Expected: a word of the list in Salesforce, in quotes.",
                );
            } else if !seen.insert(folded(word)) {
                let what = format!("{word:?} is here twice: upper and lower case are the same.");
                notes.add(&path, what, "Take one of them out.");
            }
        }
    }
}

fn address(notes: &mut Notes<'_>, url: &Url) {
    let key = [Step::Key("address")];
    if !url.username().is_empty() || url.password().is_some() {
        notes.add(
            &key,
            "the address holds a user name or password.",
            "Take it out of the address; the password is set with `riva connection set-password NAME`.",
        );
    }
    match (url.scheme(), url.host()) {
        ("https", Some(_)) => {}
        ("http", Some(host)) if is_loopback(&host) => {}
        ("http", Some(_)) => notes.add(
            &key,
            "http:// would send the password in clear text.",
            "Use https://; http:// is for this computer (127.0.0.1, localhost) alone.",
        ),
        _ => notes.add(
            &key,
            format!("{url} is not a web address."),
            "Expected: https://host/… as in the browser.",
        ),
    }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => ip.is_loopback(),
    }
}

/// Checks a policy by itself and against the connections. `connections` holds a name with `None` where its document
/// is broken: that has its own finding.
pub(crate) fn policy(
    document: &Document<Policy>,
    connections: &BTreeMap<ConnectionName, Option<SystemKind>>,
    found: &mut Vec<Finding>,
) {
    use Step::{At, Key};
    let p = &document.value;
    let mut notes = Notes { file: &document.file, text: &document.text, found };
    notes.name(p.name.as_str());
    for (key, name, mail) in [("mail", &p.mail, true), ("crm", &p.crm, false)] {
        let names: Vec<&str> = connections.keys().map(ConnectionName::as_str).collect();
        match connections.get(name) {
            None => notes.add(
                &[Key(key)],
                format!("there is no connection {:?}.", name.as_str()),
                if names.is_empty() {
                    "Add one first: `riva connection add`.".into()
                } else {
                    super::read::suggest(name.as_str(), &names)
                },
            ),
            Some(Some(system)) if system.is_mail() != mail => notes.add(
                &[Key(key)],
                format!("{:?} is a connection to {system}.", name.as_str()),
                if mail {
                    "A connection to a mail system is wanted here."
                } else {
                    "A connection to a CRM is wanted here."
                },
            ),
            Some(_) => {}
        }
    }
    notes.range(&[Key("schedule"), Key("interval_minutes")], p.schedule.interval_minutes, 1, 10_080);
    notes.range(&[Key("schedule"), Key("execution_threads")], p.schedule.execution_threads, 1, 100);
    notes.range(&[Key("schedule"), Key("delete_poll_minutes")], p.schedule.delete_poll_minutes, 1, 43_200);
    if let Some(calendar) = &p.modules.calendar {
        notes.range(&[Key("modules"), Key("calendar"), Key("days_back")], calendar.days_back, 0, 36_500);
        notes.range(&[Key("modules"), Key("calendar"), Key("days_ahead")], calendar.days_ahead, 1, 36_500);
    }
    attachments(&p.modules, &mut notes);
    if let Some(email) = &p.modules.email {
        email_policy(email, &mut notes);
        let systems = [&p.mail, &p.crm].into_iter().filter_map(|name| *connections.get(name)?);
        for (system, why) in systems.filter_map(|system| Some((system, system.no_email()?))) {
            notes.add(
                &[Key("modules"), Key("email")],
                format!("e-mail cannot be logged with {system}: {why}."),
                "Take [modules.email] out.",
            );
        }
    }
    let of_contacts = p.modules.contacts.as_ref().map(|c| (PrivateItems::Skip, c.became_private));
    let of_tasks = p.modules.tasks.as_ref().map(|t| (t.private, t.became_private));
    for (module, of_module) in [("contacts", of_contacts), ("tasks", of_tasks)] {
        let Some((private, became)) = of_module else { continue };
        if private == PrivateItems::BusyOnly {
            notes.add(
                &[Key("modules"), Key(module), Key("private")],
                "\"busy-only\" is for the calendar alone.",
                "Expected: \"skip\" or \"sync\".",
            );
        }
        if became == BecamePrivate::Blank {
            notes.add(
                &[Key("modules"), Key(module), Key("became_private")],
                "\"blank\" is for the calendar alone.",
                "Expected: \"leave\" or \"delete\".",
            );
        }
    }
    let limits = [
        ("contacts", p.safety.contacts),
        ("calendar", p.safety.calendar),
        ("tasks", p.safety.tasks),
        ("others", p.safety.others),
    ];
    for (module, limit) in limits {
        notes.range(&[Key("safety"), Key(module), Key("percent")], limit.percent, 1, 100);
    }
    if p.enabled && p.modules.enabled().is_empty() {
        notes.add(
            &[Key("modules")],
            "nothing is switched on to be synced.",
            "Add [modules.contacts], [modules.calendar], [modules.tasks] or [modules.email], or disable the policy.",
        );
    }
    let mut seen = BTreeSet::new();
    for (index, user) in p.users.iter().enumerate() {
        let path = [Key("user"), At(index), Key("address")];
        if !user.address.looks_valid() {
            notes.add(
                &path,
                format!("{:?} is not an e-mail address.", user.address.as_str()),
                "Expected: the user's primary address, name@domain.",
            );
        } else if !seen.insert(&user.address) {
            notes.add(&path, format!("{} is in this policy twice.", user.address), "Take one of them out.");
        }
    }
}

/// How large files may be that go with their items.
fn attachments(modules: &PolicyModules, notes: &mut Notes<'_>) {
    use Step::Key;
    let mib = [
        ("contacts", modules.contacts.as_ref().map(|m| m.attachment_mib)),
        ("calendar", modules.calendar.as_ref().map(|m| m.attachment_mib)),
        ("tasks", modules.tasks.as_ref().map(|m| m.attachment_mib)),
        ("email", modules.email.as_ref().map(|m| m.attachment_mib)),
    ];
    for (module, mib) in mib.into_iter().filter_map(|(module, mib)| Some((module, mib?))) {
        notes.range(&[Key("modules"), Key(module), Key("attachment_mib")], mib, 1, 25);
    }
}

fn email_policy(email: &EmailPolicy, notes: &mut Notes<'_>) {
    use Step::{At, Key};
    let at = |key| [Key("modules"), Key("email"), Key(key)];
    notes.range(&at("days_back"), email.days_back, 0, 3650);
    notes.range(&at("assign_to_limit"), email.assign_to_limit, 1, 500);
    if !(email.inbox || email.sent || email.drop_folders || email.assign_to) {
        notes.add(
            &[Key("modules"), Key("email")],
            "neither inbox nor sent nor drop_folders nor assign_to is on: no message would be logged.",
            "Set one of them to true, or take [modules.email] out.",
        );
    }
    let name = email.master_folder.trim();
    let used = email.drop_folders || email.assign_to;
    if used && (name.is_empty() || name.chars().count() > 64 || name.contains(['/', '\\'])) {
        notes.add(
            &at("master_folder"),
            format!("{:?} is no name for a folder.", email.master_folder),
            "Expected: 1 to 64 characters, without / and \\.",
        );
    }
    for (index, entry) in email.ignore.iter().enumerate() {
        let bare = entry.trim().trim_start_matches('@');
        let valid = match bare.split_once('@') {
            Some(_) => EmailAddress::new(bare).looks_valid(),
            None => bare.contains('.') && !bare.contains(char::is_whitespace),
        };
        if !valid {
            notes.add(
                &[Key("modules"), Key("email"), Key("ignore"), At(index)],
                format!("{entry:?} is neither an address nor a domain."),
                "Expected: name@domain, or a domain such as example.com.",
            );
        }
    }
}

/// Who is in which enabled policies: the ground of Force User Exclusivity.
pub(crate) struct Occupied<'a>(BTreeMap<&'a EmailAddress, Vec<&'a PolicyName>>);

impl<'a> Occupied<'a> {
    /// Looks through all policies once.
    pub(crate) fn by(policies: impl IntoIterator<Item = &'a Policy>) -> Self {
        let mut map: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for policy in policies.into_iter().filter(|policy| policy.enabled) {
            for user in &policy.users {
                map.entry(&user.address).or_default().push(&policy.name);
            }
        }
        Self(map)
    }

    /// The enabled policy, other than the named one, that has the user.
    pub(crate) fn elsewhere(&self, address: &EmailAddress, except: &PolicyName) -> Option<&'a PolicyName> {
        self.0.get(address)?.iter().copied().find(|name| *name != except)
    }
}

/// Force User Exclusivity: nobody is in two enabled policies.
pub(crate) fn exclusivity(policies: &[Document<Policy>], found: &mut Vec<Finding>) {
    let occupied = Occupied::by(policies.iter().map(|document| &document.value));
    for document in policies.iter().filter(|d| d.value.enabled) {
        let mut notes = Notes { file: &document.file, text: &document.text, found };
        for (index, user) in document.value.users.iter().enumerate() {
            let Some(other) = occupied.elsewhere(&user.address, &document.value.name) else { continue };
            notes.add(
                &[Step::Key("user"), Step::At(index), Step::Key("address")],
                format!("{} is already in policy {:?}.", user.address, other.as_str()),
                "Take the user out of one of them, or switch Force User Exclusivity off \
                 (`policies.force_user_exclusivity` in riva.toml).",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_fit_for_files() {
        for good in ["exchange", "Sales team (EMEA)", "Copy of sales", "büro"] {
            assert_eq!(legal_name(good), Ok(()), "{good}");
        }
        for bad in ["", " ", "a/b", "..", ".hidden", "a.", "con", "LPT1", "a\nb", "x\\y", "a:b", " a"] {
            assert!(legal_name(bad).is_err(), "{bad:?}");
        }
    }
}
