//! `/admin/products`: what the company sells, and how sure the rules must be about each.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use askama::Template;
use serde::Deserialize;

use crate::app::App;
use crate::clock::DAY;
use crate::escalations::quality::{self, Preview};
use crate::escalations::store;
use crate::forum::save_product::{self, Outcome, Settings};
use crate::forum::store::settings;
use crate::forum::{self, Product, Topic};
use crate::ids::ProductId;
use crate::people::Admin;
use crate::web::{
    Answer, Failure, Form, Page, Problems, blocking, html, html_with, redirect_saying,
};

/// How far back a preview looks (µs).
const PREVIEW_SPAN: i64 = 30 * DAY;
/// Thresholds that a preview shows beside the one that was typed.
const PREVIEWED: [f64; 4] = [0.6, 0.7, 0.8, 0.9];
/// With fewer cases a preview says that it is little to go by.
const PREVIEW_CASES_MIN: usize = 30;

#[derive(Template)]
#[template(path = "desk/products.html")]
struct ProductsPage {
    page: Page,
    products: Vec<Product>,
}

/// `GET /admin/products`
pub async fn list(app: Data<App>, admin: Admin) -> Answer {
    let products = blocking(&app, |app| app.db.read(forum::store::products)).await?;
    html(&ProductsPage {
        page: admin.page,
        products,
    })
}

/// A product as typed; thresholds as text, so that nothing typed is lost.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    name: String,
    description: String,
    terms: String,
    link_threshold: String,
    propose_threshold: String,
    auto_link: String,
    auto_acknowledge: String,
    mail_address: String,
    /// Set by the button that shows what these thresholds would have done, and saves nothing.
    preview: String,
}

impl Typed {
    fn of(settings: &Settings) -> Typed {
        let tick = |on| if on { "1".to_owned() } else { String::new() };
        Typed {
            name: settings.name.clone(),
            description: settings.description.clone(),
            terms: settings.terms.join(", "),
            link_threshold: settings.link_threshold.to_string(),
            propose_threshold: settings.propose_threshold.to_string(),
            auto_link: tick(settings.auto_link),
            auto_acknowledge: tick(settings.auto_acknowledge),
            mail_address: settings.mail_address.clone(),
            preview: String::new(),
        }
    }

    /// As it is stored; a threshold that is no number becomes one that is refused.
    fn settings(&self) -> Settings {
        let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let number = |text: &str| text.trim().replace(',', ".").parse().unwrap_or(f64::NAN);
        Settings {
            name: one_line(&self.name),
            description: one_line(&self.description),
            terms: Settings::terms_of(&self.terms),
            link_threshold: number(&self.link_threshold),
            propose_threshold: number(&self.propose_threshold),
            auto_link: !self.auto_link.is_empty(),
            auto_acknowledge: !self.auto_acknowledge.is_empty(),
            mail_address: self.mail_address.trim().to_owned(),
        }
    }
}

/// What a product starts with.
fn defaults() -> Typed {
    Typed {
        link_threshold: crate::ranker::LINK_FROM.to_string(),
        propose_threshold: crate::ranker::PROPOSE_FROM.to_string(),
        auto_link: "1".into(),
        ..Typed::default()
    }
}

#[derive(Template)]
#[template(path = "desk/product.html")]
struct ProductPage {
    page: Page,
    /// `None` for one that is to be added.
    product: Option<Product>,
    topics: Vec<Topic>,
    typed: Typed,
    problems: Problems,
    /// What thresholds would have done, when that was asked for.
    preview: Option<PreviewView>,
}

/// What thresholds would have done in the last weeks.
struct PreviewView {
    days: i64,
    /// Cases to which a rule linked or proposed a thread.
    cases: usize,
    /// Whether these are too few to go by.
    is_little: bool,
    lines: Vec<PreviewLine>,
}

struct PreviewLine {
    threshold: String,
    /// Whether it is the one that was typed.
    is_typed: bool,
    words: String,
}

impl PreviewView {
    fn of(best: &[(f64, Option<bool>)], typed: f64) -> PreviewView {
        let thresholds: Vec<f64> = PREVIEWED.into_iter().chain([typed]).collect();
        let lines = quality::preview(best, &thresholds)
            .into_iter()
            .map(|one| PreviewLine {
                threshold: one.threshold.to_string(),
                is_typed: one.threshold == typed,
                words: in_words(&one, best.len()),
            });
        PreviewView {
            days: PREVIEW_SPAN / DAY,
            cases: best.len(),
            is_little: best.len() < PREVIEW_CASES_MIN,
            lines: lines.collect(),
        }
    }
}

/// "62 of 100 (62%) linked without a person; 2 of the 50 (4%) about which somebody said something
/// were refused".
fn in_words(one: &Preview, cases: usize) -> String {
    let percent = |part: usize, of: usize| 100.0 * part as f64 / of.max(1) as f64;
    let linked = format!(
        "{} of {} ({:.0}%) linked without a person",
        one.linked,
        cases,
        percent(one.linked, cases)
    );
    match (one.linked, one.known) {
        (0, _) => linked,
        (_, 0) => format!("{linked}; nobody has said whether they are right"),
        (_, known) => format!(
            "{linked}; of {known} that were decided, {} ({:.0}%) were refused or taken back",
            one.refused,
            percent(one.refused, known)
        ),
    }
}

impl ProductPage {
    fn action(&self) -> String {
        match &self.product {
            Some(product) => format!("/admin/products/{}", product.id),
            None => "/admin/products/new".to_owned(),
        }
    }
}

/// `GET /admin/products/new`
pub async fn new(admin: Admin) -> Answer {
    html(&ProductPage {
        page: admin.page,
        product: None,
        topics: Vec::new(),
        typed: defaults(),
        problems: Problems::default(),
        preview: None,
    })
}

/// `GET /admin/products/{id}`
pub async fn product(app: Data<App>, admin: Admin, id: Path<i64>) -> Answer {
    show(&app, admin.page, ProductId(*id), None, Problems::default()).await
}

async fn show(
    app: &App,
    page: Page,
    id: ProductId,
    typed: Option<Typed>,
    problems: Problems,
) -> Answer {
    let asked = typed.as_ref().filter(|typed| !typed.preview.is_empty());
    let asked = asked.map(|typed| typed.settings().link_threshold);
    let found = blocking(app, move |app| {
        let since = app.now().plus(-PREVIEW_SPAN);
        app.db.read(|conn| {
            let (Some(product), Some(settings)) = (
                forum::store::product(conn, id)?,
                settings::settings(conn, id)?,
            ) else {
                return Ok(None);
            };
            let preview = match asked {
                Some(threshold) => {
                    let best = store::quality::best_links(conn, id, since)?;
                    Some(PreviewView::of(&best, threshold))
                }
                None => None,
            };
            let topics = forum::store::topics(conn, id)?;
            Ok(Some((product, topics, settings, preview)))
        })
    })
    .await?;
    let (product, topics, settings, preview) = found.ok_or(Failure::NotFound)?;
    let status = status_of(&problems);
    html_with(
        status,
        &ProductPage {
            page,
            product: Some(product),
            topics,
            typed: typed.unwrap_or_else(|| Typed::of(&settings)),
            problems,
            preview,
        },
    )
}

fn status_of(problems: &Problems) -> StatusCode {
    if problems.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    }
}

/// `POST /admin/products/new`
pub async fn add(app: Data<App>, admin: Admin, form: Form<Typed>) -> Answer {
    save(&app, admin, None, form.fields).await
}

/// `POST /admin/products/{id}`
pub async fn change(app: Data<App>, admin: Admin, id: Path<i64>, form: Form<Typed>) -> Answer {
    save(&app, admin, Some(ProductId(*id)), form.fields).await
}

async fn save(app: &App, admin: Admin, id: Option<ProductId>, typed: Typed) -> Answer {
    let Admin { user, page } = admin;
    if let Some(id) = id.filter(|_| !typed.preview.is_empty()) {
        return show(app, page, id, Some(typed), Problems::default()).await;
    }
    let new = typed.settings();
    let outcome = blocking(app, move |app| {
        save_product::save_product(app, &user, id, &new)
    })
    .await?;
    match (outcome, id) {
        (Outcome::Problems(problems), Some(id)) => {
            show(app, page, id, Some(typed), Problems(problems)).await
        }
        (Outcome::Problems(problems), None) => html_with(
            StatusCode::UNPROCESSABLE_ENTITY,
            &ProductPage {
                page,
                product: None,
                topics: Vec::new(),
                typed,
                problems: Problems(problems),
                preview: None,
            },
        ),
        (outcome, _) => done(app, outcome, "Saved."),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct TopicForm {
    name: String,
    description: String,
}

/// `POST /admin/products/{id}/topics`
pub async fn add_topic(
    app: Data<App>,
    admin: Admin,
    id: Path<i64>,
    form: Form<TopicForm>,
) -> Answer {
    let Admin { user, .. } = admin;
    let id = ProductId(*id);
    let TopicForm { name, description } = form.fields;
    let outcome = blocking(&app, move |app| {
        save_product::add_topic(app, &user, id, &name, &description)
    })
    .await?;
    match outcome {
        Outcome::Problems(problems) => {
            let words = problems.first().map_or("", |p| p.text.as_str());
            let to = format!("/admin/products/{id}");
            Ok(redirect_saying(&app, &to, "error", words))
        }
        outcome => done(&app, outcome, "The topic is added."),
    }
}

fn done(app: &App, outcome: Outcome, words: &str) -> Result<HttpResponse, Failure> {
    match outcome {
        Outcome::Done(id) => {
            let to = format!("/admin/products/{id}");
            Ok(redirect_saying(app, &to, "success", words))
        }
        Outcome::NotAllowed => Err(Failure::forbidden("Only admins change products.")),
        Outcome::NoSuchProduct | Outcome::Problems(_) => Err(Failure::NotFound),
    }
}
