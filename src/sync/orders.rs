//! Orders: what an administrator tells the engine to do besides syncing.

use crate::context::{CycleContext, CycleFault};
use crate::hash::FieldHasher;
use crate::module_cycle::SLICE;
use crate::permission;
use crate::plan::ModuleRules;
use crate::recover::NOT_MADE_YET;
use crate::undo;
use riva_core::activity::Level;
use riva_core::history::{Order, OrderRow};
use riva_core::ids::PairId;
use riva_core::item::Module;
use riva_core::rows::{Commit, PairRow, PairState};

/// Carries out the open orders for a member. One that is interrupted is begun again: each step finds what is done.
pub(crate) async fn carry_out(ctx: &CycleContext<'_>, hasher: FieldHasher) -> Result<(), CycleFault> {
    for order in ctx.store.open_orders(ctx.member.id).await? {
        let outcome = match order.order {
            Order::Retry { pair } => {
                let mut tried = 0;
                for module in ctx.policy.modules.enabled() {
                    tried += retry(ctx, module, pair).await?;
                }
                vec![match tried {
                    1 => "One item that had failed is tried again".to_owned(),
                    n => format!("{n} items that had failed are tried again"),
                }]
            }
            Order::Undo { span } => undo::run(ctx, hasher, span, &order).await?,
        };
        for line in &outcome {
            ctx.line(Level::Info, None, line.clone());
        }
        let done = OrderRow { done: Some(ctx.clock.now()), outcome, ..order };
        ctx.commit(&Commit { orders: vec![done], ..Commit::default() }).await?;
    }
    Ok(())
}

/// Makes failed pairs due now, as if they had never failed. (That a request was given up is not forgotten: it may arrive
/// yet.) Answers how many.
async fn retry(ctx: &CycleContext<'_>, module: Module, one: Option<PairId>) -> Result<usize, CycleFault> {
    let mut tried = 0;
    for state in [PairState::Quarantined, PairState::Detached] {
        tried += retry_those_in(ctx, module, state, one).await?;
    }
    Ok(tried)
}

/// Of those that stand alone, the ones that the CRM did not permit to be made.
async fn retry_those_in(
    ctx: &CycleContext<'_>,
    module: Module,
    state: PairState,
    one: Option<PairId>,
) -> Result<usize, CycleFault> {
    let (mut tried, mut after) = (0, None);
    loop {
        let mut pairs = ctx.store.pairs_in(ctx.member.id, module, state, after, SLICE).await?;
        let Some(last) = pairs.last() else { return Ok(tried) };
        after = Some(last.id);
        pairs.retain(|pair| one.is_none_or(|one| pair.id == one));
        pairs.retain(|pair| state == PairState::Quarantined || permission::is_left(pair));
        tried += pairs.len();
        let due = |pair: PairRow| {
            let given_up = pair.reason.as_ref().is_some_and(|why| why.starts_with(NOT_MADE_YET));
            PairRow {
                attempts: if given_up { pair.attempts.min(1) } else { 0 },
                next_try: Some(ctx.clock.now()),
                state: PairState::Quarantined,
                ..pair
            }
        };
        let commit = Commit { pairs: pairs.into_iter().map(due).collect(), ..Commit::default() };
        if !commit.is_empty() {
            ctx.commit(&commit).await?;
        }
    }
}

/// What failed under other rules may work under these.
pub(crate) async fn retry_after_a_change_of_policy(
    ctx: &CycleContext<'_>,
    hasher: FieldHasher,
    module: Module,
    rules: ModuleRules,
) -> Result<(), CycleFault> {
    let fact = format!("rules/{}/{}", ctx.member.id.0, module.as_str());
    // Where it says nothing the text is as it was before there was such a thing: nobody is tried again for that.
    let permission = Some(ctx.policy.no_permission).filter(|says| !says.is_default());
    let permission = permission.map_or_else(String::new, |says| format!("{says:?}"));
    let now = format!("{:016x}", hasher.text("rules", &format!("{rules:?}{permission}")));
    let known = ctx.store.fact(&fact).await?;
    if known.as_ref() == Some(&now) {
        return Ok(());
    }
    if known.is_some() {
        retry(ctx, module, None).await?;
    }
    Ok(ctx.store.set_fact(&fact, &now).await?)
}
