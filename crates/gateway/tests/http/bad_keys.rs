//! Many keys that are not valid from one address.

use model::Limits;
use serde_json::json;

use crate::support::{OPERATOR_KEY, Options, Reply, World};

/// Texts that are nobody's key.
const INVENTED: [&str; 3] = ["cw_live_x", "secret", "cw_live_AAAAAAAA_BBBBBBBBBBBBBBBB"];

async fn with_key(world: &World, method: &str, path: &str, key: &str, body: Option<&str>) -> Reply {
    let authorization = format!("Bearer {key}");
    let headers = [
        ("authorization", authorization.as_str()),
        ("content-type", "application/json"),
    ];
    world.call(method, path, &headers, body).await
}

#[tokio::test]
async fn a_thousand_bad_keys_are_not_looked_up_and_hold_back_no_key_that_is_known() {
    let limits = Limits {
        bad_keys_max: 30,
        ..Limits::default()
    };
    let world = World::start(Options {
        limits,
        ..Options::default()
    })
    .await;
    let tenant = world.first.tenant.id().as_str();
    let new = json!({ "tenant_id": tenant, "name": "new", "test": true }).to_string();
    let made = with_key(&world, "POST", "/admin/keys", OPERATOR_KEY, Some(&new)).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let unseen = made.json()["key"].as_str().unwrap().to_owned();

    let mut statuses = std::collections::BTreeMap::<u16, usize>::new();
    for index in 0..1_000 {
        let reply = with_key(
            &world,
            "GET",
            "/connections",
            INVENTED[index % INVENTED.len()],
            None,
        )
        .await;
        *statuses.entry(reply.status).or_default() += 1;
        if reply.status == 429 {
            assert_eq!(reply.json()["code"], "too_many_bad_keys");
            let wait_s: u64 = reply.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=60).contains(&wait_s), "{wait_s}");
        }
    }
    let refused = statuses[&401];
    // A minute may end in between.
    assert!((30..=90).contains(&refused), "{statuses:?}");
    assert_eq!(refused + statuses[&429], 1_000, "{statuses:?}");

    assert_eq!(
        world
            .as_party(&world.first, "GET", "/connections", None)
            .await
            .status,
        200
    );
    assert_eq!(
        with_key(&world, "GET", "/admin/tenants", OPERATOR_KEY, None)
            .await
            .status,
        200
    );
    let held_back = with_key(&world, "GET", "/connections", &unseen, None).await;
    assert_eq!(
        held_back.status, 429,
        "it cannot be told from an invented one without a look-up"
    );
    // What takes no key is not concerned.
    assert_eq!(world.call("GET", "/livez", &[], None).await.status, 200);
    assert_eq!(world.call("GET", "/connections", &[], None).await.status, 401);
}
