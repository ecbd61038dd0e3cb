set -eu
. agent/announce.sh
announce length Lengths "metric and imperial lengths."

cat > src/length.rs <<'RUST'
//! Lengths, converted by way of the metre.

const METRES: [(&str, f64); 6] =
    [("mm", 0.001), ("cm", 0.01), ("m", 1.0), ("km", 1000.0), ("ft", 0.3048), ("mi", 1609.344)];

/// Converts a length; `None` where a unit is unknown.
pub fn convert(value: f64, from: &str, to: &str) -> Option<f64> {
    Some(value * metres(from)? / metres(to)?)
}

fn metres(unit: &str) -> Option<f64> {
    METRES.iter().find(|(name, _)| *name == unit).map(|(_, metres)| *metres)
}

#[cfg(test)]
mod tests {
    use super::convert;

    #[test]
    fn a_mile_is_1609_metres() {
        assert_eq!(convert(1.0, "mi", "m"), Some(1609.344));
    }

    #[test]
    fn a_kilometre_is_a_thousand_metres() {
        assert_eq!(convert(2.5, "km", "m"), Some(2500.0));
    }

    #[test]
    fn an_unknown_unit_is_refused() {
        assert_eq!(convert(1.0, "m", "parsec"), None);
    }
}
RUST
echo "wrote src/length.rs"
