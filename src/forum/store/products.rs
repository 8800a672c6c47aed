//! Queries of products and their topics.

use diesel::prelude::*;

use crate::clock::Moment;
use crate::db::Conn;
use crate::db::schema::{products, topics};
use crate::error::{Error, Result};
use crate::forum::{Product, Topic};
use crate::ids::{ProductId, TopicId};
use crate::ranker;

type ProductRow = (i64, String, String, String);

fn product_of((id, slug, name, description): ProductRow) -> Product {
    Product {
        id: ProductId(id),
        slug,
        name,
        description,
    }
}

macro_rules! product_columns {
    () => {
        (
            products::id,
            products::slug,
            products::name,
            products::description,
        )
    };
}

/// All products in the order staff gave them.
pub fn products(conn: &mut Conn) -> Result<Vec<Product>> {
    let rows: Vec<ProductRow> = products::table
        .order((products::position, products::id))
        .select(product_columns!())
        .load(conn)?;
    Ok(rows.into_iter().map(product_of).collect())
}

pub fn product_by_slug(conn: &mut Conn, slug: &str) -> Result<Option<Product>> {
    let row: Option<ProductRow> = products::table
        .filter(products::slug.eq(slug))
        .select(product_columns!())
        .first(conn)
        .optional()?;
    Ok(row.map(product_of))
}

pub fn product(conn: &mut Conn, id: ProductId) -> Result<Option<Product>> {
    let row: Option<ProductRow> = products::table
        .find(id.0)
        .select(product_columns!())
        .first(conn)
        .optional()?;
    Ok(row.map(product_of))
}

/// A product to be made.
pub struct NewProduct<'a> {
    pub slug: &'a str,
    pub name: &'a str,
    pub description: &'a str,
    pub position: i64,
    /// Words by which a complaint shows that it is about this product, lower case.
    pub brand_terms: &'a [String],
}

pub fn insert_product(tx: &mut Conn, new: &NewProduct<'_>, now: Moment) -> Result<ProductId> {
    let terms = serde_json::to_string(new.brand_terms).map_err(Error::other)?;
    let id: i64 = diesel::insert_into(products::table)
        .values((
            products::slug.eq(new.slug),
            products::name.eq(new.name),
            products::description.eq(new.description),
            products::position.eq(new.position),
            products::brand_terms.eq(terms),
            products::link_threshold.eq(ranker::LINK_FROM),
            products::propose_threshold.eq(ranker::PROPOSE_FROM),
            products::created_at.eq(now.0),
        ))
        .returning(products::id)
        .get_result(tx)?;
    Ok(ProductId(id))
}

type TopicRow = (i64, i64, String, String, String);

fn topic_of((id, product, slug, name, description): TopicRow) -> Topic {
    Topic {
        id: TopicId(id),
        product: ProductId(product),
        slug,
        name,
        description,
    }
}

macro_rules! topic_columns {
    () => {
        (
            topics::id,
            topics::product_id,
            topics::slug,
            topics::name,
            topics::description,
        )
    };
}

/// The topics of a product in the order staff gave them.
pub fn topics(conn: &mut Conn, product: ProductId) -> Result<Vec<Topic>> {
    let rows: Vec<TopicRow> = topics::table
        .filter(topics::product_id.eq(product.0))
        .order((topics::position, topics::id))
        .select(topic_columns!())
        .load(conn)?;
    Ok(rows.into_iter().map(topic_of).collect())
}

/// The topics of all products.
pub fn all_topics(conn: &mut Conn) -> Result<Vec<Topic>> {
    let rows: Vec<TopicRow> = topics::table
        .order((topics::product_id, topics::position, topics::id))
        .select(topic_columns!())
        .load(conn)?;
    Ok(rows.into_iter().map(topic_of).collect())
}

pub fn insert_topic(
    tx: &mut Conn,
    product: ProductId,
    slug: &str,
    name: &str,
    description: &str,
    position: i64,
) -> Result<TopicId> {
    let id: i64 = diesel::insert_into(topics::table)
        .values((
            topics::product_id.eq(product.0),
            topics::slug.eq(slug),
            topics::name.eq(name),
            topics::description.eq(description),
            topics::position.eq(position),
        ))
        .returning(topics::id)
        .get_result(tx)?;
    Ok(TopicId(id))
}
