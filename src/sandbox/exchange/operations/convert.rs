//! ConvertId between the forms of one id: EWS, entry id, entry id in hexadecimal.

use super::super::fault::{Fault, Refusal};
use super::super::ids;
use super::super::organisation::{Organisation, malformed};
use super::super::xml::Element;
use super::{each, required, word};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write as _;

const FORMATS: &[&str] = &["EwsLegacyId", "EwsId", "EntryId", "HexEntryId", "StoreId", "OwaId"];

pub(super) fn convert_id(organisation: &Organisation, operation: &Element) -> Result<Element, Fault> {
    let to = word(operation, "DestinationFormat", FORMATS)?
        .ok_or_else(|| Fault::schema("The required attribute 'DestinationFormat' is missing."))?;
    each(&required(operation, "SourceIds")?.children, "ConvertId", &[], |source| {
        let from = word(source, "Format", FORMATS)?.ok_or_else(|| Fault::schema("no Format"))?;
        let mailbox = source.attribute("Mailbox").unwrap_or_default();
        let text = source.attribute("Id").unwrap_or_default();
        let bytes = match from {
            "EwsId" | "EntryId" => STANDARD.decode(text).ok(),
            "HexEntryId" => unhex(text),
            other => return Err(unsupported(other).into()),
        };
        // In the sandbox all forms hold the same bytes, so an id must at least be one of ours.
        let bytes = bytes.filter(|b| ids::decode(&STANDARD.encode(b)).is_some()).ok_or_else(malformed)?;
        organisation.mailbox_of(mailbox).ok_or_else(Refusal::no_mailbox)?;
        let converted = match to {
            "EwsId" | "EntryId" => STANDARD.encode(&bytes),
            "HexEntryId" => bytes.iter().fold(String::new(), |mut hex, b| {
                // Writing to a String cannot fail.
                let _ = write!(hex, "{b:02X}");
                hex
            }),
            other => return Err(unsupported(other).into()),
        };
        Ok(vec![
            Element::m("AlternateId")
                .attr("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance")
                .attr("xsi:type", "t:AlternateIdType")
                .attr("Format", to)
                .attr("Id", converted)
                .attr("Mailbox", mailbox),
        ])
    })
}

fn unsupported(format: &str) -> Refusal {
    Refusal::new("ErrorInvalidIdXml", format!("The sandbox does not convert {format}."))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|c| c.to_digit(16)).collect();
    let digits = digits.filter(|d| d.len() % 2 == 0)?;
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).ok()).collect()
}
