//! The integration tests, in one binary: modules are named after the slices.

mod commands;
mod deflections;
mod desk;
mod escalations;
mod forum;
mod harness;
mod hooks;
mod inbox;
mod joining;
mod kills;
mod linking;
mod mail_in;
mod mail_loops;
mod mail_out;
mod mail_servers;
mod networks;
mod outages;
mod people;
mod quality;
mod rules;
mod spike_noise;
mod spikes;
mod storage;
mod tickets;
mod tidy;
mod web;
