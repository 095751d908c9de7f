//! Where objects are kept: S3, and for workers a folder of this machine.

use std::path::PathBuf;

use clap::Args;

/// How S3 is reached. Credentials are found as AWS's own tools find them: environment, profile, role.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Store")]
pub(crate) struct StoreArgs {
    /// Address of an S3-compatible store, such as `https://minio.example:9000` [default: AWS, or
    /// AWS_ENDPOINT_URL]
    #[arg(long, value_name = "URL", env = "RECTO_S3_ENDPOINT")]
    pub(crate) s3_endpoint: Option<String>,

    /// Region [default: AWS_REGION, the profile's or the machine's, else us-east-1]
    #[arg(long, value_name = "NAME", env = "RECTO_S3_REGION")]
    pub(crate) s3_region: Option<String>,

    /// Name buckets in the path, not in the host name; most stores other than AWS want it
    #[arg(long, env = "RECTO_S3_PATH_STYLE")]
    pub(crate) s3_path_style: bool,

    /// Certificates (PEM) to trust besides the system's
    #[arg(long, value_name = "FILE", env = "RECTO_S3_CA_FILE")]
    pub(crate) s3_ca_file: Option<PathBuf>,

    /// Longest wait for a connection, for an answer, or for the next byte of one, in seconds
    #[arg(long, value_name = "S", env = "RECTO_S3_TIMEOUT", default_value_t = 30.0, value_parser = super::positive())]
    pub(crate) s3_timeout: f64,

    /// Most attempts of one request; the waits between them grow and are random
    #[arg(long, value_name = "N", env = "RECTO_S3_ATTEMPTS", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=20))]
    pub(crate) s3_attempts: u32,
}

/// The folder that stands for a store, where there is one.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Store")]
pub(crate) struct FileRootArgs {
    /// Folder below which `file://` jobs may read and write [default: they are refused]
    #[arg(long, value_name = "DIR", env = "RECTO_FILE_ROOT")]
    pub(crate) file_root: Option<PathBuf>,
}
