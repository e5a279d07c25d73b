//! The objects of the portal and their names.

/// An object type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Object {
    Contacts,
    Companies,
    Deals,
    Notes,
    Tasks,
}

impl Object {
    pub(crate) const ALL: [Self; 5] = [
        Self::Contacts,
        Self::Companies,
        Self::Deals,
        Self::Notes,
        Self::Tasks,
    ];

    /// Reads `contacts`, `contact` or `0-1`.
    pub(crate) fn find(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|object| {
            object.plural().eq_ignore_ascii_case(text)
                || object.singular().eq_ignore_ascii_case(text)
                || object.type_id() == text
        })
    }

    pub(crate) fn plural(self) -> &'static str {
        match self {
            Self::Contacts => "contacts",
            Self::Companies => "companies",
            Self::Deals => "deals",
            Self::Notes => "notes",
            Self::Tasks => "tasks",
        }
    }

    pub(crate) fn singular(self) -> &'static str {
        match self {
            Self::Contacts => "contact",
            Self::Companies => "company",
            Self::Deals => "deal",
            Self::Notes => "note",
            Self::Tasks => "task",
        }
    }

    /// The number HubSpot gives the object.
    pub(crate) fn type_id(self) -> &'static str {
        match self {
            Self::Contacts => "0-1",
            Self::Companies => "0-2",
            Self::Deals => "0-3",
            Self::Notes => "0-46",
            Self::Tasks => "0-27",
        }
    }

    /// The word in `crm.objects.….read`; activities go with contacts.
    pub(crate) fn scope(self) -> &'static str {
        match self {
            Self::Companies => "companies",
            Self::Deals => "deals",
            Self::Contacts | Self::Notes | Self::Tasks => "contacts",
        }
    }

    /// The property that holds the creation.
    pub(crate) fn created(self) -> &'static str {
        match self {
            Self::Contacts | Self::Companies | Self::Deals => "createdate",
            Self::Notes | Self::Tasks => "hs_createdate",
        }
    }

    /// The property that holds the last change: contacts spell it differently.
    pub(crate) fn modified(self) -> &'static str {
        match self {
            Self::Contacts => "lastmodifieddate",
            _ => "hs_lastmodifieddate",
        }
    }

    /// What an answer holds when the caller names no properties, beside the id and both dates.
    pub(crate) fn defaults(self) -> &'static [&'static str] {
        match self {
            Self::Contacts => &["email", "firstname", "lastname"],
            Self::Companies => &["domain", "name"],
            Self::Deals => &["amount", "closedate", "dealname", "dealstage", "pipeline"],
            Self::Notes | Self::Tasks => &[],
        }
    }

    /// Where the `query` of a search looks.
    pub(crate) fn searched(self) -> &'static [&'static str] {
        match self {
            Self::Contacts => &[
                "firstname",
                "lastname",
                "email",
                "phone",
                "mobilephone",
                "company",
            ],
            Self::Companies => &["name", "domain", "website", "phone"],
            Self::Deals => &["dealname", "pipeline", "dealstage", "description", "dealtype"],
            Self::Notes => &["hs_note_body"],
            Self::Tasks => &["hs_task_subject", "hs_task_body"],
        }
    }

    /// The id of the first seeded record. Ids of different objects overlap once enough records are made.
    pub(crate) fn first_id(self) -> u64 {
        match self {
            Self::Contacts => 101,
            Self::Companies => 9_000_000_001,
            Self::Deals => 12_000_000_001,
            Self::Notes => 33_000_000_001,
            Self::Tasks => 33_000_500_001,
        }
    }
}
