//! Conditions and literals of query languages. No text of a caller comes out of here without quotes and escapes.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::dates::{read_iso, write_instant};
use super::{Answer, Arguments, EngineError, HostCall, Kinds, Table, argument, as_text, fault, text, truthy};
use crate::metadata::FieldKind;

pub(super) fn register(table: &mut Table, kinds: &Kinds) {
    let known = Kinds::clone(kinds);
    table.add("convertQueryToSql", 6, move |arguments, _| {
        convert(arguments, &known)
    });
    table.add("soqlString", 1, soql_string);
    let known = Kinds::clone(kinds);
    table.add("soqlValue", 2, move |arguments, _| soql_value(arguments, &known));
    let known = Kinds::clone(kinds);
    table.add("soqlList", 2, move |arguments, _| soql_list(arguments, &known));
    table.add("soqlLike", 3, soql_like);
    table.add("soqlField", 1, soql_field);
    table.add("soslTerm", 1, sosl_term);
}

/// `$soqlString(text)`: a quoted, escaped text.
///
/// `$soqlString("O'Hara")` is `"'O\\'Hara'"`.
fn soql_string(arguments: &Arguments<'_>, _: &HostCall<'_>) -> Answer {
    Ok(argument(arguments, 0).map(|value| Value::from(quoted(&as_text(value), '\''))))
}

/// `$soqlValue(value, kind?)`: a literal of a kind (`text`, `integer`, `decimal`, `boolean`, `date`, `datetime`, …) or
/// of the kind that the named provider field has; by its JSON type without one. A value of another kind is an error.
///
/// `$soqlValue("2026-05-01T07:25:37+02:00", "datetime")` is `"2026-05-01T05:25:37.000Z"`.
fn soql_value(arguments: &Arguments<'_>, kinds: &Kinds) -> Answer {
    let kind = named_kind(text(arguments, 1), kinds);
    argument(arguments, 0)
        .map(|value| literal(value, kind, "$soqlValue").map(Value::from))
        .transpose()
}

/// `$soqlList(array, kind?)`: literals between brackets, for `IN`; `(null)` for an empty array.
///
/// `$soqlList(["a", "b"])` is `"('a','b')"`.
fn soql_list(arguments: &Arguments<'_>, kinds: &Kinds) -> Answer {
    let kind = named_kind(text(arguments, 1), kinds);
    let items = super::items(argument(arguments, 0));
    if items.is_empty() {
        return Ok(Some(Value::from("(null)")));
    }
    let literals: Result<Vec<String>, EngineError> = items
        .iter()
        .map(|item| literal(item, kind, "$soqlList"))
        .collect();
    Ok(Some(Value::from(format!("({})", literals?.join(",")))))
}

/// `$soqlLike(text, before = "%", after = "%")`: a quoted pattern in which the text's own `%` and `_` are letters.
///
/// `$soqlLike("50%", "", "%")` is `"'50\\%%'"`.
fn soql_like(arguments: &Arguments<'_>, _: &HostCall<'_>) -> Answer {
    let wildcard = |index: usize| match text(arguments, index) {
        None => Ok("%"),
        Some(mark @ ("" | "%" | "_")) => Ok(mark),
        Some(_) => Err(fault("$soqlLike: before and after are \"\", \"%\" or \"_\"")),
    };
    let Some(value) = argument(arguments, 0) else {
        return Ok(None);
    };
    Ok(Some(Value::from(pattern(
        &as_text(value),
        wildcard(1)?,
        wildcard(2)?,
    ))))
}

/// `$soqlField(name)`: the name, when it is a field's name or path and nothing else; otherwise an error.
///
/// `$soqlField("Account.Name")` is `"Account.Name"`.
fn soql_field(arguments: &Arguments<'_>, _: &HostCall<'_>) -> Answer {
    let Some(name) = text(arguments, 0) else {
        return Ok(None);
    };
    field(name).map(|name| Some(Value::from(name)))
}

/// `$soslTerm(text)`: a search term with its reserved characters escaped.
///
/// `$soslTerm("a+b@x-y.com")` is `"a\\+b@x\\-y.com"`.
fn sosl_term(arguments: &Arguments<'_>, _: &HostCall<'_>) -> Answer {
    let Some(value) = argument(arguments, 0) else {
        return Ok(None);
    };
    let mut term = String::new();
    for letter in as_text(value).chars() {
        if "?&|!{}[]()^~*:\\\"'+-".contains(letter) {
            term.push('\\');
        }
        term.push(if letter.is_control() { ' ' } else { letter });
    }
    Ok(Some(Value::from(term)))
}

/// A kind by its own name, or by the name of a provider field.
fn named_kind(name: Option<&str>, kinds: &Kinds) -> Option<FieldKind> {
    let name = name?;
    serde_json::from_value(Value::from(name))
        .ok()
        .or_else(|| kinds.get(name).copied())
}

fn quoted(text: &str, quote: char) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push(quote);
    escape(text, quote, &mut literal);
    literal.push(quote);
    literal
}

fn escape(text: &str, quote: char, literal: &mut String) {
    for letter in text.chars() {
        match letter {
            '\\' => literal.push_str("\\\\"),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\t' => literal.push_str("\\t"),
            '\u{8}' => literal.push_str("\\b"),
            '\u{c}' => literal.push_str("\\f"),
            other if other == quote => {
                literal.push('\\');
                literal.push(other);
            }
            other if other.is_control() => {
                // Writing into a String cannot fail.
                let _ = write!(literal, "\\u{:04X}", u32::from(other));
            }
            other => literal.push(other),
        }
    }
}

fn pattern(text: &str, before: &str, after: &str) -> String {
    let mut literal = format!("'{before}");
    for part in text.split_inclusive(['%', '_']) {
        let (plain, wildcard) = match part.char_indices().next_back() {
            Some((at, letter @ ('%' | '_'))) => (&part[..at], Some(letter)),
            _ => (part, None),
        };
        escape(plain, '\'', &mut literal);
        if let Some(letter) = wildcard {
            literal.push('\\');
            literal.push(letter);
        }
    }
    literal.push_str(after);
    literal.push('\'');
    literal
}

/// A field's name or path, as written; anything else is refused.
fn field(name: &str) -> Result<&str, EngineError> {
    let part = |part: &str| {
        part.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_')
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    if name.split('.').count() <= 6 && name.split('.').all(part) {
        Ok(name)
    } else {
        Err(fault(
            "a field's name has letters, digits and `_`, and dots between the parts of a path",
        ))
    }
}

/// A literal by the field's kind; by the value's JSON type when the kind is not known. A number that is not known to
/// be wanted stays bare, a text never does.
fn literal(value: &Value, kind: Option<FieldKind>, place: &str) -> Result<String, EngineError> {
    let wrong = |wanted: &str| fault(format!("{place}: the value must be {wanted}"));
    if value.is_null() {
        return Ok("null".to_owned());
    }
    if value.is_array() || value.is_object() {
        return Err(wrong("a text, a number or a boolean"));
    }
    let text = as_text(value);
    match kind {
        None => Ok(if value.is_string() {
            quoted(&text, '\'')
        } else {
            text
        }),
        Some(FieldKind::Boolean) => match text.to_ascii_lowercase().as_str() {
            "true" => Ok("true".to_owned()),
            "false" => Ok("false".to_owned()),
            _ => Err(wrong("true or false")),
        },
        Some(FieldKind::Integer) => text
            .trim()
            .parse::<i64>()
            .map(|number| number.to_string())
            .map_err(|_| wrong("a whole number")),
        Some(FieldKind::Decimal) => plain_number(text.trim()).ok_or_else(|| wrong("a number")),
        Some(FieldKind::Date) => {
            let day = text
                .trim()
                .get(..10)
                .filter(|_| text.trim().len() == 10 || read_iso(&text).is_some());
            day.and_then(|day| day.parse::<jiff::civil::Date>().ok())
                .map(|day| day.to_string())
                .ok_or_else(|| wrong("a date, YYYY-MM-DD"))
        }
        Some(FieldKind::DateTime) => read_iso(&text)
            .map(write_instant)
            .ok_or_else(|| wrong("a datetime, YYYY-MM-DDTHH:MM:SSZ")),
        Some(FieldKind::Time) => text
            .trim()
            .trim_end_matches('Z')
            .parse::<jiff::civil::Time>()
            .map(|time| format!("{}Z", time.strftime("%H:%M:%S.%3f")))
            .map_err(|_| wrong("a time, HH:MM:SS")),
        Some(_) => Ok(quoted(&text, '\'')),
    }
}

/// A number's own text, when it is nothing but a number.
fn plain_number(text: &str) -> Option<String> {
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E'));
    let value: f64 = text
        .parse()
        .ok()
        .filter(|value: &f64| plain && value.is_finite())?;
    Some(value.to_string())
}

/// What `options` of `$convertQueryToSql` asks for.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option that mappings in use give"
)]
struct Style {
    or_for_in: bool,
    brackets: bool,
    double_quotes: bool,
    no_space: bool,
    bare_dates: bool,
    conjunction: String,
}

/// What `$convertQueryToSql` knows while it writes.
struct Conversion<'a> {
    mapping: Option<&'a Map<String, Value>>,
    types: Option<&'a Map<String, Value>>,
    operators: Option<&'a Map<String, Value>>,
    kinds: &'a Kinds,
    style: Style,
}

/// `$convertQueryToSql(query, keys = all, mapping = {}, types = {}, operators = {}, options = {})`: a condition.
///
/// `query` is `{field: value}` or `{field: {operator: value}}`; operators are `eq ne gt gte lt lte in nin like contains
/// starts_with ends_with` and those of `operators` (`{name: text}`). `mapping` gives the provider's names. `types` are
/// `string double_quote_string number boolean dotnetdate date|yyyy-MM-dd`; without one the field's own kind decides.
/// `options`: `conjunction` (`AND`), `useOrForIn`, `groupComparisonInBrackets`, `useDoubleQuotes`,
/// `noSpaceBetweenOperator`, `noQuotesForDate`.
///
/// `$convertQueryToSql({"email": "o'k"}, ["email"], {"email": "Email"})` is `"Email = 'o\\'k'"`.
fn convert(arguments: &Arguments<'_>, kinds: &Kinds) -> Answer {
    let object = |index: usize| argument(arguments, index).and_then(Value::as_object);
    let Some(query) = object(0) else {
        return Ok(None);
    };
    let wanted: Vec<String> = super::items(argument(arguments, 1)).iter().map(as_text).collect();
    let conversion = Conversion {
        mapping: object(2),
        types: object(3),
        operators: object(4),
        kinds,
        style: style(object(5))?,
    };
    let mut conditions = Vec::new();
    for (key, value) in query {
        if wanted.is_empty() || wanted.contains(key) {
            conditions.extend(conversion.of_field(key, value)?);
        }
    }
    Ok(Some(Value::from(conversion.joined(&conditions, true))))
}

fn style(options: Option<&Map<String, Value>>) -> Result<Style, EngineError> {
    let on = |name: &str| options.and_then(|options| options.get(name)).is_some_and(truthy);
    let conjunction = options
        .and_then(|options| options.get("conjunction"))
        .and_then(Value::as_str)
        .unwrap_or("AND");
    if conjunction.is_empty() || !conjunction.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return Err(fault("$convertQueryToSql: conjunction is one word, AND or OR"));
    }
    Ok(Style {
        or_for_in: on("useOrForIn"),
        brackets: on("groupComparisonInBrackets"),
        double_quotes: on("useDoubleQuotes"),
        no_space: on("noSpaceBetweenOperator"),
        bare_dates: on("noQuotesForDate"),
        conjunction: conjunction.to_owned(),
    })
}

impl Conversion<'_> {
    fn joined(&self, conditions: &[String], always_in_brackets: bool) -> String {
        let text = conditions.join(&format!(" {} ", self.style.conjunction));
        let in_brackets = self.style.brackets && !text.is_empty();
        if in_brackets && (always_in_brackets || conditions.len() > 1) {
            format!("({text})")
        } else {
            text
        }
    }

    /// The condition on one field; none when there is nothing to compare with.
    fn of_field(&self, key: &str, value: &Value) -> Result<Option<String>, EngineError> {
        let mapped = self
            .mapping
            .and_then(|mapping| mapping.get(key))
            .and_then(Value::as_str);
        let name = field(mapped.unwrap_or(key))?;
        let conditions = match value {
            Value::Null => Vec::new(),
            Value::Array(_) => vec![self.compared(key, name, "in", value)?],
            Value::Object(comparisons) => {
                let given = comparisons.iter().filter(|(_, value)| !value.is_null());
                let each = given.map(|(operator, value)| self.compared(key, name, operator, value));
                each.collect::<Result<_, _>>()?
            }
            scalar => vec![self.compared(key, name, "eq", scalar)?],
        };
        Ok(Some(self.joined(&conditions, false)).filter(|text| !text.is_empty()))
    }

    fn compared(&self, key: &str, name: &str, operator: &str, value: &Value) -> Result<String, EngineError> {
        let space = if self.style.no_space { "" } else { " " };
        let custom = self
            .operators
            .and_then(|operators| operators.get(operator))
            .and_then(Value::as_str);
        if let Some(custom) = custom {
            return Ok(format!(
                "{name}{space}{}{space}{}",
                operator_text(custom)?,
                self.literal(key, name, value)?
            ));
        }
        let symbol = match operator {
            "eq" => "=",
            "ne" => "<>",
            "gt" => ">",
            "gte" => ">=",
            "lt" => "<",
            "lte" => "<=",
            "like" => "like",
            "in" => return self.listed(key, name, "in", value),
            "nin" => return self.listed(key, name, "not in", value),
            "contains" => return Ok(format!("{name} like {}", pattern(&as_text(value), "%", "%"))),
            "starts_with" => return Ok(format!("{name} like {}", pattern(&as_text(value), "", "%"))),
            "ends_with" => return Ok(format!("{name} like {}", pattern(&as_text(value), "%", ""))),
            _ => {
                return Err(fault(
                    "$convertQueryToSql: an operator is eq, ne, gt, gte, lt, lte, in, nin, like, contains, \
                     starts_with or ends_with",
                ));
            }
        };
        // A word needs its blanks.
        let space = if symbol == "like" { " " } else { space };
        Ok(format!(
            "{name}{space}{symbol}{space}{}",
            self.literal(key, name, value)?
        ))
    }

    fn listed(&self, key: &str, name: &str, operator: &str, value: &Value) -> Result<String, EngineError> {
        let items = super::items(Some(value));
        let literals: Result<Vec<String>, EngineError> =
            items.iter().map(|item| self.literal(key, name, item)).collect();
        let literals = literals?;
        match (literals.as_slice(), operator) {
            // No list may be empty: nothing is in it, everything is not in it.
            ([], "in") => Ok(format!("({name} = null AND {name} <> null)")),
            ([], _) => Ok(format!("({name} = null OR {name} <> null)")),
            (literals, "in") if self.style.or_for_in => {
                let each: Vec<String> = literals
                    .iter()
                    .map(|literal| format!("{name} = {literal}"))
                    .collect();
                Ok(format!("({})", each.join(" OR ")))
            }
            (literals, _) => Ok(format!("{name} {operator} ({})", literals.join(","))),
        }
    }

    fn literal(&self, key: &str, name: &str, value: &Value) -> Result<String, EngineError> {
        let place = "$convertQueryToSql";
        let quote = if self.style.double_quotes { '"' } else { '\'' };
        let declared = self
            .types
            .and_then(|types| types.get(key).or_else(|| types.get(name)))
            .and_then(Value::as_str);
        match declared {
            Some("number") => literal(value, Some(FieldKind::Decimal), place),
            Some("boolean") => literal(value, Some(FieldKind::Boolean), place),
            Some("double_quote_string") => Ok(quoted(&as_text(value), '"')),
            Some("dotnetdate") => day(value, place).map(|day| day.strftime("DateTime(%Y,%m,%d)").to_string()),
            Some(format) if format.starts_with("date") => {
                let day = formatted(value, format.strip_prefix("date|"))?;
                Ok(if self.style.bare_dates {
                    day
                } else {
                    quoted(&day, quote)
                })
            }
            Some(_) => Ok(quoted(&as_text(value), quote)),
            None => {
                let kind = self.kinds.get(name).or_else(|| self.kinds.get(key)).copied();
                match (kind, value) {
                    (None, Value::String(text)) => Ok(quoted(text, quote)),
                    _ => literal(value, kind, place),
                }
            }
        }
    }
}

/// A day or instant in a format of `yyyy MM dd HH mm ss`.
fn formatted(value: &Value, format: Option<&str>) -> Result<String, EngineError> {
    let at =
        read_iso(&as_text(value)).ok_or_else(|| fault("$convertQueryToSql: the value must be a date"))?;
    let at = at.to_zoned(jiff::tz::TimeZone::UTC);
    let mut text = format.unwrap_or("yyyy-MM-dd").to_owned();
    if !text.chars().all(|letter| "yMdHmsSTZ-/:. '".contains(letter)) {
        return Err(fault(
            "$convertQueryToSql: a date format has the letters y M d H m s and - / : . T Z",
        ));
    }
    for (letters, ours) in [
        ("yyyy", "%Y"),
        ("MM", "%m"),
        ("dd", "%d"),
        ("HH", "%H"),
        ("mm", "%M"),
        ("ss", "%S"),
        ("SSS", "%3f"),
    ] {
        text = text.replace(letters, &at.strftime(ours).to_string());
    }
    Ok(text.replace('\'', ""))
}

fn day(value: &Value, place: &str) -> Result<jiff::civil::Date, EngineError> {
    read_iso(&as_text(value))
        .map(|at| at.to_zoned(jiff::tz::TimeZone::UTC).date())
        .ok_or_else(|| fault(format!("{place}: the value must be a date")))
}

/// An operator's text: words, or signs of comparison.
fn operator_text(text: &str) -> Result<&str, EngineError> {
    let words = text
        .bytes()
        .all(|byte| byte.is_ascii_alphabetic() || byte == b' ');
    let signs = text.bytes().all(|byte| b"<>=!~".contains(&byte));
    if !text.is_empty() && text.len() <= 20 && (words || signs) {
        Ok(text)
    } else {
        Err(fault(
            "$convertQueryToSql: an operator's text is words or signs of comparison",
        ))
    }
}
