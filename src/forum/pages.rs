//! The forum's pages.
