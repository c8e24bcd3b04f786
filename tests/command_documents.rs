//! The command on the documents of a workspace: what is refused is refused in the right words, and nothing is lost.

#![allow(clippy::unwrap_used)] // A test that panics is a failed test.
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/demo");
/// A secret that must be found nowhere in clear.
const SECRET: &str = "correct-horse-battery-4711";

/// A workspace made of the demo's documents, without a sandbox behind it.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap() };
        let from = Path::new(DEMO).join("workspace");
        for part in ["connections", "policies", "licenses", "state"] {
            fs::create_dir_all(desk.path(part)).unwrap();
        }
        for file in [
            "connections/exchange.toml",
            "connections/salesforce.toml",
            "policies/sales-team.toml",
            "licenses/demo.license",
        ] {
            fs::copy(from.join(file), desk.path(file)).unwrap();
        }
        fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/config/default.toml"), desk.path("riva.toml"))
            .unwrap();
        // The connections name it; nothing is asked in these tests.
        fs::write(desk.path("state/sandbox-ca.pem"), "").unwrap();
        desk
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap()
    }

    fn edit(&self, file: &str, from: &str, to: &str) {
        let text = self.read(file);
        assert!(text.contains(from), "{from:?} is not in {file}");
        fs::write(self.path(file), text.replacen(from, to, 1)).unwrap();
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_riva"));
        command.args(words).env("RIVA_WORKSPACE", self.folder.path()).env("RIVA_SECRETS", "file");
        command.env_remove("RIVA_PASSPHRASE").env_remove("CREDENTIALS_DIRECTORY");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, words: &[&str]) -> Told {
        self.command(words).output().unwrap().into()
    }

    fn run_with_input(&self, words: &[&str], input: &str) -> Told {
        let mut child = self.command(words).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap().into()
    }
}

/// What a command said.
struct Told {
    code: i32,
    out: String,
    err: String,
}

impl From<Output> for Told {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Told {
    #[track_caller]
    fn fine(self) -> Self {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self
    }

    #[track_caller]
    fn refused(self, words: &str) -> Self {
        assert_eq!(self.code, 1, "{}{}", self.out, self.err);
        assert!(self.err.contains(words) || self.out.contains(words), "{words:?}: {}{}", self.out, self.err);
        self
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap()
    }
}

#[test]
fn a_sound_workspace_passes_and_is_listed() {
    let desk = Desk::new();
    desk.run(&["check", "--offline"]).fine();
    let connections = desk.run(&["connection", "list", "--json"]).fine().json();
    assert_eq!(connections[0]["name"], "exchange");
    assert_eq!(connections[0]["used_by"][0], "sales-team");
    let table = desk.run(&["policy", "list"]).fine().out;
    assert!(table.contains("sales-team") && table.contains("enabled"), "{table}");
    let users = desk.run(&["policy", "users", "sales-team", "--json"]).fine().json();
    assert_eq!(users.as_array().unwrap().len(), 4);
}

#[test]
fn wrong_usage_ends_with_2() {
    let desk = Desk::new();
    assert_eq!(desk.run(&["conection", "list"]).code, 2);
    assert_eq!(desk.run(&["connection", "test", "exchange", "--user", "a@b.c", "--all-users"]).code, 2);
    assert_eq!(desk.run(&["sync"]).code, 2);
    assert_eq!(desk.run_with_input(&["connection", "set-password", "exchange"], "\n").code, 2);
}

#[test]
fn a_typo_in_a_policy_is_named_with_file_line_key_and_remedy() {
    let desk = Desk::new();
    desk.edit("policies/sales-team.toml", "days_back", "days_bakc");
    let broken = desk.read("policies/sales-team.toml");
    let line = 1 + broken.lines().position(|l| l.contains("days_bakc")).unwrap();
    let words = format!("policies/sales-team.toml:{line}: modules.calendar.days_bakc: ");
    desk.run(&["check", "--offline"]).refused(&words).refused("Did you mean `days_back`?");
    desk.run(&["policy", "show", "sales-team"]).refused(&words);
    desk.run(&["policy", "disable", "sales-team"]).refused(&words);
    let found = desk.run(&["policy", "show", "sales-team", "--json"]).json();
    assert_eq!(found["findings"][0]["line"], line);
    assert_eq!(desk.read("policies/sales-team.toml"), broken, "nothing is touched");
}

#[test]
fn a_licence_edited_by_hand_does_not_count() {
    let desk = Desk::new();
    desk.run(&["policy", "license", "sales-team"]).fine();
    desk.edit("licenses/demo.license", "salesforce = 8", "salesforce = 800");
    desk.run(&["license", "show"]).refused("changed after it was signed");
    desk.run(&["policy", "license", "sales-team"]).refused(
        "amelie.dubois@northwind-demo.example does not sync: The licence file demo.license was changed",
    );
}

/// A licence signed by the demo issuer.
fn licence(desk: &Desk, name: &str, counts: &str, expires: &str) -> PathBuf {
    let text = format!(
        "[license]\nid = \"{name}\"\nlicensee = \"Test\"\nmode = \"demo\"\nissued = \"2020-01-01\"\nexpires = \"{expires}\"\n\n\
         [license.counts]\n{counts}\n"
    );
    let (plain, signed) = (desk.path(&format!("{name}.toml")), desk.path(&format!("{name}.signed")));
    fs::write(&plain, text).unwrap();
    let key = format!("{DEMO}/demo-issuer.key");
    let words =
        ["license", "sign", plain.to_str().unwrap(), "--key", &key, "--out", signed.to_str().unwrap()];
    desk.run(&words).fine();
    signed
}

#[test]
fn each_lack_of_a_licence_has_its_own_reason() {
    let desk = Desk::new();
    fs::remove_file(desk.path("licenses/demo.license")).unwrap();
    let reason = |words: &str| {
        desk.run(&["policy", "license", "sales-team"]).refused(words);
    };
    reason("No licence for Microsoft Exchange (EWS) is installed.");

    let over = licence(&desk, "over", "exchange-ews = 9\nsalesforce = 9", "2020-12-31");
    desk.run(&["license", "install", over.to_str().unwrap()]).refused("This licence expired on 2020-12-31.");
    fs::copy(&over, desk.path("licenses/over.license")).unwrap();
    reason("The licence for Microsoft Exchange (EWS) expired on 2020-12-31 (over.license).");
    fs::remove_file(desk.path("licenses/over.license")).unwrap();

    let other = licence(&desk, "other", "exchange-ews = 9\nodoo = 9", "2099-12-31");
    desk.run(&["license", "install", other.to_str().unwrap()]).fine();
    reason(
        "The installed licences are for other systems (Microsoft Exchange (EWS), Odoo), not for Salesforce.",
    );

    let few = licence(&desk, "few", "salesforce = 3", "2099-12-31");
    desk.run(&["license", "install", few.to_str().unwrap()]).fine();
    let told = desk.run(&["policy", "license", "sales-team"]);
    let told = told.refused("The licence counts for Salesforce are used up: 3 of 3 are in use.");
    // The last one added goes without.
    assert!(told.out.contains("diego.fernandez@northwind-demo.example does not sync"), "{}", told.out);
    assert_eq!(told.out.matches("does not sync").count(), 1);
}

#[test]
fn a_user_who_is_in_another_policy_is_refused() {
    let desk = Desk::new();
    let add = ["policy", "add", "west", "--mail", "exchange", "--crm", "salesforce", "--why", "new region"];
    desk.run(&add).fine();
    desk.run(&["policy", "add-user", "west", "KENJI.SATO@northwind-demo.example", "--unchecked"]).fine();
    desk.run(&["policy", "enable", "west"])
        .refused("kenji.sato@northwind-demo.example is already in policy \"sales-team\".")
        .refused("policies/west.toml:");
    desk.run(&["policy", "remove-user", "sales-team", "kenji.sato@northwind-demo.example"]).fine();
    desk.run(&["policy", "enable", "west"]).fine();
    assert!(
        desk.read("policies/sales-team.toml")
            .starts_with("# The sales team: contacts, calendar and tasks, both ways; e-mail into the CRM.\n")
    );
    desk.run(&["policy", "remove-user", "sales-team", "nobody@x.example"])
        .refused("is not in policy \"sales-team\"");
    desk.run(&["policy", "add-user", "west", "not-an-address", "--unchecked"])
        .refused("is not an e-mail address");
    let logging = ["policy", "add", "north", "--mail", "exchange", "--crm", "salesforce", "--email"];
    desk.run(&logging).fine();
    assert!(desk.read("policies/north.toml").contains("[modules.email]"));
    desk.run(&["policy", "add", "east", "--mail", "salesforce", "--crm", "exchange"])
        .refused("is a connection to Salesforce");
    assert!(!desk.path("policies/east.toml").exists());
    let history = desk.run(&["policy", "show", "west", "--json"]).fine().json();
    assert_eq!(history["history"][0]["why"], "new region");
}

#[test]
fn a_password_is_kept_and_found_nowhere_in_clear() {
    let desk = Desk::new();
    let told =
        desk.run_with_input(&["connection", "set-password", "exchange"], &format!("{SECRET}\n")).fine();
    assert!(told.out.contains("Password updated successfully"), "{}", told.out);
    let shown = desk.run(&["connection", "show", "exchange", "--json"]).fine();
    assert_eq!(shown.json()["secrets"][0], "password");
    desk.run_with_input(&["connection", "set-password", "nowhere"], SECRET)
        .refused("there is no connection \"nowhere\"");
    let mut said = shown.out + &told.out + &told.err;
    said.push_str(&every_file(desk.folder.path()));
    assert!(!said.contains(SECRET));
    // As a key in a document it is refused, and not repeated.
    let text = desk.read("connections/exchange.toml");
    fs::write(desk.path("connections/exchange.toml"), format!("password = \"{SECRET}\"\n{text}")).unwrap();
    let told = desk.run(&["check", "--offline"]).refused("Secrets are never in a document");
    assert!(!(told.out + &told.err).contains(SECRET));
}

fn every_file(folder: &Path) -> String {
    let mut all = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.push_str(&every_file(&path));
        } else {
            all.push_str(&String::from_utf8_lossy(&fs::read(path).unwrap()));
        }
    }
    all
}

/// A connection that stands in no workspace yet.
const ADD_DAV: &[&str] = &[
    "connection",
    "add",
    "dav",
    "--system",
    "caldav",
    "--address",
    "https://dav.example/",
    "--account",
    "riva",
];

#[test]
fn a_connection_is_added_edited_and_deleted_only_if_unused() {
    let desk = Desk::new();
    let insecure = [
        "connection",
        "add",
        "dav",
        "--system",
        "caldav",
        "--address",
        "http://dav.example/",
        "--account",
        "riva",
    ];
    desk.run(&insecure).refused("clear text");
    desk.run(ADD_DAV).fine();
    desk.run(ADD_DAV).refused("exists already");
    desk.run(&[
        "connection",
        "edit",
        "dav",
        "--account",
        "riva2",
        "--option",
        "calendar=work",
        "--why",
        "moved",
    ])
    .fine();
    let shown = desk.run(&["connection", "show", "dav", "--json"]).fine().json();
    assert_eq!(shown["connection"]["account"], "riva2");
    assert_eq!(shown["connection"]["options"]["calendar"], "work");
    assert_eq!(shown["history"][1]["why"], "moved");
    desk.run(&["connection", "delete", "exchange"]).refused("is used by: sales-team");
    desk.run(&["connection", "delete", "dav", "--why", "not needed"]).fine();
    assert!(!desk.path("connections/dav.toml").exists());
    assert!(desk.path("history/connections/dav/0003.toml").exists());
}

#[test]
fn without_a_workspace_or_an_agent_it_says_so() {
    let desk = Desk::new();
    desk.run(&["queue"]).refused("the Riva CRM Agent is not running; start it with `riva agent start`");
    let told = desk.run(&["agent", "status", "--json"]);
    assert!(told.json()["error"].as_str().unwrap().contains("not running"));
    let nowhere = desk.path("nowhere");
    desk.run(&["--workspace", nowhere.to_str().unwrap(), "policy", "list"])
        .refused("is not a Riva workspace");
}

#[test]
fn an_option_that_no_system_knows_is_named_with_the_nearest() {
    let desk = Desk::new();
    let misspelt = [ADD_DAV, &["--option", "calender=work"]].concat();
    desk.run(&misspelt)
        .refused("there is no option `calender` for CalDAV and CardDAV. Did you mean `calendar`?");
    assert!(!desk.path("connections/dav.toml").exists());
    desk.run(ADD_DAV).fine();
    let before = desk.read("connections/dav.toml");
    desk.run(&["connection", "edit", "dav", "--option", "database=sales"]).refused("options.database");
    assert_eq!(desk.read("connections/dav.toml"), before);
    let told = desk.run(&["connection", "edit", "dav", "--acount", "riva2"]);
    assert!(told.code == 2 && told.err.contains("--account"), "{}", told.err);
}

#[test]
fn an_edit_that_changes_nothing_says_so() {
    let desk = Desk::new();
    let told = desk.run(&["connection", "edit", "exchange"]);
    assert!(told.code == 2 && told.err.contains("name what is to be changed"), "{}", told.err);
    let account = desk.run(&["connection", "show", "exchange", "--json"]).json();
    let account = account["connection"]["account"].as_str().unwrap().to_owned();
    let told = desk.run(&["connection", "edit", "exchange", "--account", &account]).fine();
    assert!(told.out.contains("nothing was changed"), "{}", told.out);
    assert!(!desk.path("history/connections/exchange").exists());
    desk.run(&["connection", "edit", "exchange", "--account", "another"]).fine();
    assert!(desk.path("history/connections/exchange").exists());
}

#[test]
fn what_was_asked_too_vaguely_is_asked_back() {
    let desk = Desk::new();
    let told = desk.run(&["explain", " "]);
    assert!(told.code == 2 && told.err.contains("name the item"), "{}", told.err);
    let told = desk.run(&["undo", "ann@example.com", "--since", "next week"]);
    assert!(
        told.code == 2 && told.err.contains("yesterday") && told.err.contains("RFC 3339"),
        "{}",
        told.err
    );
    // Then it is the agent that is missing.
    for since in
        ["2026-11-20 14:00", "2026-11-20", "00:00", "yesterday", "2h", "90m ago", "2026-11-20T15:00:00Z"]
    {
        desk.run(&["undo", "ann@example.com", "--since", since]).refused("the Riva CRM Agent is not running");
    }
}

#[test]
fn a_document_that_is_gone_or_cannot_be_read_is_found() {
    let desk = Desk::new();
    desk.run(&["policy", "disable", "sales-team"]).fine();
    fs::remove_file(desk.path("policies/sales-team.toml")).unwrap();
    desk.run(&["check", "--offline"])
        .refused("policies/sales-team.toml: the file is gone, and it was not removed with Riva.")
        .refused("`riva policy remove sales-team`");
    // Whoever meant it says so.
    desk.run(&["policy", "remove", "sales-team"]).fine();
    desk.run(&["check", "--offline"]).fine();
    desk.run(&["policy", "remove", "sales-team"]).refused("there is no policy");
    // A folder is no document: it is named, and hides no other.
    fs::create_dir(desk.path("policies/west.toml")).unwrap();
    desk.run(&["check", "--offline"]).refused("policies/west.toml: this cannot be read");
    assert_eq!(desk.run(&["connection", "list", "--json"]).fine().json().as_array().unwrap().len(), 2);
}

#[test]
fn who_changed_something_is_known_without_variables() {
    let desk = Desk::new();
    let mut command = desk.command(&["policy", "disable", "sales-team"]);
    command.env_remove("USER").env_remove("LOGNAME").env_remove("USERNAME");
    Told::from(command.output().unwrap()).fine();
    let shown = desk.run(&["policy", "show", "sales-team", "--json"]).fine().json();
    let by = shown["history"].as_array().unwrap().last().unwrap()["by"].as_str().unwrap().to_owned();
    let system = Command::new("id").arg("-un").output().unwrap();
    let name = String::from_utf8(system.stdout).unwrap().trim().to_owned();
    assert!(!name.is_empty() && by.starts_with(&format!("{name}@")), "{by}, {name}");
}
