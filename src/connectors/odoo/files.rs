//! The files beside records: `ir.attachment` rows. A logged message shows those that its `attachment_ids` name, any other record
//! those that name it.
//!
//! | file | ir.attachment |
//! |---|---|
//! | name | `name`, and `datas_fname` up to Odoo 12 |
//! | content | `datas` |
//! | the record; of a message, the first contact or lead on which it is | `res_model`, `res_id`: who may see it, may see the file |
//!
//! **Nobody is told**: a file is made by itself, and linked to a message that is not posted anew.
//!
//! The external id of a file follows from its record, its name and what it holds. So a request may be repeated, and nothing
//! is made twice; two files of one record that are the same in both are one here. The server guesses the media type.

use super::external_id::MODULE;
use super::layout::Layout;
use super::message::{self, bare};
use super::rows::{condition, read, search};
use super::session::{Failed, Method};
use super::tables::Table;
use super::user::User;
use super::xmlrpc::Value as Rpc;
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use riva_core::fault::{CallError, ItemError};
use riva_core::ports::{FileKept, FileOwner, ItemFile, ItemFiles};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// The model of files.
pub const MODEL: &str = "ir.attachment";

/// The columns that matter, where the server has them.
pub const WANTED: [&str; 6] = ["name", "datas", "datas_fname", "res_model", "res_id", "file_size"];

/// What must be there for files to be kept.
const NEEDED: [&str; 5] = ["name", "datas", "res_model", "res_id", "file_size"];

/// The column by which a message shows its files.
const LINKS: &str = "attachment_ids";

/// Whether files can be kept on a server with these columns of files.
pub fn can_keep(layout: &Layout) -> bool {
    NEEDED.iter().all(|column| layout.has(column))
}

/// Whether messages with these columns can show files.
pub fn can_hang(messages: &Layout) -> bool {
    messages.has(LINKS)
}

/// What the external ids of all files of a message begin with.
pub fn names(message_id: &str) -> String {
    format!("file_{}_", message::word(message_id))
}

/// What the external ids of all files of a record begin with.
fn names_at(model: &str, record: i64) -> String {
    format!("file_{}_{record}_", model.replace('.', "_"))
}

/// The external id of a file: what those of its owner begin with, and what it is.
fn name(of_owner: &str, file: &ItemFile) -> String {
    let content = Uuid::new_v5(&Uuid::NAMESPACE_OID, &file.content);
    let both = Uuid::new_v5(&content, file.name.as_bytes());
    format!("{of_owner}{}", both.simple())
}

/// The row of a file with this external id, as `load` wants it: a text for each column.
fn row(
    name: &str,
    (model, record): (&str, Option<i64>),
    file: &ItemFile,
    layout: &Layout,
) -> BTreeMap<String, String> {
    let mut row: BTreeMap<String, String> = BTreeMap::new();
    row.insert("id".into(), format!("{MODULE}.{name}"));
    row.insert("name".into(), file.name.clone());
    if layout.has("datas_fname") {
        row.insert("datas_fname".into(), file.name.clone());
    }
    row.insert("datas".into(), STANDARD.encode(&file.content));
    row.insert("res_model".into(), model.to_owned());
    row.insert("res_id".into(), record.map(|id| id.to_string()).unwrap_or_default());
    row
}

/// What is written to a message for it to show one more file.
fn link(file: i64) -> Rpc {
    Rpc::map([(LINKS, Rpc::List(vec![Rpc::list([4, file])]))])
}

/// The files that a row of a message shows.
fn linked(row: &Rpc) -> impl Iterator<Item = i64> {
    row.get(LINKS).map(Rpc::items).unwrap_or_default().iter().filter_map(Rpc::int)
}

impl User {
    /// The rows of a logged message, with these columns: ours; or, where somebody else has logged it, theirs.
    async fn rows_of(&self, message_id: &str, columns: &[&str]) -> Result<BTreeMap<i64, Rpc>, Failed> {
        let model = Table::Messages.model(&self.known);
        let bare = bare(message_id);
        let spellings = Rpc::list([message_id.to_owned(), bare.to_owned(), format!("<{bare}>")]);
        let all = search(&self.session, model, vec![condition("message_id", "in", spellings)], None).await?;
        let ours = self.ours(model, &all, &message::names(message_id)).await?;
        let rows = if ours.is_empty() { all } else { ours.into_iter().collect() };
        read(&self.session, model, &rows, columns).await
    }

    /// Makes a file on a record; answers whether that is there.
    async fn put(&self, layout: &Layout, owner: &FileOwner, file: &ItemFile) -> Result<bool, Failed> {
        let Some((model, record)) = self.place_of(owner) else { return Ok(false) };
        if search(&self.session, model, vec![condition("id", "=", record)], None).await?.is_empty() {
            return Ok(false);
        }
        let name = name(&names_at(model, record), file);
        self.load(MODEL, &[&row(&name, (model, Some(record)), file, layout)]).await?;
        Ok(true)
    }

    /// The model and the row of a record.
    fn place_of(&self, owner: &FileOwner) -> Option<(&'static str, i64)> {
        let (table, row) = Table::row(owner.module, &owner.id)?;
        Some((table.model(&self.known), row))
    }

    /// Makes a file and links it to all rows of its message; answers whether there are any.
    async fn hang(&self, layout: &Layout, message_id: &str, file: &ItemFile) -> Result<bool, Failed> {
        let rows = self.rows_of(message_id, &["model", "res_id"]).await?;
        let Some(beside) = rows.values().next() else { return Ok(false) };
        let model = beside.get("model").map(Rpc::str).unwrap_or_default();
        let record = beside.get("res_id").and_then(Rpc::int);
        let name = name(&names(message_id), file);
        let made = self.load(MODEL, &[&row(&name, (model, record), file, layout)]).await?;
        for file in made {
            let args = vec![Rpc::list(rows.keys().copied()), link(file)];
            self.session.call(Table::Messages.model(&self.known), Method::Write, args).await?;
        }
        Ok(true)
    }

    /// Deletes the files that we have hung on rows of a message. It goes before they do: nobody would find them afterwards.
    pub(super) async fn take_off(&self, message_id: &str, rows: &BTreeSet<i64>) -> Result<(), Failed> {
        if self.known.files.is_none() {
            return Ok(());
        }
        let rows: Vec<i64> = rows.iter().copied().collect();
        let shown = read(&self.session, Table::Messages.model(&self.known), &rows, &[LINKS]).await?;
        let all: Vec<i64> = shown.values().flat_map(linked).collect();
        let ours = self.ours(MODEL, &all, &names(message_id)).await?;
        if !ours.is_empty() {
            self.session.call(MODEL, Method::Unlink, vec![Rpc::list(ours)]).await?;
        }
        Ok(())
    }

    /// The files that hang on a record: of a message, those that its rows show, each once.
    async fn all_of(&self, owner: &FileOwner) -> Result<Vec<FileKept>, Failed> {
        let Some(message_id) = &owner.message_id else {
            let Some((model, record)) = self.place_of(owner) else { return Ok(Vec::new()) };
            return self
                .kept(vec![condition("res_model", "=", model), condition("res_id", "=", record)])
                .await;
        };
        let rows = self.rows_of(message_id, &[LINKS]).await?;
        let files: BTreeSet<i64> = rows.values().flat_map(linked).collect();
        if files.is_empty() {
            return Ok(Vec::new());
        }
        self.kept(vec![condition("id", "in", Rpc::list(files))]).await
    }

    /// Files of which this is true, of those that the account may see.
    async fn kept(&self, which: Vec<Rpc>) -> Result<Vec<FileKept>, Failed> {
        let seen = search(&self.session, MODEL, which, None).await?;
        let seen = read(&self.session, MODEL, &seen, &["name", "file_size"]).await?;
        let kept = |row: &Rpc| FileKept {
            name: row.get("name").map(Rpc::str).unwrap_or_default().to_owned(),
            size: row.get("file_size").and_then(Rpc::int).and_then(|n| n.try_into().ok()).unwrap_or(0),
        };
        Ok(seen.values().map(kept).collect())
    }
}

#[async_trait]
impl ItemFiles for User {
    async fn files(&self, owner: &FileOwner) -> Result<Vec<FileKept>, CallError> {
        self.all_of(owner).await.map_err(|failed| self.call(failed))
    }

    /// Two files of one record with the same name and the same content are one.
    async fn attach(&self, owner: &FileOwner, file: &ItemFile) -> Result<Result<(), ItemError>, CallError> {
        let Some(layout) = &self.known.files else {
            let reason = "the connection account may not attach files".into();
            return Ok(Err(ItemError::Forbidden { reason }));
        };
        let done = match &owner.message_id {
            Some(message_id) => self.hang(layout, message_id, file).await,
            None => self.put(layout, owner, file).await,
        };
        match done {
            Ok(true) => Ok(Ok(())),
            Ok(false) => Ok(Err(ItemError::Gone)),
            Err(Failed::Refused(refusal)) => Ok(Err(refusal.item())),
            Err(Failed::Call(error)) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "<1@far.example>";

    fn file(name: &str, content: &[u8]) -> ItemFile {
        ItemFile { name: name.into(), media_type: "text/plain".into(), content: content.to_vec() }
    }

    const AT: (&str, Option<i64>) = ("res.partner", Some(7));

    #[test]
    fn nothing_is_written_by_which_anybody_is_told() {
        let made = row("x", AT, &file("a.txt", b"a"), &Layout::for_tests(&WANTED, &[]));
        let columns: Vec<&str> = made.keys().map(String::as_str).collect();
        assert_eq!(columns, ["datas", "datas_fname", "id", "name", "res_id", "res_model"]);
        let Rpc::Map(written) = link(5) else { panic!("no columns") };
        assert_eq!(written.keys().collect::<Vec<_>>(), [LINKS]);
    }

    #[test]
    fn a_file_belongs_to_its_record_and_keeps_every_byte() {
        let all: Vec<u8> = (0..=255).collect();
        // Without the column that Odoo 13 has no more.
        let made = row("x", AT, &file("a.bin", &all), &Layout::for_tests(&NEEDED, &[]));
        assert!(!made.contains_key("datas_fname"));
        assert_eq!((made["res_model"].as_str(), made["res_id"].as_str()), ("res.partner", "7"));
        assert_eq!(STANDARD.decode(&made["datas"]), Ok(all));
    }

    #[test]
    fn the_same_file_has_one_name_and_another_one_has_another() {
        let of_message = names(ID);
        let this = name(&of_message, &file("a.txt", b"a"));
        // With and without brackets it is the same message; what a mailbox calls its type does not matter.
        let again = ItemFile { media_type: String::new(), ..file("a.txt", b"a") };
        assert_eq!(this, name(&names("1@far.example"), &again));
        assert!(this.starts_with(&of_message) && !this.contains('.'));
        let others = [
            name(&of_message, &file("b.txt", b"a")),
            name(&of_message, &file("a.txt", b"b")),
            name(&of_message, &file("a", b".txta")),
            name(&names("<2@far.example>"), &file("a.txt", b"a")),
            name(&names_at("res.partner", 7), &file("a.txt", b"a")),
            name(&names_at("crm.lead", 7), &file("a.txt", b"a")),
        ];
        assert!(!others.contains(&this));
    }

    #[test]
    fn without_its_columns_nothing_is_kept() {
        let without = |column: &str| NEEDED.iter().copied().filter(|c| *c != column).collect::<Vec<_>>();
        assert!(can_keep(&Layout::for_tests(&NEEDED, &[])));
        assert!(NEEDED.iter().all(|column| !can_keep(&Layout::for_tests(&without(column), &[]))));
        assert!(!can_hang(&Layout::for_tests(&["message_id"], &[])));
    }
}
