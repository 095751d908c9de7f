//! The ledger's address.

use std::{env, fmt, path::PathBuf, str::FromStr};

use clap::Args;
use url::Url;

/// Address of the ledger.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Ledger")]
pub(crate) struct LedgerConfig {
    /// Database of the ledger: a file (SQLite), such as `/var/lib/recto/ledger.db`, or a PostgreSQL server, such as
    /// `postgres://USER:PASSWORD@HOST/DATABASE` [default: recto/ledger.db below $XDG_STATE_HOME or ~/.local/state]
    #[arg(
        long,
        value_name = "FILE|URL",
        env = "RECTO_LEDGER",
        hide_env_values = true
    )]
    ledger: Option<LedgerUrl>,
}

impl LedgerConfig {
    /// Returns true if an address is given.
    pub(crate) fn is_given(&self) -> bool {
        self.ledger.is_some()
    }

    /// The address, or the default one.
    pub(crate) fn url(&self) -> LedgerUrl {
        self.ledger.clone().unwrap_or_else(|| {
            let state = env::var_os("XDG_STATE_HOME")
                .map(PathBuf::from)
                .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".local/state")));
            LedgerUrl::File(state.unwrap_or_default().join("recto/ledger.db"))
        })
    }
}

/// The database of a ledger. Displayed without password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum LedgerUrl {
    /// SQLite, in this file.
    File(PathBuf),
    /// PostgreSQL.
    Server(Box<Url>),
}

impl FromStr for LedgerUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("name a file, or postgres://USER:PASSWORD@HOST/DATABASE".to_owned());
        }
        let Some((scheme, rest)) = text.split_once(':') else {
            return Ok(Self::File(text.into()));
        };
        match scheme {
            "postgres" | "postgresql" => match Url::parse(text) {
                Ok(url) if url.has_host() => Ok(Self::Server(Box::new(url))),
                // Its text may hold a password.
                _ => Err("write postgres://USER:PASSWORD@HOST/DATABASE".to_owned()),
            },
            "sqlite" => Ok(Self::File(rest.strip_prefix("//").unwrap_or(rest).into())),
            _ if text.contains("://") => {
                Err("name a file, or postgres://USER:PASSWORD@HOST/DATABASE".to_owned())
            }
            _ => Ok(Self::File(text.into())),
        }
    }
}

impl fmt::Display for LedgerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Server(url) => {
                let mut shown = Url::clone(url);
                if shown.password().is_some() {
                    let _ = shown.set_password(Some("***"));
                }
                write!(f, "{shown}")
            }
        }
    }
}

impl fmt::Debug for LedgerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_is_a_file_or_a_server_and_shows_no_password() {
        let file = |text: &str| LedgerUrl::File(text.into());
        for (text, wanted) in [
            ("l.db", file("l.db")),
            ("sqlite:///v/l.db", file("/v/l.db")),
            ("sqlite:l.db", file("l.db")),
        ] {
            assert_eq!(text.parse(), Ok(wanted), "{text}");
        }
        let server: LedgerUrl = "postgres://me:hush@host/db".parse().unwrap();
        assert_eq!(server.to_string(), "postgres://me:***@host/db");
        assert!(!format!("{server:?}").contains("hush"));
        for wrong in ["", "mysql://host/db", "postgres:hush"] {
            assert!(wrong.parse::<LedgerUrl>().is_err(), "{wrong}");
        }
    }
}
