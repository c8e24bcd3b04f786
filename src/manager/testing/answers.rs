//! What the made-up agent answers about holds, orders, previews and stories.

use super::made_up;
use chrono::Utc;
use riva_api::{AgentError, Decide, GiveOrder, HoldsQuery};
use riva_core::history::{Order, OrderRow};
use riva_core::hold_details::HoldDetails;
use riva_core::holds::{Decided, HoldKind, HoldRow};
use riva_core::ids::{ConnectionName, MemberId};
use std::time::Duration;

/// The answers, and what was asked for.
#[derive(Debug, Default)]
pub struct Answers {
    /// All holds.
    pub holds: Vec<HoldRow>,
    /// Orders that were given.
    pub orders: Vec<OrderRow>,
    /// Connections that were accepted, and whether they are to catch up.
    pub accepted: Vec<(ConnectionName, bool)>,
    /// How many things a preview of a user lists.
    pub deeds: usize,
    /// How long a preview takes.
    pub preview_takes: Duration,
    /// Users whose preview fails.
    pub unseen: Vec<MemberId>,
}

impl Answers {
    /// Holds; one that is decided is carried out after it was shown once.
    pub fn holds(&mut self, query: &HoldsQuery) -> Vec<HoldRow> {
        let wanted = |hold: &&HoldRow| {
            query.member.is_none_or(|member| hold.member == member) && (query.closed || hold.closed.is_none())
        };
        let answer = self.holds.iter().filter(wanted).cloned().collect();
        for hold in self.holds.iter_mut().filter(|hold| hold.decided.is_some()) {
            hold.closed.get_or_insert_with(Utc::now);
        }
        answer
    }

    fn hold(&mut self, number: i64) -> Result<&mut HoldRow, AgentError> {
        let found = self.holds.iter_mut().find(|hold| hold.number == number);
        found.ok_or_else(|| AgentError::Refused(format!("there is no hold {number}")))
    }

    /// What a hold is decided by.
    pub fn details(&mut self, number: i64) -> Result<HoldDetails, AgentError> {
        let hold = self.hold(number)?;
        Ok(match hold.kind {
            HoldKind::DeleteSafety => made_up::deletion_details(hold),
            HoldKind::PossibleDuplicate | HoldKind::Conflict => made_up::duplicate_details(hold),
            _ => HoldDetails::default(),
        })
    }

    /// Writes a decision down.
    pub fn decide(&mut self, what: &Decide) -> Result<HoldRow, AgentError> {
        let hold = self.hold(what.number)?;
        hold.accepts(&what.decision).map_err(|why| AgentError::Refused(why.to_string()))?;
        hold.decided = Some(Decided { decision: what.decision.clone(), by: what.by.clone(), at: Utc::now() });
        Ok(hold.clone())
    }

    /// Takes an order; it is carried out when it is asked for.
    pub fn order(&mut self, what: &GiveOrder) -> OrderRow {
        let number = i64::try_from(self.orders.len()).unwrap_or(i64::MAX) + 1;
        let row = OrderRow {
            number,
            member: what.member,
            order: what.order,
            by: what.by.clone(),
            at: Utc::now(),
            done: None,
            outcome: Vec::new(),
        };
        self.orders.push(row.clone());
        row
    }

    /// An order, carried out by now.
    pub fn order_of(&mut self, number: i64) -> Result<OrderRow, AgentError> {
        let found = self.orders.iter_mut().find(|order| order.number == number);
        let order = found.ok_or_else(|| AgentError::Refused(format!("there is no order {number}")))?;
        order.done = Some(Utc::now());
        order.outcome = match order.order {
            Order::Retry { .. } => vec!["One item that had failed is tried again".into()],
            Order::Undo { .. } => vec![
                format!("Undone by {}: 2 writes were taken back", order.by),
                "Aino Virtanen in the CRM: phones was edited since in the CRM: it stays as it is".into(),
            ],
        };
        Ok(order.clone())
    }
}
