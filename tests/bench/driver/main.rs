//! The Rust half of the benchmarks (`tests/bench/run` is the other): our side of the duel, the server that costs
//! nothing, and a bare loop of PUTs.
//!
//! ```text
//! duel serve MILLISECONDS                    the server; prints its port
//! duel events FOLDER N [series]              the events as files
//! duel put URL N [series|reread]…            a bare loop of PUTs, each batch of them read back or not: one JSON line
//! duel riva URL CALENDAR STATE N WRITERS [series|empty]…   our side: commands on stdin, one JSON line for each
//! ```

mod crm;
mod events;
mod riva;
mod server;

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

#[tokio::main]
async fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<usize>().map_err(|_| format!("{text} is no number"));
    let done = match words.as_slice() {
        ["serve", delay] => match delay.parse() {
            Ok(delay) => server::serve(Duration::from_millis(delay)).await,
            Err(_) => Err(format!("{delay} is no number")),
        },
        ["events", folder, n, how @ ..] => {
            number(n).and_then(|n| write_events(Path::new(folder), n, how.contains(&"series")))
        }
        ["put", url, n, how @ ..] => match number(n) {
            Ok(n) => bare_loop(url, n, how).await,
            Err(e) => Err(e),
        },
        ["riva", url, calendar, state, n, writers, how @ ..] => match number(n) {
            Ok(n) => {
                let start = riva::Start { url, calendar, state: Path::new(state), events: n, writers, how };
                riva::run(start).await
            }
            Err(e) => Err(e),
        },
        _ => Err("serve, events, put or riva; the head of main.rs says what goes with each".to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("duel: {why}");
            ExitCode::FAILURE
        }
    }
}

fn write_events(folder: &Path, n: usize, series: bool) -> Result<(), String> {
    std::fs::create_dir_all(folder).map_err(|e| e.to_string())?;
    for event in events::events(n, series) {
        std::fs::write(folder.join(format!("{}.ics", event.uid)), event.ics).map_err(|e| e.to_string())?;
    }
    Ok(())
}

/// As many as our side writes before it reads them back.
const BATCH: usize = 50;

/// What any client can do at best with one request at a time; `reread`: and that must know what a server has made of what it
/// was sent.
async fn bare_loop(url: &str, n: usize, how: &[&str]) -> Result<(), String> {
    let events = events::events(n, how.contains(&"series"));
    let client = reqwest::Client::builder().no_proxy().build().map_err(|e| e.to_string())?;
    let (begun, cpu) = (Instant::now(), riva::cpu());
    let calendar = reqwest::Url::parse(url).map_err(|e| e.to_string())?;
    for batch in events.chunks(BATCH) {
        let mut hrefs = String::new();
        for event in batch {
            let place = calendar.join(&format!("{}.ics", event.uid)).map_err(|e| e.to_string())?;
            hrefs.extend(["<href>", place.path(), "</href>"]);
            let put = client
                .put(place)
                .header("content-type", "text/calendar; charset=utf-8")
                .header("if-none-match", "*")
                .body(event.ics.clone());
            answered(put).await.map_err(|why| format!("{why} for {}", event.uid))?;
        }
        if how.contains(&"reread") {
            let report = reqwest::Method::from_bytes(b"REPORT").map_err(|e| e.to_string())?;
            let body = format!(
                r#"<c:calendar-multiget xmlns="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><prop><getetag/><c:calendar-data/></prop>{hrefs}</c:calendar-multiget>"#
            );
            let read = client
                .request(report, calendar.clone())
                .header("content-type", "application/xml; charset=utf-8")
                .header("depth", "1")
                .body(body);
            let shown = answered(read).await?.matches("BEGIN:VEVENT").count();
            if shown < batch.len() {
                return Err(format!("{shown} of {} are shown", batch.len()));
            }
        }
    }
    println!(
        "{}",
        serde_json::json!({ "wall": begun.elapsed().as_secs_f64(), "cpu": riva::cpu().saturating_sub(cpu).as_secs_f64() })
    );
    Ok(())
}

/// The text of a successful answer.
async fn answered(request: reqwest::RequestBuilder) -> Result<String, String> {
    let answer = request.basic_auth("u", Some("p")).send().await.map_err(|e| e.to_string())?;
    let status = answer.status();
    let text = answer.text().await.map_err(|e| e.to_string())?;
    if status.is_success() { Ok(text) } else { Err(format!("{status}: {text}")) }
}
