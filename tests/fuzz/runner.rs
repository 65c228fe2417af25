//! Runs one target: first over its corpus, then over mutations of it until the time is up.
//!
//! `FUZZ_SECONDS`: how long each target runs on mutations (2; 0: the corpus only). `FUZZ_SEED`:
//! which mutations (1). `FUZZ_SAVE`: keep a failing input in the corpus.

use std::cell::Cell;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

use crate::mutator::Mutator;

/// No input may take longer, even on a machine that is busy with something else.
const SLOWEST: Duration = Duration::from_secs(1);
/// An input that takes this long never ends.
const ENDLESS: Duration = Duration::from_secs(30);
/// What the whole process may need at its peak, in KiB; it runs all targets at the same time.
const MOST_MEMORY_KIB: u64 = 512 * 1024;
/// How long a failing input is made smaller.
const SHRINKING: Duration = Duration::from_secs(3);

/// Asserts the laws of a reader on any bytes.
pub type Check = fn(&[u8]);

thread_local! {
    /// Whether a panic on this thread is an expected one, which is not printed.
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs a target; panics at the first input that breaks a law.
pub fn run(target: &str, check: Check) {
    silence_expected_panics();
    let watched = watch(target.to_owned());
    let corpus = corpus(target);
    for (name, input) in &corpus {
        let result = examine(check, input, &watched);
        assert!(result.is_ok(), "{name}: {}", result.err().unwrap_or_default());
    }
    let inputs: Vec<Vec<u8>> = corpus.into_iter().map(|(_, input)| input).collect();
    let seed = number("FUZZ_SEED").unwrap_or(1);
    let time = Duration::from_secs(number("FUZZ_SECONDS").unwrap_or(2));
    match search(check, &inputs, seed, time, &watched) {
        Ok(count) => {
            println!("{target}: {} of the corpus, {count} mutations, seed {seed}", inputs.len());
        }
        Err(Found { input, problem }) => report(target, check, input, &problem, &watched),
    }
    let peak = peak_memory_kib();
    assert!(peak <= MOST_MEMORY_KIB, "the process needed {peak} KiB");
}

/// An input that breaks a law.
#[derive(Debug)]
struct Found {
    input: Vec<u8>,
    problem: String,
}

/// Tries mutations until the time is up, and says how many.
fn search(
    check: Check,
    corpus: &[Vec<u8>],
    seed: u64,
    time: Duration,
    watched: &Watched,
) -> Result<u64, Found> {
    let mut mutator = Mutator::new(corpus, seed);
    let (began, mut count) = (Instant::now(), 0);
    while began.elapsed() < time {
        let input = mutator.next_input();
        count += 1;
        examine(check, &input, watched).map_err(|problem| Found { input, problem })?;
    }
    Ok(count)
}

/// The input under examination, and since when.
type Watched = Arc<Mutex<Option<(Instant, Vec<u8>)>>>;

/// What is wrong with an input, if anything is.
fn examine(check: Check, input: &[u8], watched: &Watched) -> Result<(), String> {
    let under_watch = |what| *watched.lock().unwrap_or_else(PoisonError::into_inner) = what;
    let mut slow = None;
    // A slow one gets another chance: the machine may have been busy.
    for _ in 0..3 {
        let began = Instant::now();
        under_watch(Some((began, input.to_vec())));
        QUIET.set(true);
        let result = catch_unwind(AssertUnwindSafe(|| check(input)));
        QUIET.set(false);
        under_watch(None);
        result.map_err(|panic| message(&*panic))?;
        let took = began.elapsed();
        if took < SLOWEST {
            return Ok(());
        }
        slow = Some(took);
    }
    slow.map_or(Ok(()), |took| Err(format!("it took {took:?}")))
}

/// Makes the input smaller, keeps it, and says how to try it again.
fn report(target: &str, check: Check, input: Vec<u8>, problem: &str, watched: &Watched) -> ! {
    let smaller = shrink(input, |input| examine(check, input, watched).is_err());
    let problem = examine(check, &smaller, watched).err().unwrap_or_else(|| problem.to_owned());
    let path = keep(target, &smaller);
    panic!(
        "{target}: {problem}\n\ninput ({} bytes): \"{}\"\nkept in {}\nto try it again, with the \
         file in tests/fuzz/corpus/{target}/:\n  FUZZ_SECONDS=0 cargo test --test fuzz {target}\n",
        smaller.len(),
        smaller.escape_ascii(),
        path.display(),
    );
}

/// Leaves pieces out, smaller and smaller ones, as long as it still fails.
fn shrink(mut input: Vec<u8>, fails: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let end = Instant::now() + SHRINKING;
    let mut size = input.len() / 2;
    while size > 0 {
        let mut at = 0;
        while at < input.len() && Instant::now() < end {
            let mut without = input.clone();
            without.drain(at..(at + size).min(input.len()));
            if fails(&without) {
                input = without;
            } else {
                at += size;
            }
        }
        size /= 2;
    }
    input
}

/// Writes the input into the corpus, or where it is in nobody's way.
fn keep(target: &str, input: &[u8]) -> PathBuf {
    let folder = match std::env::var_os("FUZZ_SAVE") {
        Some(_) => corpus_folder(target),
        None => Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz").join(target),
    };
    let hash = input.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let path = folder.join(format!("found-{hash:016x}"));
    let kept = fs::create_dir_all(&folder).and_then(|()| fs::write(&path, input));
    kept.expect("the failing input can be written");
    path
}

fn corpus_folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target)
}

/// The files of a target by name, in the order of their names; at least one.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = corpus_folder(target);
    let files = fs::read_dir(&folder).expect("every target has a corpus");
    let mut corpus: Vec<(String, Vec<u8>)> = files
        .map(|file| {
            let path = file.expect("the corpus can be listed").path();
            let input = fs::read(&path).expect("the corpus can be read");
            (path.display().to_string(), input)
        })
        .collect();
    corpus.sort();
    assert!(!corpus.is_empty(), "{} is empty", folder.display());
    corpus
}

/// Ends the process when an input never ends: nothing else could.
fn watch(target: String) -> Watched {
    let watched = Watched::default();
    let weak = Arc::downgrade(&watched);
    std::thread::spawn(move || {
        while let Some(watched) = weak.upgrade() {
            let current = watched.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some((since, input)) = current
                && since.elapsed() > ENDLESS
            {
                let path = keep(&target, &input);
                eprintln!("{target}: no end after {ENDLESS:?}, input kept in {}", path.display());
                std::process::exit(101);
            }
            drop(watched);
            std::thread::sleep(Duration::from_millis(200));
        }
    });
    watched
}

fn silence_expected_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                usual(info);
            }
        }));
    });
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()));
    text.unwrap_or_else(|| "it panicked".to_owned())
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} must be a number, not {text:?}")))
}

/// The most memory that the process has had so far; 0 where the system does not tell.
fn peak_memory_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.unwrap_or_default()
}

#[test]
fn a_law_that_does_not_hold_is_found_by_mutations() {
    silence_expected_panics();
    let check: Check = |input| assert!(!input.contains(&b'%'), "no % is allowed");
    let time = Duration::from_secs(10);
    let found = search(check, &[b"42".to_vec()], 1, time, &Watched::default());
    let found = found.expect_err("it is found");
    assert!(found.input.contains(&b'%') && found.problem == "no % is allowed");
}

#[test]
fn a_failing_input_is_made_as_small_as_it_can_be() {
    let input = b"a long input with one ! in it".to_vec();
    assert_eq!(shrink(input, |input| input.contains(&b'!')), b"!");
}
