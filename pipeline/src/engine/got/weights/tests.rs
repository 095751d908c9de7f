//! Tests of weights in all layouts.

use std::{fs, path::PathBuf};

use safetensors::tensor::{TensorView, serialize_to_file};
use tempfile::TempDir;

use super::*;

/// The small checkpoints that the reference wrote.
const REFERENCE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../tests/reference/checkpoints"
);
/// Names of the small checkpoints' tensors, as the engine knows them.
const NAMES: [&str; 3] = [FIRST, EMBEDDING, "model.language_model.norm.weight"];

/// A tensor to write to a file.
pub(in crate::engine::got) struct Written {
    pub(in crate::engine::got) name: String,
    shape: Vec<usize>,
    dtype: Dtype,
    bytes: Vec<u8>,
}

impl Written {
    /// 32-bit zeros.
    pub(in crate::engine::got) fn zeros(name: &str, shape: &[usize]) -> Self {
        let count: usize = shape.iter().product();
        Self::new(name, shape, Dtype::F32, vec![0; count * 4])
    }

    fn new(name: &str, shape: &[usize], dtype: Dtype, bytes: Vec<u8>) -> Self {
        Self {
            name: name.to_owned(),
            shape: shape.to_vec(),
            dtype,
            bytes,
        }
    }

    /// `[2, 2]` values as bfloat16, from `first` in steps of one.
    fn square(name: &str, first: f32) -> Self {
        let values = [first, first + 1.0, first + 2.0, first + 3.0];
        let bytes = values.map(|value| bf16::from_f32(value).to_le_bytes());
        Self::new(name, &[2, 2], Dtype::BF16, bytes.concat())
    }
}

/// Writes a safetensors file.
pub(in crate::engine::got) fn store(path: &Path, tensors: &[Written]) {
    let views = tensors.iter().map(|tensor| {
        let view = TensorView::new(tensor.dtype, tensor.shape.clone(), &tensor.bytes);
        (tensor.name.as_str(), view.unwrap())
    });
    serialize_to_file(views, None, path).unwrap();
}

/// The small checkpoint's tensors, named by `key_map`.
fn square(key_map: KeyMap) -> Vec<Written> {
    let tensors = NAMES.iter().zip([1.0, 10.0, 100.0]);
    tensors
        .map(|(name, first)| Written::square(&key_map.stored(name), first))
        .collect()
}

fn config(layout: CheckpointLayout, tied: bool) -> CheckpointConfig {
    let mut config = CheckpointConfig::read(&PathBuf::from(REFERENCE).join("hub-new")).unwrap();
    config.layout = layout;
    config.text.tied = tied;
    config
}

fn open(
    folder: &TempDir,
    layout: CheckpointLayout,
    tied: bool,
) -> Result<CheckpointWeights, String> {
    CheckpointWeights::open(folder.path(), &config(layout, tied)).map_err(|error| error.to_string())
}

fn hub(tensors: &[Written], tied: bool) -> Result<CheckpointWeights, String> {
    let folder = TempDir::new().unwrap();
    store(&folder.path().join("model.safetensors"), tensors);
    open(&folder, CheckpointLayout::Hub, tied)
}

fn values(weights: &CheckpointWeights, name: &str) -> Vec<f32> {
    let tensor = weights.tensor(name, &[2, 2], DType::F32, &Device::Cpu);
    tensor.unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn each_layout_gives_the_same_tensors() {
    for key_map in KeyMap::ALL {
        let folder = TempDir::new().unwrap();
        store(&folder.path().join("model.safetensors"), &square(key_map));
        let layout = match key_map {
            KeyMap::Original => CheckpointLayout::Original,
            _ => CheckpointLayout::Hub,
        };
        let weights = open(&folder, layout, true).unwrap();
        for (name, first) in NAMES.iter().zip([1.0, 10.0, 100.0]) {
            assert_eq!(
                values(&weights, name),
                [0.0, 1.0, 2.0, 3.0].map(|step| first + step)
            );
        }
    }
}

#[test]
fn shards_are_found_by_their_index() {
    let folder = TempDir::new().unwrap();
    let mut tensors = square(KeyMap::Old);
    let last = tensors.split_off(2);
    store(
        &folder.path().join("model-00001-of-00002.safetensors"),
        &tensors,
    );
    store(
        &folder.path().join("model-00002-of-00002.safetensors"),
        &last,
    );
    let index = folder.path().join("model.safetensors.index.json");
    let text = r#"{"metadata": {}, "weight_map": {
        "vision_tower.patch_embed.projection.weight": "model-00001-of-00002.safetensors",
        "language_model.model.norm.weight": "model-00002-of-00002.safetensors"}}"#;
    fs::write(&index, text).unwrap();
    let weights = open(&folder, CheckpointLayout::Hub, true).unwrap();
    assert_eq!(values(&weights, NAMES[2]), [100.0, 101.0, 102.0, 103.0]);

    for name in [
        "../x.safetensors",
        "/x.safetensors",
        "a/b.safetensors",
        "x.bin",
        ".safetensors",
    ] {
        let text = text.replace("model-00002-of-00002.safetensors", name);
        fs::write(&index, text).unwrap();
        let error = open(&folder, CheckpointLayout::Hub, true).err().unwrap();
        assert!(
            error.contains("index.json") && error.contains(name),
            "{error}"
        );
    }
    for text in [
        "",
        "{}",
        r#"{"weight_map": [1]}"#,
        r#"{"weight_map": {"a": 1}}"#,
    ] {
        fs::write(&index, text).unwrap();
        let error = open(&folder, CheckpointLayout::Hub, true).err().unwrap();
        assert!(error.contains("model.safetensors.index.json"), "{error}");
    }
    fs::write(&index, r#"{"weight_map": {"a": "gone.safetensors"}}"#).unwrap();
    let error = open(&folder, CheckpointLayout::Hub, true).err().unwrap();
    assert!(error.contains("gone.safetensors"), "{error}");
    store(&folder.path().join("twice.safetensors"), &last);
    let text = r#"{"weight_map": {"a": "twice.safetensors",
                                  "b": "model-00002-of-00002.safetensors"}}"#;
    fs::write(&index, text).unwrap();
    let error = open(&folder, CheckpointLayout::Hub, true).err().unwrap();
    assert!(
        error.contains("language_model.model.norm.weight"),
        "{error}"
    );
}

#[test]
fn a_tensor_that_does_not_fit_names_itself_as_the_file_does() {
    let weights = hub(&square(KeyMap::Old), true).unwrap();
    let tensor = |name, shape: &[usize]| {
        let tensor = weights.tensor(name, shape, DType::F32, &Device::Cpu);
        tensor.unwrap_err().to_string()
    };
    let error = tensor(NAMES[2], &[3]);
    assert!(
        error.contains("`language_model.model.norm.weight`"),
        "{error}"
    );
    assert!(error.contains("[2, 2]") && error.contains("[3]"), "{error}");
    let error = tensor("model.vision_tower.pos_embed", &[1, 4, 4, 2]);
    assert!(
        error.contains("`vision_tower.pos_embed`: is missing"),
        "{error}"
    );
    assert!(error.contains("[1, 4, 4, 2]"), "{error}");
    let mut tensors = square(KeyMap::New);
    tensors.push(Written::new(
        "model.language_model.x",
        &[2],
        Dtype::I64,
        vec![0; 16],
    ));
    let weights = hub(&tensors, true).unwrap();
    let error = weights.tensor("model.language_model.x", &[2], DType::F32, &Device::Cpu);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("I64") && error.contains("BF16"), "{error}");
}

#[test]
fn every_type_converts_to_every_other() {
    let numbers = [0.5_f32, -3.0, 1024.0, 0.125];
    let f32s = numbers.map(f32::to_le_bytes).concat();
    let f16s = numbers
        .map(|number| f16::from_f32(number).to_le_bytes())
        .concat();
    let bf16s = numbers
        .map(|number| bf16::from_f32(number).to_le_bytes())
        .concat();
    let mut tensors = square(KeyMap::New);
    for (name, dtype, bytes) in [
        ("a", Dtype::F32, f32s),
        ("b", Dtype::F16, f16s),
        ("c", Dtype::BF16, bf16s),
    ] {
        tensors.push(Written::new(name, &[2, 2], dtype, bytes));
    }
    let weights = hub(&tensors, true).unwrap();
    for name in ["a", "b", "c"] {
        for dtype in [DType::F32, DType::F16, DType::BF16] {
            let tensor = weights.tensor(name, &[2, 2], dtype, &Device::Cpu).unwrap();
            assert_eq!((tensor.dtype(), tensor.dims()), (dtype, &[2_usize, 2][..]));
            let tensor = tensor.to_dtype(DType::F32).unwrap().flatten_all().unwrap();
            assert_eq!(tensor.to_vec1::<f32>().unwrap(), numbers);
        }
    }
}

#[test]
fn the_files_decide_whether_the_head_is_the_embedding() {
    let head = |first| {
        let mut tensors = square(KeyMap::New);
        tensors.push(Written::square(HEAD, first));
        tensors
    };
    assert!(hub(&square(KeyMap::New), true).unwrap().tied());
    assert!(hub(&head(10.0), true).unwrap().tied());
    assert!(!hub(&head(11.0), true).unwrap().tied());
    assert!(!hub(&head(10.0), false).unwrap().tied());
    let error = hub(&square(KeyMap::New), false).err().unwrap();
    assert!(error.contains("`lm_head.weight`: is missing"), "{error}");
    assert!(error.contains("`tie_word_embeddings`"), "{error}");
    // Only the head was saved, which is the embedding too.
    let mut tensors = head(10.0);
    tensors.retain(|tensor| tensor.name != EMBEDDING);
    let weights = hub(&tensors, true).unwrap();
    assert!(weights.tied());
    assert_eq!(values(&weights, EMBEDDING), [10.0, 11.0, 12.0, 13.0]);
}

#[test]
fn a_folder_without_usable_weights_says_what_is_wanted() {
    let folder = TempDir::new().unwrap();
    let error = open(&folder, CheckpointLayout::Hub, true).err().unwrap();
    assert!(
        error.contains("cannot read") && error.contains("model.safetensors"),
        "{error}"
    );
    fs::write(folder.path().join("pytorch_model.bin"), b"x").unwrap();
    let error = open(&folder, CheckpointLayout::Hub, true).err().unwrap();
    assert!(error.contains("model.safetensors"), "{error}");
    assert!(error.contains("only `pytorch_model.bin`"), "{error}");
    let path = folder.path().join("model.safetensors");
    store(&path, &square(KeyMap::New));
    let whole = fs::read(&path).unwrap();
    for damaged in [
        &[] as &[u8],
        &whole[..5],
        &whole[..20],
        &whole[..whole.len() - 1],
    ] {
        fs::write(&path, damaged).unwrap();
        let error = open(&folder, CheckpointLayout::Hub, true).err().unwrap();
        assert!(
            error.contains("model.safetensors") && error.contains("again"),
            "{error}"
        );
    }
    store(&path, &[Written::zeros("other", &[1])]);
    let error = open(&folder, CheckpointLayout::Hub, true).err().unwrap();
    assert!(
        error.contains("model.vision_tower_high.patch_embed.proj.weight"),
        "{error}"
    );
    store(&path, &square(KeyMap::Original));
    let error = open(&folder, CheckpointLayout::Hub, true).err().unwrap();
    assert!(error.contains("`model_type`"), "{error}");
}

/// `cat model.safetensors config.json qwen.tiktoken | sha256sum`.
#[test]
fn the_checksum_is_that_of_the_files_in_a_row() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("model.safetensors");
    store(&path, &square(KeyMap::New));
    fs::write(folder.path().join("qwen.tiktoken"), b"second").unwrap();
    fs::write(folder.path().join("config.json"), b"first").unwrap();
    fs::write(folder.path().join("README.md"), b"no part of the model").unwrap();
    let mut all = fs::read(&path).unwrap();
    all.extend_from_slice(b"firstsecond");
    let digest = Sha256::digest(&all);
    let expected: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        open(&folder, CheckpointLayout::Hub, true).unwrap().sha256(),
        expected
    );
}

/// The reference's three checkpoints hold the same values: bfloat16, float32 in shards, float16.
#[test]
fn the_references_three_checkpoints_have_the_same_tensors() {
    let open = |name| {
        let folder = PathBuf::from(REFERENCE).join(name);
        CheckpointWeights::open(&folder, &CheckpointConfig::read(&folder).unwrap()).unwrap()
    };
    let all = ["hub-new", "hub-old", "original"].map(open);
    assert!(all.iter().all(CheckpointWeights::tied));
    let first = &all[0];
    let names = first.files.names();
    assert_eq!((names.len(), first.files.key_map()), (81, KeyMap::Old));
    for stored in names {
        let name = match stored.strip_prefix("language_model.model.") {
            Some(rest) => format!("model.language_model.{rest}"),
            None => format!("model.{stored}"),
        };
        let shape = first.files.get(&name).unwrap().shape;
        let values = all.each_ref().map(|weights| {
            let tensor = weights
                .tensor(&name, shape, DType::F32, &Device::Cpu)
                .unwrap();
            tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap()
        });
        assert!(values[0] == values[1] && values[0] == values[2], "{name}");
    }
}
