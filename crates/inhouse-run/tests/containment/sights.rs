//! What the runs of the namespace tier see, and that nothing that they do uncovers more.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use inhouse_run::{Exit, Hidden, Options, Runner, Tier};

use crate::support::{Case, Directory, case, options, output, plan};

pub(crate) fn cases(supervised: &[Tier]) -> Vec<Case> {
    if !supervised.contains(&Tier::Namespace) {
        return Vec::new();
    }
    let mut cases = vec![
        case("a run sees its own room and no other", rooms),
        case("a link in the place of a room leads nowhere", linked_room),
        case("a run of the server's own sees all", shown),
        case("what is hidden can not be moved away, nor what is above it", pinned),
        case("what comes later or is replaced is hidden from the next run", later),
        case("only the processes of its run are in an agent's /proc", processes),
        case("an agent can not end or stop its supervisor", supervisor),
        case("a file of the agent's is its user's", owner),
        case("files that an agent may use are as they were", usable),
    ];
    for (name, way) in WAYS {
        cases.push(case(format!("nothing uncovers what is hidden: {name}"), move || covered(way)));
    }
    for (name, program, words) in SANDBOXES {
        if Command::new(program).arg("--version").output().is_err() {
            cases.push(Case::untested(format!("an agent's own sandbox works inside: {name}"), "it is not installed"));
            continue;
        }
        cases.push(case(format!("an agent's own sandbox works inside: {name}"), move || sandbox(program, words)));
    }
    cases
}

/// Ways to what lies below a cover; each would print the file's text. `$H` is the hidden folder.
const WAYS: [(&str, &str); 8] = [
    ("reading", "cat $H/secret"),
    ("unmounting", "umount $H; umount -l $H; cat $H/secret"),
    ("unmounting in a user namespace", "unshare -Urm sh -c 'umount $H; umount -l $H; cat $H/secret'"),
    ("a bind mount in a user namespace", "unshare -Urm sh -c 'mount --bind $H/.. /mnt; cat /mnt/state/secret'"),
    ("the first process's root", "cat /proc/1/root$H/secret; cat /proc/1/cwd$H/secret"),
    ("the first process's files", "for f in /proc/1/fd/*; do cat $f/secret; done"),
    ("the first process's mounts", "nsenter -t 1 -m cat $H/secret; nsenter -t 1 -U -m cat $H/secret"),
    (
        "a new /proc",
        "unshare -Urpfm --mount-proc sh -c 'cat /proc/1/root$H/secret; umount /proc; cat /proc/1/root$H/secret'",
    ),
];

/// Sandboxes as agents make them.
const SANDBOXES: [(&str, &str, &[&str]); 3] = [
    (
        "bubblewrap",
        "bwrap",
        &[
            "--unshare-all",
            "--die-with-parent",
            "--ro-bind",
            "/",
            "/",
            "--dev",
            "/dev",
            "--proc",
            "/proc",
            "--tmpfs",
            "/tmp",
        ],
    ),
    (
        "bubblewrap that shares the network",
        "bwrap",
        &[
            "--unshare-all",
            "--share-net",
            "--new-session",
            "--ro-bind",
            "/usr",
            "/usr",
            "--symlink",
            "usr/lib",
            "/lib",
            "--symlink",
            "usr/lib64",
            "/lib64",
            "--symlink",
            "usr/bin",
            "/bin",
            "--proc",
            "/proc",
            "--dev",
            "/dev",
        ],
    ),
    ("unshare", "unshare", &["-U", "-r", "-p", "-f", "-m", "-i", "-n", "--mount-proc"]),
];

const SECRET: &str = "what nobody sees";

/// A folder `state` that is hidden, with a secret, and rooms two steps below it.
fn house() -> (Directory, Runner) {
    let folder = Directory::new();
    for room in ["shelf/a", "shelf/b/deep", "other/c"] {
        fs::create_dir_all(folder.0.join("state").join(room)).unwrap();
        fs::write(folder.0.join("state").join(room).join("note"), room).unwrap();
    }
    fs::write(folder.0.join("state/secret"), SECRET).unwrap();
    let hidden = vec![Hidden { path: folder.0.join("state"), room_depth: 2 }, Hidden::all(folder.0.join("key"))];
    let runner = Runner::new(Options { hidden, supervisors_idle_max: 1, ..options(Tier::Namespace) }).unwrap();
    (folder, runner)
}

/// What a shell script says, with its errors.
async fn told(runner: &Runner, directory: &Path, text: &str) -> (String, Exit) {
    let text = format!("exec 2>&1\n{text}");
    let mut run = runner.spawn(&plan(Path::new("/bin/sh"), &["-c", &text], vec![], directory)).await.unwrap();
    (output(&mut run).await, run.gone().await)
}

async fn rooms() {
    let (folder, runner) = house();
    let state = folder.0.join("state");
    let look = format!("cd {}; find . -type f | sort; cat $OLDPWD/note", state.display());
    for _ in 0..3 {
        for (room, file) in [("shelf/a", "shelf/a"), ("other/c", "other/c")] {
            let (said, _) = told(&runner, &state.join(room), &look).await;
            assert_eq!(said, format!("./{file}/note\n{room}"));
        }
        // The room is the one of depth two, wherever the run works in it.
        let (said, _) = told(&runner, &state.join("shelf/b/deep"), &look).await;
        assert_eq!(said, "./shelf/b/deep/note\nshelf/b/deep");
        let (said, _) = told(&runner, Path::new("/"), &format!("ls -A {}", state.display())).await;
        assert_eq!(said, "");
    }
    let write = format!("echo kept > note; echo lost > {0}/lost; echo lost > {0}/shelf/lost", state.display());
    let (said, _) = told(&runner, &state.join("shelf/a"), &write).await;
    assert_eq!(said.matches("Read-only file system").count(), 2, "{said}");
    assert_eq!(fs::read_to_string(state.join("shelf/a/note")).unwrap(), "kept\n");
    runner.shutdown().await;
}

async fn linked_room() {
    let (folder, runner) = house();
    let state = folder.0.join("state");
    fs::remove_dir_all(state.join("shelf/a")).unwrap();
    symlink("../other/c", state.join("shelf/a")).unwrap();
    let plan = plan(Path::new("/bin/cat"), &["note"], vec![], &state.join("shelf/a"));
    assert!(runner.spawn(&plan).await.is_err());
    runner.shutdown().await;
}

async fn shown() {
    let (folder, runner) = house();
    let state = folder.0.join("state");
    let all = runner.showing(&state);
    let (said, _) = told(&all, &state.join("shelf"), "cat ../secret; echo; cat */note").await;
    assert_eq!(said, format!("{SECRET}\nshelf/a"));
    let some = runner.showing(&state.join("other"));
    let (said, _) = told(&some, &state.join("shelf/a"), "cat note; cd ../..; find . -type f | sort").await;
    assert_eq!(said, "shelf/a./other/c/note\n./shelf/a/note\n");
    // The same supervisor, and another run.
    let (said, _) = told(&runner, Path::new("/"), &format!("ls -A {}", state.display())).await;
    assert_eq!(said, "");
    runner.shutdown().await;
}

async fn pinned() {
    let folder = Directory::new();
    let above = folder.0.join("one/two");
    fs::create_dir_all(above.join("state")).unwrap();
    let hidden = vec![Hidden::all(above.join("state"))];
    let runner = Runner::new(Options { hidden, ..options(Tier::Namespace) }).unwrap();
    let moves = [("one/two/state", "one/two/away"), ("one/two", "one/away"), ("one", "away"), ("free", "moved")];
    for (number, (from, to)) in moves.iter().chain(&moves).enumerate() {
        if number == moves.len() {
            // From outside, between two runs: it is another folder, and held as well.
            fs::rename(folder.0.join("one"), folder.0.join("before")).unwrap();
            fs::create_dir_all(above.join("state")).unwrap();
        }
        let is_free = *from == "free";
        let plant = "mkdir -p one/two/state; echo planted > one/two/state/planted; true";
        let text = format!("mkdir free; mv {from} {to} && {{ {plant}; }}");
        let nested = format!("mkdir free; unshare -Urm mv {from} {to}");
        assert_eq!(told(&runner, &folder.0, &text).await.1.success(), is_free, "{from}");
        assert_eq!(told(&runner, &folder.0, &nested).await.1.success(), is_free, "{from} in a user namespace");
        fs::remove_dir_all(folder.0.join("moved")).ok();
    }
    assert_eq!(fs::read_dir(above.join("state")).unwrap().count(), 0, "the server's own has nothing planted");
    runner.shutdown().await;
}

async fn later() {
    let (folder, runner) = house();
    let key = folder.0.join("key");
    let look = format!("cat {}", key.display());
    assert!(!told(&runner, Path::new("/"), &look).await.1.success(), "it is not there");
    fs::write(&key, SECRET).unwrap();
    assert_eq!(told(&runner, Path::new("/"), &look).await.0, "");
    fs::write(folder.0.join("new"), SECRET).unwrap();
    fs::rename(folder.0.join("new"), &key).unwrap();
    assert_eq!(told(&runner, Path::new("/"), &look).await.0, "");
    fs::remove_file(&key).unwrap();
    fs::create_dir(&key).unwrap();
    fs::write(key.join("secret"), SECRET).unwrap();
    assert_eq!(told(&runner, Path::new("/"), &format!("ls -A {}", key.display())).await.0, "");
    assert_eq!(fs::read_to_string(key.join("secret")).unwrap(), SECRET, "it is there for the server");
    runner.shutdown().await;
}

async fn processes() {
    let (_folder, runner) = house();
    let (said, _) = told(&runner, Path::new("/"), "set -- /proc/[0-9]*; echo $#; cat /proc/1/comm; echo $PPID").await;
    assert_eq!(said, "2\ninhouse-run\n1\n", "the supervisor and the shell");
    runner.shutdown().await;
}

async fn supervisor() {
    let (_folder, runner) = house();
    let (_, exit) =
        told(&runner, Path::new("/"), "kill -STOP 1; kill -TERM 1; kill -KILL 1; kill -KILL -1; exit 3").await;
    assert!(!exit.supervisor_lost && (exit.code == Some(3) || exit.signal == Some(9)), "{exit}");
    assert_eq!(told(&runner, Path::new("/"), "echo $PPID").await.0, "1\n");
    runner.shutdown().await;
}

async fn owner() {
    use std::os::unix::fs::MetadataExt as _;
    let (folder, runner) = house();
    assert_eq!(told(&runner, &folder.0, "echo hi > file; id -u; id -g").await.0, format!("{}\n{}\n", uid(), gid()));
    let found = fs::metadata(folder.0.join("file")).unwrap();
    assert_eq!((found.uid(), found.gid()), (uid(), gid()));
    runner.shutdown().await;
}

fn uid() -> u32 {
    nix::unistd::geteuid().as_raw()
}

fn gid() -> u32 {
    nix::unistd::getegid().as_raw()
}

async fn usable() {
    let (folder, runner) = house();
    let text = "cat /etc/passwd > /dev/null && echo x > /dev/null && head -c 4 /dev/urandom > r && test -s r && \
        ls /sys/fs/cgroup /dev/shm > /dev/null && touch $PWD/file && getent hosts localhost > /dev/null && echo fine";
    assert_eq!(told(&runner, &folder.0, text).await.0, "fine\n");
    runner.shutdown().await;
}

async fn covered(way: &str) {
    let (folder, runner) = house();
    let state = folder.0.join("state");
    // The way is a way: without a cover it leads there.
    let (said, _) = told(&runner.showing(&state), Path::new("/"), &format!("cat {}/secret", state.display())).await;
    assert_eq!(said, SECRET);
    let (said, _) = told(&runner, Path::new("/"), &format!("export H={}\n{way}", state.display())).await;
    assert!(!said.is_empty() && !said.contains(SECRET), "{said}");
    runner.shutdown().await;
}

async fn sandbox(program: &str, words: &[&str]) {
    let (_folder, runner) = house();
    let inside = "echo \"inside $(ls -d /proc/[0-9]* | wc -l)\"; ls /proc/self/ns/user > /dev/null && echo fine";
    let text = format!("exec {program} {} sh -c '{inside}'", words.join(" "));
    let (said, exit) = told(&runner, Path::new("/"), &text).await;
    let mut lines = said.lines();
    let count = lines.next().and_then(|line| line.strip_prefix("inside ")?.parse::<u32>().ok());
    assert!(count.is_some_and(|count| count <= 5), "{said}");
    assert_eq!((lines.next(), exit.code), (Some("fine"), Some(0)), "{said}");
    runner.shutdown().await;
}
