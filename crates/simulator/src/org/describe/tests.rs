use std::collections::BTreeSet;

use serde_json::Value;

use crate::org::{Caller, Org, OrgOptions};

fn org(options: &OrgOptions) -> (Org, Caller) {
    let options = OrgOptions {
        accounts: 0,
        contacts: 0,
        leads: 0,
        opportunities: 0,
        cases: 0,
        tasks: 0,
        events: 0,
        ..options.clone()
    };
    let org = Org::new(options);
    let caller = Caller {
        user_id: org.admin_user_id(),
    };
    (org, caller)
}

const FIELD_KEYS: &str = "aggregatable, aiPredictionField, autoNumber, byteLength, calculated, calculatedFormula, cascadeDelete, caseSensitive, compoundFieldName, controllerName, createable, custom, defaultValue, defaultValueFormula, defaultedOnCreate, dependentPicklist, deprecatedAndHidden, digits, displayLocationInDecimal, encrypted, externalId, extraTypeInfo, filterable, filteredLookupInfo, formulaTreatNullNumberAsZero, groupable, highScaleNumber, htmlFormatted, idLookup, inlineHelpText, label, length, mask, maskType, name, nameField, namePointing, nillable, permissionable, picklistValues, polymorphicForeignKey, precision, queryByDistance, referenceTargetField, referenceTo, relationshipName, relationshipOrder, restrictedDelete, restrictedPicklist, scale, searchPrefilterable, soapType, sortable, type, unique, updateable, writeRequiresMasterRead";
const OBJECT_KEYS: &str = "actionOverrides, activateable, associateEntityType, associateParentEntity, childRelationships, compactLayoutable, createable, custom, customSetting, deepCloneable, defaultImplementation, deletable, deprecatedAndHidden, extendedBy, extendsInterfaces, feedEnabled, fields, hasSubtypes, implementedBy, implementsInterfaces, isInterface, isSubtype, keyPrefix, label, labelPlural, layoutable, listviewable, lookupLayoutable, mergeable, mruEnabled, name, namedLayoutInfos, networkScopeFieldName, queryable, recordTypeInfos, replicateable, retrieveable, searchLayoutable, searchable, sobjectDescribeOption, supportedScopes, triggerable, undeletable, updateable, urls";

fn keys(value: &Value) -> BTreeSet<&str> {
    value
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect()
}

#[test]
fn prints_every_recorded_key() {
    let (org, caller) = org(&OrgOptions::default());
    for object in org.object_names() {
        let described = org.describe(&caller, &object, "60.0").expect("known");
        assert_eq!(keys(&described), OBJECT_KEYS.split(", ").collect(), "{object}");
        for field in described["fields"].as_array().expect("fields") {
            assert_eq!(
                keys(field),
                FIELD_KEYS.split(", ").collect(),
                "{object}.{}",
                field["name"]
            );
        }
    }
    assert_eq!(FIELD_KEYS.split(", ").count(), 57);
}

fn field<'a>(described: &'a Value, name: &str) -> Option<&'a Value> {
    described["fields"]
        .as_array()
        .expect("fields")
        .iter()
        .find(|field| field["name"] == name)
}

#[test]
fn prints_recorded_values() {
    let (org, caller) = org(&OrgOptions::default());
    let account = org.describe(&caller, "ACCOUNT", "60.0").expect("any case");
    let name = field(&account, "Name").expect("Name");
    assert_eq!(
        (&name["byteLength"], &name["soapType"], &name["nameField"]),
        (&765.into(), &"xsd:string".into(), &true.into())
    );
    assert_eq!(field(&account, "AnnualRevenue").expect("field")["precision"], 18);
    assert_eq!(
        field(&account, "Description").expect("field")["filterable"],
        false
    );
    assert_eq!(account["keyPrefix"], "001");
    assert!(
        account["childRelationships"]
            .as_array()
            .expect("children")
            .iter()
            .any(|child| child["relationshipName"] == "Contacts" && child["field"] == "AccountId")
    );
    let global = org.describe_global(&caller, "60.0");
    assert_eq!(global["maxBatchSize"], 200);
    assert_eq!(
        global["sobjects"].as_array().expect("objects").len(),
        org.object_names().len()
    );
    let error = org.describe(&caller, "Nope", "60.0").expect_err("unknown");
    assert_eq!((error.status, error.code.as_str()), (404, "NOT_FOUND"));
    assert_eq!(
        org.sobject_basic(&caller, "Lead", "60.0").expect("known")["objectDescribe"]["name"],
        "Lead"
    );
}

#[test]
fn optional_fields_follow_the_orgs_features() {
    let optional = [
        ("Account", "RecordTypeId"),
        ("Account", "PersonEmail"),
        ("Account", "CurrencyIsoCode"),
        ("Contact", "MailingCountryCode"),
    ];
    let (plain, caller) = org(&OrgOptions::default());
    let full = OrgOptions {
        record_types: true,
        person_accounts: true,
        multi_currency: true,
        state_country_picklists: true,
        extra_custom_fields: 800,
        ..OrgOptions::default()
    };
    let (full, full_caller) = org(&full);
    for (object, name) in optional {
        assert!(
            field(&plain.describe(&caller, object, "60.0").expect("known"), name).is_none(),
            "{name}"
        );
        assert!(
            field(&full.describe(&full_caller, object, "60.0").expect("known"), name).is_some(),
            "{name}"
        );
    }
    let account = full.describe(&full_caller, "Account", "60.0").expect("known");
    assert!(account["fields"].as_array().expect("fields").len() > 880);
    assert!(account["recordTypeInfos"].as_array().expect("types").len() >= 3);
}
