//! A client of HTTP, and a server that keeps what it is sent.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use serde_json::Value;

/// An answer.
pub struct HttpAnswer {
    pub status: u16,
    headers: ureq::http::HeaderMap,
    pub body: Vec<u8>,
}

impl HttpAnswer {
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text()))
    }
}

/// Sends a request.
pub fn request(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<HttpAnswer, String> {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(Some(Duration::from_secs(100)))
        .allow_non_standard_methods(true)
        .build();
    let mut request = ureq::http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(body).unwrap();
    let agent = ureq::Agent::new_with_config(config);
    let mut answer = agent.run(request).map_err(|error| error.to_string())?;
    let body = answer
        .body_mut()
        .with_config()
        .limit(100 << 20)
        .read_to_vec();
    Ok(HttpAnswer {
        status: answer.status().as_u16(),
        headers: answer.headers().clone(),
        body: body.map_err(|error| error.to_string())?,
    })
}

/// A form with a file and other fields: its content type and its body.
pub fn form(file: Option<(&str, &[u8])>, fields: &[(&str, &str)]) -> (String, Vec<u8>) {
    let mut body = Vec::new();
    for (name, value) in fields {
        write!(
            body,
            "--edge\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        )
        .unwrap();
    }
    if let Some((name, bytes)) = file {
        write!(
            body,
            "--edge\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n"
        )
        .unwrap();
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--edge--\r\n");
    ("multipart/form-data; boundary=edge".to_owned(), body)
}

/// A request that a server was sent: its headers, in lower case, and its body.
#[derive(Clone, Debug)]
pub struct HttpRequest {
    headers: Vec<(String, String)>,
    pub body: String,
}

impl HttpRequest {
    pub fn header(&self, name: &str) -> &str {
        let mut headers = self.headers.iter();
        headers
            .find(|(header, _)| header == name)
            .map_or("", |(_, value)| value)
    }
}

/// A server that takes everything.
pub struct HttpReceiver {
    taken: Arc<Mutex<Vec<HttpRequest>>>,
}

impl HttpReceiver {
    /// Listens at a port that may have been free so far.
    pub fn listen(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let taken = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&taken);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut headers = Vec::new();
                loop {
                    let mut line = String::new();
                    if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
                        break;
                    }
                    if let Some((name, value)) = line.split_once(": ") {
                        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
                    }
                }
                let request = HttpRequest {
                    headers,
                    body: String::new(),
                };
                let length = request.header("content-length").parse().unwrap_or(0);
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                into.lock().unwrap().push(HttpRequest {
                    body: String::from_utf8(body).unwrap(),
                    ..request
                });
                let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
            }
        });
        Self { taken }
    }

    pub fn taken(&self) -> Vec<HttpRequest> {
        self.taken.lock().unwrap().clone()
    }
}
