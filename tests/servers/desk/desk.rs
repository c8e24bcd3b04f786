//! A desk: a process of `main.py` beside this file. What people do there never goes through a connector of Riva's.

use serde_json::Value;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// It does what it is told, a line a deed, and ends with us.
pub struct Desk {
    _process: Child,
    told: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Desk {
    /// By a Python, at servers as their scripts name them: OpenERP, and where there is one the mailboxes'.
    pub fn open(python: &str, servers: &[&str]) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/servers/desk/main.py");
        let mut process = Command::new(python)
            .arg("-B")
            .arg(script)
            .args(servers)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { told: process.stdin.take().unwrap(), _process: process, answers }
    }

    /// Does what it is told; answers what came of it.
    pub async fn tell(&mut self, what: &Value) -> Value {
        self.told.write_all(format!("{what}\n").as_bytes()).await.unwrap();
        let line = self.answers.next_line().await.unwrap().expect("it goes on until we end");
        let mut answer: Value = serde_json::from_str(&line).unwrap();
        assert!(answer.get("failed").is_none(), "{what}: {answer}");
        answer["done"].take()
    }
}
