//! The façade that the command line calls: start, control, view.
//!
//! Owns the composition of the program. The only room that knows every other one.

pub mod clock;
pub mod config;
pub mod demo;
pub mod doctor;
pub mod error;
pub mod hidden;
pub mod request;

mod budget;
mod check;
pub mod choice;
mod control;
mod create;
mod drive;
mod event_loop;
mod garbage;
mod kept;
mod list;
mod live;
mod losses;
mod meeting;
mod plan;
mod projection;
mod proof_file;
mod read;
mod readers;
mod recovery;
pub mod scope;
mod serve;
mod shutdown;
mod steer;
mod surplus;
mod surroundings;
mod system;
mod watchdog;
mod why;

use std::path::PathBuf;

use crate::app::config::{Config, Variables};
use crate::app::error::AppError;
use crate::app::request::Place;
use crate::domain::event::Event;
use crate::domain::redact;
use crate::process::binary::THIS;
use crate::store::layout::{Environment, StateDir};

/// Gets every durable record of a run, in order, as it becomes durable.
pub type EventSink = Box<dyn FnMut(&Event) + Send>;

/// The program, opened on one state directory.
pub struct Omk {
    place: Place,
    state: StateDir,
    config: Config,
    variables: Variables,
    /// This program's binary, whose hidden verbs its children run, as whoever starts it finds it.
    omk: PathBuf,
}

impl Omk {
    /// Opens the program. Reads the user's configuration; writes nothing.
    pub fn open(place: Place) -> Result<Self, AppError> {
        let variables: Variables = std::env::vars_os().collect();
        know_secrets(&variables);
        let value = |name: &str| variables.get(&std::ffi::OsString::from(name)).cloned();
        let environment = Environment {
            omk_state_dir: value("OMK_STATE_DIR"),
            xdg_state_home: value("XDG_STATE_HOME"),
            home: value("HOME"),
        };
        let state = StateDir::locate(place.state_dir.as_deref(), &environment)?;
        let state = StateDir::at(place.cwd.join(state.path()));
        let config = config::load(&variables)?;
        Ok(Self { place, state, config, variables, omk: THIS.into() })
    }
}

/// Keeps secrets of this process out of everything that is kept or shown.
fn know_secrets(variables: &Variables) {
    redact::know(variables.iter().filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?))));
}
