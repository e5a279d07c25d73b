use crate::{Clock, ConnectionId, Limits, ManualClock, OsRandom, Random, Secret, TenantId};

#[test]
fn an_id_reads_back_and_no_other_kind_reads_it() {
    let id = ConnectionId::generate(&OsRandom);
    assert_eq!(ConnectionId::parse(id.as_str()), Ok(id.clone()));
    assert!(TenantId::parse(id.as_str()).is_err());
    for hostile in [
        "",
        "con_",
        "con_ABC",
        "con_012345678901234567890123'",
        "con_0123456789012345678901234",
        "con_é",
    ] {
        assert!(ConnectionId::parse(hostile).is_err(), "{hostile}");
    }
    assert!(serde_json::from_str::<ConnectionId>("\"con_x\"").is_err());
}

#[test]
fn two_ids_differ() {
    assert_ne!(
        ConnectionId::generate(&OsRandom),
        ConnectionId::generate(&OsRandom)
    );
    assert_ne!(OsRandom.bytes_32(), OsRandom.bytes_32());
}

#[test]
fn a_secret_does_not_print_itself() {
    let secret = Secret::new("hunter2");
    assert!(!format!("{secret:?}").contains("hunter2"));
    assert_eq!(secret.expose(), "hunter2");
}

#[test]
fn limits_that_would_let_two_holders_refresh_are_refused() {
    assert_eq!(Limits::default().check(), Ok(()));
    let long_request = Limits {
        token_request_ms: 20_000,
        ..Limits::default()
    };
    assert!(long_request.check().is_err());
    let short_redis = Limits {
        refresh_redis_lease_ms: 24_000,
        ..Limits::default()
    };
    assert!(short_redis.check().is_err());
}

#[test]
fn an_idempotency_key_outlives_its_write() {
    for idempotency_ttl_ms in [-1, 0, 60_000] {
        let short = Limits {
            idempotency_ttl_ms,
            ..Limits::default()
        };
        let refused = short.check().unwrap_err();
        assert!(refused.contains("idempotency_ttl_ms"), "{refused}");
    }
}

#[test]
fn webhooks_leave_their_lease_time_and_other_tenants_room() {
    type Change = fn(&mut Limits);
    let changes: [(Change, &str); 5] = [
        (|limits| limits.webhook_request_ms = 40_000, "webhook_lease_ms"),
        (|limits| limits.webhook_endpoints_max = 16, "webhook_inflight_max"),
        (
            |limits| limits.webhook_endpoints_max = usize::MAX,
            "webhook_inflight_max",
        ),
        (
            |limits| limits.webhook_endpoint_inflight_max = 0,
            "webhook_endpoint_inflight_max",
        ),
        (|limits| limits.webhook_poll_ms = 0, "webhook_poll_ms"),
    ];
    for (change, named) in changes {
        let mut limits = Limits::default();
        change(&mut limits);
        let refused = limits.check().unwrap_err();
        assert!(refused.contains(named), "{refused}");
    }
}

#[test]
fn a_manual_clock_moves_when_told() {
    let clock = ManualClock::new(1_000);
    clock.advance_ms(-250);
    assert_eq!(clock.now_ms(), 750);
}
