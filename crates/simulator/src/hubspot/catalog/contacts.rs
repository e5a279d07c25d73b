//! Contacts.

use super::{Line, area, choice, date, flag, moment, number, phone, reference, text};

pub(super) const LIFECYCLE: &[(&str, &str)] = &[
    ("subscriber", "Subscriber"),
    ("lead", "Lead"),
    ("marketingqualifiedlead", "Marketing Qualified Lead"),
    ("salesqualifiedlead", "Sales Qualified Lead"),
    ("opportunity", "Opportunity"),
    ("customer", "Customer"),
    ("evangelist", "Evangelist"),
    ("other", "Other"),
];

pub(super) const LEAD_STATUS: &[(&str, &str)] = &[
    ("NEW", "New"),
    ("OPEN", "Open"),
    ("IN_PROGRESS", "In Progress"),
    ("OPEN_DEAL", "Open Deal"),
    ("UNQUALIFIED", "Unqualified"),
    ("ATTEMPTED_TO_CONTACT", "Attempted to Contact"),
    ("CONNECTED", "Connected"),
    ("BAD_TIMING", "Bad Timing"),
];

const SOURCES: &[(&str, &str)] = &[
    ("ORGANIC_SEARCH", "Organic Search"),
    ("PAID_SEARCH", "Paid Search"),
    ("EMAIL_MARKETING", "Email Marketing"),
    ("REFERRALS", "Referrals"),
    ("DIRECT_TRAFFIC", "Direct Traffic"),
    ("OFFLINE", "Offline Sources"),
];

const LANGUAGES: &[(&str, &str)] = &[
    ("en", "English"),
    ("de", "German - Deutsch"),
    ("fr", "French - Français"),
    ("ja", "Japanese - 日本語"),
    ("pt-br", "Portuguese - Brazil"),
];

const COLOURS: &[(&str, &str)] = &[
    ("red", "Red"),
    ("blue", "Blue"),
    ("grün", "Grün"),
    ("not sure", "Not sure"),
];

pub(super) const LINES: &[Line] = &[
    text("email", "Email").unique(),
    text("hs_additional_emails", "Additional email addresses"),
    text("hs_email_domain", "Email Domain").calculated(),
    text("firstname", "First Name"),
    text("lastname", "Last Name"),
    text("salutation", "Salutation"),
    text("jobtitle", "Job Title"),
    text("company", "Company Name"),
    reference("associatedcompanyid", "Primary Associated Company ID"),
    text("website", "Website URL"),
    phone("phone", "Phone Number"),
    phone("mobilephone", "Mobile Phone Number"),
    phone("fax", "Fax Number"),
    text("address", "Street Address"),
    text("city", "City"),
    text("state", "State/Region"),
    text("zip", "Postal Code"),
    text("country", "Country/Region"),
    // A text in the real portal too: whatever people typed.
    text("date_of_birth", "Date of birth"),
    area("message", "Message"),
    text("industry", "Industry"),
    text("work_email", "Work email"),
    choice("hs_language", "Preferred language", LANGUAGES),
    choice("lifecyclestage", "Lifecycle Stage", LIFECYCLE),
    choice("hs_lead_status", "Lead Status", LEAD_STATUS),
    choice("hs_analytics_source", "Original Source", SOURCES).read_only(),
    flag("hs_email_optout", "Unsubscribed from all email").read_only(),
    moment("notes_last_contacted", "Last Contacted").read_only(),
    moment("notes_last_updated", "Last Activity Date").read_only(),
    text("hs_avatar_filemanager_key", "Avatar FileManager key")
        .read_only()
        .hidden(),
    number("num_associated_deals", "Number of Associated Deals").calculated(),
    text("nickname", "Nickname").custom(),
    text("external_key", "External key").custom().unique(),
    number("loyalty_points", "Loyalty points").custom(),
    flag("is_vip", "VIP").custom(),
    choice("favourite_colours", "Favourite colours", COLOURS)
        .checkboxes()
        .custom(),
    date("contract_end_date", "Contract end date").custom(),
    moment("last_survey_at", "Last survey at").custom(),
];
