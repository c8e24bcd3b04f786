//! A member's cycle: recover → observe → match → plan → effects, one module after the other.

use crate::accepted;
use crate::context::{CycleContext, CycleFault, CycleOutcome};
use crate::hash::FieldHasher;
use crate::module_cycle::ModuleCycle;
use crate::orders;
use crate::plan::{BothCaps, ModuleRules};
use crate::recover::recover;
use crate::restored;
use crate::series;
use riva_core::activity::Level;
use riva_core::item::Module;
use riva_core::queue::ModuleCounts;
use riva_core::rows::{PairState, Side};

/// Runs one cycle of a member. What was done until a fault is recorded, and the counts say so.
pub async fn run_cycle(ctx: &CycleContext<'_>) -> CycleOutcome {
    let mut outcome = CycleOutcome::default();
    if let Err(fault) = cycle(ctx, &mut outcome).await {
        outcome.fault = Some(fault);
    }
    outcome
}

async fn cycle(ctx: &CycleContext<'_>, outcome: &mut CycleOutcome) -> Result<(), CycleFault> {
    restored::refuse(ctx).await?;
    accepted::begin_anew(ctx).await?;
    let hasher = FieldHasher::new(ctx.store.hash_key().await?);
    let ctx = &series::unrolled(ctx, hasher);
    let recovered = recover(ctx, hasher, |module, side| {
        ctx.side(side).capabilities().module(module).map(|caps| caps.batch)
    })
    .await?;
    outcome.again_at = recovered.again_at;
    orders::carry_out(ctx, hasher).await?;
    for module in ctx.policy.modules.enabled() {
        let mut counts = ModuleCounts::default();
        let result = run_module(ctx, module, hasher, &mut counts, outcome).await;
        let settled = count(ctx, module, &mut counts).await;
        outcome.modules.insert(module, counts);
        result?;
        settled?;
    }
    Ok(())
}

async fn run_module(
    ctx: &CycleContext<'_>,
    module: Module,
    hasher: FieldHasher,
    counts: &mut ModuleCounts,
    outcome: &mut CycleOutcome,
) -> Result<(), CycleFault> {
    let Some(rules) = ModuleRules::of(ctx.policy, module) else { return Ok(()) };
    let (mail, crm) = (ctx.mail.capabilities().module(module), ctx.crm.capabilities().module(module));
    let (Some(mail), Some(crm)) = (mail, crm) else {
        let side = if mail.is_none() { Side::Mail } else { Side::Crm };
        let text = match (module.is_log(), side) {
            (true, Side::Crm) => "The CRM cannot keep a log of e-mail; nothing is logged.".to_owned(),
            (true, Side::Mail) => "E-mail of this mailbox cannot be logged.".to_owned(),
            (false, side) => format!("The {} has none of them; there is nothing to sync.", side.title()),
        };
        ctx.line(Level::Warning, Some(module), text);
        counts.initial_done = true;
        return Ok(());
    };
    let caps = BothCaps { mail, crm };
    orders::retry_after_a_change_of_policy(ctx, hasher, module, rules).await?;
    ModuleCycle::new(ctx, module, hasher, caps, rules).run(counts, outcome).await
}

/// How the module's pairs stand at the end of the cycle.
async fn count(ctx: &CycleContext<'_>, module: Module, counts: &mut ModuleCounts) -> Result<(), CycleFault> {
    let pairs = ctx.store.count_pairs(ctx.member.id, module).await?;
    let of = |state| pairs.get(&state).copied().unwrap_or(0);
    counts.linked = of(PairState::Linked);
    counts.held = of(PairState::Held);
    counts.quarantined = of(PairState::Quarantined);
    Ok(())
}
