//! The program as people run it.
use std::{
    path::Path,
    process::{Command, Output},
};

/// What a run of the program left.
#[derive(Debug)]
pub struct Said {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Said {
    /// Its standard output, when it ended well.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self.out
    }

    /// Its error, when it ended with this code.
    #[track_caller]
    pub fn failed(self, code: i32) -> String {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        self.err
    }

    /// Its standard output as JSON, when it ended well.
    #[track_caller]
    pub fn json(self) -> serde_json::Value {
        serde_json::from_str(&self.ok()).unwrap()
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// Runs it in a folder, with English as its language and nothing else from this environment's settings.
pub fn weisu(folder: &Path, args: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weisu"));
    command
        .args(args)
        .current_dir(folder)
        .env_remove("WEISU_CONFIG")
        .env_remove("RUST_LOG")
        .env("LC_ALL", "C.UTF-8");
    command.output().unwrap().into()
}
