//! A small blocking HTTP/1.1 client, independent of the one under test.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

/// No reply of a test takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// The header without which no body is taken where callers are asked for nothing.
pub const JSON: (&str, &str) = ("content-type", "application/json");
/// What the head of a request has that is let in there.
pub const JSON_HEAD: &str = "host: localhost\r\ncontent-type: application/json\r\n";

/// A reply as it was received.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// From sending the request to the reply's end.
    pub took: Duration,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("replies are UTF-8")
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.text()))
    }

    /// What became of this source in an aggregate.
    #[track_caller]
    pub fn source(&self, name: &str) -> Value {
        let source = self.json()["sources"][name].clone();
        assert!(source.is_object(), "no source {name} in {}", self.text());
        source
    }

    #[track_caller]
    pub fn outcome(&self, source: &str) -> String {
        self.source(source)["outcome"].as_str().expect("outcomes are strings").to_owned()
    }
}

/// Sends one request on a connection of its own.
pub fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Reply> {
    let mut connection = Connection::open(address)?;
    connection.send(method, path, headers, body)
}

/// Sends these bytes, and returns all that comes back until the connection ends.
pub fn send_raw(address: SocketAddr, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    // The service may close before it has read everything; its reply counts.
    let _ = stream.write_all(bytes);
    let mut all = Vec::new();
    match stream.read_to_end(&mut all) {
        Err(error) if all.is_empty() => Err(error),
        _ => Ok(all),
    }
}

/// A kept connection.
pub struct Connection {
    stream: BufReader<TcpStream>,
    address: SocketAddr,
}

impl Connection {
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream), address })
    }

    pub fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Reply> {
        let mut bytes = Vec::new();
        write!(bytes, "{method} {path} HTTP/1.1\r\nhost: {}\r\n", self.address)?;
        for (name, value) in headers {
            write!(bytes, "{name}: {value}\r\n")?;
        }
        if !body.is_empty() || method != "GET" {
            write!(bytes, "content-length: {}\r\n", body.len())?;
        }
        write!(bytes, "\r\n")?;
        bytes.extend_from_slice(body);
        let started = Instant::now();
        self.stream.get_mut().write_all(&bytes)?;
        self.read(started)
    }

    /// Sends these bytes, whatever they are.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Reads one reply to a request that was sent at `started`.
    pub fn read(&mut self, started: Instant) -> io::Result<Reply> {
        let status_line = self.line()?;
        let status = status_line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status =
            status.ok_or_else(|| io::Error::other(format!("no status: {status_line:?}")))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        let find = |name: &str| {
            let found = headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.clone())
        };
        let mut body = Vec::new();
        if let Some(length) = find("content-length") {
            body.resize(length.parse().map_err(io::Error::other)?, 0);
            self.stream.read_exact(&mut body)?;
        } else if find("transfer-encoding").is_some() {
            self.read_chunks(&mut body)?;
        }
        Ok(Reply { status, headers, body, took: started.elapsed() })
    }

    fn read_chunks(&mut self, body: &mut Vec<u8>) -> io::Result<()> {
        loop {
            let size = usize::from_str_radix(self.line()?.trim(), 16).map_err(io::Error::other)?;
            let mut chunk = vec![0; size + 2];
            self.stream.read_exact(&mut chunk)?;
            body.extend_from_slice(&chunk[..size]);
            if size == 0 {
                return Ok(());
            }
        }
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }
}
