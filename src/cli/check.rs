//! `riva check`

use super::connection::{Silent, outcome};
use super::desk::Desk;
use super::output::{self, line};
use super::verdict::{Failure, Verdict};
use clap::Args;
use serde_json::json;

#[derive(Args)]
pub struct Check {
    /// Check the documents alone; ask no system.
    #[arg(long)]
    offline: bool,
}

impl Check {
    pub fn run(self, desk: &Desk) -> Result<Verdict, Failure> {
        let admin = desk.admin()?;
        let findings = admin.check()?;
        let mut tests = Vec::new();
        if !self.offline {
            for summary in admin.connections()?.iter().filter(|c| c.broken.is_empty()) {
                tests.push(desk.wait(admin.test_connection(&summary.name, None, &Silent))?);
            }
        }
        let fine = findings.is_empty() && tests.iter().all(riva_core::admin::TestReport::passed);
        if desk.json {
            output::json(&json!({ "findings": findings, "connections": tests }));
            return Ok(Verdict::fine_if(fine));
        }
        for finding in &findings {
            line(finding.to_string());
        }
        for test in &tests {
            line(format!("connections/{}.toml: {}", test.connection, outcome(test)));
        }
        if findings.is_empty() {
            line("All documents are in order.");
        }
        Ok(Verdict::fine_if(fine))
    }
}
