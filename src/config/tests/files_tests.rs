use std::process::Command;

use tempfile::TempDir;

use super::*;

fn folder() -> TempDir {
    TempDir::new().expect("a temporary folder")
}

/// A FIFO: whoever opens it waits until another opens its other end.
fn fifo(folder: &TempDir) -> PathBuf {
    let path = folder.path().join("fifo");
    let made = Command::new("mkfifo").arg(&path).status().expect("mkfifo");
    assert!(made.success());
    path
}

fn read(path: &Path, kind: FileKind) -> Result<Vec<u8>, String> {
    Files::default().read(path, kind).map_err(|error| error.to_string())
}

#[test]
fn a_file_holds_at_most_what_such_files_hold() {
    let folder = folder();
    let path = folder.path().join("file");
    for (kind, limit, shown) in [
        (FileKind::Secret, 64 << 10, "64KiB"),
        (FileKind::Certificates, 1 << 20, "1MiB"),
        (FileKind::Configuration, 1 << 20, "1MiB"),
    ] {
        fs::write(&path, vec![b'x'; limit]).expect("written");
        assert_eq!(read(&path, kind).map(|contents| contents.len()), Ok(limit));
        fs::write(&path, vec![b'x'; limit + 1]).expect("written");
        assert_eq!(read(&path, kind), Err(format!("it is larger than {shown}")));
    }
}

#[test]
fn what_is_no_regular_file_is_not_even_opened() {
    let folder = folder();
    let (fifo, link) = (fifo(&folder), folder.path().join("link"));
    std::os::unix::fs::symlink(&fifo, &link).expect("a link");
    let socket = folder.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
    for kind in [FileKind::Secret, FileKind::Certificates] {
        for (path, what) in [
            (fifo.as_path(), "a FIFO"),
            (&link, "a FIFO"),
            (folder.path(), "a directory"),
            (&socket, "a socket"),
            (Path::new("/dev/zero"), "a device"),
        ] {
            let said = read(path, kind);
            assert_eq!(said, Err(format!("it is {what}, not a regular file")), "{path:?}");
        }
    }
    // An endless device is none for a configuration either.
    assert!(read(Path::new("/dev/zero"), FileKind::Configuration).is_err());
}

#[test]
fn a_link_to_a_regular_file_is_one() {
    let folder = folder();
    fs::write(folder.path().join("..data"), "hunter2\n").expect("written");
    let link = folder.path().join("secret");
    std::os::unix::fs::symlink("..data", &link).expect("a link");
    assert_eq!(read(&link, FileKind::Secret), Ok(b"hunter2\n".to_vec()));
}

#[test]
fn a_configuration_may_come_through_a_pipe() {
    let folder = folder();
    let fifo = fifo(&folder);
    let writer = fifo.clone();
    let writer = thread::spawn(move || fs::write(writer, "[server]\n"));
    assert_eq!(read(&fifo, FileKind::Configuration), Ok(b"[server]\n".to_vec()));
    writer.join().expect("no panic").expect("written");
}

#[test]
fn a_file_that_hangs_is_left_behind_and_not_tried_again_as_long_as_it_does() {
    let folder = folder();
    let fifo = fifo(&folder);
    let short = Duration::from_millis(50);
    let read = || read_within(short, &fifo, |path| Ok(fs::read(path)?));
    assert!(matches!(read(), Err(FileError::TooSlow(patience)) if patience == short));
    for _ in 0..20 {
        assert!(matches!(read(), Err(FileError::Hangs)));
    }
    let threads =
        || left_behind(|threads| threads.iter().filter(|(path, _)| *path == fifo).count());
    assert_eq!(threads(), 1);
    // Another file is read meanwhile.
    let other = folder.path().join("other");
    fs::write(&other, "x").expect("written");
    assert!(read_within(PATIENCE, &other, |path| Ok(fs::read(path)?)).is_ok());
    // The volume is back: the thread ends by itself, and the file can be read again.
    fs::write(&fifo, "late").expect("the thread reads");
    while hangs(&fifo) {
        thread::yield_now();
    }
    let writer = fifo.clone();
    let writer = thread::spawn(move || fs::write(writer, "again"));
    let contents = read_within(PATIENCE, &fifo, |path| Ok(fs::read(path)?));
    assert_eq!(contents.expect("it comes"), b"again");
    writer.join().expect("no panic").expect("written");
}

#[test]
fn after_one_that_hangs_the_others_of_the_configuration_have_less_time() {
    let folder = folder();
    let files = Files { one_hangs: Cell::new(true) };
    let fifo = fifo(&folder);
    let said = files.read_text(&fifo, FileKind::Configuration).map_err(|error| error.to_string());
    assert_eq!(said, Err("it did not come within 500ms".to_owned()));
    fs::write(&fifo, "late").expect("the thread reads");
}

#[test]
fn what_the_system_says_of_a_file_is_passed_on() {
    let said = read(Path::new("/no/such/file"), FileKind::Secret);
    assert_eq!(said, Err("No such file or directory (os error 2)".to_owned()));
    let folder = folder();
    let path = folder.path().join("bytes");
    fs::write(&path, [0xff]).expect("written");
    let said = Files::default().read_text(&path, FileKind::Secret).map_err(|e| e.to_string());
    assert_eq!(said, Err("it is not text in UTF-8".to_owned()));
}
