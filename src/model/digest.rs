//! SHA-256 digests (FIPS 180-4) of what is compared but need not be kept.

use std::fmt;

use ring::digest::{Context, SHA256, SHA256_OUTPUT_LEN};
use subtle::ConstantTimeEq as _;

/// A SHA-256 digest. Two are compared in constant time, and none is shown: a short secret could be
/// found by its digest.
#[derive(Clone, Copy)]
pub struct Digest([u8; SHA256_OUTPUT_LEN]);

impl Digest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self::of_all([bytes])
    }

    /// The digest of several texts: where one ends and the next begins counts.
    pub fn of_all<'a>(texts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut context = Context::new(&SHA256);
        for text in texts {
            context.update(&(text.len() as u64).to_be_bytes());
            context.update(text);
        }
        let mut digest = [0; SHA256_OUTPUT_LEN];
        digest.copy_from_slice(context.finish().as_ref());
        Self(digest)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest")
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Digest {}

#[cfg(test)]
mod tests {
    use super::Digest;

    #[test]
    fn equal_texts_have_equal_digests_and_others_do_not() {
        assert_eq!(Digest::of(b"abc"), Digest::of(b"abc"));
        assert_ne!(Digest::of(b"abc"), Digest::of(b"abd"));
        assert_ne!(Digest::of_all([&b"ab"[..], b"c"]), Digest::of_all([&b"a"[..], b"bc"]));
        assert_eq!(format!("{:?}", Digest::of(b"abc")), "Digest");
    }
}
