//! Who is looking: extractors by which a handler's signature says whom it is for.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};

use super::store::User;
use super::{Role, store};
use crate::app::App;
use crate::clock::Moment;
use crate::db::Conn;
use crate::db::audit::Actor;
use crate::error::Error;
use crate::ids::{ProductId, SessionId, UserId};
use crate::limits::Limit;
use crate::web::{
    Failure, LateCookie, Page, PageViewer, blocking, csrf_token, session_cookie, session_token,
    take_flash, typed_text,
};

/// The user of a session.
#[derive(Clone, Debug)]
pub struct CurrentUser {
    pub id: UserId,
    pub name: String,
    pub role: Role,
    pub session: SessionId,
    /// Products that a member of staff looks after; none means all.
    pub products: Vec<ProductId>,
}

impl CurrentUser {
    /// Somebody who acts without a session, by mail; with their account. `None` when there is none any more.
    pub fn without_session(
        conn: &mut Conn,
        id: UserId,
    ) -> crate::error::Result<Option<(CurrentUser, User)>> {
        let Some(user) = store::user(conn, id)? else {
            return Ok(None);
        };
        let by = CurrentUser {
            id,
            name: user.name.clone(),
            role: user.role,
            // The ids of sessions begin at 1.
            session: SessionId(0),
            products: store::staff_products(conn, id)?,
        };
        Ok(Some((by, user)))
    }

    /// As the audit log names them.
    pub fn actor(&self) -> Actor {
        Actor::User {
            id: self.id,
            name: self.name.clone(),
        }
    }

    /// Counts one act of theirs; an error holds the seconds until the next is allowed.
    pub fn count(&self, app: &App, what: Limit) -> Result<(), u64> {
        app.limits.check(what, &format!("user {}", self.id))
    }

    /// As `count`, for what is refused with a page of its own.
    pub fn check_limit(&self, app: &App, what: Limit) -> Result<(), Failure> {
        self.count(app, what)
            .map_err(|retry_seconds| Failure::TooMany { retry_seconds })
    }

    /// The products to which a member of staff is bound; `None` when they see all.
    pub fn bound_to(&self) -> Option<&[ProductId]> {
        let bound = self.role == Role::Staff && !self.products.is_empty();
        bound.then_some(self.products.as_slice())
    }

    /// Whether they are staff for this product. A case without a product is everybody's.
    pub fn is_staff_of(&self, product: Option<ProductId>) -> bool {
        match self.role {
            Role::Admin => true,
            Role::Staff => {
                self.products.is_empty() || product.is_none_or(|p| self.products.contains(&p))
            }
            Role::Member | Role::Moderator => false,
        }
    }
}

/// Anybody, logged in or not. The page is open to all.
#[derive(Clone, Debug)]
pub struct Viewer {
    pub user: Option<CurrentUser>,
    pub page: Page,
}

impl Viewer {
    /// A search engine, or somebody without a session: may be given a kept page.
    pub fn is_visitor(&self) -> bool {
        self.user.is_none() && self.page.flash.is_empty()
    }

    pub fn user_id(&self) -> Option<UserId> {
        self.user.as_ref().map(|u| u.id)
    }
}

/// Declares the audience of pages for users of at least one role.
macro_rules! audience {
    ($(#[$doc:meta])* $name:ident, $role:expr, $refusal:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name {
            pub user: CurrentUser,
            pub page: Page,
        }

        impl FromRequest for $name {
            type Error = Failure;
            type Future = Pin<Box<dyn Future<Output = Result<Self, Failure>>>>;

            fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
                let viewer = Viewer::from_request(req, payload);
                let req = req.clone();
                Box::pin(async move {
                    let viewer = viewer.await?;
                    match viewer.user {
                        Some(user) if user.role >= $role => {
                            Ok($name { user, page: viewer.page })
                        }
                        Some(_) => Err(Failure::forbidden($refusal)),
                        None => Err(log_in_needed(&req).await),
                    }
                })
            }
        }
    };
}

async fn log_in_needed(req: &HttpRequest) -> Failure {
    if req.method().is_safe() {
        let next = req.uri().to_string();
        return Failure::LogInNeeded { next };
    }
    Failure::logged_out(typed_text(req).await)
}

audience!(
    /// Somebody who is logged in.
    Member, Role::Member, "This page is for members."
);
audience!(
    /// A moderator, or staff.
    Moderator, Role::Moderator, "This page is for moderators."
);
audience!(
    /// A member of staff.
    Staff, Role::Staff, "This page is for staff. If you should see it, ask an admin for the role."
);
audience!(
    /// An admin.
    Admin, Role::Admin, "This page is for admins."
);

impl FromRequest for Viewer {
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Failure>>>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let req = req.clone();
        Box::pin(async move {
            let app = req
                .app_data::<web::Data<App>>()
                .map(|a| a.get_ref().clone())
                .ok_or_else(|| Error::other("no App in the server's data"))?;
            let mut page = Page {
                site_name: app.config.site.name.clone(),
                viewer: None,
                flash: take_flash(&app, &req),
                csrf: String::new(),
                path: req.path().to_owned(),
                searched: String::new(),
            };
            let Some(token) = session_token(&app, &req) else {
                req.extensions_mut().insert(page.clone());
                return Ok(Viewer { user: None, page });
            };
            page.csrf = csrf_token(&app, &token);
            let (now, hash) = (app.now(), app.keys.session_hash(&token));
            let (session, lasts_until) = blocking(&app, move |app| {
                let session = app.db.read(|c| store::current_user(c, &hash, now))?;
                let lasts_until = session.as_ref().and_then(|s| lengthen(app, s, now));
                Ok((session, lasts_until))
            })
            .await?;
            if let Some(until) = lasts_until {
                let cookie = session_cookie(&app, token, until.since(now));
                req.extensions_mut().insert(LateCookie(cookie));
            }
            let user = session.map(|s| {
                page.viewer = Some(PageViewer {
                    id: s.user.id.0,
                    name: s.user.name.clone(),
                    can_desk: s.user.role >= Role::Staff,
                    is_admin: s.user.role >= Role::Admin,
                    unread: s.unread,
                });
                s.user
            });
            req.extensions_mut().insert(page.clone());
            Ok(Viewer { user, page })
        })
    }
}

/// Notes now and then that a session is used; until when it lasts then. A database that takes no
/// writes at the moment keeps nobody from reading.
fn lengthen(app: &App, session: &store::Session, now: Moment) -> Option<Moment> {
    if now.since(session.last_used_at) <= store::SESSION_NOTE_EVERY {
        return None;
    }
    let until = session.lasts_until(now);
    let noted = app
        .db
        .write(|tx| store::touch_session(tx, session.user.session, now, until));
    if let Err(error) = &noted {
        tracing::warn!(%error, user = %session.user.id, "the use of a session could not be noted");
    }
    noted.is_ok().then_some(until)
}
