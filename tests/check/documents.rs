//! Each block of commands in the README and the pages is run by a test, or has a reason here why it is not.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{operations, sql};

const LANGUAGES: [&str; 4] = ["console", "python", "sh", "sql"];

/// A document, and the beginning of one of its blocks.
pub type BlockRef = (&'static str, &'static str);

/// Blocks that no test here runs, and why not.
const NOT_RUN: [(BlockRef, &str); 8] = [
    (("README.md", DEMO), "tests/demo runs the demo, and the walk of the README clones"),
    (("README.md", "./dev test"), "it would run this test"),
    (("docs/install.md", "cargo install --locked --path ."), "it compiles for minutes"),
    (("docs/install.md", "./dev image"), "it needs Podman or Docker, and their registries"),
    (("docs/install.md", "docker compose --profile demo"), "it needs Docker"),
    (("docs/install.md", "install -d -m 700 config/compose/secrets"), "it needs Docker"),
    (("docs/install.md", "kubectl create namespace"), "it needs a cluster"),
    (
        ("docs/managed-services.md", "killgate guard-sql"),
        "it needs a service; the README has the same commands",
    ),
];
const DEMO: &str = "git clone \"<URL of this repository>\" killgate\ncd killgate\n./dev demo";

#[test]
fn each_block_of_commands_is_run_or_has_a_reason_why_not() {
    let is_command = |block: &Block| LANGUAGES.contains(&block.language.as_str());
    let named: Vec<BlockRef> = operations::STEPS
        .iter()
        .map(|step| step.block)
        .chain([operations::VERIFIER])
        .chain(sql::BLOCKS)
        .chain(NOT_RUN.map(|(block, _)| block))
        .collect();
    let mut wrong = Vec::new();
    for document in documents() {
        for block in blocks(&document).iter().filter(|block| is_command(block)) {
            // The README's walk runs all of these.
            let is_setup = document == "README.md" && block.language == "sh";
            let found = named.iter().filter(|(of, begins)| *of == document && block.text.starts_with(begins));
            let count = found.count() + usize::from(is_setup);
            if count != 1 {
                wrong.push(format!("{document}: named {count} times: {}", block.text));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for block in named {
        find(block);
    }
}

/// What `docs/install.md` mentions for Docker and Kubernetes, which are not here.
#[test]
fn the_commands_for_containers_name_what_the_files_define() {
    let compose = read("compose.yaml");
    let secrets = find(("docs/install.md", "install -d -m 700 config/compose/secrets"));
    let files: Vec<&str> = secrets.split_whitespace().filter(|word| word.starts_with("config/")).collect();
    assert_eq!(files.len(), 3, "{files:?}");
    for file in files {
        assert!(compose.contains(&format!("./{file}")), "compose.yaml has no {file}");
    }
    for profile in ["real", "demo"] {
        assert!(compose.contains(&format!("profiles: [{profile}]")), "{profile}");
    }

    let kubernetes = read("config/kubernetes.yaml");
    let commands = find(("docs/install.md", "kubectl create namespace"));
    for secret in commands.split("--from-file=").skip(1) {
        let name = secret.split_whitespace().next().expect("a name");
        assert!(
            kubernetes.contains(&format!("/run/secrets/killgate/{name}")),
            "config/kubernetes.yaml: {name}"
        );
    }
    assert!(commands.contains("secret generic killgate ") && kubernetes.contains("secretName: killgate,"));
    assert!(
        commands.contains("deployment/killgate ")
            && kubernetes.contains("kind: Deployment\nmetadata:\n  name: killgate\n")
    );

    let image = find(("docs/install.md", "./dev image"));
    let dockerfile = read("Dockerfile");
    for folder in ["/etc/killgate/killgate.toml", "/var/lib/killgate"] {
        assert!(image.contains(folder) && dockerfile.contains(folder), "{folder}");
    }
}

pub struct Block {
    pub language: String,
    /// What a person types, or the whole text where nothing is typed.
    pub text: String,
}

/// The text of the only block that begins so.
pub fn find((document, begins): BlockRef) -> String {
    let mut found = blocks(document).into_iter().filter(|block| block.text.starts_with(begins));
    let block = found.next().unwrap_or_else(|| panic!("{document} has no block that begins with: {begins}"));
    assert!(found.next().is_none(), "{document} has several blocks that begin with: {begins}");
    block.text
}

/// The fenced blocks, without the indentation of their fences.
pub fn blocks(document: &str) -> Vec<Block> {
    let text = read(document);
    let mut lines = text.lines();
    let mut blocks = Vec::new();
    while let Some(fence) = lines.next() {
        let Some((indent, language)) = fence.split_once("```") else { continue };
        let inside = lines.by_ref().take_while(|line| line.trim() != "```");
        let inside: Vec<&str> = inside.map(|line| line.strip_prefix(indent).unwrap_or(line)).collect();
        let text = if language == "console" { typed(&inside) } else { inside.join("\n") };
        blocks.push(Block { language: language.to_owned(), text });
    }
    blocks
}

/// What is typed at the prompts of a user or of root, without what is printed.
fn typed(lines: &[&str]) -> String {
    let mut typed = Vec::new();
    let mut is_continued = false;
    for line in lines {
        let command = line.strip_prefix("$ ").or_else(|| line.strip_prefix("# "));
        let command = command.or_else(|| is_continued.then_some(*line));
        typed.extend(command);
        is_continued = command.is_some_and(|command| command.ends_with('\\'));
    }
    typed.join("\n")
}

fn documents() -> Vec<String> {
    let pages = fs::read_dir(root().join("docs")).expect("a folder").map(|entry| entry.expect("an entry"));
    let names = pages.map(|entry| entry.file_name().into_string().expect("a plain name"));
    let pages = names.filter(|name| name.strip_suffix(".md").is_some()).map(|name| format!("docs/{name}"));
    pages.chain(["README.md".to_owned()]).collect()
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).expect(file)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}
