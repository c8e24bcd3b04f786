//! The Rust half of the benchmarks (`tests/bench/run` is the other): our side of the duel, the server that costs
//! nothing, and a bare loop of PUTs.
//!
//! ```text
//! duel serve MILLISECONDS                    the server; prints its port
//! duel events FOLDER N [series]              the events as files
//! duel put URL N [series]                    a bare loop of PUTs: one JSON line
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
            Ok(n) => bare_loop(url, n, how.contains(&"series")).await,
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

/// What any client can do at best with one request at a time.
async fn bare_loop(url: &str, n: usize, series: bool) -> Result<(), String> {
    let events = events::events(n, series);
    let client = reqwest::Client::builder().no_proxy().build().map_err(|e| e.to_string())?;
    let (begun, cpu) = (Instant::now(), riva::cpu());
    for event in events {
        let put = client
            .put(format!("{url}{}.ics", event.uid))
            .basic_auth("u", Some("p"))
            .header("content-type", "text/calendar; charset=utf-8")
            .header("if-none-match", "*")
            .body(event.ics);
        let answer = put.send().await.map_err(|e| e.to_string())?;
        if !answer.status().is_success() {
            return Err(format!("{} for {}", answer.status(), event.uid));
        }
        answer.bytes().await.map_err(|e| e.to_string())?;
    }
    println!(
        "{}",
        serde_json::json!({ "wall": begun.elapsed().as_secs_f64(), "cpu": riva::cpu().saturating_sub(cpu).as_secs_f64() })
    );
    Ok(())
}
