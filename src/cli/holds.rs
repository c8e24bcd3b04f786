//! `riva holds`

use super::activity::member;
use super::desk::Desk;
use super::output::{self, line};
use super::side_by_side::{self, by_name};
use super::verdict::{Failure, Verdict};
use clap::{Args, Subcommand};
use riva_api::{Agent as _, AgentClient, Decide, HoldsQuery, QueueRow};
use riva_core::admin::who;
use riva_core::holds::{Choice, Decision, HoldRow};
use riva_core::ids::{MemberId, RemoteId};
use riva_core::not_synced::NotSynced;
use serde_json::json;

/// Of so many holds of a user both sides are read without being asked for each.
const READ: usize = 20;

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
    /// One hold with what both sides show now of its items, side by side: everything to decide it by.
    Show(Which),
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
    /// Of which hold, and what is decided about it, if anything is.
    fn asked(self) -> (i64, Option<Decision>) {
        let (which, decision) = match self {
            Self::Show(which) => return (which.id, None),
            Self::Approve(which) => (which, Decision::Approve),
            Self::Refuse(which) => (which, Decision::Refuse),
            Self::Link { which, to } => (which, Decision::Link { to: RemoteId::new(to) }),
            Self::Create(which) => (which, Decision::Create),
            Self::Ignore(which) => (which, Decision::Ignore),
            Self::TakeMail(which) => (which, Decision::TakeMail),
            Self::TakeCrm(which) => (which, Decision::TakeCrm),
            Self::Keep(which) => (which, Decision::Keep),
            Self::LetGo(which) => (which, Decision::LetGo),
        };
        (which.id, Some(decision))
    }
}

impl Holds {
    pub fn run(self, desk: &Desk) -> Result<Verdict, Failure> {
        let agent = AgentClient::new(&desk.workspace);
        if let Some(verb) = self.verb {
            let (number, decision) = match verb.asked() {
                (number, Some(decision)) => (number, decision),
                (number, None) => return show(desk, &agent, number),
            };
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

/// One hold, with everything to decide it by.
fn show(desk: &Desk, agent: &AgentClient, number: i64) -> Result<Verdict, Failure> {
    let query = HoldsQuery { member: None, closed: true };
    let (queue, holds) =
        desk.wait(async { Ok::<_, Failure>((agent.queue().await?, agent.holds(&query).await?)) })?;
    let Some(hold) = holds.iter().find(|hold| hold.number == number) else {
        return Err(Failure::Other(format!("there is no hold {number}; `riva holds` lists them")));
    };
    let details = desk.wait(agent.hold_details_read(number))?;
    if desk.json {
        output::json(&json!({ "hold": hold, "details": details }));
        return Ok(Verdict::Fine);
    }
    heading(hold, &user_of(&queue, hold.member));
    side_by_side::tell(hold, &details);
    Ok(Verdict::Fine)
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
    for (place, hold) in holds.iter().enumerate() {
        heading(hold, "");
        if hold.decided.is_none() && place < READ {
            side_by_side::tell(hold, &desk.wait(agent.hold_details_read(hold.number))?);
        } else {
            hold.items.iter().flat_map(by_name).for_each(line);
        }
        line("");
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
        heading(hold, &user_of(&queue, hold.member));
        hold.items.iter().flat_map(by_name).for_each(line);
        line("");
    }
    if holds.iter().any(|hold| hold.closed.is_none()) {
        line("`riva holds show N` shows of a hold what each side has, side by side.");
    }
    Ok(Verdict::Fine)
}

fn user_of(queue: &[QueueRow], member: MemberId) -> String {
    let row = queue.iter().find(|row| row.member.id == member);
    row.map_or_else(|| member.to_string(), |row| format!("{} in {}", row.member.address, row.member.policy))
}

/// A hold without its items: why it waits, and what can be decided.
fn heading(hold: &HoldRow, user: &str) {
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
        // Where every candidate is linked to another item by now, there is nothing to link to.
        let linkable = hold.items.iter().any(|item| !item.twins.is_empty());
        let fits = |choice: &&Choice| **choice != Choice::Link || linkable;
        let verbs: Vec<String> =
            hold.kind.choices().iter().filter(fits).map(|c| verb_of(*c, hold.number)).collect();
        let verbs = if verbs.is_empty() { "settles by itself".to_owned() } else { verbs.join(", ") };
        line(format!("  {verbs}"));
    }
}

fn verb_of(choice: Choice, number: i64) -> String {
    use Choice as C;
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
