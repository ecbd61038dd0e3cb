set -eu
. agent/announce.sh
tell measures Program "the program \`measures 3.5 km mi\`."

cat > src/main.rs <<'RUST'
//! `measures VALUE FROM TO`: converts a measure and prints it.

use std::process::ExitCode;

use measures::number::shown;
use measures::quantity::Quantity;
use measures::temperature;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [value, from, to] = words.as_slice() else {
        eprintln!("usage: measures VALUE FROM TO");
        return ExitCode::from(2);
    };
    match converted(value, from, to) {
        Some(result) => {
            println!("{} {to}", shown(result));
            ExitCode::SUCCESS
        }
        None => {
            eprintln!("cannot convert {value} {from} to {to}");
            ExitCode::from(2)
        }
    }
}

fn converted(value: &str, from: &str, to: &str) -> Option<f64> {
    let quantity = Quantity::parse(&format!("{value} {from}"))?;
    quantity.within(to).or_else(|| temperature::convert(quantity.value, from, to))
}
RUST

mkdir -p tests
cat > tests/program.rs <<'RUST'
//! The program as its users call it.

use std::process::{Command, Output};

fn measures(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_measures")).args(words).output().expect("the program starts")
}

#[test]
fn a_length_is_converted() {
    assert_eq!(measures(&["3.5", "km", "mi"]).stdout, b"2.17 mi\n");
}

#[test]
fn a_temperature_is_converted() {
    assert_eq!(measures(&["100", "C", "F"]).stdout, b"212 F\n");
}

#[test]
fn what_cannot_be_converted_exits_with_2() {
    assert_eq!(measures(&["1", "m", "kg"]).status.code(), Some(2));
}
RUST
echo "wrote src/main.rs and tests/program.rs"
