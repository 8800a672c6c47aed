//! Offramp: a community forum, and the desk that takes complaints off Twitter/X.
//!
//! ARCHITECTURE.md draws the house; `routes.rs` answers which code serves a URL.
//! Modules are listed floor by floor; imports point up this list only
//! (`tests/it/tidy.rs` fails when one points down).

// Floor 0: no database, no network, no slice.
pub mod clock;
pub mod config;
pub mod error;
pub mod ids;
pub mod net;
pub mod random;
pub mod say;
pub mod text;

// Floor 1: machinery that knows no slice.
pub mod app;
pub mod db;
pub mod files;
pub mod jobs;
pub mod keys;
pub mod limits;
pub mod live;
pub mod mail;
pub mod meaning;
pub mod networks;
pub mod ranker;
pub mod search;
pub mod web;

// Floors 2 to 5: the slices.
pub mod cases;
pub mod escalations;
pub mod forum;
pub mod inbox;
pub mod people;
pub mod tickets;

// On top: what puts the slices to use.
pub mod boot;
pub mod commands;
pub mod demo;
pub mod desk;
pub mod routes;
