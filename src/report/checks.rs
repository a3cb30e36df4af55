//! What `doctor` finds: a line for each check.

use std::io;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    colour,
    document::API_VERSION,
    render::{Style, json, yaml},
    text::clean,
};

/// Forms of what was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum CheckFormat {
    /// A line for each check.
    Lines,
    /// One JSON document.
    Json,
    /// The same as YAML.
    Yaml,
}

/// Everything that was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckDocument {
    /// Version of this form.
    #[schemars(extend("const" = API_VERSION))]
    pub api_version: String,
    /// How many checks had which result.
    pub summary: CheckSummary,
    /// In the order in which they were made.
    pub checks: Vec<Check>,
}

/// Checks by their result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckSummary {
    /// All is right.
    pub ok: usize,
    /// Something to know.
    pub info: usize,
    /// Something to look after.
    pub warning: usize,
    /// Something that keeps `sync` from working.
    pub failed: usize,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// What it is part of.
    pub area: Area,
    /// Repository or owner; none where there is one for all.
    pub subject: Option<String>,
    /// What was checked.
    pub check: CheckName,
    /// What came of it.
    pub result: CheckResult,
    /// For machines, in CamelCase, as in the document of `sync`; none where nothing is wrong.
    pub reason: Option<String>,
    /// What was found, and what to do about it.
    pub message: String,
}

/// What a check is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Area {
    /// The way to GitHub, and who we are there.
    GitHub,
    /// The cluster.
    Cluster,
    /// One repository.
    Repository,
}

/// What was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum CheckName {
    /// The address has the form of one.
    Address,
    /// Something that looks like GitHub answers there.
    Reachability,
    /// Our clock and GitHub's agree.
    Clock,
    /// Token or App are set, and have the form of one.
    Credentials,
    /// GitHub takes them.
    Authentication,
    /// The token will be valid for some time.
    TokenExpiry,
    /// The scopes of a classic token.
    TokenScopes,
    /// The permissions of the App.
    AppPermissions,
    /// The App is installed at an owner, and may there what it needs to.
    Installation,
    /// Requests are left of the hour.
    RateLimit,
    /// The repository is there, and can be written to.
    Repository,
    /// Its deployments can be read and written.
    Deployments,
    /// Its contents can be read, and have the wanted refs.
    Refs,
    /// The API server answers.
    ApiServer,
    /// The cluster knows GitHubDeployments.
    CustomResource,
    /// GitHubDeployments and their objects give repositories and refs.
    Sources,
    /// Something may be done in the cluster.
    Permission,
}

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CheckResult {
    /// All is right.
    Ok,
    /// Something to know.
    Info,
    /// Something to look after.
    Warning,
    /// Something that keeps `sync` from working.
    Failed,
}

impl CheckDocument {
    /// A document of these checks.
    #[must_use]
    pub fn new(checks: Vec<Check>) -> Self {
        let count = |result| checks.iter().filter(|check| check.result == result).count();
        Self {
            api_version: API_VERSION.to_owned(),
            summary: CheckSummary {
                ok: count(CheckResult::Ok),
                info: count(CheckResult::Info),
                warning: count(CheckResult::Warning),
                failed: count(CheckResult::Failed),
            },
            checks,
        }
    }
}

impl CheckName {
    fn text(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Reachability => "reachability",
            Self::Clock => "clock",
            Self::Credentials => "credentials",
            Self::Authentication => "authentication",
            Self::TokenExpiry => "token expiry",
            Self::TokenScopes => "token scopes",
            Self::AppPermissions => "app permissions",
            Self::Installation => "installation",
            Self::RateLimit => "rate limit",
            Self::Repository => "repository",
            Self::Deployments => "deployments",
            Self::Refs => "refs",
            Self::ApiServer => "API server",
            Self::CustomResource => "custom resource",
            Self::Sources => "sources",
            Self::Permission => "permission",
        }
    }
}

impl CheckResult {
    fn sign(self, colours: bool) -> String {
        let (word, sign) = match self {
            Self::Ok => ("ok", "✓"),
            Self::Info => ("info", "·"),
            Self::Warning => ("warning", "!"),
            Self::Failed => ("failed", "✗"),
        };
        if colours {
            colour::paint(sign, colour::of(word), colours)
        } else {
            format!("[{word}]")
        }
    }
}

/// Writes `document` to `out`.
///
/// # Errors
/// When `out` cannot be written.
pub fn render_checks(
    document: &CheckDocument,
    format: CheckFormat,
    out: &mut impl io::Write,
    style: Style,
) -> io::Result<()> {
    match format {
        CheckFormat::Lines => lines(document, out, style),
        CheckFormat::Json => json(document, out, style),
        CheckFormat::Yaml => yaml(document, out, style),
    }
}

fn lines(document: &CheckDocument, out: &mut impl io::Write, style: Style) -> io::Result<()> {
    let mut last = None;
    for check in &document.checks {
        let heading = match (check.area, &check.subject) {
            (Area::GitHub, _) => "GitHub".to_owned(),
            (Area::Cluster, _) => "Cluster".to_owned(),
            (Area::Repository, subject) => format!("Repository {}", subject.as_deref().unwrap_or_default()),
        };
        if last.as_ref() != Some(&heading) {
            if last.is_some() {
                writeln!(out)?;
            }
            writeln!(out, "{}", clean(&heading, style.actions))?;
            last = Some(heading);
        }
        let subject = match (check.area, &check.subject) {
            (Area::GitHub | Area::Cluster, Some(subject)) => format!(" {subject}"),
            _ => String::new(),
        };
        let line = format!("{}{subject}: {}", check.check.text(), check.message);
        // The sign is ours, the rest may hold anything.
        let sign = check.result.sign(style.colours);
        writeln!(out, "{sign} {}", clean(&line, style.actions))?;
    }
    writeln!(out, "\n{}", total(document.summary))
}

/// Such as `9 checks: 1 failed, 2 warnings`.
fn total(summary: CheckSummary) -> String {
    let CheckSummary {
        ok,
        info,
        warning,
        failed,
    } = summary;
    let all = ok + info + warning + failed;
    let checks = if all == 1 { "check" } else { "checks" };
    let warnings = if warning == 1 { "warning" } else { "warnings" };
    match (failed, warning) {
        (0, 0) => format!("{all} {checks}: nothing is wrong"),
        (0, _) => format!("{all} {checks}: {warning} {warnings}"),
        (_, 0) => format!("{all} {checks}: {failed} failed"),
        _ => format!("{all} {checks}: {failed} failed, {warning} {warnings}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(area: Area, subject: Option<&str>, result: CheckResult, message: &str) -> Check {
        Check {
            area,
            subject: subject.map(ToOwned::to_owned),
            check: CheckName::Repository,
            result,
            reason: None,
            message: message.to_owned(),
        }
    }

    fn rendered(checks: Vec<Check>, style: Style) -> String {
        let mut text = Vec::new();
        render_checks(&CheckDocument::new(checks), CheckFormat::Lines, &mut text, style).expect("memory");
        String::from_utf8(text).expect("UTF-8")
    }

    #[test]
    fn a_line_for_each_check_under_what_it_is_part_of() {
        let checks = vec![
            check(Area::GitHub, None, CheckResult::Ok, "fine"),
            check(Area::GitHub, Some("shop"), CheckResult::Info, "known"),
            check(Area::Repository, Some("shop/a"), CheckResult::Warning, "soon"),
            check(
                Area::Repository,
                Some("shop/b"),
                CheckResult::Failed,
                "two\nlines \u{1b}[2J",
            ),
        ];
        assert_eq!(
            rendered(checks.clone(), Style::default()),
            "GitHub\n[ok] repository: fine\n[info] repository shop: known\n\n\
             Repository shop/a\n[warning] repository: soon\n\n\
             Repository shop/b\n[failed] repository: two lines \u{fffd}[2J\n\n\
             4 checks: 1 failed, 1 warning\n"
        );
        let colours = Style {
            colours: true,
            ..Style::default()
        };
        assert!(
            rendered(checks, colours).starts_with("GitHub\n\u{1b}[32m✓\u{1b}[0m repository: fine\n"),
            "signs where they are welcome"
        );
    }

    #[test]
    fn the_last_line_counts() {
        for (results, expected) in [
            (&[][..], "0 checks: nothing is wrong"),
            (&[CheckResult::Ok], "1 check: nothing is wrong"),
            (&[CheckResult::Warning, CheckResult::Warning], "2 checks: 2 warnings"),
            (&[CheckResult::Failed, CheckResult::Info], "2 checks: 1 failed"),
        ] {
            let checks = results.iter().map(|result| check(Area::GitHub, None, *result, "m"));
            let text = rendered(checks.collect(), Style::default());
            assert_eq!(text.lines().last(), Some(expected));
        }
    }
}
