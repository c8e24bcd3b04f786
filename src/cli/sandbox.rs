//! `riva sandbox …`

use super::agent::asked_to_stop;
use super::desk::Desk;
use super::output::{self, line};
use super::verdict::{Failure, Verdict};
use clap::{Args, Subcommand};
use riva_sandbox::{Company, Sandbox, SandboxOptions};
use serde_json::json;
use std::path::PathBuf;

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
    /// Where to write the certificate authority that clients must trust.
    #[arg(long, value_name = "FILE", default_value = "riva-sandbox-ca.pem")]
    ca: PathBuf,
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

impl SandboxVerb {
    pub fn run(self, desk: &Desk) -> Result<Verdict, Failure> {
        let Self::Run(verb) = self;
        desk.wait(verb.serve(desk.json))
    }
}

impl Run {
    async fn serve(self, as_json: bool) -> Result<Verdict, Failure> {
        let company = match &self.config {
            Some(path) => Company::load(path).map_err(|e| Failure::Other(e.to_string()))?,
            None => demo_company()?,
        };
        let (mail_account, crm_account) =
            (company.exchange.account.clone(), company.salesforce.account.clone());
        let mut options = SandboxOptions::new(company);
        options.tls = !self.http;
        options.exchange_port = self.exchange_port;
        options.salesforce_port = self.salesforce_port;
        let running = Sandbox::start(options).await.map_err(|e| Failure::Other(e.to_string()))?;
        let ca = match running.ca_pem() {
            Some(pem) => {
                std::fs::write(&self.ca, pem)
                    .map_err(|e| Failure::Other(format!("cannot write {}: {e}", self.ca.display())))?;
                Some(&self.ca)
            }
            None => None,
        };
        if as_json {
            output::json_line(&json!({
                "exchange": running.exchange_url(), "exchange_account": mail_account,
                "salesforce": running.salesforce_url(), "salesforce_account": crm_account, "ca": ca,
            }));
        } else {
            line(format!("Exchange:    {}  as {mail_account}", running.exchange_url()));
            line(format!("Salesforce:  {}  as {crm_account}", running.salesforce_url()));
            if let Some(path) = ca {
                line(format!("Trust:       {}", path.display()));
            }
            line("The passwords stand in the company file. Ctrl+C stops it.");
        }
        asked_to_stop().await;
        running.stop().await;
        Ok(Verdict::Fine)
    }
}
