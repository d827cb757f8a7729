//! Strict runs, rule by rule: what they may, works, and what they may not, fails in their hands and nowhere else.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use inhouse_run::{RunError, Runner, Strict, Tier};
use nix::libc;

use crate::support::{Case, Directory, case, output, plan, runner};

/// What each prints in the folder of a strict run; `$D` is the folder above, which is none of its own, and `$L`, `$O` are ports.
const RULES: &[(&str, &str, &str)] = &[
    ("it works in its folder", "mkdir a; echo x > a/b; mv a/b c; rm -r a; cat c", "x"),
    (
        "it reads and runs the system's programs",
        "ls / > /dev/null; head -c 1 /etc/passwd; cat /proc/self/comm | tr -d '\\n'",
        "rcat",
    ),
    ("it has a home of its own", "cd; pwd | grep -c /inhouse-; echo x > .x; cat .x; cd /; ls -A $TMPDIR", "1\nx\n.x"),
    ("it reads what is listed", "cat $D/listed/file; echo x > $D/listed/file || echo no", "listedno"),
    (
        "it does not read what is not",
        "cat $D/secret || echo no; ls $D || echo no; cat < $D/secret || echo no",
        "no\nno\nno",
    ),
    (
        "it writes nowhere else",
        "echo x > $D/new || echo no; echo x > /tmp/strict-$$ || echo no; mkdir $D/x || echo no",
        "no\nno\nno",
    ),
    (
        "it moves and links nothing in",
        "ln $D/secret here || echo no; mv $D/secret here || echo no; ln -s $D/secret l; cat l || echo no",
        "no\nno\nno",
    ),
    (
        "it connects to the ports that are listed",
        "perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(\"127.0.0.1:$ENV{L}\") ? 1 : $!'",
        "1",
    ),
    (
        "it connects to no others",
        "perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(\"127.0.0.1:$ENV{O}\") ? 1 : $!'",
        "Permission denied",
    ),
    (
        "it listens on none",
        "perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => \"127.0.0.1\") ? 1 : $!'",
        "Permission denied",
    ),
    ("it makes no namespaces", "unshare -U true || echo no; unshare -m true || echo no", "no\nno"),
    ("what it starts is fenced as well", "sh -c 'setsid sh -c \"cat $D/secret || echo no\"'", "no"),
    ("it can start programs, and many", "for i in 1 2 3; do (echo $i) & done | sort; wait", "1\n2\n3"),
];

/// System calls that are refused, with arguments with which they would say something else if they were made.
const CALLS: [(&str, libc::c_long, &str); 8] = [
    ("mount", libc::SYS_mount, "0, 0, 0, 0, 0"),
    ("ptrace", libc::SYS_ptrace, "0, 0, 0, 0"),
    ("keyctl", libc::SYS_keyctl, "0, -3, 0"),
    ("bpf", libc::SYS_bpf, "0, 0, 0"),
    ("setns", libc::SYS_setns, "-1, 0"),
    ("process_vm_readv", libc::SYS_process_vm_readv, "$$, 0, 0, 0, 0, 0"),
    ("io_uring_setup", libc::SYS_io_uring_setup, "1, 0"),
    ("clone with a namespace", libc::SYS_clone, "0x10000000, 0, 0, 0, 0"),
];

pub(crate) fn cases(supervised: &[Tier]) -> Vec<Case> {
    let mut cases = vec![case("a strict run needs a supervisor", async || {
        let runner = runner(Tier::Group).strict(Strict::default());
        assert!(matches!(runner.can_be_strict(), Err(RunError::StrictUnavailable(_))));
        let plan = plan(Path::new("/bin/true"), &[], vec![], Path::new("/"));
        assert!(matches!(runner.spawn(&plan).await, Err(RunError::StrictUnavailable(_))));
    })];
    for &tier in supervised {
        for &(name, text, expected) in RULES {
            cases.push(case(format!("{tier}: strict: {name}"), move || ruled(tier, text, expected)));
        }
        for (name, number, args) in CALLS {
            cases.push(case(format!("{tier}: strict: the kernel is not asked for {name}"), move || {
                refused(tier, number, args)
            }));
        }
        cases.push(case(format!("{tier}: strict: its home is gone after it"), move || gone(tier)));
        cases.push(case(format!("{tier}: strict: a program that is not there is told"), move || missing(tier)));
    }
    cases
}

/// A folder with what is none of a run's, and `work`, which is.
fn house() -> Directory {
    let folder = Directory::new();
    fs::create_dir_all(folder.0.join("work")).unwrap();
    fs::create_dir_all(folder.0.join("listed")).unwrap();
    fs::write(folder.0.join("listed/file"), "listed").unwrap();
    fs::write(folder.0.join("secret"), "secret").unwrap();
    folder
}

fn strict(tier: Tier, folder: &Directory, ports: &[u16]) -> Runner {
    let reads = vec![folder.0.join("listed")];
    runner(tier).strict(Strict { ports: ports.to_vec(), reads })
}

/// What a shell script says in a strict run, without its errors.
async fn told(runner: &Runner, folder: &Directory, env: Vec<(String, String)>, text: &str) -> String {
    let text = format!("exec 2>/dev/null\n{text}");
    let plan = plan(Path::new("/bin/sh"), &["-c", &text], env, &folder.0.join("work"));
    let mut run = runner.spawn(&plan).await.unwrap();
    let said = output(&mut run).await;
    run.gone().await;
    said.trim_end().to_owned()
}

async fn ruled(tier: Tier, text: &str, expected: &str) {
    let folder = house();
    let [listed, other] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
    let runner = strict(tier, &folder, &[port(&listed)]);
    let env = vec![
        ("D".to_owned(), folder.0.display().to_string()),
        ("L".to_owned(), port(&listed).to_string()),
        ("O".to_owned(), port(&other).to_string()),
    ];
    assert_eq!(told(&runner, &folder, env, text).await, expected);
    assert_eq!(fs::read_to_string(folder.0.join("secret")).unwrap(), "secret");
}

async fn refused(tier: Tier, number: libc::c_long, args: &str) {
    let folder = house();
    let call = format!("perl -e 'print syscall({number}, {args}) < 0 ? $!+0 : \"done\"'");
    assert_eq!(told(&strict(tier, &folder, &[]), &folder, vec![], &call).await, libc::EPERM.to_string());
}

async fn gone(tier: Tier) {
    let folder = house();
    let runner = strict(tier, &folder, &[]);
    let mut homes = Vec::new();
    for _ in 0..2 {
        let home =
            told(&runner, &folder, vec![], "mkdir -p $HOME/a/b; echo x > $HOME/a/b/c; chmod 0 $HOME/a/b; echo $HOME")
                .await;
        assert!(home.contains("/inhouse-room-"), "{home}");
        homes.push(home);
    }
    crate::support::eventually("the homes are gone", || homes.iter().all(|home| !Path::new(home).exists())).await;
}

async fn missing(tier: Tier) {
    let folder = house();
    let plan = plan(Path::new("/nowhere/agent"), &[], vec![], &folder.0.join("work"));
    let runner = strict(tier, &folder, &[]);
    let mut run = runner.spawn(&plan).await.unwrap();
    assert_eq!(run.gone().await.code, Some(127));
}
