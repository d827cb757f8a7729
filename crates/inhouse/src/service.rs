//! `inhouse service`: a unit of systemd, or an agent of launchd, with which the server starts by itself: printed, or put where it
//! belongs. Nothing is started here: the next command is told.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, io};

use clap::ValueEnum;
use inhouse_trust::HostEnv;

use crate::cli::{Exit, Output};
use crate::exit::Failure;
use crate::whole;

/// The unit for the whole machine, as packages have it.
const SYSTEM_UNIT: &str = include_str!("../../../packaging/inhouse.service");
/// The unit for one user, with places for what differs.
const USER_UNIT: &str = include_str!("../../../packaging/inhouse-user.service");
/// The same for launchd.
const LAUNCH_AGENT: &str = include_str!("../../../packaging/inhouse.plist");

/// Of a unit, before the umask.
const MODE: u32 = 0o666;

/// Have the server started by the system
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  inhouse service print                    the unit of this user, on stdout
  inhouse service install                  put it where systemd (or launchd) looks for it
  inhouse service install --kind system    the hardened unit for the whole machine; as root

It serves by the inhouse.toml of the current folder, or the one that --config names. A file that is there is never overwritten.")]
pub(crate) struct ServiceArgs {
    /// What to do with it.
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Print it
    Print(Choice),
    /// Write it, and say how it is started
    Install(Choice),
}

#[derive(clap::Args)]
struct Choice {
    /// Whose it is, and of which system [default: user on Linux, launchd on macOS]
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// The configuration file that it serves by
    #[arg(long, value_name = "FILE", default_value = crate::config::FILE_NAME)]
    config: PathBuf,
}

/// Which system starts the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// systemd, for this user
    User,
    /// systemd, for the whole machine, hardened
    System,
    /// launchd, for this user
    Launchd,
}

/// Does it.
///
/// # Errors
/// [`Failure`] without a configuration or a home, and for a file that is there or can not be written.
pub(crate) fn run(args: &ServiceArgs, environment: &HostEnv, directory: &Path) -> Result<ExitCode, Failure> {
    let (Verb::Print(choice) | Verb::Install(choice)) = &args.verb;
    let kind = choice.kind.unwrap_or(if cfg!(target_os = "macos") { Kind::Launchd } else { Kind::User });
    let program = std::env::current_exe()
        .map_err(|error| Failure::failed(format!("this program can not be found: {error}"), None))?;
    let config = directory.join(&choice.config);
    let text = kind.text(&program, &config, &search_path(environment))?;
    let mut output = Output::new();
    let outcome = match &args.verb {
        Verb::Print(_) => output.result(&text),
        Verb::Install(_) => {
            if !config.is_file() {
                let hint = "inhouse init".to_owned();
                return Err(Failure::usage(format!("there is no {}", config.display()), Some(hint)));
            }
            let path = kind.place(environment)?;
            write(&path, &text)?;
            output.result(&format!("wrote {}\nnext: {}\n", path.display(), kind.next(&path)))
        }
    };
    Ok(output.finish(outcome.map(|()| Exit::Done)))
}

impl Kind {
    fn text(self, program: &Path, config: &Path, search: &str) -> Result<String, Failure> {
        let paths = [program, config].map(|path| path.to_str().filter(|path| is_plain(path)));
        let [Some(program), Some(config)] = paths else {
            let hint = "give the program and its configuration paths of letters, digits and . _ - + @ /".to_owned();
            return Err(Failure::usage("a path has characters that a unit reads in its own way", Some(hint)));
        };
        let folder = Path::new(config).parent().and_then(Path::to_str).unwrap_or("/");
        let fill = |template: &str| {
            let places = [("@PROGRAM@", program), ("@CONFIG@", config), ("@FOLDER@", folder), ("@PATH@", search)];
            places.into_iter().fold(template.to_owned(), |text, (place, value)| text.replace(place, value))
        };
        Ok(match self {
            Self::System => SYSTEM_UNIT
                .replace("/usr/bin/inhouse ", &format!("{program} "))
                .replace("/etc/inhouse/inhouse.toml", config),
            Self::User => fill(USER_UNIT),
            Self::Launchd => fill(LAUNCH_AGENT),
        })
    }

    fn place(self, environment: &HostEnv) -> Result<PathBuf, Failure> {
        let home = || {
            let home = environment.get("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
            home.ok_or_else(|| {
                Failure::usage("the environment has no HOME", Some("HOME=/home/NAME inhouse service …".into()))
            })
        };
        Ok(match self {
            Self::System => "/etc/systemd/system/inhouse.service".into(),
            Self::User => match environment.get("XDG_CONFIG_HOME").filter(|folder| folder.starts_with('/')) {
                Some(folder) => Path::new(folder).join("systemd/user/inhouse.service"),
                None => home()?.join(".config/systemd/user/inhouse.service"),
            },
            Self::Launchd => home()?.join("Library/LaunchAgents/inhouse.plist"),
        })
    }

    fn next(self, path: &Path) -> String {
        match self {
            Self::System => "systemctl daemon-reload && systemctl enable --now inhouse".to_owned(),
            Self::User => "systemctl --user daemon-reload && systemctl --user enable --now inhouse".to_owned(),
            Self::Launchd => format!("launchctl bootstrap gui/$(id -u) {}", path.display()),
        }
    }
}

/// Where agents are looked for: as here, since a service's own PATH has only the system's folders.
fn search_path(environment: &HostEnv) -> String {
    let folders = environment.get("PATH").unwrap_or_default().split(':');
    let mut folders: Vec<_> = folders.filter(|folder| folder.starts_with('/') && is_plain(folder)).collect();
    folders.extend(
        ["/usr/local/bin", "/usr/bin", "/bin"]
            .iter()
            .filter(|folder| !folders.contains(folder))
            .copied()
            .collect::<Vec<_>>(),
    );
    folders.join(":")
}

/// Whether systemd, launchd and a shell read a path as it stands.
fn is_plain(path: &str) -> bool {
    path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-+@/".contains(&byte))
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => Failure::usage(
            format!("{} is there already, and stays as it is", path.display()),
            Some("inhouse service print, and compare".to_owned()),
        ),
        io::ErrorKind::PermissionDenied => Failure::failed(
            format!("{} can not be written: {error}", path.display()),
            Some("as root: sudo inhouse service install --kind system".to_owned()),
        ),
        _ => Failure::failed(format!("{} can not be written: {error}", path.display()), None),
    };
    fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).map_err(failed)?;
    whole::put(path, MODE, text).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_names_the_program_and_its_configuration_and_has_no_place_left_open() {
        let (program, config) = (Path::new("/opt/inhouse/bin/inhouse"), Path::new("/home/ann/agents/inhouse.toml"));
        for kind in Kind::value_variants() {
            let text = kind.text(program, config, "/home/ann/.local/bin:/usr/bin").unwrap();
            assert!(text.contains("/opt/inhouse/bin/inhouse"), "{kind:?}: {text}");
            assert!(text.contains("/home/ann/agents/inhouse.toml"), "{kind:?}: {text}");
            assert!(!text.contains("/usr/bin/inhouse "), "{kind:?}: {text}");
            assert!(*kind == Kind::System || !text.contains('@'), "{kind:?}: {text}");
            assert!(*kind == Kind::System || text.contains("/home/ann/.local/bin:/usr/bin"), "{kind:?}: {text}");
        }
    }

    #[test]
    fn a_path_that_a_unit_would_read_in_its_own_way_is_refused() {
        for path in
            ["/home/ann/my agents/inhouse.toml", "/home/%h/inhouse.toml", "/home/$HOME/x", "/a;b", "/a\nUser=root"]
        {
            assert!(Kind::User.text(Path::new("/usr/bin/inhouse"), Path::new(path), "").is_err(), "{path}");
        }
    }
}
