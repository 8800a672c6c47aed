//! The words by which a post is judged, in English, German, Spanish and French; written by us.
//!
//! A phrase matches whole words in lower case; one that ends in `*` matches the beginning of a
//! word too. Contractions stand without their apostrophe, as `triage::Evidence` folds them.

mod grammar;
mod home;
mod impact;
mod mood;
mod noise;
mod praise;
mod trouble;
mod wish;

pub use grammar::*;
pub use home::*;
pub use impact::*;
pub use mood::*;
pub use noise::*;
pub use praise::*;
pub use trouble::*;
pub use wish::*;
