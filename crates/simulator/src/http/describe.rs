//! `/sobjects` and `/sobjects/X/describe`, with conditional requests.

use super::reply::{Answer, Reply};
use super::router::{Context, schema_changed_ms};
use super::{conditional, errors};

/// `GET /sobjects`.
pub(crate) fn global(context: &Context<'_>) -> Answer {
    context.only(&["HEAD", "GET"])?;
    let changed_ms = schema_changed_ms(context);
    conditional::check(context, changed_ms)?;
    let value = context
        .simulator
        .org
        .describe_global(&context.caller, &context.version);
    Ok(Reply::json(200, value).with("Last-Modified", conditional::http_date(changed_ms)))
}

/// `GET /sobjects/X/describe`. The date covers changes of the whole org, permissions included.
pub(crate) fn describe(context: &Context<'_>) -> Answer {
    context.only(&["HEAD", "GET"])?;
    let org = &context.simulator.org;
    let changed_ms = schema_changed_ms(context);
    let value = org
        .describe(&context.caller, &context.parts[1], &context.version)
        .map_err(|error| errors::from_org(&error))?;
    conditional::check(context, changed_ms)?;
    Ok(Reply::json(200, value).with("Last-Modified", conditional::http_date(changed_ms)))
}
