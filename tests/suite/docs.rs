//! The documentation against the program: links lead somewhere, and flags and variables exist.

use std::{collections::BTreeSet, fs, path::PathBuf};

use regex::Regex;

use crate::support::repository;

/// Most lines of the README: what is longer belongs into `docs/`.
const MAX_README_LINES: usize = 150;

/// Flags of other programs, and flags that the changelog and the docs name because they are gone.
const OTHER_FLAGS: &[&str] = &[
    "--all-targets",
    "--attributes",
    "--bucket",
    "--data-urlencode",
    "--doc",
    "--endpoint-url",
    "--event",
    "--example",
    "--features",
    "--help",
    "--ignored",
    "--lib",
    "--locked",
    "--name",
    "--nocapture",
    "--notification-configuration",
    "--no-default-features",
    "--package",
    "--prefix",
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

/// Names of the tests below `folder`, with the modules that they are in but for those named `tests`.
fn tests_below(folder: &str) -> Vec<String> {
    let test =
        Regex::new(r"#\[(?:tokio::)?test[^\]]*\]\s*(?:#\[[^\]]*\]\s*)*(?:async )?fn ([a-z0-9_]+)")
            .unwrap();
    let root = repository().join(folder);
    let mut folders = vec![root.clone()];
    let mut names = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let Ok(source) = fs::read_to_string(&path) else {
                continue;
            };
            let module = path.strip_prefix(&root).unwrap().with_extension("");
            let modules: Vec<&str> = module
                .iter()
                .map(|part| part.to_str().unwrap())
                .filter(|part| !matches!(*part, "mod" | "tests" | "main" | "lib"))
                .collect();
            let found = test.captures_iter(&source);
            names.extend(found.map(|found| [&modules[..], &[&found[1]]].concat().join("::")));
        }
    }
    names
}

/// A test is named as `module::test`, `module::beginning_of_a_test…`, or `module` and `module::*` for all of it.
#[test]
fn tests_of_the_security_page_exist() {
    let tests: Vec<String> = ["pipeline/src", "worker/src", "schemas/src", "tests/suite"]
        .iter()
        .flat_map(|folder| tests_below(folder))
        .collect();
    assert!(tests.len() > 900, "{}", tests.len());
    let page = fs::read_to_string(repository().join("docs/security.md")).unwrap();
    // In one word, modules are hard to tell from other words: those are not looked up.
    let named = Regex::new(r"`([a-z0-9_]+(?:::[a-z0-9_]+)+|[a-z0-9_]+::)(::\*|\*|…)?`").unwrap();
    let mut looked_up = 0;
    for name in named.captures_iter(&page) {
        let (path, end) = (&name[1], name.get(2).map(|end| end.as_str()));
        let is_meant = |test: &String| match end {
            Some("…") => test.starts_with(path),
            _ => test == path || test.starts_with(&format!("{}::", path.trim_end_matches("::"))),
        };
        assert!(tests.iter().any(is_meant), "no test {}", &name[0]);
        looked_up += 1;
    }
    assert!(looked_up > 25, "{looked_up}");
}
