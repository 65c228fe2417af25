//! A client for the simulator's own tests: raw bytes over a socket, nothing understood that is
//! not needed. Everything ends after five seconds at most.

use std::future::Future;
use std::io;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::simulator::Upstream;

/// The end of every wait.
pub(super) async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(5), work)
        .await
        .expect("it takes more than five seconds")
}

/// A request without a body.
pub(super) fn get(target: &str, headers: &[(&str, &str)]) -> String {
    request("GET", target, headers, "")
}

/// A request with a body and its length.
pub(super) fn post(target: &str, headers: &[(&str, &str)], body: &str) -> String {
    request("POST", target, headers, body)
}

fn request(method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> String {
    let lines = headers.iter().map(|(name, value)| [*name, ": ", *value, "\r\n"].concat());
    let headers: String = lines.collect();
    let length = body.len();
    format!("{method} {target} HTTP/1.1\r\n{headers}content-length: {length}\r\n\r\n{body}")
}

/// Sends one request on a connection of its own.
pub(super) async fn call(upstream: &Upstream, request: &str) -> Answered {
    let mut client = Client::connect(upstream).await;
    client.send(request).await;
    client.reply().await
}

/// A reply with a `Content-Length`.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: u16,
    /// In lower case, status line included.
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Answered {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the body is not JSON")
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| *found == name).map(|(_, value)| value)
    }
}

pub(super) struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    pub(super) async fn connect(upstream: &Upstream) -> Self {
        let stream = soon(TcpStream::connect(upstream.addr())).await.unwrap();
        Self { stream, buffer: Vec::new() }
    }

    pub(super) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        soon(self.stream.write_all(bytes.as_ref())).await.unwrap();
    }

    /// Everything up to and with the next blank line.
    pub(super) async fn head(&mut self) -> String {
        let end = loop {
            let end = self.buffer.windows(4).position(|four| four == b"\r\n\r\n");
            if let Some(start) = end {
                break start + 4;
            }
            self.read_some().await;
        };
        let head = self.buffer.drain(..end).collect();
        String::from_utf8(head).unwrap().to_ascii_lowercase()
    }

    pub(super) async fn reply(&mut self) -> Answered {
        let head = self.head().await;
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut reply = Answered { status, head, body: Vec::new() };
        let length: usize = reply.header("content-length").unwrap().parse().unwrap();
        while self.buffer.len() < length {
            self.read_some().await;
        }
        reply.body = self.buffer.drain(..length).collect();
        reply
    }

    /// Reads what there is and tells how many bytes that was.
    pub(super) async fn read_some(&mut self) -> usize {
        let read = soon(self.stream.read_buf(&mut self.buffer)).await.unwrap();
        assert_ne!(read, 0, "closed after {:?}", self.buffer);
        read
    }

    /// Everything until the server closes; an error if it breaks the connection.
    pub(super) async fn rest(&mut self) -> io::Result<String> {
        soon(self.stream.read_to_end(&mut self.buffer)).await?;
        Ok(String::from_utf8(std::mem::take(&mut self.buffer)).unwrap())
    }
}
