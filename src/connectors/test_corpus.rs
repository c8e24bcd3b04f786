//! Real-world calendars and cards for tests: those that come with the source of the `calcard` crate.

use std::path::{Path, PathBuf};

/// The files with an extension, by name. `None`, and a word about it, where the corpus is not on this machine.
pub fn files(extension: &str) -> Option<Vec<(String, String)>> {
    let Some(root) = folder() else {
        println!("not run: no corpus; set CALCARD_RESOURCES to the folder `resources` of calcard's source");
        return None;
    };
    let mut found = Vec::new();
    collect(&root, extension, &mut found);
    found.sort();
    assert!(!found.is_empty(), "no .{extension} in {}", root.display());
    let read = |path: &PathBuf| {
        String::from_utf8_lossy(&std::fs::read(path).expect("a file that was just listed")).into_owned()
    };
    Some(
        found
            .iter()
            .map(|p| (p.file_name().expect("a file has a name").to_string_lossy().into_owned(), read(p)))
            .collect(),
    )
}

/// `CALCARD_RESOURCES`, or the newest calcard that cargo has unpacked.
fn folder() -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os("CALCARD_RESOURCES") {
        return Some(folder.into());
    }
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")))?;
    let registries = std::fs::read_dir(home.join("registry/src")).ok()?;
    let mut crates: Vec<PathBuf> = registries
        .flatten()
        .filter_map(|r| std::fs::read_dir(r.path()).ok())
        .flat_map(|crates| crates.flatten().map(|c| c.path()))
        .filter(|p| p.file_name().is_some_and(|n| n.to_string_lossy().starts_with("calcard-")))
        .map(|p| p.join("resources"))
        .filter(|p| p.is_dir())
        .collect();
    crates.sort();
    crates.pop()
}

fn collect(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, extension, found);
        } else if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
}
