//! How many items a user has on both sides, as the systems themselves list them: what the agent says it has created
//! can be held against it.

use super::verdict::Failure;
use chrono::{TimeDelta, Utc};
use riva_core::admin::Admin;
use riva_core::documents::Policy;
use riva_core::ids::EmailAddress;
use riva_core::item::Module;
use riva_core::ports::{Reader, Systems, Window};
use serde::Serialize;
use std::collections::BTreeMap;

/// Items of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Census {
    /// In the mailbox.
    pub mail: u64,
    /// In the CRM.
    pub crm: u64,
}

/// Counts a user's items of every module that the policy keeps in step: what is logged one way is not listed.
pub async fn take(
    systems: &dyn Systems,
    admin: &Admin,
    policy: &Policy,
    address: &EmailAddress,
) -> Result<BTreeMap<Module, Census>, Failure> {
    let mailbox = systems.mail(&admin.connection(&policy.mail)?)?.open(address).await?;
    let crm = systems.crm(&admin.connection(&policy.crm)?)?;
    let records = crm.reader(&crm.user(address.as_str()).await?).await?;
    let window = policy.modules.calendar.as_ref().map(|calendar| Window {
        from: Utc::now() - TimeDelta::days(calendar.days_back.into()),
        to: Utc::now() + TimeDelta::days(calendar.days_ahead.into()),
    });
    let mut counts = BTreeMap::new();
    for module in policy.modules.enabled().into_iter().filter(|module| !module.is_log()) {
        let window = window.filter(|_| module == Module::Calendar);
        let mail = list(mailbox.as_ref(), module, window).await?;
        let crm = list(records.as_ref(), module, window).await?;
        counts.insert(module, Census { mail, crm });
    }
    Ok(counts)
}

async fn list<R: Reader + ?Sized>(side: &R, module: Module, window: Option<Window>) -> Result<u64, Failure> {
    let mut count = 0;
    let mut after = None;
    loop {
        let page = side.list(module, window, after.as_ref()).await;
        let page = page.map_err(|e| Failure::Other(format!("{module} cannot be listed: {e}")))?;
        count += page.items.len() as u64;
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(count),
        }
    }
}
