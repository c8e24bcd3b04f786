//! `riva policy preview`

use super::desk::Desk;
use super::output::{self, line};
use super::verdict::{Failure, Verdict};
use riva_api::{Agent as _, AgentClient, PreviewNewcomer};
use riva_core::admin::Admin;
use riva_core::history::{Deed, DeedKind, FieldChange, Preview, shown};
use riva_core::ids::{EmailAddress, MemberId, PolicyName};
use riva_core::item::Field;
use riva_manager::words::{because, field_title};
use serde_json::json;
use std::collections::BTreeMap;

/// Longer values are cut in tables; `--json` has them whole.
const SHORT: usize = 48;

pub fn run(desk: &Desk, admin: &Admin, policy: &PolicyName, user: Option<&str>) -> Result<Verdict, Failure> {
    let agent = AgentClient::new(&desk.workspace);
    let wanted = user.map(EmailAddress::new);
    let is_wanted = |address: &EmailAddress| wanted.as_ref().is_none_or(|user| address == user);
    // Where the file is broken, the agent goes on with the last good one, and knows its users.
    let listed = admin.policy(policy).map(|policy| policy.users).unwrap_or_default();
    let previews = desk.wait(async {
        let queue = agent.queue().await?;
        let mut chosen: Vec<(EmailAddress, Option<MemberId>)> = queue
            .iter()
            .filter(|row| row.member.policy == *policy && is_wanted(&row.member.address))
            .map(|row| (row.member.address.clone(), Some(row.member.id)))
            .collect();
        for user in listed.into_iter().filter(|user| is_wanted(&user.address)) {
            if !chosen.iter().any(|(address, _)| *address == user.address) {
                chosen.push((user.address, None));
            }
        }
        if chosen.is_empty() {
            let whom = wanted.as_ref().map_or_else(|| "no users".into(), |user| format!("no user {user}"));
            return Err(Failure::Other(format!(
                "there is {whom} in policy {:?}; `riva policy users {policy}` lists them",
                policy.as_str()
            )));
        }
        let mut previews = Vec::new();
        for (address, member) in chosen {
            let seen = if let Some(member) = member {
                agent.preview(member).await
            } else {
                let newcomer = PreviewNewcomer { policy: policy.clone(), address: address.clone() };
                agent.preview_newcomer(&newcomer).await
            };
            // Of several users, one that cannot be reached hides nobody else.
            if let (Err(e), Some(_)) = (&seen, &wanted) {
                return Err(e.clone().into());
            }
            previews.push((address, seen));
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
        output::table(&["module", "what", "item", "because", "details"], rows, "");
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
            let fields: Vec<String> = deed.fields.iter().map(|change| name_of(change.field)).collect();
            fields.join(", ")
        }
        DeedKind::Delete { .. }
        | DeedKind::Move { .. }
        | DeedKind::Link
        | DeedKind::Hold { .. }
        | DeedKind::Detach
        | DeedKind::Fail => deed.reason.clone(),
    };
    vec![deed.module.to_string(), deed.kind.title(), deed.title.clone(), because(&deed.rule), details]
}

fn name_of(field: Field) -> String {
    field_title(field).to_lowercase()
}

/// Old → new, a field each.
pub fn changes(fields: &[FieldChange]) -> String {
    let old = |change: &FieldChange| change.old.as_ref().map_or_else(|| "(not shown)".into(), shown);
    let one = |change: &FieldChange| {
        format!("{}: {} → {}", name_of(change.field), short(&old(change)), short(&shown(&change.new)))
    };
    fields.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn short(text: &str) -> String {
    if text.chars().count() <= SHORT {
        return text.to_owned();
    }
    format!("{}…", text.chars().take(SHORT - 1).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use riva_core::ids::PairId;
    use riva_core::item::{Module, Value};
    use riva_core::rows::Side;
    use uuid::Uuid;

    #[test]
    fn a_rule_is_told_in_words_and_fields_as_people_call_them() {
        let deed = Deed {
            module: Module::Contacts,
            pair: PairId(Uuid::from_u128(7)),
            kind: DeedKind::Create { side: Side::Crm },
            title: "Mia".into(),
            rule: "table row 15".into(),
            fields: vec![FieldChange {
                field: Field::DisplayName,
                old: None,
                new: Value::Text("Mia".into()),
            }],
            reason: String::new(),
        };
        let shown = row(&deed);
        assert_eq!(shown[3], "it is new in the mailbox, and the CRM has no twin of it");
        assert_eq!(shown[4], "shown as");
        let update = Deed { kind: DeedKind::Update { side: Side::Crm }, ..deed };
        assert_eq!(row(&update)[4], "shown as: (not shown) → Mia");
    }
}
