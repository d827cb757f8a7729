//! A server that is started as root: it becomes the user that the configuration names, by executing itself again as that one. Without one it
//! is refused where it can be reached from outside, unless a container is all that root has here.

use std::convert::Infallible;
use std::env;
use std::ffi::{CString, OsString};
use std::net::SocketAddr;
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;

use nix::errno::Errno;
use nix::unistd::{Uid, User, execve, geteuid, initgroups, setgid, setuid};

use crate::config::{Server, Setting};
use crate::exit::Failure;

/// Gives root's rights up for good where the configuration names a user. Called before there is a second thread.
///
/// # Errors
/// [`Failure`] with exit code 2 when there is no such user, when it is root, or when another one than root or that one asks.
pub(crate) fn leave(server: &Server) -> Result<(), Failure> {
    let Setting { value: Some(name), origin } = &server.user else { return Ok(()) };
    let user = User::from_name(name).ok().flatten().ok_or_else(|| {
        let hint = format!("useradd --system --create-home {name}, or another name");
        Failure::usage(format!("{origin}: this machine has no user {name:?}"), Some(hint))
    })?;
    let now = geteuid();
    if user.uid.is_root() {
        let hint = "name another user, or say container = true where this machine is a container".to_owned();
        return Err(Failure::usage(format!("{origin}: the user {name:?} is root"), Some(hint)));
    }
    if now == user.uid {
        return Ok(());
    }
    if !now.is_root() {
        let hint = format!("sudo -u {name} inhouse …, or start it as root");
        return Err(Failure::usage(format!("{origin}: only root can become {name:?}"), Some(hint)));
    }
    match become_it(&user) {
        Ok(never) => match never {},
        Err((step, errno)) => Err(Failure::usage(format!("{origin}: can not become {name:?}: {step}: {errno}"), None)),
    }
}

/// Whether root may listen there; what is only warned of is returned as a line.
///
/// # Errors
/// [`Failure`] with exit code 2 where others can reach it, or with `hardened`.
pub(crate) fn check(server: &Server, address: SocketAddr) -> Result<Option<String>, Failure> {
    judge(server, address, geteuid())
}

fn judge(server: &Server, address: SocketAddr, now: Uid) -> Result<Option<String>, Failure> {
    let cure = "--user NAME makes the server another user";
    if !now.is_root() || server.container.value {
        Ok(None)
    } else if server.hardened.value || !address.ip().is_loopback() {
        let hint = format!(
            "{cure}; where this machine is a container of its own: container = true in [server], or --container"
        );
        Err(Failure::usage(
            "as root, the agents could do anything to this machine for whoever misleads them",
            Some(hint),
        ))
    } else {
        Ok(Some(format!("agents run as root, whom no containment holds firmly: {cure}")))
    }
}

/// The variables of whoever was here before.
const OTHERS: [&str; 5] = ["HOME", "USER", "LOGNAME", "MAIL", "XDG_RUNTIME_DIR"];

fn become_it(user: &User) -> Result<Infallible, (&'static str, Errno)> {
    let at = |step: &'static str| move |errno: Errno| (step, errno);
    let invalid = |_| ("its name", Errno::EINVAL);
    let name = CString::new(user.name.as_str()).map_err(invalid)?;
    initgroups(&name, user.gid).map_err(at("its groups"))?;
    setgid(user.gid).map_err(at("its group"))?;
    setuid(user.uid).map_err(at("the user"))?;
    if setuid(Uid::from_raw(0)).is_ok() {
        return Err(("root's rights can be had again", Errno::EPERM));
    }
    let program = env::current_exe().map_err(|_| ("this program's file", Errno::ENOENT))?;
    let text = |word: OsString| CString::new(word.into_vec());
    let words: Result<Vec<_>, _> = env::args_os().map(text).collect();
    let kept = env::vars_os().filter(|(variable, _)| !OTHERS.iter().any(|other| variable == other));
    let variables: Result<Vec<_>, _> = kept.chain(own(user)).map(pair).collect();
    let program = text(program.into_os_string()).map_err(invalid)?;
    execve(&program, &words.map_err(invalid)?, &variables.map_err(invalid)?)
        .map_err(at("it can not execute this program's file"))
}

fn own(user: &User) -> [(OsString, OsString); 3] {
    let home = |folder: &Path| folder.as_os_str().to_owned();
    [("HOME", home(&user.dir)), ("USER", user.name.clone().into()), ("LOGNAME", user.name.clone().into())]
        .map(|(name, value)| (name.into(), value))
}

fn pair((name, value): (OsString, OsString)) -> Result<CString, std::ffi::NulError> {
    let mut text = name.into_vec();
    text.push(b'=');
    text.append(&mut value.into_vec());
    CString::new(text)
}

#[cfg(test)]
mod tests {
    use nix::unistd::Uid;

    use super::*;
    use crate::args::ServeArgs;
    use crate::config;
    use crate::testing::Folder;
    use inhouse_trust::HostEnv;

    #[test]
    fn root_is_warned_of_here_and_refused_where_others_are() {
        let folder = Folder::new();
        let environment =
            |pairs: &[(&str, &str)]| HostEnv::new(pairs.iter().map(|(name, value)| (name.into(), value.into())));
        let judged = |flags: ServeArgs, pairs: &[(&str, &str)], address: &str, uid: u32| {
            let config = config::load(&flags, &environment(pairs), folder.path()).unwrap();
            judge(&config.server, address.parse().unwrap(), Uid::from_raw(uid)).map_err(|failure| failure.to_string())
        };
        let plain = ServeArgs::default;
        let (here, everywhere) = ("127.0.0.1:1", "0.0.0.0:1");
        assert_eq!(judged(plain(), &[], everywhere, 1000), Ok(None));
        assert!(judged(plain(), &[], here, 0).unwrap().is_some_and(|line| line.contains("--user NAME")));
        let refused = judged(plain(), &[], everywhere, 0).unwrap_err();
        assert!(refused.contains("as root") && refused.contains("hint: --user NAME"), "{refused}");
        assert!(judged(ServeArgs { hardened: true, ..plain() }, &[], here, 0).is_err());
        let container = ServeArgs { container: true, hardened: true, ..plain() };
        assert_eq!(judged(container, &[], everywhere, 0), Ok(None));
        assert_eq!(judged(plain(), &[("container", "podman")], everywhere, 0), Ok(None));
    }
}
