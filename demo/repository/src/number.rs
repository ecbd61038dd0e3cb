//! Numbers as people read them.

/// A number with at most two decimals and no needless zeros.
pub fn shown(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn whole_numbers_have_no_decimals() {
        assert_eq!(shown(100.0), "100");
    }

    #[test]
    fn decimals_are_rounded_to_two() {
        assert_eq!(shown(2.174_799), "2.17");
    }
}
