//! Headers of every answer, and the check that an unsafe request comes from our own pages.

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::middleware::Next;

use super::Failure;
use crate::app::App;

/// No inline script or style, nothing from elsewhere; forms may lead to a network's sign-in page.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; img-src 'self' data:; \
    object-src 'none'; base-uri 'none'; frame-ancestors 'none'";

/// Paths that other machines post to; each checks a signature or a token of its own.
const MACHINE_PATHS: &[&str] = &["/unsubscribe/", "/hooks/"];

/// Middleware: security headers on the way out, also of a refusal, and on the way in a refusal of
/// addresses with a NUL and of unsafe requests that a browser says come from another site (Fetch
/// Metadata, with Origin for older browsers).
pub async fn security<B: MessageBody>(
    req: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let app = req
        .app_data::<actix_web::web::Data<App>>()
        .map(|a| a.get_ref().clone());
    let has_session = app
        .as_ref()
        .is_some_and(|app| super::session_token(app, req.request()).is_some());
    let mut response = match refusal(app.as_ref(), &req) {
        Some(refused) => req.error_response(refused).map_into_right_body(),
        None => next.call(req).await?.map_into_left_body(),
    };
    let headers = response.headers_mut();
    // What one person saw must not be in the browser for the next one (OWASP ASVS 5.0, 14.3.2).
    if has_session
        && headers
            .get(header::CACHE_CONTROL)
            .is_some_and(|v| v.as_bytes().starts_with(b"private"))
    {
        headers.insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static("private, no-store"),
        );
    }
    let mut set = |name: HeaderName, value: &'static str| {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    };
    set(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "strict-origin-when-cross-origin");
    set(
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    );
    if app.is_some_and(|a| a.config.is_https()) {
        set(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    Ok(response)
}

/// What no handler should see.
fn refusal(app: Option<&App>, req: &ServiceRequest) -> Option<Failure> {
    // No address of ours holds a NUL, and PostgreSQL takes none in a text.
    if req.path().contains("%00") {
        return Some(Failure::NotFound);
    }
    let is_foreign = !req.method().is_safe()
        && !MACHINE_PATHS.iter().any(|p| req.path().starts_with(p))
        && app.is_some_and(|app| !is_same_origin(app, req.headers()));
    is_foreign.then(|| {
        Failure::forbidden(
            "The form was sent from another site, so nothing was done. Open the page here and \
             send it again.",
        )
    })
}

fn is_same_origin(app: &App, headers: &header::HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    match (text("sec-fetch-site"), text("origin")) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => {
            let host = text("host").unwrap_or_default();
            origin == app.config.site.url
                || origin
                    .split_once("://")
                    .is_some_and(|(_, rest)| rest == host)
        }
        // Not a browser: it carries no one else's cookies.
        (None, None) => true,
    }
}
