//! The one public error type, and what long work reports to.
//!
//! A message states what was found, what was expected, where, and what to do. The kinds are
//! private: callers need [`Error::exit_code`] and the text, nothing else. Two kinds of failure
//! exist for the outside: the input or its surroundings were bad (exit status 2) and the user
//! interrupted the work (exit status 130).

mod watch;

pub use watch::Watch;

use std::{fmt, io, path::Path};

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, in words for the person who has to mend it.
#[derive(Debug)]
pub struct Error {
    inner: Box<Inner>,
}

#[derive(Debug)]
struct Inner {
    kind: Kind,
    problem: String,
    found: Option<String>,
    expected: Option<String>,
    place: Option<String>,
    hint: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Input,
    Io,
    Interrupted,
}

impl Error {
    /// Bad input; `problem` is one plain sentence without a full stop.
    pub fn input(problem: impl Into<String>) -> Error {
        Error::with_kind(Kind::Input, problem)
    }

    /// A failed operation on a file; `action` completes "cannot ...", for example "write".
    pub fn io(action: &str, path: &Path, source: io::Error) -> Error {
        let error = Error::with_kind(Kind::Io, format!("cannot {action} {}: {source}", path.display()));
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                error.hint("free some space or choose another --out; nothing half-written was left behind")
            }
            io::ErrorKind::NotFound => error.hint("check the path; relative paths start at the current folder"),
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                error.hint("check who may use it, or choose another place")
            }
            io::ErrorKind::InvalidData => error.hint("this is not a text file: name another"),
            io::ErrorKind::IsADirectory => error.hint("this is a folder: name a file"),
            io::ErrorKind::NotADirectory => error.hint("a part of this path is a file, not a folder"),
            _ => error,
        }
    }

    /// The user asked to stop; nothing half-written is left behind.
    pub fn interrupted() -> Error {
        Error::with_kind(Kind::Interrupted, "interrupted; unfinished files were removed")
    }

    fn with_kind(kind: Kind, problem: impl Into<String>) -> Error {
        let problem = problem.into();
        Error { inner: Box::new(Inner { kind, problem, found: None, expected: None, place: None, hint: None }) }
    }

    /// What stood in the input.
    pub fn found(mut self, found: impl fmt::Display) -> Error {
        self.inner.found = Some(found.to_string());
        self
    }

    /// What should have stood there.
    pub fn expected(mut self, expected: impl fmt::Display) -> Error {
        self.inner.expected = Some(expected.to_string());
        self
    }

    /// Where: file, key, line. The outermost caller that knows more wins over nothing, not over
    /// a place already stated.
    pub fn place(mut self, place: impl fmt::Display) -> Error {
        self.inner.place.get_or_insert_with(|| place.to_string());
        self
    }

    /// What to do about it.
    pub fn hint(mut self, hint: impl fmt::Display) -> Error {
        self.inner.hint = Some(hint.to_string());
        self
    }

    /// Exit status of the program for this error: 2, or 130 after an interrupt.
    pub fn exit_code(&self) -> i32 {
        if self.is_interrupt() { 130 } else { 2 }
    }

    /// Whether the user asked to stop.
    pub fn is_interrupt(&self) -> bool {
        self.inner.kind == Kind::Interrupted
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.inner.problem)?;
        let rows = [
            ("found", &self.inner.found),
            ("expected", &self.inner.expected),
            ("where", &self.inner.place),
            ("try", &self.inner.hint),
        ];
        for (name, text) in rows {
            if let Some(text) = text {
                write!(f, "\n  {name:>8}: {text}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Error {}
