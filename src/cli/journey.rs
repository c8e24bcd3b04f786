//! Journey A in the terminal: two users are added to an existing sync policy, step by step, by the same calls as the
//! Manager's, until their full initial sync is completed.

use super::activity::{as_text, member, page};
use super::census::{self, Census};
use super::connection::{Shown, Silent, outcome};
use super::output::{self, line};
use super::policy::{counts, resolve};
use super::tenant::{CRM, MAIL, POLICY, Tenant};
use super::verdict::Failure;
use riva_api::{QueueRow, Selection};
use riva_core::activity::{ActivityQuery, Level};
use riva_core::admin::ChangeEntry;
use riva_core::documents::Policy;
use riva_core::ids::{ConnectionName, EmailAddress, MemberId, PolicyName};
use riva_core::item::Module;
use riva_core::ports::StepSink;
use riva_core::queue::{MemberState, ModuleCounts};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Whom the demo adds, as an administrator types them: an address, and a name to be checked.
const NEW: [(&str, &str); 2] =
    [("priya.raman@northwind-demo.example", "Priya"), ("jonas.weber@northwind-demo.example", "Jonas Weber")];
/// Until a user's sync must have ended.
const PATIENCE: Duration = Duration::from_mins(3);
/// Between two looks at the agent.
const LOOK: Duration = Duration::from_millis(200);
const STEPS: usize = 8;

/// What came of the journey.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The steps that were walked, in order.
    pub steps: Vec<Step>,
    /// How many passed.
    pub passed: usize,
    /// How many there are.
    pub of: usize,
    /// Each added user after the initial sync.
    pub users: Vec<UserReport>,
    /// Items written by one more sync of the added users: none, or something is doubled.
    pub written_by_second_sync: Option<u64>,
    /// Invitations that the sandbox would have mailed.
    pub invitations_sent: u64,
}

impl Report {
    /// Whether everything is as it must be.
    pub fn fine(&self) -> bool {
        self.passed == STEPS
            && self.users.len() == NEW.len()
            && self.users.iter().all(|user| user.discrepancy.is_none() && user.trouble.is_none())
            && self.written_by_second_sync == Some(0)
            && self.invitations_sent == 0
    }
}

/// A step of the journey.
#[derive(Debug, Serialize)]
pub struct Step {
    /// 1 to 8.
    pub number: usize,
    /// What the administrator does.
    pub title: &'static str,
    /// What was seen.
    pub seen: Vec<String>,
    /// Why it did not pass.
    pub failed: Option<String>,
    /// How long it took, in milliseconds.
    pub took_ms: u128,
}

/// An added user after the initial sync.
#[derive(Debug, Serialize)]
pub struct UserReport {
    /// Who.
    pub address: EmailAddress,
    /// What the agent says it did.
    pub modules: BTreeMap<Module, ModuleCounts>,
    /// What both systems listed before.
    pub before: BTreeMap<Module, Census>,
    /// What both systems list now.
    pub after: BTreeMap<Module, Census>,
    /// Where the systems do not have what the agent says.
    pub discrepancy: Option<String>,
    /// Whether a licence was refused, or a connection failed.
    pub trouble: Option<String>,
}

struct Journey<'a> {
    tenant: &'a Tenant,
    json: bool,
    seen: Vec<String>,
    policy: Option<Policy>,
    added: Vec<EmailAddress>,
    before: BTreeMap<EmailAddress, BTreeMap<Module, Census>>,
}

/// Walks the journey; says what happens unless the answer is wanted as JSON.
pub async fn walk(tenant: &Tenant, json: bool) -> Report {
    let mut journey =
        Journey { tenant, json, seen: Vec::new(), policy: None, added: Vec::new(), before: BTreeMap::new() };
    let mut report = Report {
        steps: Vec::new(),
        passed: 0,
        of: STEPS,
        users: Vec::new(),
        written_by_second_sync: None,
        invitations_sent: 0,
    };
    for number in 1..=STEPS {
        let title = TITLES[number - 1];
        if !json {
            line(format!("\nStep {number} of {STEPS}: {title}"));
        }
        let began = Instant::now();
        let outcome = journey.step(number).await;
        let failed = outcome.err().map(|failure| failure.to_string());
        if let (Some(why), false) = (&failed, json) {
            line(format!("  FAILED: {why}"));
        }
        let stop = failed.is_some();
        report.passed += usize::from(!stop);
        let seen = std::mem::take(&mut journey.seen);
        report.steps.push(Step { number, title, seen, failed, took_ms: began.elapsed().as_millis() });
        if stop {
            break;
        }
    }
    if report.passed == STEPS {
        journey.look_back(&mut report).await;
    }
    report.invitations_sent = tenant.invitations();
    if !json {
        line(format!("Invitations that would have been mailed: {}", report.invitations_sent));
        line(format!("journey A: {} of {STEPS} steps passed", report.passed));
    }
    report
}

const TITLES: [&str; STEPS] = [
    "Setup > e-mail connection > Test Connection, for each new user",
    "Setup > CRM connection > Test Connection, for each new user",
    "Policies > Licensing Details: unused counts",
    "Policies > General > add >> > Exchange Browser: check name",
    "Policies > Save",
    "Restart the Riva CRM Agent service? Yes",
    "Service Monitor: the new users are in the sync queue",
    "Monitor Activity: no licence error, no connection error, the full initial sync is completed",
];

impl Journey<'_> {
    fn say(&mut self, text: impl Into<String>) {
        let text = text.into();
        if !self.json {
            line(format!("  {text}"));
        }
        self.seen.push(text);
    }

    async fn step(&mut self, number: usize) -> Result<(), Failure> {
        match number {
            1 => self.test(MAIL).await,
            2 => self.test(CRM).await,
            3 => self.licensing(),
            4 => self.check_names().await,
            5 => self.save(),
            6 => self.restart().await,
            7 => self.queue().await,
            _ => self.activity().await,
        }
    }

    async fn test(&mut self, connection: &str) -> Result<(), Failure> {
        let name = ConnectionName::from(connection);
        let shown = Shown { indent: "    " };
        for (address, _) in NEW {
            let sink: &dyn StepSink = if self.json { &Silent } else { &shown };
            let report = self.tenant.admin.test_connection(&name, Some(address), sink).await?;
            let said =
                format!("{connection} for {address}: {} ({} steps)", outcome(&report), report.steps.len());
            if let Some(fault) = report.fault {
                return Err(fault.into());
            }
            self.say(said);
        }
        Ok(())
    }

    fn licensing(&mut self) -> Result<(), Failure> {
        let details = self.tenant.admin.licensing_details(&PolicyName::from(POLICY))?;
        self.say(format!("{}: {}", details.mail_system, counts(details.mail)));
        self.say(format!("{}: {}", details.crm_system, counts(details.crm)));
        let unused = details.mail.unused().min(details.crm.unused()) as usize;
        if unused < NEW.len() {
            return Err(Failure::Other(format!(
                "{} users are to be added, but {unused} counts are unused",
                NEW.len()
            )));
        }
        Ok(())
    }

    async fn check_names(&mut self) -> Result<(), Failure> {
        let mut policy = self.tenant.admin.policy(&PolicyName::from(POLICY))?;
        for (_, typed) in NEW {
            let (user, crm) = resolve(&self.tenant.admin, &policy, typed).await?;
            let name = user.name.as_deref().unwrap_or_default();
            self.say(format!(
                "{typed:?} is {name} <{}>, in the CRM {} ({})",
                user.address, crm.name, crm.user_name
            ));
            // Counted now, before anything is written.
            self.before.insert(user.address.clone(), self.census(&policy, &user.address).await?);
            self.added.push(user.address.clone());
            policy.users.push(user);
        }
        self.policy = Some(policy);
        Ok(())
    }

    async fn census(
        &self,
        policy: &Policy,
        address: &EmailAddress,
    ) -> Result<BTreeMap<Module, Census>, Failure> {
        census::take(self.tenant.systems.as_ref(), &self.tenant.admin, policy, address).await
    }

    fn save(&mut self) -> Result<(), Failure> {
        let Some(policy) = self.policy.take() else { return Err(Failure::Other("nobody was added".into())) };
        let entry = ChangeEntry { why: "journey A: two new colleagues".into() };
        self.tenant.admin.save_policy(&policy, &entry)?;
        let saved = self.tenant.admin.policy(&policy.name)?;
        self.say(format!("{} is saved with {} users", saved.name, saved.users.len()));
        Ok(())
    }

    async fn restart(&mut self) -> Result<(), Failure> {
        self.tenant.agent.restart().await?;
        let status = self.tenant.agent.status().await?;
        self.say(format!(
            "the Riva CRM Agent runs again (process {}), {} members",
            status.pid, status.members
        ));
        Ok(())
    }

    async fn queue(&mut self) -> Result<(), Failure> {
        let rows = self.tenant.agent.queue().await?;
        for address in self.added.clone() {
            let row = row_of(&rows, &address)?;
            self.say(format!("{address}: {}", row.shown.text));
        }
        Ok(())
    }

    async fn activity(&mut self) -> Result<(), Failure> {
        for address in self.added.clone() {
            let id = member(&self.tenant.agent.queue().await?, address.as_str(), Some(POLICY))?;
            let mut query = ActivityQuery { member: id, after: 0, limit: 1000 };
            let deadline = Instant::now() + PATIENCE;
            let state = loop {
                let rows = self.tenant.agent.queue().await?;
                let row = row_of(&rows, &address)?;
                // Read after the state: what led to it is among the lines then.
                for entry in page(self.tenant.agent.as_ref(), &mut query).await? {
                    if entry.level == Level::Error {
                        return Err(Failure::Other(as_text(&entry)));
                    }
                    self.say(format!("{address}  {}", as_text(&entry)));
                }
                if let Some(trouble) = trouble(&row.member.state) {
                    return Err(Failure::Other(format!("{address}: {trouble}")));
                }
                if row.member.state.initial_done_at.is_some() && !row.member.running {
                    break row.member.state.clone();
                }
                if Instant::now() > deadline {
                    let text =
                        format!("{address} is not done after {} s: {}", PATIENCE.as_secs(), row.shown.text);
                    return Err(Failure::Other(text));
                }
                sleep(LOOK).await;
            };
            let at = state.initial_done_at.map(output::time).unwrap_or_default();
            self.say(format!(
                "{address}: no licence error, no connection error, initial sync completed {at}"
            ));
        }
        Ok(())
    }

    /// Counts on both sides, then one more sync, which must write nothing.
    async fn look_back(&mut self, report: &mut Report) {
        match self.second_sync(report).await {
            Ok(written) => {
                report.written_by_second_sync = Some(written);
                if !self.json {
                    line(format!("\nOne more sync of both users wrote {written} items."));
                }
            }
            Err(failure) => {
                if !self.json {
                    line(format!("\nOne more sync could not be seen: {failure}"));
                }
            }
        }
    }

    async fn second_sync(&mut self, report: &mut Report) -> Result<u64, Failure> {
        let agent = &self.tenant.agent;
        let before = agent.queue().await?;
        if !self.json {
            line("");
        }
        let policy = self.tenant.admin.policy(&PolicyName::from(POLICY))?;
        let mut cycles: BTreeMap<MemberId, u64> = BTreeMap::new();
        for address in &self.added {
            let member = &row_of(&before, address)?.member;
            cycles.insert(member.id, member.state.cycle);
            let earlier = self.before.get(address).cloned().unwrap_or_default();
            let after = self.census(&policy, address).await?;
            let user = UserReport {
                address: address.clone(),
                modules: member.state.modules.clone(),
                discrepancy: discrepancy(&member.state.modules, &earlier, &after),
                before: earlier,
                after,
                trouble: trouble(&member.state),
            };
            if !self.json {
                show_user(&user);
            }
            report.users.push(user);
        }
        for address in &self.added {
            agent.sync_now(&Selection::User(address.clone())).await?;
        }
        let deadline = Instant::now() + PATIENCE;
        let mut written = 0;
        for address in &self.added {
            loop {
                let rows = agent.queue().await?;
                let row = row_of(&rows, address)?;
                let state = &row.member.state;
                let ended = cycles.get(&row.member.id).is_some_and(|cycle| state.cycle > *cycle);
                if ended && !row.member.running && state.progress.is_none() {
                    written += writes(state).saturating_sub(writes(&row_of(&before, address)?.member.state));
                    if let Some(trouble) = trouble(state) {
                        return Err(Failure::Other(format!("{address}: {trouble}")));
                    }
                    break;
                }
                if Instant::now() > deadline {
                    return Err(Failure::Other(format!("{address} is not done: {}", row.shown.text)));
                }
                sleep(LOOK).await;
            }
        }
        Ok(written)
    }
}

fn row_of<'a>(rows: &'a [QueueRow], address: &EmailAddress) -> Result<&'a QueueRow, Failure> {
    let row = rows.iter().find(|row| row.member.address == *address && row.member.policy.as_str() == POLICY);
    row.ok_or_else(|| Failure::Other(format!("{address} is not in the sync queue")))
}

fn trouble(state: &MemberState) -> Option<String> {
    let fault = state.mail_fault.as_ref().or(state.crm_fault.as_ref());
    state.licence.clone().or_else(|| fault.map(|f| format!("{}: {} {}", f.title(), f.detail, f.remedy)))
}

fn writes(state: &MemberState) -> u64 {
    let of = |m: &ModuleCounts| {
        m.created_mail + m.created_crm + m.updated_mail + m.updated_crm + m.deleted_mail + m.deleted_crm
    };
    state.modules.values().map(of).sum()
}

/// Both sides must have gained exactly what the agent says it has created.
fn discrepancy(
    told: &BTreeMap<Module, ModuleCounts>,
    before: &BTreeMap<Module, Census>,
    after: &BTreeMap<Module, Census>,
) -> Option<String> {
    let mut wrong = Vec::new();
    for (module, counts) in told.iter().filter(|(module, _)| !module.is_log()) {
        let (Some(was), Some(is)) = (before.get(module), after.get(module)) else {
            wrong.push(format!("{module}: not counted on both sides"));
            continue;
        };
        let sides = [
            ("mailbox", was.mail, is.mail, counts.created_mail),
            ("CRM", was.crm, is.crm, counts.created_crm),
        ];
        for (side, was, is, created) in sides {
            if is != was + created {
                wrong.push(format!(
                    "{module}: {created} were created in the {side}, which had {was} and has {is}"
                ));
            }
        }
    }
    (!wrong.is_empty()).then(|| wrong.join("; "))
}

fn show_user(user: &UserReport) {
    line(format!("{}", user.address));
    for (module, m) in &user.modules {
        if module.is_log() {
            line(format!("  {module}: {} logged in the CRM; failed {}", m.linked, m.quarantined));
            continue;
        }
        line(format!(
            "  {module}: {} in step; created {} in the mailbox, {} in the CRM; held {}; failed {}",
            m.linked, m.created_mail, m.created_crm, m.held, m.quarantined
        ));
        if let (Some(was), Some(is)) = (user.before.get(module), user.after.get(module)) {
            line(format!(
                "    as both sides list them: mailbox {} before, {} now; CRM {} before, {} now",
                was.mail, is.mail, was.crm, is.crm
            ));
        }
    }
    if let Some(wrong) = &user.discrepancy {
        line(format!("  WRONG: {wrong}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_agent_says_is_held_against_both_sides() {
        let counts = ModuleCounts { created_mail: 2, created_crm: 1, ..ModuleCounts::default() };
        let told = BTreeMap::from([(Module::Contacts, counts)]);
        let census = |mail, crm| BTreeMap::from([(Module::Contacts, Census { mail, crm })]);
        assert_eq!(discrepancy(&told, &census(3, 4), &census(5, 5)), None);
        let wrong = discrepancy(&told, &census(3, 4), &census(5, 6)).unwrap();
        assert_eq!(wrong, "Contacts: 1 were created in the CRM, which had 4 and has 6");
        assert!(discrepancy(&told, &BTreeMap::new(), &census(5, 6)).is_some());
    }
}
