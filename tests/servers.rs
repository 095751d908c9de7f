//! `make servers`: a RabbitMQ and an S3 store on loopback, for trying `recto worker` without having either. They
//! forget everything when they end.

#![expect(
    clippy::unwrap_used,
    reason = "a run that cannot go on says where; clippy.toml frees test functions only"
)]

#[path = "suite/support/mod.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod support;

use std::{io, process::Command};

use support::{objects::SeaweedServer, rabbit::RabbitServer};

fn main() {
    let (rabbit, store) = (RabbitServer::start(), SeaweedServer::start());
    store.create_bucket("archive");
    println!(
        "# A broker without queues, a store with an empty bucket `archive`. In another terminal:"
    );
    println!("export RECTO_AMQP_URL='{}'", rabbit.url());
    let mut settings = Command::new("recto");
    store.env(&mut settings);
    for (name, value) in settings.get_envs() {
        if let Some(value) = value {
            println!("export {}='{}'", name.display(), value.display());
        }
    }
    println!("# They run until Enter or the end of input here.");
    io::stdin().read_line(&mut String::new()).unwrap();
}
