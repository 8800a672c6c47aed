//! The integration tests, in one binary: modules are named after the slices.

mod desk;
mod escalations;
mod forum;
mod harness;
mod networks;
mod people;
mod storage;
mod tickets;
mod tidy;
mod web;
