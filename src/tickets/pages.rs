//! Pages of tickets: the contact form, the customer's own page, downloads.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::attachments::{self, Asker};
use super::contact::{self, Outcome, Typed, Why};
use super::follow::{self, Access, Story};
use super::pictures::{self, Illustrated, illustrate};
use super::{Direction, store};
use crate::app::App;
use crate::cases::State;
use crate::cases::satisfaction::Verdict;
use crate::error::Problem;
use crate::forum::deflections;
use crate::forum::similar_threads::Similar;
use crate::forum::{Product, store as forum};
use crate::ids::{AttachmentId, CaseId};
use crate::limits::Limit;
use crate::people::{Staff, Viewer};
use crate::text::counted;
use crate::web::{
    Answer, Failure, Form, FormWithFiles, Page, Problems, Query, When, blocking, client_ip,
    files_limit, html_with, redirect, redirect_saying,
};

// The contact form

#[derive(Template)]
#[template(path = "tickets/contact.html")]
struct ContactPage {
    page: Page,
    fields: Typed,
    products: Vec<Product>,
    problems: Problems,
    similar: Vec<Similar>,
    /// The form's key in the ledger of deflections.
    showing: String,
    file_names: Vec<String>,
    /// What files fit, in words.
    files_limit: String,
}

/// What a link to the form may fill in.
#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub struct Prefill {
    product: String,
    subject: String,
}

/// `GET /contact`
pub async fn contact_form(app: web::Data<App>, viewer: Viewer, query: Query<Prefill>) -> Answer {
    let user = viewer.user_id();
    let request_key = app.random.token();
    let fields = blocking(&app, move |app| {
        let known = match user {
            Some(user) => app.db.read(|c| store::name_and_email(c, user))?,
            None => None,
        };
        let (name, email) = known.unwrap_or_default();
        Ok(Typed {
            product: query.0.product,
            subject: query.0.subject,
            name,
            email: email.unwrap_or_default(),
            request_key,
            ..Typed::default()
        })
    })
    .await?;
    let shown = ContactPage {
        page: viewer.page,
        fields,
        products: Vec::new(),
        problems: Problems(Vec::new()),
        similar: Vec::new(),
        showing: String::new(),
        file_names: Vec::new(),
        files_limit: String::new(),
    };
    contact_page(&app, StatusCode::OK, shown).await
}

/// `POST /contact`
pub async fn post_contact(
    app: web::Data<App>,
    req: HttpRequest,
    viewer: Viewer,
    form: FormWithFiles<Typed>,
) -> Answer {
    let fields = form.fields;
    let (user, from) = (viewer.user_id(), client_ip(&app, &req));
    let (typed, files, refused) = (fields.clone(), form.files, form.refused);
    let asked = form.counted;
    let is_unread = asked.is_some_and(|asked| asked.is_err());
    let outcome = blocking(&app, move |app| {
        contact::contact(app, user, &from, &typed, &files, refused, asked)
    })
    .await?;
    let (why, kept_files, file_names) = match outcome {
        Outcome::Sent => return Ok(redirect("/contact/sent")),
        Outcome::Back {
            why,
            kept_files,
            file_names,
        } => (why, kept_files, file_names),
    };
    let fields = Typed {
        kept_files,
        ..fields
    };
    let (status, problems, similar) = match why {
        Why::Similar(threads) => (StatusCode::OK, Vec::new(), threads),
        Why::Problems(problems) => (StatusCode::UNPROCESSABLE_ENTITY, problems, Vec::new()),
        Why::TooMany { retry_seconds } => {
            let again = if is_unread {
                " Files have to be chosen again."
            } else {
                ""
            };
            let words = format!(
                "Too many messages came from your connection. Try again in {}.{again}",
                counted(retry_seconds, "second")
            );
            let problems = vec![Problem::new("", words)];
            (StatusCode::TOO_MANY_REQUESTS, problems, Vec::new())
        }
    };
    let shown = ContactPage {
        page: viewer.page,
        showing: deflections::key_of(&fields.request_key).unwrap_or_default(),
        fields,
        products: Vec::new(),
        problems: Problems(problems),
        similar,
        file_names,
        files_limit: String::new(),
    };
    contact_page(&app, status, shown).await
}

async fn contact_page(app: &App, status: StatusCode, page: ContactPage) -> Answer {
    let products = blocking(app, |app| app.db.read(forum::products)).await?;
    let files_limit = files_limit(&app.config.limits);
    let shown = ContactPage {
        products,
        files_limit,
        ..page
    };
    html_with(status, &shown)
}

#[derive(Template)]
#[template(path = "tickets/sent.html")]
struct SentPage {
    page: Page,
}

/// `GET /contact/sent`
pub async fn contact_sent(viewer: Viewer) -> Answer {
    html_with(StatusCode::OK, &SentPage { page: viewer.page })
}

// The customer's own page

/// A message as its page shows it.
struct MessageLine {
    is_ours: bool,
    name: String,
    when: When,
    body: Illustrated,
    html: Option<String>,
}

#[derive(Template)]
#[template(path = "tickets/follow.html")]
struct FollowPage {
    page: Page,
    token: String,
    subject: String,
    case: CaseId,
    /// The database's word, for the badge.
    state: &'static str,
    /// Where it stands, in a sentence.
    standing: &'static str,
    next: &'static str,
    is_open: bool,
    asks_verdict: bool,
    verdict: Option<&'static str>,
    opened: When,
    messages: Vec<MessageLine>,
    /// Where it began in public, the words, and when.
    public: Option<(&'static str, String, When)>,
    threads: Vec<crate::forum::store::ThreadLine>,
    fields: WriteFields,
    problems: Problems,
    can_write: bool,
    /// Whether they may take back that we write to them.
    agreed: bool,
    /// What files fit, in words.
    files_limit: String,
}

#[derive(Template)]
#[template(path = "tickets/expired.html")]
struct ExpiredPage {
    page: Page,
    token: String,
    asked: bool,
}

/// What everybody may know about a page that only one person should see.
fn private(answer: Answer) -> Answer {
    let mut response = answer?;
    let headers = response.headers_mut();
    let pairs = [
        (header::CACHE_CONTROL, "private, no-store"),
        // The address is the key: it must not travel to other sites, nor into an index.
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("x-robots-tag"), "noindex, nofollow"),
    ];
    for (name, value) in pairs {
        headers.insert(name, header::HeaderValue::from_static(value));
    }
    Ok(response)
}

/// The case behind a private address; else the page that is shown instead.
async fn open_case(app: &App, page: &Page, token: &str) -> Result<Result<CaseId, Answer>, Failure> {
    let asked = token.to_owned();
    let access = blocking(app, move |app| {
        app.db.read(|c| follow::access(c, app, &asked))
    })
    .await?;
    Ok(match access {
        Access::Open(case) => Ok(case),
        Access::Expired(_) => Err(expired(page.clone(), token, false)),
        Access::Unknown => Err(Err(Failure::NotFound)),
    })
}

fn expired(page: Page, token: &str, asked: bool) -> Answer {
    private(html_with(
        StatusCode::GONE,
        &ExpiredPage {
            page,
            token: token.to_owned(),
            asked,
        },
    ))
}

/// `GET /case/{token}`
pub async fn follow_case(app: web::Data<App>, viewer: Viewer, token: web::Path<String>) -> Answer {
    let case = match open_case(&app, &viewer.page, &token).await? {
        Ok(case) => case,
        Err(page) => return page,
    };
    let fields = WriteFields {
        request_key: app.random.token(),
        ..WriteFields::default()
    };
    follow_page(
        &app,
        StatusCode::OK,
        viewer.page,
        &token,
        case,
        fields,
        vec![],
    )
    .await
}

async fn follow_page(
    app: &App,
    status: StatusCode,
    page: Page,
    token: &str,
    case: CaseId,
    fields: WriteFields,
    problems: Vec<Problem>,
) -> Answer {
    let story = blocking(app, move |app| app.db.read(|c| follow::story(c, case)))
        .await?
        .ok_or(Failure::NotFound)?;
    let now = app.now();
    let page = FollowPage {
        files_limit: files_limit(&app.config.limits),
        ..follow_of(page, token, story, now, fields, Problems(problems))
    };
    private(html_with(status, &page))
}

fn follow_of(
    page: Page,
    token: &str,
    story: Story,
    now: crate::clock::Moment,
    fields: WriteFields,
    problems: Problems,
) -> FollowPage {
    let case = &story.case;
    let (standing, next) = standing(case.state);
    let messages = story
        .messages
        .into_iter()
        .map(|m| MessageLine {
            is_ours: m.direction == Direction::Out,
            name: m.from_name,
            when: When::new(m.at.0, now),
            body: illustrate(&m.body, m.files),
            html: m.body_html,
        })
        .collect();
    FollowPage {
        page,
        token: token.to_owned(),
        subject: story
            .ticket
            .as_ref()
            .map_or_else(|| "Your case".to_owned(), |t| t.subject.clone()),
        case: case.id,
        state: match case.state {
            State::New | State::WaitingStaff => "new",
            State::WaitingCustomer => "open",
            State::Resolved => "resolved",
            State::Closed => "closed",
        },
        standing,
        next,
        is_open: case.state.is_open(),
        asks_verdict: case.first_response_at.is_some() || !case.state.is_open(),
        verdict: match case.satisfaction.as_deref() {
            Some("solved") => Some("You said that it is solved."),
            Some("still_broken") => Some("You said that it is still broken."),
            _ => None,
        },
        opened: When::new(case.opened_at.0, now),
        messages,
        public: story
            .public
            .map(|(network, words, at)| (network, words, When::new(at.0, now))),
        threads: story.threads,
        fields,
        problems,
        can_write: story.ticket.is_some(),
        agreed: story.agreed,
        files_limit: String::new(),
    }
}

/// Where a case stands, for whoever has the problem.
fn standing(state: State) -> (&'static str, &'static str) {
    match state {
        State::New => (
            "We have your message.",
            "Nobody has looked at it yet. We answer by email; you can add something below.",
        ),
        State::WaitingStaff => (
            "It is our turn.",
            "We read what you wrote and answer by email. You can add something below.",
        ),
        State::WaitingCustomer => (
            "It is your turn.",
            "We answered. Tell us below, or by answering our mail, whether it helped.",
        ),
        State::Resolved => (
            "We think this is resolved.",
            "If it is not, say so below, and the case opens again in its old place.",
        ),
        State::Closed => (
            "This case is closed.",
            "If it comes back, write below and we open a new one that knows of this.",
        ),
    }
}

#[derive(serde::Deserialize, Default, Clone)]
#[serde(default)]
pub struct WriteFields {
    message: String,
    request_key: String,
}

/// `POST /case/{token}/reply`
pub async fn write(
    app: web::Data<App>,
    req: HttpRequest,
    viewer: Viewer,
    token: web::Path<String>,
    form: FormWithFiles<WriteFields>,
) -> Answer {
    let case = match open_case(&app, &viewer.page, &token).await? {
        Ok(case) => case,
        Err(page) => return page,
    };
    let fields = form.fields;
    let asked = form
        .counted
        .unwrap_or_else(|| app.limits.check(Limit::Contact, &client_ip(&app, &req)));
    if let Err(seconds) = asked {
        let problem = Problem::new(
            "",
            format!("Too fast. Try again in {}.", counted(seconds, "second")),
        );
        let status = StatusCode::TOO_MANY_REQUESTS;
        return follow_page(
            &app,
            status,
            viewer.page,
            &token,
            case,
            fields,
            vec![problem],
        )
        .await;
    }
    let (typed, files, refused) = (fields.clone(), form.files, form.refused);
    let outcome = blocking(&app, move |app| {
        let (body, key) = (&typed.message, &typed.request_key);
        follow::write(app, case, body, &files, refused, key)
    })
    .await?;
    let back = format!("/case/{token}");
    match outcome {
        follow::Outcome::Sent => private(Ok(redirect_saying(
            &app,
            &back,
            "success",
            "Your message is with us.",
        ))),
        follow::Outcome::Opened { address } => {
            let path = address
                .strip_prefix(&app.config.site.url)
                .unwrap_or(&back)
                .to_owned();
            private(Ok(redirect_saying(
                &app,
                &path,
                "success",
                "Your old case was closed, so we opened a new one with your message. This is its page.",
            )))
        }
        follow::Outcome::NoTicket => Err(Failure::bad(
            "There is no conversation by email for this case yet.",
        )),
        follow::Outcome::Problems(problems) => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            follow_page(&app, status, viewer.page, &token, case, fields, problems).await
        }
    }
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
pub struct RateFields {
    verdict: String,
    comment: String,
}

/// `POST /case/{token}/rate`
pub async fn rate(
    app: web::Data<App>,
    req: HttpRequest,
    viewer: Viewer,
    token: web::Path<String>,
    form: Form<RateFields>,
) -> Answer {
    let case = match open_case(&app, &viewer.page, &token).await? {
        Ok(case) => case,
        Err(page) => return page,
    };
    let Some(verdict) = Verdict::parse(&form.fields.verdict) else {
        return Err(Failure::bad("Say whether it is solved or still broken."));
    };
    if let Err(retry_seconds) = app.limits.check(Limit::Contact, &client_ip(&app, &req)) {
        return Err(Failure::TooMany { retry_seconds });
    }
    let comment = form.fields.comment;
    blocking(&app, move |app| follow::judge(app, case, verdict, &comment)).await?;
    let words = match verdict {
        Verdict::Solved => "Thank you. We are glad that it works.",
        Verdict::StillBroken => "Thank you for telling us. We look at it again.",
    };
    private(Ok(redirect_saying(
        &app,
        &format!("/case/{token}"),
        "success",
        words,
    )))
}

/// `POST /case/{token}/withdraw`: takes back that we may write to the customer.
pub async fn withdraw(
    app: web::Data<App>,
    viewer: Viewer,
    token: web::Path<String>,
    form: Form<std::collections::HashMap<String, String>>,
) -> Answer {
    drop(form);
    let case = match open_case(&app, &viewer.page, &token).await? {
        Ok(case) => case,
        Err(page) => return page,
    };
    blocking(&app, move |app| follow::withdraw(app, case)).await?;
    private(Ok(redirect_saying(
        &app,
        &format!("/case/{token}"),
        "success",
        "Done. We have forgotten your email address for this case and send no more mail.",
    )))
}

/// `POST /case/{token}/fresh`: a new address by mail for one that has expired.
pub async fn fresh(
    app: web::Data<App>,
    req: HttpRequest,
    viewer: Viewer,
    token: web::Path<String>,
    form: Form<std::collections::HashMap<String, String>>,
) -> Answer {
    drop(form);
    if let Err(retry_seconds) = app.limits.check(Limit::Contact, &client_ip(&app, &req)) {
        return Err(Failure::TooMany { retry_seconds });
    }
    let asked = token.clone();
    let access = blocking(&app, move |app| {
        let access = app.db.read(|c| follow::access(c, app, &asked))?;
        if let Access::Expired(case) | Access::Open(case) = access {
            follow::send_fresh_link(app, case)?;
        }
        Ok(access)
    })
    .await?;
    match access {
        Access::Unknown => Err(Failure::NotFound),
        _ => expired(viewer.page, &token, true),
    }
}

// Files

/// `GET /attachment/{id}`
pub async fn staff_file(app: web::Data<App>, staff: Staff, id: web::Path<i64>) -> Answer {
    let id = AttachmentId(*id);
    let found = blocking(&app, move |app| {
        attachments::open(app, id, &Asker::Staff(&staff.user))
    })
    .await?;
    file_answer(found)
}

/// `GET /case/{token}/attachment/{id}`
pub async fn customer_file(
    app: web::Data<App>,
    viewer: Viewer,
    path: web::Path<(String, i64)>,
) -> Answer {
    let (token, id) = path.into_inner();
    let case = match open_case(&app, &viewer.page, &token).await? {
        Ok(case) => case,
        Err(page) => return page,
    };
    let found = blocking(&app, move |app| {
        attachments::open(app, AttachmentId(id), &Asker::Customer(case))
    })
    .await?;
    private(file_answer(found))
}

fn file_answer(found: Option<(store::KeptFile, Vec<u8>)>) -> Result<HttpResponse, Failure> {
    let (file, bytes) = found.ok_or(Failure::NotFound)?;
    attachments::download(&file, bytes)
}
