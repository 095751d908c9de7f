//! Reference of the command line's options, of their variables, and the example environment.

use std::collections::{BTreeMap, BTreeSet};

use clap::{Arg, Command};
use recto_schemas::{EngineName, SchemaName};
use serde_json::Value;

use super::{code, table};

/// The widest line of the example environment.
const LINE_CHARS: usize = 118;

/// An option, and the commands that have it.
pub(super) struct ArgumentDoc {
    long: String,
    short: Option<char>,
    value: String,
    variable: Option<String>,
    default: String,
    words: Vec<String>,
    heading: String,
    help: String,
    commands: Vec<String>,
}

impl ArgumentDoc {
    /// Every option of every command, in the order of their declaration.
    pub(super) fn all(command: &Command) -> Vec<Self> {
        let mut found: Vec<Self> = Vec::new();
        let mut command = command.clone();
        command.build();
        collect(&command, &[], &mut found);
        found
    }

    fn new(argument: &Arg, long: &str) -> Self {
        let help = argument.get_long_help().or(argument.get_help());
        let defaults = argument.get_default_values().iter();
        let names = argument.get_value_names().unwrap_or_default();
        Self {
            long: long.to_owned(),
            short: argument.get_short(),
            value: match argument.get_action().takes_values() {
                true => names
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(" "),
                false => String::new(),
            },
            variable: argument
                .get_env()
                .and_then(|name| Some(name.to_str()?.to_owned())),
            default: defaults
                .map(|value| value.to_string_lossy())
                .collect::<Vec<_>>()
                .join(","),
            words: argument
                .get_possible_values()
                .iter()
                .filter(|_| argument.get_action().takes_values())
                .map(|value| value.get_name().to_owned())
                .collect(),
            heading: argument.get_help_heading().unwrap_or("General").to_owned(),
            help: help.map(ToString::to_string).unwrap_or_default(),
            commands: Vec::new(),
        }
    }

    /// A value that may be written: the default, the example in the help, or the first of the possible words.
    fn example(&self) -> String {
        let in_help = self.help.split_once("such as `");
        let in_help = in_help.and_then(|(_, rest)| Some(rest.split_once('`')?.0));
        match (self.default.as_str(), in_help, self.words.first()) {
            ("", Some(example), _) => example.to_owned(),
            ("", None, Some(word)) => word.clone(),
            (default, ..) => default.to_owned(),
        }
    }

    fn flag(&self) -> String {
        let short = self.short.map(|short| format!("`-{short}`, "));
        let value = match self.value.as_str() {
            "" => String::new(),
            "on|off" => "[=on|off]".to_owned(),
            value => format!(" {value}"),
        };
        format!("{}`--{}{value}`", short.unwrap_or_default(), self.long)
    }

    fn meaning(&self) -> String {
        match self.words.is_empty() {
            true => self.help.clone(),
            false => {
                let words: Vec<String> = self.words.iter().map(|word| code(word)).collect();
                format!("{}: {}", self.help, words.join(", "))
            }
        }
    }
}

fn collect(command: &Command, path: &[&str], found: &mut Vec<ArgumentDoc>) {
    for subcommand in command.get_subcommands().filter(|c| c.get_name() != "help") {
        collect(
            subcommand,
            &[path, &[subcommand.get_name()]].concat(),
            found,
        );
    }
    if command.has_subcommands() {
        return;
    }
    for argument in command.get_arguments() {
        let Some(long) = argument
            .get_long()
            .filter(|l| !matches!(*l, "help" | "version"))
        else {
            continue;
        };
        let new = ArgumentDoc::new(argument, long);
        let same = |known: &ArgumentDoc| known.long == new.long && known.help == new.help;
        let index = found.iter().position(same).unwrap_or(found.len());
        if index == found.len() {
            found.push(new);
        }
        found[index].commands.push(path.join(" "));
    }
}

/// The options' members in JSON, by their flags.
fn json_members() -> BTreeMap<String, String> {
    let schema =
        serde_json::to_value(recto_schemas::schema(SchemaName::Options)).unwrap_or_default();
    let members = |at: &str| -> Vec<String> {
        let properties = schema.pointer(at).and_then(Value::as_object);
        properties
            .into_iter()
            .flatten()
            .map(|(name, _)| name.clone())
            .collect()
    };
    let flag = |name: &String| name.replace('_', "-");
    let own = members("/properties")
        .into_iter()
        .map(|name| (flag(&name), name));
    let limits = members("/$defs/DocumentLimits/properties").into_iter();
    let limits = limits.map(|name| (flag(&name), format!("limits.{name}")));
    let engines = EngineName::ALL.into_iter().flat_map(|engine| {
        // An engine's options are there or null.
        let named = schema.pointer(&format!("/properties/{engine}/anyOf/0/$ref"));
        let named = named.and_then(Value::as_str).unwrap_or_default();
        let names = members(&format!("{}/properties", named.trim_start_matches('#')));
        let with_flag = |name: String| {
            (
                format!("{engine}-{}", flag(&name)),
                format!("{engine}.{name}"),
            )
        };
        names.into_iter().map(with_flag).collect::<Vec<_>>()
    });
    own.chain(limits).chain(engines).collect()
}

/// The page of all options, a table for each heading of the help.
pub(super) fn options(all: &[ArgumentDoc]) -> String {
    let members = json_members();
    let mut text = "# Options\n\nFlags win over variables. A switch is on if it is given bare; in a variable it is `on` or `off`. \
                    Lengths of time are written `500ms`, `20s`, `15m` or `1h`, sizes `384MiB` or `2GB`, on the command line, in \
                    variables and in JSON. A member in the column JSON is one of a job's and a manifest's `options`.\n\n"
        .to_owned();
    let mut headings: Vec<&str> = Vec::new();
    for argument in all {
        if !headings.contains(&argument.heading.as_str()) {
            headings.push(&argument.heading);
        }
    }
    for heading in headings {
        let rows = all.iter().filter(|argument| argument.heading == heading);
        text.push_str(&format!("## {heading}\n\n"));
        text.push_str(&table(
            ["Option", "Default", "JSON", "Commands", "Meaning"],
            rows.map(|argument| {
                let member = members.get(&argument.long).map_or("", String::as_str);
                [
                    argument.flag(),
                    code(&argument.default),
                    code(member),
                    argument.commands.join(", "),
                    argument.meaning(),
                ]
            }),
        ));
    }
    text.trim_end().to_owned() + "\n"
}

/// The page of all variables.
pub(super) fn environment(all: &[ArgumentDoc]) -> String {
    let mut rows: BTreeMap<&str, (BTreeSet<&str>, BTreeSet<&str>, &str)> = BTreeMap::new();
    for argument in all {
        if let Some(variable) = &argument.variable {
            let row = rows.entry(variable).or_default();
            row.0.insert(&argument.long);
            row.1.extend(argument.commands.iter().map(String::as_str));
            row.2 = &argument.default;
        }
    }
    let rows = rows
        .into_iter()
        .map(|(variable, (flags, commands, default))| {
            let flags: Vec<String> = flags.iter().map(|flag| format!("`--{flag}`")).collect();
            let commands: Vec<&str> = commands.into_iter().collect();
            [
                code(variable),
                flags.join(", "),
                code(default),
                commands.join(", "),
            ]
        });
    let text = table(["Variable", "Option", "Default", "Commands"], rows);
    format!(
        "# Environment variables\n\nEach one has the values of its option; [options.md](options.md) says what they mean. Flags win \
         over variables. Credentials of the store come from `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, a profile or a \
         role. For models of the Hugging Face hub, `HF_HOME`, `HF_HUB_CACHE`, `HF_ENDPOINT`, `HF_TOKEN` and \
         `HF_HUB_OFFLINE` mean what they mean elsewhere.\n\n{}\n",
        text.trim_end()
    )
}

/// An environment with a value for every variable, all of it commented out.
pub(super) fn env_example(all: &[ArgumentDoc]) -> String {
    let mut text = "# Written by `recto docs`: every variable that recto reads, with its default or an example.\n\
                    # Flags win over variables. Lines that begin with # are off; take the # away to set one. In [brackets]: the \
                    commands\n# that read it.\n"
        .to_owned();
    let mut named = BTreeSet::new();
    let mut heading = "";
    for argument in all {
        let Some(variable) = argument
            .variable
            .as_deref()
            .filter(|name| named.insert(*name))
        else {
            continue;
        };
        if argument.heading != heading {
            heading = &argument.heading;
            text.push_str(&format!("\n# === {heading} ===\n"));
        }
        let readers = all
            .iter()
            .filter(|other| other.variable.as_deref() == Some(variable));
        let mut commands: Vec<&str> = Vec::new();
        for command in readers.flat_map(|reader| &reader.commands) {
            if !commands.contains(&command.as_str()) {
                commands.push(command);
            }
        }
        let help = format!("{} [{}]", argument.help, commands.join(", "));
        text.push_str(&wrapped(&help));
        text.push_str(&format!("#{variable}={}\n", argument.example()));
    }
    text
}

/// A comment of several lines.
fn wrapped(help: &str) -> String {
    let (mut text, mut line) = (String::new(), "#".to_owned());
    for word in help.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > LINE_CHARS {
            text.push_str(&line);
            text.push('\n');
            line = "#".to_owned();
        }
        line.push(' ');
        line.push_str(word);
    }
    text + &line + "\n"
}
