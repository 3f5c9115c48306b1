//! The animated picture in the README, made of screenshots if `KILLGATE_PICTURES` is set.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::browser::{Browser, wants_pictures};

pub struct Animation {
    folder: TempDir,
    /// Files, and how many milliseconds each is shown.
    frames: Vec<(String, u32)>,
}

impl Animation {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), frames: Vec::new() }
    }

    pub async fn shoots(&mut self, browser: &Browser, milliseconds: u32) {
        if !wants_pictures() {
            return;
        }
        let file = self.folder.path().join(format!("{}.png", self.frames.len()));
        std::fs::write(&file, browser.screenshot().await).expect("written");
        self.frames.push((file.to_str().expect("text").to_owned(), milliseconds));
    }

    pub fn save(self, name: &str) {
        if !wants_pictures() {
            return;
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut python = Command::new("python3");
        python.arg(root.join("tests/demo/animate.py")).arg(root.join(format!("docs/pictures/{name}.webp")));
        for (file, milliseconds) in &self.frames {
            python.args([file, &milliseconds.to_string()]);
        }
        assert!(
            python.status().expect("Python 3").success(),
            "Pillow makes it: python3 -m pip install pillow"
        );
    }
}
