//! A folder of Singularity/Apptainer images as web pages and an HTTP API.
//!
//! Data flows one way; each rule lives in one constructor, and nothing
//! downstream checks it again:
//!
//! ```text
//! bytes → MetaVariables → Request → Route
//!       → service: Image → Labels → ArgSpec → Arguments → Invocation → Outcome
//!       → Reply → Response → bytes
//! ```
//!
//! The modules, in the order of the flow: [`wire`] (CGI and FastCGI),
//! [`http`] (plain values), [`routes`] (the table of addresses), [`image`] (the data
//! folder), [`args`] (the contract with image authors), [`run`] (processes),
//! joined by [`service`] (what the program does, free of HTTP), [`reply`] (what is
//! answered), [`view`] (how it looks). [`error`] stands above them, [`app`] is the
//! service on the web, [`cli`] at a terminal. Beside the
//! flow: [`auth`] (who asks and what they may), [`problems`] (the table of what can go wrong), [`config`] (what the owner set), [`trust`] (what others could have
//! changed), [`limits`] (how long an input may be), [`text`] (what others wrote, made fit to show), [`log`].

#![deny(unsafe_code)]

pub mod app;
pub mod args;
pub mod auth;
pub mod cli;
pub mod config;
pub mod error;
pub mod http;
pub mod image;
pub mod limits;
pub mod log;
pub mod problems;
pub mod reply;
pub mod routes;
pub mod run;
pub mod service;
pub mod text;
pub mod trust;
pub mod view;
pub mod visitor;
pub mod wire;
