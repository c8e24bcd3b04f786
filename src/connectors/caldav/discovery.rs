//! Finds users, their homes, and the calendar and address book in them (RFC 5397, RFC 4791 section 6.2.1, RFC 6352
//! section 7.1.1, RFC 3744 section 9.4).

use super::dav::{Dav, Depth, Refusal};
use super::path;
use super::xml::{self, Answer, document, element, prop};
use crate::http::{Scope, shown_url};
use chrono::Utc;
use chrono_tz::Tz;
use riva_core::fault::{CallError, Fault, FaultKind};
use riva_core::ids::EmailAddress;
use riva_core::ports::ResolvedName;
use std::collections::BTreeSet;

/// Where the connection says that things are.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// The connection account's login name.
    pub account: String,
    /// Pattern of a user's home (or principal) with `{user}` and `{address}`.
    pub home: Option<String>,
    /// The calendar's name in the home.
    pub calendar: Option<String>,
    /// The name of the calendar with the tasks in the home.
    pub tasks: Option<String>,
    /// The address book's name in the home.
    pub address_book: Option<String>,
    /// The domain of addresses of which only the part before the `@` is known.
    pub domain: Option<String>,
}

/// A user's home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// As shown, if the server tells.
    pub display_name: Option<String>,
    /// The user's addresses, if the server tells; in lower case.
    pub addresses: Vec<String>,
    /// Where the calendars are.
    pub calendars: Vec<String>,
    /// Where the address books are.
    pub address_books: Vec<String>,
    /// The principal, if known; else the home.
    pub path: String,
}

/// A calendar or an address book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    /// Its path, with a slash at the end.
    pub path: String,
    /// As shown.
    pub display_name: String,
    /// Whether the server has `sync-collection` (RFC 6578) for it.
    pub sync: bool,
    /// What the connection account may do there, if the server tells (RFC 3744, section 5.4).
    pub privileges: Option<BTreeSet<String>>,
    /// The zone of its floating times, if the server tells (RFC 4791, section 5.2.2).
    pub floating: Option<Tz>,
}

/// What a home has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collections {
    /// The calendar.
    pub calendar: Option<Collection>,
    /// The calendar that takes tasks: it may be the same.
    pub tasks: Option<Collection>,
    /// The address book.
    pub address_book: Option<Collection>,
}

const PRINCIPAL: &[xml::Name] = &[
    "d:resourcetype",
    "d:displayname",
    "d:principal-URL",
    "c:calendar-home-set",
    "r:addressbook-home-set",
    "c:calendar-user-address-set",
    "s:email-address-set",
];

/// The principal of the connection account: the proof that it signed in.
pub async fn own_principal(dav: &Dav, scope: &Scope) -> Result<String, CallError> {
    let root = dav.root().path().to_owned();
    let asked = ["d:current-user-principal", "d:resourcetype"];
    let mut last = None;
    // An address that is not the DAV root yet may still lead to it (RFC 6764, section 5).
    for place in [root.as_str(), "/.well-known/caldav", "/.well-known/carddav"] {
        match dav.propfind(scope, place, Depth::Zero, &asked).await {
            Ok(found) => {
                let answer = found.answers.first();
                let paths =
                    answer.map(|a| a.paths("d:current-user-principal", dav.root())).unwrap_or_default();
                if let Some(principal) = paths.into_iter().next() {
                    return Ok(principal);
                }
                last.get_or_insert_with(|| {
                    Fault::new(
                        FaultKind::UnexpectedAnswer,
                        format!("the server does not tell who is signed in, at {}", shown_url(dav.root())),
                    )
                    .remedy("Check that the address of this connection is the DAV root of a CalDAV server.")
                    .into()
                });
            }
            Err(refusal @ Refusal::Status { .. }) => {
                let error = match refusal.status() {
                    // Nobody is looked for yet: it is the address that is wrong.
                    Some(404 | 405 | 410) => Fault::new(
                        FaultKind::UnexpectedAnswer,
                        format!("there is no DAV server at this address, {}", shown_url(dav.root())),
                    )
                    .remedy("Check that the address of this connection is the DAV root of a CalDAV server.")
                    .into(),
                    _ => CallError::from(refusal),
                };
                last.get_or_insert(error);
            }
            Err(refusal) => return Err(refusal.into()),
        }
    }
    Err(last.unwrap_or_else(|| Fault::new(FaultKind::UnexpectedAnswer, "no answer").into()))
}

/// The home of a user, by address or name.
pub async fn home_of(dav: &Dav, places: &Places, scope: &Scope, user: &str) -> Result<Home, Fault> {
    if let Some(pattern) = &places.home {
        let home = filled(dav, pattern, user);
        return match home_at(dav, scope, &home).await {
            Ok(home) => Ok(home),
            Err(refusal) if matches!(refusal.status(), Some(404 | 410)) => {
                Err(not_found(user, &format!("no home at {home}")))
            }
            Err(refusal) => Err(refused_home(user, &home, refusal)),
        };
    }
    let (found, searched) = search(dav, scope, user).await?;
    let same = |home: &Home| {
        home.addresses.iter().any(|a| a.eq_ignore_ascii_case(user))
            || home.display_name.as_deref().is_some_and(|n| n.eq_ignore_ascii_case(user))
    };
    let mut exact: Vec<Home> = found.into_iter().filter(same).collect();
    if exact.len() > 1 {
        let paths = exact.iter().map(|h| h.path.as_str()).collect::<Vec<_>>().join(", ");
        return Err(not_found(user, &format!("{} users have this name or address ({paths})", exact.len())));
    }
    if let Some(home) = exact.pop() {
        return Ok(home);
    }
    let own = own_principal(dav, scope).await.map_err(fault_of)?;
    let home = home_at(dav, scope, &own).await.map_err(Refusal::into_fault)?;
    if same(&home) || is_account(places, user) {
        return Ok(home);
    }
    Err(not_found(user, &format!("tried: {searched}, and the connection account's own principal {own}")))
}

fn is_account(places: &Places, user: &str) -> bool {
    let before_at = |text: &str| text.split('@').next().unwrap_or_default().to_lowercase();
    places.account.eq_ignore_ascii_case(user)
        || (places.account.contains('@') != user.contains('@')
            && before_at(&places.account) == before_at(user))
}

fn not_found(user: &str, why: &str) -> Fault {
    Fault::new(FaultKind::UserNotFound, format!("{why}: {user}")).remedy(
        "Check the spelling. If users' homes follow a pattern, set the option `home` of this connection, such as \
         `/{user}/` or `/principals/{address}/`.",
    )
}

fn refused_home(user: &str, home: &str, refusal: Refusal) -> Fault {
    match refusal.status() {
        Some(403) => Fault::new(
            FaultKind::NoAccessToUser,
            format!("the home {home} is closed to the connection account (403): {user}"),
        )
        .remedy(
            "Grant the connection account read and write access to this user's calendar and address book.",
        ),
        _ => refusal.into_fault(),
    }
}

fn fault_of(error: CallError) -> Fault {
    Refusal::Call(error).into_fault()
}

/// The pattern with the user in it, below the DAV root unless it begins with a slash.
fn filled(dav: &Dav, pattern: &str, user: &str) -> String {
    let local = user.split('@').next().unwrap_or_default();
    let encoded = |text: &str| path::encode(text.as_bytes());
    let path = pattern.replace("{user}", &encoded(local)).replace("{address}", &encoded(user));
    let path =
        if path.starts_with('/') { path } else { format!("{}{path}", path::collection(dav.root().path())) };
    path::canonical(dav.root(), &path::collection(&path))
}

/// What a path says of itself: a principal names its homes, a home is its own.
async fn home_at(dav: &Dav, scope: &Scope, at: &str) -> Result<Home, Refusal> {
    let found = dav.propfind(scope, at, Depth::Zero, PRINCIPAL).await?;
    let answer = found.answers.into_iter().next().unwrap_or_default();
    // A server may answer 207 and put the refusal inside.
    if let Some(status) = answer.status.filter(|s| *s >= 400) {
        let fault =
            Fault::new(FaultKind::UserNotFound, format!("there is nothing there ({status}), at {at}"));
        return Err(Refusal::Status { status, conditions: Vec::new(), fault });
    }
    Ok(home_from(dav, &answer, at))
}

fn home_from(dav: &Dav, answer: &Answer, at: &str) -> Home {
    let homes = |name: &str| {
        let found: Vec<String> = answer.paths(name, dav.root()).iter().map(|p| path::collection(p)).collect();
        if found.is_empty() { vec![path::collection(at)] } else { found }
    };
    Home {
        display_name: answer.text("d:displayname").filter(|n| !n.starts_with('/')).map(str::to_owned),
        addresses: addresses(answer),
        calendars: homes("c:calendar-home-set"),
        address_books: homes("r:addressbook-home-set"),
        path: at.to_owned(),
    }
}

fn addresses(answer: &Answer) -> Vec<String> {
    let mail = |text: &str| {
        let text = text.trim();
        let text = text.get(..7).filter(|s| s.eq_ignore_ascii_case("mailto:")).map_or(text, |_| &text[7..]);
        (text.contains('@') && !text.contains('/')).then(|| text.to_lowercase())
    };
    let users = answer.prop("c:calendar-user-address-set").map(|p| p.hrefs.clone()).unwrap_or_default();
    let direct = answer.text("s:email-address-set").map(str::to_owned);
    let mut found: Vec<String> = users.iter().chain(&direct).filter_map(|t| mail(t)).collect();
    found.dedup();
    found
}

/// Principals with this in their name or address; and what was tried, in words.
async fn search(dav: &Dav, scope: &Scope, text: &str) -> Result<(Vec<Home>, String), Fault> {
    let by = |name: &str| {
        format!(
            "<d:property-search><d:prop><{name}/></d:prop>{}</d:property-search>",
            element("d:match", text)
        )
    };
    let places =
        match dav.propfind(scope, dav.root().path(), Depth::Zero, &["d:principal-collection-set"]).await {
            Ok(found) => found
                .answers
                .first()
                .map(|a| a.paths("d:principal-collection-set", dav.root()))
                .unwrap_or_default(),
            Err(Refusal::Status { .. }) => Vec::new(),
            Err(other) => return Err(other.into_fault()),
        };
    let places = if places.is_empty() { vec![dav.root().path().to_owned()] } else { places };
    let mut homes: Vec<Home> = Vec::new();
    let mut tried = Vec::new();
    for place in places {
        // Not every server knows `test="anyof"` (it came after RFC 3744), so each property is asked for on its own.
        for name in ["c:calendar-user-address-set", "d:displayname", "s:email-address-set"] {
            let body = document("d:principal-property-search", &format!("{}{}", by(name), prop(PRINCIPAL)));
            match dav.report(scope, &place, Depth::Zero, body).await {
                Ok(found) => {
                    for answer in found.answers.iter().filter(|a| a.status.is_none_or(|s| s < 400)) {
                        let home = home_from(dav, answer, &answer.path);
                        if !homes.iter().any(|h| h.path == home.path) {
                            homes.push(home);
                        }
                    }
                    tried.push(format!("search of {name} in {place}"));
                }
                Err(refusal @ Refusal::Status { .. }) => {
                    tried.push(format!(
                        "search in {place} (refused with {})",
                        refusal.status().unwrap_or_default()
                    ));
                    break;
                }
                Err(other) => return Err(other.into_fault()),
            }
        }
    }
    Ok((homes, tried.join(", ")))
}

/// *check name*: principals that match, or the home that the pattern leads to.
pub async fn check_name(dav: &Dav, places: &Places, typed: &str) -> Result<Vec<ResolvedName>, Fault> {
    let scope = Scope::connection();
    let typed = typed.trim();
    if typed.is_empty() {
        return Ok(Vec::new());
    }
    let (found, _) = search(dav, &scope, typed).await?;
    let mut names: Vec<ResolvedName> = Vec::new();
    for home in &found {
        if let Ok(name) = resolved(places, home, &path::last(&home.path)) {
            names.push(name);
        }
    }
    if names.is_empty() {
        match home_of(dav, places, &scope, typed).await {
            Ok(home) => names.push(resolved(places, &home, typed)?),
            Err(fault) if fault.kind == FaultKind::UserNotFound && places.home.is_some() => {}
            Err(fault) => return Err(fault),
        }
    }
    names.sort_by(|a, b| a.address.cmp(&b.address));
    names.dedup_by(|a, b| a.address == b.address);
    Ok(names)
}

/// Name and address of a home. DAV servers often tell neither.
fn resolved(places: &Places, home: &Home, typed: &str) -> Result<ResolvedName, Fault> {
    let domain = places.domain.as_deref().or_else(|| places.account.split_once('@').map(|(_, d)| d));
    let address = if EmailAddress::new(typed).looks_valid()
        && (home.addresses.is_empty() || home.addresses.contains(&typed.to_lowercase()))
    {
        EmailAddress::new(typed)
    } else if let Some(first) = home.addresses.first() {
        EmailAddress::new(first)
    } else if let Some(domain) = domain {
        EmailAddress::new(format!("{typed}@{domain}"))
    } else {
        return Err(Fault::new(
            FaultKind::UserNotFound,
            format!("there is such a user, but the server does not tell the address: {typed}"),
        )
        .remedy("Type the whole e-mail address, or set the option `domain` of this connection."));
    };
    let display_name = home.display_name.clone().unwrap_or_else(|| typed.to_owned());
    Ok(ResolvedName { display_name, address })
}

const COLLECTION: &[xml::Name] = &[
    "d:resourcetype",
    "d:displayname",
    "c:supported-calendar-component-set",
    "d:supported-report-set",
    "d:sync-token",
    "d:current-user-privilege-set",
    "c:calendar-timezone",
];

/// The calendar, the list of tasks and the address book of a home: those that the connection names, else the first.
pub async fn collections(
    dav: &Dav,
    places: &Places,
    scope: &Scope,
    home: &Home,
) -> Result<Collections, Fault> {
    let mut all: Vec<String> = home.calendars.iter().chain(&home.address_books).cloned().collect();
    all.sort();
    all.dedup();
    let mut answers: Vec<Answer> = Vec::new();
    // A home that the pattern names may hold the homes of calendars and of address books: one more level.
    for _ in 0..2 {
        let mut below = Vec::new();
        for place in &all {
            let found = dav
                .propfind(scope, place, Depth::One, COLLECTION)
                .await
                .map_err(|refusal| refused_home(&path::last(&home.path), place, refusal))?
                .answers;
            let plain =
                |a: &&Answer| a.prop("d:resourcetype").is_some_and(|t| t.elements == ["d:collection"]);
            below.extend(
                found.iter().filter(plain).map(|a| path::collection(&a.path)).filter(|p| !all.contains(p)),
            );
            answers.extend(found);
        }
        if below.is_empty() || answers.iter().any(|a| a.is_a("c:calendar") || a.is_a("r:addressbook")) {
            break;
        }
        below.truncate(8);
        all = below;
    }
    // The first by name: the order of a listing is no property of the server's.
    answers.sort_by(|a, b| a.path.cmp(&b.path));
    answers.dedup_by(|a, b| a.path == b.path);
    // A calendar that does not say what it takes, takes everything (RFC 4791, section 5.2.3).
    let holds = |a: &Answer, kind: &str| {
        let kinds = a.prop("c:supported-calendar-component-set").map(|p| &p.comps);
        kinds.is_none_or(|k| k.is_empty() || k.iter().any(|c| c.eq_ignore_ascii_case(kind)))
    };
    let all = || answers.iter().filter(|a| a.is_a("c:calendar"));
    let calendars: Vec<&Answer> = all().filter(|a| holds(a, "VEVENT")).collect();
    // A list of its own for tasks, as programs make them, comes before a calendar that takes them too.
    let mut lists: Vec<&Answer> = all().filter(|a| holds(a, "VTODO")).collect();
    lists.sort_by_key(|a| holds(a, "VEVENT"));
    let books: Vec<&Answer> = answers.iter().filter(|a| a.is_a("r:addressbook")).collect();
    Ok(Collections {
        calendar: choose(&calendars, places.calendar.as_deref()),
        tasks: choose(&lists, places.tasks.as_deref()),
        address_book: choose(&books, places.address_book.as_deref()),
    })
}

/// The option names the last segment of the path, or the shown name.
fn choose(found: &[&Answer], wanted: Option<&str>) -> Option<Collection> {
    let chosen = match wanted.map(|w| w.trim_matches('/')) {
        Some(wanted) => found
            .iter()
            .find(|a| path::last(&a.path) == wanted || path::last(&a.path) == path::last(wanted))
            .or_else(|| found.iter().find(|a| a.text("d:displayname") == Some(wanted))),
        None => found.first(),
    }?;
    let reports = chosen.prop("d:supported-report-set");
    // A sync-token alone says it too (RFC 6578, section 4).
    let sync = reports.is_some_and(|r| r.has("d:sync-collection")) || chosen.text("d:sync-token").is_some();
    Some(Collection {
        path: path::collection(&chosen.path),
        display_name: chosen.text("d:displayname").map_or_else(|| path::last(&chosen.path), str::to_owned),
        sync,
        privileges: chosen.prop("d:current-user-privilege-set").map(|p| p.elements.iter().cloned().collect()),
        floating: chosen
            .text("c:calendar-timezone")
            .and_then(|text| crate::icalendar::of_calendar(text, Utc::now().naive_utc())),
    })
}

/// The home is there, but what Riva syncs is not.
pub fn never_opened(user: &str, what: &str, wanted: Option<&str>, home: &Home) -> Fault {
    let named = wanted.map(|w| format!(" named {w}")).unwrap_or_default();
    Fault::new(FaultKind::MailboxNeverOpened, format!("there is no {what}{named} in {}: {user}", home.path)).remedy(format!(
        "Let the user open the {what} once in a program or on the server's web page, or create one there; then test again."
    ))
}
