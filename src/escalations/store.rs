//! Queries of the intake, mentions, triages, replies and claims.

pub mod deflections;
pub mod desk;
pub mod people;
pub mod quality;
pub mod site_models;
pub mod spikes;

mod checks;
mod claims;
mod intake;
mod mentions;
mod past_links;
mod replies;
mod triages;

pub use checks::*;
pub use claims::*;
pub use intake::*;
pub use mentions::*;
pub use past_links::*;
pub use replies::*;
pub use triages::*;
