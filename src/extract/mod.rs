//! The git ref that an object runs: found in the object, cut out of what was found, wrapped into a ref name.
//!
//! ```text
//! containerName -> tag of the image   |
//!                                     |-> regexp cuts -> template wraps -> legal ref name
//! jsonPath      -> value as text      |
//! ```
//!
//! Nothing is guessed on the way: what is missing, ambiguous or illegal is an error with a name. Expressions may come
//! from people who may not do much else, so their size and their cost are bounded before a parser sees them.

mod error;
mod git_ref;
mod image;
mod json_path;
mod limits;
mod pod_spec;
mod regexp;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::crd;

pub use error::ExtractError;
pub use git_ref::is_legal as is_legal_ref;
pub use pod_spec::pod_template;

/// A ref, and how it was come by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extracted {
    /// A legal ref name, or a commit; `refs/heads/` or `refs/tags/` in front is kept as written.
    pub git_ref: String,
    /// What the user may want to change.
    pub warnings: Vec<String>,
    /// What was found, cut and wrapped, in this order.
    pub steps: Vec<Step>,
}

/// One step from the object to the ref. Its text is for people and may hold text from outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Step {
    /// The tag of a container's image.
    Image {
        /// Name of the container.
        container: String,
        /// Its image, whole.
        image: String,
        /// The tag.
        tag: String,
    },
    /// The value at a JSONPath.
    JsonPath {
        /// As the user wrote it.
        expression: String,
        /// The value as text.
        text: String,
    },
    /// A piece of the text.
    Regexp {
        /// As the user wrote it.
        regexp: String,
        /// What it captured.
        piece: String,
    },
    /// The ref around the piece.
    Template {
        /// As the user wrote it.
        template: String,
        /// With the piece put in.
        result: String,
    },
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image { container, image, tag } => write!(f, "container {container}: image {image}, tag {tag}"),
            Self::JsonPath { expression, text } => write!(f, "jsonPath {expression}: {text}"),
            Self::Regexp { regexp, piece } => write!(f, "regexp {regexp}: {piece}"),
            Self::Template { template, result } => write!(f, "template {template}: {result}"),
        }
    }
}

/// An extract rule that was read and found usable; it can be applied to any number of objects.
#[derive(Clone, Debug)]
pub struct Rule {
    place: Place,
    regexp: Option<regexp::Regexp>,
    template: Option<String>,
    warnings: Vec<String>,
}

#[derive(Clone, Debug)]
enum Place {
    Container(String),
    JsonPath(Box<json_path::Path>),
}

/// Finds the git ref of `object` by `rule`.
///
/// # Errors
/// Whatever [`check`] finds wrong with the rule, and everything that keeps this object from having a ref by it.
pub fn extract(rule: &crd::Extract, object: &Value) -> Result<Extracted, ExtractError> {
    Rule::new(rule)?.extract(object)
}

/// Says everything about a rule that can be said without an object.
///
/// # Errors
/// Neither `containerName` nor `jsonPath`; an expression that is too long, too deep, or cannot be read.
pub fn check(rule: &crd::Extract) -> Result<(), ExtractError> {
    Rule::new(rule).map(drop)
}

impl Rule {
    /// Reads a rule. An empty field counts as unset.
    ///
    /// # Errors
    /// As [`check`].
    pub fn new(rule: &crd::Extract) -> Result<Self, ExtractError> {
        let container_name = set(rule.container_name.as_deref());
        let json_path = set(rule.json_path.as_deref());
        let mut warnings = Vec::new();
        let place = match (container_name, json_path) {
            (None, None) => return Err(ExtractError::ExtractMissing),
            (None, Some(expression)) => Place::JsonPath(Box::new(json_path::Path::parse(expression)?)),
            (Some(name), unused) => {
                if unused.is_some() {
                    warnings.push(
                        "extract has both containerName and jsonPath: containerName is used, remove the jsonPath"
                            .to_owned(),
                    );
                }
                Place::Container(name.to_owned())
            }
        };
        let template = set(rule.template.as_deref());
        if let Some(template) = template {
            limits::length("template", template)?;
        }
        Ok(Self {
            place,
            regexp: set(rule.regexp.as_deref()).map(regexp::Regexp::parse).transpose()?,
            template: template.map(str::to_owned),
            warnings,
        })
    }

    /// Finds the git ref of `object`.
    ///
    /// # Errors
    /// Everything that keeps this object from having a ref by this rule.
    pub fn extract(&self, object: &Value) -> Result<Extracted, ExtractError> {
        let mut steps = Vec::new();
        let git_ref = self.follow(object, &mut steps)?;
        Ok(Extracted {
            git_ref,
            warnings: self.warnings.clone(),
            steps,
        })
    }

    /// As [`Rule::extract`], for the ref alone; `steps` gets what was found, cut and wrapped, as far as it goes.
    ///
    /// # Errors
    /// As [`Rule::extract`].
    pub fn follow(&self, object: &Value, steps: &mut Vec<Step>) -> Result<String, ExtractError> {
        let mut text = match &self.place {
            Place::Container(name) => {
                let image = pod_spec::image(object, name)?;
                let tag = image::tag(name, image)?.to_owned();
                steps.push(Step::Image {
                    container: name.clone(),
                    image: image.to_owned(),
                    tag: tag.clone(),
                });
                tag
            }
            Place::JsonPath(path) => {
                let text = path.text(object)?;
                steps.push(Step::JsonPath {
                    expression: path.expression().to_owned(),
                    text: text.clone(),
                });
                text
            }
        };
        if let Some(regexp) = &self.regexp {
            text = regexp.cut(&text)?.to_owned();
            steps.push(Step::Regexp {
                regexp: regexp.as_str().to_owned(),
                piece: text.clone(),
            });
        }
        if let Some(template) = &self.template {
            text = wrap(template, &text);
            steps.push(Step::Template {
                template: template.clone(),
                result: text.clone(),
            });
        }
        git_ref::check(&text)?;
        Ok(text)
    }

    /// What the user may want to change about the rule.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

fn set(field: Option<&str>) -> Option<&str> {
    field.filter(|text| !text.is_empty())
}

/// Every `{}` becomes the piece; a template without one is a prefix.
fn wrap(template: &str, piece: &str) -> String {
    if template.contains("{}") {
        template.replace("{}", piece)
    } else {
        format!("{template}{piece}")
    }
}
