//! The `sluice-perf` program: see [`sluice_perf::cli`].

#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    sluice_perf::cli::main()
}
