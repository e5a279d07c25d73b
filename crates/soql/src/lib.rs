//! A query value written as SOQL or SOSL text that cannot be injected into.
