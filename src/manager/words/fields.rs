//! Fields as the forms of mail programs call them.

use riva_core::item::Field;

/// Its name on the screen.
pub fn field_title(field: Field) -> &'static str {
    match field {
        Field::Name => "Name",
        Field::DisplayName => "Shown as",
        Field::Nickname => "Nickname",
        Field::Organization => "Company, job",
        Field::Emails => "E-mail",
        Field::Phones => "Phones",
        Field::WorkAddress => "Business address",
        Field::HomeAddress => "Home address",
        Field::OtherAddress => "Other address",
        Field::Urls => "Web pages",
        Field::Birthday => "Birthday",
        Field::Anniversary => "Anniversary",
        Field::Notes => "Notes",
        Field::Categories => "Categories",
        Field::Manager => "Manager",
        Field::Assistant => "Assistant",
        Field::Spouse => "Spouse",
        Field::Summary => "Subject",
        Field::Body => "Text",
        Field::Location => "Location",
        Field::When => "When",
        Field::ShowAs => "Show as",
        Field::Organizer => "Organizer",
        Field::Attendees => "Attendees",
        Field::Reminder => "Reminder",
        Field::Sensitivity => "Sensitivity",
        Field::Importance => "Importance",
        Field::Recurrence => "Recurrence",
        Field::Status => "Status",
        Field::Overrides => "Changed occurrences",
        Field::StartDate => "Start date",
        Field::DueDate => "Due date",
        Field::Completion => "Progress",
        Field::MailFolder => "Folder",
        Field::From => "From",
        Field::To => "To",
        Field::Cc => "Cc",
        Field::Bcc => "Bcc",
        Field::SentAt => "Sent",
        Field::People => "Related to",
        Field::Record => "Assigned to",
    }
}

/// The same for a field's name as documents and journal have it; what is no field stays as it is.
pub fn by_word(word: &str) -> String {
    Field::from_word(word).map_or_else(|| word.to_owned(), |field| field_title(field).to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_field_has_a_name_of_its_own() {
        let titles: BTreeSet<_> = Field::ALL.iter().map(|field| field_title(*field)).collect();
        assert_eq!(titles.len(), Field::ALL.len());
        assert_eq!(by_word("displayName"), "shown as");
        assert_eq!(by_word("nonsense"), "nonsense");
    }
}
