//! Tests of the model against the reference implementation.

use std::time::Duration;

use candle_core::Tensor;

use super::{
    sampling::{sample, token_ids},
    *,
};
use crate::{
    cancel::{CancelToken, oneshot::OneshotReceiver},
    engine::{
        DocumentId, EngineError,
        got::{
            config::CheckpointConfig,
            fixtures::{ReferenceCase, ReferenceData, checkpoint},
            repetition::TokenClasses,
            scheduler::{Completion, Scheduler, Sequence},
            weights::CheckpointWeights,
        },
    },
};

mod ordinary;

/// A vocabulary without classes.
const NO_WORDS: [(u32, &str); 0] = [];

/// Tolerance of F32 results against the reference's.
const TOLERANCE: f32 = 1e-3;

fn load(layout: &str, dtype: Dtype, use_tensors: bool) -> GotModel {
    load_on(Device::Cpu, layout, dtype, use_tensors)
}

fn load_on(device: Device, layout: &str, dtype: Dtype, use_tensors: bool) -> GotModel {
    let folder = checkpoint(layout);
    let config = CheckpointConfig::read(&folder).unwrap();
    let weights = CheckpointWeights::open(&folder, &config).unwrap();
    let options = LoadOptions {
        dtype,
        device,
        slots: 3,
        context: 512,
    };
    GotModel::load_with(&config, &weights, &options, use_tensors).unwrap()
}

fn most(got: &Tensor, expected: &Tensor) -> f32 {
    assert_eq!(got.dims(), expected.dims());
    let got = got.to_device(&Device::Cpu).unwrap();
    let off = (got - expected).unwrap().abs().unwrap();
    off.max_all().unwrap().to_scalar().unwrap()
}

fn images(model: &mut GotModel, reference: &ReferenceData, set: &str) -> Vec<Tensor> {
    let views = reference.views(set);
    let one_by_one = views
        .iter()
        .map(|view| model.encode(&[view]).unwrap().remove(0));
    one_by_one.collect()
}

/// Logits after the prompt and after each of the reference's tokens but the last.
fn forced(
    model: &mut GotModel,
    case: &ReferenceCase,
    images: &[Tensor],
    slot: usize,
) -> Vec<Tensor> {
    let images: Vec<&Tensor> = images.iter().collect();
    let mut logits = vec![
        model
            .prefill_logits(slot, &case.prompt_ids, &images)
            .unwrap(),
    ];
    for token in &case.tokens[..case.tokens.len() - 1] {
        logits.push(model.decode_logits(&[(slot, *token)]).unwrap());
    }
    logits
}

/// The model's own tokens.
fn greedy(model: &mut GotModel, case: &ReferenceCase, images: &[Tensor]) -> Vec<SampledToken> {
    let images: Vec<&Tensor> = images.iter().collect();
    let mut choices = vec![model.prefill(1, &case.prompt_ids, &images, &[]).unwrap()];
    while choices.len() < case.tokens.len() {
        let token = choices[choices.len() - 1].token;
        let row = DecodeInput {
            slot: 1,
            token,
            banned: &[],
        };
        choices.extend(model.decode(&[row]).unwrap());
    }
    choices
}

fn holds_up(layout: &str, use_tensors: bool) {
    follows_the_reference(load(layout, Dtype::F32, use_tensors), layout);
}

fn follows_the_reference(mut model: GotModel, layout: &str) {
    let reference = ReferenceData::read();
    for set in reference.sets() {
        let views = reference.views(set);
        let views: Vec<&InputImage> = views.iter().map(|view| &**view).collect();
        let features = model.encoder.features(&views).unwrap();
        let channels_last = reference
            .tensor(&format!("{set}.encoder"))
            .permute((0, 2, 3, 1));
        let off = most(&features, &channels_last.unwrap());
        assert!(off < TOLERANCE, "{layout} {set} encoder: {off}");
        let off = most(
            &model.encoder.project(&features).unwrap(),
            reference.tensor(&format!("{set}.projector")),
        );
        assert!(off < TOLERANCE, "{layout} {set} projector: {off}");
    }
    let form = if layout == "original" {
        "original"
    } else {
        "hub"
    };
    for case in reference.cases(form) {
        if case.no_repeat_ngram_size.is_some() {
            continue;
        }
        let images = images(&mut model, &reference, &case.set);
        let logits = forced(&mut model, case, &images, 2);
        let expected = reference.tensor(&format!("{}.logits", case.name));
        for (index, step) in reference.logit_steps().iter().enumerate() {
            let expected = expected.narrow(0, index, 1).unwrap();
            let off = most(&logits[*step], &expected);
            assert!(off < TOLERANCE, "{layout} {} step {step}: {off}", case.name);
        }
        let choices = greedy(&mut model, case, &images);
        let tokens: Vec<u32> = choices.iter().map(|choice| choice.token).collect();
        assert_eq!(tokens, case.tokens, "{layout} {}", case.name);
        for (choice, expected) in choices.iter().zip(&case.logprobs) {
            assert!(
                (choice.logprob - expected).abs() < TOLERANCE,
                "{layout} {}",
                case.name
            );
        }
    }
}

#[test]
fn the_hubs_new_layout_gives_the_references_tensors_and_tokens() {
    holds_up("hub-new", false);
}

#[test]
fn the_hubs_old_layout_gives_the_references_tensors_and_tokens() {
    holds_up("hub-old", false);
}

#[test]
fn the_original_layout_gives_the_references_tensors_and_tokens() {
    holds_up("original", false);
}

#[test]
fn keys_and_values_as_a_gpu_keeps_them_give_the_same() {
    holds_up("hub-new", true);
}

#[test]
fn half_formats_are_widened_on_the_cpu() {
    let reference = ReferenceData::read();
    let case = reference.case("hub-plain");
    let mut single = load("hub-new", Dtype::F32, false);
    let mut half = load("hub-new", Dtype::Bf16, false);
    let images = images(&mut single, &reference, &case.set);
    let expected = forced(&mut single, case, &images, 0);
    let got = forced(&mut half, case, &images, 0);
    assert_eq!(most(&got[63], &expected[63]), 0.0);
}

/// Logits of a decoder with ordinary weights (spread as Qwen2 is initialized, 256 wide, 4 layers)
/// after each of 64 tokens, without images.
fn ordinary_scores(dtype: Dtype, device: &Device) -> Tensor {
    let folder = tempfile::tempdir().unwrap();
    ordinary::write(folder.path());
    let config = CheckpointConfig::read(folder.path()).unwrap();
    let weights = CheckpointWeights::open(folder.path(), &config).unwrap();
    let options = LoadOptions {
        dtype,
        device: device.clone(),
        slots: 1,
        context: 128,
    };
    let mut model = GotModel::load(&config, &weights, &options).unwrap();
    let mut logits = vec![model.prefill_logits(0, &[1, 2, 3], &[]).unwrap()];
    for token in 0..64 {
        logits.push(model.decode_logits(&[(0, token * 5 % 290)]).unwrap());
    }
    let logits = Tensor::cat(&logits, 0).unwrap();
    let logits = logits.to_dtype(DType::F32).unwrap();
    logits.to_device(&Device::Cpu).unwrap()
}

/// Norm of the difference over norm of the expected values.
fn relative_error(got: Tensor, expected: Tensor) -> f32 {
    let norm = |t: Tensor| {
        let squares = t.sqr().unwrap().sum_all().unwrap();
        squares.to_scalar::<f32>().unwrap().sqrt()
    };
    norm((got - &expected).unwrap()) / norm(expected)
}

/// The error that `dtype` on `device` costs the decoder with ordinary weights.
fn ordinary_error(dtype: Dtype, device: &Device) -> f32 {
    let expected = ordinary_scores(Dtype::F32, &Device::Cpu);
    relative_error(ordinary_scores(dtype, device), expected)
}

#[test]
fn eight_bits_stay_within_three_percent() {
    let error = ordinary_error(Dtype::Q8, &Device::Cpu);
    println!("8 bits: {:.2} %", error * 100.0);
    assert!(error <= 0.03, "{error}");
}

#[test]
fn four_bits_stay_within_fifteen_percent() {
    let error = ordinary_error(Dtype::Q4, &Device::Cpu);
    println!("4 bits: {:.2} %", error * 100.0);
    assert!(error <= 0.15, "{error}");
}

/// The reference's small checkpoint magnifies every error, so that its tokens are far apart: bounds
/// for it only catch gross errors.
#[test]
fn fewer_bits_follow_the_reference() {
    let reference = ReferenceData::read();
    let case = reference.case("hub-format");
    for (dtype, bound) in [(Dtype::Q8, 0.1), (Dtype::Q4, 0.7)] {
        let (mut single, mut fewer) = (
            load("hub-new", Dtype::F32, false),
            load("hub-new", dtype, false),
        );
        let images = images(&mut single, &reference, &case.set);
        let expected = Tensor::cat(&forced(&mut single, case, &images, 0), 0).unwrap();
        let got = Tensor::cat(&forced(&mut fewer, case, &images, 0), 0).unwrap();
        let error = relative_error(got, expected);
        println!("{dtype}: {:.1} %", error * 100.0);
        assert!(error < bound, "{dtype}: {error}");
    }
}

/// Seven cases of different lengths in a scheduler with three slots, all at once or one after
/// another.
fn scheduled(dtype: Dtype, together: bool) -> Vec<Vec<u32>> {
    let reference = ReferenceData::read();
    let scheduler = Scheduler::start(
        load("hub-new", dtype, false),
        TokenClasses::new(&[], NO_WORDS),
    );
    let cases = reference.cases("hub");
    let cases = cases
        .iter()
        .filter(|case| case.no_repeat_ngram_size.is_none())
        .take(7);
    let mut waiting = Vec::new();
    let mut written = Vec::new();
    let receive = |answer: OneshotReceiver<Result<Completion, EngineError>>| {
        let received = answer.recv(&CancelToken::new(), None);
        received.unwrap().unwrap().tokens
    };
    for (index, case) in cases.enumerate() {
        let answer = scheduler.submit(Sequence {
            document: DocumentId(index as u64 % 3),
            prompt: case.prompt_ids.clone(),
            images: reference.views(&case.set),
            token_range: None,
            // They leave at different steps.
            max_new_tokens: 64 - 7 * index,
            time_limit: Duration::from_secs(600),
            loop_guard: false,
            max_equal_rows: 0,
            no_repeat_ngram: None,
            cancel: CancelToken::new(),
        });
        match together {
            true => waiting.push(answer.unwrap()),
            false => written.push(receive(answer.unwrap())),
        }
    }
    written.extend(waiting.into_iter().map(receive));
    if together {
        let work = scheduler.stats();
        assert!(
            work.rows > work.steps,
            "sequences were decoded together: {work:?}"
        );
    }
    written
}

#[test]
fn a_mixed_batch_gives_what_each_gives_alone() {
    for dtype in [Dtype::F32, Dtype::Q8] {
        let together = scheduled(dtype, true);
        assert_eq!(together.len(), 7);
        assert_eq!(together, scheduled(dtype, false), "{dtype}");
        if dtype == Dtype::F32 {
            let reference = ReferenceData::read();
            for (index, case) in reference.cases("hub").iter().take(7).enumerate() {
                assert_eq!(
                    together[index],
                    case.tokens[..64 - 7 * index],
                    "{}",
                    case.name
                );
            }
        }
    }
}

#[test]
fn the_references_ngram_block_gives_its_tokens() {
    let reference = ReferenceData::read();
    let case = reference
        .cases("hub")
        .into_iter()
        .find(|case| case.no_repeat_ngram_size.is_some());
    let case = case.unwrap();
    let scheduler = Scheduler::start(
        load("hub-new", Dtype::F32, false),
        TokenClasses::new(&[], NO_WORDS),
    );
    let answer = scheduler.submit(Sequence {
        document: DocumentId(1),
        prompt: case.prompt_ids.clone(),
        images: reference.views(&case.set),
        token_range: None,
        max_new_tokens: 64,
        time_limit: Duration::from_secs(600),
        loop_guard: false,
        max_equal_rows: 0,
        no_repeat_ngram: case.no_repeat_ngram_size,
        cancel: CancelToken::new(),
    });
    let received = answer.unwrap().recv(&CancelToken::new(), None);
    let written = received.unwrap().unwrap();
    assert_eq!(written.tokens, case.tokens);
}

#[test]
fn a_slot_is_as_new_after_another_sequence() {
    let reference = ReferenceData::read();
    let mut model = load("hub-new", Dtype::Q8, false);
    let (long, short) = (
        reference.case("hub-tiles-plain"),
        reference.case("hub-plain"),
    );
    let short_images = images(&mut model, &reference, &short.set);
    let fresh = greedy(&mut model, short, &short_images);
    let long_images = images(&mut model, &reference, &long.set);
    greedy(&mut model, long, &long_images);
    assert_eq!(greedy(&mut model, short, &short_images), fresh);
}

#[test]
fn what_does_not_fit_is_an_error() {
    let reference = ReferenceData::read();
    let case = reference.case("hub-plain");
    let mut model = load("hub-new", Dtype::F32, false);
    let images = images(&mut model, &reference, &case.set);
    let image = &images[0];
    assert!(model.prefill(0, &[], &[], &[]).is_err());
    assert!(model.prefill(9, &case.prompt_ids, &[image], &[]).is_err());
    assert!(model.prefill(0, &[1; 513], &[], &[]).is_err());
    assert!(model.prefill(0, &case.prompt_ids, &[], &[]).is_err());
    assert!(
        model
            .prefill(0, &case.prompt_ids, &[image, image], &[])
            .is_err()
    );
    let full = [1u32; 512];
    model.prefill(0, &full, &[], &[]).unwrap();
    assert!(
        model
            .decode(&[DecodeInput {
                slot: 0,
                token: 1,
                banned: &[]
            }])
            .is_err()
    );
}

#[test]
fn a_device_chooses_what_the_cpu_chooses() {
    // The second row has two equal best tokens, the third row's are banned.
    let logits = [
        [0.5f32, 2.0, -1.0, 0.0, 1.0],
        [0.0, 3.0, 1.0, 3.0, 2.0],
        [9.0, 1.0, 2.0, 8.0, 2.0],
    ];
    let logits = Tensor::new(&logits, &Device::Cpu).unwrap();
    let banned: [&[u32]; 3] = [&[], &[], &[0, 3, 700]];
    let host = sample(&logits, &banned, None).unwrap();
    let tokens: Vec<u32> = host.iter().map(|choice| choice.token).collect();
    assert_eq!(tokens, [1, 1, 2]);
    let there = sample(&logits, &banned, Some(&token_ids(5, &Device::Cpu).unwrap())).unwrap();
    for (there, host) in there.iter().zip(&host) {
        assert_eq!(there.token, host.token);
        assert!((there.logprob - host.logprob).abs() < 1e-5);
    }
    assert_eq!(logits.get(2).unwrap().to_vec1::<f32>().unwrap()[0], 9.0);
}

#[test]
fn a_model_that_gives_no_numbers_is_refused_wherever_it_runs() {
    let logits = Tensor::new(&[[f32::NAN, 1.0, f32::NAN]], &Device::Cpu).unwrap();
    let ids = token_ids(3, &Device::Cpu).unwrap();
    assert!(sample(&logits, &[&[]], Some(&ids)).is_err());
    let logits = Tensor::new(&[[f32::NAN; 3]], &Device::Cpu).unwrap();
    assert!(sample(&logits, &[&[]], Some(&ids)).is_err());
}

/// On the machine's first GPU: `cargo test --workspace --lib --features cuda on_a_gpu -- --ignored`.
#[cfg(feature = "cuda")]
mod on_a_gpu {
    use super::*;
    use crate::engine::got::gpu;

    #[test]
    #[ignore = "needs a GPU"]
    fn single_precision_gives_the_references_tensors_and_tokens() {
        for layout in ["hub-new", "original"] {
            let device = cuda::open(0).unwrap();
            follows_the_reference(load_on(device, layout, Dtype::F32, false), layout);
        }
    }

    #[test]
    #[ignore = "needs a GPU"]
    fn half_precision_stays_within_three_percent() {
        for dtype in [Dtype::Bf16, Dtype::F16] {
            let error = ordinary_error(dtype, &cuda::open(0).unwrap());
            println!("{dtype:?}: {:.2} %", error * 100.0);
            assert!(error <= 0.03, "{dtype:?}: {error}");
        }
    }
}

#[test]
fn views_of_any_height_go_through_together_as_they_go_alone() {
    let reference = ReferenceData::read();
    let mut model = load("hub-new", Dtype::F32, false);
    let whole = reference.views("tiles");
    let strip = |view: &InputImage, height: u32| InputImage {
        height,
        rgb: view.rgb[..(view.width * height * 3) as usize].to_vec(),
        ..*view
    };
    let strips = [
        strip(&whole[0], 64),
        strip(&whole[1], 32),
        strip(&whole[2], 32),
    ];
    let views: Vec<&InputImage> = whole[..2]
        .iter()
        .map(|view| &**view)
        .chain(&strips)
        .collect();
    let together = model.encode(&views).unwrap();
    for (view, image) in views.iter().zip(&together) {
        let tokens = (view.width / 32 * (view.height / 32)) as usize;
        assert_eq!(image.dim(0).unwrap(), tokens);
        let alone = model.encode(&[view]).unwrap().remove(0);
        assert!(most(&alone, image) < 1e-5, "{}", view.height);
    }
    let row = model.slice(&together[0], 4..8).unwrap();
    let expected = together[0].narrow(0, 4, 4).unwrap();
    assert_eq!(most(&row, &expected), 0.0);
    assert!(model.slice(&together[4], 4..8).is_err());
}
