//! Policies: list, save, enable, duplicate, remove; and finding users for them.

use super::connections::no_such;
use super::{Admin, AdminError, Candidate, ChangeEntry, DocumentKind, PolicySummary};
use crate::documents::{Connection, Loaded, Occupied, Policy, legal_name};
use crate::ids::{ConnectionName, EmailAddress, PolicyName};
use futures_util::StreamExt;
use futures_util::stream;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many users of one *check name* are looked up in the CRM at the same time.
const ASKED_AT_ONCE: usize = 8;

impl Admin {
    /// The policies, sorted by name; a broken one with what is wrong.
    pub fn policies(&self) -> Result<Vec<PolicySummary>, AdminError> {
        let loaded = self.load()?;
        let names = self.open().names(DocumentKind::Policy)?;
        let summary = |name: String| {
            let broken = loaded.findings_of(DocumentKind::Policy, &name);
            let name = PolicyName::new(name);
            let policy = loaded.policies.iter().find(|p| p.name == name);
            PolicySummary {
                enabled: policy.is_some_and(|p| p.enabled),
                mail: policy.map(|p| p.mail.clone()).unwrap_or_default(),
                crm: policy.map(|p| p.crm.clone()).unwrap_or_default(),
                users: policy.map_or(0, |p| p.users.len()),
                modified: policy.and_then(|p| p.modified.clone()),
                broken,
                name,
            }
        };
        Ok(names.into_iter().map(summary).collect())
    }

    /// One policy.
    pub fn policy(&self, name: &PolicyName) -> Result<Policy, AdminError> {
        let loaded = self.load()?;
        let found = loaded.findings_of(DocumentKind::Policy, name.as_str());
        if !found.is_empty() {
            return Err(AdminError::Findings(found));
        }
        loaded.policies.into_iter().find(|p| p.name == *name).ok_or_else(|| no_policy(name))
    }

    /// Adds a policy, or saves its changes. The stamps (created, modified, a new user's added) are set here.
    pub fn save_policy(&self, policy: &Policy, entry: &ChangeEntry) -> Result<(), AdminError> {
        self.save(DocumentKind::Policy, policy.name.as_str(), entry, |present| {
            Ok(self.stamped(policy.clone(), present))
        })
    }

    fn stamped(&self, mut new: Policy, present: Option<Policy>) -> Policy {
        let known: BTreeMap<_, _> =
            present.iter().flat_map(|p| &p.users).map(|user| (&user.address, &user.added)).collect();
        for user in &mut new.users {
            // Somebody whom a hand wrote into the file keeps having no stamp: nobody knows since when.
            user.added =
                known.get(&user.address).map_or_else(|| Some(self.stamp()), |added| (*added).clone());
        }
        new.created = present.as_ref().map_or_else(|| Some(self.stamp()), |p| p.created.clone());
        new.modified = present.as_ref().and_then(|p| p.modified.clone());
        let unchanged = present.is_some_and(|p| Policy { name: new.name.clone(), ..p } == new);
        if !unchanged {
            new.modified = Some(self.stamp());
        }
        new
    }

    /// Enables or disables a policy.
    pub fn set_policy_enabled(&self, name: &PolicyName, enabled: bool) -> Result<(), AdminError> {
        let why = if enabled { "enabled" } else { "disabled" };
        let entry = ChangeEntry { why: why.into() };
        self.save(DocumentKind::Policy, name.as_str(), &entry, |present: Option<Policy>| {
            // Not readable, or not there: `policy` tells which.
            let Some(mut policy) = present.clone() else {
                return Err(self.policy(name).err().unwrap_or_else(|| no_policy(name)));
            };
            policy.enabled = enabled;
            Ok(self.stamped(policy, present))
        })
    }

    /// Copies a policy as a disabled one ("Copy of …") with the same users. Answers its name.
    pub fn duplicate_policy(&self, name: &PolicyName) -> Result<PolicyName, AdminError> {
        let mut copy = self.policy(name)?;
        let taken = self.open().names(DocumentKind::Policy)?;
        let first = format!("Copy of {name}");
        let names = std::iter::once(first.clone()).chain((2..1000).map(|n| format!("{first} ({n})")));
        let free = names.into_iter().find(|n| !taken.contains(n) && legal_name(n).is_ok());
        let Some(free) = free else {
            return Err(AdminError::Refused {
                what: format!("There is no name left for a copy of {:?}.", name.as_str()),
                remedy: "Remove old copies, or give the policy a shorter name.".into(),
            });
        };
        copy.name = PolicyName::new(free);
        copy.enabled = false;
        self.save_policy(&copy, &ChangeEntry { why: format!("copy of {name}") })?;
        Ok(copy.name)
    }

    /// Removes a policy; refused while it is enabled. Its text stays in the history.
    pub fn remove_policy(&self, name: &PolicyName) -> Result<(), AdminError> {
        if self.load()?.policies.iter().any(|p| p.name == *name && p.enabled) {
            return Err(AdminError::Refused {
                what: format!("Policy {:?} is enabled.", name.as_str()),
                remedy: "Disable it first.".into(),
            });
        }
        self.remove_document(DocumentKind::Policy, name.as_str(), &ChangeEntry::default(), "removed")
    }

    /// Exchange Browser, *check name >>*: the users that the directory finds, and whether they can be added to this
    /// policy (as it is on the screen, saved or not): each must be exactly one active user of the CRM, too.
    pub async fn check_name(&self, policy: &Policy, typed: &str) -> Result<Vec<Candidate>, AdminError> {
        let loaded = self.load()?;
        let mail = usable(&loaded, &policy.mail)?;
        let crm = self.systems.crm(&usable(&loaded, &policy.crm)?)?;
        let found = self.systems.mail(&mail)?.directory().check_name(typed.trim()).await?;
        let exclusive = loaded.settings.as_ref().is_none_or(|s| s.policies.force_user_exclusivity);
        let occupied = Occupied::by(&loaded.policies);
        let taken = |address: &EmailAddress| {
            if policy.users.iter().any(|user| user.address == *address) {
                return Some(format!("{address} is already in this policy."));
            }
            let other = occupied.elsewhere(address, &policy.name).filter(|_| exclusive)?;
            Some(format!(
                "{address} is already in policy {:?}. Take the user out there first (Force User Exclusivity is on).",
                other.as_str()
            ))
        };
        let candidates = found.into_iter().map(|user| {
            let (crm, obstacle) = (Arc::clone(&crm), taken(&user.address));
            async move {
                if obstacle.is_some() {
                    return Candidate { user, crm_user: None, obstacle };
                }
                match crm.user(user.address.as_str()).await {
                    Ok(crm_user) => Candidate { user, crm_user: Some(crm_user), obstacle: None },
                    Err(fault) => {
                        let obstacle = format!("{}: {}. {}", fault.title(), fault.detail, fault.remedy);
                        Candidate { user, crm_user: None, obstacle: Some(obstacle) }
                    }
                }
            }
        });
        Ok(stream::iter(candidates).buffered(ASKED_AT_ONCE).collect().await)
    }
}

fn usable(loaded: &Loaded, name: &ConnectionName) -> Result<Connection, AdminError> {
    let found = loaded.findings_of(DocumentKind::Connection, name.as_str());
    if !found.is_empty() {
        return Err(AdminError::Findings(found));
    }
    loaded.connections.iter().find(|c| c.name == *name).cloned().ok_or_else(|| no_such(name))
}

pub(super) fn no_policy(name: &PolicyName) -> AdminError {
    AdminError::NoSuch { kind: "policy", name: name.as_str().to_owned() }
}
