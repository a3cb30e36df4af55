//! The private key of an App, in all the forms in which variables and files carry one.

use base64::{Engine, engine::general_purpose::STANDARD};
use octocrab::jsonwebtoken::{self, Algorithm, EncodingKey};
use secrecy::{ExposeSecret, SecretString};

/// Characters in a line of PEM.
const LINE: usize = 64;

/// How algorithms of other keys are named inside of a key in PKCS#8 form.
const ELLIPTIC_CURVE: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// Why a text is not the private key of an App, to be put behind the name of where it comes from. Says what the text
/// is, and never holds any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Nothing that is known.
    #[error("is not a private key in PEM form; download one from the App's settings page")]
    NotPem,
    /// One line that looks like the name of a file.
    #[error("is not a private key but looks like the name of a file; set GITHUB_APP_PRIVATE_KEY_FILE to that")]
    FileName,
    /// Something else in PEM form.
    #[error("is {0}, but the key of a GitHub App is an RSA private key; download one from the App's settings page")]
    Other(&'static str),
    /// A passphrase is needed.
    #[error("is a private key that is encrypted with a passphrase; decrypt it, for example with openssl pkey")]
    Encrypted,
    /// The right kind of key, but it cannot sign.
    #[error(
        "is an RSA private key that is damaged or cut short, or shorter than 2048 bits; set all of it, BEGIN to END"
    )]
    Damaged,
}

/// Reads an RSA private key in PEM form, PKCS#1 or PKCS#8, and gives it in plain PEM.
///
/// Taken as meant: line breaks written as `\n`, replaced by spaces or as on Windows, quotes around the whole, spaces
/// at the ends of lines, a missing last line break, other blocks around the key, and base64 of the whole text.
///
/// # Errors
/// When it is something else, or does not sign.
pub fn private_key(text: &str) -> Result<SecretString, KeyError> {
    let block = Block::find(text)?;
    block.encoding_key()?;
    Ok(block.pem())
}

/// The key as it signs.
pub(super) fn encoding_key(text: &str) -> Result<EncodingKey, KeyError> {
    Block::find(text)?.encoding_key()
}

/// What stands between the lines BEGIN and END.
struct Block {
    label: String,
    /// Base64 without whitespace.
    body: SecretString,
}

impl Block {
    /// The first private key of a text.
    fn find(text: &str) -> Result<Self, KeyError> {
        let text = plain(text);
        if !text.contains("-----BEGIN ") {
            let encoded: String = text.split_whitespace().collect();
            let decoded = STANDARD
                .decode(encoded)
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok());
            return match decoded.map(|text| plain(&text)) {
                Some(text) if text.contains("-----BEGIN ") => Self::in_pem(&text),
                _ if is_file_name(&text) => Err(KeyError::FileName),
                _ => Err(KeyError::NotPem),
            };
        }
        Self::in_pem(&text)
    }

    fn in_pem(text: &str) -> Result<Self, KeyError> {
        let blocks = || {
            text.split("-----BEGIN ")
                .skip(1)
                .filter_map(|rest| rest.split_once("-----"))
        };
        let private = |(label, _): &(&str, &str)| label.ends_with("PRIVATE KEY");
        let (label, rest) = blocks()
            .find(private)
            .or_else(|| blocks().next())
            .ok_or(KeyError::NotPem)?;
        match label {
            "RSA PRIVATE KEY" | "PRIVATE KEY" => {}
            "ENCRYPTED PRIVATE KEY" => return Err(KeyError::Encrypted),
            "EC PRIVATE KEY" | "EC PARAMETERS" => return Err(KeyError::Other("an elliptic-curve key")),
            "DSA PRIVATE KEY" => return Err(KeyError::Other("a DSA key")),
            "OPENSSH PRIVATE KEY" => return Err(KeyError::Other("a key in OpenSSH's own form")),
            other if other.ends_with("PUBLIC KEY") => return Err(KeyError::Other("a public key")),
            "CERTIFICATE REQUEST" => return Err(KeyError::Other("a certificate request")),
            other if other.contains("CERTIFICATE") => return Err(KeyError::Other("a certificate")),
            _ => return Err(KeyError::NotPem),
        }
        let (body, _) = rest.split_once("-----END ").ok_or(KeyError::Damaged)?;
        if body.contains("ENCRYPTED") {
            return Err(KeyError::Encrypted);
        }
        Ok(Self {
            label: label.to_owned(),
            body: body.split_whitespace().collect::<String>().into(),
        })
    }

    fn pem(&self) -> SecretString {
        let mut pem = format!("-----BEGIN {}-----\n", self.label);
        for (index, character) in self.body.expose_secret().chars().enumerate() {
            if index > 0 && index % LINE == 0 {
                pem.push('\n');
            }
            pem.push(character);
        }
        pem.push_str(&format!("\n-----END {}-----\n", self.label));
        pem.into()
    }

    fn encoding_key(&self) -> Result<EncodingKey, KeyError> {
        let key = EncodingKey::from_rsa_pem(self.pem().expose_secret().as_bytes()).map_err(|_| self.problem())?;
        // Only signing shows whether all of it is there.
        jsonwebtoken::crypto::sign(b"", &key, Algorithm::RS256).map_err(|_| KeyError::Damaged)?;
        Ok(key)
    }

    /// Why it is no RSA key although its label does not tell.
    fn problem(&self) -> KeyError {
        let bytes = STANDARD.decode(self.body.expose_secret()).unwrap_or_default();
        // The algorithm is named before the key itself.
        let names = |algorithm: &[u8]| bytes.windows(algorithm.len()).take(32).any(|part| part == algorithm);
        if names(ELLIPTIC_CURVE) {
            KeyError::Other("an elliptic-curve key")
        } else if names(ED25519) {
            KeyError::Other("an Ed25519 key")
        } else {
            KeyError::Damaged
        }
    }
}

/// The text without what pipelines, env files and editors put around and into it.
fn plain(text: &str) -> String {
    let mut text = text.trim_start_matches('\u{feff}').trim();
    for quote in ['"', '\''] {
        if let Some(inner) = text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            text = inner.trim();
        }
    }
    text.replace("\\r", "\n").replace("\\n", "\n")
}

fn is_file_name(text: &str) -> bool {
    let named = text.starts_with(['/', '.', '~']) || text.ends_with(".pem") || text.ends_with(".key");
    named && text.lines().count() == 1
}

#[cfg(test)]
mod tests;
