//! The integration tests, in one binary: modules are named after the slices.

mod commands;
mod desk;
mod escalations;
mod forum;
mod harness;
mod inbox;
mod kills;
mod networks;
mod outages;
mod people;
mod rules;
mod storage;
mod tickets;
mod tidy;
mod web;
