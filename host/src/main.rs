//! The program `okernel`.

fn main() -> std::process::ExitCode {
    okernel::cli::main()
}
