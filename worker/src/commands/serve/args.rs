//! Arguments of `recto serve`.

use std::{path::PathBuf, str::FromStr, time::Duration};

use clap::Args;
use recto_schemas::{DocumentLimits, EngineName, GotRuntime, ScriptFallback, options::duration};

use crate::{
    broker::config::BrokerConfig,
    job::bounds::prefix,
    ledger::config::LedgerConfig,
    models::{config::MachineConfig, loader::EngineSettings},
    observe::config::LogConfig,
    os::scratch::config::ScratchConfig,
    service::{config::ServiceFileConfig, server::ListenAddress},
    store::{
        StoreUri,
        config::{FileRootConfig, StoreConfig},
    },
};

/// The end of `recto serve --help`.
pub(crate) const NOTES: &str = "\
Takes the events of all jobs from the queue NAME.ledger, which it declares, into the ledger: who submits, begins and ends
which job how. From its first start on the queue keeps events while it is away. `recto batch` asks the ledger.

The service (HTTP) answers on 127.0.0.1:8080: documents that are sent become jobs for workers, and their results are given
back; /v1/openapi.json describes it. Other machines may ask if --listen names an address of this one and --service-config
names API keys, which `recto api-key` makes. TLS is the business of a proxy before it.

Documents that arrive in the buckets and folders of its rules become jobs: events of stores and folders tell of them, and
sweeps find those that no event told of.

With --local, there is no broker and no store: this process reads the documents itself, also those that are put into
DIR/inbox, and keeps documents, results and ledger in DIR. Without it, several may run at once on one broker, store and PostgreSQL ledger.

Where no ledger is wanted any more, delete the queue NAME.ledger: it would fill.

Exit status: 0 told to stop, 1 it cannot start, 2 wrong usage.

Examples:
  recto serve --local ~/recto
  recto serve --uploads s3://archive/uploads/ --output s3://archive/texts/
  recto serve --ledger postgres://recto:PASSWORD@db/recto --listen 0.0.0.0:8080 --service-config service.toml";

/// Arguments of `recto serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Read documents in this process and keep everything in this folder, which is made, such as `/srv/recto`: no broker,
    /// no store
    #[arg(
        long,
        value_name = "DIR",
        env = "RECTO_LOCAL",
        help_heading = "Service"
    )]
    pub(crate) local: Option<PathBuf>,

    /// Address of the service, such as `0.0.0.0:8080`, or `none` [default: 127.0.0.1:8080, or the next port that is free]
    #[arg(
        long,
        value_name = "IP:PORT",
        env = "RECTO_LISTEN",
        help_heading = "Service"
    )]
    pub(crate) listen: Option<ListenAddress>,

    /// Host name by which the service may be asked, such as `recto.example.org`; several with commas. IP addresses,
    /// `localhost` and names without a dot always may
    #[arg(
        long,
        value_name = "NAMES",
        env = "RECTO_SERVICE_HOST",
        value_delimiter = ',',
        help_heading = "Service"
    )]
    pub(crate) service_host: Vec<String>,

    #[command(flatten)]
    pub(crate) file: ServiceFileConfig,

    /// Prefix for documents that are sent to the service, such as `s3://archive/uploads/`
    #[arg(long, value_name = "URI", env = "RECTO_UPLOADS", value_parser = prefix, help_heading = "Service")]
    pub(crate) uploads: Option<StoreUri>,

    /// Prefix for results of documents that are sent to the service, such as `s3://archive/texts/`
    #[arg(long, value_name = "URI", env = "RECTO_SERVICE_OUTPUT", value_parser = prefix, help_heading = "Service")]
    pub(crate) output: Option<StoreUri>,

    /// Prefix below which a request may name a document by its URI, such as `s3://archive/in/`; give it again, or with
    /// commas, for several [default: none]
    #[arg(long, value_name = "URIS", env = "RECTO_SERVICE_ALLOW_SOURCE", value_delimiter = ',', value_parser = prefix, help_heading = "Service")]
    pub(crate) allow_source: Vec<StoreUri>,

    /// Time between two sweeps of the rules of --service-config, which find documents that no event told of, such as
    /// `1h`, or `off`
    #[arg(
        long,
        value_name = "TIME|off",
        env = "RECTO_SWEEP_EVERY",
        default_value = "1h",
        help_heading = "Service"
    )]
    pub(crate) sweep_every: SweepInterval,

    #[command(flatten)]
    pub(crate) ledger: LedgerConfig,

    /// Time for which all queues of jobs must have been empty before an open job that no worker has is taken for lost;
    /// workers say every 10s what they have
    #[arg(long, value_name = "TIME", env = "RECTO_LOST_AFTER", default_value = "60s", value_parser = duration, help_heading = "Ledger")]
    pub(crate) lost_after: Duration,

    #[command(flatten)]
    pub(crate) broker: BrokerConfig,

    #[command(flatten)]
    pub(crate) store: StoreConfig,

    #[command(flatten)]
    pub(crate) file_root: FileRootConfig,

    #[command(flatten)]
    pub(crate) work: ScratchConfig,

    #[command(flatten)]
    pub(crate) limits: DocumentLimits,

    /// Engine that reads page images, with --local
    #[arg(
        long,
        value_enum,
        default_value_t,
        env = "RECTO_ENGINE",
        help_heading = "Service"
    )]
    engine: EngineName,

    #[command(flatten)]
    pub(crate) machine: MachineConfig,

    #[command(flatten)]
    got: GotRuntime,

    #[command(flatten)]
    pub(crate) log: LogConfig,
}

/// Time between two sweeps, if there are any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SweepInterval(pub(crate) Option<Duration>);

impl FromStr for SweepInterval {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self(None)),
            _ => duration(text).map(|every| Self(Some(every))),
        }
    }
}

impl ServeArgs {
    /// The engine to load.
    pub(super) fn engine_settings(&self) -> EngineSettings<'_> {
        EngineSettings {
            name: self.engine,
            script_fallback: ScriptFallback::default(),
            got: &self.got,
        }
    }
}
