//! For how long the values of a flat reply are looked for.

use std::cell::Cell;

/// Among so many steps the clock is asked once: a step can be as short as a look at it.
const STEPS: u32 = 256;

/// Until when values are looked for, by a clock of whoever asks for them.
pub(super) struct Patience<'a> {
    is_over: &'a dyn Fn() -> bool,
    steps: Cell<u32>,
    ran_out: Cell<bool>,
}

impl<'a> Patience<'a> {
    pub(super) fn new(is_over: &'a dyn Fn() -> bool) -> Self {
        Self { is_over, steps: Cell::default(), ran_out: Cell::default() }
    }

    /// Whether there is time for one step of many, such as a row.
    pub(super) fn lasts(&self) -> bool {
        let steps = self.steps.get().wrapping_add(1);
        self.steps.set(steps);
        if steps.is_multiple_of(STEPS) { self.lasts_now() } else { !self.ran_out.get() }
    }

    /// The same for what may take long in one.
    pub(super) fn lasts_now(&self) -> bool {
        // Once and for all: what was passed over is missing.
        self.ran_out.set(self.ran_out.get() || (self.is_over)());
        !self.ran_out.get()
    }

    /// Whether something was passed over.
    pub(super) fn ran_out(&self) -> bool {
        self.ran_out.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_comes_back_and_asks_the_clock_rarely() {
        let asked = Cell::new(0);
        let is_over = || {
            asked.set(asked.get() + 1);
            asked.get() == 3
        };
        let patience = Patience::new(&is_over);
        let lasting = (0..2_000).filter(|_| patience.lasts()).count();
        assert_eq!(lasting, 3 * STEPS as usize - 1);
        assert!(patience.ran_out() && !patience.lasts_now());
        assert_eq!(asked.get(), 3);
    }
}
