//! The job scripts' and the documentation's lines `skyfringe dataset ...` are ones that the program understands.

use std::path::{Path, PathBuf};
use std::process::Command;

fn files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = vec![root.join("docs/datasets.md")];
    for folder in ["examples/slurm", "examples/kubernetes"] {
        files.extend(std::fs::read_dir(root.join(folder)).unwrap().map(|e| e.unwrap().path()));
    }
    files.sort();
    files
}

/// Words of a simple command, up to what ends it in a shell; every variable and placeholder of GNU parallel is 1.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut quote, mut begun) = (String::new(), None, false);
    let mut letters = command.chars().peekable();
    while let Some(c) = letters.next() {
        match c {
            // in the middle of a word it closes what quotes the whole command
            '"' | '\'' if quote.is_none() && begun => break,
            '"' | '\'' if quote.is_none() => (quote, begun) = (Some(c), true),
            c if quote == Some(c) => quote = None,
            '$' | '{' if quote != Some('\'') => {
                let braced = c == '{' || letters.peek() == Some(&'{');
                while letters.next_if(|n| if braced { *n != '}' } else { n.is_alphanumeric() || *n == '_' }).is_some() {
                }
                if braced {
                    letters.next();
                }
                (word, begun) = (word + "1", true);
            }
            '`' | '&' | ';' | '|' | '#' | '>' | ')' if quote.is_none() => break,
            c if c.is_whitespace() && quote.is_none() => {
                if std::mem::take(&mut begun) {
                    words.push(std::mem::take(&mut word));
                }
            }
            c => {
                (word, begun) = (
                    {
                        word.push(c);
                        word
                    },
                    true,
                )
            }
        }
    }
    if begun {
        words.push(word);
    }
    words
}

/// The commands of a text: on lines of their own, within `code`, or in quotes of another command.
fn commands(text: &str) -> Vec<Vec<String>> {
    let text = text.replace("\\\n", " ");
    let lines = text
        .lines()
        .flat_map(|line| line.match_indices("skyfringe dataset ").map(|(at, found)| &line[at + found.len()..]));
    // prose: "skyfringe dataset ..." stands for all of them
    lines.map(words).filter(|w| w.first().is_some_and(|w| w.chars().all(|c| c.is_ascii_lowercase()))).collect()
}

#[test]
fn every_line_of_the_scripts_is_understood() {
    let mut seen = Vec::new();
    for file in files() {
        for words in commands(&std::fs::read_to_string(&file).unwrap()) {
            // after all words, so that each of them is parsed before the help is asked for
            let ran = Command::new(env!("CARGO_BIN_EXE_skyfringe"))
                .arg("dataset")
                .args(&words)
                .arg("--help")
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&ran.stderr);
            assert!(ran.status.success(), "{}: {}\n{said}", file.display(), words.join(" "));
            seen.push(words[0].clone());
        }
    }
    for command in ["plan", "build", "merge", "verify"] {
        assert!(seen.iter().any(|s| s == command), "no line of any script is `dataset {command}`: {seen:?}");
    }
}

#[test]
fn a_line_is_read_as_a_shell_does() {
    let found = commands(
        "exec skyfringe dataset build \"$CONFIG\" --out ${OUT} --shard \"$I/$N\" --limit-memory \"${m}MB\" # x",
    );
    assert_eq!(found, [["build", "1", "--out", "1", "--shard", "1/1", "--limit-memory", "1MB"]]);
    let found = commands("parallel 'skyfringe dataset build a.toml --out b --shard {}/8' ::: 1");
    assert_eq!(found, [["build", "a.toml", "--out", "b", "--shard", "1/8"]]);
    assert_eq!(commands("`skyfringe dataset merge DIR` and `skyfringe dataset verify DIR`").len(), 2);
}
