//! The client against a scripted server on loopback.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and its helpers with it")]

mod calls;
mod scripted;
mod streams;
