//! The front door: sockets, the checks that every request passes before a byte of its body is read, and the bindings.
//!
//! Reading order: [`Server`] accepts, `connection` drives hyper over one socket and its clocks, `layers` is the chain of
//! checks from top to bottom, and a [`Service`] answers what has passed them.

mod options;
mod server;
mod gate;
mod connection;
mod pulse;
mod socket;
mod tls;
mod certificate;
mod layers;
mod rules;
mod failures;
mod proxies;
mod jwt;
mod lapse;
mod service;
mod reader;
mod refusal;
mod body;
mod copies;
mod audit_log;
mod audit_seal;
mod audit_tail;
mod metrics;
mod admin;
mod observer;
mod routes;
mod bindings;
mod card;
mod schemes;
mod pages;
mod push;
mod signing;

pub use admin::{Admin, AdminFacts, ReloadWish, Reloaded, ServedAgent};
pub use audit_log::{AuditBounds, AuditLog, AuditStart};
pub use audit_seal::{AuditKey, AuditKeyError, AuditSeal, HeadEvery};
pub use audit_tail::AuditTail;
pub use bindings::extensions::Extension;
pub use bindings::{Capabilities, Endpoint};
pub use body::Body;
pub use card::{CardInfo, CardOptions, Provider, Skill};
pub use certificate::{CertificateRule, CertificateRules};
pub use copies::Copies;
pub use jwt::{Issuer, IssuerRules, Issuers, JwtAlgorithm, JwtKeys, JwtKeysError};
pub use metrics::Metrics;
pub use observer::Observer;
pub use options::{Limits, ServerOptions};
pub use proxies::{NotAProxy, Proxies};
pub use push::webhook::{Dial, NotAllowable, Resolved, WEBHOOK_BYTES_MAX, Webhook, WebhookError, WebhookRule};
pub use push::{Push, PushLimits};
pub use reader::BodyReader;
pub use refusal::{ErrorForm, Refusal};
pub use routes::{CARD, CONSOLE, ENDPOINT, Route, Routes};
pub use rules::DoorRules;
pub use schemes::Scheme;
pub use server::{ServeError, Server};
pub use service::{Latest, Request, Service};
pub use signing::{CardSigner, SigningKeyError};
pub use tls::{ClientAuth, LiveTlsKeys, TlsKeys, TlsKeysError, pem};
