//! Weights of a checkpoint, the same for all layouts.
//!
//! Files are mapped, not read: a tensor's bytes are touched once, when it is converted, and the
//! system may drop them after. All layouts give the same tensors under the same names.

use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use half::{bf16, f16};
use memmap2::Mmap;
use rayon::prelude::*;
use safetensors::tensor::Dtype;
use sha2::{Digest, Sha256};

use super::{
    config::{CheckpointConfig, CheckpointLayout},
    error::GotError,
    weight_files::{self, EMBEDDING, FIRST, HEAD, KeyMap, StoredTensor, WeightFiles},
};
use crate::pinned_files::PinnedFiles;

/// Files that belong to a checkpoint's identity beside the weights, in the order of their names.
const OTHER_FILES: [&str; 6] = [
    "config.json",
    "generation_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "qwen.tiktoken",
    "tokenizer.json",
];
/// Minimum values that a thread converts at a time, so that small tensors are not spread thin.
const MIN_VALUES: usize = 1 << 14;

/// The tensors of a checkpoint.
pub(super) struct CheckpointWeights {
    files: WeightFiles,
    others: Vec<(PathBuf, Mmap)>,
    tied: bool,
}

impl CheckpointWeights {
    /// Opens the weights in `folder`, whose configuration is `config`.
    ///
    /// # Errors
    /// Files are missing or damaged, or are in another layout than the configuration's.
    pub(super) fn open(folder: &Path, config: &CheckpointConfig) -> Result<Self, GotError> {
        let files = WeightFiles::open(folder)?;
        let fits =
            (config.layout == CheckpointLayout::Original) == (files.key_map() == KeyMap::Original);
        if !fits {
            let message = "is not what `model_type` in config.json promises; `got_ocr2` is for names \
                           as transformers gives them, `GOT` for the original ones";
            return Err(files.invalid(FIRST, message));
        }
        let others = OTHER_FILES.iter().map(|name| folder.join(name));
        let others = others.filter(|path| path.is_file());
        Ok(Self {
            tied: has_tied_embeddings(&files, config.text.tied)?,
            others: others
                .map(|path| {
                    let map = weight_files::map(&path)?;
                    Ok((path, map))
                })
                .collect::<Result<_, GotError>>()?,
            files,
        })
    }

    /// Checks the files against what is known of them.
    ///
    /// # Errors
    /// One is another.
    pub(super) fn check(&self, pinned: &PinnedFiles) -> Result<(), GotError> {
        let others = self.others.iter().map(|(path, map)| (&**path, &**map));
        for (path, bytes) in self.files.contents().chain(others) {
            pinned
                .check(path, bytes)
                .map_err(|reason| GotError::Broken {
                    path: path.to_owned(),
                    message: format!("{reason}; run `make setup` to have it put there again"),
                })?;
        }
        Ok(())
    }

    /// Returns true if the output head is the embedding; otherwise there is an `lm_head.weight`.
    pub(super) fn tied(&self) -> bool {
        self.tied
    }

    /// Loads the tensor `name` (as transformers 5 names it), which must have `shape`, as `dtype` on
    /// `device`.
    ///
    /// # Errors
    /// It is missing, has another shape, or is stored in an unsupported type; the message has its
    /// name in the file.
    pub(super) fn tensor(
        &self,
        name: &str,
        shape: &[usize],
        dtype: DType,
        device: &Device,
    ) -> Result<Tensor, GotError> {
        let name = self.present(name);
        let stored = self.files.get(name).ok_or_else(|| {
            self.files.invalid(
                name,
                format!("is missing; it must have the shape {shape:?}"),
            )
        })?;
        if stored.shape != shape {
            let message = format!(
                "has the shape {:?}, but the configuration says {shape:?}; the files are of \
                 different checkpoints",
                stored.shape
            );
            return Err(self.files.invalid(name, message));
        }
        let Some(from) = floating(stored.dtype) else {
            let message = format!("is stored as {:?}; F32, F16 or BF16 would do", stored.dtype);
            return Err(self.files.invalid(name, message));
        };
        Ok(convert(stored, from, dtype, device)?)
    }

    /// SHA-256 of the weight files in the order of their names, then of the configuration and
    /// tokenizer files in the order of theirs, as one stream. Takes seconds, as it reads all of
    /// them.
    pub(super) fn sha256(&self) -> String {
        let weights = self.files.contents().map(|(_, content)| content);
        let mut hash = Sha256::new();
        for content in weights.chain(self.others.iter().map(|(_, map)| &**map)) {
            hash.update(content);
        }
        let digest = hash.finalize();
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Resolves a tied embedding to the output head if the files have only that; returns other
    /// names unchanged.
    fn present<'a>(&self, name: &'a str) -> &'a str {
        match name {
            EMBEDDING if self.tied && !self.files.has(EMBEDDING) => HEAD,
            _ => name,
        }
    }
}

/// Returns true if the output head is the embedding. As in the reference, a head in the files that
/// differs overrules the configuration.
fn has_tied_embeddings(files: &WeightFiles, said: bool) -> Result<bool, GotError> {
    match (files.get(HEAD), files.get(EMBEDDING)) {
        (None, _) if said => Ok(true),
        (None, _) => Err(files.invalid(
            HEAD,
            "is missing, and `tie_word_embeddings` in config.json is false; take a complete \
             checkpoint, or one with tied embeddings",
        )),
        (Some(_), None) => Ok(said),
        (Some(head), Some(embedding)) => Ok(said
            && head.dtype == embedding.dtype
            && head.shape == embedding.shape
            && head.bytes == embedding.bytes),
    }
}

/// The candle dtype of a float type that weights may be stored in.
fn floating(dtype: Dtype) -> Option<DType> {
    match dtype {
        Dtype::F32 => Some(DType::F32),
        Dtype::F16 => Some(DType::F16),
        Dtype::BF16 => Some(DType::BF16),
        _ => None,
    }
}

/// Converts `stored` to `dtype` on `device`. F32, the type of everything on the CPU, is converted
/// straight from the mapped file, on all cores and without an intermediate copy.
fn convert(
    stored: StoredTensor<'_>,
    from: DType,
    dtype: DType,
    device: &Device,
) -> candle_core::Result<Tensor> {
    if from == dtype {
        return Tensor::from_raw_buffer(stored.bytes, from, stored.shape, device);
    }
    if dtype == DType::F32 {
        let values = match from {
            DType::BF16 => floats(stored.bytes, |bytes| bf16::from_le_bytes(bytes).to_f32()),
            _ => floats(stored.bytes, |bytes| f16::from_le_bytes(bytes).to_f32()),
        };
        return Tensor::from_vec(values, stored.shape, device);
    }
    Tensor::from_raw_buffer(stored.bytes, from, stored.shape, &Device::Cpu)?
        .to_dtype(dtype)?
        .to_device(device)
}

/// Converts 16-bit values to 32 bits.
fn floats(bytes: &[u8], value: impl Fn([u8; 2]) -> f32 + Sync) -> Vec<f32> {
    let (pairs, _) = bytes.as_chunks::<2>();
    pairs
        .par_iter()
        .with_min_len(MIN_VALUES)
        .map(|pair| value(*pair))
        .collect()
}

#[cfg(test)]
pub(super) mod tests;
