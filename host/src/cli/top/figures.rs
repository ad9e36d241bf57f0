//! Figures for people: short, and as wide as the ones above them.

/// A number of bytes: `512 B`, `1.5 KiB`.
pub fn bytes(count: f64) -> String {
    scaled(count, 1024.0, &[" B", " KiB", " MiB", " GiB", " TiB"])
}

/// A count or a rate: `512`, `1.5k`.
pub fn short(count: f64) -> String {
    scaled(count, 1000.0, &["", "k", "M", "G", "T"])
}

fn scaled(mut count: f64, step: f64, units: &[&str]) -> String {
    let mut at = 0;
    while count >= step && at + 1 < units.len() {
        count /= step;
        at += 1;
    }
    let digits = usize::from(at > 0 && count < 100.0);
    format!("{count:.digits$}{}", units[at])
}

/// A share of 0 to 1.
pub fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

/// A time: `12 ms`, `3.2 s`, `5:07`, `2:05:07`.
pub fn span(ms: f64) -> String {
    let seconds = ms / 1e3;
    if seconds < 1.0 {
        return format!("{ms:.0} ms");
    }
    if seconds < 60.0 {
        return format!("{seconds:.1} s");
    }
    let (whole, minutes) = (seconds as u64, seconds as u64 / 60);
    if minutes < 60 {
        return format!("{minutes}:{:02}", whole % 60);
    }
    format!("{}:{:02}:{:02}", minutes / 60, minutes % 60, whole % 60)
}

#[cfg(test)]
mod tests {
    use super::{bytes, percent, short, span};

    #[test]
    fn figures_are_short() {
        assert_eq!(
            [0.0, 1023.0, 1536.0].map(bytes),
            ["0 B", "1023 B", "1.5 KiB"]
        );
        assert_eq!(bytes(300.0 * 1024.0 * 1024.0), "300 MiB");
        assert_eq!([999.0, 1500.0, 2.5e9].map(short), ["999", "1.5k", "2.5G"]);
        assert_eq!(percent(0.1234), "12.3%");
        assert_eq!(
            [5.0, 3200.0, 307_000.0, 7_507_000.0].map(span),
            ["5 ms", "3.2 s", "5:07", "2:05:07"]
        );
    }
}
