//! A folder for each context of an agent without a project.

use inhouse_agents::{Workspace, WorkspaceLimits};
use inhouse_proto::v1::part::Content;

use crate::house::{House, LIMITS};

const TEMPORARY: Workspace = Workspace::Temporary { report: true };

#[tokio::test]
async fn each_context_has_a_folder_of_its_own_that_begins_empty_and_its_files_are_told() {
    let house = House::empty();
    let limits = WorkspaceLimits { per_agent_max: 4, ..LIMITS };
    let scripts = house.agent(house.open(TEMPORARY, limits).await.unwrap());
    let first = scripts.run("ann", "one", "ls -A; mkdir a; echo 1 > a/file; ln -s /etc/passwd link; pwd").await;
    let folder = std::path::PathBuf::from(first.text.trim_end());
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&folder.metadata().unwrap().permissions()) & 0o777, 0o700);
    assert_eq!(first.files(), ["added a/file", "added link"]);
    assert_eq!(first.parts(), [("a/file".to_owned(), b"1\n".to_vec())]);
    assert_eq!(first.told()["omitted"], serde_json::json!([{"name": "link", "reason": "not_a_file"}]));
    let hard = scripts.run("ann", "hard", "echo x > x; ln x y").await;
    let hard_left: Vec<_> = ["x", "y"].map(|name| serde_json::json!({"name": name, "reason": "not_a_file"})).into();
    assert_eq!(hard.told()["omitted"], serde_json::json!(hard_left));
    let second = scripts.run("ann", "one", "cat a/file; rm a/file; echo 2 > b").await;
    assert_eq!((second.text.as_str(), second.files()), ("1\n", vec!["deleted a/file".into(), "added b".into()]));
    for (caller, context) in [("ann", "two"), ("bob", "one")] {
        let other = scripts.run(caller, context, "ls -A; pwd").await;
        assert!(other.left.is_empty() && other.text.lines().count() == 1 && other.text != first.text);
    }
    let gone = scripts.cancel("ann", "one", "rm link b; echo stop; exec sleep 600").await;
    let Some(Content::Text(text)) = &gone.left[0].parts[0].content else { panic!() };
    assert_eq!((gone.files().len(), text.as_str()), (2, "2 changed files, none of which is given here"));
    // One more than there may be: the longest unused goes, with all that is in it.
    let fourth = scripts.run("bob", "two", "pwd; ls .. | grep ready").await;
    assert!(folder.exists() && fourth.text.lines().count() == 1 + 4, "{}", fourth.text);
}

#[tokio::test]
async fn what_is_not_to_be_told_is_not_looked_for() {
    let house = House::empty();
    let silent = Workspace::Temporary { report: false };
    let scripts = house.agent(house.open(silent, LIMITS).await.unwrap());
    assert!(scripts.run("ann", "one", "echo 1 > file").await.left.is_empty());
    assert_eq!(scripts.run("ann", "one", "cat file").await.text, "1\n");
    drop(scripts);
    let house = House::new();
    let silent = Workspace::Worktree { git: crate::house::git_program(), report: false };
    let scripts = house.agent(house.open(silent, LIMITS).await.unwrap());
    assert!(scripts.run("ann", "one", "echo 1 > file").await.left.is_empty());
    assert!(house.git(&["log", "--all", "--format=%s"]).contains("Turn 1 of task task-1"), "it is kept all the same");
}
