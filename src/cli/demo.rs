//! placeholder
use crate::cli::args::{Common, DemoArgs};
use crate::cli::error::Failure;
use crate::cli::output::Output;
/// Runs the demo.
pub fn run(_common: &Common, _output: Output, _options: &DemoArgs) -> Result<u8, Failure> {
    Ok(0)
}
