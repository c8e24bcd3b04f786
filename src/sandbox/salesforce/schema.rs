//! The objects of the org and their fields: types, lengths and rights as the vendor's object reference lists them.

use super::api::ApiError;
use super::objects;

/// The type of a field, with what belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Record id.
    Id,
    /// Reference to another record.
    Reference(&'static Relation),
    /// One line of text of at most so many characters.
    Text(usize),
    /// Text with line breaks.
    TextArea(usize),
    /// E-mail address.
    Email,
    /// Phone number, free text.
    Phone,
    /// Web address.
    Url,
    /// One of these values; `strict` ones refuse others.
    Picklist {
        /// The values, in order.
        values: &'static [&'static str],
        /// Refuses other values.
        strict: bool,
    },
    /// Yes or no, never null.
    Boolean,
    /// Whole number.
    Int,
    /// Calendar day.
    Date,
    /// Instant, shown in UTC.
    DateTime,
    /// What a file holds: given in base 64, shown as the address where it is read.
    Base64,
}

/// What a reference points at.
#[derive(Debug, PartialEq, Eq)]
pub struct Relation {
    /// Its name in SOQL paths (`Owner` for `OwnerId`).
    pub name: &'static str,
    /// The objects it may point at.
    pub to: &'static [&'static str],
}

/// A field of an object.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::struct_excessive_bools)] // As the vendor's describe call has them.
pub struct Field {
    /// API name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// May be empty.
    pub nillable: bool,
    /// May be given on create.
    pub create: bool,
    /// May be given on update.
    pub update: bool,
    /// External id that is unique in the object.
    pub external_id: bool,
    /// May be used to look a record up in an upsert though it is no external id.
    pub id_lookup: bool,
    /// Is filled by the server when left out on create.
    pub defaulted: bool,
}

impl Field {
    /// A field that users may write.
    pub const fn new(name: &'static str, kind: Kind) -> Self {
        let boolean = matches!(kind, Kind::Boolean);
        Self {
            name,
            kind,
            nillable: !boolean,
            create: true,
            update: true,
            external_id: false,
            id_lookup: false,
            defaulted: boolean,
        }
    }

    /// Only the server writes it.
    #[must_use]
    pub const fn read_only(mut self) -> Self {
        self.create = false;
        self.update = false;
        self
    }

    /// Is given once, on create.
    #[must_use]
    pub const fn create_only(mut self) -> Self {
        self.update = false;
        self
    }

    /// Must not be empty.
    #[must_use]
    pub const fn required(mut self) -> Self {
        self.nillable = false;
        self
    }

    /// Must not be empty, but the server knows a value.
    #[must_use]
    pub const fn defaulted(mut self) -> Self {
        self.nillable = false;
        self.defaulted = true;
        self
    }

    /// A unique external id.
    #[must_use]
    pub const fn external_id(mut self) -> Self {
        self.external_id = true;
        self.id_lookup = true;
        self
    }

    /// Can be used in an upsert's address.
    #[must_use]
    pub const fn id_lookup(mut self) -> Self {
        self.id_lookup = true;
        self
    }

    /// Whether the org's administrator has added it.
    pub fn is_custom(&self) -> bool {
        self.name.ends_with("__c")
    }

    /// Most characters of a value; 0 where it does not apply.
    pub fn length(&self) -> usize {
        match self.kind {
            Kind::Id | Kind::Reference(_) => 18,
            Kind::Text(n) | Kind::TextArea(n) => n,
            Kind::Email => 80,
            Kind::Phone => 40,
            Kind::Url | Kind::Picklist { .. } => 255,
            Kind::Boolean | Kind::Int | Kind::Date | Kind::DateTime | Kind::Base64 => 0,
        }
    }

    /// Whether SOQL may filter and sort by it: not by long text, nor by what a file holds.
    pub fn filterable(&self) -> bool {
        match self.kind {
            Kind::TextArea(n) => n <= 255,
            kind => kind != Kind::Base64,
        }
    }
}

/// An object of the org.
#[derive(Debug, Clone, Copy)]
pub struct Object {
    /// API name.
    pub name: &'static str,
    /// Name of several.
    pub plural: &'static str,
    /// First three characters of its ids.
    pub prefix: &'static str,
    /// Fields of its own, behind those that every object has.
    pub own_fields: &'static [Field],
    /// Records may be written through the API.
    pub writable: bool,
    /// Records may be made through the API; others come about with those of another object.
    pub createable: bool,
    /// Deletions can be asked for.
    pub replicateable: bool,
}

impl Object {
    /// Every field: id and audit fields first, as all objects have them.
    pub fn fields(&self) -> impl Iterator<Item = &'static Field> + use<> {
        let deletable = self.replicateable;
        objects::COMMON.iter().filter(move |f| deletable || f.name != "IsDeleted").chain(self.own_fields)
    }

    /// A field by its name, in any case of letters.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields().find(|f| f.name.eq_ignore_ascii_case(name))
    }

    /// The reference field behind a relation's name (`Owner` → `OwnerId`).
    pub fn relation(&self, name: &str) -> Option<(&'static Field, &'static Relation)> {
        self.fields().find_map(|f| match f.kind {
            Kind::Reference(relation) if relation.name.eq_ignore_ascii_case(name) => Some((f, relation)),
            _ => None,
        })
    }
}

/// The org's objects, with or without what its administrator may have switched on or added.
#[derive(Debug, Clone)]
pub struct Schema {
    objects: Vec<Object>,
}

impl Schema {
    /// All objects; `sync_key` says whether Contact, Event and Task carry the external id of the sync, `enhanced_email`
    /// whether the org keeps e-mail as records, `files` whether it keeps files.
    pub fn new(sync_key: bool, enhanced_email: bool, files: bool) -> Self {
        let mut objects = objects::ALL.to_vec();
        objects.retain(|object| enhanced_email || !objects::OF_ENHANCED_EMAIL.contains(&object.name));
        objects.retain(|object| files || !objects::OF_FILES.contains(&object.name));
        if !sync_key {
            for object in &mut objects {
                if let Some((last, others)) = object.own_fields.split_last()
                    && last.name == objects::SYNC_KEY
                {
                    object.own_fields = others;
                }
            }
        }
        Self { objects }
    }

    /// Every object.
    pub fn objects(&self) -> &[Object] {
        &self.objects
    }

    /// An object by its name, in any case of letters.
    pub fn object(&self, name: &str) -> Option<Object> {
        self.objects.iter().copied().find(|o| o.name.eq_ignore_ascii_case(name))
    }

    /// An object by its name, or the answer that there is none.
    pub fn known(&self, name: &str) -> Result<Object, ApiError> {
        self.object(name).ok_or_else(ApiError::not_found)
    }

    /// The object that an id belongs to, by its first three characters.
    pub fn of_id(&self, id: &str) -> Option<Object> {
        let prefix = id.get(..3)?;
        self.objects.iter().copied().find(|o| o.prefix == prefix)
    }
}
