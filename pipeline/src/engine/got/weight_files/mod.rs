//! Safetensors files of a checkpoint, mapped into memory.
//!
//! Headers and the index are not trusted: the safetensors crate checks sizes and offsets against
//! the file, and an index may only name files of the folder.

mod key_map;

use std::{
    collections::{BTreeSet, HashMap, hash_map::Entry},
    fs,
    path::{Path, PathBuf},
};

use memmap2::Mmap;
use safetensors::{
    SafeTensors,
    tensor::{Dtype, Metadata},
};
use serde_json::Value;

pub(super) use self::key_map::{EMBEDDING, FIRST, HEAD, KeyMap};
use super::error::GotError;

/// Name of a single weight file.
const SINGLE: &str = "model.safetensors";
/// Name of the index, if the weights are in several files.
const INDEX: &str = "model.safetensors.index.json";
/// Maximum size of the index in bytes, and maximum files in it.
const MAX_INDEX_BYTES: u64 = 64 << 20;
const MAX_FILES: usize = 1000;
/// Bytes of the length before a file's header.
const LENGTH_BYTES: usize = 8;

/// The mapped tensors of a checkpoint.
pub(super) struct WeightFiles {
    files: Vec<MappedFile>,
    /// Index of the file that holds the tensor of this name.
    at: HashMap<String, usize>,
    key_map: KeyMap,
}

struct MappedFile {
    path: PathBuf,
    map: Mmap,
    header: Metadata,
    /// Offset at which tensor data begins.
    data: usize,
}

/// A tensor in a mapped file.
#[derive(Clone, Copy)]
pub(super) struct StoredTensor<'a> {
    pub(super) dtype: Dtype,
    pub(super) shape: &'a [usize],
    /// Little-endian values, at any alignment.
    pub(super) bytes: &'a [u8],
}

impl WeightFiles {
    /// Maps the weight files in `folder`.
    ///
    /// # Errors
    /// There are none, they are damaged, or they are no GOT checkpoint.
    pub(super) fn open(folder: &Path) -> Result<Self, GotError> {
        let mut files = Vec::new();
        let mut at = HashMap::new();
        for path in paths(folder)? {
            let file = MappedFile::open(path)?;
            for name in file.header.offset_keys() {
                match at.entry(name) {
                    Entry::Vacant(place) => _ = place.insert(files.len()),
                    Entry::Occupied(place) => {
                        let message = format!("tensor `{}` is in another file too", place.key());
                        return Err(broken(&file.path, message));
                    }
                }
            }
            files.push(file);
        }
        let key_map = KeyMap::ALL
            .into_iter()
            .find(|key_map| at.contains_key(&key_map.stored(FIRST)));
        let key_map = key_map.ok_or_else(|| GotError::Tensor {
            name: FIRST.to_owned(),
            message: format!(
                "is missing, and so is `{}`, and `{}`; one of them is in every GOT checkpoint",
                KeyMap::Old.stored(FIRST),
                KeyMap::Original.stored(FIRST),
            ),
        })?;
        Ok(Self { files, at, key_map })
    }

    /// The naming scheme of the tensors.
    pub(super) fn key_map(&self) -> KeyMap {
        self.key_map
    }

    /// Returns true if there is a tensor `name`.
    pub(super) fn has(&self, name: &str) -> bool {
        self.at.contains_key(&self.key_map.stored(name))
    }

    /// The shape of the tensor `name`, which must have `N` dimensions.
    ///
    /// # Errors
    /// It is missing or has another number of dimensions.
    pub(super) fn shape<const N: usize>(&self, name: &str) -> Result<[usize; N], GotError> {
        let shape = self.stored(name)?.shape;
        let message = || format!("has the shape {shape:?}; one with {N} sides would do");
        shape.try_into().map_err(|_| self.invalid(name, message()))
    }

    /// The tensor `name`.
    ///
    /// # Errors
    /// It is missing.
    pub(super) fn stored(&self, name: &str) -> Result<StoredTensor<'_>, GotError> {
        self.get(name)
            .ok_or_else(|| self.invalid(name, "is missing; take a complete checkpoint"))
    }

    /// The tensor `name`, if there is one.
    pub(super) fn get(&self, name: &str) -> Option<StoredTensor<'_>> {
        let stored = self.key_map.stored(name);
        let file = self.files.get(*self.at.get(&stored)?)?;
        let info = file.header.info(&stored)?;
        let (start, end) = info.data_offsets;
        Some(StoredTensor {
            dtype: info.dtype,
            shape: &info.shape,
            bytes: file.map.get(file.data + start..file.data + end)?,
        })
    }

    /// An error about the tensor `name`, with its name in the file.
    pub(super) fn invalid(&self, name: &str, message: impl Into<String>) -> GotError {
        GotError::Tensor {
            name: self.key_map.stored(name),
            message: message.into(),
        }
    }

    /// All files and their contents, in the order of their names.
    pub(super) fn contents(&self) -> impl Iterator<Item = (&Path, &[u8])> {
        self.files.iter().map(|file| (&*file.path, &*file.map))
    }
}

impl MappedFile {
    fn open(path: PathBuf) -> Result<Self, GotError> {
        let map = map(&path)?;
        let (length, header) = SafeTensors::read_metadata(&map).map_err(|error| {
            let message = format!("is no complete safetensors file ({error}); fetch it again");
            broken(&path, message)
        })?;
        Ok(Self {
            path,
            map,
            header,
            data: length + LENGTH_BYTES,
        })
    }
}

/// Maps a file into memory.
pub(super) fn map(path: &Path) -> Result<Mmap, GotError> {
    let failed = |error| GotError::File {
        path: path.to_owned(),
        error,
    };
    let file = fs::File::open(path).map_err(failed)?;
    #[expect(unsafe_code, reason = "a file is mapped into memory")]
    // SAFETY: the map is read-only. A checkpoint belongs to the operator, who must not truncate its
    // files while they are in use; nobody else can.
    unsafe { Mmap::map(&file) }.map_err(failed)
}

/// The weight files in `folder`, in the order of their names.
fn paths(folder: &Path) -> Result<Vec<PathBuf>, GotError> {
    let single = folder.join(SINGLE);
    if single.is_file() {
        return Ok(vec![single]);
    }
    let index = folder.join(INDEX);
    if !index.is_file() {
        return Err(absent(single));
    }
    let names = shards(&index)?;
    Ok(names.into_iter().map(|name| folder.join(name)).collect())
}

/// An error for a folder without weights that names weights in another format, if there are any.
fn absent(single: PathBuf) -> GotError {
    let mut found: Vec<_> = single
        .parent()
        .and_then(|folder| fs::read_dir(folder).ok())
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.ends_with(".bin") || name.ends_with(".gguf"))
        .collect();
    found.sort();
    let Some(name) = found.first() else {
        let error = std::io::ErrorKind::NotFound.into();
        return GotError::File {
            path: single,
            error,
        };
    };
    let message = format!(
        "is not there, only `{name}`, which is not read; save the model as safetensors, or take a \
         checkpoint that has `{SINGLE}`"
    );
    broken(&single, message)
}

/// The file names in an index.
fn shards(index: &Path) -> Result<BTreeSet<String>, GotError> {
    let text = map(index)?;
    if text.len() as u64 > MAX_INDEX_BYTES {
        return Err(broken(index, "is too long for an index; fetch it again"));
    }
    let value: Value = serde_json::from_slice(&text)
        .map_err(|error| broken(index, format!("is no JSON: {error}; fetch it again")))?;
    let Some(Value::Object(names)) = value.get("weight_map") else {
        return Err(broken(index, "has no `weight_map`; fetch it again"));
    };
    let mut files = BTreeSet::new();
    for (tensor, name) in names {
        let name = name.as_str().filter(|name| is_plain(name)).ok_or_else(|| {
            let message = format!(
                "`weight_map` gives {name} for `{tensor}`; the name of a .safetensors file in the \
                 same folder would do"
            );
            broken(index, message)
        })?;
        files.insert(name.to_owned());
    }
    if files.len() > MAX_FILES {
        return Err(broken(index, format!("names over {MAX_FILES} files")));
    }
    Ok(files)
}

/// Returns true if `name` is a weight file's name without a path.
fn is_plain(name: &str) -> bool {
    name.ends_with(".safetensors") && !name.contains(['/', '\\', '\0']) && !name.starts_with('.')
}

/// An error about a damaged file.
fn broken(path: &Path, message: impl Into<String>) -> GotError {
    GotError::Broken {
        path: path.to_owned(),
        message: message.into(),
    }
}

#[cfg(test)]
impl WeightFiles {
    /// Names of the tensors in the files.
    pub(super) fn names(&self) -> Vec<String> {
        self.at.keys().cloned().collect()
    }
}
