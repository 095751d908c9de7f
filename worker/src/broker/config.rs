//! RabbitMQ: its address, the names of its queues and the timeouts.

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, Args};
use recto_schemas::options::{duration, switch};

use super::connection::BrokerUrl;

/// Queue names leave room for what is appended to them within AMQP's 255 bytes.
const LONGEST_NAME: usize = 200;

/// Address, queues and timeouts of the broker.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Broker")]
pub(crate) struct BrokerConfig {
    /// RabbitMQ, as amqp://USER:PASSWORD@HOST:PORT/VHOST or amqps://… (`%2f` is the vhost `/`;
    /// safer in RECTO_AMQP_URL than on the command line)
    #[arg(
        long,
        value_name = "URL",
        env = "RECTO_AMQP_URL",
        hide_env_values = true,
        default_value = "amqp://guest:guest@127.0.0.1:5672/%2f"
    )]
    pub(crate) amqp_url: BrokerUrl,

    /// PEM file, such as `/etc/ssl/private-ca.pem`, with the authority that signed the broker's certificate, beside the
    /// system's own
    #[arg(long, value_name = "FILE", env = "RECTO_AMQP_CA_FILE")]
    pub(crate) amqp_ca_file: Option<PathBuf>,

    /// Timeout for connecting, and for an answer of the broker
    #[arg(long, value_name = "TIME", env = "RECTO_AMQP_TIMEOUT", default_value = "10s", value_parser = duration)]
    pub(crate) amqp_timeout: Duration,

    /// Interval of AMQP heartbeats; a connection without any for twice as long is closed
    #[arg(long, value_name = "TIME", env = "RECTO_AMQP_HEARTBEAT", default_value = "30s", value_parser = duration)]
    pub(crate) amqp_heartbeat: Duration,

    /// Queue of the jobs; the names of the dead-letter and retry queues begin with it
    #[arg(long, value_name = "NAME", env = "RECTO_QUEUE", default_value = "recto.jobs", value_parser = name)]
    pub(crate) queue: String,

    /// Queue of the results
    #[arg(long, value_name = "NAME", env = "RECTO_RESULTS_QUEUE", default_value = "recto.results", value_parser = name)]
    pub(crate) results_queue: String,

    /// Delay before each retry of a job; there are as many retries as delays
    #[arg(long, value_name = "TIMES", env = "RECTO_RETRY_DELAYS", default_value = "10s,60s,600s", value_delimiter = ',', value_parser = duration)]
    pub(crate) retry_delays: Vec<Duration>,

    /// Delivery limit of the jobs queue (`x-delivery-limit`), a last net: workers count crashes themselves
    #[arg(long, value_name = "N", env = "RECTO_DELIVERY_LIMIT", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) delivery_limit: u32,

    /// Declare the queues that are missing; `off` only checks that they are there
    #[arg(
        long,
        value_name = "on|off",
        env = "RECTO_DECLARE",
        value_parser = switch,
        action = ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_value = "on",
        default_missing_value = "on"
    )]
    pub(crate) declare: bool,

    /// Timeout for the broker to confirm a message
    #[arg(long, value_name = "TIME", env = "RECTO_CONFIRM_TIMEOUT", default_value = "30s", value_parser = duration)]
    pub(crate) confirm_timeout: Duration,

    /// Timeout for acknowledging a job, after which the broker gives it to another worker, such as `1h`; RabbitMQ
    /// from 3.11.15 takes it from here, others from their own consumer_timeout (30 minutes)
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
        broker: BrokerConfig,
    }

    /// The arguments as given on a command line.
    pub(crate) fn arguments(given: &[&str]) -> BrokerConfig {
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
            "--declare=off",
        ]);
        let delays = [Duration::from_millis(500), Duration::from_secs(120)];
        assert_eq!(broker.retry_delays, delays);
        assert_eq!((broker.queue.as_str(), broker.declare), ("a", false));
    }

    #[test]
    fn no_password_is_shown() {
        let broker = arguments(&["--amqp-url", "amqp://me:hush@broker/%2f"]);
        assert!(!format!("{broker:?}").contains("hush"));
        let broken = arguments(&["--amqp-url", "http//me:hush@broker"]);
        assert!(!format!("{broken:?}").contains("hush"));
    }

    #[test]
    fn names_that_the_broker_would_refuse_are_refused() {
        for name_ in ["", "amq.jobs", &"x".repeat(201)] {
            assert!(name(name_).is_err(), "{name_}");
        }
    }
}
