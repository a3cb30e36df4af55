use base64::Engine as _;
use octocrab::jsonwebtoken::DecodingKey;

use super::*;

const PKCS1: &str = include_str!("../../testing_key.pem");
const PKCS8: &str = include_str!("testing/pkcs8.pem");
const PUBLIC: &str = include_str!("../../testing_key_public.pem");
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

/// Whether it signs as the one key of these tests.
fn signs(key: &EncodingKey) -> bool {
    let signature = jsonwebtoken::crypto::sign(b"message", key, Algorithm::RS256).unwrap();
    let public = DecodingKey::from_rsa_pem(PUBLIC.as_bytes()).unwrap();
    jsonwebtoken::crypto::verify(&signature, b"message", &public, Algorithm::RS256).unwrap()
}

#[test]
fn a_key_is_read_in_every_form_in_which_it_is_kept() {
    for (kind, pem) in [("PKCS#1", PKCS1), ("PKCS#8", PKCS8)] {
        let in_lines = |end: &str| pem.lines().map(|line| format!("{line}{end}")).collect::<String>();
        for (name, text) in [
            ("as it is", pem.to_owned()),
            ("without the last line break", pem.trim_end().to_owned()),
            ("line breaks written out", pem.replace('\n', "\\n")),
            ("Windows' line breaks written out", pem.replace('\n', "\\r\\n")),
            ("Windows' line breaks", in_lines("\r\n")),
            ("spaces at the ends of lines", in_lines("  \n")),
            (
                "indented, as in YAML",
                pem.lines().map(|line| format!("    {line}\n")).collect(),
            ),
            ("spaces for line breaks", in_lines(" ")),
            ("no line breaks at all", in_lines("")),
            ("double quotes", format!("\"{}\"", pem.replace('\n', "\\n"))),
            ("single quotes and a line break", format!("'{pem}'\n")),
            ("both", format!("'\"{pem}\"'")),
            ("base64 of the whole", STANDARD.encode(pem)),
            ("base64 of the whole in lines", {
                let encoded = STANDARD.encode(pem);
                let lines: Vec<&str> = encoded
                    .as_bytes()
                    .chunks(76)
                    .map(|line| str::from_utf8(line).unwrap())
                    .collect();
                lines.join("\n")
            }),
            (
                "base64 of the whole with line breaks written out",
                STANDARD.encode(pem.replace('\n', "\\n")),
            ),
            ("a byte order mark", format!("\u{feff}{pem}")),
            ("after a certificate", format!("{CERTIFICATE}{pem}")),
            (
                "after bag attributes",
                format!("Bag Attributes\n    friendlyName: app\n{pem}"),
            ),
        ] {
            assert_eq!(
                private_key(&text).as_ref().map(ExposeSecret::expose_secret),
                Ok(pem),
                "{kind}, {name}"
            );
            assert!(signs(&encoding_key(&text).unwrap()), "{kind}, {name}");
        }
    }
}

#[test]
fn what_is_no_key_of_an_app_is_called_by_its_name() {
    let half: String = PKCS1.lines().take(10).map(|line| format!("{line}\n")).collect();
    let hole = PKCS1.lines().enumerate().filter(|(index, _)| *index != 5);
    let hole: String = hole.map(|(_, line)| format!("{line}\n")).collect();
    for (name, text, expected) in [
        ("nothing", "", "is not a private key in PEM form"),
        ("words", "no key", "is not a private key in PEM form"),
        ("base64 of words", "bm8ga2V5", "is not a private key in PEM form"),
        ("a token", "ghp_0123456789abcdef", "is not a private key in PEM form"),
        (
            "a public key of ssh",
            "ssh-rsa AAAAB3NzaC1yc2E me@host",
            "is not a private key in PEM form",
        ),
        (
            "a message",
            "-----BEGIN PGP MESSAGE-----\n-----END PGP MESSAGE-----",
            "is not a private key in PEM form",
        ),
        (
            "BEGIN alone",
            "-----BEGIN RSA PRIVATE KEY",
            "is not a private key in PEM form",
        ),
        (
            "a path",
            "/secrets/app.pem\n",
            "looks like the name of a file; set GITHUB_APP_PRIVATE_KEY_FILE",
        ),
        ("a file", "app.private-key.pem", "looks like the name of a file"),
        (
            "encrypted PKCS#8",
            include_str!("testing/encrypted.pem"),
            "is encrypted with a passphrase",
        ),
        (
            "encrypted PKCS#1",
            include_str!("testing/encrypted_pkcs1.pem"),
            "is encrypted with a passphrase",
        ),
        (
            "elliptic curve",
            include_str!("testing/ec.pem"),
            "is an elliptic-curve key, but",
        ),
        (
            "elliptic curve in PKCS#8",
            include_str!("testing/ec_pkcs8.pem"),
            "is an elliptic-curve key, but",
        ),
        ("Ed25519", include_str!("testing/ed25519.pem"), "is an Ed25519 key, but"),
        (
            "public key",
            PUBLIC,
            "is a public key, but the key of a GitHub App is an RSA private key",
        ),
        (
            "public key in PKCS#1",
            "-----BEGIN RSA PUBLIC KEY-----\nMIIB\n-----END RSA PUBLIC KEY-----",
            "is a public key, but",
        ),
        ("certificate", CERTIFICATE, "is a certificate, but"),
        (
            "certificate request",
            "-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----",
            "is a certificate request, but",
        ),
        (
            "OpenSSH",
            "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----",
            "is a key in OpenSSH's own form, but",
        ),
        ("half", half.as_str(), "is damaged or cut short"),
        (
            "half, closed",
            &format!("{half}-----END RSA PRIVATE KEY-----"),
            "is damaged or cut short",
        ),
        ("a line is missing", &hole, "is damaged or cut short"),
        (
            "too short a key",
            include_str!("testing/short.pem"),
            "shorter than 2048 bits",
        ),
        (
            "no base64",
            "-----BEGIN RSA PRIVATE KEY-----\n%%%%\n-----END RSA PRIVATE KEY-----",
            "is damaged or cut short",
        ),
    ] {
        for text in [text.to_owned(), text.replace('\n', "\\n"), STANDARD.encode(text)] {
            // The name of a file is a name only if it is written as one.
            if expected.contains("name of a file") && text.starts_with(|c: char| c.is_ascii_uppercase()) {
                continue;
            }
            let error = private_key(&text).map(|_| ()).unwrap_err();
            let shown = format!("GITHUB_APP_PRIVATE_KEY {error}");
            assert!(shown.contains(expected), "{name}: {shown}");
            assert_eq!(encoding_key(&text).err(), Some(error), "{name}");
            let line = text.lines().nth(1).unwrap_or(&text).trim();
            assert!(line.is_empty() || !shown.contains(line), "{name}: {shown}");
        }
    }
}
