//! As much of HTTP/1.1 as clients of model providers need: requests with a length or in chunks, answers whole or as a
//! stream of events.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Shared;

/// How often a wait looks whether the client is still there.
const GLANCE: Duration = Duration::from_millis(20);

/// One request.
#[derive(Debug)]
pub(super) struct HttpRequest {
    pub(super) method: String,
    /// Without the query.
    pub(super) path: String,
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl HttpRequest {
    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str())
    }

    /// What keeps the body from being read, `Content-Encoding` that we do not know.
    pub(super) fn encoding(&self) -> Option<&str> {
        self.header("content-encoding").filter(|encoding| *encoding != "identity")
    }

    pub(super) fn wants_websocket(&self) -> bool {
        self.header("upgrade").is_some_and(|to| to.eq_ignore_ascii_case("websocket"))
    }
}

/// Reads the next request of a connection; `None` where it is over.
pub(super) fn read(reader: &mut BufReader<&TcpStream>) -> io::Result<Option<HttpRequest>> {
    let Some(first) = line(reader)? else { return Ok(None) };
    let mut words = first.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = target.split('?').next().unwrap_or_default();
    let mut request =
        HttpRequest { method: method.to_owned(), path: path.to_owned(), headers: Vec::new(), body: Vec::new() };
    while let Some(header) = line(reader)?.filter(|header| !header.is_empty()) {
        let (name, value) = header.split_once(':').unwrap_or((&header, ""));
        request.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    if request.header("expect").is_some() {
        reader.get_mut().write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    request.body = match request.header("content-length") {
        Some(length) => exactly(reader, length.parse().map_err(io::Error::other)?)?,
        None if request.header("transfer-encoding").is_some_and(|it| it.contains("chunked")) => chunks(reader)?,
        None => Vec::new(),
    };
    Ok(Some(request))
}

fn line(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    Ok(Some(line.trim_end().to_owned()))
}

fn exactly(reader: &mut impl Read, length: usize) -> io::Result<Vec<u8>> {
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(body)
}

fn chunks(reader: &mut BufReader<&TcpStream>) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = line(reader)?.unwrap_or_default();
        let size = usize::from_str_radix(size.split(';').next().unwrap_or_default(), 16).map_err(io::Error::other)?;
        body.extend(exactly(reader, size)?);
        line(reader)?;
        if size == 0 {
            return Ok(body);
        }
    }
}

/// Where an answer goes.
pub(super) struct Client<'a> {
    pub(super) stream: &'a TcpStream,
    pub(super) shared: &'a Shared,
}

impl Client<'_> {
    /// Answers with a document; the connection stays.
    pub(super) fn document(&mut self, status: u16, more: &[(&str, String)], body: &Value) -> io::Result<()> {
        let body = body.to_string();
        let mut head = format!(
            "HTTP/1.1 {status} {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n",
            if status < 400 { "OK" } else { "No" },
            body.len()
        );
        more.iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
        self.stream.write_all(format!("{head}\r\n{body}").as_bytes())
    }

    /// Begins a stream of events; the connection ends with it.
    pub(super) fn begin(&mut self) -> io::Result<()> {
        self.stream.write_all(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\nconnection: close\r\n\r\n",
        )
    }

    /// Sends an event.
    pub(super) fn event(&mut self, name: Option<&str>, data: &str) -> io::Result<()> {
        let name = name.map(|name| format!("event: {name}\n")).unwrap_or_default();
        self.stream.write_all(format!("{name}data: {data}\n\n").as_bytes())
    }

    /// Says nothing for a while, without a sign of life; an error where the client hangs up, or the server ends.
    pub(super) fn wait(&mut self, seconds: f64) -> io::Result<()> {
        let end = Instant::now() + Duration::from_secs_f64(seconds);
        self.wait_while(|| Instant::now() < end)
    }

    /// The same until a condition no longer holds.
    pub(super) fn wait_while(&mut self, holds: impl Fn() -> bool) -> io::Result<()> {
        self.stream.set_read_timeout(Some(GLANCE))?;
        while holds() {
            let gone = match self.stream.peek(&mut [0]) {
                Ok(0) => true,
                Ok(_) => {
                    std::thread::sleep(GLANCE);
                    false
                }
                Err(error) => !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut),
            };
            if gone || self.shared.is_over() {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
        }
        self.stream.set_read_timeout(None)
    }
}
