//! New inputs out of known ones. Blind to what the code does with them, but it speaks the corpus'
//! language: what it inserts are mostly words of the corpus.

/// The largest input that is made.
const MAX_INPUT: usize = 64 * 1024;
/// How much longer than that a repetition may grow an input at once.
const MAX_GROWTH: usize = 4 * 1024;
/// Pieces that have broken readers before, whatever the format.
const NASTY: [&[u8]; 22] = [
    b"\0",
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b"\xff",
    b"\xc3\x28",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"-1",
    b"0",
    b"18446744073709551615",
    b"18446744073709551616",
    b"9223372036854775808",
    b"1e999",
    b"%2e",
    b"%00",
    b"..",
    b"\\",
    b"\"",
    b"\\ud800",
    "é😀\u{2028}".as_bytes(),
];

/// Makes inputs; the same seed and corpus give the same ones.
pub struct Mutator<'a> {
    corpus: &'a [Vec<u8>],
    words: Vec<&'a [u8]>,
    state: u64,
}

impl<'a> Mutator<'a> {
    /// `corpus` has at least one input.
    pub fn new(corpus: &'a [Vec<u8>], seed: u64) -> Self {
        let mut words: Vec<&[u8]> = corpus.iter().flat_map(|input| words(input)).collect();
        words.sort_unstable();
        words.dedup();
        words.extend(NASTY);
        Self { corpus, words, state: seed }
    }

    /// The next input.
    pub fn next_input(&mut self) -> Vec<u8> {
        let mut input = self.seed_input().to_vec();
        for _ in 0..=self.below(6) {
            self.change(&mut input);
        }
        input.truncate(MAX_INPUT + MAX_GROWTH);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        match self.below(10) {
            0 => self.flip_a_bit(input),
            1 => {
                let byte = [self.byte()];
                self.insert(input, &byte);
            }
            2 => {
                let range = self.range(input);
                input.drain(range);
            }
            3 => {
                let end = self.below(input.len() + 1);
                input.truncate(end);
            }
            4 => self.repeat(input),
            5 => self.splice(input),
            6 => self.replace(input),
            7 => {
                let range = self.range(input);
                input.get_mut(range).unwrap_or_default().reverse();
            }
            _ => {
                let word = self.word();
                self.insert(input, word);
            }
        }
    }

    fn flip_a_bit(&mut self, input: &mut [u8]) {
        let (at, bit) = (self.below(input.len()), self.below(8));
        if let Some(byte) = input.get_mut(at) {
            *byte ^= 1 << bit;
        }
    }

    fn insert(&mut self, input: &mut Vec<u8>, piece: &[u8]) {
        let at = self.below(input.len() + 1);
        input.splice(at..at, piece.iter().copied());
    }

    /// A range gives way to a word.
    fn replace(&mut self, input: &mut Vec<u8>) {
        let (range, word) = (self.range(input), self.word());
        input.splice(range, word.iter().copied());
    }

    /// A range comes once more, or very often.
    fn repeat(&mut self, input: &mut Vec<u8>) {
        let range = self.range(input);
        let piece = input.get(range.clone()).unwrap_or_default().to_vec();
        let most = (MAX_GROWTH / piece.len().max(1)).max(1);
        let times = if self.below(4) == 0 { 1 + self.below(most) } else { 1 };
        if input.len() < MAX_INPUT {
            input.splice(range.end..range.end, piece.repeat(times));
        }
    }

    /// The beginning of this input and the end of another.
    fn splice(&mut self, input: &mut Vec<u8>) {
        let other = self.seed_input();
        let (end, start) = (self.below(input.len() + 1), self.below(other.len() + 1));
        input.truncate(end);
        input.extend_from_slice(other.get(start..).unwrap_or_default());
    }

    /// A range inside of the input, mostly a short one.
    fn range(&mut self, input: &[u8]) -> std::ops::Range<usize> {
        let start = self.below(input.len() + 1);
        let room = input.len() - start;
        let most = if self.below(4) == 0 { room } else { room.min(12) };
        start..start + self.below(most + 1)
    }

    fn seed_input(&mut self) -> &'a [u8] {
        let index = self.below(self.corpus.len());
        self.corpus.get(index).map_or(&[], Vec::as_slice)
    }

    fn word(&mut self) -> &'a [u8] {
        let index = self.below(self.words.len());
        self.words.get(index).copied().unwrap_or_default()
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).unwrap_or_default()
    }

    /// A number below `bound`; 0 if there is none.
    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next_u64() % bound).unwrap_or_default()
    }

    /// The `SplitMix64` generator (Steele, Lea and Flood 2014).
    fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// The words of an input, and the single characters between them.
fn words(input: &[u8]) -> impl Iterator<Item = &[u8]> {
    let together = |a: &u8, b: &u8| a.is_ascii_alphanumeric() && b.is_ascii_alphanumeric();
    input.chunk_by(together)
}

#[test]
fn the_same_seed_makes_the_same_inputs_and_another_one_others() {
    let corpus = [b"a: 1\r\n".to_vec(), b"{\"b\":[2]}".to_vec()];
    let made = |seed| {
        let mut mutator = Mutator::new(&corpus, seed);
        (0..100).map(|_| mutator.next_input()).collect::<Vec<_>>()
    };
    assert_eq!(made(1), made(1));
    assert_ne!(made(1), made(2));
}
