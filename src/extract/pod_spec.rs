//! Where kinds keep their containers.

use serde_json::Value;

use super::ExtractError;

/// Where kinds keep the template of their pods: workloads and most custom kinds, CronJob, PodTemplate.
const TEMPLATES: [&str; 3] = ["/spec/template", "/spec/jobTemplate/spec/template", "/template"];

/// The pod template of an object (`metadata` and `spec` of its pods), wherever its kind keeps it; none for a Pod and
/// for kinds without pods.
#[must_use]
pub fn pod_template(object: &Value) -> Option<&Value> {
    TEMPLATES
        .iter()
        .filter_map(|place| object.pointer(place))
        .find(|template| template.get("spec").is_some_and(Value::is_object))
}

/// The image of the container, or else init container, of this name.
pub(super) fn image<'a>(object: &'a Value, container: &str) -> Result<&'a str, ExtractError> {
    let spec = pod_template(object).unwrap_or(object).get("spec");
    let all = || {
        ["containers", "initContainers"]
            .into_iter()
            .filter_map(move |list| spec?.get(list)?.as_array())
            .flatten()
            .filter_map(|item| Some((item.get("name")?.as_str()?, item)))
    };
    if let Some((_, found)) = all().find(|(name, _)| *name == container) {
        return found
            .get("image")
            .and_then(Value::as_str)
            .filter(|image| !image.is_empty())
            .ok_or_else(|| ExtractError::ImageMissing {
                container: container.to_owned(),
            });
    }
    let existing: Vec<String> = all().map(|(name, _)| name.to_owned()).collect();
    Err(if existing.is_empty() {
        ExtractError::NoContainers {
            container: container.to_owned(),
        }
    } else {
        ExtractError::ContainerNotFound {
            container: container.to_owned(),
            existing,
        }
    })
}
