//! Errors of the broker, with messages that say what to do about them.

use std::{path::PathBuf, time::Duration};

use lapin::{
    ErrorKind,
    protocol::{AMQPError, AMQPErrorKind, AMQPHardError, AMQPSoftError},
};

use recto_schemas::options::spelled;

/// A failure at the broker. Addresses in it are without their password.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BrokerError {
    /// The address is invalid.
    #[error(
        "the broker's address (--amqp-url) is not valid: {reason}; write amqp://USER:PASSWORD@HOST:PORT/VHOST, with special characters percent-encoded"
    )]
    Address { reason: String },
    /// The file with the certificate authority cannot be used.
    #[error("cannot use {} (--amqp-ca-file): {reason}", path.display())]
    CaFile { path: PathBuf, reason: String },
    /// The host has no address.
    #[error("cannot find the broker at {url}: {reason}; is the host name right (--amqp-url)?")]
    UnknownHost { url: String, reason: String },
    /// Nothing answered at the address.
    #[error(
        "cannot reach the broker at {url}: {reason}; is it running, and are host and port right (--amqp-url)?"
    )]
    Unreachable { url: String, reason: String },
    /// TLS could not be agreed on.
    #[error(
        "no TLS connection to the broker at {url}: {reason}; is the port one for TLS, and is the certificate's authority known (--amqp-ca-file)?"
    )]
    Tls { url: String, reason: String },
    /// A connection took too long to be made.
    #[error("the broker at {url} did not {what} within {}; is it overloaded, or not a broker at all?", spelled(*after))]
    Slow {
        url: String,
        what: &'static str,
        after: Duration,
    },
    /// User or password are wrong.
    #[error(
        "the broker at {url} refused user and password; correct them (--amqp-url), and note that RabbitMQ takes `guest` only from its own machine"
    )]
    Login { url: String },
    /// The virtual host does not exist, or this user may not use it.
    #[error(
        "the broker at {url} refused the virtual host: {reason}; correct it (--amqp-url) or let the user use it (rabbitmqctl set_permissions)"
    )]
    VirtualHost { url: String, reason: String },
    /// A queue or exchange does not exist.
    #[error("{what} is not on the broker; `recto queues declare` creates it")]
    Missing { what: String },
    /// A queue or exchange exists with other arguments.
    #[error(
        "{what} exists with another {argument} ({values}); set the matching option as it was when it was created, or delete it once it is empty and create it again (`recto queues declare`)"
    )]
    Differs {
        what: String,
        argument: String,
        values: String,
    },
    /// The user lacks a permission.
    #[error(
        "the broker's user may not use {what}: {reason}; give it the permission (rabbitmqctl set_permissions), or use --declare=off if everything is declared already"
    )]
    Denied { what: String, reason: String },
    /// The broker did not answer a request in time.
    #[error("the broker did not answer within {} ({what})", spelled(*after))]
    NoAnswer { what: String, after: Duration },
    /// Channel or connection ended.
    #[error("the broker closed the channel or connection ({what}): {reason}")]
    Lost { what: String, reason: String },
}

impl BrokerError {
    /// Returns true if the same attempt may work later: the broker is away or slow, not configured otherwise.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::UnknownHost { .. }
            | Self::Unreachable { .. }
            | Self::Slow { .. }
            | Self::NoAnswer { .. }
            | Self::Lost { .. } => true,
            Self::Address { .. }
            | Self::CaFile { .. }
            | Self::Tls { .. }
            | Self::Login { .. }
            | Self::VirtualHost { .. }
            | Self::Missing { .. }
            | Self::Differs { .. }
            | Self::Denied { .. } => false,
        }
    }

    /// The error of a request about `what` (a queue, say).
    pub(super) fn of_request(what: &str, error: &lapin::Error) -> Self {
        let what = what.to_owned();
        let reason = error_reason(error);
        match protocol_error(error) {
            Some(AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND)) => Self::Missing { what },
            Some(AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED)) => {
                Self::Denied { what, reason }
            }
            Some(AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED)) => {
                let (argument, values) = difference(&reason);
                Self::Differs {
                    what,
                    argument,
                    values,
                }
            }
            _ => Self::Lost { what, reason },
        }
    }

    /// The error of making a connection to `url`, once TCP was connected.
    pub(super) fn of_handshake(url: String, error: &lapin::Error) -> Self {
        let reason = error_reason(error);
        match protocol_error(error) {
            Some(AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED)) => Self::Login { url },
            Some(AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED)) => {
                Self::VirtualHost { url, reason }
            }
            _ => Self::Unreachable { url, reason },
        }
    }
}

/// The error that the broker itself reported, if it did.
pub(super) fn protocol_error(error: &lapin::Error) -> Option<&AMQPErrorKind> {
    match error.kind() {
        ErrorKind::ProtocolError(error) => Some(AMQPError::kind(error)),
        _ => None,
    }
}

/// The reason in the broker's own words if it gave one, else in the client's.
pub(super) fn error_reason(error: &lapin::Error) -> String {
    match error.kind() {
        ErrorKind::ProtocolError(error) => error.get_message().as_str().to_owned(),
        ErrorKind::IOError(error) => error.to_string(),
        ErrorKind::InvalidChannelState(..) => "the channel is closed".to_owned(),
        ErrorKind::InvalidConnectionState(_) => "the connection is closed".to_owned(),
        _ => error.to_string(),
    }
}

/// The argument and the values out of RabbitMQ's `PRECONDITION_FAILED - inequivalent arg 'x' for
/// queue 'q' in vhost '/': received '1' but current is '2'`. Only for display: any other text is
/// shown as it is.
fn difference(reason: &str) -> (String, String) {
    let parts = reason
        .split_once("inequivalent arg '")
        .and_then(|(_, rest)| rest.split_once('\''))
        .and_then(|(argument, rest)| Some((argument, rest.split_once("': ")?.1)));
    match parts {
        Some((argument, values)) => (argument.to_owned(), values.to_owned()),
        None => ("argument".to_owned(), reason.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_names_argument_and_values() {
        let reason = "PRECONDITION_FAILED - inequivalent arg 'x-delivery-limit' for queue 'recto.jobs' in vhost '/': received '20' but current is '5'";
        let (argument, values) = difference(reason);
        assert_eq!(argument, "x-delivery-limit");
        assert_eq!(values, "received '20' but current is '5'");
    }

    #[test]
    fn words_that_are_not_understood_are_shown_whole() {
        assert_eq!(
            difference("PRECONDITION_FAILED - no").1,
            "PRECONDITION_FAILED - no"
        );
    }

    #[test]
    fn a_broker_that_is_away_is_worth_waiting_for_and_a_wrong_password_is_not() {
        let url = String::new;
        let reason = String::new();
        assert!(BrokerError::Unreachable { url: url(), reason }.is_transient());
        assert!(!BrokerError::Login { url: url() }.is_transient());
    }
}
