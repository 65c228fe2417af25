//! What `tributary check` says of one thing, in lines with a name each.

use std::fmt;

/// Named lines, in the order in which they are begun.
#[derive(Debug, Default)]
pub(crate) struct PlanLines(Vec<(&'static str, String)>);

impl PlanLines {
    /// Begins a line, also where there is one of this name.
    pub(crate) fn add(&mut self, name: &'static str, text: impl Into<String>) {
        self.0.push((name, text.into()));
    }

    /// Adds to the line of this name, after a comma; begins it if there is none.
    pub(crate) fn join(&mut self, name: &'static str, text: impl Into<String>) {
        let text = text.into();
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, line)) => {
                line.push_str(", ");
                line.push_str(&text);
            }
            None => self.add(name, text),
        }
    }
}

impl fmt::Display for PlanLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(name, text)| writeln!(f, "  {name:<15} {text}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_put_together_where_several_have_a_part_in_it() {
        let mut lines = PlanLines::default();
        lines.add("header", "a");
        lines.add("header", "b");
        lines.join("limits", "1 call");
        lines.add("retry", "never");
        lines.join("limits", "2 deep");
        let expected = "  header          a\n  header          b\n  limits          1 call, 2 deep\n  \
                        retry           never\n";
        assert_eq!(lines.to_string(), expected);
    }
}
