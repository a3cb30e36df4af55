//! An API server with nothing behind it, for answers that a healthy cluster does not give.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    thread,
};

use serde_json::{Value, json};

/// What is answered: HTTP status, type of the content, content.
pub type Answer = (u16, &'static str, String);

/// Serves until the process ends; `answer` is given method and path with query.
pub fn serve(answer: impl Fn(&str, &str) -> Answer + Send + 'static) -> SocketAddr {
    serve_questions(move |method, path, _| answer(method, path))
}

/// The same, where `answer` is given the body as well.
pub fn serve_questions(answer: impl Fn(&str, &str, &str) -> Answer + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            respond(stream, &answer);
        }
    });
    address
}

/// One answer to a connection. A client that went away needs none.
fn respond(stream: TcpStream, answer: impl Fn(&str, &str, &str) -> Answer) {
    let mut reader = BufReader::new(&stream);
    let mut lines = reader.by_ref().lines().map_while(Result::ok);
    let Some(request) = lines.next() else { return };
    let mut words = request.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let length = lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse().ok())?
        })
        .last()
        .unwrap_or(0);
    let mut body = vec![0; length];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    let (status, content_type, content) = answer(method, path, &String::from_utf8_lossy(&body));
    let length = content.len();
    let head = format!("HTTP/1.1 {status} Answer\r\ncontent-type: {content_type}\r\ncontent-length: {length}");
    let _ = write!(&stream, "{head}\r\nconnection: close\r\n\r\n{content}");
}

/// What the API server says where it knows no such path.
pub fn not_found() -> Answer {
    (404, "text/plain; charset=utf-8", "404 page not found\n".to_owned())
}

/// JSON with status 200.
pub fn found(object: &Value) -> Answer {
    (200, "application/json", object.to_string())
}

/// A refusal in the API server's form.
pub fn refused(code: u16, reason: &str, message: &str) -> Answer {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code,
    });
    (code, "application/json", status.to_string())
}

/// Writes a kubeconfig that leads to this address, with the namespace `shop`.
pub fn write_kubeconfig(file: &Path, server: &str) {
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": server}}],
        "users": [{"name": "test", "user": {"token": "token-of-the-tests"}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": "shop"}}],
    });
    fs::write(file, config.to_string()).expect("write a kubeconfig");
}
