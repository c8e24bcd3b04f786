//! A postal address in the columns that contacts and leads have alike: `street`, `street2`, `city`, `zip`, `state_id`,
//! `country_id`.

use super::places::Places;
use super::xmlrpc::Value as Rpc;
use riva_core::item::{Address, Value};

/// A row's address.
pub fn project(row: &Rpc, places: &Places) -> Value {
    let text = |column: &str| row.get(column).map(Rpc::str).unwrap_or_default();
    let line = |column: &str| {
        text(column).lines().map(str::trim).filter(|l| !l.is_empty()).collect::<Vec<_>>().join(", ")
    };
    let streets = [line("street"), line("street2")];
    let id = |column: &str| row.get(column).and_then(Rpc::many2one);
    let address = Address {
        street: streets.into_iter().filter(|s| !s.is_empty()).collect::<Vec<_>>().join("\n"),
        city: text("city").trim().to_owned(),
        region: id("state_id").and_then(|id| places.state_name(id)).unwrap_or_default().to_owned(),
        postcode: text("zip").trim().to_owned(),
        country: id("country_id").and_then(|id| places.country_name(id)).unwrap_or_default().to_owned(),
    };
    if address == Address::default() { Value::Blank } else { Value::Address(address) }
}

/// What to write for an address: columns and their values. States and countries that the CRM does not know are left as
/// they are.
pub fn map(value: &Value, places: &Places, mut put: impl FnMut(&str, Rpc)) {
    let text = |t: &str| if t.trim().is_empty() { Rpc::Bool(false) } else { Rpc::from(t.trim()) };
    let blank = Address::default();
    let address = if let Value::Address(a) = value { a } else { &blank };
    let street = address.street.trim();
    let (first, rest) = street.split_once('\n').unwrap_or((street, ""));
    let rest = rest.lines().map(str::trim).filter(|l| !l.is_empty()).collect::<Vec<_>>().join(", ");
    put("street", text(first));
    put("street2", text(&rest));
    put("city", text(&address.city));
    put("zip", text(&address.postcode));
    let country = places.country(&address.country);
    if address.country.is_empty() {
        put("country_id", Rpc::Bool(false));
    } else if let Some(id) = country {
        put("country_id", Rpc::Int(id));
    }
    if address.region.is_empty() {
        put("state_id", Rpc::Bool(false));
    } else if let Some(id) = places.state(&address.region, country) {
        put("state_id", Rpc::Int(id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_country_is_left_as_it_is() {
        let address = Address { city: "X".into(), country: "Atlantis".into(), ..Address::default() };
        let mut columns = Vec::new();
        map(&Value::Address(address), &Places::for_tests(), |column, value| {
            columns.push((column.to_owned(), value));
        });
        assert!(columns.contains(&("city".to_owned(), Rpc::from("X"))));
        assert!(!columns.iter().any(|(column, _)| column == "country_id"));
    }
}
