//! The summary as GitHub reads it: by a parser of Markdown.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use serde_json::json;

use super::super::super::fixtures;
use super::*;

/// What a reader sees: the text of each cell, row by row, and where the links lead.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    rows: Vec<Vec<String>>,
    links: Vec<String>,
    around: String,
}

/// Fails for everything that is not a heading, a paragraph, one table, text and links.
#[track_caller]
fn seen(markdown: &str) -> Seen {
    let mut seen = Seen::default();
    let mut in_table = false;
    // Everything that a dialect may have, but quotes and dashes that are made pretty.
    let options = Options::all().difference(Options::ENABLE_SMART_PUNCTUATION);
    for event in Parser::new_ext(markdown, options) {
        match event {
            Event::Start(Tag::Table(_)) => {
                assert!(seen.rows.is_empty(), "a second table: {markdown}");
                in_table = true;
            }
            Event::End(TagEnd::Table) => in_table = false,
            Event::Start(Tag::TableHead | Tag::TableRow) => seen.rows.push(Vec::new()),
            Event::Start(Tag::TableCell) => seen.rows.last_mut().expect("a row").push(String::new()),
            Event::Start(Tag::Link { dest_url, .. }) => seen.links.push(dest_url.into_string()),
            Event::Text(text) if in_table => seen
                .rows
                .last_mut()
                .expect("a row")
                .last_mut()
                .expect("a cell")
                .push_str(&text),
            Event::Text(text) => seen.around.push_str(&text),
            Event::Start(Tag::Heading { .. } | Tag::Paragraph) | Event::End(_) => {}
            other => panic!("{other:?} in {markdown}"),
        }
    }
    seen
}

/// What a person reads of `text`, where it is one cell.
fn read(text: &str) -> String {
    text.replace('\u{2060}', "")
}

#[test]
fn every_form_of_a_pass() {
    for (name, document) in [
        ("document", fixtures::document()),
        ("dry_run", fixtures::dry_run()),
        ("from_flags", fixtures::from_flags()),
        ("closed", fixtures::closed()),
        ("empty", fixtures::empty()),
    ] {
        let markdown = summary(&document);
        let rows = seen(&markdown).rows;
        let width = rows.first().map_or(0, Vec::len);
        assert!(rows.iter().all(|row| row.len() == width), "{markdown}");
        insta::assert_snapshot!(name, markdown);
    }
}

/// Texts that mean something in Markdown, HTML, or on GitHub.
const NASTY: [&str; 22] = [
    "a | b || c \\| d \\\\| e",
    "`code` ``` | `",
    "<script>alert(1)</script><img src=x onerror=y>",
    "</td></tr></table> &lt;b&gt; &amp; &#60;",
    "@octocat and @octo-org/team, (@x)",
    "image@sha256:0123 me@example.com",
    "line\nbreak\r\n| --- |\n\n# heading",
    "[text](https://evil.example) ![image](https://evil.example)",
    "<https://evil.example> [ref]: https://evil.example",
    "*bold* **bold** _it_ __it__ ~~gone~~ snake_case_name _x",
    "$math$ $$x$$ #1 octo-org/web#1",
    "\\",
    "ends with \\",
    "|",
    "---|---",
    "[^1] [^1]: note - [ ] task",
    "\u{1b}[31mred\u{202e}",
    "🚀 日本語 é % %0A",
    "::error::x ##[group]",
    "{{ x }} ${{ secrets.X }}",
    "  spaces around  ",
    ":+1: = ^sup^ ~sub~",
];

#[test]
fn nothing_from_outside_is_markdown() {
    for nasty in NASTY {
        let mut document = fixtures::empty();
        document.results.push(fixtures::result(json!({
            "githubDeployment": {"namespace": nasty, "name": nasty},
            "source": {"apiVersion": nasty, "kind": nasty, "namespace": nasty, "name": nasty, "uid": null},
            "repository": nasty, "environment": nasty, "task": nasty, "ref": nasty, "state": "failure",
            "health": {"status": "Failed", "message": nasty}, "action": "update",
            "environmentUrl": nasty, "deployment": {"nodeId": nasty, "id": null, "url": nasty},
        })));
        let seen = seen(&summary(&document));
        let [header, row] = seen.rows.as_slice() else {
            panic!("{nasty:?}: {seen:?}");
        };
        assert_eq!((header.len(), row.len()), (6, 6), "{nasty:?}");
        let cell = clean(nasty, false).trim().to_owned();
        assert_eq!(read(&row[2]).trim(), cell, "{nasty:?}");
        assert_eq!(read(&row[4]).trim(), cell, "{nasty:?}");
        assert_eq!(seen.links, [""; 0], "{nasty:?}");
    }
}

/// GitHub makes a link of `@name`, and tells the one who is called so, where no letter or digit stands in front.
#[test]
fn nobody_is_called() {
    for nasty in NASTY {
        let mut document = fixtures::empty();
        let result = json!({"action": "fail", "error": {"reason": "R", "message": nasty}});
        document.results.push(fixtures::result(result));
        let cause = seen(&summary(&document)).rows[1][4].clone();
        let mut before = ' ';
        let mut characters = cause.chars().peekable();
        while let Some(c) = characters.next() {
            let calls = c == '@' && !before.is_alphanumeric();
            assert!(!calls || characters.peek() == Some(&'\u{2060}'), "{cause:?}");
            before = c;
        }
    }
}

#[test]
fn links_lead_where_they_say() {
    for (address, expected) in [
        (
            "https://shop.example/a?b=1&copy=2#c",
            Some("https://shop.example/a?b=1&copy=2#c"),
        ),
        (
            "https://shop.example/a b(c)|d",
            Some("https://shop.example/a%20b%28c%29%7Cd"),
        ),
        ("http://shop.example/<x>\\`", Some("http://shop.example/%3Cx%3E%5C%60")),
        ("https://shop.example/[a]*_b_*", Some("https://shop.example/[a]*_b_*")),
        ("javascript:alert(1)", None),
        ("", None),
    ] {
        let mut document = fixtures::empty();
        let result = json!({"action": "unchanged", "state": "success", "environmentUrl": address});
        document.results.push(fixtures::result(result));
        let seen = seen(&summary(&document));
        assert_eq!(seen.links.first().map(String::as_str), expected);
        assert_eq!(seen.rows[1].len(), 6);
    }
}

#[test]
fn no_more_than_github_takes() {
    let mut document = fixtures::document();
    while document.results.len() < 20_000 {
        document.results.extend_from_within(..7);
    }
    document.results[0].health.as_mut().expect("health").message = "|".repeat(1_000_000);
    let markdown = summary(&document);
    assert!(markdown.len() < LONGEST + 1_000, "{}", markdown.len());
    let seen = seen(&markdown);
    let rows = seen.rows.len() - 1;
    assert!(rows > 100, "{rows}");
    let left_out = format!("{} more rows are left out.", document.results.len() - rows);
    assert!(seen.around.contains(&left_out), "{}", seen.around);
}
