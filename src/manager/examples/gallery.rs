//! The Manager on a made-up company, to look at: `cargo run -p riva-manager --features testing --example gallery`.
//! Options: `--monitor` the Service Monitor alone, `--rows N` users in the queue (as after weeks of work),
//! `--welcome`, `--broken` a document with a typo, `--holds N` so many things that wait for a decision, `--another` the
//! CRM leads to another database, `--restored` a backup of it was put back (both with `--rows`).

use riva_core::fault::ToAccept;
use riva_core::ids::MemberId;
use riva_manager::testing::fakes::Company;
use riva_manager::testing::made_up;
use riva_manager::{Office, Open, Opened, WorkspaceChoice, Workspaces, run};
use std::sync::Arc;
use std::time::Duration;

struct Demo(Opened);

#[async_trait::async_trait]
impl Workspaces for Demo {
    async fn open(&self, choice: WorkspaceChoice) -> Result<Opened, String> {
        tokio::time::sleep(Duration::from_millis(600)).await;
        match choice {
            WorkspaceChoice::Demo => Ok(self.0.clone()),
            WorkspaceChoice::Create(folder) | WorkspaceChoice::Open(folder) => {
                Err(format!("The gallery opens nothing but the demo, not {}", folder.display()))
            }
        }
    }
}

fn holds_of(number: usize) -> Vec<riva_core::holds::HoldRow> {
    let now = chrono::Utc::now();
    let hold = |n: i64| match n % 4 {
        1 => made_up::emptied(n, MemberId(n % 18 + 1), 12, now),
        2 => made_up::duplicate(n, MemberId(n % 18 + 1), now),
        3 => made_up::conflict(n, MemberId(n % 18 + 1), now),
        _ => made_up::in_doubt(n, MemberId(n % 18 + 1), now),
    };
    (1..).take(number).map(hold).collect()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let has = |name: &str| arguments.iter().any(|a| a == name);
    let value = |name: &str| {
        let at = arguments.iter().position(|a| a == name)?;
        arguments.get(at + 1)?.parse::<usize>().ok()
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let company = Company::new(25, 18, Duration::from_millis(350));
    if let Some(rows) = value("--rows") {
        company.agent.set_weeks_of_work(rows);
    }
    for (option, why) in [("--another", ToAccept::AnotherDatabase), ("--restored", ToAccept::OlderState)] {
        if has(option) {
            company.agent.leads_elsewhere(why);
        }
    }
    if let Some(holds) = value("--holds") {
        company.agent.answers().holds = holds_of(holds);
    }
    if has("--broken") {
        let broken = "system = \"odoo\"\nadress = \"https://odoo.northwind.example\"\naccount = \"riva\"\n";
        std::fs::write(company.admin.workspace().join("connections/odoo.toml"), broken)?;
    }
    let mut office = company.office(runtime.handle());
    if has("--welcome") {
        let opened = Opened { admin: company.admin.clone(), agent: company.agent.clone() };
        office = Office { admin: None, workspaces: Some(Arc::new(Demo(opened))), ..office };
    }
    run(office, if has("--monitor") { Open::Monitor } else { Open::Manager })?;
    Ok(())
}
