//! Where a model comes from.

use serde::{Deserialize, Serialize};

/// What a model says of itself, in the first line of its file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// Posts it was trained on, after those that say the same were counted once.
    pub posts: usize,
    /// Of these, complaints.
    pub complaints: usize,
    /// SHA-256 of the posts with their labels, in their order: the same data gives the same model.
    pub data: String,
}
