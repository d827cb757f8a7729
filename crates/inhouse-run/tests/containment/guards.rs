//! What runs of the namespace tier can not change, whatever they try, and that all else goes on around it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use inhouse_run::{Guarded, Options, Runner, Tier};

use crate::support::{Case, Directory, case, options, output, plan};

/// Ways to have something run; each would leave a file `planted` in one of the guarded places. `$P` is the project.
const WAYS: [(&str, &str); 8] = [
    ("writing into it", "echo x > $P/.git/hooks/planted; echo x > $P/.agent/planted; echo x > $P/settings"),
    (
        "removing it",
        "rm -rf $P/.agent; mkdir $P/.agent; echo x > $P/.agent/planted; rm -f $P/settings; echo x > $P/settings",
    ),
    (
        "moving it",
        "mv $P/.agent $P/old; mkdir $P/.agent; echo x > $P/.agent/planted; echo x > $P/new; mv -f $P/new $P/settings",
    ),
    (
        "moving what is above",
        "mv $P $P.old; cp -a $P.old $P; echo x > $P/.agent/planted; mv $P/.git $P/g; cp -a $P/g $P/.git; echo x > $P/.git/hooks/planted",
    ),
    (
        "mounting it anew",
        "mount -o remount,rw $P/.agent; mount -o remount,bind,rw $P/.agent; umount $P/.agent; umount -l $P/.agent; echo x > $P/.agent/planted",
    ),
    (
        "a user namespace",
        "unshare -Urm sh -c 'mount -o remount,bind,rw $P/.agent; umount -l $P/.agent; echo x > $P/.agent/planted; mount --bind $P /mnt; echo x > /mnt/.agent/planted'",
    ),
    ("the first process's root", "echo x > /proc/1/root$P/.agent/planted; echo x > /proc/1/cwd/.agent/planted"),
    (
        "a link",
        "ln -s $P/.agent $P/l; echo x > $P/l/planted; ln $P/settings $P/hard; echo x > $P/hard; mkdir $P/s; ln -sfn $P/s $P/.agent; echo x > $P/.agent/planted",
    ),
];

pub(crate) fn cases(supervised: &[Tier]) -> Vec<Case> {
    if !supervised.contains(&Tier::Namespace) {
        return Vec::new();
    }
    let mut cases = vec![
        case("a folder that is to be there is made, and nothing can be put into it", made),
        case("what is guarded can be read, and all around it changed", usable),
        case("what is replaced from outside is guarded for the next run", replaced),
        case("what is made later, with all that is above it, is guarded from the next run on", later),
        case(
            "a project that is replaced from outside is guarded for the next run, with all that is above",
            project_replaced,
        ),
        case("a link is left as it is", linked),
    ];
    for (name, way) in WAYS {
        cases.push(case(format!("nothing changes what is guarded: {name}"), move || unchanged(way)));
    }
    cases
}

/// A project with what is guarded, but for `.agent`, which is made.
fn project() -> (Directory, Runner) {
    let folder = Directory::new();
    let project = folder.0.join("project");
    fs::create_dir_all(project.join(".git/hooks")).unwrap();
    fs::write(project.join("settings"), "mine").unwrap();
    let guarded = [(".git/hooks", false), ("settings", false), (".agent", true), ("missing", false)];
    let guarded = guarded.map(|(name, makes)| Guarded { path: project.join(name), makes }).to_vec();
    let runner = Runner::new(Options { guarded, supervisors_idle_max: 1, ..options(Tier::Namespace) }).unwrap();
    (folder, runner)
}

/// What a shell script says, with its errors.
async fn told(runner: &Runner, directory: &Path, text: &str) -> String {
    let text = format!("exec 2>&1\nP={}; export P\n{text}", directory.display());
    let mut run = runner.spawn(&plan(Path::new("/bin/sh"), &["-c", &text], vec![], directory)).await.unwrap();
    let said = output(&mut run).await;
    run.gone().await;
    said
}

async fn unchanged(way: &str) {
    let (folder, runner) = project();
    let project = folder.0.join("project");
    let said = told(&runner, &project, way).await;
    assert!(!project.join(".agent/planted").exists() && !project.join(".git/hooks/planted").exists(), "{said}");
    assert_eq!(fs::read_to_string(project.join("settings")).unwrap(), "mine", "{said}");
    assert!(fs::symlink_metadata(project.join(".agent")).unwrap().is_dir(), "{said}");
}

async fn made() {
    let (folder, runner) = project();
    let project = folder.0.join("project");
    let said = told(&runner, &project, "touch .agent/x || echo no; ls -A .agent missing").await;
    assert!(said.contains("no\n") && said.contains("Read-only file system"), "{said}");
    assert_eq!(fs::read_dir(project.join(".agent")).unwrap().count(), 0);
    assert!(!project.join("missing").exists(), "only what is to be made is");
}

async fn usable() {
    let (folder, runner) = project();
    let project = folder.0.join("project");
    let work = "cat settings; echo one > a; mkdir -p src; mv a src/b; ln src/b src/c; rm src/c; echo x > .git/index; mv .git/index .git/HEAD; ls";
    for _ in 0..2 {
        assert_eq!(told(&runner, &project, work).await, "minesettings\nsrc\n");
    }
    assert_eq!(fs::read_to_string(project.join("src/b")).unwrap(), "one\n");
}

async fn replaced() {
    let (folder, runner) = project();
    let project = folder.0.join("project");
    told(&runner, &project, ":").await;
    fs::remove_file(project.join("settings")).unwrap();
    fs::write(project.join("settings"), "newer").unwrap();
    fs::write(project.join("missing"), "there now").unwrap();
    let said = told(&runner, &project, "cat settings missing; echo x > settings; echo x > missing").await;
    assert!(said.starts_with("newerthere now"), "{said}");
    assert_eq!(fs::read_to_string(project.join("settings")).unwrap(), "newer");
    assert_eq!(fs::read_to_string(project.join("missing")).unwrap(), "there now");
}

async fn project_replaced() {
    let (folder, runner) = project();
    let project = folder.0.join("project");
    told(&runner, &project, ":").await;
    fs::rename(&project, folder.0.join("before")).unwrap();
    fs::create_dir_all(project.join(".git/hooks")).unwrap();
    fs::write(project.join("settings"), "mine").unwrap();
    for (name, way) in WAYS {
        let said = told(&runner, &project, way).await;
        let planted = [".agent/planted", ".git/hooks/planted"].map(|path| project.join(path).exists());
        assert_eq!(planted, [false; 2], "{name}: {said}");
        assert_eq!(fs::read_to_string(project.join("settings")).unwrap(), "mine", "{name}: {said}");
        assert!(!folder.0.join("project.old").exists() && !project.join("g").exists(), "{name}: {said}");
    }
}

async fn later() {
    let folder = Directory::new();
    let guarded = vec![Guarded { path: folder.0.join("a/b/hooks"), makes: false }];
    let runner = Runner::new(Options { guarded, supervisors_idle_max: 1, ..options(Tier::Namespace) }).unwrap();
    assert_eq!(told(&runner, &folder.0, "echo $(ls)").await, "\n");
    fs::create_dir_all(folder.0.join("a/b/hooks")).unwrap();
    let said = told(&runner, &folder.0, "echo x > a/b/hooks/planted; mv a c; mv a/b a/d; ls a").await;
    assert!(said.ends_with("b\n") && !folder.0.join("a/b/hooks/planted").exists(), "{said}");
}

async fn linked() {
    let (folder, runner) = project();
    let project = folder.0.join("project");
    fs::write(folder.0.join("elsewhere"), "a").unwrap();
    fs::remove_file(project.join("settings")).unwrap();
    symlink("../elsewhere", project.join("settings")).unwrap();
    assert_eq!(told(&runner, &project, "cat settings; echo b > settings; cat ../elsewhere").await, "ab\n");
}
