//! Access tokens: opaque, with a life that slides with use.

use std::collections::HashMap;

/// How a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    /// Usable until unused for the session life.
    Alive,
    /// Ended by rotation, revocation or an admin: its locators are dead as well.
    Ended,
}

/// One access token.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    /// Owner.
    pub(crate) user_id: String,
    /// App.
    pub(crate) client_id: String,
    /// Scopes.
    pub(crate) scope: Vec<String>,
    /// The grant it came from; none for flows without a refresh token.
    pub(crate) grant: Option<u64>,
    /// Issue, Unix milliseconds.
    pub(crate) issued_ms: i64,
    /// Last use, Unix milliseconds.
    pub(crate) used_ms: i64,
    /// How it stands.
    pub(crate) life: Life,
}

/// Every access token ever issued.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    by_token: HashMap<String, Session>,
}

impl Sessions {
    /// Keeps a new session.
    pub(crate) fn insert(&mut self, token: String, session: Session) {
        self.by_token.insert(token, session);
    }

    /// The session of a token, if it can be used now; does not slide.
    pub(crate) fn live(&self, token: &str, now_ms: i64, ttl_ms: i64) -> Option<&Session> {
        self.by_token
            .get(token)
            .filter(|session| session.life == Life::Alive && now_ms < session.used_ms.saturating_add(ttl_ms))
    }

    /// Uses a session: its life starts anew. `None` when it is dead, timed out or unknown.
    pub(crate) fn touch(&mut self, token: &str, now_ms: i64, ttl_ms: i64) -> Option<&Session> {
        self.live(token, now_ms, ttl_ms)?;
        let session = self.by_token.get_mut(token)?;
        session.used_ms = session.used_ms.max(now_ms);
        Some(session)
    }

    /// Whether a session has been ended, as opposed to timed out. Unknown tokens count as ended.
    pub(crate) fn is_ended(&self, token: &str) -> bool {
        self.by_token
            .get(token)
            .is_none_or(|session| session.life == Life::Ended)
    }

    /// Ends every session that the test picks; gives how many were alive.
    pub(crate) fn end(&mut self, pick: impl Fn(&str, &Session) -> bool) -> usize {
        let mut ended = 0;
        for (token, session) in &mut self.by_token {
            if session.life == Life::Alive && pick(token, session) {
                session.life = Life::Ended;
                ended += 1;
            }
        }
        ended
    }

    /// Lets sessions time out; gives how many.
    pub(crate) fn expire(&mut self, pick: impl Fn(&Session) -> bool) -> usize {
        let mut expired = 0;
        for session in self.by_token.values_mut() {
            if session.life == Life::Alive && pick(session) {
                session.used_ms = i64::MIN / 2;
                expired += 1;
            }
        }
        expired
    }
}
