//! The right name nearest to a wrong one, for messages of the kind "did you mean".

/// The name with the smallest edit distance, if it is near enough to be meant: at most a third of the longer name, or one
/// of the two begins with the other.
pub(crate) fn nearest<'a>(wrong: &str, right: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = wrong.to_ascii_lowercase().replace('-', "_");
    let near = |name: &&str| {
        let begins = wrong.len() >= 3 && (name.starts_with(&wrong) || wrong.starts_with(*name));
        begins || distance(&wrong, name) * 3 <= wrong.len().max(name.len())
    };
    right.into_iter().filter(near).min_by_key(|name| distance(&wrong, name))
}

/// How many insertions, deletions, replacements and swaps of neighbours lead from one to the other.
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut rows = vec![(0..=to.len()).collect::<Vec<_>>()];
    for i in 1..=from.len() {
        let mut row = vec![i; to.len() + 1];
        for j in 1..=to.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(from[i - 1] != to[j - 1]);
            row[j] = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1] {
                row[j] = row[j].min(rows[i - 2][j - 2] + 1);
            }
        }
        rows.push(row);
    }
    rows[from.len()][to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_name_finds_the_one_that_was_meant() {
        let names = ["host", "port", "public_url", "allowed_hosts", "request_timeout_ms", "body_bytes_max"];
        let cases = [
            ("prot", Some("port")),
            ("hots", Some("host")),
            ("Port", Some("port")),
            ("public-url", Some("public_url")),
            ("publicurl", Some("public_url")),
            ("request_timeout", Some("request_timeout_ms")),
            ("request_timeout_s", Some("request_timeout_ms")),
            ("allowed_host", Some("allowed_hosts")),
            ("body_max_bytes", None),
            ("telemetry", None),
            ("", None),
        ];
        for (wrong, meant) in cases {
            assert_eq!(nearest(wrong, names), meant, "{wrong}");
        }
    }

    #[test]
    fn distance_counts_single_edits() {
        for (from, to, edits) in [("", "", 0), ("", "ab", 2), ("ab", "ba", 1), ("kitten", "sitting", 3), ("ä", "a", 1)]
        {
            assert_eq!(distance(from, to), edits, "{from} {to}");
        }
    }
}
