//! A calendar server by RFC 4791 and RFC 6578, as far as one calendar needs it, written from these and not from our client.
//! It invites by itself (RFC 6638), and counts whom it would have mailed.

use super::wire::{Answered, Asked};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The collection.
pub const CALENDAR: &str = "/dav/ann/calendar/";

#[derive(Default)]
pub struct DavServer {
    /// By path: the number of its last change, and its text.
    resources: BTreeMap<String, (u64, String)>,
    /// The number of the last change of what is gone.
    gone: BTreeMap<String, u64>,
    changes: u64,
    pub mails: u64,
}

impl DavServer {
    /// Texts of everything in the calendar, each property in one line.
    pub fn texts(&self) -> Vec<String> {
        self.resources.values().map(|(_, text)| text.replace("\r\n ", "")).collect()
    }

    pub fn answer(&mut self, asked: &Asked) -> Answered {
        match asked.method.as_str() {
            "OPTIONS" => Answered::bare(200).with("dav", "1, 3, calendar-access, calendar-auto-schedule"),
            "PROPFIND" => self.propfind(asked),
            "REPORT" => self.report(asked),
            "GET" => match self.resources.get(&asked.path) {
                Some((number, text)) => {
                    Answered::new(200, "text/calendar", text.clone()).with("etag", etag(*number))
                }
                None => Answered::bare(404),
            },
            "PUT" => self.put(asked),
            "DELETE" => self.delete(asked),
            _ => Answered::bare(405),
        }
    }

    /// What the calendar's user puts there in another program; its version.
    pub fn put_by_user(&mut self, path: &str, text: String) -> String {
        self.changes += 1;
        self.resources.insert(path.to_owned(), (self.changes, text));
        etag(self.changes)
    }

    fn refused(&self, asked: &Asked) -> bool {
        let now = self.resources.get(&asked.path).map(|(number, _)| etag(*number));
        let wanted = asked.header("if-match");
        asked.header("if-none-match") == "*" && now.is_some()
            || !wanted.is_empty() && now.as_deref() != Some(wanted)
    }

    fn put(&mut self, asked: &Asked) -> Answered {
        if self.refused(asked) {
            return Answered::bare(412);
        }
        let text = asked.text();
        // It tells whom it has invited, and whom it invites now, of a change; and those whom it invites no longer.
        let before = self.resources.get(&asked.path).map_or(0, |(_, before)| guests(before));
        self.mails += before.max(guests(&text));
        self.changes += 1;
        let status = if self.resources.contains_key(&asked.path) { 204 } else { 201 };
        self.gone.remove(&asked.path);
        self.resources.insert(asked.path.clone(), (self.changes, text));
        // Servers in PHP say this of no body.
        Answered::new(status, "text/html; charset=UTF-8", "").with("etag", etag(self.changes))
    }

    fn delete(&mut self, asked: &Asked) -> Answered {
        if !self.resources.contains_key(&asked.path) {
            return Answered::bare(404);
        }
        if self.refused(asked) {
            return Answered::bare(412);
        }
        let text = self.resources.remove(&asked.path).map(|(_, text)| text).unwrap_or_default();
        self.mails += guests(&text);
        self.changes += 1;
        self.gone.insert(asked.path.clone(), self.changes);
        Answered::bare(204)
    }

    fn propfind(&self, asked: &Asked) -> Answered {
        let collection = "<d:resourcetype><d:collection/></d:resourcetype>";
        let calendar = "<d:resourcetype><d:collection/><c:calendar/></d:resourcetype>\
            <c:supported-calendar-component-set><c:comp name=\"VEVENT\"/></c:supported-calendar-component-set>\
            <d:supported-report-set><d:supported-report><d:report><d:sync-collection/></d:report>\
            </d:supported-report></d:supported-report-set>";
        let deep = asked.header("depth") == "1";
        let mut inside = String::new();
        match asked.path.as_str() {
            "/dav/ann/" => {
                inside += &found("/dav/ann/", collection);
                inside += &if deep { found(CALENDAR, calendar) } else { String::new() };
            }
            CALENDAR => {
                inside += &found(CALENDAR, calendar);
                for (path, (number, _)) in self.resources.iter().filter(|_| deep) {
                    inside += &found(path, &shown(*number, None));
                }
            }
            _ => return Answered::bare(404),
        }
        multistatus(&inside)
    }

    fn report(&self, asked: &Asked) -> Answered {
        let text = asked.text();
        let document = roxmltree::Document::parse(&text).unwrap();
        let named = |name: &'static str| {
            document
                .descendants()
                .filter(move |n| n.tag_name().name() == name)
                .map(|n| n.text().unwrap_or_default().to_owned())
        };
        let mut inside = String::new();
        match document.root_element().tag_name().name() {
            "sync-collection" => {
                let since = named("sync-token").next().unwrap_or_default();
                let since: u64 = since.rsplit('/').next().and_then(|n| n.parse().ok()).unwrap_or_default();
                for (path, (number, _)) in self.resources.iter().filter(|(_, (n, _))| *n > since) {
                    inside += &found(path, &shown(*number, None));
                }
                for path in self.gone.iter().filter(|(_, n)| **n > since).map(|(path, _)| path) {
                    inside += &missing(path);
                }
                let _ = write!(inside, "<d:sync-token>http://dav/{}</d:sync-token>", self.changes);
            }
            "calendar-multiget" => {
                for path in named("href") {
                    inside += &match self.resources.get(&path) {
                        Some((number, text)) => found(&path, &shown(*number, Some(text))),
                        None => missing(&path),
                    };
                }
            }
            "calendar-query" => {
                let wanted = named("text-match").next().unwrap_or_default();
                for (path, (number, text)) in
                    self.resources.iter().filter(|(_, (_, t))| t.replace("\r\n ", "").contains(&wanted))
                {
                    inside += &found(path, &shown(*number, Some(text)));
                }
            }
            _ => return Answered::bare(403),
        }
        multistatus(&inside)
    }
}

/// How many guests the server invites by itself.
fn guests(text: &str) -> u64 {
    let invites = |line: &&str| line.starts_with("ATTENDEE") && !line.contains("SCHEDULE-AGENT=NONE");
    text.replace("\r\n ", "").lines().filter(invites).count() as u64
}

fn etag(number: u64) -> String {
    format!("\"{number}\"")
}

fn shown(number: u64, text: Option<&str>) -> String {
    let escaped = |t: &str| t.replace('&', "&amp;").replace('<', "&lt;");
    let data = text.map(|t| format!("<c:calendar-data>{}</c:calendar-data>", escaped(t)));
    format!("<d:getetag>\"{number}\"</d:getetag><d:resourcetype/>{}", data.unwrap_or_default())
}

fn found(path: &str, props: &str) -> String {
    format!(
        "<d:response><d:href>{path}</d:href><d:propstat><d:prop>{props}</d:prop>\
         <d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>"
    )
}

fn missing(path: &str) -> String {
    format!("<d:response><d:href>{path}</d:href><d:status>HTTP/1.1 404 Not Found</d:status></d:response>")
}

fn multistatus(inside: &str) -> Answered {
    let body = format!(
        "<?xml version=\"1.0\"?><d:multistatus xmlns:d=\"DAV:\" xmlns:c=\"urn:ietf:params:xml:ns:caldav\">{inside}</d:multistatus>"
    );
    Answered::new(207, "application/xml", body)
}
