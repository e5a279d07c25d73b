//! Companies.

use super::contacts::{LEAD_STATUS, LIFECYCLE};
use super::{Line, area, choice, date, flag, moment, number, phone, text};

pub(crate) const INDUSTRIES: &[(&str, &str)] = &[
    ("ACCOUNTING", "Accounting"),
    ("BANKING", "Banking"),
    ("BIOTECHNOLOGY", "Biotechnology"),
    ("COMPUTER_SOFTWARE", "Computer Software"),
    ("CONSTRUCTION", "Construction"),
    ("FOOD_PRODUCTION", "Food Production"),
    ("HOSPITAL_HEALTH_CARE", "Hospital & Health Care"),
    (
        "INFORMATION_TECHNOLOGY_AND_SERVICES",
        "Information Technology and Services",
    ),
    ("LOGISTICS_AND_SUPPLY_CHAIN", "Logistics and Supply Chain"),
    ("MARKETING_AND_ADVERTISING", "Marketing and Advertising"),
    ("OIL_ENERGY", "Oil & Energy"),
    ("RETAIL", "Retail"),
    ("TEXTILES", "Textiles"),
];

pub(crate) const TYPES: &[(&str, &str)] = &[
    ("PROSPECT", "Prospect"),
    ("PARTNER", "Partner"),
    ("RESELLER", "Reseller"),
    ("VENDOR", "Vendor"),
    ("OTHER", "Other"),
];

const TIERS: &[(&str, &str)] = &[("gold", "Gold"), ("silver", "Silver"), ("0", "None")];

pub(super) const LINES: &[Line] = &[
    text("name", "Company name"),
    text("domain", "Company Domain Name"),
    text("website", "Website URL"),
    phone("phone", "Phone Number"),
    area("description", "Description"),
    area("about_us", "About Us"),
    choice("industry", "Industry", INDUSTRIES),
    choice("type", "Type", TYPES),
    number("numberofemployees", "Number of Employees"),
    number("annualrevenue", "Annual Revenue").currency(),
    text("address", "Street Address"),
    text("address2", "Street Address 2"),
    text("city", "City"),
    text("state", "State/Region"),
    text("zip", "Postal Code"),
    text("country", "Country/Region"),
    text("founded_year", "Year Founded"),
    flag("is_public", "Is Public"),
    choice("lifecyclestage", "Lifecycle Stage", LIFECYCLE),
    choice("hs_lead_status", "Lead Status", LEAD_STATUS),
    number("hs_parent_company_id", "Parent Company").read_only(),
    moment("notes_last_contacted", "Last Contacted").read_only(),
    moment("notes_last_updated", "Last Activity Date").read_only(),
    text("hs_logo_url", "Logo URL"),
    number("num_associated_contacts", "Number of Associated Contacts").calculated(),
    number("num_associated_deals", "Number of Associated Deals").calculated(),
    text("erp_number", "ERP number").custom().unique(),
    choice("tier", "Tier", TIERS).custom(),
    number("health_score", "Health score").custom(),
    date("renewal_date", "Renewal date").custom(),
];
