//! Everything one running simulator holds.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::call::Call;
use super::locators::Locators;
use crate::control::clock::Clock;
use crate::control::counters::Counters;
use crate::control::faults::FaultBoard;
use crate::control::query_log::QueryLog;
use crate::control::settings::Settings;
use crate::hubspot::portal::Portal;
use crate::oauth::grants::{Grant, Store};
use crate::oauth::random::Random;
use crate::oauth::sessions::Session;
use crate::org::Org;

/// A running simulator's state. Locks are held for the length of one statement or block, never across a wait.
#[derive(Debug)]
pub(crate) struct Simulator {
    /// The data.
    pub(crate) org: Arc<Org>,
    /// The HubSpot beside it.
    pub(crate) portal: Portal,
    /// The one app.
    pub(crate) client_id: String,
    /// Its secret.
    pub(crate) client_secret: String,
    /// Its callbacks; empty = any https or loopback URL.
    pub(crate) redirect_uris: Vec<String>,
    /// Time.
    pub(crate) clock: Clock,
    /// Tokens and ids.
    pub(crate) random: Random,
    /// Held by every write, so that a rolled-back transaction undoes only its own.
    pub(crate) writes: Mutex<()>,
    /// Last change of the schema, Unix milliseconds: `Last-Modified` of describes.
    pub(crate) schema_changed_ms: AtomicI64,
    /// Where statements are kept for other readers.
    pub(crate) query_log: Option<QueryLog>,
    initial: Settings,
    settings: Mutex<Settings>,
    faults: Mutex<FaultBoard>,
    counters: Mutex<Counters>,
    oauth: Mutex<Store>,
    locators: Mutex<Locators>,
}

/// Locks; a panic elsewhere must not silence the simulator.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Simulator {
    /// The state of a simulator that has just started.
    pub(crate) fn new(
        org: Arc<Org>,
        portal: Portal,
        (client_id, client_secret): (String, String),
        redirect_uris: Vec<String>,
        settings: Settings,
        query_log: Option<QueryLog>,
        seed: u64,
    ) -> Self {
        let clock = Clock::default();
        let schema_changed_ms = AtomicI64::new(clock.now_ms());
        Self {
            org,
            portal,
            client_id,
            client_secret,
            redirect_uris,
            clock,
            random: Random::new(seed),
            writes: Mutex::new(()),
            schema_changed_ms,
            query_log,
            initial: settings.clone(),
            settings: Mutex::new(settings),
            faults: Mutex::default(),
            counters: Mutex::default(),
            oauth: Mutex::default(),
            locators: Mutex::default(),
        }
    }

    /// A copy of the switches.
    pub(crate) fn settings(&self) -> Settings {
        lock(&self.settings).clone()
    }

    /// The switches, to change.
    pub(crate) fn settings_mut(&self) -> MutexGuard<'_, Settings> {
        lock(&self.settings)
    }

    /// Faults.
    pub(crate) fn faults(&self) -> MutexGuard<'_, FaultBoard> {
        lock(&self.faults)
    }

    /// Counters.
    pub(crate) fn counters(&self) -> MutexGuard<'_, Counters> {
        lock(&self.counters)
    }

    /// Grants, sessions, codes.
    pub(crate) fn oauth(&self) -> MutexGuard<'_, Store> {
        lock(&self.oauth)
    }

    /// Query locators.
    pub(crate) fn locators(&self) -> MutexGuard<'_, Locators> {
        lock(&self.locators)
    }

    /// The write lock.
    pub(crate) fn writing(&self) -> MutexGuard<'_, ()> {
        lock(&self.writes)
    }

    /// Everything but the rows and the schema, as at the start.
    pub(crate) fn reset(&self) {
        *self.settings_mut() = self.initial.clone();
        *self.faults() = FaultBoard::default();
        self.counters().reset();
        *self.oauth() = Store::default();
        *self.locators() = Locators::default();
        self.portal.reset();
        self.clock.set_offset_ms(0);
    }

    /// Notes that the schema has changed.
    pub(crate) fn schema_changed(&self) {
        self.schema_changed_ms
            .store(self.clock.now_ms(), Ordering::Relaxed);
    }

    /// Uses a session, sliding its life.
    pub(crate) fn use_session(&self, token: &str) -> Option<Session> {
        let ttl_ms = self.settings().session_ttl_ms;
        let now_ms = self.clock.now_ms();
        self.oauth().use_session(token, now_ms, ttl_ms)
    }

    /// `00D<15>!<opaque>`.
    pub(crate) fn new_access_token(&self) -> String {
        let org = self.org.organization_id();
        let short = org.get(..15).unwrap_or(&org);
        format!("{short}!AQE{}.{}", self.random.secret(48), self.random.secret(43))
    }

    /// `5Aep861…`.
    pub(crate) fn new_refresh_token(&self) -> String {
        format!("5Aep861{}", self.random.secret(80))
    }

    /// A grant that is not kept: flows without a refresh token.
    pub(crate) fn passing_grant(&self, user_id: String, scope: &str) -> Grant {
        Grant {
            user_id,
            client_id: self.client_id.clone(),
            scope: scope.split(' ').map(str::to_owned).collect(),
            used_ms: self.clock.now_ms(),
            refresh_token: None,
            processing: false,
            dead: false,
        }
    }

    /// The identity URL of a user.
    pub(crate) fn identity_url(&self, call: &Call, user_id: &str) -> String {
        let host = self.settings().identity_host;
        let host = host.as_deref().unwrap_or(&call.base_url).trim_end_matches('/');
        format!("{host}/id/{}/{user_id}", self.org.organization_id())
    }

    /// The id of an active standard user; system users and leavers cannot log in.
    pub(crate) fn user_id(&self, username: &str) -> Option<String> {
        let user = self.org.user_by_username(username)?;
        let can_log_in = user["IsActive"] == true && user["UserType"] == "Standard";
        can_log_in.then(|| user["Id"].as_str().map(str::to_owned))?
    }

    /// The whole row of a user.
    pub(crate) fn user_row(&self, user_id: &str) -> Option<Value> {
        self.org
            .raw_records("User")
            .into_iter()
            .find(|user| user["Id"] == user_id)
    }

    /// The username of a user.
    pub(crate) fn username(&self, user_id: &str) -> Option<String> {
        self.user_row(user_id)?["Username"].as_str().map(str::to_owned)
    }

    /// Some users that can log in, the admin first.
    pub(crate) fn usernames(&self, most: usize) -> Vec<String> {
        let admin = self.org.admin_user_id();
        let mut users: Vec<(bool, String)> = self
            .org
            .raw_records("User")
            .iter()
            .filter(|user| user["IsActive"] == true && user["UserType"] == "Standard")
            .filter_map(|user| {
                let name = user["Username"].as_str()?.to_owned();
                Some((user["Id"] != admin.as_str(), name))
            })
            .collect();
        users.sort();
        users.into_iter().take(most).map(|(_, name)| name).collect()
    }
}
