//! Constructors of the errors several places answer with.

use super::types::ApiError;

impl ApiError {
    /// An error without `fields`, HTTP 400.
    pub(crate) fn plain(code: &str, message: impl Into<String>) -> Self {
        Self {
            status: 400,
            code: code.to_owned(),
            message: message.into(),
            fields: None,
            extra: None,
            code_first: false,
        }
    }

    /// A write error about these fields, HTTP 400.
    pub(crate) fn about(code: &str, message: impl Into<String>, fields: &[&str]) -> Self {
        Self {
            fields: Some(fields.iter().map(|field| (*field).to_owned()).collect()),
            ..Self::plain(code, message)
        }
    }

    /// 404 of an object, row or path that is not there.
    pub(crate) fn not_found() -> Self {
        Self {
            status: 404,
            code_first: true,
            ..Self::plain("NOT_FOUND", "The requested resource does not exist")
        }
    }

    /// 404 of a field that cannot look rows up.
    pub(crate) fn no_external_id(field: &str) -> Self {
        Self {
            status: 404,
            ..Self::plain(
                "NOT_FOUND",
                format!("Provided external ID field does not exist or is not accessible: {field}"),
            )
        }
    }

    /// 404 of a row in the recycle bin.
    pub(crate) fn deleted() -> Self {
        Self {
            status: 404,
            ..Self::about("ENTITY_IS_DELETED", "entity is deleted", &[])
        }
    }

    /// 405 of a verb the object does not take.
    pub(crate) fn method_not_allowed(method: &str, allowed: &str) -> Self {
        Self {
            status: 405,
            code_first: true,
            ..Self::plain(
                "METHOD_NOT_ALLOWED",
                format!("HTTP Method '{method}' not allowed. Allowed are {allowed}"),
            )
        }
    }
}
