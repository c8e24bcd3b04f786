//! The licence files that lie in a workspace.

use super::{LicenseFile, LicenseVerdict, verify};
use crate::admin::AdminError;
use crate::documents::failed;
use chrono::NaiveDate;
use std::path::Path;

/// Every `licenses/*.license` of a workspace, by name, with its verdict as of a day.
pub fn installed(workspace: &Path, today: NaiveDate) -> Result<Vec<LicenseFile>, AdminError> {
    let folder = workspace.join("licenses");
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed("read", &folder)(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed("read", &folder))?.path();
        if path.extension().is_none_or(|extension| extension != "license") {
            continue;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let bytes = std::fs::read(&path).map_err(failed("read", &path))?;
        files.push(if let Ok(text) = String::from_utf8(bytes) {
            verify(&name, &text, today)
        } else {
            let verdict = LicenseVerdict::Unreadable { reason: format!("{name} is not text.") };
            LicenseFile { file: name, license: None, verdict }
        });
    }
    files.sort_by(|a, b| a.file.cmp(&b.file));
    Ok(files)
}
