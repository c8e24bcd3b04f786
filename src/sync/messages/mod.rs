//! E-mail: messages are logged in the CRM, each once, by its Message-ID. One way: a mailbox is read, and gets at most its
//! drop folders; what is in the CRM's log is never changed nor deleted by us, and never made again.
//!
//! Which pair a message belongs to follows from the member and its Message-ID, so that copies of it in one mailbox are one
//! message, and a process that was killed goes on with the pair that it had begun. Among members the claim on the
//! Message-ID decides who logs it; nothing is claimed before the claiming pair is stored, so that no claim outlives its message.

mod assign;
mod log;
mod people;

use crate::context::{CycleContext, CycleFault};
use crate::plan::{Deed, Now, PairPlan};
use chrono::{DateTime, Duration, Utc};
use riva_core::activity::Level;
use riva_core::item::{Field, Item, MailFolder, Module, Value};
use riva_core::ports::{ASSIGN_TO, MessageFolders, MessageSource};
use riva_core::rows::{PairRow, PairState, Side};

/// Which folders of the member's mailbox are looked at; `None` if the policy does not sync e-mail.
///
/// From when on messages in Inbox and Sent Items count is fixed when e-mail is first synced for the member.
pub(crate) async fn folders(ctx: &CycleContext<'_>) -> Result<Option<MessageFolders>, CycleFault> {
    let Some(policy) = &ctx.policy.modules.email else { return Ok(None) };
    let fact = format!("messages-from/{}", ctx.member.id.0);
    let known = ctx.store.fact(&fact).await?.and_then(|at| at.parse::<DateTime<Utc>>().ok());
    let from = if let Some(from) = known {
        from
    } else {
        let from = ctx.clock.now() - Duration::days(i64::from(policy.days_back));
        ctx.store.set_fact(&fact, &from.to_rfc3339()).await?;
        from
    };
    let master = |on: bool| on.then(|| policy.master_folder.trim().to_owned());
    let (drop, assign) = (master(policy.drop_folders), master(policy.assign_to && can_assign(ctx)));
    Ok(Some(MessageFolders { inbox: policy.inbox, sent: policy.sent, master: drop, assign, from }))
}

/// Whether messages can be logged against records: the mailbox keeps a folder for each, and the CRM's log relates them.
fn can_assign(ctx: &CycleContext<'_>) -> bool {
    let caps = |side| ctx.side(side).capabilities().module(Module::Email);
    caps(Side::Mail).is_some_and(|mail| mail.reads.contains(&Field::Record))
        && caps(Side::Crm).is_some_and(|crm| crm.writes.contains(&Field::Record))
}

/// Makes the folders into which a user drops messages, as far as they are wanted and missing. A user who deletes the drop
/// folder is given it back a day later.
pub(crate) async fn make_folders(ctx: &CycleContext<'_>) -> Result<(), CycleFault> {
    let (Some(source), Some(folders)) = (ctx.mail.message_source(), folders(ctx).await?) else {
        return Ok(());
    };
    make_drop_folders(ctx, source, &folders).await?;
    match &ctx.policy.modules.email {
        Some(policy) => assign::offer(ctx, policy, source).await,
        None => Ok(()),
    }
}

async fn make_drop_folders(
    ctx: &CycleContext<'_>,
    source: &dyn MessageSource,
    folders: &MessageFolders,
) -> Result<(), CycleFault> {
    let wanted = [&folders.master, &folders.assign].map(|folder| folder.as_deref().unwrap_or_default());
    let master = match wanted {
        ["", ""] => return Ok(()),
        [drop, ""] => drop.to_owned(),
        [drop, assign] => format!("{drop}/{assign}/{ASSIGN_TO}"),
    };
    // Since when they are known to be there, and in which master folder.
    let (fact, now) = (format!("message-folders/{}", ctx.member.id.0), ctx.clock.now());
    let known = ctx.store.fact(&fact).await?;
    let there = known.as_deref().and_then(|known| known.split_once(' ')).is_some_and(|(at, of)| {
        let at = at.parse::<DateTime<Utc>>();
        of == master && at.is_ok_and(|at| now - at < Duration::days(1))
    });
    if there {
        return Ok(());
    }
    let made = source.make_folders(folders).await.map_err(|e| CycleFault::of(Side::Mail, e))?;
    for name in made {
        ctx.line(Level::Info, Some(Module::Email), format!("Made the folder \"{name}\" in the mailbox"));
    }
    ctx.store.set_fact(&fact, &format!("{} {master}", now.to_rfc3339())).await?;
    Ok(())
}

/// Whether a message is one that may be logged, as far as it tells by itself.
pub(crate) fn may_be_logged(folders: &MessageFolders, item: &Item) -> bool {
    let sent_at = match item.get(Field::SentAt) {
        Some(Value::Number(seconds)) => *seconds,
        _ => return false,
    };
    let wanted = match item.mail_folder() {
        Some(MailFolder::Inbox) => folders.inbox && sent_at >= folders.from.timestamp(),
        Some(MailFolder::Sent) => folders.sent && sent_at >= folders.from.timestamp(),
        // Dropped there by hand, however old it is.
        Some(MailFolder::Drop) => folders.master.is_some(),
        Some(MailFolder::Assigned) => folders.assign.is_some() && item.assigned().is_some(),
        None => false,
    };
    // A draft has no Message-ID.
    wanted && item.uid.as_deref().is_some_and(|id| !id.trim().is_empty()) && !item.is_private()
}

/// What was done in a cycle, for the log.
pub(crate) fn report(logged: u64) -> String {
    match logged {
        0 => "Nothing to log".to_owned(),
        1 => "Logged 1 e-mail in the CRM".to_owned(),
        n => format!("Logged {n} e-mails in the CRM"),
    }
}

const NOT_AGAIN: &str = "Deleted in the CRM, or out of this user's sight there: it is not logged again.";

/// The plan for a message: what is logged stays as it is on both sides, whatever becomes of the other.
pub(crate) fn plan(pair: &PairRow, mail: &Now, crm: &Now) -> PairPlan {
    let become_ = |row, state, why: &str| PairPlan { row, deed: Deed::Become(state, why.to_owned()) };
    match pair.state {
        PairState::Linked | PairState::Held | PairState::Quarantined => {}
        PairState::Detached | PairState::Tombstoned | PairState::Unrolled => {
            return PairPlan { row: 0, deed: Deed::Ignore };
        }
    }
    match (mail, crm) {
        (_, Now::Gone | Now::OutOfScope) if pair.crm.is_some() => become_(8, PairState::Detached, NOT_AGAIN),
        // Users file their messages away all the time: the log keeps what it has.
        (_, _) if pair.crm.is_some() => PairPlan { row: 1, deed: Deed::Refresh },
        (Now::Present { item, .. }, _) if item.is_private() => {
            become_(12, PairState::Tombstoned, "Marked private before it was logged.")
        }
        (Now::Present { .. }, _) => PairPlan { row: 15, deed: Deed::Match(Side::Crm) },
        (Now::Unreadable(why), _) => {
            become_(0, PairState::Quarantined, &format!("The mailbox's message cannot be read: {why}"))
        }
        (Now::Gone | Now::OutOfScope | Now::None, _) => {
            become_(11, PairState::Tombstoned, "Gone before it was logged.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use riva_core::item::Assigned;

    fn message(folder: MailFolder, sent_at: i64) -> Item {
        let mut item = Item::new(Module::Email);
        item.uid = Some("<1@example.com>".into());
        item.set_text(Field::MailFolder, folder.as_str());
        item.set(Field::SentAt, Value::Number(sent_at));
        if folder == MailFolder::Assigned {
            item.set_assigned(&Assigned { record: "006a".into(), name: "500 seats".into() });
        }
        item
    }

    /// All folders but one.
    fn wanted(but: Option<MailFolder>) -> MessageFolders {
        let from = DateTime::from_timestamp(1000, 0).expect("a time");
        let on = |folder| but != Some(folder);
        let master = |folder| on(folder).then(|| "CRM".to_owned());
        MessageFolders {
            inbox: on(MailFolder::Inbox),
            sent: on(MailFolder::Sent),
            master: master(MailFolder::Drop),
            assign: master(MailFolder::Assigned),
            from,
        }
    }

    #[test]
    fn old_messages_count_where_a_user_drops_them_alone() {
        for folder in MailFolder::ALL {
            let dropped = matches!(folder, MailFolder::Drop | MailFolder::Assigned);
            assert!(may_be_logged(&wanted(None), &message(folder, 1000)));
            assert_eq!(may_be_logged(&wanted(None), &message(folder, 999)), dropped);
        }
    }

    #[test]
    fn each_folder_has_its_switch() {
        for folder in MailFolder::ALL {
            assert!(!may_be_logged(&wanted(Some(folder)), &message(folder, 1000)), "{folder:?}");
        }
    }

    #[test]
    fn drafts_and_private_messages_are_left_alone() {
        let mut draft = message(MailFolder::Inbox, 1000);
        draft.uid = None;
        assert!(!may_be_logged(&wanted(None), &draft));
        let mut private = message(MailFolder::Drop, 1000);
        private.set(Field::Sensitivity, Value::Sensitivity(riva_core::item::Sensitivity::Private));
        assert!(!may_be_logged(&wanted(None), &private));
    }
}
