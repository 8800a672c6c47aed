//! `/admin/models`: what the rules have learned from staff, how good it is, and the way back.

use actix_web::web::{Data, Path};
use askama::Template;
use serde::Deserialize;

use crate::app::App;
use crate::db::Conn;
use crate::error::Result;
use crate::escalations::site_models::{
    self, Figure, Kind, Learned, ModelState, SiteModel, go_back, learn, linking, triage,
};
use crate::escalations::store::site_models as store;
use crate::ids::SiteModelId;
use crate::people::{self, Admin};
use crate::text::counted;
use crate::web::{Answer, Failure, Form, Page, When, blocking, html, redirect_saying};

/// Where the page is.
const PATH: &str = "/admin/models";
/// Longest reason for going back (characters).
const REASON_CHARS_MAX: usize = 300;

/// A measure in words: "macro F1 0.77 → 0.81".
struct FigureView {
    name: String,
    before: String,
    after: String,
}

/// A model as a line of the list.
struct Line {
    id: SiteModelId,
    state: ModelState,
    trained: When,
    examples: i64,
    judged: usize,
    figures: Vec<FigureView>,
    /// Who put it where it stands, when a person did.
    by: Option<String>,
}

impl Line {
    fn may_come_back(&self) -> bool {
        self.state == ModelState::Retired
    }
}

/// One kind of model.
struct Section {
    kind: Kind,
    /// What is judged with now.
    in_use: String,
    /// What must come before anything is learned.
    missing: Option<String>,
    /// Somebody went back; nothing is learned by itself.
    is_held: bool,
    has_own: bool,
    lines: Vec<Line>,
}

#[derive(Template)]
#[template(path = "desk/models.html")]
struct ModelsPage {
    page: Page,
    sections: Vec<Section>,
}

impl FigureView {
    fn of(figure: &Figure) -> FigureView {
        FigureView {
            name: figure.name.clone(),
            before: format!("{:.3}", figure.before),
            after: format!("{:.3}", figure.after),
        }
    }
}

impl Section {
    fn of(conn: &mut Conn, app: &App, kind: Kind) -> Result<Section> {
        let now = app.now();
        let models = store::models(conn, kind)?;
        let missing = match kind {
            Kind::Triage => triage::missing(&triage::chosen(store::judged_posts(conn)?)),
            Kind::Linking => linking::missing(&linking::chosen(
                store::decided_cases(conn, now)?,
                &app.ranker.shipped(),
            )),
        };
        let people: Vec<_> = models.iter().filter_map(|m| m.changed_by).collect();
        let names = people::store::names(conn, &people)?;
        let base = site_models::base(app, kind)?;
        let in_use = models.iter().find(|m| m.state == ModelState::InUse);
        Ok(Section {
            kind,
            in_use: match in_use {
                Some(old) if old.base != base => {
                    "the weights that come with Offramp. Those of your own were learned from others, \
                     of an earlier version, and will be learned anew"
                        .to_owned()
                }
                Some(own) => format!(
                    "weights of your own, learned from {}",
                    counted(usize::try_from(own.examples).unwrap_or_default(), "example")
                ),
                None => "the weights that come with Offramp".to_owned(),
            },
            missing: match missing {
                Some(Learned::TooFew { missing, of }) => Some(format!("{missing} more {of}")),
                _ => None,
            },
            is_held: learn::is_held(&models),
            has_own: in_use.is_some(),
            lines: models
                .iter()
                .map(|model| Line {
                    by: model.changed_by.and_then(|by| names.get(&by).cloned()),
                    ..Line::of(model, app)
                })
                .collect(),
        })
    }
}

impl Line {
    fn of(model: &SiteModel, app: &App) -> Line {
        Line {
            id: model.id,
            state: model.state,
            trained: When::new(model.trained_at.0, app.now()),
            examples: model.examples,
            judged: model.comparison.judged,
            figures: model
                .comparison
                .figures
                .iter()
                .map(FigureView::of)
                .collect(),
            by: None,
        }
    }
}

/// `GET /admin/models`
pub async fn page(app: Data<App>, admin: Admin) -> Answer {
    let sections = blocking(&app, |app| {
        app.db.read(|conn| {
            let kinds = Kind::ALL.iter();
            kinds.map(|kind| Section::of(conn, app, *kind)).collect()
        })
    })
    .await?;
    html(&ModelsPage {
        page: admin.page,
        sections,
    })
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Nothing {}

/// `POST /admin/models/learn`
pub async fn learn(app: Data<App>, admin: Admin, _form: Form<Nothing>) -> Answer {
    let by = admin.user;
    blocking(&app, move |app| learn::ask(app, &by)).await?;
    let words = "It learns now, as far as there is enough to learn from. Look again in a minute.";
    Ok(redirect_saying(&app, PATH, "info", words))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Back {
    /// The model to be used again; empty for the shipped weights.
    model: Option<i64>,
    reason: String,
}

/// `POST /admin/models/{kind}`
pub async fn back(app: Data<App>, admin: Admin, kind: Path<String>, form: Form<Back>) -> Answer {
    let kind: Kind = kind.parse().map_err(|_| Failure::NotFound)?;
    let Back { model, reason } = form.fields;
    let reason: String = reason.trim().chars().take(REASON_CHARS_MAX).collect();
    let by = admin.user;
    let outcome = blocking(&app, move |app| {
        go_back::go_back(app, &by, kind, model.map(SiteModelId), &reason)
    })
    .await?;
    match outcome {
        go_back::Outcome::Done => {
            let words = "Done. Nothing more is learned by itself until you press “Learn now”.";
            Ok(redirect_saying(&app, PATH, "success", words))
        }
        go_back::Outcome::Already => Ok(redirect_saying(&app, PATH, "info", "It was so already.")),
        go_back::Outcome::NotFound => Err(Failure::NotFound),
    }
}
