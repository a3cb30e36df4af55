//! Which servers are trusted, and what is said about the others.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use crate::{
    authority::{Authority, Identity},
    laptop, refused, reported,
    server::{HTTP_2, Server},
    support::{
        built,
        laptop::{Laptop, assert_snapshot},
    },
    sync,
};

fn serve(laptop: &Laptop, identity: &Identity) -> Server {
    Server::of_emulator(Some(identity.config(&[HTTP_2])), &laptop.github)
}

#[test]
fn a_private_authority_is_trusted_by_file_or_folder() {
    let authority = Authority::new();
    let other = Authority::new();
    let folders = format!("{}:{}", other.folder().display(), authority.folder().display());
    let (file, other_file) = (authority.file(), other.file());
    let rows: [(&str, &[(&str, &str)]); 4] = [
        ("file", &[("SSL_CERT_FILE", file.to_str().unwrap())]),
        ("folder", &[("SSL_CERT_DIR", authority.folder().to_str().unwrap())]),
        ("folders", &[("SSL_CERT_DIR", &folders)]),
        (
            "both",
            &[
                ("SSL_CERT_FILE", other_file.to_str().unwrap()),
                ("SSL_CERT_DIR", authority.folder().to_str().unwrap()),
            ],
        ),
    ];
    for (name, variables) in rows {
        let laptop = laptop();
        let server = serve(&laptop, &authority.identity(&["localhost"]));
        reported(&laptop, sync(&laptop, &server.url(), variables));
        assert_eq!(server.seen().connections, 1, "{name}");
    }
}

#[test]
fn a_certificate_is_for_an_address_too() {
    let authority = Authority::new();
    let laptop = laptop();
    let server = serve(&laptop, &authority.identity(&["127.0.0.1"]));
    let address = format!("https://127.0.0.1:{}", server.port());
    let file = authority.file();
    reported(
        &laptop,
        sync(&laptop, &address, &[("SSL_CERT_FILE", file.to_str().unwrap())]),
    );
}

#[test]
fn what_cannot_be_trusted_is_explained() {
    let authority = Authority::new();
    let (file, other) = (authority.file(), Authority::new());
    let other_file = other.file();
    let (file, other_file) = (file.to_str().unwrap(), other_file.to_str().unwrap());
    let rows = [
        ("issuer_not_trusted", authority.identity(&["localhost"]), other_file),
        ("certificate_expired", authority.expired(&["localhost"]), file),
        (
            "certificate_for_another_host",
            authority.identity(&["ghes.example"]),
            file,
        ),
    ];
    for (name, identity, file) in rows {
        let laptop = laptop();
        let server = serve(&laptop, &identity);
        let run = sync(&laptop, &server.url(), &[("SSL_CERT_FILE", file)]);
        refused(name, &laptop, &server, run);
        assert_eq!(server.seen().connections, 0, "{name}");
    }
}

#[test]
fn a_server_without_tls_is_explained() {
    let laptop = laptop();
    let server = Server::of_emulator(None, &laptop.github);
    let authority = Authority::new();
    let file = authority.file();
    let address = server.url().replace("http:", "https:");
    let run = sync(&laptop, &address, &[("SSL_CERT_FILE", file.to_str().unwrap())]);
    refused("server_without_tls", &laptop, &server, run);
}

#[test]
fn a_file_of_certificates_that_is_none_is_named() {
    let rows: [(&str, &str, Option<&str>); 4] = [
        ("ssl_cert_file_absent", "SSL_CERT_FILE", None),
        ("ssl_cert_file_empty", "SSL_CERT_FILE", Some("")),
        (
            "ssl_cert_file_broken",
            "SSL_CERT_FILE",
            Some("-----BEGIN CERTIFICATE-----\nMII"),
        ),
        ("ssl_cert_dir_absent", "SSL_CERT_DIR", None),
    ];
    for (name, variable, content) in rows {
        let laptop = laptop();
        let server = Server::of_emulator(None, &laptop.github);
        let path = laptop.folder().join("authorities");
        if let Some(content) = content {
            fs::write(&path, content).unwrap();
        }
        let run = sync(&laptop, "https://localhost", &[(variable, path.to_str().unwrap())]);
        refused(name, &laptop, &server, run);
    }
}

#[test]
fn a_server_of_an_old_version_of_tls_is_refused() {
    const SERVER: &str = "
        const { CERTIFICATE: cert, KEY: key } = process.env;
        const options = { cert, key, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' };
        const server = require('node:tls').createServer(options);
        server.on('tlsClientError', () => {}).listen(0, '127.0.0.1', () => console.log(server.address().port));
        process.stdin.on('end', () => process.exit()).resume();
    ";
    if Command::new("node")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_err()
    {
        assert!(std::env::var_os("CI").is_none(), "in CI there has to be Node");
        built::say("\nTHERE IS NO NODE: AN OLD VERSION OF TLS IS NOT TRIED\n");
        return;
    }
    let authority = Authority::new();
    let identity = authority.identity(&["localhost"]);
    let mut node = Command::new("node")
        .args(["-e", SERVER])
        .envs([("CERTIFICATE", &identity.certificate), ("KEY", &identity.key)])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut port = String::new();
    BufReader::new(node.stdout.take().unwrap())
        .read_line(&mut port)
        .unwrap();
    let port: u16 = port.trim().parse().unwrap();
    let laptop = laptop();
    let file = authority.file();
    let address = format!("https://localhost:{port}");
    let run = sync(&laptop, &address, &[("SSL_CERT_FILE", file.to_str().unwrap())]).expect(3);
    drop(node.stdin.take());
    node.wait().unwrap();
    let text = laptop.transcript("sync", &run).replace(&port.to_string(), "PORT");
    assert_snapshot(crate::GROUP, "old_version_of_tls", &text);
}
