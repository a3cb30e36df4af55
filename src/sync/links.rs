//! The links of a deployment on GitHub, from templates.

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

/// What a template may name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values<'a> {
    /// `{ref}`: as extracted.
    pub git_ref: &'a str,
    /// `{sha}`: the commit; empty where GitHub did not resolve it.
    pub sha: &'a str,
    /// `{namespace}` of the observed object.
    pub namespace: &'a str,
    /// `{name}` of the observed object.
    pub name: &'a str,
    /// `{environment}` on GitHub.
    pub environment: &'a str,
}

/// A link that would not be an absolute http or https address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {link:?} is not an absolute http or https URL; the deployment is reported without it")]
pub struct LinkError {
    /// Where the template comes from.
    pub field: &'static str,
    /// What it became.
    pub link: String,
}

/// Unreserved characters of RFC 3986 stay as they are inside a value.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Workflows paste the address into shells: nothing that is read between quotes stays. Addresses need the likes of `&`.
const SHELL: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'\'')
    .add(b'`')
    .add(b'$')
    .add(b';')
    .add(b'(')
    .add(b')')
    .add(b'<')
    .add(b'>')
    .add(b'|')
    .add(b'\\');

/// Fills `template` in; every value is percent-encoded.
///
/// # Errors
/// When the result is not an absolute http or https address.
pub fn link(field: &'static str, template: &str, values: &Values<'_>) -> Result<String, LinkError> {
    let mut link = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(start) = rest.find('{') {
        link.push_str(&rest[..start]);
        rest = &rest[start..];
        let known = [
            ("{ref}", values.git_ref),
            ("{sha}", values.sha),
            ("{namespace}", values.namespace),
            ("{name}", values.name),
            ("{environment}", values.environment),
        ];
        if let Some((placeholder, value)) = known.into_iter().find(|(placeholder, _)| rest.starts_with(placeholder)) {
            link.extend(utf8_percent_encode(value, VALUE));
            rest = &rest[placeholder.len()..];
        } else {
            link.push('{');
            rest = &rest[1..];
        }
    }
    link.push_str(rest);

    let error = || LinkError {
        field,
        link: link.clone(),
    };
    let url = Url::parse(&link).map_err(|_| error())?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(error());
    }
    Ok(utf8_percent_encode(url.as_str(), SHELL).to_string())
}

#[cfg(test)]
mod tests {
    use super::{Values, link};

    const VALUES: Values<'_> = Values {
        git_ref: "feature/a b",
        sha: "0123456789abcdef0123456789abcdef01234567",
        namespace: "shop",
        name: "app",
        environment: "pr-7 $(id)",
    };

    #[test]
    fn links() {
        let cases = [
            ("no placeholder", "https://shop.example/", Some("https://shop.example/")),
            (
                "names",
                "https://{name}.{namespace}.example/x",
                Some("https://app.shop.example/x"),
            ),
            (
                "a value is encoded",
                "https://shop.example/?ref={ref}",
                Some("https://shop.example/?ref=feature%2Fa%20b"),
            ),
            (
                "shell characters of a value",
                "https://shop.example/{environment}",
                Some("https://shop.example/pr-7%20%24%28id%29"),
            ),
            (
                "shell characters of the template",
                "https://shop.example/`$(id);'",
                Some("https://shop.example/%60%24%28id%29%3B%27"),
            ),
            (
                "commit",
                "https://shop.example/{sha}",
                Some("https://shop.example/0123456789abcdef0123456789abcdef01234567"),
            ),
            (
                "unknown placeholders stay, encoded",
                "https://shop.example/{other}",
                Some("https://shop.example/%7Bother%7D"),
            ),
            (
                "a value with braces is not filled in again",
                "https://shop.example/{ref}{",
                Some("https://shop.example/feature%2Fa%20b%7B"),
            ),
            ("relative", "/shop", None),
            ("another scheme", "javascript:alert(1)", None),
            ("no host", "https://", None),
            ("empty", "", None),
        ];
        for (case, template, expected) in cases {
            assert_eq!(
                link("environmentUrl", template, &VALUES).ok().as_deref(),
                expected,
                "{case}"
            );
        }
    }

    #[test]
    fn an_error_names_the_field_and_the_link() {
        let error = link("environmentUrl", "shop/{name}", &VALUES).map_err(|error| error.to_string());
        assert_eq!(
            error.as_ref().map_err(String::as_str),
            Err(
                "environmentUrl \"shop/app\" is not an absolute http or https URL; the deployment is reported without it"
            )
        );
    }
}
