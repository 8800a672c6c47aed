//! Gives a user another role, and a member of staff the products they look after.

use super::{Role, store};
use crate::app::App;
use crate::db::audit::{self, Act, Actor};
use crate::db::changes::{self, Subject};
use crate::db::{Conn, Lock, lock};
use crate::error::{Problem, Result};
use crate::ids::{ProductId, UserId};

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Set,
    NotFound,
    /// Somebody must be left who can give roles.
    LastAdmin,
    Problems(Vec<Problem>),
}

/// The `Lock::Other` under which admins are counted and changed.
const ADMINS_LOCK: i64 = 0x61_64_6d_69_6e;

pub fn set_role(
    app: &App,
    by: &Actor,
    user: UserId,
    role: Role,
    product_slugs: &[String],
    reason: &str,
) -> Result<Outcome> {
    let now = app.now();
    app.db.write(|tx| {
        lock(tx, Lock::Other(ADMINS_LOCK))?;
        let Some(before) = store::user(tx, user)? else {
            return Ok(Outcome::NotFound);
        };
        if before.role == Role::Admin && role != Role::Admin && store::admin_count(tx)? <= 1 {
            return Ok(Outcome::LastAdmin);
        }
        let (products, unknown) = products_of(tx, role, product_slugs)?;
        if !unknown.is_empty() {
            return Ok(Outcome::Problems(unknown));
        }
        store::set_role(tx, user, role)?;
        store::set_staff_products(tx, user, &products)?;
        audit::record(
            tx,
            now,
            Act {
                by,
                act: "role_set",
                subject: ("user", user.0),
                reason,
                data: serde_json::json!({
                    "before": before.role.as_str(), "role": role.as_str(),
                    "products": product_slugs,
                }),
            },
        )?;
        // The role stands beside the name on every page they wrote on.
        changes::append(tx, Subject::Site, user.0, now)?;
        tracing::info!(%user, role = role.as_str(), "a user has another role");
        Ok(Outcome::Set)
    })
}

/// The products of these slugs, and what is wrong with them. Only staff have products.
pub(super) fn products_of(
    conn: &mut Conn,
    role: Role,
    slugs: &[String],
) -> Result<(Vec<ProductId>, Vec<Problem>)> {
    if role != Role::Staff {
        return Ok((Vec::new(), Vec::new()));
    }
    let known = store::products(conn)?;
    let (mut ids, mut problems) = (Vec::new(), Vec::new());
    for slug in slugs {
        match known.iter().find(|p| p.slug == *slug) {
            Some(product) => ids.push(product.id),
            None => problems.push(Problem::new(
                "products",
                format!("There is no product `{slug}`."),
            )),
        }
    }
    ids.sort();
    ids.dedup();
    Ok((ids, problems))
}
