//! `inhouse card`: what an agent says about itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use inhouse_client::{CardKeys, Unverified};
use inhouse_proto::v1::{AgentCapabilities, AgentCard, AgentSkill};

use super::connection::{Connection, ServerArgs};
use super::exit::Exit;
use super::output::Output;
use super::problem::Problem;
use super::text::{one_line, table, visible};

/// Show an agent's card, or verify who signed it
#[derive(clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  inhouse card
  inhouse card http://build-host:8080
  inhouse card --json | jq .skills
  inhouse card verify http://build-host:8080 --keys trusted.jwks.json"
)]
pub(crate) struct CardArgs {
    #[command(subcommand)]
    verb: Option<CardVerb>,
    #[command(flatten)]
    show: ShowArgs,
}

#[derive(clap::Subcommand)]
enum CardVerb {
    /// Verify that the card is what its signer has signed
    Verify(VerifyArgs),
}

#[derive(clap::Args)]
struct VerifyArgs {
    /// A file with the keys that are trusted, as a JWK set [default: the server's own, /.well-known/jwks.json]
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(clap::Args)]
struct ShowArgs {
    /// Print the card as the server wrote it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArgs,
}

/// Runs the verb.
pub(crate) async fn run(args: CardArgs) -> ExitCode {
    let mut output = Output::new();
    let outcome = match args.verb {
        Some(CardVerb::Verify(args)) => verify(args, &mut output).await,
        None => card(args.show, &mut output).await,
    };
    output.finish(outcome)
}

async fn card(args: ShowArgs, output: &mut Output) -> Result<Exit, Problem> {
    let connection = Connection::new(args.server.into())?;
    let card = connection.client.card().await.map_err(|error| Problem::of(&error, &connection))?;
    if args.json {
        output.json(&card.json)?;
    } else {
        output.result(&text(&card.value))?;
    }
    Ok(Exit::Done)
}

async fn verify(args: VerifyArgs, output: &mut Output) -> Result<Exit, Problem> {
    let connection = Connection::new(args.server.into())?;
    let told = |error| Problem::of(&error, &connection);
    let card = connection.client.card().await.map_err(told)?.value;
    if card.signatures.is_empty() {
        return Err(Problem::new(Exit::Failed, Unverified::Unsigned.to_string())
            .hint("its operator signs it with signing_key in the table [card] of inhouse.toml"));
    }
    let (keys, whose) = match &args.keys {
        Some(file) => (trusted(file)?, format!("a key of {}", file.display())),
        None => (connection.client.card_keys().await.map_err(told)?, "the server's own key".to_owned()),
    };
    let signed = keys.verify(&card).map_err(|error| Problem::new(Exit::Failed, error.to_string()))?;
    let (name, key, how) = (one_line(&card.name), one_line(&signed.key_id), signed.algorithm);
    output.result(&format!("{name}: signed by {key} ({how}), which is {whose}\n"))?;
    if !signed.is_whole {
        output.say(
            "note: only the form without empty members is signed: which authentication is required is not part of it",
        );
    }
    if args.keys.is_none() {
        output
            .say("note: whoever can change the card can change that key as well; --keys names the ones that you trust");
    }
    Ok(Exit::Done)
}

fn trusted(file: &Path) -> Result<CardKeys, Problem> {
    let wrong = |why: String| Problem::usage(format!("{}: {why}", file.display()));
    let text = fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    serde_json::from_str(&text)
        .map_err(|error| wrong(format!("is no JWK set: {error}")).hint("a JWK set is an object: {\"keys\": [ … ]}"))
}

fn text(card: &AgentCard) -> String {
    let mut out = format!("{} {}\n", one_line(&card.name), one_line(&card.version));
    if !card.description.is_empty() {
        out.push_str(&format!("{}\n", visible(card.description.trim_end())));
    }
    let mut rows: Vec<Vec<String>> = card
        .supported_interfaces
        .iter()
        .map(|at| {
            vec![
                "endpoint".to_owned(),
                one_line(&format!("{}  ({} {})", at.url, at.protocol_binding, at.protocol_version)).into_owned(),
            ]
        })
        .collect();
    let capabilities = card.capabilities.as_ref().map(capabilities).unwrap_or_default();
    rows.extend(row("capabilities", &capabilities));
    rows.extend(row("takes", &card.default_input_modes));
    rows.extend(row("gives", &card.default_output_modes));
    rows.extend(row("security", &card.security_schemes.keys().cloned().collect::<Vec<_>>()));
    out.push('\n');
    out.push_str(&table(&rows));
    if !card.skills.is_empty() {
        out.push_str("\nskills\n");
    }
    card.skills.iter().for_each(|entry| out.push_str(&skill(entry)));
    out
}

fn row(name: &str, values: &[String]) -> Option<Vec<String>> {
    let joined = values.join(", ");
    (!values.is_empty()).then(|| vec![name.to_owned(), one_line(&joined).into_owned()])
}

fn capabilities(capabilities: &AgentCapabilities) -> Vec<String> {
    let flags = [
        (capabilities.streaming, "streaming"),
        (capabilities.push_notifications, "push notifications"),
        (capabilities.extended_agent_card, "extended card"),
    ];
    let named = flags.into_iter().filter(|(set, _)| *set == Some(true)).map(|(_, name)| name.to_owned());
    named.chain(capabilities.extensions.iter().map(|extension| extension.uri.clone())).collect()
}

fn skill(skill: &AgentSkill) -> String {
    let mut out = format!("  {} ({})", one_line(&skill.name), one_line(&skill.id));
    if !skill.tags.is_empty() {
        out.push_str(&format!(" [{}]", one_line(&skill.tags.join(", "))));
    }
    out.push('\n');
    for line in skill.description.lines() {
        out.push_str(&format!("    {}\n", one_line(line)));
    }
    for example in &skill.examples {
        out.push_str(&format!("    e.g. {}\n", one_line(example)));
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_card_is_shown_for_people() {
        let card: AgentCard = serde_json::from_value(json!({
            "name": "Claude Code", "description": "Works in a folder.\u{1b}", "version": "2.1",
            "supportedInterfaces": [{"url": "http://h:8080/a2a", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}],
            "capabilities": {"streaming": true, "pushNotifications": false},
            "securitySchemes": {"bearer": {"httpAuthSecurityScheme": {"scheme": "Bearer"}}},
            "defaultInputModes": ["text/plain", "application/json"], "defaultOutputModes": ["text/plain"],
            "skills": [{"id": "code", "name": "Code", "description": "Reads\nand writes.", "tags": ["a", "b"], "examples": ["fix it"]}],
        }))
        .unwrap();
        let expected = "\
Claude Code 2.1
Works in a folder.\\u{1b}

endpoint      http://h:8080/a2a  (JSONRPC 1.0)
capabilities  streaming
takes         text/plain, application/json
gives         text/plain
security      bearer

skills
  Code (code) [a, b]
    Reads
    and writes.
    e.g. fix it
";
        assert_eq!(text(&card), expected);
    }
}
