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

/// A request, whole.
pub struct Request {
    pub method: String,
    /// With query.
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Request {
    /// The value of a header, given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(known, _)| known == name);
        header.map(|(_, value)| value.as_str())
    }
}

/// Serves until the process ends; `answer` is given method and path with query.
pub fn serve(answer: impl Fn(&str, &str) -> Answer + Send + 'static) -> SocketAddr {
    serve_questions(move |method, path, _| answer(method, path))
}

/// The same, where `answer` is given the body as well.
pub fn serve_questions(answer: impl Fn(&str, &str, &str) -> Answer + Send + 'static) -> SocketAddr {
    serve_whole(move |request| {
        let (status, content_type, content) = answer(&request.method, &request.path, &request.body);
        response(status, &[("content-type", content_type)], &content)
    })
}

/// Serves until the process ends; `answer` is given the whole request, and gives the whole response.
pub fn serve_whole(answer: impl Fn(&Request) -> String + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that went away needs no answer.
            if let Some(request) = receive(&stream) {
                let _ = (&stream).write_all(answer(&request).as_bytes());
            }
        }
    });
    address
}

/// A response after which the connection ends.
pub fn response(status: u16, headers: &[(&str, &str)], content: &str) -> String {
    let headers: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let length = content.len();
    format!("HTTP/1.1 {status} Answer\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{content}")
}

/// One request of a connection.
fn receive(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        Some(line.trim_end().to_owned())
    };
    let first = line()?;
    let mut words = first.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let header = line()?;
        let Some((name, value)) = header.split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut request = Request {
        method,
        path,
        headers,
        body: String::new(),
    };
    let length = request.header("content-length").and_then(|length| length.parse().ok());
    reader
        .take(length.unwrap_or_default())
        .read_to_string(&mut request.body)
        .ok()?;
    Some(request)
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
    write_kubeconfig_with(file, server, "token-of-the-tests");
}

/// The same with a token.
pub fn write_kubeconfig_with(file: &Path, server: &str, token: &str) {
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": server}}],
        "users": [{"name": "test", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": "shop"}}],
    });
    fs::write(file, config.to_string()).expect("write a kubeconfig");
}
