//! `riva policy preview`

use super::desk::Desk;
use super::output::{self, line};
use super::verdict::{Failure, Verdict};
use riva_api::{Agent as _, AgentClient};
use riva_core::history::{Deed, DeedKind, FieldChange, Preview, shown};
use riva_core::ids::{EmailAddress, PolicyName};
use serde_json::json;
use std::collections::BTreeMap;

/// Longer values are cut in tables; `--json` has them whole.
const SHORT: usize = 48;

pub fn run(desk: &Desk, policy: &PolicyName, user: Option<&str>) -> Result<Verdict, Failure> {
    let agent = AgentClient::new(&desk.workspace);
    let wanted = user.map(EmailAddress::new);
    let previews = desk.wait(async {
        let queue = agent.queue().await?;
        let of_policy = queue.iter().map(|row| &row.member).filter(|m| m.policy == *policy);
        let chosen: Vec<_> = of_policy.filter(|m| wanted.as_ref().is_none_or(|u| m.address == *u)).collect();
        if chosen.is_empty() {
            let whom = wanted.as_ref().map_or_else(|| "no users".into(), |u| format!("no user {u}"));
            return Err(Failure::Other(format!(
                "the agent knows {whom} in policy {:?}; if they are new, restart it (`riva agent restart`)",
                policy.as_str()
            )));
        }
        let mut previews = Vec::new();
        for member in chosen {
            let seen = agent.preview(member.id).await;
            // Of several users, one that cannot be reached hides nobody else.
            if let (Err(e), Some(_)) = (&seen, &wanted) {
                return Err(e.clone().into());
            }
            previews.push((member.address.clone(), seen));
        }
        Ok(previews)
    })?;
    let fine = previews.iter().all(|(_, seen)| matches!(seen, Ok(preview) if preview.ended.is_none()));
    if desk.json {
        let all: Vec<_> = previews
            .iter()
            .map(|(user, seen)| match seen {
                Ok(preview) => json!({ "user": user, "deeds": preview.deeds, "ended": preview.ended }),
                Err(error) => json!({ "user": user, "error": error.to_string() }),
            })
            .collect();
        output::json(&all);
        return Ok(Verdict::fine_if(fine));
    }
    for (user, seen) in &previews {
        match seen {
            Ok(preview) => tell(user, preview),
            Err(error) => line(format!("{user}: {error}")),
        }
    }
    Ok(Verdict::fine_if(fine))
}

fn tell(user: &EmailAddress, preview: &Preview) {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for deed in &preview.deeds {
        *counts.entry(deed.kind.title()).or_default() += 1;
    }
    let counts: Vec<String> = counts.iter().map(|(what, n)| format!("{n} {what}")).collect();
    let counts = if counts.is_empty() { "nothing to do".to_owned() } else { counts.join(", ") };
    line(format!("{user}: {counts}"));
    let rows: Vec<Vec<String>> = preview.deeds.iter().map(row).collect();
    if !rows.is_empty() {
        output::table(&["module", "what", "item", "rule", "details"], rows, "");
    }
    if let Some(why) = &preview.ended {
        line(format!("The list ends here: {why}"));
    }
    line("");
}

fn row(deed: &Deed) -> Vec<String> {
    let details = match deed.kind {
        DeedKind::Update { .. } => changes(&deed.fields),
        DeedKind::Create { .. } => {
            let fields: Vec<&str> = deed.fields.iter().map(|change| change.field.as_str()).collect();
            fields.join(", ")
        }
        DeedKind::Delete { .. }
        | DeedKind::Move { .. }
        | DeedKind::Link
        | DeedKind::Hold { .. }
        | DeedKind::Detach
        | DeedKind::Fail => deed.reason.clone(),
    };
    vec![deed.module.to_string(), deed.kind.title(), deed.title.clone(), deed.rule.clone(), details]
}

/// Old → new, a field each.
pub fn changes(fields: &[FieldChange]) -> String {
    let old = |change: &FieldChange| change.old.as_ref().map_or_else(|| "(not shown)".into(), shown);
    let one = |change: &FieldChange| {
        format!("{}: {} → {}", change.field, short(&old(change)), short(&shown(&change.new)))
    };
    fields.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn short(text: &str) -> String {
    if text.chars().count() <= SHORT {
        return text.to_owned();
    }
    format!("{}…", text.chars().take(SHORT - 1).collect::<String>())
}
