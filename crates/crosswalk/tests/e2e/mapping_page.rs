//! The mapping page over HTTP, as a browser without a script sends and gets it.

use serde_json::{Value, json};
use url::Url;

use crate::support::client::Browser;
use crate::support::{Backend, Caller, Plan, Reply, World, both};

/// Makes a link to the page of a connection.
async fn link(caller: &Caller<'_>, body: Value) -> Url {
    let path = format!("/connections/{}/mapping_sessions", caller.connection_id);
    let made = caller.send("POST", &path, Some(&body)).await;
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.json();
    assert!(made["id"].as_str().expect("an id").starts_with("ms_"));
    assert!(made["expires_at"].as_str().expect("a time").ends_with('Z'));
    Url::parse(made["url"].as_str().expect("a link")).expect("a URL")
}

/// A browser with the page open.
struct Admin<'a> {
    browser: Browser<'a>,
    page: Url,
    html: String,
    /// As a request sends it.
    cookie: String,
}

impl<'a> Admin<'a> {
    async fn arrive(caller: &Caller<'a>, body: Value) -> Self {
        let link = link(caller, body).await;
        let mut browser = Browser::new(&caller.world.client);
        let opened = browser.visit(&link, Some(String::new())).await;
        assert_eq!(opened.status, 303, "{opened:?}");
        let cookie = opened.header("set-cookie").expect("a cookie");
        assert!(cookie.contains("; HttpOnly; SameSite=Strict"), "{cookie}");
        let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        let page = Url::parse(opened.header("location").expect("a location")).expect("a URL");
        let shown = browser.visit(&page, None).await;
        assert_eq!(shown.status, 200, "{shown:?}");
        let html = shown.text();
        Self {
            browser,
            page,
            html,
            cookie,
        }
    }

    fn hidden(&self, name: &str) -> String {
        let (_, rest) = self
            .html
            .split_once(&format!("name=\"{name}\" value=\""))
            .unwrap_or_else(|| panic!("no {name}: {}", self.html));
        rest.split('"').next().unwrap_or_default().to_owned()
    }

    /// The form with these inputs, sent with this button.
    fn form(&self, button: &str, inputs: &[(&str, &str)]) -> String {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        for name in ["token", "version", "resource"] {
            form.append_pair(name, &self.hidden(name));
        }
        form.extend_pairs(inputs).append_pair("do", button);
        form.finish()
    }

    async fn presses(&mut self, button: &str, inputs: &[(&str, &str)]) -> Reply {
        let form = self.form(button, inputs);
        let page = self.page.clone();
        let reply = self.browser.visit(&page, Some(form)).await;
        if reply.text().contains("name=\"token\"") {
            self.html = reply.text();
        }
        reply
    }
}

async fn kept(caller: &Caller<'_>, resource: &str) -> Reply {
    caller
        .get(&format!(
            "/connections/{}/mappings/{resource}",
            caller.connection_id
        ))
        .await
}

async fn kept_document(caller: &Caller<'_>, resource: &str) -> Value {
    let kept = kept(caller, resource).await;
    assert_eq!(kept.status, 200, "{kept:?}");
    serde_json::from_str(kept.json()["document"].as_str().expect("a document")).expect("JSON")
}

both!(a_link_is_looked_at_as_often_as_one_likes_and_used_once);
async fn a_link_is_looked_at_as_often_as_one_likes_and_used_once(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let link = link(&caller, json!({})).await;
    let mut browser = Browser::new(&world.client);
    for _ in 0..2 {
        let entrance = browser.visit(&link, None).await;
        assert_eq!(entrance.status, 200, "looking does not use it up");
        assert!(entrance.text().contains("Choose Salesforce fields for Test"));
    }
    let opened = browser.visit(&link, Some(String::new())).await;
    assert_eq!(opened.status, 303, "{opened:?}");
    for form in [None, Some(String::new())] {
        assert_eq!(browser.visit(&link, form).await.status, 404, "a link works once");
    }
    let page = Url::parse(opened.header("location").expect("a location")).expect("a URL");
    let shown = browser.visit(&page, None).await;
    assert_eq!(shown.status, 200, "{shown:?}");
    let policy = shown.header("content-security-policy").expect("a policy");
    assert!(
        policy.contains("script-src 'sha256-") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert_eq!(shown.header("cache-control"), Some("no-store"));
    let stranger = Browser::new(&world.client).visit(&page, None).await;
    assert_eq!(stranger.status, 410, "{stranger:?}");
}

both!(an_admin_maps_fields_sees_a_record_and_saves);
async fn an_admin_maps_fields_sees_a_record_and_saves(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let wanted = json!({ "return_to": "http://127.0.0.1:9/back?tab=1", "resources": ["contacts"] });
    let mut admin = Admin::arrive(&caller, wanted).await;
    for part in [
        "name=\"pick.first_name\"",
        "LTV Score",
        "<code>LTV_Score__c</code>",
        "Usually",
        "of your records",
    ] {
        assert!(admin.html.contains(part), "{part}: {}", admin.html);
    }
    assert_eq!(admin.hidden("version"), "0");

    let inputs = [
        ("pick.department", "lead_source__C"),
        ("own.0.name", "ltv"),
        ("own.0.field", "LTV Score"),
    ];
    let before = caller.contacts("limit=5").await;
    let record = &before["result"][0];
    let tried = admin.presses("preview", &inputs).await;
    assert_eq!(tried.status, 200, "{tried:?}");
    assert!(
        tried.text().contains("value=\"Lead_Source__c\""),
        "the name as the provider writes it"
    );
    let preview = tried.text();
    let preview = preview
        .split("<section id=\"preview\"")
        .nth(1)
        .expect("a preview");
    let ltv = &record["custom_fields"]["LTV_Score__c"];
    let row = format!(
        "<code>ltv</code></th><td><bdi>{}</bdi>",
        if ltv.is_null() {
            "–".to_owned()
        } else {
            ltv.to_string()
        }
    );
    assert!(preview.contains(&row), "{row}: {preview}");
    assert_eq!(
        kept(&caller, "contacts").await.status,
        404,
        "a preview keeps nothing"
    );

    let saved = admin.presses("save", &inputs).await;
    assert_eq!(saved.status, 200, "{saved:?}");
    assert!(saved.text().contains("Your choices are saved"), "{saved:?}");
    let back = format!(
        "http://127.0.0.1:9/back?tab=1&amp;connection_id={}&amp;status=mapped",
        caller.connection_id
    );
    assert!(saved.text().contains(&back), "{saved:?}");
    let document = kept_document(&caller, "contacts").await;
    assert_eq!(
        document,
        json!({"field_map": {"department": "Lead_Source__c", "ltv": "LTV_Score__c"}})
    );
    let after = caller.contacts("limit=5").await;
    for contact in after["result"].as_array().expect("records") {
        let own = |name: &str| contact["custom_fields"].get(name).cloned().unwrap_or_default();
        assert_eq!(contact["ltv"], own("LTV_Score__c"), "{contact}");
        assert_eq!(contact["department"], own("Lead_Source__c"), "{contact}");
    }
    let meta = caller.get("/unified/meta/crm/contacts").await.json();
    assert_eq!(meta["sources"]["field_map.ltv"], "connection");

    let page = admin.page.clone();
    for form in [None, Some(admin.form("save", &inputs))] {
        let over = admin.browser.visit(&page, form).await;
        assert_eq!(over.status, 410, "{over:?}");
        assert!(over.text().contains("This page is over"), "{over:?}");
    }
    // Also for one who kept the cookie that the page took back.
    let kept_cookie = [("cookie", admin.cookie.clone())];
    let over = world.client.get(page.as_str(), &kept_cookie).await;
    assert_eq!(over.status, 410, "{over:?}");
}

both!(a_wrong_choice_is_told_where_it_is_and_nothing_is_saved);
async fn a_wrong_choice_is_told_where_it_is_and_nothing_is_saved(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let mut admin = Admin::arrive(&caller, json!({ "resources": ["contacts"] })).await;
    for (inputs, told) in [
        (
            vec![("pick.first_name", "Shoe_Size__c")],
            "There is no field `Shoe_Size__c`",
        ),
        (
            vec![("pick.birthday", "LTV_Score__c")],
            "It takes a day; LTV_Score__c holds a number.",
        ),
        (
            vec![("own.0.name", "id"), ("own.0.field", "LTV_Score__c")],
            "`id` is filled in another way",
        ),
        (
            vec![("own.0.name", "Ltv"), ("own.0.field", "LTV_Score__c")],
            "lower-case",
        ),
        (vec![("own.0.name", "ltv")], "Choose one of your fields"),
        (vec![("own.0.field", "LTV_Score__c")], "Give it a name."),
        (
            vec![("own.0.name", "first_name"), ("own.0.field", "LTV_Score__c")],
            "This name stands above",
        ),
        (
            vec![
                ("own.0.name", "a"),
                ("own.0.field", "Id"),
                ("own.1.name", "a"),
                ("own.1.field", "LTV_Score__c"),
            ],
            "This name stands twice.",
        ),
        (vec![("pick.first_name", "Name FROM User")], "There is no field"),
        (
            vec![("pick.first_name", "<script>alert(1)</script>")],
            "&lt;script&gt;alert(1)",
        ),
    ] {
        let refused = admin.presses("save", &inputs).await;
        assert_eq!(refused.status, 422, "{inputs:?}: {refused:?}");
        let html = refused.text();
        assert!(html.contains(told), "{told}: {html}");
        assert!(
            html.contains("aria-invalid=\"true\"") && html.contains("role=\"alert\""),
            "{html}"
        );
        assert_eq!(html.matches("<script").count(), 1, "the page's own");
        assert_eq!(kept(&caller, "contacts").await.status, 404);
    }
    let good = admin.presses("save", &[("pick.first_name", "LastName")]).await;
    assert_eq!(good.status, 200, "the page is still open: {good:?}");
}

both!(a_form_from_elsewhere_changes_nothing);
async fn a_form_from_elsewhere_changes_nothing(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let mut admin = Admin::arrive(&caller, json!({ "resources": ["contacts"] })).await;
    let other = Admin::arrive(&caller, json!({ "resources": ["contacts"] })).await;
    let inputs = [("pick.first_name", "LastName")];
    let good = admin.form("save", &inputs);
    let token = admin.hidden("token");
    let page = admin.page.clone();
    let forged = [
        good.replace(&token, ""),
        good.replace(&token, &other.hidden("token")),
        good.replace("token=", "shoes="),
        good.replace("resource=contacts", "resource=accounts"),
        good.replace("resource=contacts", "resource=users%2F..%2Fcontacts"),
    ];
    for form in forged {
        assert_ne!(form, good);
        let refused = admin.browser.visit(&page, Some(form.clone())).await;
        assert_eq!(refused.status, 410, "{form}: {refused:?}");
    }
    // A browser without the cookie, with another one, with two, and one that says that another site sends it.
    let cookie = admin.cookie.clone();
    for headers in [
        vec![],
        vec![("cookie", format!("cw_map={}", "0".repeat(64)))],
        vec![("cookie", format!("{cookie}; {cookie}"))],
        vec![
            ("cookie", cookie.clone()),
            ("sec-fetch-site", "cross-site".to_owned()),
        ],
        vec![
            ("cookie", cookie.clone()),
            ("sec-fetch-site", "same-site".to_owned()),
        ],
    ] {
        let kind = "application/x-www-form-urlencoded";
        let refused = world
            .client
            .send_text("POST", page.as_str(), &headers, kind, &good)
            .await;
        assert_eq!(refused.status, 410, "{headers:?}: {refused:?}");
    }
    let as_json = [("cookie", cookie)];
    let refused = world
        .client
        .send_text("POST", page.as_str(), &as_json, "text/plain", &good)
        .await;
    assert_eq!(refused.status, 410, "{refused:?}");
    assert_eq!(kept(&caller, "contacts").await.status, 404);
    assert_eq!(
        admin.browser.visit(&page, Some(good)).await.status,
        200,
        "the page itself may"
    );
    assert_eq!(kept(&caller, "contacts").await.status, 200);
}

both!(of_two_admins_the_second_is_told_and_nothing_is_lost);
async fn of_two_admins_the_second_is_told_and_nothing_is_lost(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let mut first = Admin::arrive(&caller, json!({ "resources": ["contacts"] })).await;
    let mut second = Admin::arrive(&caller, json!({ "resources": ["contacts"] })).await;
    let saved = first
        .presses(
            "save",
            &[("pick.first_name", "LastName"), ("pick.title", "LastName")],
        )
        .await;
    assert_eq!(saved.status, 200, "{saved:?}");
    let mine = [
        ("pick.title", "MailingCity"),
        ("own.0.name", "ltv"),
        ("own.0.field", "LTV_Score__c"),
    ];
    let previewed = second.presses("preview", &mine).await;
    assert_eq!(previewed.status, 200);
    assert_eq!(
        second.hidden("version"),
        "0",
        "a preview does not hide what others saved"
    );
    let told = second.presses("save", &mine).await;
    assert_eq!(told.status, 409, "{told:?}");
    let html = told.text();
    for part in [
        "somebody else saved",
        "The other person chose LastName.",
        "value=\"LTV_Score__c\"",
        "value=\"MailingCity\"",
    ] {
        assert!(html.contains(part), "{part}: {html}");
    }
    let theirs = json!({"field_map": {"first_name": "LastName", "title": "LastName"}});
    assert_eq!(
        kept_document(&caller, "contacts").await,
        theirs,
        "nothing was written over"
    );
    let both = [("pick.first_name", "LastName"), mine[0], mine[1], mine[2]];
    let again = second.presses("save", &both).await;
    assert_eq!(again.status, 200, "{again:?}");
    let together =
        json!({"field_map": {"first_name": "LastName", "ltv": "LTV_Score__c", "title": "MailingCity"}});
    assert_eq!(kept_document(&caller, "contacts").await, together);
}

both!(what_else_the_override_holds_stays);
async fn what_else_the_override_holds_stays(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let path = format!("/connections/{}/mappings/contacts", caller.connection_id);
    let document = json!({
        "field_map": {"ltv": "LTV_Score__c", "owner_mail": "Owner.Email"},
        "response_mapping": "response.{\"shout\": $uppercase(LastName)}",
    });
    let put = caller.send("PUT", &path, Some(&document)).await;
    assert_eq!(put.status, 200, "{put:?}");
    let tenants = caller
        .send(
            "PUT",
            "/mappings/salesforce/contacts",
            Some(&json!({"field_map": {"segment": "Segment__c"}})),
        )
        .await;
    assert_eq!(tenants.status, 200, "{tenants:?}");
    let mut admin = Admin::arrive(&caller, json!({ "resources": ["contacts", "accounts"] })).await;
    assert!(
        admin.html.contains("name=\"pick.segment\""),
        "the tenant's own names can be picked for"
    );
    assert!(admin.html.contains("value=\"owner_mail\"") && admin.html.contains("value=\"Owner.Email\""));
    let inputs = [
        ("pick.segment", "Lead_Source__c"),
        ("own.0.name", "owner_mail"),
        ("own.0.field", "Owner.Email"),
    ];
    // Several resources: the page may go on.
    let saved = admin.presses("save_on", &inputs).await;
    assert_eq!(saved.status, 303, "{saved:?}");
    let next = Url::parse(saved.header("location").expect("a location")).expect("a URL");
    let shown = admin.browser.visit(&next, None).await;
    assert!(
        shown.text().contains("Your choices for Contacts are saved."),
        "{shown:?}"
    );
    let expected = json!({
        "field_map": {"owner_mail": "Owner.Email", "segment": "Lead_Source__c"},
        "response_mapping": "response.{\"shout\": $uppercase(LastName)}",
    });
    assert_eq!(kept_document(&caller, "contacts").await, expected);
    let contact = &caller.contacts("limit=1").await["result"][0];
    assert_eq!(
        contact["shout"],
        contact["last_name"].as_str().expect("a name").to_uppercase()
    );

    admin.html = shown.text();
    let version = admin.hidden("version");
    let same = admin.presses("save", &inputs).await;
    assert_eq!(same.status, 200, "{same:?}");
    assert_eq!(
        kept(&caller, "contacts").await.json()["version"].to_string(),
        version,
        "nothing new, no new version"
    );
}

both!(a_link_reaches_one_connection_and_what_it_names);
async fn a_link_reaches_one_connection_and_what_it_names(backend: Backend) {
    let world = World::small(backend).await;
    let caller = world.connected().await;
    let other_tenant = world.tenant("Other").await;
    let path = format!("/connections/{}/mapping_sessions", caller.connection_id);
    let url = world.url(&path);
    let foreign = world.client.post(&url, &other_tenant.bearer(), &json!({})).await;
    assert_eq!(
        (foreign.status, foreign.code().as_str()),
        (404, "connection_not_found")
    );
    for (body, field) in [
        (json!({"resources": ["shoes"]}), "resources"),
        (json!({"resources": ["custom_objects"]}), "resources"),
        (json!({"return_to": "javascript:alert(1)"}), "return_to"),
        (json!({"return_to": "/here"}), "return_to"),
    ] {
        let refused = caller.send("POST", &path, Some(&body)).await;
        assert_eq!(
            (refused.status, &refused.json()["fields"][0]),
            (400, &json!(field)),
            "{body}: {refused:?}"
        );
    }
    assert_eq!(
        caller
            .send("POST", &path, Some(&json!({"shoes": 1})))
            .await
            .status,
        400
    );

    let mut admin = Admin::arrive(&caller, json!({"resources": ["accounts"]})).await;
    assert!(!admin.html.contains("<nav"), "one resource needs no choice");
    assert_eq!(admin.hidden("resource"), "accounts");
    let page = format!("{}?resource=contacts", admin.page);
    let shown = admin
        .browser
        .visit(&Url::parse(&page).expect("a URL"), None)
        .await;
    assert!(
        shown.text().contains("name=\"resource\" value=\"accounts\""),
        "{shown:?}"
    );
    assert_eq!(
        caller
            .send("DELETE", &format!("/connections/{}", caller.connection_id), None)
            .await
            .status,
        204
    );
    let over = admin.presses("save", &[("pick.website", "Name")]).await;
    assert_eq!(over.status, 410, "{over:?}");
}

both!(an_org_of_many_fields_and_one_that_does_not_answer);
async fn an_org_of_many_fields_and_one_that_does_not_answer(backend: Backend) {
    let mut plan = Plan::new(backend);
    plan.simulator.org.extra_custom_fields = 800;
    let world = World::build(plan).await;
    let caller = world.connected().await;
    let mut admin = Admin::arrive(&caller, json!({"resources": ["contacts"]})).await;
    assert!(admin.html.matches("<option value=\"").count() > 800);
    assert!(
        admin.html.matches('<').count() < 5_000,
        "{} tags",
        admin.html.matches('<').count()
    );
    assert!(admin.html.contains("50 of "), "{}", admin.html);
    let found = admin
        .presses("find", &[("find", "ltv"), ("pick.title", "MailingCity")])
        .await;
    assert!(found.text().contains("1 of 1 fields shown"), "{found:?}");
    assert!(
        found.text().contains("value=\"MailingCity\""),
        "choices stay while looking"
    );

    world
        .tell_simulator("faults", json!({ "kind": "outage", "path": "/services/data" }))
        .await;
    let silent = admin.presses("preview", &[("pick.title", "MailingCity")]).await;
    assert_eq!(silent.status, 200, "{silent:?}");
    assert!(silent.text().contains("could not be read just now"), "{silent:?}");
}
