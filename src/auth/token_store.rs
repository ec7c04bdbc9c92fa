//! The tokens of a site: a file in `store`.
//!
//! ```text
//! singularity-nginx tokens 1
//! NAME SHA-256 CREATED EXPIRES|never       seconds since 1970
//! end COUNT SHA-256-OF-ALL-ABOVE
//! ```
//!
//! In: the folder. Out: the tokens, or why they are not known. A file of which a part is missing, that is of another
//! version, or that others can write to, is an error, never "no tokens". It is replaced as a whole under a lock, and read
//! anew for each token that is sent: what is removed counts no longer at once. Never: keeps a token itself.

use std::fmt::Write as _;
use std::fs::{File, TryLockError};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, Gid, Mode, OFlags, Uid, fchmod, fchown, openat, renameat, unlinkat};
use rustix::io::Errno;
use sha2::{Digest, Sha256};

use super::principal::TokenName;
use super::token::{Secret, TokenHash, has_form};

/// The first line.
const VERSION: &str = "singularity-nginx tokens 1";
const FILE: &str = "tokens";
const DRAFT: &str = "tokens.new";
const LOCK: &str = "tokens.lock";
/// Most tokens of a site.
const MAX_TOKENS: usize = 1000;
/// Longest file in bytes: that many lines.
const MAX_FILE: u64 = 256 * MAX_TOKENS as u64;
/// Longest lifetime of a token, where it has one.
pub const MAX_DAYS: u64 = 3650;
const DAY: u64 = 86_400;
/// How long another command is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why the tokens are not known, or not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenStoreError {
    /// The folder is missing, or not this account's alone.
    #[error("{}: {why}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What to do.
        why: String,
    },
    /// The file is not what was written.
    #[error("{} {why}. Nobody is let in by a token until it is put back, or removed and the tokens are made anew", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The system says something else.
    #[error("{}: {why}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What it says.
        why: String,
    },
    /// A token of this name is there.
    #[error("there is a token {0} already: remove it first, or choose another name")]
    Exists(TokenName),
    /// As many tokens as a site may have.
    #[error("there are {MAX_TOKENS} tokens already: remove some")]
    Full,
}

/// What is kept of a token.
#[derive(Clone, Debug)]
pub struct Token {
    /// Its name, as in `token:NAME`.
    pub name: TokenName,
    /// Its hash.
    pub hash: TokenHash,
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// When it ends, likewise; none: never.
    pub expires: Option<u64>,
}

impl Token {
    /// Whether its time is over.
    pub fn has_expired(&self) -> bool {
        self.expires.is_some_and(|expires| now() >= expires)
    }
}

/// The folder that holds them.
#[derive(Clone, Debug)]
pub struct TokenStore {
    folder: PathBuf,
}

impl TokenStore {
    /// In this folder.
    pub fn new(folder: &Path) -> TokenStore {
        TokenStore { folder: folder.to_owned() }
    }

    /// All tokens, also those whose time is over.
    ///
    /// # Errors
    /// See the module.
    pub fn tokens(&self) -> Result<Vec<Token>, TokenStoreError> {
        self.read(&self.open_folder()?)
    }

    /// The name of the token that this is; none: it is none of ours.
    ///
    /// # Errors
    /// The tokens are not known.
    pub fn check(&self, sent: &str) -> Result<Option<TokenName>, TokenStoreError> {
        let tokens = self.tokens()?;
        if !has_form(sent) {
            return Ok(None);
        }
        let hash = TokenHash::of(sent);
        // all are looked at, whichever it is
        let found = tokens.iter().fold(None, |found, token| if token.hash.is(&hash) { Some(token) } else { found });
        Ok(found.filter(|token| !token.has_expired()).map(|token| token.name.clone()))
    }

    /// Makes a token that lasts so many days.
    ///
    /// # Errors
    /// The name is taken, or the file cannot be read or written.
    pub fn add(&self, name: &TokenName, days: Option<u64>) -> Result<Secret, TokenStoreError> {
        let folder = self.made_folder()?;
        let _lock = self.lock(&folder)?;
        let mut tokens = self.read(&folder)?;
        if tokens.iter().any(|token| token.name == *name) {
            return Err(TokenStoreError::Exists(name.clone()));
        }
        if tokens.len() >= MAX_TOKENS {
            return Err(TokenStoreError::Full);
        }
        let secret = Secret::new().map_err(|error| self.failed(FILE, &error))?;
        let created = now();
        let expires = days.map(|days| created.saturating_add(days.saturating_mul(DAY)));
        tokens.push(Token { name: name.clone(), hash: TokenHash::of(secret.reveal()), created, expires });
        self.write(&folder, &tokens)?;
        Ok(secret)
    }

    /// Removes a token; whether there was one.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn remove(&self, name: &TokenName) -> Result<bool, TokenStoreError> {
        let folder = self.open_folder()?;
        let _lock = self.lock(&folder)?;
        let mut tokens = self.read(&folder)?;
        let before = tokens.len();
        tokens.retain(|token| token.name != *name);
        if tokens.len() == before {
            return Ok(false);
        }
        self.write(&folder, &tokens)?;
        Ok(true)
    }

    /// The folder, made where it is missing.
    fn made_folder(&self) -> Result<File, TokenStoreError> {
        use std::os::unix::fs::DirBuilderExt;
        // root's would not be the serving account's
        if !rustix::process::geteuid().is_root() && self.folder.symlink_metadata().is_err() {
            let made = std::fs::DirBuilder::new().mode(0o700).create(&self.folder);
            made.map_err(|error| self.wrong_folder(&error.to_string()))?;
        }
        self.open_folder()
    }

    /// The folder, which is one account's alone: ours, or whoever's tokens root looks after.
    fn open_folder(&self) -> Result<File, TokenStoreError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = rustix::fs::open(&self.folder, flags, Mode::empty());
        let folder = File::from(opened.map_err(|error| match error {
            Errno::NOENT => self.wrong_folder(
                "it does not exist: make it for the serving account, with install -d -m 0700 -o ACCOUNT FOLDER",
            ),
            error => self.wrong_folder(&error.to_string()),
        })?);
        let metadata = folder.metadata().map_err(|error| self.wrong_folder(&error.to_string()))?;
        let me = rustix::process::geteuid();
        if metadata.mode() & 0o077 != 0 {
            return Err(self.wrong_folder("others may use it: remove that right with chmod 0700"));
        }
        if !me.is_root() && metadata.uid() != me.as_raw() {
            return Err(self.wrong_folder("it belongs to another account: `store` is a folder of the serving account"));
        }
        Ok(folder)
    }

    fn wrong_folder(&self, why: &str) -> TokenStoreError {
        TokenStoreError::Folder { folder: self.folder.clone(), why: why.to_owned() }
    }

    fn failed(&self, file: &str, why: &dyn std::fmt::Display) -> TokenStoreError {
        TokenStoreError::Io { file: self.folder.join(file), why: why.to_string() }
    }

    fn damaged(&self, why: &str) -> TokenStoreError {
        TokenStoreError::Damaged { file: self.folder.join(FILE), why: why.to_owned() }
    }

    /// One command at a time changes the file. Root makes the lock's file for whoever owns the folder.
    fn lock(&self, folder: &File) -> Result<File, TokenStoreError> {
        let failed = |error: &dyn std::fmt::Display| self.failed(LOCK, error);
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        let file = match openat(folder, LOCK, flags | OFlags::CREATE | OFlags::EXCL, mode) {
            Ok(made) => {
                self.give(folder, &made, None)?;
                made
            }
            Err(Errno::EXIST) => openat(folder, LOCK, flags, Mode::empty()).map_err(|error| failed(&error))?,
            Err(error) => return Err(failed(&error)),
        };
        let file = File::from(file);
        if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
            return Err(failed(&"it is not a regular file"));
        }
        let until = Instant::now() + PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(error)) => return Err(failed(&error)),
                Err(TryLockError::WouldBlock) if Instant::now() >= until => {
                    return Err(failed(&"another command has held it for 5 s"));
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(10)),
            }
        }
    }

    /// What root makes here is readable for the owner of the folder: a file that we have just made, and nobody else
    /// could have put there.
    fn give(&self, folder: &File, made: &OwnedFd, mode: Option<Mode>) -> Result<(), TokenStoreError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(());
        }
        let owner = folder.metadata().map_err(|error| self.failed(FILE, &error))?;
        let (uid, gid) = (Uid::from_raw(owner.uid()), Gid::from_raw(owner.gid()));
        let given = match mode {
            None => fchown(made, Some(uid), Some(gid)),
            Some(mode) => fchown(made, None, Some(gid)).and_then(|()| fchmod(made, mode)),
        };
        given.map_err(|error| self.failed(FILE, &error))
    }

    fn read(&self, folder: &File) -> Result<Vec<Token>, TokenStoreError> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match openat(folder, FILE, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return Ok(Vec::new()),
            Err(error) => return Err(self.failed(FILE, &error)),
        };
        let failed = |error: io::Error| self.failed(FILE, &error);
        let metadata = file.metadata().map_err(failed)?;
        let me = rustix::process::geteuid().as_raw();
        let owner = folder.metadata().map_err(failed)?.uid();
        if !metadata.is_file() || ![0, me, owner].contains(&metadata.uid()) {
            return Err(self.damaged("is not a file of this account or of root"));
        }
        if metadata.mode() & 0o022 != 0 {
            return Err(self.damaged("can be written by others: look at its tokens, then chmod go-w"));
        }
        let mut text = String::new();
        file.take(MAX_FILE + 1).read_to_string(&mut text).map_err(|error| self.damaged(&error.to_string()))?;
        if text.len() as u64 > MAX_FILE {
            return Err(self.damaged("is longer than any that was written"));
        }
        parse(&text).map_err(|why| self.damaged(why))
    }

    fn write(&self, folder: &File, tokens: &[Token]) -> Result<(), TokenStoreError> {
        let failed = |error: &dyn std::fmt::Display| self.failed(FILE, error);
        // a command that was killed may have left its draft; a link in its place is not followed
        match unlinkat(folder, DRAFT, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(failed(&error)),
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let draft = openat(folder, DRAFT, flags, Mode::RUSR | Mode::WUSR).map_err(|error| failed(&error))?;
        self.give(folder, &draft, Some(Mode::RUSR | Mode::WUSR | Mode::RGRP))?;
        let mut draft = File::from(draft);
        let written = draft.write_all(text(tokens).as_bytes()).and_then(|()| draft.sync_all());
        let renamed = written.and_then(|()| Ok(renameat(folder, DRAFT, folder, FILE)?));
        if let Err(error) = renamed.and_then(|()| folder.sync_all()) {
            let _ = unlinkat(folder, DRAFT, AtFlags::empty());
            return Err(failed(&error));
        }
        Ok(())
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The file's text.
fn text(tokens: &[Token]) -> String {
    let mut text = format!("{VERSION}\n");
    for token in tokens {
        let expires = token.expires.map_or("never".to_owned(), |expires| expires.to_string());
        let _ = writeln!(text, "{} {} {} {expires}", token.name, token.hash, token.created);
    }
    let sum = sum(&text);
    let _ = writeln!(text, "end {} {sum}", tokens.len());
    text
}

fn sum(text: &str) -> TokenHash {
    TokenHash::from_digest(Sha256::digest(text.as_bytes()).into())
}

/// Reads all of it, or says what is wrong.
fn parse(text: &str) -> Result<Vec<Token>, &'static str> {
    const CUT: &str = "is not complete";
    let body = text.strip_suffix('\n').ok_or(CUT)?;
    let (body, last) = body.rsplit_once('\n').ok_or(CUT)?;
    let mut lines = body.lines();
    if lines.next() != Some(VERSION) {
        return Err("is of another version");
    }
    let tokens = lines.map(line).collect::<Option<Vec<_>>>().ok_or("holds a line that is no token")?;
    let expected = format!("end {} {}", tokens.len(), sum(&format!("{body}\n")));
    if last != expected { Err(CUT) } else { Ok(tokens) }
}

fn line(line: &str) -> Option<Token> {
    let mut words = line.split(' ');
    let token = Token {
        name: TokenName::parse(words.next()?).ok()?,
        hash: TokenHash::parse(words.next()?)?,
        created: words.next()?.parse().ok()?,
        expires: match words.next()? {
            "never" => None,
            seconds => Some(seconds.parse().ok()?),
        },
    };
    words.next().is_none().then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn name(text: &str) -> TokenName {
        TokenName::parse(text).unwrap()
    }

    fn store() -> (TokenStore, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("store")).unwrap();
        fs::set_permissions(folder.path().join("store"), fs::Permissions::from_mode(0o700)).unwrap();
        (TokenStore::new(&folder.path().join("store")), folder)
    }

    #[test]
    fn a_token_is_known_until_it_is_removed() {
        let (store, folder) = store();
        assert_eq!(store.check("sn_x").unwrap(), None);
        let (one, two) = (store.add(&name("one"), None).unwrap(), store.add(&name("two"), Some(1)).unwrap());
        assert_eq!(store.check(one.reveal()).unwrap(), Some(name("one")));
        assert_eq!(store.check(two.reveal()).unwrap(), Some(name("two")));
        for wrong in ["", "one", &one.reveal()[1..], &format!("{} ", one.reveal()), &one.reveal().to_uppercase()] {
            assert_eq!(store.check(wrong).unwrap(), None, "{wrong}");
        }
        assert_eq!(store.add(&name("one"), None).err(), Some(TokenStoreError::Exists(name("one"))));
        let text = fs::read_to_string(folder.path().join("store/tokens")).unwrap();
        assert!(!text.contains(one.reveal()) && text.contains(&TokenHash::of(one.reveal()).to_string()));
        assert_eq!(fs::metadata(folder.path().join("store/tokens")).unwrap().mode() & 0o777 & !0o040, 0o600);
        assert!(store.remove(&name("one")).unwrap() && !store.remove(&name("one")).unwrap());
        assert_eq!(store.check(one.reveal()).unwrap(), None);
        assert_eq!(store.check(two.reveal()).unwrap(), Some(name("two")));
    }

    #[test]
    fn a_token_whose_time_is_over_is_none() {
        let (store, folder) = store();
        let secret = store.add(&name("old"), Some(1)).unwrap();
        let mut tokens = store.tokens().unwrap();
        tokens[0].expires = Some(now());
        fs::write(folder.path().join("store/tokens"), text(&tokens)).unwrap();
        assert!(store.tokens().unwrap()[0].has_expired());
        assert_eq!(store.check(secret.reveal()).unwrap(), None);
    }

    #[test]
    fn every_part_of_the_file_is_needed() {
        let (store, folder) = store();
        let path = folder.path().join("store/tokens");
        let secret = store.add(&name("one"), None).unwrap();
        store.add(&name("two"), None).unwrap();
        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            assert!(store.check(secret.reveal()).is_err(), "the first {length} bytes");
            assert!(store.add(&name("three"), None).is_err() && store.remove(&name("one")).is_err());
            assert_eq!(fs::read(&path).unwrap().len(), length, "what is damaged is not written over");
        }
        for at in 0..whole.len() {
            let mut other = whole.clone();
            other[at] ^= 1;
            fs::write(&path, &other).unwrap();
            assert!(store.check(secret.reveal()).is_err(), "byte {at}");
        }
        fs::write(&path, &whole).unwrap();
        assert!(store.check(secret.reveal()).unwrap().is_some());
    }

    #[test]
    fn a_file_or_folder_of_others_is_refused() {
        let (store, folder) = store();
        store.add(&name("one"), None).unwrap();
        let (inside, path) = (folder.path().join("store"), folder.path().join("store/tokens"));
        let mode = |path: &Path, mode: u32| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        mode(&path, 0o620);
        assert!(matches!(store.tokens(), Err(TokenStoreError::Damaged { .. })));
        mode(&path, 0o600);
        mode(&inside, 0o750);
        assert!(matches!(store.tokens(), Err(TokenStoreError::Folder { .. })));
        mode(&inside, 0o700);
        fs::rename(&path, inside.join("moved")).unwrap();
        std::os::unix::fs::symlink("moved", &path).unwrap();
        assert!(matches!(store.tokens(), Err(TokenStoreError::Io { .. })));
        let gone = TokenStore::new(&folder.path().join("gone"));
        assert!(matches!(gone.tokens(), Err(TokenStoreError::Folder { .. })));
    }

    #[test]
    fn commands_at_once_lose_nothing() {
        let (store, _folder) = store();
        std::thread::scope(|scope| {
            for number in 0..8 {
                let store = &store;
                scope.spawn(move || store.add(&name(&format!("t{number}")), None).unwrap());
            }
        });
        assert_eq!(store.tokens().unwrap().len(), 8);
    }
}
