//! A folder's safetensors files, mapped into memory, and where each tensor lies in them.
//!
//! Headers and the index are not trusted: the safetensors crate checks sizes and offsets against the
//! file, and an index may name files of the folder only.

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

use super::names::{FIRST, KeyMap};
use crate::engine::got::error::GotError;

/// One file with all tensors.
const SINGLE: &str = "model.safetensors";
/// The list of files where there are several.
const INDEX: &str = "model.safetensors.index.json";
/// Most bytes of that list, and most files in it.
const MOST_INDEX_BYTES: u64 = 64 << 20;
const MOST_FILES: usize = 1000;
/// Bytes before a header: its length.
const LENGTH_BYTES: usize = 8;

/// The tensors of a checkpoint where they lie.
pub(in crate::engine::got) struct WeightFiles {
    files: Vec<MappedFile>,
    /// Which file has the tensor of this name.
    at: HashMap<String, usize>,
    naming: KeyMap,
}

struct MappedFile {
    path: PathBuf,
    map: Mmap,
    header: Metadata,
    /// The begin of the data.
    data: usize,
}

/// A tensor as it is stored.
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
    /// There are none, they are damaged, or they hold no GOT.
    pub(in crate::engine::got) fn open(folder: &Path) -> Result<Self, GotError> {
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
        let naming = KeyMap::ALL
            .into_iter()
            .find(|naming| at.contains_key(&naming.stored(FIRST)));
        let naming = naming.ok_or_else(|| GotError::Tensor {
            name: FIRST.to_owned(),
            message: format!(
                "is missing, and so is `{}`, and `{}`; one of them is in every GOT checkpoint",
                KeyMap::Old.stored(FIRST),
                KeyMap::Original.stored(FIRST),
            ),
        })?;
        Ok(Self { files, at, naming })
    }

    /// The naming of the tensors.
    pub(super) fn naming(&self) -> KeyMap {
        self.naming
    }

    /// Returns true if there is a tensor `name`, as it is called inside.
    pub(in crate::engine::got) fn has(&self, name: &str) -> bool {
        self.at.contains_key(&self.naming.stored(name))
    }

    /// The sides of the tensor `name`, which has `N` of them.
    ///
    /// # Errors
    /// It is missing or has another number of sides.
    pub(in crate::engine::got) fn shape<const N: usize>(
        &self,
        name: &str,
    ) -> Result<[usize; N], GotError> {
        let shape = self.stored(name)?.shape;
        let message = || format!("has the shape {shape:?}; one with {N} sides would do");
        shape.try_into().map_err(|_| self.refuse(name, message()))
    }

    /// The tensor `name` as it is stored.
    ///
    /// # Errors
    /// It is missing.
    pub(super) fn stored(&self, name: &str) -> Result<StoredTensor<'_>, GotError> {
        self.get(name)
            .ok_or_else(|| self.refuse(name, "is missing; take a complete checkpoint"))
    }

    /// The tensor `name` as it is stored, if it is.
    pub(super) fn get(&self, name: &str) -> Option<StoredTensor<'_>> {
        let stored = self.naming.stored(name);
        let file = self.files.get(*self.at.get(&stored)?)?;
        let info = file.header.info(&stored)?;
        let (start, end) = info.data_offsets;
        Some(StoredTensor {
            dtype: info.dtype,
            shape: &info.shape,
            bytes: file.map.get(file.data + start..file.data + end)?,
        })
    }

    /// An error about the tensor `name`, in the file's words.
    pub(in crate::engine::got) fn refuse(
        &self,
        name: &str,
        message: impl Into<String>,
    ) -> GotError {
        GotError::Tensor {
            name: self.naming.stored(name),
            message: message.into(),
        }
    }

    /// The whole files, in the order of their names.
    pub(super) fn contents(&self) -> impl Iterator<Item = &[u8]> {
        self.files.iter().map(|file| &*file.map)
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
    // SAFETY: the map is read only. A checkpoint belongs to the operator, who must not shorten its
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

/// The error for a folder without weights, which says what else is there.
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
    if text.len() as u64 > MOST_INDEX_BYTES {
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
    if files.len() > MOST_FILES {
        return Err(broken(index, format!("names over {MOST_FILES} files")));
    }
    Ok(files)
}

/// Returns true if `name` is a weight file's name and no path.
fn is_plain(name: &str) -> bool {
    name.ends_with(".safetensors") && !name.contains(['/', '\\', '\0']) && !name.starts_with('.')
}

/// The error for a damaged file.
fn broken(path: &Path, message: impl Into<String>) -> GotError {
    GotError::Broken {
        path: path.to_owned(),
        message: message.into(),
    }
}

#[cfg(test)]
impl WeightFiles {
    /// The tensors' names in the files.
    pub(super) fn names(&self) -> Vec<String> {
        self.at.keys().cloned().collect()
    }
}
