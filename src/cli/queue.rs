//! `riva queue`

use super::agent::asked_to_stop;
use super::desk::Desk;
use super::output;
use super::verdict::{Failure, Verdict};
use chrono::Utc;
use clap::Args;
use riva_api::QueueRow;
use std::time::Duration;

#[derive(Args)]
pub struct Queue {
    /// Show it again whenever it changes, until Ctrl+C.
    #[arg(long)]
    watch: bool,
}

impl Queue {
    pub fn run(self, desk: &Desk) -> Result<Verdict, Failure> {
        let agent = riva_api::connect(&desk.workspace);
        if !self.watch {
            show(desk, &desk.wait(agent.queue())?);
            return Ok(Verdict::Fine);
        }
        desk.wait(async {
            let stop = asked_to_stop();
            tokio::pin!(stop);
            let mut shown = None;
            loop {
                let rows = agent.queue().await?;
                let states: Vec<_> = rows.iter().map(|row| (row.member.id, row.shown.clone())).collect();
                if shown.as_ref() != Some(&states) {
                    if output::on_a_terminal() && !desk.json {
                        output::clear();
                    }
                    show(desk, &rows);
                    shown = Some(states);
                }
                tokio::select! {
                    () = tokio::time::sleep(Duration::from_secs(1)) => {}
                    () = &mut stop => return Ok(Verdict::Fine),
                }
            }
        })
    }
}

fn show(desk: &Desk, rows: &[QueueRow]) {
    if desk.json {
        return output::json(rows);
    }
    let now = Utc::now();
    let text = |row: &QueueRow| {
        let state = &row.member.state;
        let age = state.last_success.map_or("never".to_owned(), |at| age((now - at).num_seconds()));
        vec![
            row.member.address.to_string(),
            row.member.policy.to_string(),
            row.shown.text.clone(),
            age,
            state.linked().to_string(),
            state.errors().to_string(),
            row.shown.reason.clone(),
        ]
    };
    let heading = ["user", "policy", "state", "last success", "items", "errors", "reason"];
    output::table(&heading, rows.iter().map(text).collect(), "The sync queue is empty.");
}

fn age(seconds: i64) -> String {
    match seconds {
        ..60 => "just now".into(),
        60..3600 => format!("{} min ago", seconds / 60),
        3600..86_400 => format!("{} h ago", seconds / 3600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}
