//! Queries of what an admin sets about a product.

use diesel::dsl::max;
use diesel::prelude::*;

use crate::db::Conn;
use crate::db::schema::{products, topics};
use crate::error::{Error, Result};
use crate::forum::Product;
use crate::forum::save_product::Settings;
use crate::ids::ProductId;
use crate::mail::without_tag;

/// What is set about a product.
pub fn settings(conn: &mut Conn, id: ProductId) -> Result<Option<Settings>> {
    type Row = (String, String, String, f64, f64, bool, bool, Option<String>);
    let row: Option<Row> = products::table
        .find(id.0)
        .select((
            products::name,
            products::description,
            products::brand_terms,
            products::link_threshold,
            products::propose_threshold,
            products::auto_link,
            products::auto_acknowledge,
            products::mail_address,
        ))
        .first(conn)
        .optional()?;
    Ok(row.map(
        |(name, description, terms, link, propose, auto_link, auto_acknowledge, address)| {
            Settings {
                name,
                description,
                terms: serde_json::from_str(&terms).unwrap_or_default(),
                link_threshold: link,
                propose_threshold: propose,
                auto_link,
                auto_acknowledge,
                mail_address: address.unwrap_or_default(),
            }
        },
    ))
}

pub fn update_settings(tx: &mut Conn, id: ProductId, new: &Settings) -> Result<()> {
    let terms = serde_json::to_string(&new.terms).map_err(Error::other)?;
    let address = Some(new.mail_address.as_str()).filter(|address| !address.is_empty());
    diesel::update(products::table.find(id.0))
        .set((
            products::name.eq(&new.name),
            products::description.eq(&new.description),
            products::brand_terms.eq(terms),
            products::link_threshold.eq(new.link_threshold),
            products::propose_threshold.eq(new.propose_threshold),
            products::auto_link.eq(new.auto_link),
            products::auto_acknowledge.eq(new.auto_acknowledge),
            products::mail_address.eq(address),
            products::mail_address_key.eq(address.and_then(without_tag)),
        ))
        .execute(tx)?;
    Ok(())
}

/// The product whose forum has one of these addresses (`mail::without_tag`).
pub fn product_by_mail_address(conn: &mut Conn, keys: &[String]) -> Result<Option<Product>> {
    let found: Option<i64> = products::table
        .filter(products::mail_address_key.eq_any(keys))
        .order(products::position)
        .select(products::id)
        .first(conn)
        .optional()?;
    match found {
        Some(id) => super::product(conn, ProductId(id)),
        None => Ok(None),
    }
}

/// The addresses of all forums.
pub fn mail_addresses(conn: &mut Conn) -> Result<Vec<String>> {
    let found: Vec<Option<String>> = products::table
        .filter(products::mail_address_key.is_not_null())
        .select(products::mail_address_key)
        .load(conn)?;
    Ok(found.into_iter().flatten().collect())
}

/// The place behind all products.
pub fn next_product_position(conn: &mut Conn) -> Result<i64> {
    let last: Option<i64> = products::table
        .select(max(products::position))
        .first(conn)?;
    Ok(last.unwrap_or(0) + 1)
}

/// The place behind all topics of a product.
pub fn next_topic_position(conn: &mut Conn, product: ProductId) -> Result<i64> {
    let last: Option<i64> = topics::table
        .filter(topics::product_id.eq(product.0))
        .select(max(topics::position))
        .first(conn)?;
    Ok(last.unwrap_or(0) + 1)
}
