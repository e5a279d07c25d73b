//! The page on which a customer's admin says which of their own fields fill which unified names.
//!
//! One form. Own fields are a single list that every input shares, so that 800 of them cost 800 elements however many names
//! there are; the table of them shows a part, found by typing.

use std::collections::BTreeMap;
use std::fmt::Write;

use http::StatusCode;
use mapping::{FieldMetadata, ObjectMetadata, Shape};
use serde_json::Value;
use unified::{PickableName, kind_words};

use super::{Page, Script, escape};

/// Where the form goes, below the gateway's own address.
pub(crate) const PATH: &str = "/connect/mapping";
/// Own fields in the table at one time.
const TABLE_MAX: usize = 50;
/// Sample values of one field.
const SAMPLES_MAX: usize = 3;
/// Longest value shown, characters.
const VALUE_MAX_CHARS: usize = 60;

/// Writing to a `String` does not fail, so results of `write!` are dropped in this file.
type Html = String;

/// A name that is not of the resource: the customer's own, or one that only its document has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct OwnName {
    pub(crate) name: String,
    pub(crate) field: String,
    /// What is wrong with it.
    pub(crate) mistake: Option<String>,
}

/// Something to tell before the form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Notice {
    Saved(String),
    /// Somebody else saved since the form was made.
    Changed,
    /// Nothing was saved because of mistakes.
    Refused,
}

/// A real record, now and with the choices.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Preview {
    Shown {
        before: Value,
        after: Value,
    },
    /// There is no record to show.
    NoRecord,
    /// The record could not be read.
    Failed,
}

/// Everything that the page shows.
pub(crate) struct View<'a> {
    /// Where the form goes, as browsers reach it.
    pub(crate) path: &'a str,
    pub(crate) tenant: &'a str,
    pub(crate) provider: &'a str,
    pub(crate) resources: &'a [String],
    pub(crate) resource: &'a str,
    pub(crate) names: &'a [PickableName],
    /// What stands in the inputs of `names`.
    pub(crate) picks: &'a BTreeMap<String, String>,
    pub(crate) own: &'a [OwnName],
    /// What is wrong with the inputs of `names`.
    pub(crate) mistakes: &'a BTreeMap<String, String>,
    pub(crate) metadata: &'a ObjectMetadata,
    /// Records to show and to take samples from.
    pub(crate) records: &'a [Value],
    /// The id of the record that is shown.
    pub(crate) record: &'a str,
    pub(crate) preview: &'a Preview,
    /// What own fields are looked for.
    pub(crate) find: &'a str,
    pub(crate) notice: Option<Notice>,
    pub(crate) version: i64,
    pub(crate) token: &'a str,
    pub(crate) status: StatusCode,
}

/// The page behind a mapping link: a button that posts back, so that no scanner of links uses the link up.
pub(crate) fn entrance(tenant: &str, provider: &str) -> Page {
    let (tenant_html, provider_html) = (escape(tenant), escape(provider));
    Page {
        status: StatusCode::OK,
        title: format!("Choose {provider} fields for {tenant}"),
        main: format!(
            "<h1>Choose {provider_html} fields for {tenant_html}</h1>\n\
             <p>Here you say which of your {provider_html} fields fill which fields of <strong>{tenant_html}</strong>. You will see \
             the names of your fields and values of some of your records.</p>\n\
             <form method=\"post\">\n<button type=\"submit\">Open the page</button>\n</form>\n\
             <p class=\"note\">The link works once, in one browser.</p>"
        ),
        class: "page",
        script: Script::None,
    }
}

/// The form.
pub(crate) fn page(view: &View<'_>) -> Page {
    let title = format!("Choose {} fields for {}", view.provider, view.tenant);
    let mut main = format!(
        "<a class=\"skip\" href=\"#fields\">Skip to the fields</a>\n<h1>{}</h1>\n",
        escape(&title)
    );
    notice(&mut main, view);
    let _ = writeln!(
        main,
        "<p>Each input below is a field of <strong>{}</strong>. Leave it empty to fill it as usual, or enter one of your own fields: \
         begin to type its label or name and choose it from the list. Nothing changes before you save.</p>",
        escape(view.tenant)
    );
    resources(&mut main, view);
    let _ = writeln!(
        main,
        "<form id=\"fields\" method=\"post\" action=\"{}\" autocomplete=\"off\">",
        escape(view.path)
    );
    for (name, value) in [
        ("token", view.token),
        ("version", &view.version.to_string()),
        ("resource", view.resource),
    ] {
        let value = escape(value);
        let _ = writeln!(main, "<input type=\"hidden\" name=\"{name}\" value=\"{value}\">");
    }
    names(&mut main, view);
    own_names(&mut main, view);
    own_field_list(&mut main, view);
    preview(&mut main, view);
    actions(&mut main, view);
    own_fields(&mut main, view);
    main.push_str("</form>");
    let is_wrong = matches!(view.notice, Some(Notice::Refused));
    Page {
        status: view.status,
        title: if is_wrong {
            format!("Not saved: {title}")
        } else {
            title
        },
        main,
        class: "wide",
        script: Script::Mapping,
    }
}

fn notice(main: &mut Html, view: &View<'_>) {
    let Some(notice) = &view.notice else { return };
    match notice {
        Notice::Saved(resource) => {
            let resource = escape(&humanized(resource));
            let _ = writeln!(
                main,
                "<div class=\"notice\" role=\"status\"><p>Your choices for {resource} are saved.</p></div>"
            );
        }
        Notice::Changed => main.push_str(
            "<div class=\"notice wrong\" role=\"alert\"><p><strong>Not saved yet: somebody else saved while you were here.</strong> \
             Their choices are filled in below beside yours. Where you both chose, yours stand and theirs are told. Look once more, \
             then save again.</p></div>\n",
        ),
        Notice::Refused => {
            main.push_str(
                "<div class=\"notice wrong\" role=\"alert\"><p><strong>Nothing was saved.</strong> Correct these first:</p>\n<ul>\n",
            );
            mistake_list(main, view);
            main.push_str("</ul></div>\n");
        }
    }
}

fn mistake_list(main: &mut Html, view: &View<'_>) {
    for (name, message) in view.mistakes {
        let (name, message) = (escape(name), escape(message));
        let _ = writeln!(main, "<li><a href=\"#pick-{name}\">{name}</a>: {message}</li>");
    }
    for (index, own) in view.own.iter().enumerate() {
        if let Some(message) = &own.mistake {
            let shown = if own.name.is_empty() {
                &own.field
            } else {
                &own.name
            };
            let (shown, message) = (escape(shown), escape(message));
            let _ = writeln!(
                main,
                "<li><a href=\"#own-name-{index}\">{shown}</a>: {message}</li>"
            );
        }
    }
}

fn resources(main: &mut Html, view: &View<'_>) {
    if view.resources.len() < 2 {
        return;
    }
    main.push_str("<nav aria-label=\"Kinds of records\"><ul>\n");
    for resource in view.resources {
        let current = if resource == view.resource {
            " aria-current=\"page\""
        } else {
            ""
        };
        let text = escape(&humanized(resource));
        let query: String = url::form_urlencoded::byte_serialize(resource.as_bytes()).collect();
        let _ = writeln!(
            main,
            "<li><a href=\"{}?resource={}\"{current}>{text}</a></li>",
            escape(view.path),
            escape(&query)
        );
    }
    main.push_str("</ul></nav>\n");
}

fn names(main: &mut Html, view: &View<'_>) {
    let legend = escape(&format!("{} of {}", humanized(view.resource), view.tenant));
    let _ = write!(
        main,
        "<fieldset>\n<legend>{legend}</legend>\n<div class=\"picks\">\n"
    );
    for known in view.names {
        let name = escape(&known.name);
        let value = view
            .picks
            .get(&known.name)
            .map(|field| escape(field))
            .unwrap_or_default();
        let mistake = view.mistakes.get(&known.name);
        let _ = write!(
            main,
            "<div class=\"pick\">\n<label for=\"pick-{name}\">{} <code>{name}</code></label>\n\
             <input id=\"pick-{name}\" name=\"pick.{name}\" list=\"own-fields\" value=\"{value}\" spellcheck=\"false\" \
             autocapitalize=\"none\" {}>\n<p class=\"note\" id=\"about-{name}\">{}</p>\n",
            escape(&humanized(&known.name)),
            described(
                &format!("about-{name}"),
                &format!("wrong-{name}"),
                mistake.is_some()
            ),
            about(known, view.metadata),
        );
        mistake_under(main, &format!("wrong-{name}"), mistake);
        main.push_str("</div>\n");
    }
    main.push_str("</div>\n</fieldset>\n");
}

/// What fills a name when nothing is entered, and what it takes.
fn about(known: &PickableName, metadata: &ObjectMetadata) -> String {
    let fields: Vec<String> = known
        .filled_by
        .iter()
        .map(|field| match metadata.field(field) {
            Some(found) => format!("<bdi>{}</bdi>", escape(&found.label)),
            None => format!("<code>{}</code>", escape(field)),
        })
        .collect();
    let usual = if fields.is_empty() {
        "Usually left empty.".to_owned()
    } else {
        format!("Usually {}.", fields.join(", "))
    };
    let takes = match known.shape {
        Some(Shape::Date) => " Takes a day.",
        Some(Shape::DateTime) => " Takes a moment.",
        Some(Shape::Integer) => " Takes a whole number.",
        Some(Shape::Number) => " Takes a number.",
        Some(Shape::Boolean) => " Takes yes or no.",
        _ => "",
    };
    format!("{usual}{takes}")
}

fn described(about: &str, wrong: &str, is_wrong: bool) -> String {
    if is_wrong {
        format!("aria-describedby=\"{wrong} {about}\" aria-invalid=\"true\"")
    } else {
        format!("aria-describedby=\"{about}\"")
    }
}

fn mistake_under(main: &mut Html, id: &str, mistake: Option<&String>) {
    if let Some(message) = mistake {
        let _ = writeln!(main, "<p class=\"error\" id=\"{id}\">{}</p>", escape(message));
    }
}

/// Names that the tenant's model does not have: the customer gives them.
fn own_names(main: &mut Html, view: &View<'_>) {
    main.push_str(
        "<fieldset>\n<legend>Further fields</legend>\n\
         <p class=\"note\" id=\"about-own\">For fields of yours that have no place above: a new name (lower-case letters, digits, \
         <code>_</code>) and the field. Empty a line to remove it.</p>\n",
    );
    for (index, own) in view.own.iter().enumerate() {
        let line = index + 1;
        let _ = write!(
            main,
            "<div class=\"picks\">\n<div class=\"pick\">\n<label for=\"own-name-{index}\">New name {line}</label>\n\
             <input id=\"own-name-{index}\" name=\"own.{index}.name\" value=\"{}\" spellcheck=\"false\" autocapitalize=\"none\" \
             maxlength=\"100\" {}>\n",
            escape(&own.name),
            described("about-own", &format!("wrong-own-{index}"), own.mistake.is_some()),
        );
        mistake_under(main, &format!("wrong-own-{index}"), own.mistake.as_ref());
        let _ = write!(
            main,
            "</div>\n<div class=\"pick\">\n<label for=\"own-field-{index}\">Your field for new name {line}</label>\n\
             <input id=\"own-field-{index}\" name=\"own.{index}.field\" list=\"own-fields\" value=\"{}\" spellcheck=\"false\" \
             autocapitalize=\"none\">\n</div>\n</div>\n",
            escape(&own.field),
        );
    }
    main.push_str("</fieldset>\n");
}

/// The choices of every input, once.
fn own_field_list(main: &mut Html, view: &View<'_>) {
    main.push_str("<datalist id=\"own-fields\">\n");
    for field in &view.metadata.fields {
        let text = format!("{} ({})", field.label, kind_words(field.kind));
        let _ = writeln!(
            main,
            "<option value=\"{}\">{}</option>",
            escape(&field.name),
            escape(&text)
        );
    }
    main.push_str("</datalist>\n");
}

fn preview(main: &mut Html, view: &View<'_>) {
    main.push_str("<h2 id=\"preview-title\">One of your records, with these choices</h2>\n");
    if !view.records.is_empty() {
        main.push_str("<label for=\"record\">Record</label>\n<select id=\"record\" name=\"record\">\n");
        for record in view.records {
            let id = record["id"].as_str().unwrap_or_default();
            let selected = if id == view.record { " selected" } else { "" };
            let _ = writeln!(
                main,
                "<option value=\"{}\"{selected}>{}</option>",
                escape(id),
                escape(&title_of(record))
            );
        }
        main.push_str("</select>\n");
    }
    main.push_str(
        "<section id=\"preview\" aria-live=\"polite\" aria-labelledby=\"preview-title\" \
         data-failed=\"The preview could not be shown.\">\n",
    );
    let has_mistakes = !view.mistakes.is_empty() || view.own.iter().any(|own| own.mistake.is_some());
    if has_mistakes {
        main.push_str("<p class=\"error\">Left out here, because it cannot be saved:</p>\n<ul>\n");
        mistake_list(main, view);
        main.push_str("</ul>\n");
    }
    match view.preview {
        Preview::NoRecord => main.push_str("<p>There is no record to show.</p>\n"),
        Preview::Failed => main.push_str("<p>The record could not be read just now.</p>\n"),
        Preview::Shown { before, after } => compared(main, view, before, after),
    }
    main.push_str("</section>\n");
}

fn compared(main: &mut Html, view: &View<'_>, before: &Value, after: &Value) {
    main.push_str(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Values of the record\"><table>\n\
         <thead><tr><th scope=\"col\">Field</th><th scope=\"col\">Value</th></tr></thead>\n<tbody>\n",
    );
    let own = view.own.iter().filter(|own| own.mistake.is_none());
    let own = own.map(|own| own.name.as_str()).filter(|name| !name.is_empty());
    let names = view.names.iter().map(|known| known.name.as_str());
    for name in names.chain(own) {
        let (was, is) = (shown(&before[name]), shown(&after[name]));
        let changed = if was == is {
            String::new()
        } else {
            format!(
                " <span class=\"note\">changed, was <bdi>{}</bdi></span>",
                escape(&was)
            )
        };
        let _ = writeln!(
            main,
            "<tr><th scope=\"row\"><code>{}</code></th><td><bdi>{}</bdi>{changed}</td></tr>",
            escape(name),
            escape(&is)
        );
    }
    main.push_str("</tbody></table></div>\n");
}

fn actions(main: &mut Html, view: &View<'_>) {
    main.push_str("<div class=\"actions\">\n<button class=\"plain\" name=\"do\" value=\"preview\">Show preview</button>\n");
    main.push_str("<button class=\"plain\" name=\"do\" value=\"more\">Add a further field</button>\n");
    if view.resources.len() > 1 {
        main.push_str("<button class=\"plain\" name=\"do\" value=\"save_on\">Save and go on</button>\n");
    }
    main.push_str("<button name=\"do\" value=\"save\">Save and finish</button>\n</div>\n");
}

/// The part of the customer's fields that is looked for, with samples.
fn own_fields(main: &mut Html, view: &View<'_>) {
    let (found, count) = found(view.metadata, view.find);
    let _ = write!(
        main,
        "<h2 id=\"own-title\">Your fields</h2>\n<label for=\"find\">Find by label or name</label>\n\
         <input id=\"find\" name=\"find\" value=\"{}\" spellcheck=\"false\" maxlength=\"100\" aria-describedby=\"found\">\n\
         <div class=\"actions\"><button class=\"plain\" name=\"do\" value=\"find\">Find</button></div>\n\
         <p class=\"note\" id=\"found\" role=\"status\">{} of {count} fields shown.</p>\n\
         <div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-labelledby=\"own-title\"><table>\n\
         <thead><tr><th scope=\"col\">Label</th><th scope=\"col\">Name</th><th scope=\"col\">Holds</th>\
         <th scope=\"col\">For example</th></tr></thead>\n<tbody>\n",
        escape(view.find),
        found.len(),
    );
    for field in found {
        let samples: Vec<String> = samples(view.records, &field.name)
            .iter()
            .map(|sample| format!("<bdi>{}</bdi>", escape(sample)))
            .collect();
        let _ = writeln!(
            main,
            "<tr><th scope=\"row\"><bdi>{}</bdi></th><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
            escape(&field.label),
            escape(&field.name),
            kind_words(field.kind),
            samples.join(", "),
        );
    }
    main.push_str("</tbody></table></div>\n");
}

/// The fields that hold a text in label or name, the customer's own first, cut; and how many there are in all.
fn found<'a>(metadata: &'a ObjectMetadata, text: &str) -> (Vec<&'a FieldMetadata>, usize) {
    let wanted = text.trim().to_lowercase();
    let is_wanted = |field: &&FieldMetadata| {
        field.label.to_lowercase().contains(&wanted) || field.name.to_lowercase().contains(&wanted)
    };
    let mut found: Vec<&FieldMetadata> = metadata.fields.iter().filter(is_wanted).collect();
    found.sort_by_key(|field| !field.is_custom);
    let count = found.len();
    found.truncate(TABLE_MAX);
    (found, count)
}

/// Different values of a provider's field in these records.
fn samples(records: &[Value], field: &str) -> Vec<String> {
    let mut samples: Vec<String> = Vec::new();
    for record in records {
        let raw = &record["remote_data"];
        let beside = [&record["custom_fields"][field], &raw[field]];
        let below = raw.as_object().into_iter().flat_map(serde_json::Map::values);
        let below = below.filter_map(|value| value.as_object()?.get(field));
        let values = beside.into_iter().chain(below);
        let sample = values.filter(|value| !value.is_null()).map(shown).next();
        samples.extend(sample.filter(|sample| !sample.is_empty() && !samples.contains(sample)));
        if samples.len() == SAMPLES_MAX {
            break;
        }
    }
    samples
}

/// A value for people, cut.
fn shown(value: &Value) -> String {
    let text = match value {
        Value::Null => "–".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    cut(&text)
}

fn cut(text: &str) -> String {
    if text.chars().count() <= VALUE_MAX_CHARS {
        return text.to_owned();
    }
    text.chars().take(VALUE_MAX_CHARS - 1).chain(['…']).collect()
}

/// What a record is called.
fn title_of(record: &Value) -> String {
    let keys = ["name", "subject", "title", "number", "last_name", "id"];
    let text = keys
        .iter()
        .find_map(|key| record[*key].as_str().filter(|text| !text.is_empty()));
    cut(text.unwrap_or_default())
}

/// A name of the model as words: `first_name` is `First name`.
pub(crate) fn humanized(name: &str) -> String {
    let words = name.replace(['_', '.'], " ");
    let mut letters = words.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests;
