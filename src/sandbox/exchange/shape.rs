//! What a request wants to see of an item: `ItemShape` and the paths that name properties.

use super::extended::Key;
use super::fault::{Fault, Refusal};
use super::properties::{Class, Kind, Property, Shape};
use super::xml::Element;

/// A property, or one entry of a dictionary property.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Path {
    Field(String),
    /// FieldURI and key, such as `contacts:EmailAddress` and `EmailAddress1`.
    Indexed(String, String),
    Extended(Key),
}

/// FieldURIs whose class is spelled otherwise than the rest of the schema.
const FIELD_SPACES: &[&str] = &[
    "folder:",
    "item:",
    "message:",
    "meeting:",
    "meetingRequest:",
    "calendar:",
    "task:",
    "contacts:",
    "distributionlist:",
    "postitem:",
    "conversation:",
    "persona:",
    "person:",
    "abchperson:",
    "network:",
    "rolemember:",
];

const INDEXED: &[&str] = &[
    "item:InternetMessageHeader",
    "contacts:ImAddress",
    "contacts:PhysicalAddress:Street",
    "contacts:PhysicalAddress:City",
    "contacts:PhysicalAddress:State",
    "contacts:PhysicalAddress:CountryOrRegion",
    "contacts:PhysicalAddress:PostalCode",
    "contacts:PhoneNumber",
    "contacts:EmailAddress",
    "distributionlist:Members:Member",
];

impl Path {
    /// Whether the element is a path at all.
    pub(super) fn is_path(element: &Element) -> bool {
        matches!(&*element.name, "FieldURI" | "IndexedFieldURI" | "ExtendedFieldURI")
    }

    /// From `FieldURI`, `IndexedFieldURI` or `ExtendedFieldURI`.
    pub(super) fn parse(element: &Element) -> Result<Self, Fault> {
        let uri = element.attribute("FieldURI").unwrap_or_default();
        match &*element.name {
            "FieldURI" if FIELD_SPACES.iter().any(|s| uri.starts_with(s)) => Ok(Self::Field(uri.to_owned())),
            "IndexedFieldURI" if INDEXED.contains(&uri) => {
                let index = element
                    .attribute("FieldIndex")
                    .ok_or_else(|| Fault::schema("The required attribute 'FieldIndex' is missing."))?;
                Ok(Self::Indexed(uri.to_owned(), index.to_owned()))
            }
            "ExtendedFieldURI" => Ok(Self::Extended(Key::from_path(element)?)),
            _ => Err(Fault::schema(format!(
                "The 'FieldURI' attribute is invalid - The value '{uri}' is invalid."
            ))),
        }
    }

    /// Back to an element, for error details.
    pub(super) fn element(&self) -> Element {
        match self {
            Self::Field(uri) => Element::t("FieldURI").attr("FieldURI", uri.clone()),
            Self::Indexed(uri, index) => {
                Element::t("IndexedFieldURI").attr("FieldURI", uri.clone()).attr("FieldIndex", index.clone())
            }
            Self::Extended(key) => key.path(),
        }
    }
}

/// The `FieldURI` under which the entries of a dictionary property are indexed.
pub(super) fn index_uri(property: &Property) -> Option<&'static str> {
    match property.element {
        "EmailAddresses" => Some("contacts:EmailAddress"),
        "PhoneNumbers" => Some("contacts:PhoneNumber"),
        "ImAddresses" => Some("contacts:ImAddress"),
        "PhysicalAddresses" => Some("contacts:PhysicalAddress"),
        _ => None,
    }
}

/// The property whose entry an indexed path names.
pub(super) fn indexed_property(class: Class, uri: &str) -> Option<&'static Property> {
    class.properties().find(|p| {
        matches!(p.kind, Kind::Dictionary(_) | Kind::Addresses)
            && index_uri(p)
                .is_some_and(|i| uri == i || uri.strip_prefix(i).is_some_and(|r| r.starts_with(':')))
    })
}

/// The key under which one entry of a dictionary is kept.
pub(super) fn entry_key(uri: &str, index: &str) -> String {
    format!("{uri}/{index}")
}

/// Which form of body is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyWanted {
    Best,
    Html,
    Text,
}

/// `ItemShape`.
#[derive(Debug, Clone)]
pub(super) struct ItemShape {
    base: Option<Shape>,
    pub(super) body: BodyWanted,
    pub(super) additional: Vec<Path>,
}

impl ItemShape {
    /// Ids alone.
    pub(super) fn id_only() -> Self {
        Self { base: None, body: BodyWanted::Best, additional: Vec::new() }
    }

    /// Everything that a client can get without naming it.
    pub(super) fn everything() -> Self {
        Self { base: Some(Shape::All), body: BodyWanted::Text, additional: Vec::new() }
    }

    /// From the `ItemShape` of a request.
    pub(super) fn parse(operation: &Element) -> Result<Self, Fault> {
        let shape = operation.child("ItemShape").ok_or_else(|| Fault::schema("the ItemShape is missing"))?;
        let base = match shape.child_text("BaseShape") {
            Some("IdOnly") => None,
            Some("Default") => Some(Shape::Default),
            Some("AllProperties") => Some(Shape::All),
            _ => return Err(Fault::schema("The 'BaseShape' element is invalid.")),
        };
        let body = match shape.child_text("BodyType") {
            None | Some("Best") => BodyWanted::Best,
            Some("HTML") => BodyWanted::Html,
            Some("Text") => BodyWanted::Text,
            Some(_) => return Err(Fault::schema("The 'BodyType' element is invalid.")),
        };
        if shape.child_text("IncludeMimeContent").is_some_and(|t| matches!(t, "true" | "1")) {
            return Err(Refusal::new(
                "ErrorMimeContentConversionFailed",
                "The sandbox keeps no MIME content.",
            )
            .into());
        }
        let additional = match shape.child("AdditionalProperties") {
            None => Vec::new(),
            Some(paths) => paths.children.iter().map(Path::parse).collect::<Result<_, _>>()?,
        };
        Ok(Self { base, body, additional })
    }

    /// Whether the property is wanted as a whole.
    pub(super) fn wants(&self, property: &Property) -> bool {
        self.base.is_some_and(|base| property.shape <= base)
            || self.additional.iter().any(|p| matches!(p, Path::Field(uri) if uri == property.uri))
    }

    /// The entries of a dictionary that are wanted one by one.
    pub(super) fn wanted_entries<'a>(
        &'a self,
        property: &Property,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        let prefix = index_uri(property);
        self.additional.iter().filter_map(move |path| match (path, prefix) {
            (Path::Indexed(uri, index), Some(prefix)) if uri.starts_with(prefix) => {
                Some((uri.as_str(), index.as_str()))
            }
            _ => None,
        })
    }

    /// The extended properties that are wanted.
    pub(super) fn extended(&self) -> impl Iterator<Item = &Key> {
        self.additional.iter().filter_map(|path| match path {
            Path::Extended(key) => Some(key),
            _ => None,
        })
    }
}
