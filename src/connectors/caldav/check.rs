//! The connection test.

use super::Shared;
use super::discovery::{self, Collection, never_opened};
use crate::http::{Scope, probe_endpoint, run_step};
use riva_core::fault::{CallError, Fault, FaultKind};
use riva_core::ports::{ResolvedName, StepSink, TestStep};

/// Tests the connection, and that a user could be synced.
pub async fn run(shared: &Shared, target: Option<&str>, steps: &dyn StepSink) -> Result<(), Fault> {
    let (dav, places) = (&shared.dav, &shared.places);
    probe_endpoint(dav.root(), shared.ca_file.as_deref(), steps).await?;
    let scope = Scope::connection();
    run_step(TestStep::SignIn, steps, async {
        let principal = discovery::own_principal(dav, &scope).await.map_err(fault)?;
        Ok(((), format!("as {}, principal {principal}", places.account)))
    })
    .await?;
    let Some(target) = target else { return Ok(()) };
    let user = run_step(TestStep::FindUser, steps, async {
        let user = find(shared, target).await?;
        let seen = format!("{} <{}>", user.display_name, user.address);
        Ok((user, seen))
    })
    .await?;
    let address = user.address.as_str();
    let scope = Scope::of(address);
    let (home, found) = run_step(TestStep::Impersonate, steps, async {
        let home = discovery::home_of(dav, places, &scope, address).await?;
        let found = discovery::collections(dav, places, &scope, &home).await?;
        let seen = format!("home {}", home.calendars.first().unwrap_or(&home.path));
        Ok(((home, found), seen))
    })
    .await?;
    let open = |found: Option<Collection>, what: &'static str, wanted: Option<&str>| {
        let collection = found.ok_or_else(|| never_opened(address, what, wanted, &home))?;
        let how = if collection.sync { "with sync-tokens" } else { "without sync-tokens" };
        let seen = format!("{} ({}), {how}", collection.display_name, collection.path);
        Ok((collection, seen))
    };
    let calendar = run_step(TestStep::OpenCalendar, steps, async {
        open(found.calendar, "calendar", places.calendar.as_deref())
    })
    .await?;
    let book = run_step(TestStep::OpenContacts, steps, async {
        open(found.address_book, "address book", places.address_book.as_deref())
    })
    .await?;
    let tasks = run_step(TestStep::OpenTasks, steps, async {
        match (found.tasks, &places.tasks) {
            // Not every server keeps tasks, and not every policy wants them.
            (None, None) => Ok((None, "no calendar here takes tasks: they cannot be synced".to_owned())),
            (list, wanted) => {
                open(list, "list of tasks", wanted.as_deref()).map(|(list, seen)| (Some(list), seen))
            }
        }
    })
    .await?;
    run_step(TestStep::MayWrite, steps, async {
        let (calendar, book) = (may_write(&calendar, address)?, may_write(&book, address)?);
        let tasks = tasks.map(|list| may_write(&list, address)).transpose()?;
        let tasks = tasks.map(|may| format!("; tasks: {may}")).unwrap_or_default();
        Ok(((), format!("calendar: {calendar}; address book: {book}{tasks}")))
    })
    .await
}

fn fault(error: CallError) -> Fault {
    match error {
        CallError::Fault(fault) => fault,
        other => Fault::new(FaultKind::UnexpectedAnswer, other.to_string()),
    }
}

/// The one user that is meant.
async fn find(shared: &Shared, typed: &str) -> Result<ResolvedName, Fault> {
    let mut found = discovery::check_name(&shared.dav, &shared.places, typed).await.or_else(|fault| {
        // The home is there, but closed: who it is does not matter for saying so, in the next step.
        let closed = fault.kind == FaultKind::NoAccessToUser && typed.contains('@');
        if closed {
            Ok(vec![ResolvedName { display_name: typed.to_owned(), address: typed.into() }])
        } else {
            Err(fault)
        }
    })?;
    let exact = found.iter().position(|n| n.address.as_str().eq_ignore_ascii_case(typed.trim()));
    if let Some(at) = exact {
        return Ok(found.swap_remove(at));
    }
    match (found.pop(), found.len()) {
        (Some(only), 0) => Ok(only),
        (Some(one), more) => Err(Fault::new(
            FaultKind::UserNotFound,
            format!("{} users match (one is {}): {typed}", more + 1, one.address),
        )
        .remedy("Type the user's whole e-mail address.")),
        (None, _) => {
            // Empty, and yet asked for: the fault says what was tried.
            let scope = Scope::connection();
            let home = discovery::home_of(&shared.dav, &shared.places, &scope, typed).await?;
            Ok(ResolvedName { display_name: home.path, address: typed.into() })
        }
    }
}

/// What the server says of our rights (RFC 3744, section 5.4).
fn may_write(collection: &Collection, user: &str) -> Result<&'static str, Fault> {
    let Some(privileges) = &collection.privileges else { return Ok("not told by the server") };
    let has = |name: &str| privileges.contains(name);
    if has("d:all") || has("d:write") || (has("d:write-content") && has("d:bind")) {
        return Ok("yes");
    }
    Err(Fault::new(
        FaultKind::MissingPermission,
        format!("the connection account may read but not write {}: {user}", collection.path),
    )
    .remedy("Grant the connection account write access to this user's calendar and address book, then test again."))
}
