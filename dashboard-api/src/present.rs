//! A change that was meant for another version is told what there is now: 412 shows the object and its `ETag`, so that a client can merge without
//! asking again. Source: `dashboard.md` 2.6.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderValue, Method, StatusCode, header};
use serde_json::Value;
use tower::ServiceExt;

use crate::error::Problem;

/// Longest object that is shown.
const MAX_OBJECT_BYTES: usize = 1024 * 1024;

/// Actions on an object, and where the object is read.
const ACTIONS: [(&str, &str, &str); 3] = [
    ("/rotate-secret", "", ""),
    (
        "/restore",
        "/dashboard/v1/origins/",
        "/v1/accounts/origins/",
    ),
    (
        "/restore",
        "/dashboard/v1/url-endpoints/",
        "/v1/accounts/url-endpoints/",
    ),
];

/// Middleware around the routes, which it asks what there is now.
pub(crate) async fn with_present(
    State(routes): State<Router>,
    request: Request,
    next: Next,
) -> Response {
    let path = place_of(request.uri().path());
    let whose = request.headers().get(header::AUTHORIZATION).cloned();
    let mut response = next.run(request).await;
    if response.status() != StatusCode::PRECONDITION_FAILED {
        return response;
    }
    let Some((current, tag)) = read(routes, &path, whose).await else {
        return response;
    };
    if let Some(problem) = response.extensions_mut().get_mut::<Problem>() {
        problem.current = Some(current);
    }
    if let Some(tag) = tag {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// Where the object of a change is read: at the same address, mostly.
fn place_of(path: &str) -> String {
    for (action, ours, theirs) in ACTIONS {
        if let Some(object) = path.strip_suffix(action)
            && let Some(id) = object.strip_prefix(ours)
        {
            return format!("{theirs}{id}");
        }
    }
    path.to_owned()
}

async fn read(
    routes: Router,
    path: &str,
    whose: Option<HeaderValue>,
) -> Option<(Value, Option<HeaderValue>)> {
    let mut request = Request::builder().method(Method::GET).uri(path);
    if let Some(whose) = whose {
        request = request.header(header::AUTHORIZATION, whose);
    }
    let response = routes.oneshot(request.body(Body::empty()).ok()?).await;
    let Ok(response) = response;
    if response.status() != StatusCode::OK {
        return None;
    }
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, MAX_OBJECT_BYTES).await.ok()?;
    let current = serde_json::from_slice(&body).ok()?;
    Some((current, parts.headers.get(header::ETAG).cloned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_on_the_object_it_is_below() {
        for (path, place) in [
            ("/v1/accounts/origins/1", "/v1/accounts/origins/1"),
            ("/dashboard/v1/settings", "/dashboard/v1/settings"),
            (
                "/dashboard/v1/webhooks/1/rotate-secret",
                "/dashboard/v1/webhooks/1",
            ),
            ("/dashboard/v1/origins/1/restore", "/v1/accounts/origins/1"),
            (
                "/dashboard/v1/url-endpoints/default/restore",
                "/v1/accounts/url-endpoints/default",
            ),
        ] {
            assert_eq!(place_of(path), place);
        }
    }
}
