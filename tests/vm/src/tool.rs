//! The programs of the machine that the harness runs or copies into the guest.

use std::env;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Where a program is: on the PATH, or in the administrator's folders that an ordinary user's PATH leaves out.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let sbin = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    env::split_paths(&path).chain(sbin).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// What a program prints on its standard output.
///
/// # Panics
///
/// When the program is missing or fails; the message has its standard error.
pub(crate) fn output<A: AsRef<OsStr>>(name: &str, arguments: impl IntoIterator<Item = A>) -> Vec<u8> {
    let program = find(name).unwrap_or_else(|| panic!("{name} is not installed"));
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("run {name}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {}: {errors}", output.status);
    output.stdout
}

/// [`output`] as text.
pub(crate) fn text<A: AsRef<OsStr>>(name: &str, arguments: impl IntoIterator<Item = A>) -> String {
    String::from_utf8(output(name, arguments))
        .unwrap_or_else(|_| panic!("{name} printed something else than UTF-8"))
}
