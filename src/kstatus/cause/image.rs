//! What the kubelet and the registries say about an image that is not there.

use super::Outlook;

/// Why an image is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ImageProblem {
    NotAReference,
    NeverPulled,
    Refused,
    NotFound,
    UnknownHost,
    OutOfReach,
    Untold,
}

/// What the kubelet and the registries say. Back-off and pull errors take turns in a pod that waits for its image; the
/// former repeats the latter from Kubernetes 1.31 on.
pub(super) fn image_problem(reason: &str, message: &str) -> ImageProblem {
    let message = message.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if reason == "InvalidImageName" {
        ImageProblem::NotAReference
    } else if reason == "ErrImageNeverPull" {
        ImageProblem::NeverPulled
    } else if says(&["unauthorized", "denied", "forbidden", "authentication", "authorization"]) {
        ImageProblem::Refused
    } else if says(&[
        "not found",
        "notfound",
        "manifest unknown",
        "name unknown",
        "no such manifest",
    ]) {
        ImageProblem::NotFound
    } else if says(&["no such host"]) {
        ImageProblem::UnknownHost
    } else if says(&[
        "timeout",
        "timed out",
        "refused",
        "unreachable",
        "deadline exceeded",
        "connection reset",
        ": eof",
        "too many requests",
        "toomanyrequests",
        "qps exceeded",
        "temporary failure",
        "server error",
        "bad gateway",
        "unavailable",
    ]) {
        ImageProblem::OutOfReach
    } else {
        ImageProblem::Untold
    }
}

impl ImageProblem {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::NotAReference => "is not a valid reference",
            Self::NeverPulled => "is not on the node, and its pull policy is Never",
            Self::Refused => "may not be pulled",
            Self::NotFound => "not found",
            Self::UnknownHost | Self::OutOfReach => "cannot be pulled: the registry is out of reach",
            Self::Untold => "cannot be pulled",
        }
    }

    /// A registry may come back, and a first attempt that says nothing may be followed by a better one. Once the
    /// kubelet backs off, only what passes by its nature is waited for.
    pub(super) fn outlook(self, reason: &str) -> Outlook {
        let backs_off = matches!(
            reason,
            "ImagePullBackOff" | "ErrImageNotFound" | "SignatureValidationFailed"
        );
        match self {
            Self::NotAReference | Self::NeverPulled | Self::Refused | Self::NotFound => Outlook::Stays,
            Self::UnknownHost | Self::Untold if backs_off => Outlook::Stays,
            Self::UnknownHost | Self::Untold | Self::OutOfReach => Outlook::Open,
        }
    }
}
