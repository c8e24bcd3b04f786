//! A CalDAV server in this process: calendars of whoever is asked for, as far as RFC 4791 and RFC 6578 must have them. It
//! keeps the text of a resource as it was put. Radicale and Xandikos judge it: what is played here is played there, too.

use crate::things::Kind;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::task::JoinHandle;

/// The calendars; it ends with its last owner.
pub struct Shelf {
    pub url: String,
    kept: Arc<Mutex<Kept>>,
    serving: JoinHandle<()>,
}

/// Resources by path, and what the server says of calendars.
#[derive(Default)]
struct Kept {
    resources: BTreeMap<String, Resource>,
    /// The `calendar-timezone` of a collection (RFC 4791, section 5.2.2).
    zones: BTreeMap<String, String>,
    changes: u64,
}

struct Resource {
    changed: u64,
    /// None of one that was deleted.
    text: Option<String>,
}

impl Kept {
    fn set(&mut self, path: &str, text: Option<String>) -> u64 {
        self.changes += 1;
        self.resources.insert(path.to_owned(), Resource { changed: self.changes, text });
        self.changes
    }

    fn get(&self, path: &str) -> Option<(u64, &str)> {
        let resource = self.resources.get(path)?;
        Some((resource.changed, resource.text.as_deref()?))
    }

    fn below<'k>(&'k self, folder: &'k str) -> impl Iterator<Item = (&'k str, &'k Resource)> {
        let inside = move |(path, _): &(&String, _)| path.starts_with(folder);
        self.resources.iter().filter(inside).map(|(path, resource)| (path.as_str(), resource))
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Shelf {
    pub async fn start() -> Self {
        let kept = Arc::new(Mutex::new(Kept::default()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(Arc::clone(&kept));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, kept, serving }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap()
    }

    /// Somebody else's program puts a resource into a user's calendar, or takes it out.
    pub fn put(&self, user: &str, kind: Kind, name: &str, text: Option<String>) {
        self.kept().set(&format!("{}{name}", folder(user, kind)), text);
    }

    /// A resource reads as another text did, in the version in which it is: what that meant has changed, and not the resource.
    pub fn means(&self, user: &str, name: &str, before: &str, now: &str) {
        let mut kept = self.kept();
        let resource = kept.resources.get_mut(&format!("{}{name}", folder(user, Kind::Event))).unwrap();
        resource.text = resource.text.take().map(|text| text.replace(before, now));
    }

    /// A user's calendar is one of this zone: the text of a VTIMEZONE in a calendar.
    pub fn set_zone(&self, user: &str, zone: &str) {
        self.kept().zones.insert(folder(user, Kind::Event), zone.to_owned());
    }

    /// What stands in a user's calendar, by name.
    pub fn texts(&self, user: &str, kind: Kind) -> BTreeMap<String, String> {
        let (kept, folder) = (self.kept(), folder(user, kind));
        let text = |(path, resource): (&str, &Resource)| {
            Some((path[folder.len()..].to_owned(), resource.text.clone()?))
        };
        kept.below(&folder).filter_map(text).collect()
    }
}

fn folder(user: &str, kind: Kind) -> String {
    format!("/{user}/{}/", if kind == Kind::Task { "tasks" } else { "calendar" })
}

async fn answer(
    State(kept): State<Arc<Mutex<Kept>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut kept = kept.lock().unwrap();
    let (path, body) = (uri.path(), String::from_utf8_lossy(&body).into_owned());
    let deep = headers.get("depth").is_some_and(|depth| depth == "1");
    let bare = |status: StatusCode| status.into_response();
    match method.as_str() {
        "OPTIONS" => ([("dav", "1, calendar-access")], "").into_response(),
        "PROPFIND" => propfind(&kept, path, deep, &body),
        "REPORT" => report(&kept, path, &body),
        "GET" => match kept.get(path) {
            Some((etag, text)) => ([(header::ETAG, quoted(etag))], text.to_owned()).into_response(),
            None => bare(StatusCode::NOT_FOUND),
        },
        "PUT" | "DELETE" => {
            let etag = kept.get(path).map(|(etag, _)| quoted(etag));
            let says = |name| headers.get(name).and_then(|value| value.to_str().ok());
            let moved = says("if-match").is_some_and(|wanted| etag.as_deref() != Some(wanted));
            if moved || (says("if-none-match") == Some("*") && etag.is_some()) {
                return bare(StatusCode::PRECONDITION_FAILED);
            }
            if method == "DELETE" {
                kept.set(path, None);
                return bare(if etag.is_some() { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND });
            }
            let folder = &path[..=path.rfind('/').unwrap()];
            let twin = |(other, resource): (&str, &Resource)| {
                other != path && resource.text.as_deref().is_some_and(|text| uid(text) == uid(&body))
            };
            if kept.below(folder).any(twin) {
                let error =
                    r#"<error xmlns="DAV:"><no-uid-conflict xmlns="urn:ietf:params:xml:ns:caldav"/></error>"#;
                return (StatusCode::FORBIDDEN, error).into_response();
            }
            let now = kept.set(path, Some(body));
            let status = if etag.is_some() { StatusCode::NO_CONTENT } else { StatusCode::CREATED };
            (status, [(header::ETAG, quoted(now))]).into_response()
        }
        _ => bare(StatusCode::METHOD_NOT_ALLOWED),
    }
}

fn quoted(etag: u64) -> String {
    format!("\"{etag}\"")
}

fn uid(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.strip_prefix("UID:"))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

const RESOURCE: &str = "<d:resourcetype/><d:getcontenttype>text/calendar</d:getcontenttype>";

/// A `response`: properties, or the status of one that is not there.
fn response(href: &str, properties: Option<&str>) -> String {
    let inside = match properties {
        Some(properties) => format!(
            "<d:propstat><d:prop>{properties}</d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat>"
        ),
        None => "<d:status>HTTP/1.1 404 Not Found</d:status>".to_owned(),
    };
    format!("<d:response><d:href>{href}</d:href>{inside}</d:response>")
}

fn multistatus(inside: &str) -> Response {
    let text = format!(
        r#"<?xml version="1.0" encoding="utf-8"?><d:multistatus xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav">{inside}</d:multistatus>"#
    );
    (StatusCode::MULTI_STATUS, [(header::CONTENT_TYPE, "application/xml; charset=utf-8")], text)
        .into_response()
}

/// The root, homes, and in each a calendar and a list of tasks.
fn propfind(kept: &Kept, path: &str, deep: bool, asked: &str) -> Response {
    let collection = |at: &str| {
        let kind = if at.ends_with("/tasks/") { "VTODO" } else { "VEVENT" };
        let mut properties = format!(
            "<d:resourcetype><d:collection/><c:calendar/></d:resourcetype><c:supported-calendar-component-set>\
             <c:comp name=\"{kind}\"/></c:supported-calendar-component-set><d:supported-report-set><d:supported-report>\
             <d:report><d:sync-collection/></d:report></d:supported-report></d:supported-report-set>"
        );
        let zone = kept.zones.get(at).filter(|_| asked.contains("calendar-timezone"));
        if let Some(zone) = zone {
            write!(properties, "<c:calendar-timezone>{}</c:calendar-timezone>", escaped(zone)).unwrap();
        }
        response(at, Some(&properties))
    };
    let folder = |more: &str| format!("<d:resourcetype><d:collection/></d:resourcetype>{more}");
    let mut all = String::new();
    match path.trim_matches('/').split('/').collect::<Vec<_>>().as_slice() {
        [""] => {
            let principal = "<d:current-user-principal><d:href>/riva/</d:href></d:current-user-principal>";
            all += &response(path, Some(&folder(principal)));
        }
        [user] => {
            all += &response(path, Some(&folder("")));
            if deep {
                all += &["calendar", "tasks"].map(|name| collection(&format!("/{user}/{name}/"))).concat();
            }
        }
        _ => {
            all += &collection(path);
            for (at, resource) in kept.below(path).filter(|(_, resource)| deep && resource.text.is_some()) {
                let etag = format!("{RESOURCE}<d:getetag>\"{}\"</d:getetag>", resource.changed);
                all += &response(at, Some(&etag));
            }
        }
    }
    multistatus(&all)
}

/// `sync-collection`, `calendar-multiget`, and `calendar-query` by kind and text; a range of time narrows nothing here.
fn report(kept: &Kept, folder: &str, body: &str) -> Response {
    let document = roxmltree::Document::parse(body).unwrap();
    let root = document.root_element();
    let all = |name: &'static str| root.descendants().filter(move |node| node.tag_name().name() == name);
    let told = |etag: u64, text: &str| {
        format!(
            "{RESOURCE}<d:getetag>\"{etag}\"</d:getetag><c:calendar-data>{}</c:calendar-data>",
            escaped(text)
        )
    };
    let mut answers = String::new();
    match root.tag_name().name() {
        "sync-collection" => {
            let token = all("sync-token").next().and_then(|token| token.text()).unwrap_or_default();
            let since: u64 = token.rsplit('/').next().and_then(|n| n.parse().ok()).unwrap_or(0);
            for (path, resource) in kept.below(folder).filter(|(_, resource)| resource.changed > since) {
                let etag = format!("{RESOURCE}<d:getetag>\"{}\"</d:getetag>", resource.changed);
                if resource.text.is_some() || since > 0 {
                    answers += &response(path, resource.text.is_some().then_some(&*etag));
                }
            }
            write!(answers, "<d:sync-token>urn:shelf/{}</d:sync-token>", kept.changes).unwrap();
        }
        "calendar-multiget" => {
            for href in all("href").filter_map(|href| href.text()) {
                let found = kept.get(href).map(|(etag, text)| told(etag, text));
                answers += &response(href, found.as_deref());
            }
        }
        "calendar-query" => {
            let kinds: Vec<_> = all("comp-filter").filter_map(|filter| filter.attribute("name")).collect();
            let text = all("text-match").next().and_then(|node| node.text()).unwrap_or_default();
            for (path, resource) in kept.below(folder) {
                let Some(there) = resource.text.as_deref() else { continue };
                if kinds.iter().all(|kind| there.contains(&format!("BEGIN:{kind}"))) && there.contains(text) {
                    answers += &response(path, Some(&told(resource.changed, there)));
                }
            }
        }
        other => panic!("nobody asks for {other}"),
    }
    multistatus(&answers)
}
