//! The media type of a file that nobody has named one for.

/// By the name's ending, or by whether its content is text.
pub fn media_type(name: &str, content: &[u8]) -> &'static str {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default();
    match ending.as_str() {
        "md" => "text/markdown",
        "html" | "htm" => "text/html",
        "css" => "text/css",
        "csv" => "text/csv",
        "js" | "mjs" => "text/javascript",
        "json" => "application/json",
        "xml" => "application/xml",
        "pdf" => "application/pdf",
        "zip" => "application/zip",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "svg" => "image/svg+xml",
        _ if std::str::from_utf8(content).is_ok_and(|text| !text.contains('\0')) => "text/plain",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_it_and_else_the_content() {
        for (name, content, expected) in [
            ("a.PNG", &b"x"[..], "image/png"),
            ("notes.md", b"\xff", "text/markdown"),
            ("new", b"text", "text/plain"),
            ("new.", b"a\0b", "application/octet-stream"),
            (".json", b"\xff", "application/json"),
        ] {
            assert_eq!(media_type(name, content), expected, "{name}");
        }
    }
}
