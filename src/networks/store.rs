//! What connectors keep between calls: cursors, sealed tokens, waits asked for by the network,
//! the last success and error, and what was spent.

use diesel::prelude::*;

use super::Network;
use crate::clock::Moment;
use crate::db::Conn;
use crate::db::schema::{network_spend, network_state};
use crate::each;
use crate::error::Result;

/// The stored value, if any.
pub fn state(conn: &mut Conn, network: Network, name: &str) -> Result<Option<String>> {
    Ok(network_state::table
        .filter(network_state::network.eq(network.as_str()))
        .filter(network_state::name.eq(name))
        .select(network_state::value)
        .first::<String>(conn)
        .optional()?)
}

/// Every stored name that begins with `prefix`, with its value and time.
pub fn states(
    conn: &mut Conn,
    network: Network,
    prefix: &str,
) -> Result<Vec<(String, String, Moment)>> {
    let rows: Vec<(String, String, i64)> = network_state::table
        .filter(network_state::network.eq(network.as_str()))
        .order(network_state::name)
        .select((
            network_state::name,
            network_state::value,
            network_state::updated_at,
        ))
        .load(conn)?;
    let kept = rows
        .into_iter()
        .filter(|(name, _, _)| name.starts_with(prefix));
    Ok(kept
        .map(|(name, value, at)| (name, value, Moment(at)))
        .collect())
}

/// Stores a value in place of the one before. Call it in the transaction whose effect it records.
pub fn set_state(
    conn: &mut Conn,
    network: Network,
    name: &str,
    value: &str,
    now: Moment,
) -> Result<()> {
    each!(conn, c => {
        diesel::insert_into(network_state::table)
            .values((
                network_state::network.eq(network.as_str()),
                network_state::name.eq(name),
                network_state::value.eq(value),
                network_state::updated_at.eq(now.0),
            ))
            .on_conflict((network_state::network, network_state::name))
            .do_update()
            .set((network_state::value.eq(value), network_state::updated_at.eq(now.0)))
            .execute(c)
    })?;
    Ok(())
}

/// Forgets a value.
pub fn remove_state(conn: &mut Conn, network: Network, name: &str) -> Result<()> {
    diesel::delete(
        network_state::table
            .filter(network_state::network.eq(network.as_str()))
            .filter(network_state::name.eq(name)),
    )
    .execute(conn)?;
    Ok(())
}

/// What one class of call cost on one UTC day.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct Spend {
    pub day: String,
    pub class: String,
    pub calls: i64,
    /// Resources read, or posts written.
    pub units: i64,
    /// Millionths of a US dollar.
    pub cost_micros: i64,
}

/// Adds to the day's account of a class; amounts may be negative (a call that was not billed).
pub fn add_spend(conn: &mut Conn, network: Network, spend: &Spend) -> Result<()> {
    each!(conn, c => {
        diesel::insert_into(network_spend::table)
            .values((
                network_spend::network.eq(network.as_str()),
                network_spend::day.eq(&spend.day),
                network_spend::class.eq(&spend.class),
                network_spend::calls.eq(spend.calls),
                network_spend::units.eq(spend.units),
                network_spend::cost_micros.eq(spend.cost_micros),
            ))
            .on_conflict((network_spend::network, network_spend::day, network_spend::class))
            .do_update()
            .set((
                network_spend::calls.eq(network_spend::calls + spend.calls),
                network_spend::units.eq(network_spend::units + spend.units),
                network_spend::cost_micros.eq(network_spend::cost_micros + spend.cost_micros),
            ))
            .execute(c)
    })?;
    Ok(())
}

/// The accounts of all days from `first_day` to `last_day` (`YYYY-MM-DD`), both included.
pub fn spends(
    conn: &mut Conn,
    network: Network,
    first_day: &str,
    last_day: &str,
) -> Result<Vec<Spend>> {
    Ok(network_spend::table
        .filter(network_spend::network.eq(network.as_str()))
        .filter(network_spend::day.ge(first_day))
        .filter(network_spend::day.le(last_day))
        .order((network_spend::day, network_spend::class))
        .select((
            network_spend::day,
            network_spend::class,
            network_spend::calls,
            network_spend::units,
            network_spend::cost_micros,
        ))
        .load(conn)?)
}
