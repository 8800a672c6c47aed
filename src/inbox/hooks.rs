//! `POST /hooks/mail/…`: mail providers hand mail over. A call is proven first and read then; it is
//! answered with 200 once its mail is committed. A provider whose key is not configured finds nothing
//! here. What a provider is to be told, it is told in JSON, for its log.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::web::{Bytes, BytesMut, Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::StreamExt;
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;

use super::confirm_topic::ConfirmTopic;
use super::receive_mail;
use super::store::calls;
use crate::app::App;
use crate::jobs;
use crate::mail::hooks::form::Fields;
use crate::mail::hooks::sns::{self, Asked};
use crate::mail::hooks::{Delivery, Refusal, mailgun, postmark, sendgrid};
use crate::web::{Failure, blocking};

/// When a provider may try again that we could not serve (seconds).
const RETRY_SECONDS: u64 = 60;
/// What a form or JSON says beside the mail (bytes).
const FORM_BYTES: usize = 256 * 1024;

/// Why a call is not answered with 200.
#[derive(Debug)]
enum Turned {
    NotHere,
    Refused(Refusal),
    TooLarge,
    BrokenOff,
    /// Nothing is wrong with it; not now.
    Later(String),
}

impl From<Refusal> for Turned {
    fn from(refusal: Refusal) -> Turned {
        Turned::Refused(refusal)
    }
}

impl From<Failure> for Turned {
    fn from(failure: Failure) -> Turned {
        tracing::error!(%failure, "a provider's call could not be stored");
        Turned::Later("not now, try again later".into())
    }
}

/// `POST /hooks/mail/postmark`
pub async fn postmark(app: Data<App>, req: HttpRequest, body: Payload) -> HttpResponse {
    let taken = async {
        let password = &app.config.webhooks.postmark_password;
        configured(password.expose())?;
        let header = header(&req, AUTHORIZATION.as_str());
        if !postmark::is_authorized(Some(header), password) {
            let words = "the password is not the configured webhooks.postmark_password";
            return Err(Refusal::Unproven(words).into());
        }
        let body = read(&app, body).await?;
        let delivery = aside(&app, move |_| postmark::delivery(&body.bytes)).await?;
        store(&app, "postmark", delivery).await
    };
    answer("postmark", taken.await)
}

/// `POST /hooks/mail/mailgun/mime`
pub async fn mailgun(app: Data<App>, req: HttpRequest, body: Payload) -> HttpResponse {
    let taken = async {
        let key = &app.config.webhooks.mailgun_signing_key;
        configured(key.expose())?;
        let body = read(&app, body).await?;
        let fields = fields(&req, &body).await?;
        let delivery = mailgun::delivery(&fields, key, app.now())?;
        store(&app, "mailgun", delivery).await
    };
    answer("mailgun", taken.await)
}

/// `POST /hooks/mail/sendgrid`
pub async fn sendgrid(app: Data<App>, req: HttpRequest, body: Payload) -> HttpResponse {
    let taken = async {
        configured(&app.config.webhooks.sendgrid_public_key)?;
        let body = read(&app, body).await?;
        let time = header(&req, sendgrid::TIMESTAMP).to_owned();
        let signature = header(&req, sendgrid::SIGNATURE).to_owned();
        let signed = body.bytes.clone();
        let key = aside(&app, move |app| {
            let public_key = &app.config.webhooks.sendgrid_public_key;
            sendgrid::check(public_key, &time, &signature, &signed, app.now())
        });
        let key = key.await?;
        let fields = fields(&req, &body).await?;
        store(&app, "sendgrid", sendgrid::delivery(key, &fields)?).await
    };
    answer("sendgrid", taken.await)
}

/// `POST /hooks/mail/ses`
pub async fn ses(app: Data<App>, body: Payload) -> HttpResponse {
    let taken = async {
        configured(&app.config.webhooks.ses_topic_arn)?;
        let body = read(&app, body).await?;
        let call = aside(&app, move |app| {
            sns::Call::read(&body.bytes, &app.config.webhooks.ses_topic_arn)
        });
        let call = call.await?;
        let address = call.signing_cert_url.clone();
        let fetched = blocking(&app, move |app| Ok(app.hooks.certificates.at(&address)));
        let certificate = fetched.await?.map_err(|why| {
            Turned::Later(format!(
                "the certificate of SNS could not be fetched: {why}"
            ))
        })?;
        call.check(&certificate, app.now())?;
        match call.asked()? {
            Asked::Mail(delivery) => store(&app, "ses", delivery).await,
            Asked::Confirm(url) => {
                let confirm = ConfirmTopic { url };
                let write =
                    move |app: &App| app.db.write(|tx| jobs::enqueue(tx, app.now(), &confirm));
                Ok(blocking(&app, write).await?)
            }
            Asked::Ended => {
                tracing::warn!("the subscription to the topic of webhooks.ses_topic_arn ended");
                Ok(())
            }
        }
    };
    answer("ses", taken.await)
}

/// Whether the provider is to be listened to at all.
fn configured(key: &str) -> Result<(), Turned> {
    match key.is_empty() {
        true => Err(Turned::NotHere),
        false => Ok(()),
    }
}

fn header<'a>(req: &'a HttpRequest, name: &str) -> &'a str {
    let value = req.headers().get(name).and_then(|v| v.to_str().ok());
    value.unwrap_or_default()
}

/// Longest time for a body to arrive.
const BODY_TIME: Duration = Duration::from_secs(60);

/// A whole body, and the turn under which it is in memory.
struct Body {
    bytes: Bytes,
    _turn: OwnedSemaphorePermit,
}

async fn read(app: &App, mut payload: Payload) -> Result<Body, Turned> {
    // Base64 and a form's coding make a mail larger.
    let max = app.config.mail.inbound_bytes_max.saturating_mul(3) / 2 + FORM_BYTES;
    let turn = app.hooks.turns.clone().try_acquire_owned();
    let turn = turn.map_err(|_| Turned::Later("too many calls at once".into()))?;
    let whole = async {
        let mut bytes = BytesMut::new();
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|_| Turned::BrokenOff)?;
            if bytes.len() + chunk.len() > max {
                return Err(Turned::TooLarge);
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    };
    // Turns are few, and a caller who is slow on purpose would keep one.
    let bytes = tokio::time::timeout(BODY_TIME, whole).await;
    let bytes = bytes.map_err(|_| Turned::BrokenOff)??;
    Ok(Body {
        bytes: bytes.freeze(),
        _turn: turn,
    })
}

async fn fields(req: &HttpRequest, body: &Body) -> Result<Fields, Turned> {
    let fields = Fields::read(req.headers(), &body.bytes).await;
    fields.map_err(|_| Refusal::Unusable("the form can't be read").into())
}

/// Judges a large body where it holds up no other request.
async fn aside<T: Send + 'static>(
    app: &App,
    judge: impl FnOnce(&App) -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Turned> {
    let judged = blocking(app, move |app| Ok(judge(app))).await?;
    Ok(judged?)
}

/// Commits the mail, unless the call was taken before.
async fn store(app: &App, provider: &'static str, delivery: Delivery) -> Result<(), Turned> {
    if delivery.mail.raw.len() > app.config.mail.inbound_bytes_max {
        return Err(Turned::TooLarge);
    }
    let write = move |app: &App| {
        app.db.write(|tx| {
            let now = app.now();
            if !calls::note(tx, provider, &delivery.key, now)? {
                return Ok(None);
            }
            receive_mail::keep(tx, now, &delivery.mail).map(Some)
        })
    };
    match blocking(app, write).await? {
        Some(intake) => tracing::info!(provider, %intake, "a provider handed mail over"),
        None => tracing::info!(provider, "a provider's call came again"),
    }
    Ok(())
}

fn answer(provider: &str, taken: Result<(), Turned>) -> HttpResponse {
    let turned = match taken {
        Ok(()) => return HttpResponse::Ok().json(json!({"ok": true})),
        Err(turned) => turned,
    };
    let (status, words) = match turned {
        Turned::NotHere => (StatusCode::NOT_FOUND, "there is nothing here".to_owned()),
        Turned::Refused(refusal @ (Refusal::Unproven(_) | Refusal::Old)) => {
            (StatusCode::UNAUTHORIZED, refusal.to_string())
        }
        Turned::Refused(refusal) => (StatusCode::UNPROCESSABLE_ENTITY, refusal.to_string()),
        Turned::TooLarge => (
            StatusCode::PAYLOAD_TOO_LARGE,
            "the mail is larger than mail.inbound_bytes_max".to_owned(),
        ),
        Turned::BrokenOff => (
            StatusCode::BAD_REQUEST,
            "the call did not arrive whole".to_owned(),
        ),
        Turned::Later(words) => (StatusCode::SERVICE_UNAVAILABLE, words),
    };
    if status != StatusCode::NOT_FOUND {
        tracing::warn!(
            provider,
            status = status.as_u16(),
            words,
            "a provider's call was not taken"
        );
    }
    let mut answer = HttpResponse::build(status);
    match status {
        StatusCode::SERVICE_UNAVAILABLE => {
            answer.insert_header((RETRY_AFTER, RETRY_SECONDS.to_string()));
        }
        StatusCode::UNAUTHORIZED if provider == "postmark" => {
            answer.insert_header((WWW_AUTHENTICATE, "Basic realm=\"mail\""));
        }
        _ => {}
    }
    answer.json(json!({"error": words}))
}
