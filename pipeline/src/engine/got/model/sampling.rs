//! Greedy sampling: the token with the highest logit that is not banned.

use candle_core::{DType, Device, Tensor};
use rayon::prelude::*;
use recto_kernels::math;

use super::SampledToken;
use crate::engine::got::{error::candle_message, tensor_slice::with_slice};

/// Samples the best token of each row of logits (rows, vocabulary). `ids` are all token ids if the
/// logits are not on the CPU: (1, vocabulary), as floats, which hold them exactly.
pub(super) fn sample(
    logits: &Tensor,
    banned: &[&[u32]],
    ids: Option<&Tensor>,
) -> Result<Vec<SampledToken>, String> {
    const NO_NUMBERS: &str = "the model gave no numbers; its weights may be damaged, or need a wider format \
                              (--got-dtype)";
    let Some(ids) = ids else {
        let (_, vocabulary) = logits.dims2().map_err(|error| candle_message(&error))?;
        let best = with_slice(logits, |logits| {
            let rows = logits.par_chunks(vocabulary).zip(banned.par_iter());
            rows.map(|(logits, banned)| math::top_token(logits, banned))
                .collect::<Option<Vec<_>>>()
        });
        let best = best
            .map_err(|error| candle_message(&error))?
            .ok_or(NO_NUMBERS)?;
        let choice = |best: &math::TopToken| SampledToken {
            token: best.index as u32,
            logprob: best.logprob,
        };
        return Ok(best.iter().map(choice).collect());
    };
    let choices = sample_on_device(logits, banned, ids).map_err(|error| candle_message(&error))?;
    match choices.iter().all(|choice| choice.logprob.is_finite()) {
        true => Ok(choices),
        false => Err(NO_NUMBERS.to_owned()),
    }
}

/// The same on the device, so that only tokens and log-probabilities are copied back. Of equal
/// logits the first wins.
fn sample_on_device(
    logits: &Tensor,
    banned: &[&[u32]],
    ids: &Tensor,
) -> candle_core::Result<Vec<SampledToken>> {
    let logits = logits.to_dtype(DType::F32)?;
    let top = logits.max_keepdim(1)?;
    let sum = logits.broadcast_sub(&top)?.exp()?.sum_keepdim(1)?;
    let allowed = mask_banned(&logits, banned)?;
    let is_best = allowed.broadcast_eq(&allowed.max_keepdim(1)?)?;
    let last = ids.narrow(1, ids.dim(1)? - 1, 1)?;
    let token = is_best
        .where_cond(
            &ids.broadcast_as(logits.shape())?,
            &last.broadcast_as(logits.shape())?,
        )?
        .min_keepdim(1)?;
    let score = logits.gather(&token.to_dtype(DType::U32)?, 1)?;
    let logprob = ((score - top)? - sum.log()?)?;
    let choices = Tensor::cat(&[token, logprob], 1)?.to_vec2::<f32>()?;
    let choice = |row: &Vec<f32>| SampledToken {
        token: row[0] as u32,
        logprob: row[1],
    };
    Ok(choices.iter().map(choice).collect())
}

/// Logits with those of banned tokens at negative infinity.
fn mask_banned(logits: &Tensor, banned: &[&[u32]]) -> candle_core::Result<Tensor> {
    if banned.iter().all(|banned| banned.is_empty()) {
        return Ok(logits.clone());
    }
    let (_, vocabulary) = logits.dims2()?;
    let allowed = logits.copy()?;
    for (row, banned) in banned.iter().enumerate() {
        let known = |token: &&u32| (**token as usize) < vocabulary;
        let banned: Vec<u32> = banned.iter().filter(known).copied().collect();
        let count = banned.len();
        if count > 0 {
            let banned = Tensor::from_vec(banned, (1, count), logits.device())?;
            let never = Tensor::full(f32::NEG_INFINITY, (1, count), logits.device())?;
            allowed.narrow(0, row, 1)?.scatter_set(&banned, &never, 1)?;
        }
    }
    Ok(allowed)
}

/// All token ids: (1, vocabulary).
pub(super) fn token_ids(vocabulary: usize, device: &Device) -> candle_core::Result<Tensor> {
    Tensor::arange(0f32, vocabulary as f32, device)?.unsqueeze(0)
}
