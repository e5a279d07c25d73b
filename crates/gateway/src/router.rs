//! All routes on one screen, and the layers around them.

use axum::extract::Extension;
use axum::routing::{MethodRouter, any, delete, get, patch, post, put};
use axum::{Router, middleware};
use tower::ServiceBuilder;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

use crate::access::Access::{self, Operator, Public, Tenant};
use crate::access::Scope::{Manage, Proxy, Read, Write};
use crate::audit;
use crate::code::Code;
use crate::idempotency;
use crate::observe::observe;
use crate::problem::Problem;
use crate::routes::{
    admin, audit as audit_routes, connect, connections, docs, events, grants, health, keyring, mapping_page,
    mappings, meta, metrics, proxy, unified, webhooks,
};
use crate::state::App;

/// One route: the router, the OpenAPI document and the tests are all made from the same list.
pub(crate) struct Route {
    /// `GET`, …; `ANY` for all of them.
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) access: Access,
    /// The operation's name in the OpenAPI document.
    pub(crate) id: &'static str,
    pub(crate) handler: MethodRouter<App>,
}

#[rustfmt::skip]
pub(crate) fn routes() -> Vec<Route> {
    vec![
        route("GET",    "/unified/crm/{resource}",                    Tenant(Read),   "list_records",       get(unified::list)),
        route("POST",   "/unified/crm/{resource}",                    Tenant(Write),  "create_record",      post(unified::create)),
        route("POST",   "/unified/crm/{resource}/upsert",             Tenant(Write),  "upsert_record",      post(unified::upsert)),
        route("POST",   "/unified/crm/{resource}/batch",              Tenant(Write),  "write_records",      post(unified::batch)),
        route("GET",    "/unified/crm/{resource}/{id}",               Tenant(Read),   "get_record",         get(unified::read)),
        route("PATCH",  "/unified/crm/{resource}/{id}",               Tenant(Write),  "update_record",      patch(unified::update)),
        route("DELETE", "/unified/crm/{resource}/{id}",               Tenant(Write),  "delete_record",      delete(unified::remove)),
        route("POST",   "/unified/crm/{resource}/{id}/convert",       Tenant(Write),  "convert_record",     post(unified::convert)),
        route("GET",    "/unified/crm/fields",                        Tenant(Read),   "list_fields",        get(unified::fields)),
        route("GET",    "/unified/crm/custom_object_schemas",         Tenant(Read),   "list_object_schemas", get(unified::object_schemas)),
        route("GET",    "/unified/crm/custom_object_schemas/{object}", Tenant(Read),  "get_object_schema",  get(unified::object_schema)),
        route("GET",    "/unified/crm/custom_objects/{object}",       Tenant(Read),   "list_object_records",  get(unified::list)),
        route("POST",   "/unified/crm/custom_objects/{object}",       Tenant(Write),  "create_object_record", post(unified::create)),
        route("POST",   "/unified/crm/custom_objects/{object}/upsert", Tenant(Write), "upsert_object_record", post(unified::upsert)),
        route("POST",   "/unified/crm/custom_objects/{object}/batch", Tenant(Write),  "write_object_records", post(unified::batch)),
        route("GET",    "/unified/crm/custom_objects/{object}/{id}",  Tenant(Read),   "get_object_record",    get(unified::read)),
        route("PATCH",  "/unified/crm/custom_objects/{object}/{id}",  Tenant(Write),  "update_object_record", patch(unified::update)),
        route("DELETE", "/unified/crm/custom_objects/{object}/{id}",  Tenant(Write),  "delete_object_record", delete(unified::remove)),
        route("GET",    "/unified/meta/crm/{resource}",               Tenant(Read),   "get_resource_meta",  get(meta::read)),
        route("ANY",    "/proxy/{*path}",                             Tenant(Proxy),  "proxy",              any(proxy::forward)),

        route("GET",    "/connections",                               Tenant(Read),   "list_connections",   get(connections::list)),
        route("POST",   "/connections",                               Tenant(Manage), "create_connection",  post(grants::create)),
        route("GET",    "/connections/{id}",                          Tenant(Read),   "get_connection",     get(connections::read)),
        route("PATCH",  "/connections/{id}",                          Tenant(Manage), "change_connection",  patch(connections::change)),
        route("POST",   "/connections/{id}/test",                     Tenant(Read),   "test_connection",    post(connections::test)),
        route("DELETE", "/connections/{id}",                          Tenant(Manage), "delete_connection",  delete(connections::remove)),
        route("GET",    "/connections/{id}/quota",                    Tenant(Read),   "get_quota",          get(connections::quota)),

        route("GET",    "/events",                                    Tenant(Read),   "list_connection_events", get(events::list)),
        route("GET",    "/events/{id}",                               Tenant(Read),   "get_connection_event", get(events::read)),

        route("GET",    "/audit",                                     Tenant(Manage), "list_audit",         get(audit_routes::list)),
        route("GET",    "/webhooks",                                  Tenant(Read),   "list_webhooks",      get(webhooks::list)),
        route("POST",   "/webhooks",                                  Tenant(Manage), "create_webhook",     post(webhooks::create)),
        route("GET",    "/webhooks/{id}",                             Tenant(Read),   "get_webhook",        get(webhooks::read)),
        route("PATCH",  "/webhooks/{id}",                             Tenant(Manage), "update_webhook",     patch(webhooks::change)),
        route("DELETE", "/webhooks/{id}",                             Tenant(Manage), "delete_webhook",     delete(webhooks::remove)),
        route("POST",   "/webhooks/{id}/rotate_secret",               Tenant(Manage), "rotate_webhook_secret", post(webhooks::rotate_secret)),
        route("POST",   "/webhooks/{id}/test",                        Tenant(Manage), "test_webhook",       post(webhooks::test)),
        route("POST",   "/webhooks/{id}/replay",                      Tenant(Manage), "replay_webhook",     post(webhooks::replay)),
        route("GET",    "/webhooks/{id}/deliveries",                  Tenant(Read),   "list_webhook_deliveries", get(webhooks::list_deliveries)),
        route("GET",    "/webhooks/{id}/deliveries/{delivery_id}",    Tenant(Read),   "get_webhook_delivery", get(webhooks::read_delivery)),
        route("POST",   "/webhooks/{id}/deliveries/{delivery_id}/replay", Tenant(Manage), "replay_webhook_delivery", post(webhooks::replay_delivery)),

        route("GET",    "/mappings",                                  Tenant(Read),   "list_mappings",      get(mappings::list)),
        route("GET",    "/mappings/{provider}/{resource}",            Tenant(Read),   "get_mapping",        get(mappings::read)),
        route("PUT",    "/mappings/{provider}/{resource}",            Tenant(Manage), "put_mapping",        put(mappings::write)),
        route("DELETE", "/mappings/{provider}/{resource}",            Tenant(Manage), "delete_mapping",     delete(mappings::remove)),
        route("GET",    "/mappings/{provider}/{resource}/history",    Tenant(Read),   "get_mapping_history", get(mappings::history)),
        route("POST",   "/mappings/{provider}/{resource}/rollback",   Tenant(Manage), "roll_back_mapping",  post(mappings::roll_back)),
        route("POST",   "/mappings/{provider}/{resource}/preview",    Tenant(Read),   "preview_mapping",    post(mappings::preview)),
        route("GET",    "/connections/{id}/mappings/{resource}",      Tenant(Read),   "get_connection_mapping",    get(mappings::read_own)),
        route("PUT",    "/connections/{id}/mappings/{resource}",      Tenant(Manage), "put_connection_mapping",    put(mappings::write_own)),
        route("DELETE", "/connections/{id}/mappings/{resource}",      Tenant(Manage), "delete_connection_mapping", delete(mappings::remove_own)),
        route("GET",    "/connections/{id}/mappings/{resource}/history", Tenant(Read), "get_connection_mapping_history", get(mappings::history_own)),
        route("POST",   "/connections/{id}/mappings/{resource}/rollback", Tenant(Manage), "roll_back_connection_mapping", post(mappings::roll_back_own)),
        route("POST",   "/connections/{id}/mappings/{resource}/preview", Tenant(Read), "preview_connection_mapping",     post(mappings::preview_own)),

        route("POST",   "/connections/{id}/mapping_sessions",         Tenant(Manage), "create_mapping_session", post(mapping_page::create)),
        route("GET",    "/connect/mapping/{link}",                    Public,         "open_mapping_link",  get(mapping_page::enter)),
        route("POST",   "/connect/mapping/{link}",                    Public,         "begin_mapping",      post(mapping_page::begin)),
        route("GET",    "/connect/mapping",                           Public,         "open_mapping_page",  get(mapping_page::show)),
        route("POST",   "/connect/mapping",                           Public,         "send_mapping_form",  post(mapping_page::act)),

        route("POST",   "/connect/sessions",                          Tenant(Manage), "create_connect_session", post(connect::create_session)),
        route("GET",    "/connect/{link}",                            Public,         "open_connect_page",  get(connect::open)),
        route("POST",   "/connect/{link}",                            Public,         "start_authorization", post(connect::start)),
        route("GET",    "/connect/{link}/status",                     Public,         "get_connect_status", get(connect::status)),
        route("GET",    "/oauth/callback/{provider}",                 Public,         "finish_authorization", get(connect::finish)),

        route("GET",    "/admin/tenants",                             Operator,       "list_tenants",       get(admin::list_tenants)),
        route("POST",   "/admin/tenants",                             Operator,       "create_tenant",      post(admin::create_tenant)),
        route("GET",    "/admin/keys",                                Operator,       "list_keys",          get(admin::list_keys)),
        route("POST",   "/admin/keys",                                Operator,       "create_key",         post(admin::create_key)),
        route("DELETE", "/admin/keys/{id}",                           Operator,       "revoke_key",         delete(admin::revoke_key)),
        route("POST",   "/admin/keys/{id}/rotate",                    Operator,       "rotate_key",         post(admin::rotate_key)),
        route("GET",    "/admin/audit",                               Operator,       "list_all_audit",     get(audit_routes::list_all)),
        route("GET",    "/admin/providers",                           Operator,       "list_providers",     get(admin::list_providers)),
        route("GET",    "/admin/keyring",                             Operator,       "get_keyring",        get(keyring::read)),
        route("POST",   "/admin/keyring/rotate",                      Operator,       "rotate_keyring",     post(keyring::rotate)),
        route("POST",   "/admin/keyring/retire",                      Operator,       "retire_master_key",  post(keyring::retire)),

        route("GET",    "/livez",                                     Public,         "livez",              get(health::live)),
        route("GET",    "/readyz",                                    Public,         "readyz",             get(health::ready)),
        route("GET",    "/metrics",                                   Public,         "metrics",            get(metrics::scrape_beside_api)),
        route("GET",    "/openapi.json",                              Public,         "openapi",            get(docs::openapi)),
        route("GET",    "/docs",                                      Public,         "docs",               get(docs::page)),
    ]
}

/// The API, its pages and its documentation.
pub(crate) fn router(app: &App) -> Router {
    let mut router = Router::new();
    for Route {
        path,
        access,
        id,
        handler,
        ..
    } in routes()
    {
        let handler = match access {
            Tenant(Write) => {
                handler.route_layer(middleware::from_fn_with_state(App::clone(app), idempotency::once))
            }
            Tenant(Manage) | Operator => handler.route_layer(middleware::from_fn_with_state(
                (App::clone(app), id),
                audit::record,
            )),
            Public | Tenant(Read | Proxy) => handler,
        };
        // Each handler's extractor compares this with what it takes, so that no route is open by oversight.
        router = router.route(path, handler.layer(Extension(access)));
    }
    router
        .fallback(unknown_route)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(
            ServiceBuilder::new()
                // Outermost, to compress whatever is answered, problems too; on request only, and fast rather than small.
                .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
                // The request id, the clock and the log see everything below, panics too; problems are written here, with
                // that id. Ambiguous heads and requests beyond the node's limit end before any handler, key check or body.
                .layer(middleware::from_fn_with_state(App::clone(app), observe)),
            // Bodies are limited where they are read (`body`, or the provider's egress for the proxy), and keys are checked
            // by the extractors of `access`: both differ from route to route.
        )
        .with_state(App::clone(app))
}

/// What the port for metrics answers: nothing of the API.
pub(crate) fn metrics_router(app: &App) -> Router {
    Router::new()
        .route("/metrics", get(metrics::scrape))
        .route("/livez", get(health::live))
        .layer(middleware::from_fn_with_state(App::clone(app), observe))
        .with_state(App::clone(app))
}

fn route(
    method: &'static str,
    path: &'static str,
    access: Access,
    id: &'static str,
    handler: MethodRouter<App>,
) -> Route {
    Route {
        method,
        path,
        access,
        id,
        handler,
    }
}

async fn unknown_route() -> Problem {
    Problem::new(
        Code::UnknownRoute,
        "There is no such route; /openapi.json lists them all.",
    )
}

async fn method_not_allowed() -> Problem {
    // The framework adds `Allow`.
    Problem::new(Code::MethodNotAllowed, "The route does not answer this method.")
}
