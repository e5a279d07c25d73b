//! A provider that nobody has, made by following `docs/adding-a-provider.md` word for word.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::{Form, Path as Segments, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Map, Value, json};

use crate::support::{Backend, Plan, World, both};

const PAGE: &str = include_str!("../../../../docs/adding-a-provider.md");

type Parameters = Query<BTreeMap<String, String>>;
/// A call that is refused.
type Refusal = axum::response::ErrorResponse;

/// A fenced block of the page: the words behind its fence, and its text.
fn blocks() -> Vec<(&'static str, String)> {
    let mut blocks = Vec::new();
    let mut lines = PAGE.lines();
    while let Some(line) = lines.next() {
        if let Some(head) = line.strip_prefix("```") {
            let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push((head, text.join("\n") + "\n"));
        }
    }
    blocks
}

fn block(head: &str) -> String {
    let found = blocks().into_iter().find(|(known, _)| *known == head);
    found.unwrap_or_else(|| panic!("no block {head}")).1
}

/// Writes the files that the page shows below `folder`.
fn write_files(folder: &Path) {
    for (head, text) in blocks() {
        if let Some(path) = head.strip_prefix("yaml ") {
            let path = folder.join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, text).expect("written");
        }
    }
}

#[test]
fn the_commands_of_the_page_say_what_it_shows() {
    let folder = tempfile::tempdir().expect("a folder");
    write_files(folder.path());
    let mut commands = 0;
    for (_, text) in blocks().into_iter().filter(|(head, _)| *head == "console") {
        let (command, shown) = text.split_once('\n').expect("a command and what it says");
        let arguments = command.strip_prefix("$ crosswalk ").expect("a command of ours");
        let output = Command::new(env!("CARGO_BIN_EXE_crosswalk"))
            .args(arguments.split(' '))
            .current_dir(folder.path())
            .output()
            .expect("the program runs");
        assert!(output.status.success(), "{command}: {output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), shown, "{command}");
        commands += 1;
    }
    assert_eq!(commands, 3);
}

/// Larkspur, as far as the page describes it.
#[derive(Default)]
struct Larkspur {
    people: Mutex<BTreeMap<String, Map<String, Value>>>,
    /// The access token that is good; the next refresh issues another.
    tokens: Mutex<u32>,
    calls: Mutex<u32>,
}

impl Larkspur {
    /// Starts it with a few people; answers its URL.
    async fn start(self: &Arc<Self>) -> String {
        for index in 1..=120 {
            let given = if index == 1 { "Ada" } else { "Grace" };
            let person = json!({
                "id": format!("p{index}"), "given": given, "family": if index == 1 { "Lovelace" } else { "Hopper" },
                "mail": format!("{}{}@example.com", given.to_lowercase(), if index == 1 { String::new() } else { index.to_string() }),
                "employer": null, "made_at": "2026-05-01T07:25:37Z", "changed_at": format!("2026-05-02T07:{:02}:{:02}Z", index / 60, index % 60),
                "shoe_size": 38.5, "is_vip": false
            });
            let Value::Object(person) = person else {
                unreachable!()
            };
            self.people().insert(format!("p{index}"), person);
        }
        let routes = Router::new()
            .route("/oauth/authorize", get(authorize))
            .route("/oauth/token", post(token))
            .route("/v2/people/fields", get(fields))
            .route("/v2/people", get(list).post(create))
            .route("/v2/people/{id}", get(read).patch(change).delete(remove))
            .with_state(Arc::clone(self));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, routes).await });
        format!("http://{address}")
    }

    fn people(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Map<String, Value>>> {
        self.people.lock().expect("no test panics with it")
    }

    fn access_token(&self) -> String {
        format!("larkspur-{}", self.tokens.lock().expect("no test panics with it"))
    }

    /// Counts a call and refuses one without the token of now.
    #[expect(clippy::result_large_err, reason = "it is the answer")]
    fn admit(&self, headers: &HeaderMap) -> Result<[(&'static str, String); 1], Refusal> {
        let mut calls = self.calls.lock().expect("no test panics with it");
        *calls += 1;
        let wanted = format!("Bearer {}", self.access_token());
        if headers.get("authorization").is_none_or(|found| found != &wanted) {
            return Err(refused(StatusCode::UNAUTHORIZED, "token_expired", None));
        }
        Ok([("x-allowance", format!("{}/60", 60_u32.saturating_sub(*calls)))])
    }
}

fn refused(status: StatusCode, code: &str, field: Option<&str>) -> Refusal {
    let error = json!({"error": {"code": code, "message": format!("Larkspur says {code}"), "field": field}});
    (status, Json(error)).into()
}

async fn authorize(Query(asked): Parameters) -> Response {
    assert_eq!(asked["code_challenge_method"], "S256");
    let location = format!(
        "{}?code=larkspur-code&state={}",
        asked["redirect_uri"], asked["state"]
    );
    (StatusCode::SEE_OTHER, [("location", location)]).into_response()
}

async fn token(
    State(larkspur): State<Arc<Larkspur>>,
    Form(form): Form<BTreeMap<String, String>>,
) -> Response {
    let proof = match form["grant_type"].as_str() {
        "authorization_code" => form["code"] == "larkspur-code" && form["code_verifier"].len() >= 43,
        _ => form["refresh_token"] == "larkspur-refresh",
    };
    if !proof || form["client_id"] != "the app's id" || form["client_secret"] != "the app's secret" {
        return (StatusCode::BAD_REQUEST, Json(json!({"error": "invalid_grant"}))).into_response();
    }
    *larkspur.tokens.lock().expect("no test panics with it") += 1;
    let answer = json!({
        "access_token": larkspur.access_token(), "refresh_token": "larkspur-refresh", "expires_in": 3600, "workspace": "w1"
    });
    Json(answer).into_response()
}

async fn fields(State(larkspur): State<Arc<Larkspur>>, headers: HeaderMap) -> Result<Response, Refusal> {
    let told = larkspur.admit(&headers)?;
    let field = |key: &str, kind: &str, custom: bool| json!({"key": key, "title": key, "type": kind, "custom": custom});
    let fields = json!({"fields": [
        field("id", "text", false), field("given", "text", false), field("family", "text", false), field("mail", "text", false),
        field("employer", "text", false), field("made_at", "moment", false), field("changed_at", "moment", false),
        field("shoe_size", "number", true), field("is_vip", "yes_no", true)
    ]});
    Ok((told, Json(fields)).into_response())
}

/// The fields of a person that are asked for.
fn chosen(person: &Map<String, Value>, asked: &BTreeMap<String, String>) -> Value {
    let wanted: Vec<&str> = asked["fields"].split(',').collect();
    let kept = person.iter().filter(|(name, _)| wanted.contains(&name.as_str()));
    Value::Object(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
}

fn holds(person: &Map<String, Value>, filter: &Value) -> bool {
    let found = &person[filter["field"].as_str().unwrap_or_default()];
    match (filter["is"].as_str(), found, &filter["value"]) {
        (Some("eq"), found, wanted) => found == wanted,
        (Some("contains"), Value::String(found), Value::String(wanted)) => found.contains(wanted.as_str()),
        (Some("gt"), Value::String(found), Value::String(wanted)) => found > wanted,
        (Some("gt"), found, wanted) => found.as_f64() > wanted.as_f64(),
        _ => false,
    }
}

async fn list(
    State(larkspur): State<Arc<Larkspur>>,
    headers: HeaderMap,
    Query(asked): Parameters,
) -> Result<Response, Refusal> {
    let told = larkspur.admit(&headers)?;
    let filters = asked
        .get("where")
        .map_or(Value::Null, |text| serde_json::from_str(text).expect("JSON"));
    let filters = filters.as_array().cloned().unwrap_or_default();
    let limit: usize = asked["limit"].parse().expect("a number");
    assert!(limit <= 50);
    let start: usize = asked
        .get("after")
        .map_or(0, |after| after.parse().expect("a number"));
    let people = larkspur.people();
    let found: Vec<_> = people
        .values()
        .filter(|person| filters.iter().all(|filter| holds(person, filter)))
        .collect();
    let items: Vec<Value> = found
        .iter()
        .skip(start)
        .take(limit)
        .map(|person| chosen(person, &asked))
        .collect();
    let end = start + items.len();
    let next = (end < found.len()).then(|| end.to_string());
    Ok((told, Json(json!({"items": items, "next": next}))).into_response())
}

async fn read(
    State(larkspur): State<Arc<Larkspur>>,
    headers: HeaderMap,
    Segments(id): Segments<String>,
    Query(asked): Parameters,
) -> Result<Response, Refusal> {
    let told = larkspur.admit(&headers)?;
    match larkspur.people().get(&id) {
        Some(person) => Ok((told, Json(chosen(person, &asked))).into_response()),
        None => Err(refused(StatusCode::NOT_FOUND, "no_such_person", None)),
    }
}

async fn create(
    State(larkspur): State<Arc<Larkspur>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let told = larkspur.admit(&headers)?;
    let mut person: Map<String, Value> = serde_json::from_slice(&body).expect("JSON");
    if !person
        .get("mail")
        .and_then(Value::as_str)
        .unwrap_or("@")
        .contains('@')
    {
        return Err(refused(
            StatusCode::UNPROCESSABLE_ENTITY,
            "bad_address",
            Some("mail"),
        ));
    }
    person.insert("id".to_owned(), json!("p900"));
    larkspur.people().insert("p900".to_owned(), person);
    Ok((StatusCode::CREATED, told, Json(json!({"id": "p900"}))).into_response())
}

async fn change(
    State(larkspur): State<Arc<Larkspur>>,
    headers: HeaderMap,
    Segments(id): Segments<String>,
    body: Bytes,
) -> Result<Response, Refusal> {
    let told = larkspur.admit(&headers)?;
    let changes: Map<String, Value> = serde_json::from_slice(&body).expect("JSON");
    let mut people = larkspur.people();
    let person = people
        .get_mut(&id)
        .ok_or_else(|| refused(StatusCode::NOT_FOUND, "no_such_person", None))?;
    person.extend(changes);
    Ok((told, Json(json!({"id": id}))).into_response())
}

async fn remove(
    State(larkspur): State<Arc<Larkspur>>,
    headers: HeaderMap,
    Segments(id): Segments<String>,
) -> Result<Response, Refusal> {
    let told = larkspur.admit(&headers)?;
    let gone = larkspur.people().remove(&id);
    gone.map(|_| (StatusCode::NO_CONTENT, told).into_response())
        .ok_or_else(|| refused(StatusCode::NOT_FOUND, "no_such_person", None))
}

/// Settings of the page's configuration file as variables, with paths made whole.
fn settings(folder: &Path, larkspur: &str) -> Vec<(&'static str, &'static str)> {
    let file: toml::Table = block("toml crosswalk.toml").parse().expect("TOML");
    let app = &file["providers"]["larkspur"];
    let mappings = folder.join(file["server"]["mappings_dir"].as_str().expect("a path"));
    let text = |value: &toml::Value| value.as_str().expect("a text").to_owned();
    // What a test leaks, its process gives back.
    let kept = |value: String| -> &'static str { value.leak() };
    vec![
        ("SERVER_MAPPINGS_DIR", kept(mappings.display().to_string())),
        ("PROVIDERS_LARKSPUR_CLIENT_ID", kept(text(&app["client_id"]))),
        (
            "PROVIDERS_LARKSPUR_CLIENT_SECRET",
            kept(text(&app["client_secret"])),
        ),
        (
            "PROVIDERS_LARKSPUR_LOGIN_URLS_PRODUCTION",
            kept(larkspur.to_owned()),
        ),
        ("PROVIDERS_LARKSPUR_API_URL", kept(larkspur.to_owned())),
        ("EGRESS_ALLOW", kept(format!("[\"{larkspur}\"]"))),
    ]
}

both!(the_page_leads_to_the_answer_it_shows);
async fn the_page_leads_to_the_answer_it_shows(backend: Backend) {
    let folder = tempfile::tempdir().expect("a folder");
    write_files(folder.path());
    let larkspur = Arc::new(Larkspur::default());
    let url = larkspur.start().await;
    let mut plan = Plan::new(backend);
    plan.settings = settings(folder.path(), &url);
    let world = World::build(plan).await;
    let caller = world.connected_to("larkspur").await;

    let request = block("http");
    let path = request.trim().strip_prefix("GET ").expect("a request");
    let reply = caller.get(path).await;
    let shown: Value = serde_json::from_str(&block("json")).expect("JSON");
    assert_eq!((reply.status, reply.json()), (200, shown));
    assert!(
        reply
            .header("ratelimit")
            .is_some_and(|told| told.contains("larkspur-minute")),
        "{reply:?}"
    );

    // What the page promises without showing it: pages, a refresh, errors in our names, writes.
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = caller
            .contacts(&format!("limit=50&custom_fields[shoe_size][gt]=38{cursor}"))
            .await;
        ids.extend(
            page["result"]
                .as_array()
                .expect("people")
                .iter()
                .map(|person| person["id"].clone()),
        );
        *larkspur.tokens.lock().expect("no test panics with it") += 1;
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    ids.sort_by_key(ToString::to_string);
    ids.dedup();
    assert_eq!(ids.len(), 120);
    let refused = caller.get("/unified/crm/contacts?first_name[like]=A%25").await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (400, "invalid_parameter"),
        "{refused:?}"
    );
    let wrong = json!({"first_name": "Alan", "email_addresses": [{"email": "nowhere"}]});
    let wrong = caller
        .send(Method::POST.as_str(), "/unified/crm/contacts", Some(&wrong))
        .await;
    assert_eq!(wrong.code(), "validation_failed", "{wrong:?}");
    assert!(wrong.text().contains("email_addresses"), "{wrong:?}");
    let made = json!({"first_name": "Alan", "custom_fields": {"shoe_size": 44, "is_vip": true}});
    let made = caller
        .send(Method::POST.as_str(), "/unified/crm/contacts", Some(&made))
        .await;
    assert_eq!(
        (made.status, &made.json()["custom_fields"]),
        (201, &json!({"shoe_size": 44, "is_vip": true})),
        "{made:?}"
    );
    let changed = caller
        .send(
            Method::PATCH.as_str(),
            "/unified/crm/contacts/p900",
            Some(&json!({"last_name": "Turing"})),
        )
        .await;
    assert_eq!(
        (changed.status, &changed.json()["name"]),
        (200, &json!("Alan Turing")),
        "{changed:?}"
    );
    assert_eq!(larkspur.people()["p900"]["family"], "Turing");
    let gone = caller
        .send(Method::DELETE.as_str(), "/unified/crm/contacts/p900", None)
        .await;
    assert_eq!(gone.status, 200, "{gone:?}");
    assert!(!larkspur.people().contains_key("p900"));
    let passed = caller.get("/proxy/people/p1?fields=given").await;
    assert_eq!((passed.status, passed.json()), (200, json!({"given": "Ada"})));
}
