//! Licences: what is installed, who holds counts, and installing one.

use super::policies::no_policy;
use super::{Admin, AdminError, Finding};
use crate::documents::{Loaded, failed, in_file, lock, write_text};
use crate::ids::{ConnectionName, PolicyName};
use crate::license::{LicenseFile, LicenseVerdict, LicensingDetails, allot, verify};
use std::collections::BTreeMap;

impl Admin {
    /// What the Licensing Details window of a policy shows.
    pub fn licensing_details(&self, policy: &PolicyName) -> Result<LicensingDetails, AdminError> {
        let loaded = self.load()?;
        let Some(this) = loaded.policies.iter().find(|p| p.name == *policy) else {
            // Broken, or not there: `policy` tells which.
            return Err(self.policy(policy).err().unwrap_or_else(|| no_policy(policy)));
        };
        let system = |name: &ConnectionName| {
            let connection = loaded.connections.iter().find(|c| c.name == *name);
            connection.map(|c| c.system).ok_or_else(|| super::connections::no_such(name))
        };
        let (mail_system, crm_system) = (system(&this.mail)?, system(&this.crm)?);
        let files = self.licenses()?;
        let dealt = allot(&loaded.policies, &loaded.connections, &files, self.now().date_naive());
        let systems = [mail_system, crm_system];
        let valid = files.iter().filter(|file| file.verdict == LicenseVerdict::Valid);
        let expires = valid
            .filter_map(|file| file.license.as_ref())
            .filter(|license| systems.iter().any(|system| license.counts.contains_key(system)))
            .map(|license| license.expires)
            .min();
        let refused = dealt.verdicts.iter().filter(|((name, _), _)| name == policy);
        let refused = refused.filter_map(|((_, user), verdict)| Some((user.clone(), verdict.clone().err()?)));
        Ok(LicensingDetails {
            mail: dealt.counts_of(mail_system),
            mail_system,
            crm: dealt.counts_of(crm_system),
            crm_system,
            expires,
            refused: refused.collect(),
            holders: dealt.holders.iter().filter(|h| systems.contains(&h.system)).cloned().collect(),
            files,
        })
    }

    /// What stands in the way of licensing: files that do not count, users who hold no count, each with its reason.
    pub(super) fn check_licenses(&self, loaded: &Loaded) -> Result<Vec<Finding>, AdminError> {
        let files = self.licenses()?;
        let mut findings: Vec<Finding> = files.iter().filter_map(not_counting).collect();
        let dealt = allot(&loaded.policies, &loaded.connections, &files, self.now().date_naive());
        let mut without: BTreeMap<(&PolicyName, &str), Vec<&str>> = BTreeMap::new();
        for ((policy, user), verdict) in &dealt.verdicts {
            if let Err(why) = verdict {
                without.entry((policy, why)).or_default().push(user.as_str());
            }
        }
        for ((policy, why), users) in without {
            let what = match users.as_slice() {
                [user] => format!("{user} does not sync:"),
                [first, second] => format!("{first} and {second} do not sync:"),
                [first, others @ ..] => format!("{first} and {} other users do not sync:", others.len()),
                [] => continue,
            };
            findings.push(in_file(&format!("policies/{policy}.toml"), what, why));
        }
        Ok(findings)
    }

    /// The licence files of the workspace, by name, each with its verdict of today.
    pub fn licenses(&self) -> Result<Vec<LicenseFile>, AdminError> {
        crate::license::installed(&self.workspace, self.now().date_naive())
    }

    /// Checks a licence and puts it into the workspace. One that would not count is refused with its reason.
    pub fn install_license(&self, text: &str) -> Result<LicenseFile, AdminError> {
        let today = self.now().date_naive();
        let checked = verify("the licence", text, today);
        let refused = |what: String, remedy: &str| Err(AdminError::Refused { what, remedy: remedy.into() });
        let license = match (&checked.verdict, &checked.license) {
            (LicenseVerdict::Valid, Some(license)) => license,
            (LicenseVerdict::Expired, Some(license)) => {
                return refused(
                    format!("This licence expired on {}.", license.expires),
                    "Install a newer one.",
                );
            }
            (LicenseVerdict::Unreadable { reason }, _) => {
                return refused(format!("This is no licence: {reason}"), "Use the file as it was delivered.");
            }
            _ => {
                return refused(
                    "This licence was changed after it was signed, or was not signed by the issuer.".into(),
                    "Use the file as it was delivered.",
                );
            }
        };
        let _lock = lock(&self.workspace, "documents.lock")?;
        let same = self.licenses()?.into_iter().find(|file| {
            file.verdict == LicenseVerdict::Valid && file.license.as_ref().is_some_and(|l| l.id == license.id)
        });
        if let Some(same) = same {
            return refused(
                format!("Licence {} is installed already ({}).", license.id, same.file),
                "Nothing needs to be done.",
            );
        }
        let stem: String = license
            .id
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' })
            .take(60)
            .collect();
        let folder = self.workspace.join("licenses");
        let names =
            std::iter::once(format!("{stem}.license")).chain((2..).map(|n| format!("{stem}-{n}.license")));
        let mut free = names.into_iter().filter(|name| !folder.join(name).exists());
        let Some(file) = free.next() else {
            return Err(failed("write", &folder)(std::io::Error::other("no file name is free")));
        };
        write_text(&folder.join(&file), text)?;
        Ok(LicenseFile { file, ..checked })
    }
}

/// Why a licence file does not count, if it does not.
fn not_counting(file: &LicenseFile) -> Option<Finding> {
    let as_delivered = "Install the file again as it was delivered.";
    let (what, remedy) = match &file.verdict {
        LicenseVerdict::Valid => return None,
        LicenseVerdict::Forged => (
            "this licence was changed after it was signed, or was not signed by the issuer.".to_owned(),
            as_delivered,
        ),
        LicenseVerdict::Expired => {
            let day = file.license.as_ref().map(|l| l.expires.to_string()).unwrap_or_default();
            (format!("this licence expired on {day}."), "Install a new licence.")
        }
        LicenseVerdict::Unreadable { reason } => (reason.clone(), as_delivered),
    };
    Some(in_file(&format!("licenses/{}", file.file), what, remedy))
}
