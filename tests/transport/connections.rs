//! What a request looks like on the wire, and what an answer may be.

use std::io::Write as _;

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::{Version, header};
use http_body_util::{BodyExt as _, Full};

use crate::{
    authority::Authority,
    laptop, refused, reported,
    server::{Answer, HTTP_1, HTTP_2, Server, emulated},
    sync,
};

#[test]
fn one_connection_carries_all_requests() {
    let authority = Authority::new();
    let file = authority.file();
    let trust = [("SSL_CERT_FILE", file.to_str().unwrap())];
    type Protocols = Option<&'static [&'static [u8]]>;
    let rows: [(&str, Protocols, Version); 4] = [
        ("both: HTTP/2 is chosen", Some(&[HTTP_2, HTTP_1]), Version::HTTP_2),
        ("HTTP/1.1", Some(&[HTTP_1]), Version::HTTP_11),
        ("no ALPN", Some(&[]), Version::HTTP_11),
        ("no TLS", None, Version::HTTP_11),
    ];
    for (name, protocols, version) in rows {
        let laptop = laptop();
        let tls = protocols.map(|protocols| authority.identity(&["localhost"]).config(protocols));
        let server = Server::of_emulator(tls, &laptop.github);
        reported(&laptop, sync(&laptop, &server.url(), &trust));
        let seen = server.seen();
        assert_eq!(seen.connections, 1, "{name}");
        assert!(seen.requests.len() >= 3, "{name}: {}", seen.requests.len());
        for request in &seen.requests {
            assert_eq!(request.version, version, "{name}");
            let agent = concat!("kube-status-to-github/", env!("CARGO_PKG_VERSION"));
            assert_eq!(request.headers[header::USER_AGENT], agent, "{name}");
            assert_eq!(request.headers[header::ACCEPT_ENCODING], "gzip", "{name}");
            let token = "Bearer github_pat_of_the_tests";
            assert_eq!(request.headers[header::AUTHORIZATION], token, "{name}");
        }
    }
}

#[test]
fn packed_answers_are_unpacked() {
    let laptop = laptop();
    let emulator = laptop.github.clone();
    let server = Server::new(None, move |request| {
        let answer = emulated(emulator.clone(), request);
        Box::pin(async move {
            let (mut head, body) = answer.await.into_parts();
            head.headers.remove(header::CONTENT_LENGTH);
            let body = packed(&body.collect().await.unwrap().to_bytes());
            claimed_packed(Answer::from_parts(head, Full::new(body)))
        })
    });
    reported(&laptop, sync(&laptop, &server.url(), &[]));
}

#[test]
fn an_answer_that_unpacks_to_more_than_makes_sense_ends() {
    let laptop = laptop();
    let body = packed(&vec![b' '; 65 << 20]);
    assert!(body.len() < 1 << 20, "{}", body.len());
    let server = Server::new(None, move |_| {
        let answer = claimed_packed(Answer::new(Full::new(body.clone())));
        Box::pin(async { answer })
    });
    let run = sync(&laptop, &server.url(), &[]);
    refused("packed_answer_too_large", &laptop, &server, run);
}

#[test]
fn an_answer_that_only_claims_to_be_packed_is_explained() {
    let laptop = laptop();
    let server = Server::new(None, |_| {
        let answer = Answer::new(Full::new(Bytes::from_static(b"{\"data\":{}}")));
        Box::pin(async { claimed_packed(answer) })
    });
    let run = sync(&laptop, &server.url(), &[]);
    refused("packed_answer_garbled", &laptop, &server, run);
}

fn packed(body: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap().into()
}

fn claimed_packed(mut answer: Answer) -> Answer {
    let gzip = header::HeaderValue::from_static("gzip");
    answer.headers_mut().insert(header::CONTENT_ENCODING, gzip);
    answer
}
