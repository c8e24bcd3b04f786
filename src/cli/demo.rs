//! `riva demo`

use super::agent::asked_to_stop;
use super::desk::Desk;
use super::journey;
use super::manager;
use super::output::{self, line};
use super::tenant::Tenant;
use super::verdict::{Failure, Verdict};
use clap::Args;
use riva_manager::Open;
use std::path::PathBuf;

#[derive(Args)]
pub struct Demo {
    /// Do journey A (add users to an existing sync policy) in the terminal instead of opening the Manager.
    #[arg(long)]
    headless: bool,
    /// A new folder for the demo's workspace, which is kept; without it, a temporary one.
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

impl Demo {
    pub fn run(self, desk: &Desk) -> Result<Verdict, Failure> {
        if !desk.json {
            line("Starting a sandbox company (Exchange and Salesforce) and the Riva CRM Agent …");
        }
        let tenant = desk.wait(Tenant::start(self.folder.as_deref()))?;
        // Programs want the data, not a window.
        if !self.headless && !desk.json {
            let interrupted = desk.handle().spawn(tenant.on_interrupt());
            let desk_of_tenant = (tenant.admin.clone(), tenant.agent.clone());
            match manager::open_on(desk, desk_of_tenant, Open::Manager) {
                Ok(()) => {
                    interrupted.abort();
                    desk.wait(tenant.stop())?;
                    return Ok(Verdict::Fine);
                }
                Err(error) => {
                    interrupted.abort();
                    line(format!("No window: {error}. The demo goes on in the terminal."));
                }
            }
        }
        let report = desk.wait(async {
            tokio::select! {
                report = journey::walk(&tenant, desk.json) => Some(report),
                () = asked_to_stop() => None,
            }
        });
        if let (Some(folder), false) = (tenant.kept(), desk.json) {
            line(format!("The workspace is kept: {}", folder.display()));
        }
        desk.wait(tenant.stop())?;
        let Some(report) = report else {
            return Err(Failure::Other("the demo was interrupted; agent and sandbox were stopped".into()));
        };
        if desk.json {
            output::json(&report);
        }
        Ok(Verdict::fine_if(report.fine()))
    }
}
