set -eu
. agent/announce.sh
announce quantity Quantities "a number and its unit, as one types them."

cat > src/quantity.rs <<'RUST'
//! A number and its unit, as one types them.

use crate::{length, weight};

/// A length or a weight.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantity {
    /// How much.
    pub value: f64,
    /// Of what.
    pub unit: String,
}

impl Quantity {
    /// Reads `3.5 km`; `None` where that is no number and a unit.
    pub fn parse(text: &str) -> Option<Self> {
        let (value, unit) = text.trim().split_once(' ')?;
        Some(Self { value: value.parse().ok()?, unit: unit.trim().to_owned() })
    }

    /// The same in another unit of its kind; `None` where that is of another kind or unknown.
    pub fn within(&self, unit: &str) -> Option<f64> {
        length::convert(self.value, &self.unit, unit)
            .or_else(|| weight::convert(self.value, &self.unit, unit))
    }
}

#[cfg(test)]
mod tests {
    use super::Quantity;

    #[test]
    fn lengths_and_weights_are_read() {
        let quantity = Quantity::parse("3.5 km");
        assert_eq!(quantity, Some(Quantity { value: 3.5, unit: "km".to_owned() }));
        assert_eq!(Quantity::parse("2 lb").and_then(|two| two.within("oz")), Some(32.0));
    }

    #[test]
    fn a_length_is_no_weight() {
        assert_eq!(Quantity::parse("1 m").and_then(|metre| metre.within("kg")), None);
    }

    #[test]
    fn a_word_is_no_quantity() {
        assert_eq!(Quantity::parse("far away"), None);
    }
}
RUST
echo "wrote src/quantity.rs"
