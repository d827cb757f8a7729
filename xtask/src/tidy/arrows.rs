//! The rule of the house: a crate uses only crates of lower floors. Read from the manifests, tests' needs included.

use toml::{Table, Value};

use super::Finding;
use super::tree::{File, Tree};

/// Every crate and its floor, in halves: the trust floor lies between 0 and 1.
const FLOORS: [(&str, u8); 9] = [
    ("inhouse-proto", 0),
    ("inhouse-trust", 1),
    ("inhouse-run", 2),
    ("inhouse-engine", 2),
    ("inhouse-agents", 4),
    ("inhouse-store", 4),
    ("inhouse-client", 4),
    ("inhouse-serve", 6),
    ("inhouse", 8),
];

/// The tables of a manifest that name what a crate needs.
const NEEDS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

/// No crate needs one of its own floor or of a higher one, and none needs the chores.
pub(super) fn only_point_down(tree: &Tree) -> Vec<Finding> {
    let manifests =
        tree.files.iter().filter(|file| file.path.starts_with("crates/") && file.path.ends_with("/Cargo.toml"));
    manifests.flat_map(arrows_of).collect()
}

fn arrows_of(manifest: &File) -> Vec<Finding> {
    let finding = |what: String| Finding::new(&manifest.path, 0, what);
    let table = match manifest.text.parse::<Table>() {
        Ok(table) => table,
        Err(error) => return vec![finding(format!("not a manifest: {error}"))],
    };
    let name = table.get("package").and_then(|package| package.get("name")).and_then(Value::as_str).unwrap_or_default();
    let Some(floor) = floor_of(name) else {
        return vec![finding(format!("the crate {name:?} has no floor in xtask/src/tidy/arrows.rs"))];
    };
    let refused = |need: &String| match floor_of(need) {
        Some(below) if below < floor => None,
        Some(_) => Some(finding(format!("{name} needs {need}, which is not on a lower floor"))),
        None => (need == "xtask").then(|| finding(format!("{name} needs the chores"))),
    };
    needs(&table).iter().filter_map(refused).collect()
}

fn floor_of(name: &str) -> Option<u8> {
    FLOORS.iter().find(|(known, _)| *known == name).map(|(_, floor)| *floor)
}

/// The names of all packages that a manifest needs, for whatever system.
fn needs(table: &Table) -> Vec<String> {
    let systems = table.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
    let holders = std::iter::once(table).chain(systems.filter_map(Value::as_table));
    let tables = holders.flat_map(|holder| NEEDS.iter().filter_map(|name| holder.get(*name)?.as_table()));
    let package = |(name, value): (&String, &Value)| match value.get("package").and_then(Value::as_str) {
        Some(renamed) => renamed.to_owned(),
        None => name.clone(),
    };
    tables.flat_map(|table| table.iter().map(package)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, needs: &str) -> usize {
        let manifest = format!("[package]\nname = \"{name}\"\n{needs}");
        only_point_down(&Tree::of([("crates/x/Cargo.toml", &manifest)])).len()
    }

    #[test]
    fn upward_sibling_and_foreign_arrows_are_found_in_every_table() {
        assert_eq!(found("inhouse-serve", "[dependencies]\ninhouse-engine.workspace = true\ntokio = \"1\""), 0);
        assert_eq!(found("inhouse-engine", "[dependencies]\ninhouse-serve.workspace = true"), 1, "upward");
        assert_eq!(found("inhouse-store", "[dev-dependencies]\ninhouse-agents = \"1\""), 1, "sibling");
        assert_eq!(found("inhouse-trust", "[target.'cfg(unix)'.build-dependencies]\ninhouse-run.workspace = true"), 1);
        assert_eq!(found("inhouse-run", "[dependencies]\nengine = { package = \"inhouse-engine\", path = \"x\" }"), 1);
        assert_eq!(found("inhouse-run", "[dependencies]\nxtask = \"1\""), 1, "the chores");
        assert_eq!(found("inhouse-new", ""), 1, "no floor");
    }
}
