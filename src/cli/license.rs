//! `riva license …`

use super::desk::Desk;
use super::output::{self, line};
use super::verdict::{Failure, Verdict};
use clap::Subcommand;
use riva_core::license::{LicenseFile, LicenseVerdict, keygen, sign};
use secrecy::ExposeSecret;
use serde_json::json;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

#[derive(Subcommand)]
pub enum LicenseVerb {
    /// The licence files of the workspace, and whether each counts.
    Show,
    /// Check a licence file and put it into the workspace.
    Install {
        /// The file as it was delivered.
        file: PathBuf,
    },
    /// Sign a licence (for its issuer).
    Sign {
        /// The licence: its `[license]` table as TOML.
        file: PathBuf,
        /// The issuer's private key.
        #[arg(long)]
        key: PathBuf,
        /// Where to write the signed file; without it, to the standard output.
        #[arg(long, short)]
        out: Option<PathBuf>,
    },
    /// Make the keys of a new issuer.
    Keygen {
        /// Where to write the private key (mode 0600; an existing file is not touched).
        #[arg(long)]
        out: PathBuf,
    },
}

impl LicenseVerb {
    pub fn run(self, desk: &Desk) -> Result<Verdict, Failure> {
        match self {
            Self::Show => show(desk),
            Self::Install { file } => {
                let installed = desk.admin()?.install_license(&read(&file)?)?;
                if desk.json {
                    output::json(&installed);
                } else {
                    line(format!("Installed as licenses/{}. {}", installed.file, summary(&installed)));
                }
                Ok(Verdict::Fine)
            }
            Self::Sign { file, key, out } => {
                let signed = sign(&read(&file)?, &read(&key)?.into());
                let signed = signed.map_err(|e| Failure::Other(e.to_string()))?;
                match out {
                    None => line(signed.trim_end()),
                    Some(path) => {
                        fs::write(&path, signed)
                            .map_err(|e| Failure::Other(format!("cannot write {}: {e}", path.display())))?;
                        if desk.json {
                            output::json(&json!({ "signed": path }));
                        } else {
                            line(format!("Signed: {}", path.display()));
                        }
                    }
                }
                Ok(Verdict::Fine)
            }
            Self::Keygen { out } => {
                let keys = keygen().map_err(|e| Failure::Other(e.to_string()))?;
                write_new(&out, keys.private_pem.expose_secret())
                    .map_err(|e| Failure::Other(format!("cannot write {}: {e}", out.display())))?;
                if desk.json {
                    output::json(&json!({ "private_key": out, "public_key": keys.public_key }));
                } else {
                    line(format!("Private key: {} (keep it where nobody else can read it)", out.display()));
                    line(format!("Public key:  {}", keys.public_key));
                    line("Licences signed with it count once the public key is in the list of issuers.");
                }
                Ok(Verdict::Fine)
            }
        }
    }
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|e| Failure::Other(format!("cannot read {}: {e}", path.display())))
}

fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}

/// Whether a licence counts, in words.
pub fn verdict(file: &LicenseFile) -> String {
    match &file.verdict {
        LicenseVerdict::Valid => "valid".into(),
        LicenseVerdict::Forged => {
            "does not count: changed after it was signed, or not signed by the issuer".into()
        }
        LicenseVerdict::Expired => "does not count: expired".into(),
        LicenseVerdict::Unreadable { reason } => format!("does not count: {reason}"),
    }
}

fn summary(file: &LicenseFile) -> String {
    let Some(license) = &file.license else { return verdict(file) };
    let counts: Vec<_> = license.counts.iter().map(|(system, n)| format!("{n} {}", system.title())).collect();
    format!("{} for {}, valid until {}.", counts.join(", "), license.licensee, license.expires)
}

fn show(desk: &Desk) -> Result<Verdict, Failure> {
    let files = desk.admin()?.licenses()?;
    let all_valid = files.iter().all(|file| file.verdict == LicenseVerdict::Valid);
    if desk.json {
        output::json(&files);
        return Ok(Verdict::fine_if(all_valid));
    }
    let row = |file: &LicenseFile| {
        let license = file.license.as_ref();
        let counts =
            license.map(|l| l.counts.iter().map(|(s, n)| format!("{n} {}", s.as_str())).collect::<Vec<_>>());
        vec![
            file.file.clone(),
            license.map(|l| l.licensee.clone()).unwrap_or_default(),
            license.map(|l| format!("{:?}", l.mode).to_lowercase()).unwrap_or_default(),
            counts.unwrap_or_default().join(", "),
            license.map(|l| l.expires.to_string()).unwrap_or_default(),
            verdict(file),
        ]
    };
    let heading = ["file", "licensee", "mode", "counts", "expires", "verdict"];
    output::table(
        &heading,
        files.iter().map(row).collect(),
        "No licence is installed: `riva license install FILE`.",
    );
    Ok(Verdict::fine_if(all_valid))
}
