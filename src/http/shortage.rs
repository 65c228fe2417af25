//! What this process or its machine has run out of, so that no connection can be made.
//!
//! It says nothing about the upstream: its breaker must not open for it.

use std::fmt;
use std::io;
use std::time::Duration;

use rustix::io::Errno;
use socket2::{Domain, Socket, Type};

use crate::clock;
use crate::model::time::log_throttle::LogThrottle;

/// A shortage is told once in so long.
static TOLD: LogThrottle = LogThrottle::new(Duration::from_mins(1));

/// What there is none left of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shortage {
    /// File descriptors of this process (`EMFILE`).
    Descriptors,
    /// Open files of the whole system (`ENFILE`).
    SystemFiles,
    /// Memory for sockets (`ENOBUFS`, `ENOMEM`).
    Memory,
    /// Local ports for this upstream (`EADDRNOTAVAIL`).
    LocalPorts,
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Descriptors => "this process may open no further file (ulimit -n)",
            Self::SystemFiles => "this machine may open no further file (fs.file-max)",
            Self::Memory => "this machine has no memory for another connection",
            Self::LocalPorts => "no local port or address is free",
        })
    }
}

impl Shortage {
    /// The shortage by which a system call failed, if that was the reason.
    pub(super) fn of(error: &io::Error) -> Option<Self> {
        match Errno::from_io_error(error)? {
            Errno::MFILE => Some(Self::Descriptors),
            Errno::NFILE => Some(Self::SystemFiles),
            Errno::NOBUFS | Errno::NOMEM => Some(Self::Memory),
            Errno::ADDRNOTAVAIL => Some(Self::LocalPorts),
            // The system's own, all others.
            _ => None,
        }
    }

    /// The shortage by which a name was not resolved, if that was the reason. The resolver needs
    /// files and sockets of its own and does not tell when it gets none, so one is tried.
    pub(super) fn of_lookup(error: &io::Error) -> Option<Self> {
        Self::of(error).or_else(|| Self::of(&Socket::new(Domain::IPV4, Type::DGRAM, None).err()?))
    }

    /// Logs it, for whoever runs the service.
    pub(super) fn tell(self) {
        if TOLD.is_due(clock::now()) {
            tracing::warn!("no connection to an upstream can be made: {self}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_system_call_ran_out_of_is_known_by_its_error() {
        for (errno, shortage) in [
            (Errno::MFILE, Some(Shortage::Descriptors)),
            (Errno::NFILE, Some(Shortage::SystemFiles)),
            (Errno::NOBUFS, Some(Shortage::Memory)),
            (Errno::NOMEM, Some(Shortage::Memory)),
            (Errno::ADDRNOTAVAIL, Some(Shortage::LocalPorts)),
            (Errno::CONNREFUSED, None),
            (Errno::NETUNREACH, None),
        ] {
            assert_eq!(Shortage::of(&errno.into()), shortage, "{errno}");
        }
        assert_eq!(Shortage::of(&io::ErrorKind::AddrNotAvailable.into()), None, "not the system's");
    }

    #[test]
    fn a_lookup_that_failed_for_another_reason_is_no_shortage() {
        assert_eq!(Shortage::of_lookup(&io::Error::other("no such name")), None);
        assert_eq!(Shortage::of_lookup(&Errno::MFILE.into()), Some(Shortage::Descriptors));
    }
}
