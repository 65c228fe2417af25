//! Which requests are traced.

/// Which requests are traced: all of one trace or none, decided by the caller or by the trace's id.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// The part of the traces that is recorded, 0 to 1.
    pub ratio: f64,
    /// Whether a caller that brings a trace decides.
    pub caller_decides: bool,
}

impl Sampling {
    /// Whether a request of this trace is recorded; `asked` is what its caller says, if it brought
    /// the trace.
    ///
    /// By the id, so that every service with the same ratio decides alike. The part of the id that
    /// counts is the one that OpenTelemetry's `TraceIdRatioBased` takes.
    pub fn decide(&self, trace_id: u128, asked: Option<bool>) -> bool {
        match asked {
            Some(asked) if self.caller_decides => asked,
            Some(_) | None => f64::from(upper_half(trace_id)) < self.ratio * RANGE,
        }
    }
}

/// How many numbers of 32 bits there are.
const RANGE: f64 = 4_294_967_296.0;

/// The upper half of the id's low 64 bits; the lower one never matters to a ratio that a person
/// would write.
fn upper_half(trace_id: u128) -> u32 {
    let low = trace_id.to_be_bytes();
    u32::from_be_bytes([low[8], low[9], low[10], low[11]])
}

#[cfg(test)]
mod tests {
    use super::Sampling;

    #[test]
    fn the_caller_decides_where_it_may() {
        let sampling = Sampling { ratio: 0.0, caller_decides: true };
        assert!(sampling.decide(1, Some(true)));
        assert!(!sampling.decide(1, Some(false)));
        assert!(!sampling.decide(1, None));
        let sampling = Sampling { ratio: 1.0, caller_decides: false };
        assert!(sampling.decide(1, Some(false)));
    }

    #[test]
    fn the_ratio_is_the_part_of_the_ids_that_is_traced() {
        for (ratio, expected) in [(0.0, 0), (0.25, 250), (0.5, 500), (1.0, 1000)] {
            let sampling = Sampling { ratio, caller_decides: true };
            // A thousand ids, evenly spread over the low 64 bits.
            let ids =
                (0..1000_u128).map(|n| (7 << 64) | ((2 * n + 1) * u128::from(u64::MAX) / 2000));
            assert_eq!(ids.filter(|id| sampling.decide(*id, None)).count(), expected, "{ratio}");
        }
        let all = Sampling { ratio: 1.0, caller_decides: true };
        assert!(all.decide(u128::MAX, None));
    }
}
