//! Processes that are kept between turns, over real processes: a small agent that speaks Claude's protocol and does what its text says.
//! It has its own main, since it is also the supervisor of its processes. `cargo test -p inhouse-agents --test warm [part of a name]`

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]
#![cfg_attr(not(target_os = "linux"), allow(unused))]

#[cfg(target_os = "linux")]
#[path = "../support/mod.rs"]
mod support;

#[cfg(target_os = "linux")]
mod house;
#[cfg(target_os = "linux")]
mod stays;
#[cfg(target_os = "linux")]
mod ends;
#[cfg(target_os = "linux")]
mod others;

#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.first().is_some_and(|arg| arg == inhouse_run::SUPERVISE_ARG) {
        inhouse_run::supervise();
    }
    let parts: Vec<&String> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
    let wanted = |name: &str| parts.is_empty() || parts.iter().any(|part| name.contains(*part));
    let (mut passed, mut failed) = (0, 0);
    for (name, case) in
        [stays::CASES, ends::CASES, others::CASES].into_iter().flatten().filter(|(name, _)| wanted(name))
    {
        let ok = std::panic::catch_unwind(case).is_ok();
        let (word, count) = if ok { ("ok", &mut passed) } else { ("FAILED", &mut failed) };
        *count += 1;
        println!("{word:6} {name}");
    }
    println!("{passed} passed, {failed} failed");
    std::process::exit(i32::from(failed > 0));
}
