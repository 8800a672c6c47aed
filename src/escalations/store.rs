//! Queries of the intake, mentions, triages, replies and claims.

pub mod desk;

mod checks;
mod claims;
mod intake;
mod mentions;
mod replies;
mod triages;

pub use checks::*;
pub use claims::*;
pub use intake::*;
pub use mentions::*;
pub use replies::*;
pub use triages::*;
