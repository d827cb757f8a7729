//! `inhouse reload`: has a running server read its configuration again, and tells what came of it.

use std::process::ExitCode;

use inhouse_client::ClientError;
use inhouse_serve::Reloaded;

use super::connection::{Connection, ServerArgs};
use super::exit::Exit;
use super::output::Output;
use super::problem::Problem;
use super::text::one_line;

/// The reason of a configuration that can not be used.
const REFUSED: &str = "CONFIGURATION_REFUSED";

/// Have a running server read its configuration again, as SIGHUP does, and see what came of it
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  inhouse config check && inhouse reload
  inhouse reload --profile build-host
  inhouse reload --json | jq -r '.later[]'

A configuration that can not be used changes nothing: it is told, and the exit code is 2.
The server's token does, or one with the scope admin: inhouse token new ops --scope admin")]
pub(crate) struct ReloadArgs {
    /// Print what the server answers as it wrote it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArgs,
}

/// Runs the verb.
pub(crate) async fn run(args: ReloadArgs) -> ExitCode {
    let mut output = Output::new();
    let outcome = reload(args, &mut output).await;
    output.finish(outcome)
}

async fn reload(args: ReloadArgs, output: &mut Output) -> Result<Exit, Problem> {
    let connection = Connection::new(args.server.into())?;
    let json = connection.client.reload_server().await.map_err(|error| match error {
        ClientError::Rpc(error) if error.reason.as_deref() == Some(REFUSED) => {
            Problem::usage(format!("the configuration of before stays in force: {}", error.message))
        }
        error => Problem::of(&error, &connection),
    })?;
    output.told(&json, args.json, "changes", text)?;
    Ok(Exit::Done)
}

fn text(changes: &Reloaded) -> String {
    let Reloaded { taken, later } = changes;
    let line = |what: &str, keys: &[String]| {
        let keys = keys.iter().map(|key| one_line(key)).collect::<Vec<_>>().join(", ");
        if keys.is_empty() { keys } else { format!("{what}: {keys}\n") }
    };
    match line("in force now", taken) + &line("in force from the next start on", later) {
        text if text.is_empty() => "nothing has changed\n".to_owned(),
        text => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_changed_is_told_apart_from_what_will() {
        let changes = |taken: &[&str], later: &[&str]| {
            let keys = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect();
            text(&Reloaded { taken: keys(taken), later: keys(later) })
        };
        assert_eq!(changes(&[], &[]), "nothing has changed\n");
        assert_eq!(changes(&["agents.a", "limits.b"], &[]), "in force now: agents.a, limits.b\n");
        assert_eq!(changes(&["a"], &["b"]), "in force now: a\nin force from the next start on: b\n");
    }
}
