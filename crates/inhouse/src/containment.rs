//! How agents are held: what they do not see where they have namespaces of their own (what the server keeps, and the ways by which
//! its user can have programs started elsewhere), and what is told of it.

use std::env;
use std::path::PathBuf;

use inhouse_run::{Hidden, Runner, Tier};
use inhouse_serve::AuditLog;
use inhouse_trust::HostEnv;
use nix::unistd::geteuid;

use crate::config::Config;
use crate::token;

/// Steps from the folder of all workspaces to one of them: an agent's in a project, then a context's.
const WORKSPACE_DEPTH: usize = 2;
/// The session's bus and the user's service manager start programs for whoever asks.
const STARTERS: [&str; 2] = ["bus", "systemd"];

/// All of it; some may never be there.
pub(crate) fn hidden<A>(config: &Config<A>, host: &HostEnv) -> Vec<Hidden> {
    let own = PathBuf::from(format!("/run/user/{}", geteuid()));
    let session = host.get("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|folder| folder.is_absolute());
    let sessions: Vec<_> = session.into_iter().chain([own]).collect();
    let tokens = sessions.iter().map(|session| token::folder(session)).chain([token::shared_folder(&env::temp_dir())]);
    let starters = sessions.iter().flat_map(|session: &PathBuf| STARTERS.map(|name| session.join(name)));
    let tls = config.server.tls.as_ref().map(|tls| tls.value.key.clone());
    let audit = [config.audit.file.value.clone(), config.audit.key.value.clone()];
    let files = [config.cards.key_file.clone(), tls, config.server.tokens_file.value.clone()].into_iter().chain(audit);
    let rooms = config.server.workspaces_dir.value.clone();
    let rooms = rooms.map(|path| Hidden { path, room_depth: WORKSPACE_DEPTH });
    tokens.chain(starters).chain(files.flatten()).map(Hidden::all).chain(rooms).collect()
}

/// How firmly runs are held, and why not firmer.
pub(crate) fn held(runner: &Runner) -> String {
    let held = match runner.tier() {
        Tier::Namespace => "namespace: what a turn starts ends with it, and sees neither the server nor other turns",
        Tier::Reaper => "reaper: what a turn starts ends with it, however it was started",
        Tier::Group => "group: a program that leaves its process group survives its turn",
    };
    match runner.shortfall() {
        Some(shortfall) => format!("{held}; no firmer: {shortfall}"),
        None => held.to_owned(),
    }
}

/// The same for the log and the audit.
pub(crate) fn tell(runner: &Runner, audit: &AuditLog, audit_key: Option<&str>) {
    let (tier, shortfall) = (runner.tier(), runner.shortfall().map(ToString::to_string));
    audit.started(&tier.to_string(), shortfall.as_deref(), audit_key);
    match shortfall {
        Some(shortfall) => tracing::warn!("containment is {tier}, and no firmer: {shortfall}"),
        None => tracing::debug!("containment is {tier}"),
    }
    if tier == Tier::Namespace && geteuid().is_root() {
        tracing::warn!("agents run as root, whom namespaces hold less firmly: run the server as another user");
    }
}
