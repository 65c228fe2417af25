use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Map, Number};

use super::super::list_form::{AnyValue, Numbers, Texts};
use super::super::number_form::{Count, Ratio, Size, Time};
use super::*;
use crate::config::toml_value::parse_toml;

/// The values that are read back from how they are shown.
fn round_trip<F: Form>(form: F, value: &F::Value) -> Result<F::Value, String> {
    let shown = form.show(value);
    let parsed = parse_toml(&shown).ok_or_else(|| format!("no TOML: {shown}"))?;
    form.read(&parsed).map_err(|refusal| format!("{shown}: {refusal:?}"))
}

/// Any JSON that TOML can say: it has no `null`.
fn json_of_toml() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Json::Bool),
        any::<i64>().prop_map(Json::from),
        prop::num::f64::NORMAL
            .prop_map(|number| Json::Number(Number::from_f64(number).expect("finite"))),
        any::<String>().prop_map(Json::String),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::Array),
            prop::collection::vec((any::<String>(), inner), 0..4)
                .prop_map(|entries| Json::Object(entries.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_shown_is_read_back_as_the_same(
        text in any::<String>(),
        flag in any::<bool>(),
        count in 3_u32..=1000,
        ratio in 0.0_f64..=1.0,
        millis in 1_u64..=3_600_000,
        bytes in 1_u32..=u32::MAX,
        texts in prop::collection::vec(any::<String>(), 0..4),
        numbers in prop::collection::vec(400_u16..=499, 0..4),
        json in json_of_toml(),
    ) {
        prop_assert_eq!(round_trip(Text, &text), Ok(text.clone()));
        prop_assert_eq!(round_trip(FileName, &text), Ok(text));
        prop_assert_eq!(round_trip(Flag, &flag), Ok(flag));
        prop_assert_eq!(round_trip(Count(3, 1000), &count), Ok(count));
        prop_assert_eq!(round_trip(Ratio(0.0, 1.0), &ratio), Ok(ratio));
        let time = Duration::from_millis(millis);
        let hour = Duration::from_hours(1);
        prop_assert_eq!(round_trip(Time(Duration::from_millis(1), hour), &time), Ok(time));
        let size = bytes as usize;
        prop_assert_eq!(round_trip(Size(1, u32::MAX), &size), Ok(size));
        prop_assert_eq!(round_trip(Texts, &texts), Ok(texts));
        prop_assert_eq!(round_trip(Numbers(400, 499), &numbers), Ok(numbers));
        prop_assert_eq!(round_trip(AnyValue, &json), Ok(json));
        let words = Word(&[("a", 1), ("b", 2)]);
        prop_assert_eq!((round_trip(words, &1), round_trip(words, &2)), (Ok(1), Ok(2)));
    }
}
