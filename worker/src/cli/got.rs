//! What GOT is asked for and what it runs with.

use clap::{Args, ValueEnum};
use recto_pipeline::engine::got::usual_dtype;
use recto_schemas::{
    Dtype, GotMode, GotOptions, PagesPerPass, RegionColor, TilePolicy,
    got::{check_region, is_device},
};

/// What a run or a job asks of GOT. Stands after all arguments without a heading, which would come under this one.
#[derive(Debug, Args)]
#[command(next_help_heading = "GOT")]
pub(crate) struct GotArgs {
    #[command(flatten)]
    read: GotReadArgs,

    #[command(flatten)]
    run: GotRunArgs,
}

/// How pages are read.
#[derive(Debug, Args)]
#[command(next_help_heading = "GOT")]
struct GotReadArgs {
    /// Running text, or text with headings, tables and formulas
    #[arg(long, value_name = "MODE", value_enum, default_value_t = ModeArg::Format, env = "RECTO_MODE")]
    mode: ModeArg,

    /// Whether pages are cut into tiles that are read together
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = TilesArg::Auto, env = "RECTO_TILES")]
    tiles: TilesArg,

    /// Most tiles a page is cut into, 2 to 36, the overview not counted
    #[arg(long, value_name = "N", env = "RECTO_MAX_TILES", default_value_t = GotOptions::default().max_tiles, value_parser = clap::value_parser!(u32).range(2..=36))]
    max_tiles: u32,

    /// Short consecutive pages that are read together: `auto`, or at most so many, 1 to 8
    #[arg(long, value_name = "N", env = "RECTO_PAGES_PER_PASS", default_value_t = PagesPerPass::Auto)]
    pages_per_pass: PagesPerPass,

    /// Read only this rectangle: left,top,right,bottom in thousandths of the page's width and height
    #[arg(long = "box", value_name = "X1,Y1,X2,Y2", env = "RECTO_BOX", value_parser = region, conflicts_with = "color")]
    region: Option<[u32; 4]>,

    /// Read only what is framed in this colour
    #[arg(
        long,
        value_name = "COLOR",
        value_enum,
        env = "RECTO_COLOR",
        conflicts_with = "region"
    )]
    color: Option<ColorArg>,

    /// Whether repetition is cut where it begins, and the page read again another way
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = Switch::On, env = "RECTO_LOOP_GUARD")]
    loop_guard: Switch,

    /// Pages whose text is compared with PP-OCR's: `off`, `all`, or a share such as 0.05
    #[arg(long, value_name = "SHARE", env = "RECTO_VERIFY", default_value = "off", value_parser = share)]
    verify: f64,

    /// Also write the prompt, the tokens and the text as the model gave them into NAME.pages.jsonl
    #[arg(long, env = "RECTO_RAW")]
    raw: bool,
}

/// What the model runs as and for how long: a machine's choice, or a job's wish.
#[derive(Debug, Args)]
#[command(next_help_heading = "GOT")]
pub(crate) struct GotRunArgs {
    /// Where the model runs: `cpu`, `cuda` or `cuda:N` [default: cpu; of a job: the worker's]
    #[arg(long, value_name = "DEVICE", env = "RECTO_DEVICE", value_parser = device)]
    device: Option<String>,

    /// Number format of the weights; on the CPU, bf16 and f16 are converted to float32 at load
    /// [default: q8 on the CPU, bf16 on a GPU; of a job: the worker's]
    #[arg(long, value_name = "FORMAT", value_enum, env = "RECTO_DTYPE")]
    dtype: Option<DtypeArg>,

    /// Most tokens written for one pass; a job may ask a worker for fewer
    #[arg(long, value_name = "N", env = "RECTO_MAX_NEW_TOKENS", default_value_t = GotOptions::default().max_new_tokens, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_new_tokens: u32,
}

/// Which model, and how much of it at once.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "GOT")]
pub(crate) struct GotModelArgs {
    /// GOT's checkpoint: a folder, or a model of the Hugging Face hub such as
    /// `stepfun-ai/GOT-OCR-2.0-hf`, `@REVISION` after it where wanted, which is downloaded once
    /// [default: got-nano, which comes with Recto and reads English print]
    #[arg(long, value_name = "FOLDER|ID", env = "RECTO_MODEL")]
    pub(crate) model: Option<String>,

    /// Sequences decoded at once; what memory and processor make best use of when not given
    #[arg(long, value_name = "N", env = "RECTO_GOT_BATCH", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub(crate) batch: Option<u32>,
}

/// What GOT runs with in this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GotSettings {
    /// Number format of the weights.
    pub(crate) dtype: Dtype,
    /// `cpu`, `cuda` or `cuda:N`.
    pub(crate) device: String,
    /// Sequences at once, where somebody said so.
    pub(crate) batch: Option<u32>,
    /// Most tokens for one pass, whatever a job says.
    pub(crate) max_new_tokens: u32,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ModeArg {
    /// Running text without markup
    Plain,
    /// Headings, tables and formulas
    Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum TilesArg {
    /// Dense or huge pages are; the manifest says which and why
    Auto,
    /// Each page is one view
    Never,
    /// Each page is cut
    Always,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ColorArg {
    Red,
    Green,
    Blue,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum DtypeArg {
    /// 32-bit floating point
    F32,
    /// bfloat16
    Bf16,
    /// 16-bit floating point
    F16,
    /// 8-bit decoder, 32-bit encoder
    Q8,
    /// 4-bit decoder, 32-bit encoder
    Q4,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Switch {
    On,
    Off,
}

impl GotArgs {
    /// What GOT is asked for.
    pub(crate) fn options(&self) -> GotOptions {
        self.read.options(&self.run)
    }

    /// What GOT runs with, every default filled in.
    pub(crate) fn settings(&self, model: &GotModelArgs) -> GotSettings {
        self.run.settings(model)
    }
}

impl GotReadArgs {
    fn options(&self, run: &GotRunArgs) -> GotOptions {
        GotOptions {
            mode: match self.mode {
                ModeArg::Plain => GotMode::Plain,
                ModeArg::Format => GotMode::Format,
            },
            tiles: match self.tiles {
                TilesArg::Auto => TilePolicy::Auto,
                TilesArg::Never => TilePolicy::Never,
                TilesArg::Always => TilePolicy::Always,
            },
            max_tiles: self.max_tiles,
            pages_per_pass: self.pages_per_pass,
            region: self.region,
            color: self.color.map(|color| match color {
                ColorArg::Red => RegionColor::Red,
                ColorArg::Green => RegionColor::Green,
                ColorArg::Blue => RegionColor::Blue,
            }),
            max_new_tokens: run.max_new_tokens,
            loop_guard: matches!(self.loop_guard, Switch::On),
            verify: self.verify,
            raw: self.raw,
            dtype: run.dtype.map(DtypeArg::dtype),
            device: run.device.clone(),
            batch: None,
        }
    }
}

impl GotRunArgs {
    /// What GOT runs with, every default filled in.
    pub(crate) fn settings(&self, model: &GotModelArgs) -> GotSettings {
        let device = self.device.clone().unwrap_or_else(|| "cpu".to_owned());
        GotSettings {
            dtype: self.dtype.map_or(usual_dtype(&device), DtypeArg::dtype),
            device,
            batch: model.batch,
            max_new_tokens: self.max_new_tokens,
        }
    }
}

impl GotSettings {
    /// `options` with what this process runs, so that the manifest says it.
    pub(crate) fn fill(&self, options: &mut GotOptions) {
        options.dtype = Some(self.dtype);
        options.device = Some(self.device.clone());
        options.max_new_tokens = options.max_new_tokens.min(self.max_new_tokens);
    }
}

impl DtypeArg {
    fn dtype(self) -> Dtype {
        match self {
            Self::F32 => Dtype::F32,
            Self::Bf16 => Dtype::Bf16,
            Self::F16 => Dtype::F16,
            Self::Q8 => Dtype::Q8,
            Self::Q4 => Dtype::Q4,
        }
    }
}

/// `x1,y1,x2,y2`.
fn region(text: &str) -> Result<[u32; 4], String> {
    let numbers: Result<Vec<u32>, _> = text.split(',').map(|part| part.trim().parse()).collect();
    let region = numbers.ok().and_then(|numbers| numbers.try_into().ok());
    let region = region.ok_or("give four whole numbers, such as 0,0,1000,500")?;
    check_region(region)?;
    Ok(region)
}

fn device(text: &str) -> Result<String, String> {
    match is_device(text) {
        true => Ok(text.to_owned()),
        false => Err("give `cpu`, `cuda`, or `cuda:N` for GPU number N".to_owned()),
    }
}

/// `off`, `all` or a number from 0 to 1.
fn share(text: &str) -> Result<f64, String> {
    match (text, text.parse::<f64>()) {
        ("off", _) => Ok(0.0),
        ("all", _) => Ok(1.0),
        (_, Ok(share)) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("give `off`, `all` or a share from 0 to 1".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Asked {
        #[command(flatten)]
        got: GotArgs,
        #[command(flatten)]
        model: GotModelArgs,
    }

    fn parsed(arguments: &[&str]) -> Result<(GotOptions, GotSettings), String> {
        let asked = Asked::try_parse_from([&["recto"], arguments].concat())
            .map_err(|error| error.to_string())?;
        Ok((asked.got.options(), asked.got.settings(&asked.model)))
    }

    #[test]
    fn without_flags_the_defaults_hold() {
        let (options, settings) = parsed(&[]).unwrap();
        assert_eq!(options, GotOptions::default());
        assert_eq!(
            (settings.dtype, settings.device.as_str()),
            (Dtype::Q8, "cpu")
        );
        let (_, settings) = parsed(&["--device", "cuda:1"]).unwrap();
        assert_eq!(
            (settings.dtype, settings.device.as_str()),
            (Dtype::Bf16, "cuda:1")
        );
    }

    #[test]
    fn flags_win_over_the_defaults() {
        let line = "--mode plain --tiles always --max-tiles 6 --pages-per-pass 3 --box 0,10,500,1000 \
            --loop-guard off --verify 0.25 --raw --dtype q4 --device cpu --max-new-tokens 64 --batch 7";
        let (options, settings) = parsed(&line.split_whitespace().collect::<Vec<_>>()).unwrap();
        let wanted = GotOptions {
            mode: GotMode::Plain,
            tiles: TilePolicy::Always,
            max_tiles: 6,
            pages_per_pass: PagesPerPass::Most(3),
            region: Some([0, 10, 500, 1000]),
            color: None,
            max_new_tokens: 64,
            loop_guard: false,
            verify: 0.25,
            raw: true,
            dtype: Some(Dtype::Q4),
            device: Some("cpu".to_owned()),
            batch: None,
        };
        assert_eq!(options, wanted);
        assert_eq!(settings.batch, Some(7));
    }

    #[test]
    fn wrong_values_are_refused_with_what_to_give() {
        for (line, said) in [
            ("--box 1,2,3", "four whole numbers"),
            ("--box 500,0,400,9", "left below right"),
            ("--box 0,0,1001,9", "thousandths"),
            ("--box 0,0,9,9 --color red", "cannot be used with"),
            ("--color mauve", "green"),
            ("--verify 2", "share"),
            ("--verify NaN", "share"),
            ("--device tpu", "cuda:N"),
            ("--pages-per-pass 9", "1 to 8"),
            ("--max-tiles 1", "2..=36"),
        ] {
            let error = parsed(&line.split_whitespace().collect::<Vec<_>>()).unwrap_err();
            assert!(error.contains(said), "{line}: {error}");
        }
    }

    #[test]
    fn a_worker_says_what_it_runs_and_holds_jobs_to_its_ceiling() {
        let settings = GotSettings {
            dtype: Dtype::Q8,
            device: "cpu".to_owned(),
            batch: Some(4),
            max_new_tokens: 100,
        };
        let mut options = GotOptions::default();
        settings.fill(&mut options);
        assert_eq!(options.max_new_tokens, 100);
        assert_eq!(options.dtype, Some(Dtype::Q8));
        assert_eq!(options.device.as_deref(), Some("cpu"));
        options.max_new_tokens = 20;
        settings.fill(&mut options);
        assert_eq!(options.max_new_tokens, 20);
    }
}
