//! Where RabbitMQ is, what its queues are called and how patient Recto is with it.

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, Args};

use super::duration::duration;
use crate::broker::connection::BrokerUrl;

/// Queue names leave room for what is appended to them within AMQP's 255 bytes.
const LONGEST_NAME: usize = 200;

/// Where the broker is and what is used of it.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Broker")]
pub(crate) struct BrokerArgs {
    /// RabbitMQ, as amqp://USER:PASSWORD@HOST:PORT/VHOST or amqps://… (`%2f` is the vhost `/`;
    /// safer in RECTO_AMQP_URL than on the command line)
    #[arg(
        long,
        alias = "amqp-url",
        value_name = "URL",
        env = "RECTO_AMQP_URL",
        hide_env_values = true,
        default_value = "amqp://guest:guest@127.0.0.1:5672/%2f"
    )]
    pub(crate) amqp: BrokerUrl,

    /// PEM file with the authority that signed the broker's certificate, beside the system's own
    #[arg(long, value_name = "FILE", env = "RECTO_AMQP_CA_FILE")]
    pub(crate) amqp_ca_file: Option<PathBuf>,

    /// Longest time for a connection to be made, and for the broker to answer a request
    #[arg(long, value_name = "TIME", env = "RECTO_AMQP_TIMEOUT", default_value = "10s", value_parser = duration)]
    pub(crate) amqp_timeout: Duration,

    /// Silence is broken this often; a connection that stays silent twice as long is given up
    #[arg(long, value_name = "TIME", env = "RECTO_AMQP_HEARTBEAT", default_value = "30s", value_parser = duration)]
    pub(crate) amqp_heartbeat: Duration,

    /// Queue of the jobs; the names of the dead-letter and retry queues begin with it
    #[arg(long, value_name = "NAME", env = "RECTO_QUEUE", default_value = "recto.jobs", value_parser = name)]
    pub(crate) queue: String,

    /// Queue of the results
    #[arg(long, value_name = "NAME", env = "RECTO_RESULTS_QUEUE", default_value = "recto.results", value_parser = name)]
    pub(crate) results_queue: String,

    /// How long a job waits before each retry; as many retries as there are times
    #[arg(long, value_name = "TIMES", env = "RECTO_RETRY_DELAYS", default_value = "10s,60s,600s", value_delimiter = ',', value_parser = duration)]
    pub(crate) retry_delays: Vec<Duration>,

    /// How often the broker hands a job out again after a worker died with it
    #[arg(long, value_name = "N", env = "RECTO_DELIVERY_LIMIT", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) delivery_limit: u32,

    /// Whether missing queues are made; otherwise they are only looked for
    #[arg(long, value_name = "true|false", env = "RECTO_DECLARE", default_value_t = true, action = ArgAction::Set)]
    pub(crate) declare: bool,

    /// Longest time until the broker confirms a message
    #[arg(long, value_name = "TIME", env = "RECTO_CONFIRM_TIMEOUT", default_value = "30s", value_parser = duration)]
    pub(crate) confirm_timeout: Duration,

    /// How long the broker lets a job take before it hands it to another worker; RabbitMQ from
    /// 3.11.15 takes it from here, others from their own consumer_timeout (30 minutes)
    #[arg(long, value_name = "TIME", env = "RECTO_ACK_TIMEOUT", value_parser = duration)]
    pub(crate) ack_timeout: Option<Duration>,
}

fn name(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > LONGEST_NAME {
        return Err(format!("give between 1 and {LONGEST_NAME} bytes"));
    }
    if text.starts_with("amq.") {
        return Err("names that begin with amq. are the broker's own".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
pub(crate) mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Only {
        #[command(flatten)]
        broker: BrokerArgs,
    }

    /// The arguments as given on a command line.
    pub(crate) fn arguments(given: &[&str]) -> BrokerArgs {
        let all = [&["recto"], given].concat();
        Only::try_parse_from(all)
            .unwrap_or_else(|e| panic!("{e}"))
            .broker
    }

    #[test]
    fn times_and_names_are_read() {
        let broker = arguments(&[
            "--retry-delays",
            "500ms,2m",
            "--queue",
            "a",
            "--declare",
            "false",
        ]);
        let delays = [Duration::from_millis(500), Duration::from_secs(120)];
        assert_eq!(broker.retry_delays, delays);
        assert_eq!((broker.queue.as_str(), broker.declare), ("a", false));
    }

    #[test]
    fn no_password_is_shown() {
        let broker = arguments(&["--amqp", "amqp://me:hush@broker/%2f"]);
        assert!(!format!("{broker:?}").contains("hush"));
        let broken = arguments(&["--amqp", "http//me:hush@broker"]);
        assert!(!format!("{broken:?}").contains("hush"));
    }

    #[test]
    fn names_that_the_broker_would_refuse_are_refused() {
        for name_ in ["", "amq.jobs", &"x".repeat(201)] {
            assert!(name(name_).is_err(), "{name_}");
        }
    }
}
