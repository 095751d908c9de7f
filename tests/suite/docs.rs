//! The documentation against the program: links lead somewhere, and flags and variables exist.

use std::{collections::BTreeSet, fs, path::PathBuf};

use regex::Regex;

use crate::support::repository;

/// Most lines of the README: what is longer belongs into `docs/`.
const MAX_README_LINES: usize = 150;

/// Flags of other programs, and flags that the changelog and the docs name because they are gone.
const OTHER_FLAGS: &[&str] = &[
    "--all-targets",
    "--data-urlencode",
    "--doc",
    "--example",
    "--features",
    "--help",
    "--ignored",
    "--lib",
    "--locked",
    "--nocapture",
    "--no-default-features",
    "--package",
    "--release",
    "--version",
    "--workspace",
];

/// Pages for users, with their text.
fn pages() -> Vec<(PathBuf, String)> {
    let mut pages: Vec<PathBuf> = [
        "README.md",
        "SECURITY.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "examples/README.md",
    ]
    .iter()
    .map(|name| repository().join(name))
    .collect();
    for entry in fs::read_dir(repository().join("docs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "md") {
            pages.push(path);
        }
    }
    pages
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            (path, text)
        })
        .collect()
}

/// The address of a heading, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[test]
fn links_lead_somewhere() {
    let link = Regex::new(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)").unwrap();
    let mut broken = Vec::new();
    for (page, text) in pages() {
        for found in link.captures_iter(&text) {
            let (path, wanted) = (&found[1], found.get(2).map(|anchor| anchor.as_str()));
            if path.contains("://") {
                continue;
            }
            let target = match path {
                "" => page.clone(),
                path => page.parent().unwrap().join(path),
            };
            let anchors = fs::read_to_string(&target).unwrap_or_default();
            let has_anchor = |wanted: &str| {
                let headings = anchors.lines().filter(|line| line.starts_with('#'));
                headings
                    .map(|line| anchor(line.trim_start_matches('#').trim()))
                    .any(|found| found == wanted)
            };
            if !target.exists() || wanted.is_some_and(|wanted| !has_anchor(wanted)) {
                broken.push(format!("{}: {}", page.display(), &found[0]));
            }
        }
    }
    assert!(broken.is_empty(), "broken links:\n{}", broken.join("\n"));
}

#[test]
fn flags_and_variables_exist() {
    let flag = Regex::new(r"--[a-z][a-z0-9-]+").unwrap();
    let variable = Regex::new(r"RECTO_[A-Z0-9_]+").unwrap();
    let mut known: BTreeSet<String> = OTHER_FLAGS.iter().map(|flag| (*flag).to_owned()).collect();
    for entry in fs::read_dir(repository().join("tests/golden")).unwrap() {
        let path = entry.unwrap().path();
        if path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("help"))
        {
            let help = fs::read_to_string(&path).unwrap();
            known.extend(flag.find_iter(&help).map(|found| found.as_str().to_owned()));
        }
    }
    let variables = fs::read_to_string(repository().join("deploy/env.example")).unwrap();
    let mut unknown = BTreeSet::new();
    for (page, text) in pages() {
        let page = page
            .strip_prefix(repository())
            .unwrap()
            .display()
            .to_string();
        for found in flag.find_iter(&text) {
            // `--got-…` names a family.
            if !found.as_str().ends_with('-') && !known.contains(found.as_str()) {
                unknown.insert(format!("{page}: {}", found.as_str()));
            }
        }
        for found in variable.find_iter(&text) {
            let name = found.as_str();
            let is_ours = ["RECTO_TEST_", "RECTO_BLESS", "RECTO_CORPUS"]
                .iter()
                .any(|of_tests| name.starts_with(of_tests));
            if !is_ours && !variables.contains(&format!("{name}=")) {
                unknown.insert(format!("{page}: {name}"));
            }
        }
    }
    assert!(
        unknown.is_empty(),
        "not in the program's help or env.example: {unknown:#?}"
    );
}

#[test]
fn the_readme_is_short() {
    let lines = fs::read_to_string(repository().join("README.md"))
        .unwrap()
        .lines()
        .count();
    assert!(lines <= MAX_README_LINES, "README.md has {lines} lines");
}
