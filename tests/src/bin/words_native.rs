//! `words_native FILE [N]`: the native yardstick as a program, printing `count word` lines.

use std::fs::File;
use std::io::{self, Write};

fn main() -> io::Result<()> {
    let mut args = std::env::args().skip(1);
    let path = args
        .next()
        .ok_or_else(|| io::Error::other("usage: words_native FILE [N]"))?;
    let most = args.next().and_then(|most| most.parse().ok()).unwrap_or(10);
    let mut out = io::stdout().lock();
    for (word, count) in okernel_tests::words::commonest(File::open(path)?, most)? {
        write!(out, "{count} ")?;
        out.write_all(&word)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}
