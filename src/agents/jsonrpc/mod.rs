//! A JSON-RPC 2.0 peer over lines of JSON, for every protocol that agents speak on their standard streams.
//!
//! Knows nothing of what is said. Bytes come in through `peer::Peer::feed`, lines go out through a channel, and what
//! the other side asks is answered by a `serve::Dialect`. However the other side behaves, memory is bounded: by the
//! longest line (`frames`), by what waits before no more is read (`queue`), by the requests that are open at once
//! (`serve`), and by what is recorded (`record`).

pub(super) mod frames;
pub mod inbound;
pub mod life;
pub mod message;
pub mod peer;
pub mod queue;
pub(super) mod record;
pub mod serve;
