//! `/admin`: users and their roles, the audit log, jobs that were given up.

use actix_web::web;
use askama::Template;
use serde::Deserialize;

use super::door::Nothing;
use crate::app::App;
use crate::db::audit;
use crate::error::Problem;
use crate::ids::UserId;
use crate::jobs;
use crate::people::create_user::{self, NewAccount};
use crate::people::store::{ProductName, UserFilter};
use crate::people::{Admin, Role, passwords, retry_job, set_role, store};
use crate::web::{
    Answer, Failure, Form, Page, Problems, Query, When, blocking, html, html_with, redirect_saying,
};

/// Lines of one page.
const PAGE_ROWS: i64 = 50;
/// Dead jobs shown; more are seen when these are dealt with.
const DEAD_JOBS_MAX: i64 = 100;
/// Longest reason for a change of role, in characters.
const REASON_CHARS_MAX: usize = 300;

const ROLES: [Role; 4] = [Role::Member, Role::Moderator, Role::Staff, Role::Admin];

#[derive(Template)]
#[template(path = "people/admin.html")]
struct IndexPage {
    page: Page,
    ready: i64,
    dead: i64,
}

pub async fn index(app: web::Data<App>, admin: Admin) -> Answer {
    let counts = blocking(&app, |app| app.db.read(jobs::counts)).await?;
    html(&IndexPage {
        page: admin.page,
        ready: counts.ready,
        dead: counts.dead,
    })
}

struct UserLine {
    id: i64,
    name: String,
    email: String,
    role: &'static str,
    joined: When,
    products: String,
}

#[derive(Template)]
#[template(path = "people/admin_users.html")]
struct UsersPage {
    page: Page,
    q: String,
    role: String,
    roles: Vec<&'static str>,
    users: Vec<UserLine>,
    older: Option<String>,
    newer: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct UsersQuery {
    q: String,
    role: String,
    before: Option<i64>,
}

pub async fn users(app: web::Data<App>, admin: Admin, Query(query): Query<UsersQuery>) -> Answer {
    let filter = UserFilter {
        words: query.q.clone(),
        role: query.role.parse().ok(),
        before: query.before,
    };
    let now = app.now();
    let (mut rows, products) = blocking(&app, move |app| {
        app.db.read(|c| {
            let rows = store::users(c, &filter, PAGE_ROWS + 1)?;
            let names = store::products(c)?;
            let mut products = Vec::new();
            for row in rows.iter().filter(|r| r.role == Role::Staff) {
                let of = store::staff_products(c, row.id)?;
                let of: Vec<_> = names
                    .iter()
                    .filter(|p| of.contains(&p.id))
                    .map(|p| p.name.clone())
                    .collect();
                products.push((row.id, of.join(", ")));
            }
            Ok((rows, products))
        })
    })
    .await?;
    let has_older = rows.len() > PAGE_ROWS as usize;
    rows.truncate(PAGE_ROWS as usize);
    let address = |before: Option<i64>| {
        let mut pairs = url::form_urlencoded::Serializer::new(String::from("/admin/users?"));
        pairs.append_pair("q", &query.q);
        pairs.append_pair("role", &query.role);
        if let Some(before) = before {
            pairs.append_pair("before", &before.to_string());
        }
        pairs.finish()
    };
    let older = rows
        .last()
        .filter(|_| has_older)
        .map(|last| address(Some(last.id.0)));
    html(&UsersPage {
        older,
        newer: query.before.map(|_| address(None)),
        page: admin.page,
        users: rows
            .into_iter()
            .map(|row| UserLine {
                products: products
                    .iter()
                    .find(|(id, _)| *id == row.id)
                    .map(|(_, names)| names.clone())
                    .unwrap_or_default(),
                id: row.id.0,
                name: row.name,
                email: row.email.unwrap_or_default(),
                role: row.role.as_str(),
                joined: When::new(row.created_at, now),
            })
            .collect(),
        q: query.q,
        role: query.role,
        roles: ROLES.map(Role::as_str).to_vec(),
    })
}

/// A product with a box to tick.
struct ProductBox {
    slug: String,
    name: String,
    ticked: bool,
}

fn boxes(products: Vec<ProductName>, ticked: impl Fn(&ProductName) -> bool) -> Vec<ProductBox> {
    products
        .into_iter()
        .map(|p| ProductBox {
            ticked: ticked(&p),
            slug: p.slug,
            name: p.name,
        })
        .collect()
}

#[derive(Template)]
#[template(path = "people/admin_user.html")]
struct UserPage {
    page: Page,
    id: i64,
    name: String,
    email: String,
    role: &'static str,
    roles: Vec<&'static str>,
    joined: When,
    products: Vec<ProductBox>,
    log: Vec<AuditLine>,
    problems: Problems,
}

struct AuditLine {
    at: When,
    actor: String,
    actor_kind: String,
    act: String,
    subject: String,
    link: Option<String>,
    reason: String,
}

fn audit_line(line: audit::Line, now: crate::clock::Moment) -> AuditLine {
    let id = line.subject_id;
    let (actor, reason) = line.who_and_why();
    AuditLine {
        at: When::new(line.at, now),
        actor,
        reason,
        actor_kind: line.actor_kind,
        act: line.act.replace('_', " "),
        subject: format!("{} {id}", line.subject_kind),
        link: match line.subject_kind.as_str() {
            "user" => Some(format!("/admin/users/{id}")),
            "case" => Some(format!("/desk/case/{id}")),
            "thread" => Some(format!("/t/{id}")),
            _ => None,
        },
    }
}

async fn show_user(app: &App, admin: Admin, id: UserId, problems: Problems) -> Answer {
    let now = app.now();
    let (user, mine, products, log) = blocking(app, move |app| {
        app.db.read(|c| {
            Ok((
                store::user(c, id)?,
                store::staff_products(c, id)?,
                store::products(c)?,
                audit::of_subject(c, "user", id.0, PAGE_ROWS)?,
            ))
        })
    })
    .await?;
    let user = user.ok_or(Failure::NotFound)?;
    let status = if problems.is_empty() {
        actix_web::http::StatusCode::OK
    } else {
        actix_web::http::StatusCode::UNPROCESSABLE_ENTITY
    };
    html_with(
        status,
        &UserPage {
            page: admin.page,
            id: id.0,
            name: user.name,
            email: user.email.unwrap_or_default(),
            role: user.role.as_str(),
            roles: ROLES.map(Role::as_str).to_vec(),
            joined: When::new(user.created_at, now),
            products: boxes(products, |p| mine.contains(&p.id)),
            log: log.into_iter().map(|l| audit_line(l, now)).collect(),
            problems,
        },
    )
}

pub async fn user(app: web::Data<App>, admin: Admin, path: web::Path<i64>) -> Answer {
    show_user(&app, admin, UserId(path.into_inner()), Problems::default()).await
}

/// A form with a box for each product; boxes come as `product-<slug>`.
#[derive(Deserialize)]
pub struct RoleForm {
    role: String,
    #[serde(default)]
    reason: String,
    #[serde(flatten)]
    rest: std::collections::BTreeMap<String, String>,
}

fn ticked(rest: &std::collections::BTreeMap<String, String>) -> Vec<String> {
    rest.keys()
        .filter_map(|k| k.strip_prefix("product-"))
        .map(str::to_owned)
        .collect()
}

pub async fn set_role(
    app: web::Data<App>,
    admin: Admin,
    path: web::Path<i64>,
    form: Form<RoleForm>,
) -> Answer {
    let id = UserId(path.into_inner());
    let typed = form.fields;
    let role: Role = match typed.role.parse() {
        Ok(role) => role,
        Err(text) => {
            return show_user(&app, admin, id, Problem::new("role", text).into()).await;
        }
    };
    let by = admin.user.actor();
    let products = ticked(&typed.rest);
    let reason: String = typed.reason.trim().chars().take(REASON_CHARS_MAX).collect();
    let outcome = blocking(&app, move |app| {
        set_role::set_role(app, &by, id, role, &products, &reason)
    })
    .await?;
    let to = format!("/admin/users/{id}");
    match outcome {
        set_role::Outcome::Set => Ok(redirect_saying(&app, &to, "success", "The role is saved.")),
        set_role::Outcome::NotFound => Err(Failure::NotFound),
        set_role::Outcome::LastAdmin => {
            let text = "This is the only admin. Make somebody else an admin first.";
            show_user(&app, admin, id, Problem::new("role", text).into()).await
        }
        set_role::Outcome::Problems(problems) => {
            show_user(&app, admin, id, Problems(problems)).await
        }
    }
}

#[derive(Template)]
#[template(path = "people/admin_new_user.html")]
struct NewUserPage {
    page: Page,
    name: String,
    email: String,
    role: String,
    roles: Vec<&'static str>,
    products: Vec<ProductBox>,
    problems: Problems,
}

async fn show_new_user(app: &App, admin: Admin, typed: NewUserForm, problems: Problems) -> Answer {
    let products = blocking(app, |app| app.db.read(store::products)).await?;
    let slugs = ticked(&typed.rest);
    let status = if problems.is_empty() {
        actix_web::http::StatusCode::OK
    } else {
        actix_web::http::StatusCode::UNPROCESSABLE_ENTITY
    };
    html_with(
        status,
        &NewUserPage {
            page: admin.page,
            name: typed.name,
            email: typed.email,
            role: typed.role,
            roles: ROLES.map(Role::as_str).to_vec(),
            products: boxes(products, |p| slugs.contains(&p.slug)),
            problems,
        },
    )
}

#[derive(Deserialize, Clone, Default)]
pub struct NewUserForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    role: String,
    #[serde(flatten)]
    rest: std::collections::BTreeMap<String, String>,
}

pub async fn new_user_page(app: web::Data<App>, admin: Admin) -> Answer {
    let typed = NewUserForm {
        role: Role::Staff.as_str().into(),
        ..NewUserForm::default()
    };
    show_new_user(&app, admin, typed, Problems::default()).await
}

pub async fn create_user(app: web::Data<App>, admin: Admin, form: Form<NewUserForm>) -> Answer {
    let typed = form.fields;
    let role: Role = match typed.role.parse() {
        Ok(role) => role,
        Err(text) => {
            return show_new_user(&app, admin, typed, Problem::new("role", text).into()).await;
        }
    };
    let by = admin.user.actor();
    let account = NewAccount {
        name: typed.name.clone(),
        email: typed.email.clone(),
        password: None,
        role,
        products: ticked(&typed.rest),
    };
    let outcome = passwords::in_turn(&app, move |app| {
        create_user::create_user(app, &by, &account)
    })
    .await?;
    match outcome {
        create_user::Outcome::Created(id) => {
            let words = "The account is made. A mail invites them to choose a password.";
            Ok(redirect_saying(
                &app,
                &format!("/admin/users/{id}"),
                "success",
                words,
            ))
        }
        create_user::Outcome::Problems(problems) => {
            show_new_user(&app, admin, typed, Problems(problems)).await
        }
    }
}

#[derive(Template)]
#[template(path = "people/admin_audit.html")]
struct AuditPage {
    page: Page,
    lines: Vec<AuditLine>,
    older: Option<String>,
    newer: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Before {
    before: Option<i64>,
}

pub async fn audit_log(
    app: web::Data<App>,
    admin: Admin,
    Query(Before { before }): Query<Before>,
) -> Answer {
    let now = app.now();
    let mut lines = blocking(&app, move |app| {
        app.db.read(|c| audit::page(c, before, PAGE_ROWS + 1))
    })
    .await?;
    let has_older = lines.len() > PAGE_ROWS as usize;
    lines.truncate(PAGE_ROWS as usize);
    html(&AuditPage {
        page: admin.page,
        older: lines
            .last()
            .filter(|_| has_older)
            .map(|l| format!("/admin/audit?before={}", l.id)),
        newer: before.map(|_| "/admin/audit".to_owned()),
        lines: lines.into_iter().map(|l| audit_line(l, now)).collect(),
    })
}

struct JobLine {
    id: i64,
    kind: String,
    payload: String,
    attempts: i64,
    error: String,
    asked: When,
}

#[derive(Template)]
#[template(path = "people/admin_jobs.html")]
struct JobsPage {
    page: Page,
    ready: i64,
    dead: i64,
    jobs: Vec<JobLine>,
}

pub async fn jobs_page(app: web::Data<App>, admin: Admin) -> Answer {
    let now = app.now();
    let (counts, dead) = blocking(&app, |app| {
        app.db
            .read(|c| Ok((jobs::counts(c)?, jobs::dead(c, DEAD_JOBS_MAX)?)))
    })
    .await?;
    html(&JobsPage {
        page: admin.page,
        ready: counts.ready,
        dead: counts.dead,
        jobs: dead
            .into_iter()
            .map(|job| JobLine {
                id: job.id,
                kind: job.kind.replace('_', " "),
                payload: job.payload,
                attempts: job.attempts,
                error: job.last_error.unwrap_or_default(),
                asked: When::new(job.created_at, now),
            })
            .collect(),
    })
}

pub async fn retry_job(
    app: web::Data<App>,
    admin: Admin,
    path: web::Path<i64>,
    _form: Form<Nothing>,
) -> Answer {
    let id = path.into_inner();
    let by = admin.user.actor();
    let outcome = blocking(&app, move |app| retry_job::retry_job(app, &by, id)).await?;
    let (kind, words) = match outcome {
        retry_job::Outcome::Again => ("success", "The job runs again now."),
        retry_job::Outcome::NotFound => ("info", "There is no such job any more."),
    };
    Ok(redirect_saying(&app, "/admin/jobs", kind, words))
}
