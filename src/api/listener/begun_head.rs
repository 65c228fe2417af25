//! What has come of a request's head that is not whole yet, and may never be.

/// So much of it is kept, for what can be told of one that never is.
const MOST_KEPT: usize = 8 * 1024;
/// Stands behind a target in the first line (RFC 9112 section 3).
const VERSION: usize = " HTTP/1.1".len();

#[derive(Debug, Default)]
pub(in crate::api) struct BegunHead {
    kept: Vec<u8>,
    /// How long its first line is so far, bytes.
    line: usize,
    line_has_ended: bool,
}

impl BegunHead {
    /// These bytes have come.
    pub fn add(&mut self, bytes: &[u8]) {
        let room = MOST_KEPT.saturating_sub(self.kept.len());
        self.kept.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        // Lines before the first one may be empty (RFC 9112 section 2.2).
        let bytes = if self.line == 0 { bytes.trim_ascii_start() } else { bytes };
        if !self.line_has_ended {
            let end = bytes.iter().position(|byte| b"\r\n".contains(byte));
            self.line_has_ended = end.is_some();
            self.line += end.unwrap_or(bytes.len());
        }
    }

    /// As much of it as is kept.
    pub fn kept(&self) -> &[u8] {
        &self.kept
    }

    /// How long the request's target is, bytes; 0 for a head that has none.
    pub fn target_length(&self) -> usize {
        let line = self.kept.trim_ascii_start();
        let method = line.iter().position(|byte| *byte == b' ');
        method.map_or(0, |method| self.line.saturating_sub(method + 1 + VERSION))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(parts: &[&[u8]]) -> BegunHead {
        let mut head = BegunHead::default();
        for part in parts {
            head.add(part);
        }
        head
    }

    #[test]
    fn the_target_is_measured_however_it_comes() {
        for (parts, length) in [
            (&[&b"GET /abc HTTP/1.1\r\nhost: x\r\n"[..]][..], 4),
            (&[b"G", b"ET /a", b"bc HTTP/1.1", b"\r\nhost: x"], 4),
            (&[b"\r\nGET /abc HTTP/1.1\nhost: x"], 4),
            (&[b"\r\n", b"GET /abc HTTP/1.1\r\n"], 4),
            (&[b"nonsense"], 0),
            (&[], 0),
        ] {
            assert_eq!(head(parts).target_length(), length, "{parts:?}");
        }
    }

    #[test]
    fn more_is_measured_than_is_kept() {
        let long = vec![b'x'; 3 * MOST_KEPT];
        let head = head(&[b"GET /", &long, b" HTTP/1.1\r\n"]);
        assert_eq!(head.target_length(), 1 + long.len());
        assert_eq!(head.kept().len(), MOST_KEPT);
    }
}
