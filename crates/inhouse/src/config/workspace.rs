//! Where an agent's turns work, and where the workspaces are that are not the project's own folder.

use std::path::{Path, PathBuf};

use inhouse_agents::{AgentSpec, Workspace};
use inhouse_trust::HostEnv;

use super::agents::Situation;
use super::choices::WorkspaceChoice;
use super::error::ConfigError;
use super::layer::Draft;
use super::origin::{Origin, Setting};
use crate::detect::Finder;

/// What an agent's workspaces are, where they are more than its folder.
///
/// # Errors
/// [`ConfigError`] for what can not go together, and where there is no git or no folder.
pub(super) fn workspace(
    draft: &Draft,
    spec: &AgentSpec,
    situation: &Situation<'_>,
) -> Result<Option<Setting<Workspace>>, ConfigError> {
    let Some(origin) = origin(draft).cloned() else { return Ok(None) };
    if matches!(spec, AgentSpec::Demo) {
        return Err(ConfigError::Conflict {
            origin,
            problem: "the demo agent works in no folder".into(),
            hint: "leave workspace and report_changes out".into(),
        });
    }
    let choice = draft.workspace.as_ref().map_or(WorkspaceChoice::Shared, |choice| choice.value);
    let report = draft.report_changes.as_ref().map(|report| report.value);
    let git = || git(situation.finder, &origin);
    let value = match choice {
        WorkspaceChoice::Shared if report != Some(true) => return Ok(None),
        WorkspaceChoice::Shared => Workspace::Shared { git: git()? },
        WorkspaceChoice::Worktree => Workspace::Worktree { git: git()?, report: report.unwrap_or(true) },
        WorkspaceChoice::Temporary => match &draft.project {
            Some(project) => {
                return Err(ConfigError::Conflict {
                    origin: project.origin.clone(),
                    problem: "an agent with temporary workspaces has no project".into(),
                    hint: "leave project out, or choose workspace = \"worktree\"".into(),
                });
            }
            None => Workspace::Temporary { report: report.unwrap_or(true) },
        },
    };
    if situation.workspaces_dir.is_none() && choice != WorkspaceChoice::Shared {
        return Err(ConfigError::Conflict {
            origin,
            problem: "workspaces need a folder, and the environment has no HOME".into(),
            hint: "name one in [server]: workspaces_dir = \"/var/lib/inhouse/workspaces\"".into(),
        });
    }
    Ok(Some(Setting { value, origin }))
}

/// Who asked for it.
fn origin(draft: &Draft) -> Option<&Origin> {
    let workspace = draft.workspace.as_ref().map(|choice| &choice.origin);
    workspace.or(draft.report_changes.as_ref().map(|report| &report.origin))
}

fn git(finder: &Finder, origin: &Origin) -> Result<PathBuf, ConfigError> {
    finder.find("git", Path::new("/")).map_err(|_| ConfigError::Conflict {
        origin: origin.clone(),
        problem: format!("this needs git, which is in no folder of PATH ({})", finder.searched()),
        hint: "install git, or leave workspace and report_changes out".into(),
    })
}

/// The folder of what this program keeps, where nothing else is configured: the user's.
pub(super) fn state_folder(environment: &HostEnv) -> Option<PathBuf> {
    let absolute = |name| environment.get(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")))?;
    Some(state.join("inhouse"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_where_programs_keep_what_is_theirs() {
        for (state, home, folder) in [
            (Some("/state"), Some("/home/ann"), Some("/state/inhouse")),
            (None, Some("/home/ann"), Some("/home/ann/.local/state/inhouse")),
            (Some("relative"), Some("/home/ann"), Some("/home/ann/.local/state/inhouse")),
            (Some(""), Some(""), None),
            (None, None, None),
        ] {
            let variables = [("XDG_STATE_HOME", state), ("HOME", home)];
            let variables = variables.into_iter().filter_map(|(name, value)| Some((name.into(), value?.into())));
            assert_eq!(state_folder(&HostEnv::new(variables)), folder.map(PathBuf::from));
        }
    }
}
