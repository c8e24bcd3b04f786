//! What the control handle changes and reads, besides items.

use super::{EditError, Exchange, Mail};
use std::collections::BTreeMap;

impl Exchange {
    /// Requests so far, by operation.
    pub(crate) fn requests(&self) -> BTreeMap<String, u64> {
        self.lock().requests.clone()
    }

    /// The most requests that were under way at a time for one mailbox.
    pub(crate) fn peak_concurrency(&self) -> u32 {
        self.lock().peak_concurrency
    }

    /// Mails that would have been sent so far.
    pub(crate) fn mails(&self) -> Vec<Mail> {
        self.lock().outbox.clone()
    }

    /// Addresses of all accounts, and whether each has a mailbox.
    pub(crate) fn users(&self) -> Vec<(String, bool)> {
        self.lock().accounts.iter().map(|a| (a.address.clone(), a.mailbox.is_some())).collect()
    }

    pub(crate) fn invalidate_sync_states(&self) {
        self.lock().generation += 1;
    }

    pub(crate) fn set_password(&self, user: &str, password: &str) -> Result<(), EditError> {
        let mut organisation = self.lock();
        let account = organisation.account(user).ok_or_else(|| unknown(user))?;
        password.clone_into(&mut organisation.accounts[account].password);
        Ok(())
    }

    pub(crate) fn set_rights(
        &self,
        user: &str,
        impersonation: Option<bool>,
        full_access: Option<bool>,
    ) -> Result<(), EditError> {
        let mut organisation = self.lock();
        let account = organisation.account(user).ok_or_else(|| unknown(user))?;
        let account = &mut organisation.accounts[account];
        account.impersonation = impersonation.unwrap_or(account.impersonation);
        account.full_access = full_access.unwrap_or(account.full_access);
        Ok(())
    }

    pub(crate) fn reset(&self) {
        let mut organisation = self.lock();
        organisation.faults = super::organisation::Faults::default();
        organisation.outbox.clear();
        organisation.requests.clear();
        organisation.peak_concurrency = 0;
    }
}

fn unknown(user: &str) -> EditError {
    EditError::new(format!("nobody here has the address {user}"))
}
