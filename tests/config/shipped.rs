//! The shipped configurations for containers and Kubernetes are valid when their secrets exist.

use std::fs;
use std::path::Path;

use crate::example::ConfigFolder;

#[test]
fn the_configurations_of_compose_are_valid() {
    accepted(&read("config/compose/killgate.toml"), "orders");
    accepted(&read("config/compose/demo/killgate.toml"), "shop");
}

#[test]
fn the_configuration_of_kubernetes_is_valid() {
    let manifest = read("config/kubernetes.yaml");
    let (_, rest) = manifest.split_once("  killgate.toml: |\n").expect("a ConfigMap");
    let (block, _) = rest.split_once("---\n").expect("something after it");
    let toml: Vec<&str> = block.lines().map(|line| line.strip_prefix("    ").unwrap_or(line)).collect();
    accepted(&toml.join("\n"), "orders");
}

fn accepted(toml: &str, target: &str) {
    let folder = ConfigFolder::new();
    let mut here = toml.to_owned();
    for folder in ["/run/secrets/killgate/", "/run/secrets/", "/var/lib/killgate/"] {
        here = here.replace(folder, "./");
    }
    let files = here.lines().filter_map(|line| line.split_once("_file = \"./")?.1.split('"').next());
    for file in files {
        folder.write(file, "secret");
    }
    let settings = folder.load(&here).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(settings.targets[0].name, target);
}

fn read(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).expect(file)
}
