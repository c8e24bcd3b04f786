//! Whether a connection still leads to the database that was synced before. An empty twin under the same address (a
//! restored copy, a moved server, an address mistyped) would look like the deletion of everything.

use crate::service::{Service, locked};
use crate::systems::Revision;
use chrono::{DateTime, Utc};
use riva_core::fault::{CallError, Fault, FaultKind, ToAccept};
use riva_core::ids::ConnectionName;
use riva_core::ports::{Endpoint, QueueStore as _, StoreError, SyncStore as _};
use riva_core::rows::Side;
use riva_sync::{CycleFault, accept};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// When each connection was last found to lead where it should, and which document and secrets that was with.
pub(crate) type Identified = Mutex<BTreeMap<ConnectionName, (Revision, DateTime<Utc>)>>;

/// What is remembered of a connection; empty where the next one is to be accepted.
fn fact_of(connection: &ConnectionName) -> String {
    format!("fingerprint/{connection}")
}

impl Service {
    /// Fails if the connection does not lead to the database that was synced before. The first one is remembered. What
    /// was found since `enough` counts.
    pub async fn same_database<E: Endpoint + ?Sized>(
        &self,
        side: Side,
        connection: &ConnectionName,
        revision: Revision,
        endpoint: &E,
        enough: DateTime<Utc>,
    ) -> Result<(), CycleFault> {
        let known = locked(&self.identified).get(connection).copied();
        if known.is_some_and(|(of, at)| of == revision && at >= enough) {
            return Ok(());
        }
        let begun = self.clock.now();
        let now = match endpoint.fingerprint().await {
            Ok(now) => now,
            // An account that may not ask cannot be told apart; it could not before either.
            Err(CallError::Fault(fault)) if fault.kind == FaultKind::MissingPermission => {
                tracing::debug!("{connection}: which database it is cannot be asked: {fault}");
                return Ok(());
            }
            Err(CallError::Fault(fault)) => return Err(CycleFault::Side { side, fault }),
            Err(error) => {
                let fault = Fault::new(FaultKind::SystemNotAvailable, error.to_string());
                return Err(CycleFault::Side { side, fault });
            }
        };
        let name = fact_of(connection);
        match self.store.fact(&name).await?.filter(|before| !before.is_empty()) {
            Some(before) if before != now => {
                let detail = format!(
                    "the remote database is not the one synced before: {connection} leads to {now:?}, it was \
                     {before:?}. Nothing is synced."
                );
                let remedy = format!(
                    "Check the address of the connection. If this is meant (the system was moved or restored, or has \
                     another account), accept it: Service Monitor > Accept…, or `riva connection accept {connection}`."
                );
                let fault = Fault::new(FaultKind::UnexpectedAnswer, detail).remedy(remedy);
                return Err(CycleFault::Side {
                    side,
                    fault: fault.to_be_accepted(ToAccept::AnotherDatabase),
                });
            }
            Some(_) => {}
            None => self.store.set_fact(&name, &now).await?,
        }
        locked(&self.identified).insert(connection.clone(), (revision, begun));
        Ok(())
    }

    /// Takes whatever database the connection leads to next for the right one, and wakes its members. `catch_up`: what a backup
    /// has put back there is brought up to date with what was in step before. Answers how many; `None` if there is no such connection.
    pub async fn accept_database(
        &self,
        connection: &ConnectionName,
        catch_up: bool,
    ) -> Result<Option<usize>, StoreError> {
        if !self.documents().connections.contains_key(connection) {
            return Ok(None);
        }
        self.store.set_fact(&fact_of(connection), "").await?;
        // Each member's next cycle takes nothing that looks deleted there for deleted.
        accept(self.store.as_ref(), connection, self.clock.now(), catch_up).await?;
        locked(&self.identified).remove(connection);
        tracing::warn!("{connection}: whatever database it leads to now was accepted by an administrator");
        let members = self.store.members().await?;
        let on_it = members.iter().filter(|m| m.enabled && (m.mail == *connection || m.crm == *connection));
        let ids: Vec<_> = on_it.map(|m| m.id).collect();
        self.store.wake(&ids, self.clock.now()).await?;
        self.wake.notify_one();
        Ok(Some(ids.len()))
    }
}
