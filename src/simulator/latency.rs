//! How long a simulated upstream takes before it answers, and the small seeded generator behind
//! every random choice of the simulator: the same seed gives the same run.

use std::time::Duration;

/// No drawn latency is longer than this, whatever the parameters say.
const LONGEST: Duration = Duration::from_hours(1);

/// Time between a request that was read and the answer to it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Latency {
    /// Answers at once, without going to sleep at all.
    #[default]
    None,
    /// Always the same time.
    Fixed(Duration),
    /// Log-normal: half of the answers come within `median`; `sigma` is the standard deviation of
    /// the natural logarithm (0.3 is steady, 1.0 has a long tail). A `sigma` that is not finite
    /// counts as 0.
    Lognormal {
        /// The time within which half of the answers come.
        median: Duration,
        /// The standard deviation of the logarithm.
        sigma: f64,
    },
    /// `base` mostly, and `slow` with `probability` (0 to 1).
    Tail {
        /// The usual time.
        base: Duration,
        /// How often `slow` is taken instead: 0.01 is one answer in a hundred.
        probability: f64,
        /// The time of the slow answers.
        slow: Duration,
    },
}

impl Latency {
    /// Draws the time for one request; one hour at most.
    pub(super) fn sample(&self, random: &mut SplitMix64) -> Duration {
        let drawn = match *self {
            Self::None => Duration::ZERO,
            Self::Fixed(time) => time,
            Self::Lognormal { median, sigma } => {
                let sigma = if sigma.is_finite() { sigma } else { 0.0 };
                let seconds = median.as_secs_f64() * (sigma * random.next_normal()).exp();
                Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST)
            }
            Self::Tail { base, probability, slow } => {
                if random.next_unit() < probability {
                    slow
                } else {
                    base
                }
            }
        };
        drawn.min(LONGEST)
    }
}

/// The `SplitMix64` generator (Steele, Lea and Flood 2014): one word of state, good enough to
/// simulate with, and of no use for secrets.
#[derive(Debug, Clone)]
pub(super) struct SplitMix64 {
    state: u64,
}

impl SplitMix64 {
    pub(super) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    pub(super) fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 (included) to 1 (excluded).
    pub(super) fn next_unit(&mut self) -> f64 {
        let upper_half = u32::try_from(self.next_u64() >> 32).unwrap_or(u32::MAX);
        f64::from(upper_half) / (f64::from(u32::MAX) + 1.0)
    }

    /// A number of the standard normal distribution (Box and Muller 1958).
    fn next_normal(&mut self) -> f64 {
        // The logarithm needs a number above 0: turn [0, 1) into (0, 1].
        let radius = (-2.0 * (1.0 - self.next_unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.next_unit()).cos()
    }

    /// 32 random hexadecimal digits in the grouping of a UUID.
    pub(super) fn next_uuid(&mut self) -> String {
        let digits = format!("{:016x}{:016x}", self.next_u64(), self.next_u64());
        let groups = [0..8, 8..12, 12..16, 16..20, 20..32];
        groups.map(|group| digits.get(group).unwrap_or_default().to_owned()).join("-")
    }

    /// One of `choices`; the type's default value if there are none.
    pub(super) fn pick<T: Copy + Default>(&mut self, choices: &[T]) -> T {
        let count = u64::try_from(choices.len()).unwrap_or(u64::MAX).max(1);
        let index = usize::try_from(self.next_u64() % count).unwrap_or(0);
        choices.get(index).copied().unwrap_or_default()
    }
}

/// A seed out of a text, the same on every platform and in every run (64-bit FNV-1a).
pub(super) fn seed_of(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MEDIAN: Duration = Duration::from_millis(100);

    fn samples(latency: Latency, count: usize) -> Vec<Duration> {
        let mut random = SplitMix64::new(7);
        (0..count).map(|_| latency.sample(&mut random)).collect()
    }

    #[test]
    fn the_generator_gives_the_published_first_numbers_of_seed_1234567() {
        let mut random = SplitMix64::new(1_234_567);
        assert_eq!(random.next_u64(), 6_457_827_717_110_365_317);
        assert_eq!(random.next_u64(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn no_latency_and_a_fixed_latency_are_exact() {
        assert_eq!(samples(Latency::None, 1), [Duration::ZERO]);
        assert_eq!(samples(Latency::Fixed(MEDIAN), 2), [MEDIAN, MEDIAN]);
    }

    #[test]
    fn half_of_the_lognormal_samples_are_below_the_median() {
        let latency = Latency::Lognormal { median: MEDIAN, sigma: 0.5 };
        let drawn = samples(latency, 10_000);
        let below = drawn.iter().filter(|time| **time < MEDIAN).count();
        assert!((4_800..5_200).contains(&below), "{below}");
        // One standard deviation up is the 84th percentile.
        let one_sigma = MEDIAN.mul_f64(0.5_f64.exp());
        let within = drawn.iter().filter(|time| **time < one_sigma).count();
        assert!((8_250..8_580).contains(&within), "{within}");
    }

    #[test]
    fn a_tail_is_as_frequent_as_its_probability() {
        let slow = Duration::from_secs(2);
        let latency = Latency::Tail { base: MEDIAN, probability: 0.1, slow };
        let drawn = samples(latency, 10_000);
        let slow_ones = drawn.iter().filter(|time| **time == slow).count();
        assert!((900..1_100).contains(&slow_ones), "{slow_ones}");
    }

    #[test]
    fn texts_give_different_seeds_and_the_same_text_the_same_seed() {
        assert_eq!(seed_of("a"), 0xaf63_dc4c_8601_ec8c);
        assert_ne!(seed_of("c-1"), seed_of("c-2"));
    }

    proptest! {
        #[test]
        fn any_sigma_gives_a_bounded_latency(sigma in any::<f64>(), seed in any::<u64>()) {
            let latency = Latency::Lognormal { median: MEDIAN, sigma };
            prop_assert!(latency.sample(&mut SplitMix64::new(seed)) <= LONGEST);
        }
    }
}
