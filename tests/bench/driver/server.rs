//! A CalDAV server that costs nothing: calendars in memory, no parsing, no disk. It counts its requests, and can add a
//! delay to each.

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response, StatusCode};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A calendar: resources by name, and when each was last changed.
#[derive(Default)]
struct Calendar {
    resources: BTreeMap<String, Resource>,
    /// Counts changes; it is the sync-token.
    clock: u64,
}

struct Resource {
    changed: u64,
    /// `None` once it was deleted.
    text: Option<Bytes>,
}

#[derive(Default)]
struct Shelf {
    calendars: BTreeMap<String, Calendar>,
    requests: BTreeMap<String, u64>,
}

struct Server {
    shelf: Mutex<Shelf>,
    delay: Duration,
}

/// Serves on a free port of the loopback, which it prints, until it is killed.
pub async fn serve(delay: Duration) -> Result<(), String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.map_err(|e| e.to_string())?;
    println!("{}", listener.local_addr().map_err(|e| e.to_string())?.port());
    let server = Arc::new(Server { shelf: Mutex::default(), delay });
    let app = Router::new().fallback(answer).with_state(server);
    axum::serve(axum::serve::ListenerExt::tap_io(listener, |io| drop(io.set_nodelay(true))), app)
        .await
        .map_err(|e| e.to_string())
}

async fn answer(State(server): State<Arc<Server>>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    if head.uri.path() == "/__requests" {
        let counts = std::mem::take(&mut server.shelf().requests);
        return reply(StatusCode::OK, serde_json::to_string(&counts).unwrap_or_default());
    }
    let Ok(body) = to_bytes(body, 64 << 20).await else {
        return reply(StatusCode::BAD_REQUEST, "");
    };
    if !server.delay.is_zero() {
        tokio::time::sleep(server.delay).await;
    }
    let mut shelf = server.shelf();
    let method = head.method.as_str();
    *shelf.requests.entry(method.to_owned()).or_default() += 1;
    shelf.answer(method, head.uri.path(), &head.headers, body)
}

impl Server {
    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    fn answer(&mut self, method: &str, path: &str, headers: &HeaderMap, body: Bytes) -> Response<Body> {
        let depth = headers.get("depth").map_or(b"0".as_slice(), |d| d.as_bytes());
        match method {
            "OPTIONS" => {
                let mut options = reply(StatusCode::OK, "");
                options
                    .headers_mut()
                    .insert("dav", axum::http::HeaderValue::from_static("1, 3, calendar-access"));
                options
            }
            "PROPFIND" => self.propfind(path, depth != b"0"),
            "MKCALENDAR" | "MKCOL" => {
                self.calendars.entry(as_collection(path)).or_default();
                reply(StatusCode::CREATED, "")
            }
            "REPORT" => self.report(path, &String::from_utf8_lossy(&body)),
            "GET" | "PUT" | "DELETE" => self.resource(method, path, headers, body),
            _ => reply(StatusCode::METHOD_NOT_ALLOWED, ""),
        }
    }

    /// `/` leads to the principal `/u/`, which is its own home, which holds the calendars.
    fn propfind(&self, path: &str, below: bool) -> Response<Body> {
        let path = as_collection(path);
        let mut text = String::new();
        if let Some(calendar) = self.calendars.get(&path) {
            describe_calendar(&mut text, &path, calendar);
            if below {
                let there = calendar.resources.iter().filter(|(_, r)| r.text.is_some());
                there.for_each(|(name, resource)| describe(&mut text, &path, name, resource, false));
            }
        } else if path == "/" || path == "/u/" {
            let _ = write!(
                text,
                "<d:response><d:href>{path}</d:href><d:propstat><d:prop><d:resourcetype><d:collection/><d:principal/>\
                 </d:resourcetype><d:displayname>u</d:displayname>\
                 <d:current-user-principal><d:href>/u/</d:href></d:current-user-principal>\
                 <d:principal-URL><d:href>/u/</d:href></d:principal-URL>\
                 <c:calendar-home-set><d:href>/u/</d:href></c:calendar-home-set>\
                 </d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>"
            );
            if below {
                self.calendars.iter().for_each(|(path, c)| describe_calendar(&mut text, path, c));
            }
        } else {
            return reply(StatusCode::NOT_FOUND, "");
        }
        multistatus(&text, None)
    }

    fn report(&self, path: &str, body: &str) -> Response<Body> {
        let path = as_collection(path);
        let Some(calendar) = self.calendars.get(&path) else { return reply(StatusCode::NOT_FOUND, "") };
        let mut text = String::new();
        if body.contains("sync-collection") {
            let token = between(body, "sync-token>", "<").unwrap_or_default();
            let since = token.strip_prefix("urn:bench:").and_then(|n| n.parse().ok()).unwrap_or(0);
            for (name, resource) in calendar.resources.iter().filter(|(_, r)| r.changed > since) {
                if resource.text.is_some() || since > 0 {
                    describe(&mut text, &path, name, resource, false);
                }
            }
            return multistatus(&text, Some(calendar.clock));
        }
        if body.contains("multiget") {
            let mut rest = body;
            while let Some(at) = rest.find("href>") {
                rest = &rest[at + 5..];
                let Some(end) = rest.find('<') else { break };
                let name = rest[..end].trim().rsplit('/').next().unwrap_or_default();
                let name = name.replace("%40", "@");
                rest = rest[end..].find('>').map_or("", |at| &rest[end + at..]);
                match calendar.resources.get(&name) {
                    Some(resource) => describe(&mut text, &path, &name, resource, true),
                    None => gone(&mut text, &path, &name),
                }
            }
        } else {
            // calendar-query: whatever is asked for, all of it.
            let there = calendar.resources.iter().filter(|(_, r)| r.text.is_some());
            there.for_each(|(name, resource)| describe(&mut text, &path, name, resource, false));
        }
        multistatus(&text, None)
    }

    fn resource(&mut self, method: &str, path: &str, headers: &HeaderMap, body: Bytes) -> Response<Body> {
        let Some((collection, name)) = path.rsplit_once('/') else { return reply(StatusCode::NOT_FOUND, "") };
        let name = name.replace("%40", "@");
        let Some(calendar) = self.calendars.get_mut(&format!("{collection}/")) else {
            return reply(StatusCode::NOT_FOUND, "");
        };
        let known = calendar.resources.get(&name).filter(|r| r.text.is_some());
        let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
        let unless = header("if-match").is_some_and(|etag| known.is_none_or(|r| etag_of(r) != etag))
            || (header("if-none-match") == Some("*") && known.is_some());
        match (method, known) {
            ("PUT" | "DELETE", _) if unless => return reply(StatusCode::PRECONDITION_FAILED, ""),
            ("GET" | "DELETE", None) => return reply(StatusCode::NOT_FOUND, ""),
            ("GET", Some(resource)) => {
                let text = resource.text.clone().unwrap_or_default();
                return with_etag(Response::new(Body::from(text)), resource);
            }
            _ => {}
        }
        let status = if known.is_some() { StatusCode::NO_CONTENT } else { StatusCode::CREATED };
        calendar.clock += 1;
        let text = (method == "PUT").then_some(body);
        let resource = Resource { changed: calendar.clock, text };
        let answer = with_etag(reply(status, ""), &resource);
        calendar.resources.insert(name, resource);
        answer
    }
}

fn describe_calendar(text: &mut String, path: &str, calendar: &Calendar) {
    let _ = write!(
        text,
        "<d:response><d:href>{path}</d:href><d:propstat><d:prop><d:resourcetype><d:collection/><c:calendar/>\
         </d:resourcetype><d:displayname>{}</d:displayname><d:sync-token>urn:bench:{}</d:sync-token>\
         <c:supported-calendar-component-set><c:comp name=\"VEVENT\"/></c:supported-calendar-component-set>\
         </d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>",
        path.trim_matches('/').rsplit('/').next().unwrap_or_default(),
        calendar.clock
    );
}

fn describe(text: &mut String, path: &str, name: &str, resource: &Resource, whole: bool) {
    let Some(content) = &resource.text else { return gone(text, path, name) };
    let _ = write!(
        text,
        "<d:response><d:href>{path}{name}</d:href><d:propstat><d:prop><d:getetag>{}</d:getetag><d:resourcetype/>\
         <d:getcontenttype>text/calendar; component=vevent</d:getcontenttype>",
        etag_of(resource)
    );
    if whole {
        // The texts of the duel hold none of the characters that XML wants escaped, but line ends.
        text.push_str("<c:calendar-data>");
        let content = String::from_utf8_lossy(content).replace('&', "&amp;").replace('<', "&lt;");
        text.push_str(&content.replace('\r', "&#13;"));
        text.push_str("</c:calendar-data>");
    }
    text.push_str("</d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>");
}

fn gone(text: &mut String, path: &str, name: &str) {
    let _ = write!(
        text,
        "<d:response><d:href>{path}{name}</d:href><d:status>HTTP/1.1 404 Not Found</d:status></d:response>"
    );
}

fn multistatus(responses: &str, token: Option<u64>) -> Response<Body> {
    let token = token.map(|t| format!("<d:sync-token>urn:bench:{t}</d:sync-token>")).unwrap_or_default();
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><d:multistatus xmlns:d=\"DAV:\" \
         xmlns:c=\"urn:ietf:params:xml:ns:caldav\">{responses}{token}</d:multistatus>"
    );
    let mut answer = reply(StatusCode::MULTI_STATUS, text);
    let xml = axum::http::HeaderValue::from_static("application/xml; charset=utf-8");
    answer.headers_mut().insert("content-type", xml);
    answer
}

fn reply(status: StatusCode, body: impl Into<Body>) -> Response<Body> {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = status;
    answer
}

fn etag_of(resource: &Resource) -> String {
    format!("\"{}\"", resource.changed)
}

fn with_etag(mut answer: Response<Body>, resource: &Resource) -> Response<Body> {
    if let Ok(etag) = etag_of(resource).parse() {
        answer.headers_mut().insert("etag", etag);
    }
    answer
}

fn as_collection(path: &str) -> String {
    if path.ends_with('/') { path.to_owned() } else { format!("{path}/") }
}

fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    let from = text.find(before)? + before.len();
    text[from..].find(after).map(|to| &text[from..from + to])
}
