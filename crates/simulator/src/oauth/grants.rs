//! Grants: one user's yes to one app, and the refresh token that stands for it.

use std::collections::{BTreeMap, HashMap};

use super::authorize::Request;
use super::sessions::{Session, Sessions};

/// One user's yes to one app.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    /// Owner.
    pub(crate) user_id: String,
    /// App.
    pub(crate) client_id: String,
    /// Scopes.
    pub(crate) scope: Vec<String>,
    /// Last exchange, Unix milliseconds.
    pub(crate) used_ms: i64,
    /// The refresh token that works now.
    pub(crate) refresh_token: Option<String>,
    /// A refresh is between arrival and commit.
    pub(crate) processing: bool,
    /// Revoked, evicted or killed by reuse.
    pub(crate) dead: bool,
}

/// An authorization code waiting to be exchanged.
#[derive(Debug, Clone)]
pub(crate) struct Code {
    /// What was asked.
    pub(crate) request: Request,
    /// Who said yes.
    pub(crate) user_id: String,
    /// Issue, Unix milliseconds.
    pub(crate) issued_ms: i64,
    /// Exchanged, or failed once.
    pub(crate) used: bool,
}

/// Why a refresh token cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Unknown, revoked, evicted or idle for too long.
    Dead,
    /// It had been rotated out: the family is revoked now.
    Reused,
    /// Another request is refreshing it.
    Processing,
}

/// Everything the authorization server remembers.
#[derive(Debug, Default)]
pub(crate) struct Store {
    grants: BTreeMap<u64, Grant>,
    last_grant: u64,
    refresh_tokens: HashMap<String, u64>,
    /// Access tokens.
    pub(crate) sessions: Sessions,
    /// Codes by value.
    pub(crate) codes: HashMap<String, Code>,
    /// Authorize requests waiting for a login or a yes.
    pub(crate) pending: HashMap<String, Request>,
    /// Browser logins: cookie to user id.
    pub(crate) logins: HashMap<String, String>,
}

impl Store {
    /// Adds a grant. Gives its number and how many older grants of the user and app were evicted.
    pub(crate) fn add(&mut self, grant: Grant, most_per_user: usize) -> (u64, usize) {
        self.last_grant += 1;
        let number = self.last_grant;
        if let Some(token) = &grant.refresh_token {
            self.refresh_tokens.insert(token.clone(), number);
        }
        let mut live: Vec<u64> = self
            .grants
            .iter()
            .filter(|(_, other)| !other.dead && other.refresh_token.is_some())
            .filter(|(_, other)| other.user_id == grant.user_id && other.client_id == grant.client_id)
            .map(|(number, _)| *number)
            .collect();
        let counts = grant.refresh_token.is_some();
        self.grants.insert(number, grant);
        let mut evicted = 0;
        while counts && live.len() + 1 > most_per_user.max(1) {
            let oldest = live.remove(0);
            self.revoke(oldest);
            evicted += 1;
        }
        (number, evicted)
    }

    /// A live grant of this user and app that covers these scopes.
    pub(crate) fn approved(&self, user_id: &str, client_id: &str, scope: &[String]) -> bool {
        self.grants.values().any(|grant| {
            !grant.dead
                && grant.user_id == user_id
                && grant.client_id == client_id
                && scope.iter().all(|name| grant.scope.contains(name))
        })
    }

    /// The grant of a number.
    pub(crate) fn grant(&self, number: u64) -> Option<&Grant> {
        self.grants.get(&number)
    }

    /// The grant a refresh token belongs, or belonged, to.
    pub(crate) fn grant_of(&self, refresh_token: &str) -> Option<u64> {
        self.refresh_tokens.get(refresh_token).copied()
    }

    /// Whether the refresh token is the working one of a live grant.
    pub(crate) fn is_current(&self, refresh_token: &str) -> bool {
        self.grant_of(refresh_token)
            .and_then(|number| self.grants.get(&number))
            .is_some_and(|grant| !grant.dead && grant.refresh_token.as_deref() == Some(refresh_token))
    }

    /// Checks a presented refresh token. A rotated-out one revokes the family here and now.
    pub(crate) fn present(
        &mut self,
        refresh_token: &str,
        client_id: &str,
        now_ms: i64,
        idle_ttl_ms: Option<i64>,
    ) -> Result<u64, Refusal> {
        let number = self.grant_of(refresh_token).ok_or(Refusal::Dead)?;
        let grant = self.grants.get(&number).ok_or(Refusal::Dead)?;
        if grant.dead || grant.client_id != client_id {
            return Err(Refusal::Dead);
        }
        if grant.refresh_token.as_deref() != Some(refresh_token) {
            self.revoke(number);
            return Err(Refusal::Reused);
        }
        if idle_ttl_ms.is_some_and(|idle| now_ms >= grant.used_ms.saturating_add(idle)) {
            self.revoke(number);
            return Err(Refusal::Dead);
        }
        Ok(number)
    }

    /// Marks that a refresh is under way; false when one was already.
    pub(crate) fn start_processing(&mut self, number: u64) -> bool {
        self.grants
            .get_mut(&number)
            .is_some_and(|grant| !std::mem::replace(&mut grant.processing, true))
    }

    /// The refresh has been committed or given up.
    pub(crate) fn stop_processing(&mut self, number: u64) {
        if let Some(grant) = self.grants.get_mut(&number) {
            grant.processing = false;
        }
    }

    /// Commits a refresh: a new refresh token (rotation), and with it the end of the sessions before.
    pub(crate) fn renew(
        &mut self,
        number: u64,
        now_ms: i64,
        rotated: Option<String>,
        ends_sessions: bool,
    ) -> Option<Grant> {
        let grant = self.grants.get_mut(&number)?;
        grant.used_ms = now_ms;
        if let Some(token) = rotated {
            grant.refresh_token = Some(token.clone());
            self.refresh_tokens.insert(token, number);
        }
        let grant = grant.clone();
        if ends_sessions {
            self.sessions.end(|_, session| session.grant == Some(number));
        }
        Some(grant)
    }

    /// Ends a grant, its refresh token and all its sessions. False when it was dead.
    pub(crate) fn revoke(&mut self, number: u64) -> bool {
        let Some(grant) = self.grants.get_mut(&number) else {
            return false;
        };
        let was_alive = !std::mem::replace(&mut grant.dead, true);
        self.sessions.end(|_, session| session.grant == Some(number));
        was_alive
    }

    /// Revokes every live grant of a user, or of everyone; gives how many.
    pub(crate) fn revoke_all(&mut self, user_id: Option<&str>) -> usize {
        let numbers: Vec<u64> = self
            .grants
            .iter()
            .filter(|(_, grant)| !grant.dead && user_id.is_none_or(|user_id| grant.user_id == user_id))
            .map(|(number, _)| *number)
            .collect();
        numbers.iter().filter(|number| self.revoke(**number)).count()
    }

    /// The live session of an access token, sliding its life. A session of a dead grant is dead.
    pub(crate) fn use_session(&mut self, token: &str, now_ms: i64, ttl_ms: i64) -> Option<Session> {
        let session = self.sessions.live(token, now_ms, ttl_ms)?;
        if session.grant.is_some_and(|number| !self.is_alive(number)) {
            return None;
        }
        self.sessions.touch(token, now_ms, ttl_ms).cloned()
    }

    fn is_alive(&self, number: u64) -> bool {
        self.grants.get(&number).is_some_and(|grant| !grant.dead)
    }
}
