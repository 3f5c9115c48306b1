//! Loading a file with any content ends in settings or in faults.

use proptest::prelude::*;

use crate::example::ConfigFolder;

const EXAMPLE: &str = include_str!("../../config/killgate.toml");

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        any::<u128>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| number.to_string()),
        any::<bool>().prop_map(|yes| yes.to_string()),
        any::<String>().prop_map(|text| format!("{text:?}")),
        "[a-z0-9:/@?&=%#,\\[\\]~.]{0,40}".prop_map(|rest| format!("'postgresql://{rest}'")),
        "[0-9]{0,25}[smh]".prop_map(|duration| format!("'{duration}'")),
        Just("[]".to_owned()),
        Just("{}".to_owned()),
        Just("[{ roles = [1] }, 'x', 2]".to_owned()),
    ]
}

fn loads_or_reports_faults(toml: &str) -> Result<(), TestCaseError> {
    if let Err(text) = ConfigFolder::new().load(toml) {
        prop_assert!(text.lines().count() >= 2, "{}", text);
        prop_assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{:?}", text);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn any_text(text in any::<String>()) {
        loads_or_reports_faults(&text)?;
    }

    #[test]
    fn the_example_with_any_value_in_any_place(line in 0..EXAMPLE.lines().count(), value in value()) {
        let changed = |(number, text): (usize, &str)| match text.trim_start_matches("# ").split_once(" = ") {
            Some((key, _)) if number == line => format!("{key} = {value}\n"),
            _ => format!("{text}\n"),
        };
        loads_or_reports_faults(&EXAMPLE.lines().enumerate().map(changed).collect::<String>())?;
    }

    #[test]
    fn the_example_with_a_piece_replaced(at in 0..EXAMPLE.len(), length in 0..40_usize, piece in "\\PC{0,8}") {
        let mut bytes = EXAMPLE.as_bytes().to_vec();
        let end = (at + length).min(bytes.len());
        bytes.splice(at..end, piece.bytes());
        loads_or_reports_faults(&String::from_utf8_lossy(&bytes))?;
    }
}
