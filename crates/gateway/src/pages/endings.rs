//! Where a connect journey ends when the tenant named no page to return to, or when a person must be told something.

use http::StatusCode;

use super::{Page, Script, escape};

/// A way to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The connection works.
    Connected {
        /// What the provider is called.
        provider: String,
        /// Where fields can be mapped now.
        mapping_link: Option<String>,
    },
    /// Fields were mapped.
    Mapped {
        /// The name of the tenant whose fields they fill.
        tenant: String,
    },
    /// A mapping page that is not open, or not in this browser.
    PageOver,
    /// The fields cannot be shown for a reason that the person cannot change.
    NoFields {
        /// What the provider is called.
        provider: String,
        /// The status to answer with.
        status: StatusCode,
    },
    /// The provider does not let us in any more.
    Reconnect {
        /// What the provider is called.
        provider: String,
    },
    /// The link is used up, too old, or none of ours: which of them is nobody's business.
    LinkOver,
    /// The browser came back to a journey that is finished, too old, or another browser's.
    NotThisJourney,
    /// The browser went to the provider with this link and has not come back.
    Unfinished {
        /// What the provider is called.
        provider: String,
        /// What to do when the provider keeps the browser, from the provider document.
        explanation: Option<String>,
    },
    /// The person said no.
    Denied {
        /// What the provider is called.
        provider: String,
    },
    /// Something a person must do first; the provider document says what.
    Explained {
        /// What the provider is called.
        provider: String,
        /// What to do, from the provider document.
        explanation: String,
        /// The provider's own error code.
        error: String,
    },
    /// The org is another one than the connection's.
    OtherAccount {
        /// What the provider is called.
        provider: String,
    },
    /// It failed for a reason that the person cannot change.
    Failed {
        /// What the provider is called.
        provider: String,
        /// The status to answer with.
        status: StatusCode,
    },
}

impl Ending {
    /// The page, with a way back when the tenant gave one.
    pub(crate) fn page(&self, return_to: Option<&str>) -> Page {
        self.written(return_to, "")
    }

    /// As [`Ending::page`], for an attempt that may have been made in the wrong environment.
    pub(crate) fn page_with_another_way(&self, return_to: Option<&str>, again: &str) -> Page {
        let again = format!(
            "<p>Was it the wrong environment, a sandbox for example?</p>\n\
             <p><a class=\"button plain\" href=\"{}\">Choose the environment again</a></p>\n",
            escape(again)
        );
        self.written(return_to, &again)
    }

    fn written(&self, return_to: Option<&str>, again: &str) -> Page {
        let words = self.words();
        let back = return_to.map_or_else(
            || "<p class=\"note\">You may close this page.</p>".to_owned(),
            |url| format!("<p><a class=\"button\" href=\"{}\">Go back</a></p>", escape(url)),
        );
        let (mark, class) = if words.is_good {
            ("✓", "good")
        } else {
            ("!", "bad")
        };
        let more = match self {
            Self::Explained { error, .. } => {
                format!(
                    "<p class=\"note\">The error it gave: <code>{}</code></p>\n",
                    escape(error)
                )
            }
            Self::Connected {
                mapping_link: Some(link),
                ..
            } => format!(
                "<p>If your company keeps what matters in fields of its own, you can say now which ones are used.</p>\n\
                 <p><a class=\"button\" href=\"{}\">Choose fields</a></p>\n",
                escape(link)
            ),
            _ => String::new(),
        };
        Page {
            status: words.status,
            main: format!(
                "<p class=\"mark {class}\" aria-hidden=\"true\">{mark}</p>\n<h1>{}</h1>\n<p>{}</p>\n{more}{again}{back}",
                escape(&words.title),
                escape(&words.text),
            ),
            title: words.title,
            class: "page",
            script: Script::None,
        }
    }

    fn words(&self) -> Words {
        match self {
            Self::Connected { provider, .. } => Words {
                status: StatusCode::OK,
                is_good: true,
                title: format!("{provider} is connected"),
                text: "Everything is set up.".to_owned(),
            },
            Self::Mapped { tenant } => Words {
                status: StatusCode::OK,
                is_good: true,
                title: "Your choices are saved".to_owned(),
                text: format!("{tenant} uses them from now on. To change them, ask there for a new link."),
            },
            Self::PageOver => Words::bad(
                StatusCode::GONE,
                "This page is over",
                "It was finished, left open for too long, or opened in another browser. What was saved on it is in effect. To go \
                 on, ask for a new link where you got this one.",
            ),
            Self::NoFields { provider, status } => Words::bad(
                *status,
                "Your fields cannot be shown",
                &format!(
                    "{provider} or this service did not answer as it should. Open this page again in a few minutes; if that does \
                     not help, tell the people who gave you the link."
                ),
            ),
            Self::Reconnect { provider } => Words::bad(
                StatusCode::CONFLICT,
                &format!("{provider} has to be connected again"),
                &format!(
                    "{provider} does not let us read your fields any more. Ask for a link to connect again where you got this one."
                ),
            ),
            Self::LinkOver => Words::bad(
                StatusCode::NOT_FOUND,
                "This link does not work any more",
                "Links to connect an account work once and for a short time. Go back to where you got it and ask for a new one.",
            ),
            Self::NotThisJourney => Words::bad(
                StatusCode::BAD_REQUEST,
                "This attempt cannot be continued",
                "It was finished already, took too long, or was begun in another browser. Nothing was connected by this \
                 page. Start again from where you got the link, and stay in one browser.",
            ),
            Self::Unfinished {
                provider,
                explanation,
            } => Words::bad(
                StatusCode::CONFLICT,
                &format!("{provider} is not connected yet"),
                &format!(
                    "You went on to {provider} from here and have not come back. If that page is still open, finish there. {}",
                    explanation
                        .as_deref()
                        .unwrap_or("Otherwise start again from where you got the link.")
                ),
            ),
            Self::Denied { provider } => Words::bad(
                StatusCode::OK,
                &format!("{provider} was not connected"),
                "You did not allow the access, so nothing has been shared. To connect after all, start again.",
            ),
            Self::Explained {
                provider,
                explanation,
                ..
            } => Words::bad(
                StatusCode::OK,
                &format!("{provider} was not connected"),
                explanation,
            ),
            Self::OtherAccount { provider } => Words::bad(
                StatusCode::CONFLICT,
                "This is another account",
                &format!(
                    "The connection belongs to another {provider} account than the one you logged in to, so it was left as it \
                     was. Log out of {provider}, start again and choose the right account."
                ),
            ),
            Self::Failed { provider, status } => Words::bad(
                *status,
                &format!("{provider} could not be connected"),
                &format!(
                    "{provider} did not complete the connection. Try again in a few minutes; if it keeps failing, tell the \
                          people who gave you the link."
                ),
            ),
        }
    }
}

struct Words {
    status: StatusCode,
    is_good: bool,
    title: String,
    text: String,
}

impl Words {
    fn bad(status: StatusCode, title: &str, text: &str) -> Self {
        Self {
            status,
            is_good: false,
            title: title.to_owned(),
            text: text.to_owned(),
        }
    }
}
