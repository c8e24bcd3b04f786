//! `riva holds`

use super::activity::member;
use super::desk::Desk;
use super::output::{self, line};
use super::verdict::{Failure, Verdict};
use clap::{Args, Subcommand};
use riva_api::{Agent as _, AgentClient, Decide, HoldsQuery, QueueRow};
use riva_core::admin::who;
use riva_core::holds::{Decision, HoldRow};
use riva_core::ids::{MemberId, RemoteId};
use riva_core::not_synced::NotSynced;

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Holds {
    /// A user's address: everything of this user that is not in step. Without one: what waits for an administrator, of
    /// all users, with every item by name.
    user: Option<String>,
    /// The policy, for a user who is in several.
    #[arg(long, requires = "user")]
    policy: Option<String>,
    /// Closed holds too, with who decided what and when.
    #[arg(long, conflicts_with = "user")]
    closed: bool,
    #[command(subcommand)]
    verb: Option<HoldVerb>,
}

/// What is decided about a hold. A decision is carried out in the user's next cycle, which is due at once.
#[derive(Subcommand)]
enum HoldVerb {
    /// Make exactly the deletions that the hold names. An item that was edited since is not deleted.
    Approve(Which),
    /// Do not make them: the items are kept, or made again, as the policy says (`safety.refused`).
    Refuse(Which),
    /// A possible duplicate: it is the same thing as this item.
    Link {
        #[command(flatten)]
        which: Which,
        /// The id of the other item, as the hold names it.
        to: String,
    },
    /// A possible duplicate: it is a thing of its own, made on the other side.
    Create(Which),
    /// Leave it alone: each side keeps what it has.
    Ignore(Which),
    /// A conflict: the mailbox is right.
    TakeMail(Which),
    /// A conflict: the CRM is right.
    TakeCrm(Which),
    /// Deleted in the CRM, edited in the mailbox: keep it.
    Keep(Which),
    /// Deleted in the CRM, edited in the mailbox: let it go.
    LetGo(Which),
}

#[derive(Args)]
struct Which {
    /// The hold's number.
    id: i64,
}

impl HoldVerb {
    fn decision(self) -> (i64, Decision) {
        match self {
            Self::Approve(which) => (which.id, Decision::Approve),
            Self::Refuse(which) => (which.id, Decision::Refuse),
            Self::Link { which, to } => (which.id, Decision::Link { to: RemoteId::new(to) }),
            Self::Create(which) => (which.id, Decision::Create),
            Self::Ignore(which) => (which.id, Decision::Ignore),
            Self::TakeMail(which) => (which.id, Decision::TakeMail),
            Self::TakeCrm(which) => (which.id, Decision::TakeCrm),
            Self::Keep(which) => (which.id, Decision::Keep),
            Self::LetGo(which) => (which.id, Decision::LetGo),
        }
    }
}

impl Holds {
    pub fn run(self, desk: &Desk) -> Result<Verdict, Failure> {
        let agent = AgentClient::new(&desk.workspace);
        if let Some(verb) = self.verb {
            let (number, decision) = verb.decision();
            let hold = desk.wait(agent.decide(&Decide { number, decision, by: who() }))?;
            if desk.json {
                output::json(&hold);
            } else {
                let word = hold.decided.as_ref().map_or("", |d| d.decision.choice().title());
                line(format!(
                    "Hold {number}: {word}. It is carried out at once; `riva holds` shows when it is done."
                ));
            }
            return Ok(Verdict::Fine);
        }
        match self.user {
            Some(user) => of_user(desk, &agent, &user, self.policy.as_deref()),
            None => all(desk, &agent, self.closed),
        }
    }
}

/// Everything of a user that is not in step.
fn of_user(desk: &Desk, agent: &AgentClient, user: &str, policy: Option<&str>) -> Result<Verdict, Failure> {
    let (items, holds) = desk.wait(async {
        let member = member(&agent.queue().await?, user, policy)?;
        let query = HoldsQuery { member: Some(member), closed: false };
        Ok::<_, Failure>((agent.not_synced(member).await?, agent.holds(&query).await?))
    })?;
    if desk.json {
        output::json(&items);
        return Ok(Verdict::Fine);
    }
    for hold in &holds {
        tell(hold, "");
    }
    let rows = items.iter().map(row).collect();
    output::table(&["module", "state", "item", "reason"], rows, "Every item of this user is in step.");
    Ok(Verdict::Fine)
}

/// What waits for an administrator.
fn all(desk: &Desk, agent: &AgentClient, closed: bool) -> Result<Verdict, Failure> {
    let query = HoldsQuery { member: None, closed };
    let (queue, holds) =
        desk.wait(async { Ok::<_, Failure>((agent.queue().await?, agent.holds(&query).await?)) })?;
    if desk.json {
        output::json(&holds);
        return Ok(Verdict::Fine);
    }
    if holds.is_empty() {
        line("Nothing waits for a decision.");
    }
    for hold in &holds {
        tell(hold, &user_of(&queue, hold.member));
    }
    Ok(Verdict::Fine)
}

fn user_of(queue: &[QueueRow], member: MemberId) -> String {
    let row = queue.iter().find(|row| row.member.id == member);
    row.map_or_else(|| member.to_string(), |row| format!("{} in {}", row.member.address, row.member.policy))
}

/// A hold with every item by name.
fn tell(hold: &HoldRow, user: &str) {
    let who = if user.is_empty() { String::new() } else { format!("{user}, ") };
    line(format!(
        "Hold {}  {}  ({who}{}, since {})",
        hold.number,
        hold.kind.title(),
        hold.module,
        output::time(hold.since)
    ));
    line(format!("  {}", hold.reason));
    if let Some(decided) = &hold.decided {
        let word = decided.decision.choice().title();
        let done = hold.closed.map_or_else(
            || "; to be carried out in the next cycle".to_owned(),
            |at| format!("; done {}", output::time(at)),
        );
        line(format!("  {word}, by {} at {}{done}", decided.by, output::time(decided.at)));
    } else if hold.closed.is_none() {
        let verbs: Vec<String> = hold.kind.choices().iter().map(|c| verb_of(*c, hold.number)).collect();
        let verbs = if verbs.is_empty() { "settles by itself".to_owned() } else { verbs.join(", ") };
        line(format!("  {verbs}"));
    }
    for item in &hold.items {
        let side = item.side.map_or(String::new(), |side| format!("  (in the {})", side.title()));
        line(format!("    {}{side}", item.title));
        for twin in &item.twins {
            line(format!("      or is it {}  [{}]", twin.title, twin.id));
        }
    }
    line("");
}

fn verb_of(choice: riva_core::holds::Choice, number: i64) -> String {
    use riva_core::holds::Choice as C;
    let (verb, more) = match choice {
        C::Approve => ("approve", ""),
        C::Refuse => ("refuse", ""),
        C::Link => ("link", " ITEM"),
        C::Create => ("create", ""),
        C::Ignore => ("ignore", ""),
        C::TakeMail => ("take-mail", ""),
        C::TakeCrm => ("take-crm", ""),
        C::Keep => ("keep", ""),
        C::LetGo => ("let-go", ""),
    };
    format!("`riva holds {verb} {number}{more}`")
}

fn row(item: &NotSynced) -> Vec<String> {
    let state = item.kind.title().to_lowercase();
    vec![item.module.to_string(), state, item.called(), item.reason.clone()]
}
