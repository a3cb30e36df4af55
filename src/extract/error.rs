//! What can keep an object from having a ref.

/// Why no ref could be extracted, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExtractError {
    /// The rule says nothing.
    #[error(
        "extract has neither containerName nor jsonPath: name the container whose image tag is the ref, \
         or give the jsonPath of a value"
    )]
    ExtractMissing,

    /// An expression of more characters than any parser is given.
    #[error("{field} has {length} characters, at most {limit} are read: shorten it")]
    ExpressionTooLong {
        /// `jsonPath`, `regexp` or `template`.
        field: &'static str,
        /// Its characters.
        length: usize,
        /// How many are allowed.
        limit: usize,
    },

    /// An expression with more brackets in one another than any parser is given.
    #[error("{field} has more than {limit} brackets inside one another: write it flatter")]
    ExpressionTooDeep {
        /// `jsonPath` or `regexp`.
        field: &'static str,
        /// How many are allowed.
        limit: usize,
    },

    /// The object has no pod spec with containers.
    #[error(
        "the object has no containers in spec, spec.template.spec or spec.jobTemplate.spec.template.spec, \
         so containerName {} finds nothing: use jsonPath instead",
        quoted(container)
    )]
    NoContainers {
        /// The container that was looked for.
        container: String,
    },

    /// No container has this name.
    #[error(
        "the object has no container {}: set containerName to one of {}",
        quoted(container),
        list(existing)
    )]
    ContainerNotFound {
        /// The container that was looked for.
        container: String,
        /// The containers and init containers that there are.
        existing: Vec<String>,
    },

    /// The container has no image, or one that is no text.
    #[error("container {} has no image: set one, or use jsonPath instead", quoted(container))]
    ImageMissing {
        /// The container.
        container: String,
    },

    /// The image breaks the grammar of image references.
    #[error(
        "image {} of container {} is not an image reference: {problem}; correct the image",
        quoted(image),
        quoted(container)
    )]
    ImageInvalid {
        /// The container.
        container: String,
        /// Its image.
        image: String,
        /// The rule that it breaks.
        problem: &'static str,
    },

    /// The image has no tag, which means `latest` to a registry and nothing to git.
    #[error(
        "image {} of container {} has {}no tag: deploy a tagged image, or take the ref from a label or annotation \
         with jsonPath", quoted(image), quoted(container), if *has_digest { "a digest but " } else { "" }
    )]
    ImageWithoutTag {
        /// The container.
        container: String,
        /// Its image.
        image: String,
        /// True if a digest follows the name.
        has_digest: bool,
    },

    /// The image is the id of an image, without name and tag.
    #[error(
        "image {} of container {} is only an id, without name and tag: deploy a tagged image, or take the ref from \
         a label or annotation with jsonPath",
        quoted(image),
        quoted(container)
    )]
    ImageIsId {
        /// The container.
        container: String,
        /// Its image.
        image: String,
    },

    /// The JSONPath can be read neither by RFC 9535 nor as a path of kubectl.
    #[error(
        "jsonPath {} cannot be read at character {position}: {problem}{}",
        quoted(expression), hint.map(|hint| format!("; {hint}")).unwrap_or_default()
    )]
    JsonPathInvalid {
        /// As the user wrote it.
        expression: String,
        /// Where reading stopped: characters, the first one is 1.
        position: usize,
        /// What is wrong there.
        problem: String,
        /// What to write instead, where the intention is plain.
        hint: Option<&'static str>,
    },

    /// The JSONPath is legal, but could cost more time or memory than one object is worth.
    #[error(
        "jsonPath {} has {}{what}: name the fields on the way instead",
        quoted(expression), limit.map(|limit| format!("more than {limit} ")).unwrap_or_default()
    )]
    JsonPathTooComplex {
        /// As the user wrote it.
        expression: String,
        /// What there is too much of.
        what: &'static str,
        /// How many are allowed; none at all where this is none.
        limit: Option<usize>,
    },

    /// Nothing is there.
    #[error(
        "jsonPath {} matches nothing in the object: compare it with `kubectl get -o yaml`",
        quoted(expression)
    )]
    JsonPathNoMatch {
        /// As the user wrote it.
        expression: String,
    },

    /// null is there.
    #[error(
        "jsonPath {} matches null, which is no ref: let it match a text, number or boolean",
        quoted(expression)
    )]
    JsonPathNull {
        /// As the user wrote it.
        expression: String,
    },

    /// An object is there.
    #[error(
        "jsonPath {} matches an object, which is no ref: let it go on to one of its fields",
        quoted(expression)
    )]
    JsonPathObject {
        /// As the user wrote it.
        expression: String,
    },

    /// An array is there.
    #[error(
        "jsonPath {} matches an array, which is no ref: let it go on to one of its items, such as [0]",
        quoted(expression)
    )]
    JsonPathArray {
        /// As the user wrote it.
        expression: String,
    },

    /// An empty text is there.
    #[error("jsonPath {} matches an empty text, which is no ref", quoted(expression))]
    JsonPathEmpty {
        /// As the user wrote it.
        expression: String,
    },

    /// A text is there that is longer than any ref.
    #[error(
        "jsonPath {} matches a text of {length} bytes, at most {limit} are read: let it match a shorter one",
        quoted(expression)
    )]
    JsonPathTooLong {
        /// As the user wrote it.
        expression: String,
        /// Its bytes.
        length: usize,
        /// How many are allowed.
        limit: usize,
    },

    /// Several values are there, and they differ.
    #[error(
        "jsonPath {} matches different values, such as {} and {}: let it match one",
        quoted(expression),
        quoted(first),
        quoted(other)
    )]
    JsonPathAmbiguous {
        /// As the user wrote it.
        expression: String,
        /// The first value.
        first: String,
        /// One that differs from it.
        other: String,
    },

    /// The regexp does not compile.
    #[error("regexp {} cannot be read: {problem}", quoted(regexp))]
    RegexpInvalid {
        /// As the user wrote it.
        regexp: String,
        /// What is wrong.
        problem: String,
    },

    /// The regexp uses what takes more than linear time.
    #[error(
        "regexp {} uses {feature}, which are not supported, since matching is kept linear in the length of the text: \
         capture the piece with a group instead",
        quoted(regexp)
    )]
    RegexpUnsupported {
        /// As the user wrote it.
        regexp: String,
        /// Look-around or back-references.
        feature: &'static str,
    },

    /// The regexp compiles to too large a program.
    #[error(
        "regexp {} becomes too large when compiled: use smaller repetitions, and with (?i) no \\S, \\W or \\D in brackets",
        quoted(regexp)
    )]
    RegexpTooLarge {
        /// As the user wrote it.
        regexp: String,
    },

    /// The regexp captures nothing.
    #[error(
        "regexp {} has no capture group: put parentheses around the piece that is the ref",
        quoted(regexp)
    )]
    RegexpWithoutGroup {
        /// As the user wrote it.
        regexp: String,
    },

    /// The regexp captures several pieces.
    #[error(
        "regexp {} has {groups} capture groups and none is named ref: name one (?<ref>...), \
         or make the others (?:...)",
        quoted(regexp)
    )]
    RegexpAmbiguous {
        /// As the user wrote it.
        regexp: String,
        /// How many groups it has.
        groups: usize,
    },

    /// The regexp is nowhere in the text.
    #[error("regexp {} does not match {}", quoted(regexp), quoted(text))]
    RegexpNoMatch {
        /// As the user wrote it.
        regexp: String,
        /// What was searched.
        text: String,
    },

    /// The regexp matches, but its group captured nothing.
    #[error("regexp {} matches {}, but its capture group is empty", quoted(regexp), quoted(text))]
    RegexpEmpty {
        /// As the user wrote it.
        regexp: String,
        /// What was searched.
        text: String,
    },

    /// What came out is no ref name.
    #[error(
        "{} is not a legal git ref: it {problem}; correct it with regexp or template",
        quoted(git_ref)
    )]
    RefInvalid {
        /// What came out.
        git_ref: String,
        /// The rule that it breaks.
        problem: &'static str,
    },
}

impl ExtractError {
    /// One word for conditions and JSON.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::ExtractMissing => "ExtractMissing",
            Self::ExpressionTooLong { .. } => "ExpressionTooLong",
            Self::ExpressionTooDeep { .. } => "ExpressionTooDeep",
            Self::NoContainers { .. } | Self::ContainerNotFound { .. } => "ContainerNotFound",
            Self::ImageMissing { .. } => "ImageMissing",
            Self::ImageInvalid { .. } => "ImageInvalid",
            Self::ImageWithoutTag { .. } | Self::ImageIsId { .. } => "ImageWithoutTag",
            Self::JsonPathInvalid { .. } => "JsonPathInvalid",
            Self::JsonPathTooComplex { .. } => "JsonPathTooComplex",
            Self::JsonPathNoMatch { .. } => "JsonPathNoMatch",
            Self::JsonPathNull { .. } => "JsonPathNull",
            Self::JsonPathObject { .. } => "JsonPathObject",
            Self::JsonPathArray { .. } => "JsonPathArray",
            Self::JsonPathEmpty { .. } => "JsonPathEmpty",
            Self::JsonPathTooLong { .. } => "JsonPathTooLong",
            Self::JsonPathAmbiguous { .. } => "JsonPathAmbiguous",
            Self::RegexpInvalid { .. } => "RegexpInvalid",
            Self::RegexpUnsupported { .. } => "RegexpUnsupported",
            Self::RegexpTooLarge { .. } => "RegexpTooLarge",
            Self::RegexpWithoutGroup { .. } => "RegexpWithoutGroup",
            Self::RegexpAmbiguous { .. } => "RegexpAmbiguous",
            Self::RegexpNoMatch { .. } => "RegexpNoMatch",
            Self::RegexpEmpty { .. } => "RegexpEmpty",
            Self::RefInvalid { .. } => "RefInvalid",
        }
    }
}

/// How much of a text from outside a message repeats, in characters.
const QUOTED: usize = 128;

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for (index, character) in text.chars().enumerate() {
        if index == QUOTED {
            quoted.push('…');
            break;
        }
        if character.is_control() {
            quoted.extend(character.escape_default());
        } else {
            quoted.push(character);
        }
    }
    quoted.push('"');
    quoted
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
}
