//! What the server's models look like: asked once, when the account signs in.

use super::event::Shape;
use super::layout::Layout;
use super::places::{Country, Places, State};
use super::session::{Failed, Method, Session, SignedIn};
use super::tables::Table;
use super::tags::{self, Tags};
use super::xmlrpc::Value as Rpc;
use super::{active, contact, files, lead, message, task};
use std::collections::BTreeMap;

impl Session {
    /// Finds out what the server's models look like.
    pub(super) async fn learn(&self, known: &mut SignedIn) -> Result<(), Failed> {
        let wanted = Rpc::list(contact::WANTED);
        let columns = self.as_user(known, "res.partner", Method::FieldsGet, vec![wanted], &[]).await?;
        known.contacts = Layout::read(&columns);
        known.leads = self.layout_if_seen(known, "crm.lead", &lead::WANTED).await?;
        let opportunities = self.layout_if_seen(known, "crm.lead", &active::WANTED).await?;
        known.opportunities = opportunities.filter(active::can_offer);
        let model = if known.seven { "crm.meeting" } else { "calendar.event" };
        let wanted = ["class", "privacy", "description", "categ_ids"];
        // Without the calendar application, only contacts are synced.
        let events = self.layout_if_there(known, model, &wanted).await?;
        known.events = events.as_ref().map(|layout| Shape {
            seven: known.seven,
            html_body: layout.is_html("description"),
            privacy: if layout.has("privacy") { "privacy" } else { "class" },
        });
        let tasks = self.layout_if_seen(known, "project.task", &task::WANTED).await?;
        known.tasks = tasks.map(|layout| task::Shape { layout, seven: known.seven });
        let tasks = known.tasks.as_ref().map(|shape| &shape.layout);
        let tagged = [
            (Table::Partners, Some(&known.contacts)),
            (Table::Events, events.as_ref()),
            (Table::Tasks, tasks),
        ];
        let mut tags = BTreeMap::new();
        for (table, layout) in tagged {
            let Some(layout) = layout else { continue };
            if let Some(of_table) = self.tags_of(known, table, layout).await? {
                tags.insert(table, of_table);
            }
        }
        known.tags = tags;
        let wanted = vec![Rpc::list(["share"])];
        known.users = Layout::read(&self.as_user(known, "res.users", Method::FieldsGet, wanted, &[]).await?);
        let messages = self.layout_if_seen(known, "mail.message", &message::WANTED).await?;
        known.messages = messages.filter(message::can_log);
        if known.messages.is_some() && !self.may(known, "mail.message", "create").await? {
            known.messages = None;
        }
        known.files = self.files(known).await?;
        known.files_on_messages = known.files.is_some()
            && known.messages.as_ref().is_some_and(files::can_hang)
            && self.may(known, "mail.message", "write").await?;
        known.may_tag = self.may(known, "ir.model.data", "create").await?;
        known.places = self.places(known).await?;
        Ok(())
    }

    /// How a table's rows are tagged; `None` where they are not, or the account may not see their tags.
    async fn tags_of(&self, known: &SignedIn, table: Table, layout: &Layout) -> Result<Option<Tags>, Failed> {
        let linked = tags::columns(table).iter().find_map(|c| Some((*c, layout.links_to(c)?)));
        let Some((column, model)) = linked else { return Ok(None) };
        let Some(own) = self.layout_if_seen(known, model, &tags::WANTED).await? else {
            return Ok(None);
        };
        let may_make = self.may(known, model, "create").await?;
        Ok(Tags::new(column, model, &own, may_make, known.seven))
    }

    /// The columns of files; `None` where none can be kept.
    async fn files(&self, known: &SignedIn) -> Result<Option<Layout>, Failed> {
        let layout = self.layout_if_seen(known, files::MODEL, &files::WANTED).await?;
        let Some(layout) = layout.filter(files::can_keep) else { return Ok(None) };
        for right in ["create", "write"] {
            if !self.may(known, files::MODEL, right).await? {
                return Ok(None);
            }
        }
        Ok(Some(layout))
    }

    /// The columns of a model; `None` where its application is not installed.
    async fn layout_if_there(
        &self,
        known: &SignedIn,
        model: &str,
        wanted: &[&str],
    ) -> Result<Option<Layout>, Failed> {
        let columns = vec![Rpc::list(wanted.iter().copied())];
        match self.as_user(known, model, Method::FieldsGet, columns, &[]).await {
            Ok(columns) => Ok(Some(Layout::read(&columns))),
            Err(Failed::Refused(refusal)) => {
                tracing::debug!(?refusal, model, "the model is not there");
                Ok(None)
            }
            Err(failed) => Err(failed),
        }
    }

    /// The same; `None` too where the account may not read it.
    async fn layout_if_seen(
        &self,
        known: &SignedIn,
        model: &str,
        wanted: &[&str],
    ) -> Result<Option<Layout>, Failed> {
        let Some(layout) = self.layout_if_there(known, model, wanted).await? else { return Ok(None) };
        Ok(self.may(known, model, "read").await?.then_some(layout))
    }

    /// The countries and states that the CRM knows.
    async fn places(&self, known: &SignedIn) -> Result<Places, Failed> {
        let text = |row: &Rpc, column: &str| row.get(column).map(Rpc::str).unwrap_or_default().to_owned();
        let id = |row: &Rpc| row.get("id").and_then(Rpc::int);
        let countries = self.all(known, "res.country", &["name", "code"]).await?;
        let states = self.all(known, "res.country.state", &["name", "code", "country_id"]).await?;
        Ok(Places {
            countries: countries
                .iter()
                .filter_map(|row| {
                    Some((id(row)?, Country { name: text(row, "name"), code: text(row, "code") }))
                })
                .collect(),
            states: states
                .iter()
                .filter_map(|row| {
                    let country = row.get("country_id").and_then(Rpc::many2one);
                    Some((id(row)?, State { name: text(row, "name"), code: text(row, "code"), country }))
                })
                .collect(),
        })
    }

    /// All rows of a small table.
    async fn all(&self, known: &SignedIn, model: &str, columns: &[&str]) -> Result<Vec<Rpc>, Failed> {
        let ids = self.as_user(known, model, Method::Search, vec![Rpc::List(vec![])], &[]).await?;
        let wanted = vec![ids, Rpc::list(columns.iter().copied())];
        Ok(self.as_user(known, model, Method::Read, wanted, &[]).await?.items().to_vec())
    }
}
