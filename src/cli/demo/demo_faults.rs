//! What the demo's upstreams can be told to do wrong, by the command line and by the admin address.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clap::Args;

use crate::app::faults::{Fault, Faults};
use crate::simulator::{Behaviour, Reply, Simulator, Upstream};

/// Longer than any of the upstreams takes otherwise, and within the action's deadline.
const SLOW: Duration = Duration::from_secs(2);

/// The faults to begin with.
#[derive(Debug, Args)]
pub struct FaultArgs {
    /// Let a source's upstream answer after 2 s only; may be repeated, as all of these
    #[arg(long, value_name = "SOURCE", help_heading = "Faults")]
    slow: Vec<String>,
    /// Let it answer 503
    #[arg(long, value_name = "SOURCE", help_heading = "Faults")]
    fail: Vec<String>,
    /// Let it never answer
    #[arg(long, value_name = "SOURCE", help_heading = "Faults")]
    hang: Vec<String>,
    /// Let it answer with JSON that breaks off
    #[arg(long, value_name = "SOURCE", help_heading = "Faults")]
    garbage: Vec<String>,
    /// Let it answer 429, with `Retry-After: 1`
    #[arg(long, value_name = "SOURCE", help_heading = "Faults")]
    limit: Vec<String>,
}

impl FaultArgs {
    /// The same as a list.
    pub fn list(&self) -> Vec<Fault> {
        let Self { slow, fail, hang, garbage, limit } = self;
        let of = |kind: Kind, sources: &[String]| {
            let fault =
                |source: &String| Fault { source: source.clone(), fault: kind.as_str().to_owned() };
            sources.iter().map(fault).collect::<Vec<_>>()
        };
        [
            of(Kind::Slow, slow),
            of(Kind::Fail, fail),
            of(Kind::Hang, hang),
            of(Kind::Garbage, garbage),
            of(Kind::Limit, limit),
        ]
        .concat()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Slow,
    Fail,
    Hang,
    Garbage,
    Limit,
}

impl Kind {
    const ALL: [Self; 5] = [Self::Slow, Self::Fail, Self::Hang, Self::Garbage, Self::Limit];

    fn as_str(self) -> &'static str {
        match self {
            Self::Slow => "slow",
            Self::Fail => "fail",
            Self::Hang => "hang",
            Self::Garbage => "garbage",
            Self::Limit => "limit",
        }
    }

    fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    fn behaviour(self) -> Behaviour {
        let json = |status: u16, body: &str| {
            Reply::status(status)
                .with_header("content-type", "application/json")
                .with_body(body.to_owned())
        };
        match self {
            Self::Slow => Behaviour::Delay(SLOW),
            Self::Fail => json(503, r#"{"error":"down for maintenance"}"#).into(),
            Self::Hang => Behaviour::Hang,
            Self::Garbage => json(200, r#"{"results": [{"id": "a-"#).into(),
            Self::Limit => {
                json(429, r#"{"error":"too many requests"}"#).with_header("retry-after", "1").into()
            }
        }
    }
}

/// The upstreams of the sources, and what each does wrong.
pub struct DemoFaults {
    upstreams: [(&'static str, Upstream); 3],
    active: Mutex<Vec<(usize, Kind)>>,
}

impl DemoFaults {
    /// The upstreams of this simulator, as they are.
    pub fn new(simulator: &Simulator) -> Self {
        let upstreams = [
            ("genesys", simulator.users().clone()),
            ("crm", simulator.crm().clone()),
            ("orders", simulator.orders().clone()),
        ];
        Self { upstreams, active: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(usize, Kind)>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which upstream and which kind it is, or what is wrong with it.
    fn read(&self, fault: &Fault) -> Result<(usize, Kind), Vec<String>> {
        let Fault { source, fault } = fault;
        let at = self.upstreams.iter().position(|(name, _)| name == source);
        let kind = Kind::of(fault);
        if let (Some(at), Some(kind)) = (at, kind) {
            return Ok((at, kind));
        }
        let problem = |word: &String, what: &str, known: &[&str]| {
            format!("`{word}` is no {what} of the demo; there are {}", known.join(", "))
        };
        let mut problems = Vec::new();
        if at.is_none() {
            problems.push(problem(source, "source", &self.known_sources()));
        }
        if kind.is_none() {
            problems.push(problem(fault, "fault", &self.known_faults()));
        }
        Err(problems)
    }
}

impl Faults for DemoFaults {
    fn known_sources(&self) -> Vec<&'static str> {
        self.upstreams.iter().map(|(name, _)| *name).collect()
    }

    fn known_faults(&self) -> Vec<&'static str> {
        Kind::ALL.map(Kind::as_str).to_vec()
    }

    fn active(&self) -> Vec<Fault> {
        let named = |&(at, kind): &(usize, Kind)| {
            let (name, _) = self.upstreams.get(at)?;
            Some(Fault { source: (*name).to_owned(), fault: kind.as_str().to_owned() })
        };
        self.lock().iter().filter_map(named).collect()
    }

    fn replace(&self, faults: &[Fault]) -> Result<(), Vec<String>> {
        let mut wanted: Vec<(usize, Kind)> = Vec::new();
        let mut problems = Vec::new();
        for fault in faults {
            match self.read(fault) {
                Ok((at, _)) if wanted.iter().any(|(other, _)| *other == at) => {
                    problems.push(format!("`{}` is named twice: one fault each", fault.source));
                }
                Ok(known) => wanted.push(known),
                Err(unknown) => problems.extend(unknown),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let mut active = self.lock();
        for (at, (_, upstream)) in self.upstreams.iter().enumerate() {
            let kind = wanted.iter().find(|(other, _)| *other == at).map(|(_, kind)| *kind);
            upstream.set_behaviour(kind.map_or(Behaviour::Normal, Kind::behaviour));
        }
        *active = wanted;
        Ok(())
    }
}
