//! `Assign To` through the real agent: a folder for each open opportunity and case of the user, and what is dropped there is
//! logged once, related to that record.

use super::*;

/// The folder of a record.
fn folder(record: &str) -> String {
    format!("CRM/Assign To/{record}")
}

impl House {
    /// A record of a user's; its id.
    fn record(&self, user: &str, object: &str, values: Value) -> String {
        let fields = fields(values);
        self.tenant
            .sandbox
            .salesforce()
            .edit(user, &CrmEdit::Create { object: object.into(), fields })
            .unwrap()
    }

    fn opportunity(&self, user: &str, name: &str) -> String {
        let values = json!({"Name": name, "StageName": "Prospecting", "CloseDate": "2027-03-31"});
        self.record(user, "Opportunity", values)
    }

    fn changed(&self, user: &str, object: &str, id: &str, values: Value) {
        let edit = CrmEdit::Update { object: object.into(), id: id.into(), fields: fields(values) };
        self.tenant.sandbox.salesforce().edit(user, &edit).unwrap();
    }

    /// Drops a new message into a folder, if that is there.
    fn dropped(&self, user: &str, record: &str, id: &str, more: Value) -> bool {
        let mut all = fields(json!({
            "Subject": format!("About {id}"), "Body": "Dear all", "From": ["stranger@far.example"],
            "ToRecipients": [user], "InternetMessageId": format!("<{id}@far.example>"),
        }));
        all.extend(fields(more));
        let at = Some(Utc::now() - Duration::days(2000));
        let edit = MailEdit::Deliver { user: user.into(), folder: folder(record), at, fields: all };
        self.tenant.sandbox.control().edit(edit).is_ok()
    }

    /// What each message in the log is related to, by its id.
    fn related(&self) -> BTreeMap<String, Value> {
        let all = self.tenant.sandbox.salesforce().messages();
        let of = |m: &Value| (id_in(&m["MessageIdentifier"]).to_owned(), m["RelatedToId"].clone());
        let related: BTreeMap<String, Value> = all.iter().map(of).collect();
        assert_eq!(related.len(), all.len(), "each is there once: {all:#?}");
        related
    }
}

fn policy() -> EmailPolicy {
    EmailPolicy { assign_to: true, ..EmailPolicy::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_dropped_at_a_record_is_logged_once_and_related_to_it() {
    let mut house = House { tenant: Tenant::new(true).await };
    house.knows("Ann", ANN);
    let seats = house.opportunity(AMELIE, "500 seats / Acme");
    let twin = house.opportunity(AMELIE, "500 Seats - Acme");
    let theirs = house.opportunity(KENJI, "Theirs");
    let case = house.record(AMELIE, "Case", json!({"Subject": "Printer on fire"}));
    let number = house.tenant.sandbox.salesforce().dump()[AMELIE]["Case"][0]["CaseNumber"].clone();
    let case_folder = format!("{} Printer on fire", number.as_str().unwrap());
    house = house.open("salesforce", policy()).await;
    let lines = house.activity(AMELIE).await;
    for said in [
        r#"E-mail: Made the folder "CRM/Assign To" in the mailbox"#,
        r#"E-mail: Made 3 folders for active records in "CRM/Assign To""#,
    ] {
        assert!(lines.iter().any(|line| line == said), "{said}: {lines:#?}");
    }
    // The twin was changed last, and came first.
    assert!(house.dropped(AMELIE, "500 Seats - Acme", "two", json!({})));
    assert!(house.dropped(AMELIE, "500 seats - Acme (2)", "one", json!({"CcRecipients": [ANN]})));
    assert!(house.dropped(AMELIE, &case_folder, "fire", json!({})));
    assert!(house.dropped(AMELIE, &case_folder, "private", json!({"Sensitivity": "Private"})));
    assert!(!house.dropped(AMELIE, "Theirs", "nobody", json!({})), "it is another user's");
    assert!(house.dropped(KENJI, "Theirs", "theirs", json!({"From": [AMELIE]})));
    // A message that lies in the Inbox, too; somebody else gets it later.
    house.mail(AMELIE, "inbox", "both", Utc::now(), json!({}));
    assert!(house.dropped(AMELIE, "500 Seats - Acme", "both", json!({})));

    // A preview tells of each, against what, and does nothing.
    let preview = house.tenant.agent.preview(house.member(AMELIE).await).await.unwrap();
    let told: BTreeMap<&str, &str> =
        preview.deeds.iter().map(|deed| (deed.title.as_str(), deed.rule.as_str())).collect();
    for (title, name) in [
        ("About two", "500 Seats - Acme"),
        ("About one", "500 seats - Acme (2)"),
        ("About fire", case_folder.as_str()),
        ("About both", "500 Seats - Acme"),
    ] {
        let rule = format!("assigned by the user to \"{name}\", people by matching addresses");
        assert_eq!(told.get(title), Some(&rule.as_str()), "{preview:#?}");
    }
    assert!(house.related().is_empty());

    house.tenant.a_cycle_each().await;
    house.mail(KENJI, "inbox", "both", Utc::now(), json!({}));
    house.tenant.a_cycle_each().await;
    let wanted = |more: &[(&str, &String)]| {
        let first = [("two", &twin), ("one", &seats), ("fire", &case), ("theirs", &theirs), ("both", &twin)];
        let all = first.iter().chain(more);
        all.map(|(id, record)| ((*id).to_owned(), json!(record))).collect::<BTreeMap<String, Value>>()
    };
    assert_eq!(house.related(), wanted(&[]));
    let messages = house.tenant.sandbox.salesforce().messages();
    let people = |id: &str| {
        let message = messages.iter().find(|m| m["Subject"] == format!("About {id}")).unwrap();
        message["people"]
            .as_array()
            .unwrap()
            .iter()
            .map(|p| p["RelationAddress"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert!(people("one").contains(&ANN.to_owned()) && !people("two").contains(&ANN.to_owned()));

    // One is renamed, one closed; a third one's folder is deleted by its user, with what is in it.
    house.changed(AMELIE, "Opportunity", &twin, json!({"Name": "600 seats"}));
    house.changed(AMELIE, "Opportunity", &seats, json!({"StageName": "Closed Won"}));
    house.tenant.sandbox.control().delete_folder(AMELIE, &folder(&case_folder)).unwrap();
    house.tenant.a_cycle_each().await;
    assert!(house.dropped(AMELIE, "600 seats", "renamed", json!({})));
    assert!(house.dropped(AMELIE, "500 seats - Acme (2) (inactive)", "closed", json!({})));
    assert!(house.dropped(AMELIE, &case_folder, "again", json!({})));
    // What was logged before is not changed; its user is told.
    assert!(house.dropped(AMELIE, "600 seats", "fire", json!({})));
    // Restarts, lost places and lost state: nothing is logged again, and no folder is made again.
    house.tenant.stop_agent().await;
    house.tenant.sandbox.control().invalidate_sync_states();
    house.tenant.start_agent().await;
    house.tenant.a_cycle_each().await;
    house.tenant.a_cycle_each().await;
    let later = [("renamed", &twin), ("closed", &seats), ("again", &case)];
    assert_eq!(house.related(), wanted(&later));
    let lines = house.activity(AMELIE).await;
    let late = r#"E-mail: About fire: it was logged before it was assigned to "600 seats"."#;
    assert_eq!(lines.iter().filter(|line| line.starts_with(late)).count(), 1, "{lines:#?}");
    let made = house.tenant.sandbox.control().counters().requests["CreateFolder"];
    house.lose_state().await;
    house.tenant.a_cycle_each().await;
    house.tenant.a_cycle_each().await;
    assert_eq!(house.related(), wanted(&later));
    assert_eq!(house.tenant.sandbox.control().counters().requests["CreateFolder"], made);
    let requests = house.tenant.sandbox.control().counters().requests;
    assert_eq!(requests.get("DeleteFolder"), None, "no folder is ever deleted");
    house.nobody_was_mailed_and_nothing_written();
    house.tenant.stop_agent().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_of_folders_is_said_and_takes_none_away() {
    let mut house = House { tenant: Tenant::new(true).await };
    for n in 1..=3 {
        house.opportunity(AMELIE, &format!("Deal {n}"));
    }
    house = house.open("salesforce", EmailPolicy { assign_to_limit: 2, ..policy() }).await;
    let limit = "E-mail: There are more than 2 active records";
    let said = |lines: &[String]| lines.iter().filter(|line| line.starts_with(limit)).count();
    assert_eq!(said(&house.activity(AMELIE).await), 1);
    assert_eq!(said(&house.activity(KENJI).await), 0, "nobody there has so many");
    assert!(!house.dropped(AMELIE, "Deal 1", "nowhere", json!({})), "it was changed least recently");
    // Another one gets its folder; what has one keeps it.
    let deal = house.opportunity(AMELIE, "Deal 4");
    house.tenant.a_cycle_each().await;
    for n in 2..=4 {
        assert!(house.dropped(AMELIE, &format!("Deal {n}"), &format!("mail-{n}"), json!({})), "Deal {n}");
    }
    house.tenant.a_cycle_each().await;
    assert_eq!(house.related().len(), 3);
    assert_eq!(house.related()["mail-4"], json!(deal));
    assert_eq!(said(&house.activity(AMELIE).await), 1, "once");
    house.tenant.stop_agent().await;
}
