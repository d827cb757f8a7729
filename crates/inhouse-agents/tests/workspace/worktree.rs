//! A worktree and a branch for each context.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use inhouse_agents::WorkspaceLimits;
use inhouse_engine::agent::{End, Note};

use crate::house::{House, LIMITS, git, tree};

/// Everything that can happen to a file, with names of every kind.
const EVERYTHING: &str = r#"
echo more >> changed; rm gone; mv 'old name' 'new name'; printf '\000\001\377' > data.bin; chmod +x kept
mkdir -p deep/er; echo deep > deep/er/file; ln -s ../../etc/passwd link; echo secret > build.log
echo dash > ./-rf; printf x > "$(printf 'line\nend')"; printf y > "$(printf 'latin-\351')"; : > empty
pwd
"#;

#[tokio::test]
async fn a_patch_makes_the_same_files_of_the_projects_commit() {
    let house = House::new();
    let scripts = house.scripts().await;
    let taken = scripts.run("ann", "one", EVERYTHING).await;
    assert_eq!(taken.end, End::Completed(Note::default()));
    assert_eq!(
        taken.files(),
        [
            "added -rf",
            "modified changed",
            "modified data.bin",
            "added deep/er/file",
            "added empty",
            "deleted gone",
            "modified kept",
            "added latin-\u{fffd}",
            "added line\nend",
            "added link",
            "renamed new name",
        ]
    );
    // The project itself is as it was.
    assert_eq!(house.git(&["status", "--porcelain"]), "");
    let folder = taken.text.trim_end();
    let copy = house.folder.join("copy");
    git(&house.folder, &["clone", "-q", "project", "copy"]);
    std::fs::write(house.folder.join("patch"), taken.patch()).unwrap();
    git(&copy, &["apply", "--binary", "../patch"]);
    assert_eq!(tree(&copy), tree(Path::new(folder)));
    // So does the commit, which is on the branch.
    let told = taken.told();
    let (branch, commit) = (told["branch"].as_str().unwrap(), told["commit"].as_str().unwrap());
    assert_eq!(house.git(&["rev-parse", branch]), commit);
    assert_eq!(house.git(&["rev-parse", &format!("{commit}^")]), told["base"].as_str().unwrap());
    assert_eq!(
        house.git(&["log", "-1", "--format=%an %ae %B", commit]),
        "inhouse inhouse@localhost Turn 1 of task task-1"
    );
    let again = house.folder.join("again");
    git(&house.folder, &["clone", "-q", "-b", branch, "project", "again"]);
    assert_eq!(tree(&again), tree(Path::new(folder)));
    // And so are the files that are given whole.
    for (name, content) in &taken.parts()[1..] {
        if let Some((_, _, expected)) = tree(&copy).iter().find(|(path, ..)| path == name.as_bytes()) {
            assert_eq!(content, expected, "{name}");
        } else {
            assert_eq!((name.as_str(), content.as_slice()), ("latin-\u{fffd}", &b"y"[..]));
        }
    }
    assert_eq!(taken.parts().len(), 1 + 9);
    assert_eq!(told["omitted"], serde_json::json!([{"name": "link", "reason": "not_a_file"}]));
    // For the agent's own git nothing is left to be committed.
    assert_eq!(git(Path::new(folder), &["status", "--porcelain"]), "");
}

#[tokio::test]
async fn a_context_goes_on_where_it_was_and_nobody_else_sees_it() {
    let house = House::new();
    let scripts = house.scripts().await;
    let first = scripts.run("ann", "one", "echo 1 > first; pwd").await;
    let second = scripts.run("ann", "one", "cat first; echo 2 > second; pwd").await;
    let lines: Vec<_> = second.text.lines().collect();
    assert_eq!(lines, ["1", first.text.trim_end()]);
    assert_eq!((first.files(), second.files()), (vec!["added first".to_owned()], vec!["added second".to_owned()]));
    assert_eq!(first.told()["commit"], second.told()["base"]);
    for (caller, context) in [("ann", "two"), ("bob", "one")] {
        let other = scripts.run(caller, context, "ls; pwd; echo x > mine").await;
        assert!(!other.text.contains("first") && !other.text.contains(first.text.trim_end()), "{}", other.text);
        assert_eq!(other.files(), ["added mine"]);
        assert_ne!(other.told()["branch"], first.told()["branch"]);
        assert_eq!(other.told()["base"], first.told()["base"]);
    }
}

#[tokio::test]
async fn a_turn_is_told_of_however_it_ends_and_only_if_it_changed_something() {
    let house = House::new();
    let scripts = house.scripts().await;
    let failed = scripts.run("ann", "one", "echo x > failed; exit 3").await;
    assert!(matches!(failed.end, End::Failed(_)));
    assert_eq!(failed.files(), ["added failed"]);
    let stopped = scripts.cancel("ann", "one", "echo x > stopped; echo stop; exec sleep 600").await;
    assert!(matches!(stopped.end, End::Canceled(_)), "{:?}", stopped.end);
    assert_eq!(stopped.files(), ["added stopped"]);
    let idle = scripts.run("ann", "one", "ls; touch kept; echo x > ignored.log").await;
    assert!(idle.left.is_empty() && idle.text.contains("stopped"));
}

/// Git knows the times of files by the second.
#[tokio::test]
async fn a_change_within_the_second_of_the_last_commit_is_seen() {
    let house = House::new();
    let scripts = house.scripts().await;
    scripts.run("ann", "one", "ls").await;
    while UNIX_EPOCH.elapsed().unwrap().subsec_millis() > 100 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(scripts.run("ann", "one", "echo 1 > same-size").await.files(), ["added same-size"]);
    let second = scripts.run("ann", "one", "echo 2 > same-size; sleep 1").await;
    assert_eq!(second.files(), ["modified same-size"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_contexts_begin_at_once() {
    let house = House::new();
    let limits = WorkspaceLimits { per_agent_max: 4, ..LIMITS };
    let scripts = Arc::new(house.agent(house.open(House::worktree(), limits).await.unwrap()));
    let turns = (0..12).map(|number| {
        let scripts = Arc::clone(&scripts);
        tokio::spawn(async move {
            let (context, script) = ((number % 8).to_string(), format!("ls; echo {number} > file-{number}"));
            (number, scripts.run("ann", &context, &script).await)
        })
    });
    for turn in turns.collect::<Vec<_>>() {
        let (number, taken) = turn.await.unwrap();
        assert_eq!(taken.end, End::Completed(Note::default()), "{number}");
        assert_eq!(taken.files(), [format!("added file-{number}")]);
    }
}
