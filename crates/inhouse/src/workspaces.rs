//! Opens the workspaces of all agents before the server listens: what is configured and can not be is said then, and not in the first
//! turn.

use inhouse_agents::{AgentSpec, WorkspaceError, WorkspaceLimits, WorkspaceSpec, Workspaces};
use inhouse_run::Runner;
use inhouse_trust::HostEnv;

use crate::assemble::size;
use crate::config::words::quote;
use crate::config::{Config, ConfigError, Limits};
use crate::exit::Failure;
use crate::operator;

/// Gives each agent its workspaces, if it has none yet.
///
/// # Errors
/// [`Failure`], for the first agent that can not have them.
pub(crate) async fn open(config: &mut Config, runner: &Runner, host: &HostEnv) -> Result<(), Failure> {
    let limits = limits(&config.limits);
    let folder = config.server.workspaces_dir.value.clone().unwrap_or_default();
    for agent in &mut config.agents.list {
        let (AgentSpec::Program(program), Some(workspace)) = (&mut agent.spec, &agent.workspace) else { continue };
        if program.workspaces.is_some() {
            continue;
        }
        let permit =
            operator::permit(&agent.name).ok_or_else(|| Failure::failed("the system gives no random numbers", None))?;
        let (project, folder) = (agent.project.clone(), folder.clone());
        let spec = WorkspaceSpec { workspace: workspace.value.clone(), project, folder, limits };
        let opened = Workspaces::open(spec, &permit, runner, host).await.map_err(|error| ConfigError::Conflict {
            origin: workspace.origin.clone(),
            problem: format!("agent {} can not have its workspace: {error}", agent.name),
            hint: hint(&error),
        })?;
        program.workspaces = Some(opened);
    }
    Ok(())
}

/// What to do next.
fn hint(error: &WorkspaceError) -> String {
    let commit = "add -A && git commit -m \"first commit\"";
    match error {
        WorkspaceError::NoRepository { project, .. } => {
            format!("cd {} && git init && git {commit}", quote(&project.to_string_lossy()))
        }
        WorkspaceError::NoCommit(project) => format!("cd {} && git {commit}", quote(&project.to_string_lossy())),
        WorkspaceError::Path(_) => "give it a path that is plain text".into(),
        WorkspaceError::Open(folder) => format!("chmod 700 {}", quote(&folder.to_string_lossy())),
        WorkspaceError::InUse(_) => "stop that one, or give this one its own workspaces_dir in [server]".into(),
        WorkspaceError::Folder { .. } => "name another folder in [server]: workspaces_dir = \"…\"".into(),
        WorkspaceError::Git(_) => "see that git works there, or leave workspace and report_changes out".into(),
    }
}

fn limits(limits: &Limits) -> WorkspaceLimits {
    WorkspaceLimits {
        git_ms_max: limits.git_ms_max.value,
        idle_ms: limits.workspace_idle_ms.value,
        per_agent_max: size(&limits.workspaces_per_agent_max),
        per_caller_max: size(&limits.workspaces_per_caller_max),
        changed_files_max: size(&limits.changed_files_max),
        changed_bytes_max: size(&limits.changed_bytes_max),
        changed_listed_max: size(&limits.changed_listed_max),
        patch_bytes_max: size(&limits.patch_bytes_max),
        looked_files_max: size(&limits.looked_files_max),
        looked_bytes_max: limits.looked_bytes_max.value,
    }
}
