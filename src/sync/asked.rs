//! What one cycle asks for and one does, perhaps a later one, or another agent's.
//!
//! There are two facts: what was asked for last, and up to what it was done. So what is asked for while it is being done is done
//! once more; and a cycle whose lease was taken over does nothing of what its successor asks for: it began too early.

use crate::context::{CycleContext, CycleFault};
use riva_core::ports::StoreError;

/// Something that can be asked for, by the name of its facts.
#[derive(Debug, Clone)]
pub(crate) struct Asked(String);

/// What is to be done.
#[derive(Debug)]
pub(crate) struct ToDo {
    fact: String,
    mark: String,
}

impl Asked {
    /// Of one module and member.
    pub fn of(ctx: &CycleContext<'_>, what: &str, of: &str) -> Self {
        Self(format!("{what}/{}/{of}", ctx.member.id.0))
    }

    /// It is asked for: `FENCE/ID`, another one each time.
    pub async fn ask(&self, ctx: &CycleContext<'_>) -> Result<(), CycleFault> {
        let mark = format!("{}/{}", ctx.fence, ctx.ids.next());
        Ok(ctx.store.set_fact(&format!("{}/asked", self.0), &mark).await?)
    }

    /// Whether it is still to be done, by this cycle.
    pub async fn to_do(&self, ctx: &CycleContext<'_>) -> Result<Option<ToDo>, CycleFault> {
        let Some(mark) = ctx.store.fact(&format!("{}/asked", self.0)).await? else { return Ok(None) };
        let fact = format!("{}/done", self.0);
        let of_successor = fence_of(&mark).is_some_and(|fence| ctx.fence < fence);
        let done = of_successor || ctx.store.fact(&fact).await?.as_ref() == Some(&mark);
        Ok((!done).then_some(ToDo { fact, mark }))
    }
}

impl ToDo {
    /// It was done, after it was asked for.
    pub async fn done(self, ctx: &CycleContext<'_>) -> Result<(), StoreError> {
        ctx.store.set_fact(&self.fact, &self.mark).await
    }
}

/// The fence of who asked.
fn fence_of(mark: &str) -> Option<i64> {
    mark.split_once('/').and_then(|(fence, _)| fence.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::Bench;
    use crate::simulator::world::run_until_killed;

    /// In memory nothing waits, and nothing fails.
    fn at_once<T, E: std::fmt::Debug>(work: impl Future<Output = Result<T, E>>) -> T {
        run_until_killed(work).expect("nothing waits").expect("it is in memory")
    }

    #[test]
    fn what_is_asked_for_while_it_is_being_done_is_done_once_more() {
        let bench = Bench::new(|_, _| {});
        let ctx = bench.context();
        let asked = Asked::of(&ctx, "tidy", "up");
        assert!(at_once(asked.to_do(&ctx)).is_none(), "nobody has asked");
        at_once(asked.ask(&ctx));
        let first = at_once(asked.to_do(&ctx)).expect("it is to be done");
        at_once(asked.ask(&ctx));
        at_once(first.done(&ctx));
        let second = at_once(asked.to_do(&ctx)).expect("it is to be done once more");
        at_once(second.done(&ctx));
        assert!(at_once(asked.to_do(&ctx)).is_none(), "it is done");
        let other = Asked::of(&ctx, "tidy", "down");
        at_once(other.ask(&ctx));
        assert!(at_once(asked.to_do(&ctx)).is_none() && at_once(other.to_do(&ctx)).is_some());
    }

    #[test]
    fn a_cycle_does_nothing_of_what_its_successor_asks_for() {
        let bench = Bench::new(|_, _| {});
        let (former, successor) = (bench.context(), CycleContext { fence: 2, ..bench.context() });
        let asked = Asked::of(&former, "tidy", "up");
        at_once(asked.ask(&successor));
        assert!(at_once(asked.to_do(&former)).is_none());
        assert!(at_once(asked.to_do(&successor)).is_some());
        at_once(asked.ask(&former));
        assert!(at_once(asked.to_do(&former)).is_some());
        assert!(at_once(asked.to_do(&successor)).is_some(), "whoever comes after goes on");
    }
}
