//! The stages of tasks: `project.task.type`. Read whenever they are needed: people move them.

use super::rows::{condition, read, search};
use super::session::{Failed, Session};
use super::task::Shape;
use super::xmlrpc::Value as Rpc;
use std::collections::{BTreeMap, BTreeSet};

/// A stage.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stage {
    /// Its id.
    pub id: i64,
    /// What it stands for (OpenERP 7): `draft`, `open`, `pending`, `done`, `cancelled`.
    pub state: String,
    /// Whether it is folded away, as the last ones are.
    pub folded: bool,
    /// The projects that have it.
    projects: BTreeSet<i64>,
    /// Whether new projects get it.
    common: bool,
}

/// All stages, in their order.
pub async fn all(session: &Session, shape: &Shape) -> Result<Vec<Stage>, Failed> {
    let model = "project.task.type";
    let own: &[&str] = if shape.seven { &["state", "case_default"] } else { &[] };
    let mut columns = vec!["fold", "project_ids", "sequence"];
    columns.extend(own);
    let ids = search(session, model, vec![], None).await?;
    let rows = read(session, model, &ids, &columns).await?;
    let mut stages: Vec<(i64, Stage)> = rows
        .iter()
        .map(|(id, row)| {
            let is = |column: &str| row.get(column).is_some_and(Rpc::is_true);
            let projects = row.get("project_ids").map(Rpc::items).unwrap_or_default();
            let stage = Stage {
                id: *id,
                state: row.get("state").map(Rpc::str).unwrap_or_default().to_owned(),
                folded: is("fold"),
                projects: projects.iter().filter_map(Rpc::int).collect(),
                common: is("case_default"),
            };
            (row.get("sequence").and_then(Rpc::int).unwrap_or_default(), stage)
        })
        .collect();
    stages.sort_by_key(|(sequence, stage)| (*sequence, stage.id));
    Ok(stages.into_iter().map(|(_, stage)| stage).collect())
}

/// The first stage with a state: of the project, if it has one; else one that projects usually have; else any.
pub fn with_state(stages: &[Stage], state: &str, project: Option<i64>) -> Option<i64> {
    let fits = |stage: &&Stage| stage.state == state;
    let of_project = stages.iter().filter(fits).find(|s| project.is_some_and(|p| s.projects.contains(&p)));
    let common = || stages.iter().filter(fits).find(|s| s.common);
    of_project.or_else(common).or_else(|| stages.iter().find(fits)).map(|stage| stage.id)
}

/// The stages, and in which of them some tasks are (OpenERP 7).
#[derive(Debug, Default)]
pub struct Board {
    stages: Vec<Stage>,
    /// Stage and project of tasks.
    tasks: BTreeMap<i64, (Option<i64>, Option<i64>)>,
}

impl Board {
    /// Reads it for these tasks. Where no stage is ever written it is empty.
    pub async fn read(session: &Session, shape: &Shape, tasks: &[i64]) -> Result<Self, Failed> {
        if !shape.seven {
            return Ok(Self::default());
        }
        let there = vec![condition("id", "in", Rpc::list(tasks.iter().copied()))];
        let seen = search(session, "project.task", there, None).await?;
        let rows = read(session, "project.task", &seen, &["stage_id", "project_id"]).await?;
        let id = |row: &Rpc, column: &str| row.get(column).and_then(Rpc::many2one);
        let tasks = rows.iter().map(|(task, row)| (*task, (id(row, "stage_id"), id(row, "project_id"))));
        Ok(Self { tasks: tasks.collect(), stages: all(session, shape).await? })
    }

    /// The stage with a state for a task, or for a new one: that in which it is, if it has this state.
    pub fn stage(&self, task: Option<i64>, state: &str) -> Option<i64> {
        let (own, project) = task.and_then(|task| self.tasks.get(&task).copied()).unwrap_or_default();
        let fits = |stage: &&Stage| stage.state == state && Some(stage.id) == own;
        let stays = self.stages.iter().find(fits).map(|stage| stage.id);
        stays.or_else(|| with_state(&self.stages, state, project))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(id: i64, state: &str, projects: &[i64], common: bool) -> Stage {
        let projects = projects.iter().copied().collect();
        Stage { id, state: state.into(), projects, common, ..Stage::default() }
    }

    #[test]
    fn a_stage_of_the_project_comes_first_and_any_is_better_than_none() {
        let stages =
            [stage(1, "done", &[], false), stage(2, "done", &[], true), stage(3, "done", &[7], false)];
        assert_eq!(with_state(&stages, "done", Some(7)), Some(3));
        assert_eq!(with_state(&stages, "done", Some(8)), Some(2));
        assert_eq!(with_state(&stages, "done", None), Some(2));
        assert_eq!(with_state(&stages[..1], "done", Some(7)), Some(1));
        assert_eq!(with_state(&stages, "cancelled", None), None);
    }
}
