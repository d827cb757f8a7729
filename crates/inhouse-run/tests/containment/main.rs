//! The promises of this crate, kept before real processes. It has its own main, since it is three programs: the tests,
//! the supervisor that they execute again, and a server that is there to be killed. `cargo test -p inhouse-run --test
//! containment [part of a name]`
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::disallowed_methods)]
#![cfg_attr(not(target_os = "linux"), allow(unused))]

#[cfg(target_os = "linux")]
mod attacks;
#[cfg(target_os = "linux")]
mod bounds;
#[cfg(target_os = "linux")]
mod cgroups;
#[cfg(target_os = "linux")]
mod guards;
#[cfg(target_os = "linux")]
mod lives;
#[cfg(target_os = "linux")]
mod shapes;
#[cfg(target_os = "linux")]
mod sights;
#[cfg(target_os = "linux")]
mod starts;
#[cfg(target_os = "linux")]
mod sweeps;
#[cfg(target_os = "linux")]
mod strict;
#[cfg(target_os = "linux")]
mod support;
#[cfg(target_os = "linux")]
mod zoo;

#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
fn main() {
    let args: Vec<String> = std::env::args().collect();
    match args.get(1).map(String::as_str) {
        Some(inhouse_run::SUPERVISE_ARG) => inhouse_run::supervise(),
        Some(inhouse_run::CONFINE_ARG) => inhouse_run::confine(),
        Some(zoo::SERVER_ARG) => zoo::be_a_server(&args[2..]),
        Some(sweeps::SERVER_ARG) => sweeps::be_a_server(&args[2..]),
        Some(CASE_ARG) => run_case(&args[2], &args[3]),
        _ => run_cases(&args[1..]),
    }
}

/// The argument that makes this program run one case.
#[cfg(target_os = "linux")]
const CASE_ARG: &str = "__case";

/// The variable with what only a server knows.
#[cfg(target_os = "linux")]
const SECRET: &str = "CONTAINMENT_SECRET";

#[cfg(target_os = "linux")]
fn cases(tiers: &str) -> impl Iterator<Item = support::Case> {
    let supervised: Vec<_> = tiers.split_whitespace().map(support::tier_named).collect();
    let suites = [
        zoo::cases,
        sweeps::cases,
        starts::cases,
        lives::cases,
        bounds::cases,
        attacks::cases,
        sights::cases,
        guards::cases,
        strict::cases,
    ];
    suites.into_iter().flat_map(move |suite| suite(&supervised))
}

/// What is shown of runs that have control groups: what is theirs alone, and what they share with all others, once more.
#[cfg(target_os = "linux")]
fn cases_inside(tiers: &str) -> impl Iterator<Item = support::Case> {
    let supervised: Vec<_> = tiers.split_whitespace().map(support::tier_named).collect();
    let again = [zoo::cases, starts::cases, bounds::cases, attacks::cases, sights::cases].into_iter().flat_map({
        let supervised = supervised.clone();
        move |suite| suite(&supervised)
    });
    let again = again.filter(|case| !case.name.contains("group"));
    let again = again.map(|case| support::Case { name: format!("{}{INSIDE}", case.name), ..case });
    cgroups::cases(&supervised).into_iter().chain(again)
}

/// How their names end.
#[cfg(target_os = "linux")]
const INSIDE: &str = ", in a control group";

#[cfg(target_os = "linux")]
fn run_case(tiers: &str, name: &str) {
    let case = cases(tiers).chain(cases_inside(tiers)).find(|case| case.name == name).expect("a case has this name");
    (case.run)();
}

/// Runs every case whose name has one of the given parts, one after the other, each in a process of its own: children
/// and descriptors are counted.
#[cfg(target_os = "linux")]
fn run_cases(args: &[String]) {
    let parts: Vec<&String> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
    let wanted = |name: &str| parts.is_empty() || parts.iter().any(|part| name.contains(*part));
    let (mut passed, mut failed, mut untested) = (0, 0, 0);
    let (tiers, missing) = support::supervised_here();
    let (cgroup, without) = cgroups::here();
    let all = missing.into_iter().chain(cases(&tiers)).map(|case| (case, None));
    let inside = cgroup.iter().flat_map(|cgroup| cases_inside(&tiers).map(move |case| (case, Some(cgroup.path()))));
    let all = all.chain(without.map(|case| (case, None))).chain(inside);
    for (case, cgroup) in all.filter(|(case, _)| wanted(&case.name)) {
        if let Some(why) = case.untested {
            untested += 1;
            println!("NOT TESTED  {}: {why}", case.name);
            continue;
        }
        let begun = std::time::Instant::now();
        let mut command = std::process::Command::new("/proc/self/exe");
        command.args([CASE_ARG, &tiers, &case.name]).env("RUST_BACKTRACE", "0");
        command.envs(cgroup.map(|cgroup| (support::CGROUP, cgroup)));
        let status = command.env(SECRET, format!("secret of {:?}", std::time::SystemTime::now())).status().unwrap();
        let (word, count) = if status.success() { ("ok", &mut passed) } else { ("FAILED", &mut failed) };
        *count += 1;
        println!("{word:6} {:5} ms  {}", begun.elapsed().as_millis(), case.name);
    }
    drop(cgroup);
    println!("{passed} passed, {failed} failed, {untested} not tested, in the tiers {tiers} group");
    std::process::exit(i32::from(failed > 0));
}
