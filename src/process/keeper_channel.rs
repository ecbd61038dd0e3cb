//! The keeper's end of the channel: blocking, one thread, one JSON object a line.
//!
//! A channel that fails is a channel that is closed: for the keeper both mean that `omk` is gone.

use std::collections::VecDeque;
use std::io::{self, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use super::program::{MAX_LINE, Order, Report};

/// The channel, as the keeper inherits it: its standard input.
pub(super) struct KeeperChannel {
    stream: UnixStream,
    partial: Vec<u8>,
    orders: VecDeque<Order>,
    closed: bool,
}

impl KeeperChannel {
    /// Takes the channel over. It is closed on exec; the standard input itself is replaced in every child.
    pub(super) fn inherited() -> io::Result<Self> {
        let stream = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        Ok(Self { stream, partial: Vec::new(), orders: VecDeque::new(), closed: false })
    }

    /// The descriptor to poll.
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// Whether `omk` is gone.
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Receives the three descriptors that the program gets, which come with the first byte.
    pub(super) fn receive_stdio(&mut self) -> io::Result<[OwnedFd; 3]> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut byte = [0_u8; 1];
        recvmsg(&self.stream, &mut [IoSliceMut::new(&mut byte)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
        let mut received = Vec::new();
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                received.extend(descriptors);
            }
        }
        received.try_into().map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "not three descriptors"))
    }

    /// The next order; waits for it. `None` when the channel is closed.
    pub(super) fn next_order(&mut self) -> Option<Order> {
        while self.orders.is_empty() && !self.closed {
            self.read();
        }
        self.orders.pop_front()
    }

    /// An order that has been read already.
    pub(super) fn pending(&mut self) -> Option<Order> {
        self.orders.pop_front()
    }

    /// Reads what is there, once; blocks where there is nothing.
    pub(super) fn read(&mut self) {
        let mut chunk = [0_u8; 16 * 1024];
        match self.stream.read(&mut chunk) {
            Ok(0) => self.closed = true,
            Ok(length) => self.take(&chunk[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => self.closed = true,
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.partial.extend_from_slice(bytes);
        while let Some(end) = self.partial.iter().position(|&b| b == b'\n') {
            match serde_json::from_slice(&self.partial[..end]) {
                Ok(order) => self.orders.push_back(order),
                Err(_) => self.closed = true,
            }
            self.partial.drain(..=end);
        }
        self.closed |= self.partial.len() > MAX_LINE;
    }

    /// Tells `omk` something; if nobody listens the channel is closed.
    pub(super) fn report(&mut self, report: &Report) {
        let line = serde_json::to_vec(report).map(|mut line| {
            line.push(b'\n');
            line
        });
        self.closed |= line.map_err(io::Error::from).and_then(|line| self.stream.write_all(&line)).is_err();
    }
}
