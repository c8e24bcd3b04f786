//! An OpenERP 7 with nothing but contacts and their tags, by its documents of the web service and not from our client. It counts the
//! writes that do not ask it to mail nobody.

use super::wire::{Answered, Asked};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The connection account and the one user.
pub const USER: i64 = 5;
const SILENT: [&str; 3] = ["no_mail_to_attendees", "mail_notify_noemail", "mail_notrack"];

/// The tag that contacts are made with here.
pub const CUSTOMERS: &str = "Customers";
/// Its row.
const CUSTOMERS_ROW: i64 = 900_001;

pub struct OpenErpServer {
    partners: BTreeMap<i64, Map<String, Value>>,
    /// Tags by their rows: the name, and the one above.
    pub tags: BTreeMap<i64, (String, Option<i64>)>,
    /// What the account may not do with tags.
    pub forbidden: Vec<&'static str>,
    /// External ids by name: the row of a partner.
    names: BTreeMap<i64, (String, i64)>,
    last: i64,
    pub mails: u64,
}

impl Default for OpenErpServer {
    fn default() -> Self {
        Self {
            partners: BTreeMap::new(),
            tags: [(CUSTOMERS_ROW, (CUSTOMERS.to_owned(), None))].into(),
            forbidden: Vec::new(),
            names: BTreeMap::new(),
            last: 0,
            mails: 0,
        }
    }
}

type Refused = (String, String);

const TAGS: &str = "res.partner.category";

/// Rights, and what nobody may call without them.
const RIGHTS: [(&str, &str); 3] = [("read", "search"), ("read", "read"), ("create", "create")];

impl OpenErpServer {
    /// Every contact that is not archived, with its external ids.
    pub fn texts(&self) -> Vec<String> {
        let active = self.partners.iter().filter(|(_, row)| row["active"] == json!(true));
        active
            .map(|(id, row)| {
                let names = self.names.values().filter(|(_, of)| of == id).map(|(name, _)| name.as_str());
                format!("{} {}", Value::Object(row.clone()), names.collect::<Vec<_>>().join(" "))
            })
            .collect()
    }

    /// Links a contact to tags besides those that it has; its version does not tell.
    pub fn link(&mut self, partner: i64, tag: i64) {
        let linked = self.partners.get_mut(&partner).unwrap().get_mut("category_id").unwrap();
        linked.as_array_mut().unwrap().push(json!(tag));
    }

    /// The tags that a contact is linked to.
    pub fn links(&self, partner: i64) -> Vec<i64> {
        list(&self.partners[&partner]["category_id"]).collect()
    }

    pub fn answer(&mut self, asked: &Asked) -> Answered {
        if asked.path.starts_with("/xmlrpc/2/") {
            return Answered::bare(404);
        }
        let (method, params) = read_call(&asked.text());
        let result = match method.as_str() {
            "version" => Ok(json!({"server_version": "7.0"})),
            "login" => Ok(json!(USER)),
            "execute_kw" => self.execute(&params),
            other => Err((format!("no method {other}"), String::new())),
        };
        let mut body = String::from("<?xml version='1.0'?><methodResponse>");
        match result {
            Ok(value) => {
                body += "<params><param>";
                write_value(&value, &mut body);
                body += "</param></params>";
            }
            Err((code, text)) => {
                body += "<fault>";
                write_value(&json!({"faultCode": code, "faultString": text}), &mut body);
                body += "</fault>";
            }
        }
        Answered::new(200, "text/xml", body + "</methodResponse>")
    }

    fn stamp(&mut self) -> Value {
        self.last += 1;
        let n = self.last;
        json!(format!("2026-01-01 {:02}:{:02}:{:02}.000{n:03}", n / 3600, n / 60 % 60, n % 60))
    }

    fn execute(&mut self, params: &Value) -> Result<Value, Refused> {
        let (model, method) = (text(&params[3]), text(&params[4]));
        let (args, context) = (&params[5], &params[6]["context"]);
        if ["load", "create", "write", "unlink"].contains(&method)
            && SILENT.iter().any(|key| context[*key] != json!(true))
        {
            self.mails += 1;
        }
        if model == TAGS && self.forbidden.iter().any(|right| RIGHTS.contains(&(*right, method))) {
            let what = "Sorry, you are not allowed to access this document.";
            return Err((format!("warning -- Access Denied\n\n{what}"), String::new()));
        }
        match (model, method) {
            (TAGS, "check_access_rights") => Ok(json!(!self.forbidden.contains(&text(&args[0])))),
            (_, "check_access_rights") => Ok(json!(true)),
            ("ir.config_parameter", "get_param") => Ok(json!("0b4c")),
            ("res.partner", "fields_get") => {
                let kind = |name: &str, kind: &str| (name.to_owned(), json!({ "type": kind }));
                let texts = ["name", "function", "email", "phone", "comment"].map(|name| kind(name, "char"));
                let rest =
                    [kind("user_id", "many2one"), kind("active", "boolean"), kind("is_company", "boolean")];
                let tags = ("category_id".to_owned(), json!({"type": "many2many", "relation": TAGS}));
                Ok(Value::Object(texts.into_iter().chain(rest).chain([tags]).collect()))
            }
            (TAGS, "fields_get") => Ok(
                json!({"name": {"type": "char", "size": 64}, "parent_id": {"type": "many2one", "relation": TAGS}}),
            ),
            (TAGS, "create") => {
                self.last += 1;
                // A name has 64 letters at most: the rest is cut off.
                let name = text(&args[0]["name"]).chars().take(64).collect();
                self.tags.insert(self.last, (name, args[0]["parent_id"].as_i64()));
                Ok(json!(self.last))
            }
            ("res.users", "fields_get") => Ok(json!({"login": {"type": "char"}})),
            (_, "fields_get") => Err((format!("Object {model} doesn't exist"), String::new())),
            (_, "search") => Ok(json!(self.search(model, &args[0], &args[2]))),
            (_, "exists") => {
                Ok(json!(list(&args[0]).filter(|id| self.partners.contains_key(id)).collect::<Vec<_>>()))
            }
            (_, "read" | "perm_read") => {
                Ok(list(&args[0]).filter_map(|id| self.row(model, id)).map(Value::Object).collect())
            }
            ("res.partner", "load") => Ok(self.load(&args[0], &args[1])),
            ("res.partner", "write") => self.write(&args[0], &args[1], &context["__last_update"]),
            ("ir.model.data", "create") => {
                self.last += 1;
                let (name, row) = (text(&args[0]["name"]).to_owned(), args[0]["res_id"].as_i64().unwrap());
                if self.names.values().any(|(known, _)| *known == name) {
                    let what =
                        "You cannot have multiple records with the same external ID in the same module!";
                    return Err((format!("warning -- Constraint Error\n\n{what}"), String::new()));
                }
                self.names.insert(self.last, (name, row));
                Ok(json!(self.last))
            }
            _ => Err((format!("no method {method} of {model}"), String::new())),
        }
    }

    fn row(&self, model: &str, id: i64) -> Option<Map<String, Value>> {
        let row = match model {
            "res.partner" => self.partners.get(&id)?.clone().into(),
            "ir.model.data" => {
                let (name, of) = self.names.get(&id)?;
                json!({"id": id, "module": "__riva__", "model": "res.partner", "name": name, "res_id": of})
            }
            TAGS => {
                let (name, above) = self.tags.get(&id)?;
                let above = above.map_or(json!(false), |above| json!([above, self.tags[&above].0]));
                json!({"id": id, "name": name, "parent_id": above})
            }
            "res.users" if id == USER => {
                json!({"id": USER, "name": "Ann", "login": "ann", "email": "ann@example.test",
                "active": true, "tz": "UTC", "partner_id": false})
            }
            _ => return None,
        };
        row.as_object().cloned()
    }

    fn search(&self, model: &str, domain: &Value, limit: &Value) -> Vec<i64> {
        let all: Vec<i64> = match model {
            "res.partner" => self.partners.keys().copied().collect(),
            "ir.model.data" => self.names.keys().copied().collect(),
            TAGS => self.tags.keys().copied().collect(),
            "res.users" => vec![USER],
            _ => Vec::new(),
        };
        let fits = |row: &Map<String, Value>, condition: &Value| {
            let (now, wanted) = (row.get(text(&condition[0])).unwrap_or(&Value::Null), &condition[2]);
            // Of a link to another row, its number.
            let now = now.get(0).unwrap_or(now);
            let after = || match (now.as_i64(), wanted.as_i64()) {
                (Some(now), Some(wanted)) => now.cmp(&wanted),
                _ => text(now).cmp(text(wanted)),
            };
            match text(&condition[1]) {
                "=" => now == wanted,
                "in" => wanted.as_array().is_some_and(|all| all.contains(now)),
                ">" => after().is_gt(),
                ">=" => after().is_ge(),
                "=ilike" => text(now).eq_ignore_ascii_case(&text(wanted).replace('\\', "")),
                other => panic!("a search by {other}"),
            }
        };
        let whole = domain.as_array().cloned().unwrap_or_default();
        let found = all.into_iter().filter(|id| {
            self.row(model, *id).is_some_and(|row| whole.iter().all(|condition| fits(&row, condition)))
        });
        found.take(limit.as_u64().and_then(|n| n.try_into().ok()).unwrap_or(usize::MAX)).collect()
    }

    /// Rows by their external ids: made, or changed where they are known.
    fn load(&mut self, columns: &Value, rows: &Value) -> Value {
        let mut ids = Vec::new();
        for row in rows.as_array().unwrap() {
            let cells: BTreeMap<&str, &str> = columns
                .as_array()
                .unwrap()
                .iter()
                .map(text)
                .zip(row.as_array().unwrap().iter().map(text))
                .collect();
            let name = cells["id"].trim_start_matches("__riva__.").to_owned();
            let known = self.names.values().find(|(n, _)| *n == name).map(|(_, id)| *id);
            let stamp = self.stamp();
            let id = known.unwrap_or(self.last);
            if known.is_none() {
                self.names.insert(id, (name, id));
                let blank = json!({"id": id, "active": true, "is_company": false, "create_date": stamp,
                    "category_id": []});
                self.partners.insert(id, blank.as_object().cloned().unwrap());
            }
            let partner = self.partners.get_mut(&id).unwrap();
            partner.insert("write_date".into(), stamp);
            for (column, cell) in cells {
                match column.strip_suffix("/.id") {
                    // Links to many rows are replaced by those of the cell, and the empty cell says nothing.
                    Some("category_id") if cell.is_empty() => None,
                    Some("category_id") => {
                        let tags = cell.split(',').map(|id| id.parse::<i64>().unwrap());
                        partner.insert("category_id".into(), tags.collect())
                    }
                    Some(link) => partner.insert(link.into(), json!([cell.parse::<i64>().unwrap(), "Ann"])),
                    None if column == "id" => None,
                    None => partner.insert(column.into(), json!(cell)),
                };
            }
            ids.push(id);
        }
        json!({"ids": ids, "messages": []})
    }

    fn write(&mut self, ids: &Value, set: &Value, seen: &Value) -> Result<Value, Refused> {
        for id in list(ids) {
            let stamp = self.stamp();
            let missing = || ("warning -- MissingError".to_owned(), String::new());
            let row = self.partners.get_mut(&id).ok_or_else(missing)?;
            let expected = &seen[format!("res.partner,{id}")];
            if !expected.is_null() && *expected != row["write_date"] {
                let what =
                    "warning -- ConcurrencyException\n\nA document was modified since you last viewed it";
                return Err((what.to_owned(), String::new()));
            }
            let mut set = set.as_object().cloned().unwrap();
            if let Some(commands) = set.remove("category_id") {
                let mut tags: Vec<i64> = list(&row["category_id"]).collect();
                for command in commands.as_array().unwrap() {
                    let tag = command[1].as_i64().unwrap();
                    tags.retain(|linked| *linked != tag);
                    match command[0].as_i64() {
                        Some(4) => tags.push(tag),
                        Some(3) => {}
                        other => panic!("command {other:?}"),
                    }
                }
                row.insert("category_id".into(), json!(tags));
            }
            row.extend(set);
            row.insert("write_date".into(), stamp);
        }
        Ok(json!(true))
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> impl Iterator<Item = i64> {
    value.as_array().into_iter().flatten().filter_map(Value::as_i64)
}

fn read_call(text: &str) -> (String, Value) {
    let document = roxmltree::Document::parse(text).unwrap();
    let named = |name: &'static str| document.descendants().filter(move |n| n.has_tag_name(name));
    let method = named("methodName").next().and_then(|n| n.text()).unwrap_or_default().to_owned();
    let values = named("param").filter_map(|p| p.first_element_child());
    (method, values.map(read_value).collect())
}

fn read_value(value: roxmltree::Node<'_, '_>) -> Value {
    let Some(typed) = value.first_element_child() else { return json!(value.text().unwrap_or_default()) };
    let text = typed.text().unwrap_or_default();
    let inside = |name: &'static str| typed.descendants().filter(move |n| n.has_tag_name(name));
    match typed.tag_name().name() {
        "boolean" => json!(text == "1"),
        "int" | "i8" => json!(text.parse::<i64>().unwrap()),
        "double" => json!(text.parse::<f64>().unwrap()),
        "array" => {
            let data = inside("data").next().unwrap();
            data.children().filter(|n| n.has_tag_name("value")).map(read_value).collect()
        }
        "struct" => {
            let members = typed.children().filter(|n| n.has_tag_name("member"));
            let pair = |member: roxmltree::Node<'_, '_>| {
                let part = |name: &str| member.children().find(|n| n.has_tag_name(name)).unwrap();
                (part("name").text().unwrap_or_default().to_owned(), read_value(part("value")))
            };
            Value::Object(members.map(pair).collect())
        }
        _ => json!(text),
    }
}

fn write_value(value: &Value, out: &mut String) {
    out.push_str("<value>");
    let _ = match value {
        Value::Null => write!(out, "<nil/>"),
        Value::Bool(yes) => write!(out, "<boolean>{}</boolean>", u8::from(*yes)),
        Value::Number(number) => write!(out, "<int>{number}</int>"),
        Value::String(text) => {
            write!(out, "<string>{}</string>", text.replace('&', "&amp;").replace('<', "&lt;"))
        }
        Value::Array(values) => {
            out.push_str("<array><data>");
            for value in values {
                write_value(value, out);
            }
            write!(out, "</data></array>")
        }
        Value::Object(members) => {
            out.push_str("<struct>");
            for (name, member) in members {
                let _ = write!(out, "<member><name>{name}</name>");
                write_value(member, out);
                out.push_str("</member>");
            }
            write!(out, "</struct>")
        }
    };
    out.push_str("</value>");
}
