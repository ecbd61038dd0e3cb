set -eu
. agent/announce.sh
announce temperature Temperatures "Celsius, Fahrenheit and Kelvin."

# The first attempt forgets where Fahrenheit has its freezing point. The gate `test` is red then, and its output comes
# back with the next attempt's task: only who reads it there knows what to mend.
freezing=0.0
if grep -q "water_freezes_at_32_fahrenheit" "$OMK_TASK_FILE"; then
    echo "the gate says that water_freezes_at_32_fahrenheit fails: mending the offset"
    freezing=32.0
fi

cat > src/temperature.rs <<RUST
//! Temperatures, converted by way of Celsius.

/// Where water freezes, in degrees Fahrenheit.
const FREEZING_FAHRENHEIT: f64 = $freezing;
/// Where water freezes, in Kelvin.
const FREEZING_KELVIN: f64 = 273.15;

/// Converts a temperature; \`None\` where a unit is unknown.
pub fn convert(value: f64, from: &str, to: &str) -> Option<f64> {
    let celsius = match from {
        "C" => value,
        "F" => (value - FREEZING_FAHRENHEIT) * 5.0 / 9.0,
        "K" => value - FREEZING_KELVIN,
        _ => return None,
    };
    match to {
        "C" => Some(celsius),
        "F" => Some(celsius * 9.0 / 5.0 + FREEZING_FAHRENHEIT),
        "K" => Some(celsius + FREEZING_KELVIN),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::convert;

    #[test]
    fn water_freezes_at_32_fahrenheit() {
        assert_eq!(convert(0.0, "C", "F"), Some(32.0));
    }

    #[test]
    fn water_boils_at_373_kelvin() {
        assert_eq!(convert(100.0, "C", "K"), Some(373.15));
    }

    #[test]
    fn an_unknown_unit_is_refused() {
        assert_eq!(convert(1.0, "C", "R"), None);
    }
}
RUST
echo "wrote src/temperature.rs"
