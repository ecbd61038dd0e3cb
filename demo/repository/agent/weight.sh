set -eu
. agent/announce.sh
announce weight Weights "metric and imperial weights."

cat > src/weight.rs <<'RUST'
//! Weights, converted by way of the gram.

const GRAMS: [(&str, f64); 5] =
    [("g", 1.0), ("kg", 1000.0), ("t", 1_000_000.0), ("oz", 28.349_523_125), ("lb", 453.592_37)];

/// Converts a weight; `None` where a unit is unknown.
pub fn convert(value: f64, from: &str, to: &str) -> Option<f64> {
    Some(value * grams(from)? / grams(to)?)
}

fn grams(unit: &str) -> Option<f64> {
    GRAMS.iter().find(|(name, _)| *name == unit).map(|(_, grams)| *grams)
}

#[cfg(test)]
mod tests {
    use super::convert;

    #[test]
    fn a_pound_is_454_grams() {
        assert_eq!(convert(1.0, "lb", "g"), Some(453.592_37));
    }

    #[test]
    fn a_pound_has_sixteen_ounces() {
        assert_eq!(convert(1.0, "lb", "oz"), Some(16.0));
    }

    #[test]
    fn an_unknown_unit_is_refused() {
        assert_eq!(convert(1.0, "stone", "kg"), None);
    }
}
RUST
echo "wrote src/weight.rs"
