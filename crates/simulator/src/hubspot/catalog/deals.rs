//! Deals.

use super::{Line, area, choice, date, flag, moment, number, reference, text};

pub(crate) const DEAL_TYPES: &[(&str, &str)] = &[
    ("newbusiness", "New Business"),
    ("existingbusiness", "Existing Business"),
];

pub(crate) const PRIORITIES: &[(&str, &str)] = &[("low", "Low"), ("medium", "Medium"), ("high", "High")];

const FORECASTS: &[(&str, &str)] = &[
    ("OMIT", "Not forecasted"),
    ("PIPELINE", "Pipeline"),
    ("BEST_CASE", "Best case"),
    ("COMMIT", "Commit"),
    ("CLOSED", "Closed won"),
];

const CURRENCIES: &[(&str, &str)] = &[
    ("USD", "US Dollar (USD)"),
    ("EUR", "Euro (EUR)"),
    ("JPY", "Japanese Yen (JPY)"),
];

pub(super) const LINES: &[Line] = &[
    text("dealname", "Deal Name"),
    area("description", "Deal Description"),
    number("amount", "Amount").currency(),
    choice("deal_currency_code", "Currency", CURRENCIES),
    reference("pipeline", "Pipeline"),
    reference("dealstage", "Deal Stage"),
    moment("closedate", "Close Date"),
    choice("dealtype", "Deal Type", DEAL_TYPES),
    choice("hs_priority", "Priority", PRIORITIES),
    choice("hs_manual_forecast_category", "Forecast category", FORECASTS),
    text("hs_next_step", "Next step"),
    area("closed_lost_reason", "Closed Lost Reason"),
    area("closed_won_reason", "Closed Won Reason"),
    flag("hs_is_closed", "Is Deal Closed?").calculated(),
    flag("hs_is_closed_won", "Is Closed Won").calculated(),
    number("hs_deal_stage_probability", "Deal probability").calculated(),
    number("hs_projected_amount", "Weighted amount")
        .calculated()
        .currency(),
    number("hs_primary_associated_company", "Primary Associated Company").calculated(),
    number("num_associated_contacts", "Number of Associated Contacts").calculated(),
    moment("notes_last_contacted", "Last Contacted").read_only(),
    moment("notes_last_updated", "Last Activity Date").read_only(),
    text("contract_reference", "Contract reference").custom().unique(),
    number("discount_percent", "Discount (%)").custom(),
    flag("needs_legal", "Needs legal").custom(),
    date("kick_off_date", "Kick-off date").custom(),
];
