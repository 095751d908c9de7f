//! The recogniser's last layer, run here instead of in the network.
//!
//! It scores 18,710 classes at every step, a tenth of a line's work, and its softmax is of no use for
//! all but the best class of a step. So the network is cut in front of it as it is loaded; here its
//! weights are packed once for all lines, and probabilities are made only where a character is read.

use rten_gemm::{BiasVector, GemmExecutor, GemmInputA, GemmInputB, GemmOptions, PackedBMatrix};
use rten_onnx::onnx::{GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto};
use rten_tensor::{NdTensor, NdTensorView, prelude::*};

/// Classes scored at a time, so that the scores of a line stay in the cache.
const PART: usize = 1024;
/// Classes looked at together within a part.
const BLOCK: usize = 64;
/// A block whose best score is so far below the step's best adds nothing to its softmax: at most
/// 64·e⁻²⁰, about 1e-7, of the best class's share.
const NEGLIGIBLE: f32 = 20.0;

/// The last layer: scores = features · weights + bias, for [`PART`] classes at a time.
pub(super) struct Head {
    parts: Vec<Part>,
    features: usize,
    classes: usize,
}

struct Part {
    weights: PackedBMatrix<f32>,
    bias: Vec<f32>,
}

/// The best class of a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Best {
    /// The class; the first of equals.
    pub(super) class: usize,
    /// Its score.
    score: f32,
    /// Sum of e to the power of all scores less the best.
    sum: f32,
}

/// Takes the last layer (matrix product, bias, softmax) off a network in ONNX form; gives the rest,
/// whose output is the layer's input, and the layer.
pub(super) fn cut(onnx: &[u8]) -> Result<(Vec<u8>, Head), String> {
    let mut model = ModelProto::parse_buf(onnx).map_err(|e| e.to_string())?;
    let graph = model.graph.as_mut().ok_or("it holds no graph")?;
    let output = graph
        .output
        .first()
        .and_then(|o| o.name.clone())
        .ok_or("it has no output")?;
    let mut dropped = Vec::new();
    let (probabilities, _) = operands(graph, &output, "Softmax", &mut dropped)?;
    let (product, bias) = operands(graph, &probabilities, "Add", &mut dropped)?;
    let (features, weights) = operands(graph, &product, "MatMul", &mut dropped)?;
    let head = head(graph, &weights, &bias)?;
    graph.node.retain(|node| {
        node.output
            .first()
            .is_none_or(|name| !dropped.contains(name))
    });
    graph
        .initializer
        .retain(|t| t.name.as_ref() != Some(&weights) && t.name.as_ref() != Some(&bias));
    graph.output = vec![ValueInfoProto {
        name: Some(features),
        ..Default::default()
    }];
    Ok((model.write_buf().map_err(|e| e.to_string())?, head))
}

/// The first and second input of the operator of type `kind` that makes `value`, copies on the way
/// skipped; what it and those make is added to `dropped`.
fn operands(
    graph: &GraphProto,
    value: &str,
    kind: &str,
    dropped: &mut Vec<String>,
) -> Result<(String, String), String> {
    let mut value = value.to_owned();
    // A copy can only come from a node before it: so often at most, whatever the file says.
    for _ in 0..graph.node.len() {
        let makes = |node: &&NodeProto| node.output.first() == Some(&value);
        let node = graph
            .node
            .iter()
            .find(makes)
            .ok_or("its last layer is unknown")?;
        let first = node
            .input
            .first()
            .ok_or("its last layer is unknown")?
            .clone();
        dropped.push(value);
        match node.op_type.as_deref() {
            Some("Identity") => value = first,
            Some(found) if found == kind => {
                return Ok((first, node.input.get(1).cloned().unwrap_or_default()));
            }
            _ => break,
        }
    }
    Err(format!(
        "its last layer is unknown: no {kind} where one was expected"
    ))
}

fn head(graph: &GraphProto, weights: &str, bias: &str) -> Result<Head, String> {
    let (shape, weights) = constant(graph, weights)?;
    let (_, bias) = constant(graph, bias)?;
    let [features, classes] = shape[..] else {
        return Err("its last layer has weights of an unknown shape".to_owned());
    };
    if features.checked_mul(classes) != Some(weights.len()) || bias.len() != classes {
        return Err("its last layer has weights and a bias that do not fit".to_owned());
    }
    let weights = NdTensor::from_data([features, classes], weights);
    let gemm = GemmExecutor::<f32>::new();
    let part = |start: usize| {
        let end = (start + PART).min(classes);
        let weights = gemm.prepack_b(weights.slice((.., start..end)));
        Part {
            weights,
            bias: bias[start..end].to_vec(),
        }
    };
    let parts = (0..classes).step_by(PART).map(part).collect();
    Ok(Head {
        parts,
        features,
        classes,
    })
}

/// Shape and values of a constant.
fn constant(graph: &GraphProto, name: &str) -> Result<(Vec<usize>, Vec<f32>), String> {
    let is_it = |tensor: &&TensorProto| tensor.name.as_deref() == Some(name);
    let tensor = graph
        .initializer
        .iter()
        .find(is_it)
        .ok_or("its last layer has no weights")?;
    let shape = tensor
        .dims
        .iter()
        .map(|d| usize::try_from(*d).unwrap_or(0))
        .collect();
    let values = match &tensor.raw_data {
        Some(raw) => {
            let float = |b: &[u8]| f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
            raw.borrow().chunks_exact(4).map(float).collect()
        }
        None => tensor.float_data.clone(),
    };
    Ok((shape, values))
}

impl Head {
    /// Classes it tells apart.
    pub(super) fn classes(&self) -> usize {
        self.classes
    }

    /// The best class of every step. `features`: (steps, features).
    pub(super) fn best(&self, features: NdTensorView<'_, f32, 2>) -> Result<Vec<Best>, String> {
        let [steps, width] = features.shape();
        if width != self.features {
            return Err(format!(
                "the recogniser gave {width} features, not {}",
                self.features
            ));
        }
        let gemm = GemmExecutor::<f32>::new();
        let features = gemm.prepack_a(features);
        let mut best = vec![
            Best {
                class: 0,
                score: f32::NEG_INFINITY,
                sum: 0.0
            };
            steps
        ];
        let mut scores = vec![0.0f32; steps * PART.min(self.classes)];
        for (index, part) in self.parts.iter().enumerate() {
            let count = part.bias.len();
            let scores = &mut scores[..steps * count];
            let bias = Some(BiasVector::Row(&part.bias[..]));
            let options = GemmOptions {
                bias,
                ..Default::default()
            };
            let (a, b) = (
                GemmInputA::Packed(&features),
                GemmInputB::Packed(&part.weights),
            );
            gemm.gemm(scores, a, b, options)
                .map_err(|e| e.to_string())?;
            for (best, scores) in best.iter_mut().zip(scores.chunks_exact(count)) {
                best.add(index * PART, scores);
            }
        }
        Ok(best)
    }
}

impl Best {
    /// Takes the scores of the classes from `first` on into account.
    fn add(&mut self, first: usize, scores: &[f32]) {
        for (block, scores) in scores.chunks(BLOCK).enumerate() {
            let highest = scores
                .iter()
                .fold(f32::NEG_INFINITY, |a, b| if *b > a { *b } else { a });
            if highest > self.score {
                self.sum *= (self.score - highest).exp();
                let at = scores.iter().position(|s| *s == highest).unwrap_or(0);
                (self.class, self.score) = (first + block * BLOCK + at, highest);
            }
            if highest > self.score - NEGLIGIBLE {
                self.sum += scores.iter().map(|s| (s - self.score).exp()).sum::<f32>();
            }
        }
    }

    /// A step that is sure of `class`.
    #[cfg(test)]
    pub(super) fn sure(class: usize) -> Self {
        Self {
            class,
            score: 9.0,
            sum: 1.0,
        }
    }

    /// Its probability by softmax over all classes, 0 to 1.
    pub(super) fn probability(&self) -> f32 {
        if self.sum > 0.0 {
            (1.0 / self.sum).min(1.0)
        } else {
            0.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A layer of 3 features and 2,500 classes, and its scores worked out the plain way.
    fn layer() -> (Head, Vec<f32>, Vec<f32>) {
        let (features, classes) = (3, 2500);
        let value = |i: usize| ((i * 7919 % 1000) as f32 - 500.0) / 100.0;
        let weights: Vec<f32> = (0..features * classes).map(value).collect();
        let bias: Vec<f32> = (0..classes).map(|i| value(i + 13) / 10.0).collect();
        let raw = |values: &[f32]| {
            values
                .iter()
                .flat_map(|v| v.to_le_bytes())
                .collect::<Vec<u8>>()
        };
        let tensor = |name: &str, dims: Vec<i64>, values: &[f32]| TensorProto {
            name: Some(name.to_owned()),
            dims,
            raw_data: Some(raw(values).into()),
            ..Default::default()
        };
        let graph = GraphProto {
            initializer: vec![
                tensor("w", vec![features as i64, classes as i64], &weights),
                tensor("b", vec![classes as i64], &bias),
            ],
            ..Default::default()
        };
        (head(&graph, "w", "b").expect("fits"), weights, bias)
    }

    #[test]
    fn the_best_class_and_its_probability_are_those_of_a_plain_softmax() {
        let (head, weights, bias) = layer();
        let steps = [[0.3, -1.0, 0.7], [0.0, 0.0, 0.0], [-4.0, 2.0, 9.0]];
        let features = NdTensor::from_data([3, 3], steps.concat());
        let best = head.best(features.view()).expect("fits");
        for (best, step) in best.iter().zip(steps) {
            let score = |c: usize| {
                let sum: f32 = (0..3).map(|f| step[f] * weights[f * bias.len() + c]).sum();
                sum + bias[c]
            };
            let scores: Vec<f32> = (0..bias.len()).map(score).collect();
            let highest = scores.iter().copied().fold(f32::MIN, f32::max);
            let sum: f32 = scores.iter().map(|s| (s - highest).exp()).sum();
            assert!((scores[best.class] - highest).abs() < 1e-4);
            assert!(
                (best.probability() - 1.0 / sum).abs() < 1e-4,
                "{best:?} {}",
                1.0 / sum
            );
        }
    }

    #[test]
    fn features_of_another_width_are_an_error() {
        let features = NdTensor::<f32, 2>::zeros([2, 4]);
        assert!(layer().0.best(features.view()).is_err());
    }

    #[test]
    fn a_file_without_that_layer_is_an_error() {
        assert!(cut(b"").is_err());
        assert!(cut(b"not a network").is_err());
    }
}
