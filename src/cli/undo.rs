//! `riva undo`

use super::activity::member;
use super::desk::Desk;
use super::output::{self, line};
use super::preview::changes;
use super::verdict::{Failure, Verdict};
use chrono::{DateTime, Utc};
use clap::Args;
use riva_api::{Agent as _, AgentClient, GiveOrder};
use riva_core::admin::who;
use riva_core::history::{DeedKind, Order, OrderRow, UndoLine, UndoSpan};
use riva_core::since::{FORMS, since};
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::time::Duration;

#[derive(Args)]
pub struct Undo {
    /// The user's address.
    user: String,
    /// The policy, for a user who is in several.
    #[arg(long)]
    policy: Option<String>,
    /// Everything written since then: `2026-11-24 15:00`, `2026-11-24`, `15:00` (today), `yesterday` in this computer's zone,
    /// an RFC 3339 time, or an age such as `90m`, `2h`, `1d`.
    #[arg(long, value_name = "TIME", required_unless_present = "cycle", conflicts_with = "cycle")]
    since: Option<String>,
    /// What one cycle wrote, by its number in Monitor Activity (`riva activity`).
    #[arg(long, value_name = "N")]
    cycle: Option<u64>,
    /// Do it without asking.
    #[arg(long)]
    yes: bool,
}

impl Undo {
    pub fn run(self, desk: &Desk) -> Result<Verdict, Failure> {
        let span = match (&self.since, self.cycle) {
            (_, Some(number)) => UndoSpan::Cycle(number),
            (Some(since), None) => UndoSpan::Since(time(since, Utc::now())?),
            (None, None) => return Err(Failure::Usage("name --since TIME or --cycle N".into())),
        };
        let agent = AgentClient::new(&desk.workspace);
        let (member, lines) = desk.wait(async {
            let member = member(&agent.queue().await?, &self.user, self.policy.as_deref())?;
            Ok::<_, Failure>((member, agent.preview_undo(member, span).await?))
        })?;
        let writes = lines.iter().filter(|line| line.deed.is_some()).count();
        let go = self.yes && writes > 0;
        if !desk.json {
            tell(&lines, writes);
        }
        if !go && (desk.json || writes == 0 || !confirmed(writes)?) {
            if desk.json {
                output::json(&lines);
            }
            return Ok(Verdict::fine_if(writes > 0));
        }
        let done = desk.wait(async {
            let order = Order::Undo { span };
            let given = agent.order(&GiveOrder { member, order, by: who() }).await?;
            carried_out(&agent, given).await
        })?;
        if desk.json {
            output::json(&done);
        } else {
            done.outcome.iter().for_each(line);
        }
        Ok(Verdict::Fine)
    }
}

/// Waits until the engine has carried it out.
async fn carried_out(agent: &AgentClient, given: OrderRow) -> Result<OrderRow, Failure> {
    let deadline = tokio::time::Instant::now() + Duration::from_mins(10);
    let mut order = given;
    while order.done.is_none() {
        if tokio::time::Instant::now() > deadline {
            return Err(Failure::Other(
                "the undo was ordered, but is not done yet: a side may be down. It is done as soon as the user is \
                 synced again; `riva queue` shows how that stands"
                    .into(),
            ));
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        order = agent.order_of(order.number).await?;
    }
    Ok(order)
}

fn tell(lines: &[UndoLine], writes: usize) {
    let rows = lines.iter().map(|l| {
        let what = l.deed.map_or_else(|| "nothing to do".into(), DeedKind::title);
        let mut details = vec![changes(&l.fields)];
        details.extend(l.cannot.iter().map(|why| format!("cannot be restored: {why}")));
        details.retain(|d| !d.is_empty());
        vec![l.module.to_string(), l.title.clone(), l.side.title().to_owned(), what, details.join("; ")]
    });
    let nothing = "Nothing to take back: nothing was written then, all of it is as it was before, or what stood there is not \
                   kept any more.";
    output::table(&["module", "item", "side", "what", "details"], rows.collect(), nothing);
    let cannot = lines.iter().filter(|l| !l.cannot.is_empty()).count();
    if lines.is_empty() {
        return;
    }
    let taken = if writes == 1 { "1 write is".to_owned() } else { format!("{writes} writes are") };
    let left = if cannot == 1 { "1 item".to_owned() } else { format!("{cannot} items") };
    line(format!("{taken} taken back; {left} cannot be restored, or not whole."));
    let comes_or_goes =
        |l: &UndoLine| matches!(l.deed, Some(DeedKind::Create { .. } | DeedKind::Delete { .. }));
    if lines.iter().any(comes_or_goes) {
        line("What is made again or taken away is not kept in step any more: each side keeps what it has.");
    }
}

fn confirmed(writes: usize) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        line("Nothing was done; `--yes` does it.");
        return Ok(false);
    }
    print!("Take back {writes} {}? [y/N] ", if writes == 1 { "write" } else { "writes" });
    let read = |e: std::io::Error| Failure::Other(format!("no answer can be read: {e}"));
    std::io::stdout().flush().map_err(read)?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(read)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// A time as a person gives it.
fn time(text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, Failure> {
    let at =
        since(text, now).ok_or_else(|| Failure::Usage(format!("{text:?} is no time; expected {FORMS}")))?;
    if at > now {
        return Err(Failure::Usage(format!(
            "{} is still to come: nothing was written since then",
            output::time(at)
        )));
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_time_names_the_forms() {
        let now = Utc::now();
        let refused = time("next week", now).unwrap_err().to_string();
        assert!(refused.contains("yesterday") && refused.contains("RFC 3339"), "{refused}");
        let later = time("2999-01-01", now).unwrap_err().to_string();
        assert!(later.contains("still to come"), "{later}");
        assert_eq!(time("90m ago", now).unwrap(), now - chrono::TimeDelta::minutes(90));
    }
}
