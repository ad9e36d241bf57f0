//! Who may come in: tokens, roles, and what happens to those who guess.
//!
//! A token is compared in constant time. A right token is never made to wait: it is too long to be
//! guessed, and a page that was left open over a restart must not lock its user out.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use subtle::ConstantTimeEq;

/// Bytes of a random token.
const TOKEN_BYTES: usize = 32;

/// The shortest token in a file of the user's own, in characters.
const TOKEN_CHARS_MIN: usize = 32;

/// The longest token, in characters; a longer one is wrong without a look at it.
const TOKEN_CHARS_MAX: usize = 256;

/// The longest file of tokens, in bytes.
const FILE_BYTES_MAX: u64 = 4096;

/// Wrong tokens that an address may show before it has to wait.
const FAILURES_FREE: u32 = 5;

/// The first wait and the longest, in nanoseconds.
const WAIT_NS_MIN: u64 = 1_000_000_000;
const WAIT_NS_MAX: u64 = 60_000_000_000;

/// Addresses that are remembered.
const ADDRESSES_MAX: usize = 4096;

/// What a token allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Everything.
    Owner,
    /// To see, not to change.
    Viewer,
}

impl Role {
    /// Its word in the protocol.
    pub fn word(self) -> &'static str {
        match self {
            Role::Owner => "owner",
            Role::Viewer => "viewer",
        }
    }
}

/// The tokens of one kernel.
pub struct Tokens {
    owner: String,
    viewer: Option<String>,
}

impl Tokens {
    /// New tokens, 256 random bits each.
    ///
    /// # Errors
    /// The operating system gives no random numbers.
    pub fn random() -> io::Result<Tokens> {
        Ok(Tokens {
            owner: random_token()?,
            viewer: Some(random_token()?),
        })
    }

    /// Reads a file of tokens: the owner's in the first line, a viewer's in the second if there is one.
    ///
    /// # Errors
    /// One line that says what is wrong with which file.
    pub fn read(path: &Path) -> Result<Tokens, String> {
        let shown = path.display();
        let failed = |error: io::Error| format!("{shown}: {error}");
        let file = File::open(path).map_err(failed)?;
        let mode = file.metadata().map_err(failed)?.mode();
        if mode & 0o077 != 0 {
            return Err(format!(
                "{shown}: others can read it (mode {:03o}): chmod 600 {shown}",
                mode & 0o777
            ));
        }
        let mut text = String::new();
        file.take(FILE_BYTES_MAX)
            .read_to_string(&mut text)
            .map_err(failed)?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let mut tokens = Vec::new();
        for (index, line) in lines.enumerate() {
            let number = index + 1;
            let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
            if !(TOKEN_CHARS_MIN..=TOKEN_CHARS_MAX).contains(&line.len()) || !line.chars().all(fine)
            {
                return Err(format!(
                    "{shown}: line {number} is no token: {TOKEN_CHARS_MIN} to {TOKEN_CHARS_MAX} \
                     letters, digits, - and _ are expected"
                ));
            }
            tokens.push(line.to_string());
        }
        let mut tokens = tokens.into_iter();
        let (owner, viewer) = (tokens.next(), tokens.next());
        let Some(owner) = owner else {
            return Err(format!("{shown}: there is no token in it"));
        };
        if tokens.next().is_some() {
            return Err(format!(
                "{shown}: two tokens at most are expected, the owner's and a viewer's"
            ));
        }
        if viewer.as_ref() == Some(&owner) {
            return Err(format!(
                "{shown}: the owner's token and the viewer's are the same"
            ));
        }
        Ok(Tokens { owner, viewer })
    }

    /// The owner's.
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// What a token allows; nothing if it is none of these.
    pub fn role(&self, token: &str) -> Option<Role> {
        if token.len() > TOKEN_CHARS_MAX {
            return None;
        }
        let same = |known: &str| bool::from(known.as_bytes().ct_eq(token.as_bytes()));
        let viewer = self.viewer.as_deref().is_some_and(same);
        if same(&self.owner) {
            Some(Role::Owner)
        } else if viewer {
            Some(Role::Viewer)
        } else {
            None
        }
    }
}

fn random_token() -> io::Result<String> {
    let mut bytes = [0; TOKEN_BYTES];
    getrandom::getrandom(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The file in which a kernel leaves its random tokens for its user's other programs. It is removed when
/// this is dropped.
#[derive(Debug)]
pub struct TokenFile {
    path: PathBuf,
}

impl TokenFile {
    /// Where the tokens of the kernel that listens on `port` are; nothing without a home.
    pub fn path_of(port: u16) -> Option<PathBuf> {
        let folder = |name: &str| {
            let value = std::env::var_os(name).map(PathBuf::from);
            value.filter(|path| path.is_absolute())
        };
        let base = folder("XDG_RUNTIME_DIR")
            .or_else(|| folder("XDG_STATE_HOME"))
            .or_else(|| Some(folder("HOME")?.join(".local/state")))?;
        Some(base.join("okernel").join(format!("{port}.token")))
    }

    /// Writes the file, for its user alone.
    ///
    /// # Errors
    /// One line that says what cannot be done.
    pub fn write(tokens: &Tokens, port: u16) -> Result<TokenFile, String> {
        let Some(path) = TokenFile::path_of(port) else {
            return Err("no folder for the tokens: set XDG_RUNTIME_DIR or HOME".to_string());
        };
        let shown = path.display().to_string();
        let failed = |error: io::Error| format!("{shown}: {error}");
        if let Some(folder) = path.parent() {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)
                .map_err(failed)?;
        }
        // A file that is left from before may be open to others, or a link: it is not written to.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        file.set_permissions(Permissions::from_mode(0o600))
            .map_err(failed)?;
        let viewer = tokens.viewer.as_deref().unwrap_or_default();
        writeln!(file, "{}\n{viewer}", tokens.owner).map_err(failed)?;
        Ok(TokenFile { path })
    }
}

impl Drop for TokenFile {
    fn drop(&mut self) {
        // Another kernel may have the port by now, and with it the file; what is gone is gone.
        let _ = fs::remove_file(&self.path);
    }
}

/// The wrong tokens of late, by address.
#[derive(Debug, Default)]
pub struct Attempts {
    addresses: HashMap<IpAddr, Failures>,
}

#[derive(Debug, Default)]
struct Failures {
    count: u32,
    until_ns: u64,
}

/// What becomes of a wrong token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// It is refused.
    Refused,
    /// It is refused, and the address has to wait from now on.
    Warned,
    /// It is refused without more, for the address has to wait for so many seconds.
    Wait(u64),
}

impl Attempts {
    /// An address has shown a wrong token at that time of a monotonic clock.
    pub fn failed(&mut self, address: IpAddr, now_ns: u64) -> Answer {
        if self.addresses.len() >= ADDRESSES_MAX && !self.addresses.contains_key(&address) {
            self.forget(now_ns);
        }
        let failures = self.addresses.entry(address).or_default();
        if now_ns < failures.until_ns {
            return Answer::Wait((failures.until_ns - now_ns).div_ceil(1_000_000_000));
        }
        failures.count = failures.count.saturating_add(1);
        if failures.count < FAILURES_FREE {
            return Answer::Refused;
        }
        let doublings = (failures.count - FAILURES_FREE).min(16);
        failures.until_ns = now_ns + (WAIT_NS_MIN << doublings).min(WAIT_NS_MAX);
        Answer::Warned
    }

    /// An address has shown a right one.
    pub fn succeeded(&mut self, address: IpAddr) {
        self.addresses.remove(&address);
    }

    /// Makes room: who need not wait is forgotten, or, if all must, everybody.
    fn forget(&mut self, now_ns: u64) {
        self.addresses
            .retain(|_, failures| failures.until_ns > now_ns);
        if self.addresses.len() >= ADDRESSES_MAX {
            self.addresses.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ADDRESSES_MAX, Answer, Attempts, Role, Tokens};
    use std::fs;
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_token_decides_the_role() {
        let tokens = Tokens::random().unwrap();
        assert_eq!(tokens.owner.len(), 64);
        assert_ne!(tokens.owner, Tokens::random().unwrap().owner);
        assert_eq!(tokens.role(&tokens.owner), Some(Role::Owner));
        let viewer = tokens.viewer.clone().unwrap();
        assert_eq!(tokens.role(&viewer), Some(Role::Viewer));
        for wrong in [
            "",
            "x",
            &tokens.owner[..63],
            &tokens.owner.to_uppercase().repeat(9),
        ] {
            assert_eq!(tokens.role(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_file_of_tokens_is_for_its_user_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        let write = |text: &str, mode| {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            Tokens::read(&path)
        };
        let (one, two) = ("a".repeat(32), "b".repeat(40));
        let tokens = write(&format!("{one}\n\n{two}\n"), 0o600).ok().unwrap();
        assert_eq!(tokens.role(&two), Some(Role::Viewer));
        let tokens = write(&one, 0o400).ok().unwrap();
        assert_eq!(
            (tokens.role(&one), tokens.role("")),
            (Some(Role::Owner), None)
        );
        let refused = |text: &str, mode| write(text, mode).err().unwrap();
        assert!(refused(&one, 0o640).contains("chmod 600"));
        assert!(refused("", 0o600).contains("no token"));
        assert!(refused("short", 0o600).contains("line 1"));
        assert!(refused(&format!("{one}\n{one}"), 0o600).contains("same"));
        assert!(refused(&format!("{one}\n{two}\n{two}"), 0o600).contains("two tokens"));
        assert!(refused(&format!("{one}\n{two} x"), 0o600).contains("line 2"));
    }

    #[test]
    fn who_guesses_waits_longer_and_longer() {
        let mut attempts = Attempts::default();
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let second = 1_000_000_000;
        for _ in 0..4 {
            assert_eq!(attempts.failed(address, 0), Answer::Refused);
        }
        assert_eq!(attempts.failed(address, 0), Answer::Warned);
        assert_eq!(attempts.failed(address, 0), Answer::Wait(1));
        assert_eq!(attempts.failed(address, second), Answer::Warned);
        assert_eq!(attempts.failed(address, second), Answer::Wait(2));
        let mut now_ns = second;
        for _ in 0..20 {
            now_ns += 60 * second;
            assert_eq!(attempts.failed(address, now_ns), Answer::Warned);
        }
        assert_eq!(attempts.failed(address, now_ns), Answer::Wait(60));
        let other = IpAddr::V6(Ipv6Addr::LOCALHOST);
        assert_eq!(attempts.failed(other, now_ns), Answer::Refused);
        attempts.succeeded(address);
        assert_eq!(attempts.failed(address, now_ns), Answer::Refused);
    }

    #[test]
    fn addresses_are_remembered_within_bounds() {
        let mut attempts = Attempts::default();
        for number in 0..3 * ADDRESSES_MAX as u32 {
            attempts.failed(IpAddr::V4(Ipv4Addr::from(number)), 0);
        }
        assert!(attempts.addresses.len() <= ADDRESSES_MAX);
    }
}
