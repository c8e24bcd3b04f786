//! `riva sandbox …`

use super::agent::asked_to_stop;
use super::desk::Desk;
use super::output::{self, line};
use super::verdict::{Failure, Verdict};
use clap::{Args, Subcommand};
use riva_sandbox::{Company, Sandbox, SandboxOptions};
use serde_json::json;
use std::path::{Path, PathBuf};

/// The company of the demo.
pub const COMPANY: &str = include_str!("../../config/demo/company.toml");

#[derive(Subcommand)]
pub enum SandboxVerb {
    /// Start the servers and keep them until Ctrl+C.
    Run(Run),
}

#[derive(Args)]
pub struct Run {
    /// A company file; without it, the company of the demo.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Plain HTTP on loopback instead of HTTPS with a certificate authority of its own.
    #[arg(long)]
    http: bool,
    /// Where to write the certificate authority that clients must trust; without it, `state/sandbox-ca.pem` of the
    /// workspace.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Port of the Exchange server; 0 takes any free one.
    #[arg(long, default_value_t = 0)]
    exchange_port: u16,
    /// Port of the Salesforce server; 0 takes any free one.
    #[arg(long, default_value_t = 0)]
    salesforce_port: u16,
}

/// The demo's company.
pub fn demo_company() -> Result<Company, Failure> {
    Company::parse(COMPANY).map_err(|e| Failure::Other(e.to_string()))
}

/// Where the certificate authority is written, inside the workspace.
const CA_OF_WORKSPACE: &str = "state/sandbox-ca.pem";

impl SandboxVerb {
    pub fn run(self, desk: &Desk) -> Result<Verdict, Failure> {
        let Self::Run(verb) = self;
        let ca = if verb.http { None } else { Some(verb.ca_file(&desk.workspace)?) };
        desk.wait(verb.serve(ca, desk.json))
    }
}

/// A file of certificate authorities: where it lies, and how a connection of the workspace names it.
struct CaFile {
    path: PathBuf,
    named: PathBuf,
}

impl Run {
    fn ca_file(&self, workspace: &Path) -> Result<CaFile, Failure> {
        if let Some(given) = &self.ca {
            // A relative name would mean another file to whoever reads the connection from elsewhere.
            let path = std::path::absolute(given)
                .map_err(|e| Failure::Other(format!("cannot write {}: {e}", given.display())))?;
            return Ok(CaFile { named: path.clone(), path });
        }
        if !workspace.join("riva.toml").is_file() {
            return Err(Failure::Other(format!(
                "there is no workspace in {} to put the sandbox's certificate authority in; make one with `riva init`, \
                 or name a file with --ca FILE, or take --http",
                workspace.display()
            )));
        }
        Ok(CaFile { path: workspace.join(CA_OF_WORKSPACE), named: CA_OF_WORKSPACE.into() })
    }

    async fn serve(self, ca: Option<CaFile>, as_json: bool) -> Result<Verdict, Failure> {
        let company = match &self.config {
            Some(path) => Company::load(path).map_err(|e| Failure::Other(e.to_string()))?,
            None => demo_company()?,
        };
        let (mail_account, crm) = (company.exchange.account.clone(), company.salesforce.clone());
        let mut options = SandboxOptions::new(company);
        options.tls = !self.http;
        options.exchange_port = self.exchange_port;
        options.salesforce_port = self.salesforce_port;
        let running = Sandbox::start(options).await.map_err(|e| Failure::Other(e.to_string()))?;
        if let (Some(pem), Some(ca)) = (running.ca_pem(), &ca) {
            let cannot = |e| Failure::Other(format!("cannot write {}: {e}", ca.path.display()));
            if let Some(folder) = ca.path.parent() {
                std::fs::create_dir_all(folder).map_err(cannot)?;
            }
            std::fs::write(&ca.path, pem).map_err(cannot)?;
        }
        let (exchange, salesforce) =
            (format!("{}/EWS/Exchange.asmx", running.exchange_url()), running.salesforce_url());
        if as_json {
            output::json_line(&json!({
                "exchange": exchange, "exchange_account": mail_account,
                "salesforce": salesforce, "salesforce_account": crm.account, "salesforce_client_id": crm.client_id,
                "ca": ca.as_ref().map(|ca| &ca.path),
            }));
        } else {
            line(format!("Exchange:    {exchange}  as {mail_account}"));
            line(format!("Salesforce:  {salesforce}  as {}", crm.account));
            if let Some(ca) = &ca {
                line(format!("Trust:       {}", ca.path.display()));
            }
            let trust =
                ca.as_ref().map(|ca| format!(" --ca-file {}", ca.named.display())).unwrap_or_default();
            line("\nTo connect a workspace to them:\n");
            line(format!(
                "  riva connection add exchange --system exchange-ews --address {exchange} --account {mail_account}{trust}"
            ));
            line("  riva connection set-password exchange");
            let marker = if crm.sync_key_field { " --option sync_key_field=Riva_Sync_Key__c" } else { "" };
            line(format!(
                "  riva connection add salesforce --system salesforce --address {salesforce} --account {} \
                 --auth oauth-password --client-id {}{marker}{trust}",
                crm.account, crm.client_id
            ));
            line(
                "  riva connection set-password salesforce                        # the password, then the security token",
            );
            line("  riva connection set-password salesforce --kind client-secret");
            line(format!(
                "\nPasswords, token and secret stand in {}. Ctrl+C stops the sandbox.",
                self.config
                    .as_ref()
                    .map_or_else(|| "config/demo/company.toml".into(), |path| path.display().to_string())
            ));
        }
        asked_to_stop().await;
        running.stop().await;
        Ok(Verdict::Fine)
    }
}
