use crate::report::{Document, Format, Style, fixtures, render};

fn rendered(document: &Document, format: Format, style: Style) -> String {
    let mut out = Vec::new();
    render(document, format, &mut out, style).expect("memory can be written");
    String::from_utf8(out).expect("UTF-8")
}

const ACTIONS: Style = Style {
    width: None,
    all_namespaces: false,
    colours: false,
    actions: true,
};

#[test]
fn every_form_of_a_pass() {
    for (name, format) in [
        ("table", Format::Table),
        ("wide", Format::Wide),
        ("name", Format::Name),
        ("json", Format::Json),
        ("yaml", Format::Yaml),
    ] {
        insta::assert_snapshot!(name, rendered(&fixtures::document(), format, Style::default()));
    }
}

#[test]
fn tables_of_other_passes() {
    let all = Style {
        all_namespaces: true,
        ..Style::default()
    };
    let narrow = Style {
        width: Some(90),
        ..Style::default()
    };
    for (name, document, style) in [
        ("dry_run", fixtures::dry_run(), Style::default()),
        ("dry_run_in_all_namespaces", fixtures::dry_run(), all),
        ("from_flags", fixtures::from_flags(), Style::default()),
        ("closed", fixtures::closed(), Style::default()),
        ("empty", fixtures::empty(), Style::default()),
        ("narrow", fixtures::document(), narrow),
        ("actions", fixtures::document(), ACTIONS),
    ] {
        insta::assert_snapshot!(name, rendered(&document, Format::Table, style));
    }
    insta::assert_snapshot!(
        "name_of_a_dry_run",
        rendered(&fixtures::dry_run(), Format::Name, Style::default())
    );
    insta::assert_snapshot!(
        "name_from_flags",
        rendered(&fixtures::from_flags(), Format::Name, Style::default())
    );
}

/// Whatever the text, no form gives a terminal or GitHub Actions anything to obey.
#[test]
fn no_form_prints_what_is_obeyed() {
    for format in [Format::Table, Format::Wide, Format::Name, Format::Json, Format::Yaml] {
        let text = rendered(&fixtures::document(), format, ACTIONS);
        for line in text.lines() {
            assert!(!line.trim_start().starts_with("::"), "{format:?}: {line}");
            assert!(!line.contains("##["), "{format:?}: {line}");
            assert!(!line.chars().any(char::is_control), "{format:?}: {line:?}");
        }
    }
}
