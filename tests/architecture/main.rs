//! What the compiler does not keep: which part may use which, and how large a part may become. Read
//! from the sources, so that a shortcut is noticed when it is taken.

mod circles;
mod layers;
mod sizes;
mod source_text;
mod sources;
