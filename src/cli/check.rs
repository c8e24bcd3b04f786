//! `riva check`

use super::connection::{Silent, outcome};
use super::desk::Desk;
use super::output::{self, line};
use super::standing::documents_since;
use super::verdict::{Failure, Verdict};
use clap::Args;
use riva_api::AgentError;
use riva_core::admin::Finding;
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
        let agent = agent_says(desk, &findings);
        let fine =
            findings.is_empty() && agent.is_empty() && tests.iter().all(riva_core::admin::TestReport::passed);
        if desk.json {
            output::json(&json!({ "findings": findings, "agent": agent, "connections": tests }));
            return Ok(Verdict::fine_if(fine));
        }
        for finding in &findings {
            line(finding.to_string());
        }
        for says in &agent {
            line(format!("The agent, until `riva agent restart`: {says}"));
        }
        for test in &tests {
            line(format!("connections/{}.toml: {}", test.connection, outcome(test)));
        }
        line(closing(
            findings.len() + agent.len(),
            tests.len(),
            tests.iter().filter(|t| !t.passed()).count(),
        ));
        Ok(Verdict::fine_if(fine))
    }
}

/// What the running agent says of documents beyond what was found here: that a file is gone which nobody has removed.
fn agent_says(desk: &Desk, findings: &[Finding]) -> Vec<String> {
    let agent = riva_api::connect(&desk.workspace);
    let asked = desk.wait(async { Ok::<_, AgentError>((agent.status().await?, agent.queue().await?)) });
    let (status, queue) = match asked {
        Ok(asked) => asked,
        Err(AgentError::NotRunning) => return Vec::new(),
        Err(error) => return vec![error.to_string()],
    };
    let known = |text: &String| !findings.iter().any(|finding| text.contains(&finding.to_string()));
    let news = documents_since(&desk.workspace, &status, &queue);
    status.complaints.into_iter().chain(news).filter(known).collect()
}

/// The last line: what was checked, and whether all of it is in order.
fn closing(findings: usize, tested: usize, failed: usize) -> String {
    let documents = match findings {
        0 => "Documents and licences are in order".to_owned(),
        1 => "1 thing is wrong with documents or licences".to_owned(),
        several => format!("{several} things are wrong with documents or licences"),
    };
    match (tested, failed) {
        (0, _) => format!("{documents}; no connection was tested."),
        (_, 0) => format!("{documents}; {tested} of {tested} connection tests passed."),
        _ => format!("{documents}; {failed} of {tested} connection tests failed."),
    }
}

#[cfg(test)]
mod tests {
    use super::closing;

    #[test]
    fn all_is_well_is_only_said_where_it_is() {
        assert_eq!(closing(0, 2, 0), "Documents and licences are in order; 2 of 2 connection tests passed.");
        assert_eq!(closing(0, 2, 1), "Documents and licences are in order; 1 of 2 connection tests failed.");
        assert_eq!(
            closing(1, 0, 0),
            "1 thing is wrong with documents or licences; no connection was tested."
        );
    }
}
