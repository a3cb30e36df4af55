//! What can be read only once: standard input, and pipes such as `<(…)` of bash.

use std::{
    collections::BTreeMap,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    super::error::FileError,
    documents::{STDIN, unreadable},
};

/// Where paths lead that are no file.
pub trait Streams {
    /// What stands behind the path; none for one that can be opened again and again.
    fn open(&mut self, path: &Path) -> Option<Box<dyn Read + '_>>;
}

/// As it comes, for a command that reads everything once.
impl Streams for io::Stdin {
    fn open(&mut self, path: &Path) -> Option<Box<dyn Read + '_>> {
        (path == Path::new(STDIN.0)).then(|| Box::new(self.lock()) as _)
    }
}

/// Standard input that is held already.
impl Streams for &[u8] {
    fn open(&mut self, path: &Path) -> Option<Box<dyn Read + '_>> {
        (path == Path::new(STDIN.0)).then(|| Box::new(*self) as _)
    }
}

/// What was read beforehand, for passes that all see the same.
#[derive(Clone, Debug, Default)]
pub struct Kept(Arc<BTreeMap<PathBuf, Vec<u8>>>);

impl Kept {
    /// Reads everything among these paths that can be read only once.
    ///
    /// # Errors
    /// When something cannot be read.
    pub fn read<'a>(paths: impl IntoIterator<Item = &'a PathBuf>) -> Result<Self, FileError> {
        let mut kept = BTreeMap::new();
        for path in paths {
            let bytes = if path == Path::new(STDIN.0) {
                let mut bytes = Vec::new();
                io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
            } else if std::fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
                std::fs::read(path)
            } else {
                continue;
            };
            let bytes = bytes.map_err(|error| unreadable(path, &error))?;
            kept.insert(path.clone(), bytes);
        }
        Ok(Self(Arc::new(kept)))
    }
}

impl Streams for &Kept {
    fn open(&mut self, path: &Path) -> Option<Box<dyn Read + '_>> {
        self.0.get(path).map(|bytes| Box::new(&bytes[..]) as _)
    }
}
