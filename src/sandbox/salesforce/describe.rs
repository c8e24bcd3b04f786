//! The describe calls: the org's objects and fields as data.

use super::schema::{Field, Kind, Object};
use serde_json::{Value, json};

/// A field's or object's label: words of its name, without `Id` and `__c`.
pub fn label(name: &str) -> String {
    let name = name.trim_end_matches("__c");
    let name = if name.len() > 2 {
        name.strip_suffix("Id").map_or_else(|| name.to_owned(), |n| format!("{n}ID"))
    } else {
        name.to_owned()
    };
    let mut out = String::new();
    let mut previous = ' ';
    for c in name.chars() {
        if c == '_' {
            out.push(' ');
        } else {
            if c.is_ascii_uppercase() && previous.is_ascii_lowercase() {
                out.push(' ');
            }
            out.push(c);
        }
        previous = c;
    }
    out
}

/// The short form, as in the list of objects.
pub fn summary(object: &Object, data: &str) -> Value {
    let base = format!("{data}/sobjects/{}", object.name);
    json!({
        "name": object.name,
        "label": label(object.name),
        "labelPlural": object.plural,
        "keyPrefix": object.prefix,
        "custom": false,
        "customSetting": false,
        "queryable": true,
        "retrieveable": true,
        "createable": object.createable,
        "updateable": object.writable && object.own_fields.iter().any(|field| field.update),
        "deletable": object.writable,
        "undeletable": object.writable,
        "replicateable": object.replicateable,
        "searchable": true,
        "triggerable": object.writable,
        "mergeable": matches!(object.name, "Contact" | "Lead" | "Account"),
        "feedEnabled": false,
        "layoutable": true,
        "activateable": false,
        "deprecatedAndHidden": false,
        "hasSubtypes": false,
        "isSubtype": false,
        "urls": {
            "sobject": base,
            "describe": format!("{base}/describe"),
            "rowTemplate": format!("{base}/{{ID}}"),
        },
    })
}

/// The long form, with every field.
pub fn full(object: &Object, data: &str) -> Value {
    let mut out = summary(object, data);
    out["fields"] = object.fields().map(field).collect();
    out["childRelationships"] = json!([]);
    out["recordTypeInfos"] = json!([{
        "active": true, "available": true, "defaultRecordTypeMapping": true, "master": true,
        "name": "Master", "recordTypeId": "012000000000000AAA",
    }]);
    out["supportedScopes"] = json!([{"label": "All records", "name": "everything"}]);
    out
}

fn field(field: &Field) -> Value {
    let (kind, soap) = match field.kind {
        Kind::Id => ("id", "tns:ID"),
        Kind::Reference(_) => ("reference", "tns:ID"),
        Kind::Text(_) if field.name == "Subject" => ("combobox", "xsd:string"),
        Kind::Text(_) => ("string", "xsd:string"),
        Kind::TextArea(_) => ("textarea", "xsd:string"),
        Kind::Email => ("email", "xsd:string"),
        Kind::Phone => ("phone", "xsd:string"),
        Kind::Url => ("url", "xsd:string"),
        Kind::Picklist { .. } => ("picklist", "xsd:string"),
        Kind::Boolean => ("boolean", "xsd:boolean"),
        Kind::Int => ("int", "xsd:int"),
        Kind::Date => ("date", "xsd:date"),
        Kind::DateTime => ("datetime", "xsd:dateTime"),
        Kind::Base64 => ("base64", "xsd:base64Binary"),
    };
    let (relation, references) = match field.kind {
        Kind::Reference(relation) => (json!(relation.name), json!(relation.to)),
        _ => (Value::Null, json!([])),
    };
    let (values, strict) = match field.kind {
        Kind::Picklist { values, strict } => (values, strict),
        _ => (&[][..], false),
    };
    let picklist: Vec<Value> = values
        .iter()
        .map(|v| json!({"active": true, "defaultValue": false, "label": v, "value": v, "validFor": null}))
        .collect();
    json!({
        "name": field.name,
        "label": label(field.name),
        "type": kind,
        "soapType": soap,
        "length": field.length(),
        "byteLength": field.length() * 3,
        "digits": if field.kind == Kind::Int { 8 } else { 0 },
        "precision": 0,
        "scale": 0,
        "nillable": field.nillable,
        "createable": field.create,
        "updateable": field.update,
        "defaultedOnCreate": field.defaulted,
        "filterable": field.filterable(),
        "sortable": field.filterable(),
        "groupable": field.filterable() && field.kind != Kind::DateTime,
        "unique": field.external_id,
        "externalId": field.external_id,
        "idLookup": field.id_lookup,
        "caseSensitive": false,
        "custom": field.is_custom(),
        "calculated": false,
        "autoNumber": false,
        "compoundFieldName": null,
        "defaultValue": if field.kind == Kind::Boolean { json!(false) } else { Value::Null },
        "deprecatedAndHidden": false,
        "encrypted": false,
        "htmlFormatted": false,
        "nameField": field.name == "Name" || field.name == "Subject",
        "namePointing": references.as_array().is_some_and(|r| r.len() > 1),
        "permissionable": field.nillable,
        "picklistValues": picklist,
        "polymorphicForeignKey": references.as_array().is_some_and(|r| r.len() > 1),
        "referenceTo": references,
        "relationshipName": relation,
        "relationshipOrder": null,
        "restrictedPicklist": strict,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_read_like_the_vendors() {
        assert_eq!(label("LastName"), "Last Name");
        assert_eq!(label("OwnerId"), "Owner ID");
        assert_eq!(label("Riva_Sync_Key__c"), "Riva Sync Key");
    }
}
