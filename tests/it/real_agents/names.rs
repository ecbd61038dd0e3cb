//! Hears which names are looked up, where this machine's resolver is ours: in a network namespace of our own whose
//! `resolv.conf` names 127.0.0.1. Every name is unknown here.

use std::net::UdpSocket;
use std::sync::{Arc, Mutex};

/// Says that the tests run in such a namespace.
const ALONE: &str = "OMK_REAL_AGENTS_ALONE";

/// The names that were asked for.
#[derive(Clone, Default)]
pub(crate) struct Names(Option<Arc<Mutex<Vec<String>>>>);

impl Names {
    /// Listens from now on, where that is possible.
    pub(crate) fn listen() -> Self {
        if std::env::var_os(ALONE).is_none() {
            return Self(None);
        }
        let socket = UdpSocket::bind("127.0.0.1:53").unwrap_or_else(|error| panic!("{ALONE} is set, but: {error}"));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let of_thread = Arc::clone(&heard);
        std::thread::spawn(move || answer(&socket, &of_thread));
        Self(Some(heard))
    }

    /// Whether anybody listens.
    pub(crate) fn are_heard(&self) -> bool {
        self.0.is_some()
    }

    /// The names since the last time.
    pub(crate) fn take(&self) -> Vec<String> {
        let mut names = self.0.as_ref().map(|heard| std::mem::take(&mut *heard.lock().unwrap())).unwrap_or_default();
        names.sort();
        names.dedup();
        names
    }
}

fn answer(socket: &UdpSocket, heard: &Mutex<Vec<String>>) {
    let mut buffer = [0; 1500];
    while let Ok((length, from)) = socket.recv_from(&mut buffer) {
        let Some((name, end)) = question(&buffer[..length]) else { continue };
        heard.lock().unwrap().push(name);
        let mut reply = buffer[..end].to_vec();
        // A response to a recursive query: there is no such name, and nothing but the question in it.
        reply[2..12].copy_from_slice(&[0x81, 0x83, 0, 1, 0, 0, 0, 0, 0, 0]);
        let _the_asker_is_gone = socket.send_to(&reply, from);
    }
}

/// The name that a query asks for, and where its question ends.
fn question(query: &[u8]) -> Option<(String, usize)> {
    let mut at = 12;
    let mut labels = Vec::new();
    loop {
        let length = usize::from(*query.get(at)?);
        let label = query.get(at + 1..at + 1 + length)?;
        at += 1 + length;
        if length == 0 {
            return (query.len() >= at + 4).then(|| (labels.join("."), at + 4));
        }
        labels.push(String::from_utf8_lossy(label).into_owned());
    }
}

#[test]
fn the_name_of_a_query_is_read() {
    let query = [&[7, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], b"\x03api\x07example\x00", &[0, 1, 0, 1]].concat();
    assert_eq!(question(&query), Some(("api.example".to_owned(), query.len())));
    assert_eq!(question(&query[..20]), None);
}
