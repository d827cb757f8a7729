//! How agents are held: what they do not see where they have namespaces of their own (what the server keeps, and the ways by which
//! its user can have programs started elsewhere), and what is told of it.

use std::env;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use inhouse_agents::AgentSpec;
use inhouse_agents::presets::preset;
use inhouse_run::{Cgroup, Guarded, Hidden, RunError, Runner, Tier};
use inhouse_serve::AuditStart;
use inhouse_trust::HostEnv;
use nix::unistd::{AccessFlags, access, geteuid};

use crate::audit;
use crate::config::{AgentConfig, Config, Containment, Server};
use crate::token;

/// Steps from the folder of all workspaces to one of them: an agent's in a project, then a context's.
const WORKSPACE_DEPTH: usize = 2;
/// The session's bus and the user's service manager start programs for whoever asks.
const STARTERS: [&str; 2] = ["bus", "systemd"];

/// All of it; some may never be there. Agents work in `places`.
pub(crate) fn hidden<A>(config: &Config<A>, host: &HostEnv, places: &[&Path]) -> Vec<Hidden> {
    let own = PathBuf::from(format!("/run/user/{}", geteuid()));
    let session = host.get("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|folder| folder.is_absolute());
    let sessions: Vec<_> = session.into_iter().chain([own]).collect();
    let tokens = sessions.iter().map(|session| token::folder(session)).chain([token::shared_folder(&env::temp_dir())]);
    let starters = sessions.iter().flat_map(|session: &PathBuf| STARTERS.map(|name| session.join(name)));
    let Server { tls, clients, tokens_file, workspaces_dir, .. } = &config.server;
    let tls = tls.as_ref().map(|tls| tls.value.secret());
    let audit = [config.audit.file.value.clone(), config.audit.key.value.clone()];
    // Whoever writes there decides whose signature counts.
    let issuers = config.jwt.iter().filter_map(|issuer| issuer.file().map(Path::to_path_buf));
    let files = [config.cards.key_file.clone(), tls, tokens_file.value.clone()].into_iter().chain(audit).flatten();
    let files = files.chain(issuers).chain(clients.as_ref().map(|clients| clients.value.ca.clone()));
    let mut kept: Vec<_> = files.map(|file| folder_or_file(&file, host, places)).collect();
    kept.sort();
    kept.dedup();
    let rooms = workspaces_dir.value.as_deref().map(|rooms| {
        // One cover for both, where they are in such a folder.
        let above = kept.iter().position(|kept| rooms.starts_with(kept)).map(|at| kept.remove(at));
        let path = above.unwrap_or_else(|| rooms.to_path_buf());
        let steps = rooms.components().count() - path.components().count();
        Hidden { path, room_depth: steps + WORKSPACE_DEPTH }
    });
    tokens.chain(starters).chain(kept).map(Hidden::all).chain(rooms).collect()
}

/// What of the projects agents can not change. The folders in which the agents of a project look for their configuration are there
/// before any of them, so that none is the first to put something there. Where one with a sandbox of its own works, that keeps them.
pub(crate) fn guarded(config: &Config) -> Vec<Guarded> {
    let mut guarded: Vec<Guarded> = Vec::new();
    let known = |agent: &AgentConfig| agent.program().and_then(preset).map(|preset| preset.known);
    let sandboxed = config.agents.list.iter().filter(|agent| known(agent).is_some_and(|known| known.has_sandbox));
    let sandboxed: Vec<_> = sandboxed.map(|agent| &agent.project).collect();
    for agent in config.agents.list.iter().filter(|agent| !sandboxed.contains(&&agent.project)) {
        let known = known(agent);
        for name in &config.server.protect.value {
            let (path, makes) = (agent.project.join(name), known.is_some_and(|known| known.folder == name));
            match guarded.iter_mut().find(|there| there.path == path) {
                Some(there) => there.makes |= makes,
                None => guarded.push(Guarded { path, makes }),
            }
        }
    }
    guarded
}

/// What of it can not be guarded.
pub(crate) fn linked(config: &Config) -> impl Iterator<Item = String> {
    let paths = guarded(config).into_iter().map(|guarded| guarded.path);
    let links = paths.filter(|path| fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink()));
    links.map(|path| {
        format!(
            "{} is a link, in whose place agents can put something else: put what it leads to there",
            path.display()
        )
    })
}

/// The folder of a file, where it is this user's alone and no agent works or lives in it: the file may be replaced. Else the file.
fn folder_or_file(file: &Path, host: &HostEnv, places: &[&Path]) -> PathBuf {
    let home = host.get("HOME").map(Path::new);
    let is_used = |folder: &Path| places.iter().copied().chain(home).any(|place| place.starts_with(folder));
    let is_ours = |folder: &Path| {
        fs::metadata(folder).is_ok_and(|found| found.uid() == geteuid().as_raw() && found.mode() & 0o077 == 0)
    };
    file.parent().filter(|folder| is_ours(folder) && !is_used(folder)).unwrap_or(file).to_path_buf()
}

/// Makes the folder of issued tokens before an agent does: whoever makes it may put tokens there. Says what is wrong where agents
/// can do so anyway.
pub(crate) fn keep_tokens(config: &Config, host: &HostEnv) -> Option<String> {
    tokens_kept(config, host, true)
}

/// The same, but nothing is made.
pub(crate) fn open_tokens(config: &Config, host: &HostEnv) -> Option<String> {
    tokens_kept(config, host, false)
}

fn tokens_kept(config: &Config, host: &HostEnv, makes: bool) -> Option<String> {
    let Server { containment, tokens_file, .. } = &config.server;
    let may_hide = matches!(containment.value, Containment::Auto | Containment::Namespace);
    let runs_programs = config.agents.list.iter().any(|agent| agent.program().is_some());
    let (file, folder) = tokens_file.value.as_deref().and_then(|file| Some((file, file.parent()?)))?;
    if !may_hide || !runs_programs {
        return None;
    }
    if makes {
        // Where we can not make it, agents of the same user can not either.
        let _ = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    }
    let is_open = folder_or_file(file, host, &places(config)) == file && access(folder, AccessFlags::W_OK).is_ok();
    is_open.then(|| {
        format!("agents can issue tokens: give {} a folder of mode 700 in which no agent works", file.display())
    })
}

/// Where agents work.
pub(crate) fn places(config: &Config) -> Vec<&Path> {
    config.agents.list.iter().map(|agent| agent.project.as_path()).collect()
}

/// Whether the agents that are to be strict can be.
///
/// # Errors
/// Why not.
pub(crate) fn strict(config: &Config, runner: &Runner) -> Result<(), RunError> {
    let is_strict = |agent: &AgentConfig| matches!(&agent.spec, AgentSpec::Program(spec) if spec.strict.is_some());
    if config.agents.list.iter().any(is_strict) { runner.can_be_strict() } else { Ok(()) }
}

/// How firmly runs are held, and why not firmer.
pub(crate) fn held(runner: &Runner) -> String {
    let held = match runner.tier() {
        Tier::Namespace => "namespace: what a turn starts ends with it, and sees neither the server nor other turns",
        Tier::Reaper => "reaper: what a turn starts ends with it, however it was started",
        Tier::Group => {
            "group: a program that leaves its process group survives its turn, and nobody looks at what it uses"
        }
    };
    let cgroup = runner.cgroup().map(|does| format!("; each has a control group ({does})")).unwrap_or_default();
    match runner.shortfall() {
        Some(shortfall) => format!("{held}{cgroup}; no firmer: {shortfall}"),
        None => format!("{held}{cgroup}"),
    }
}

/// Who sees to it that turns use no more than they may; an error where nobody does.
pub(crate) fn bounded(runner: &Runner) -> Result<String, &'static str> {
    let looks = "its supervisor looks at what a turn uses (memory_bytes_max, processes_max)";
    match (runner.tier(), runner.cgroup()) {
        (Tier::Group, _) => Err("nobody looks at what a turn uses (memory_bytes_max, processes_max)"),
        (_, Ok(Cgroup { memory: true, processes: true })) => {
            Ok("the kernel holds a turn to what it may use, in a control group (memory_bytes_max, processes_max)"
                .to_owned())
        }
        (_, Ok(does)) => Ok(format!("{looks}; its control group bounds less ({does})")),
        (_, Err(shortfall)) => Ok(format!("{looks}; the kernel does not: {shortfall}")),
    }
}

/// The same for the log and the audit.
pub(crate) fn tell(runner: &Runner, audit: &audit::Open) {
    let (tier, shortfall) = (runner.tier(), runner.shortfall().map(ToString::to_string));
    let cgroup = runner.cgroup().ok().map(|does| does.to_string());
    audit.log.started(&AuditStart {
        containment: &tier.to_string(),
        shortfall: shortfall.as_deref(),
        cgroup: cgroup.as_deref(),
        key: audit.key.as_deref(),
        torn_sha256: audit.torn_sha256.as_deref(),
    });
    match shortfall {
        Some(shortfall) => tracing::warn!("containment is {tier}, and no firmer: {shortfall}"),
        None => tracing::debug!("containment is {tier}"),
    }
    match bounded(runner) {
        Ok(by) => tracing::debug!("{by}"),
        Err(warning) => tracing::warn!("{warning}"),
    }
}
