//! Imports go down the list of folders only (ARCHITECTURE.md).

use std::fs;
use std::path::{Path, PathBuf};

/// Lowest first. Modules of one row may import each other's rows below, and earlier modules of their row.
const ORDER: &[&str] = &[
    "units",
    "error",
    "math",
    "time",
    "gridding",
    "formats",
    "sky",
    "telescope",
    "visibilities",
    "imaging",
    "datasets",
    "learn",
    "run",
    "cli",
];

fn rust_files(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

/// Modules named right after `crate::` in a line, also inside `use crate::{a, b::c}`.
fn imported(line: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, _) in line.match_indices("crate::") {
        let rest = &line[at + "crate::".len()..];
        let list = match rest.strip_prefix('{') {
            Some(group) => group.split(',').map(str::to_string).collect(),
            None => vec![rest.to_string()],
        };
        for item in list {
            let name: String = item.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            names.push(name);
        }
    }
    names
}

#[test]
fn imports_go_down_the_list_only() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&source, &mut files);
    let (mut seen, mut wrong) = (0, Vec::new());
    for file in files {
        let relative = file.strip_prefix(&source).unwrap();
        let module = relative.components().next().unwrap().as_os_str().to_string_lossy().replace(".rs", "");
        let Some(own) = ORDER.iter().position(|m| *m == module) else {
            assert!(["lib", "main"].contains(&module.as_str()), "src/{module} is not in the list of folders");
            continue;
        };
        for (number, line) in fs::read_to_string(&file).unwrap().lines().enumerate() {
            if line.trim_start().starts_with("//") {
                continue;
            }
            for name in imported(line) {
                let Some(other) = ORDER.iter().position(|m| *m == name) else { continue };
                seen += 1;
                // units parses quantities, so the error type is its neighbour, not above it
                let neighbours = own <= 1 && other <= 1;
                if other > own && !neighbours {
                    wrong.push(format!("{}:{}: {} imports {name}", relative.display(), number + 1, module));
                }
            }
        }
    }
    assert!(seen > 100, "only {seen} imports found: is the search broken?");
    assert!(wrong.is_empty(), "imports against the way of the data:\n{}", wrong.join("\n"));
}

#[test]
fn the_search_finds_what_it_should() {
    assert_eq!(imported("use crate::error::{Error, Result};"), ["error"]);
    assert_eq!(imported("use crate::{units::PI, time};"), ["units", "time"]);
    assert_eq!(imported("let x = crate::cli::main();"), ["cli"]);
}
