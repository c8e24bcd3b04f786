//! Files that are written whole or not at all, under a lock.

use crate::admin::AdminError;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

/// An I/O failure with what was being done.
pub(crate) fn failed(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> AdminError {
    let path = path.to_owned();
    move |source| AdminError::Io { doing, path, source }
}

/// Holds the lock while it lives.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "closing the file gives the lock back")] File);

/// Waits until nobody else writes to the workspace's documents.
pub(crate) fn lock(workspace: &Path, name: &str) -> Result<Lock, AdminError> {
    let state = workspace.join("state");
    fs::create_dir_all(&state).map_err(failed("make", &state))?;
    let path = state.join(name);
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(failed("open", &path))?;
    file.lock().map_err(failed("lock", &path))?;
    Ok(Lock(file))
}

/// Writes a file for everybody that the umask allows.
pub(crate) fn write_text(path: &Path, text: &str) -> Result<(), AdminError> {
    write(path, text.as_bytes(), 0o666).map_err(failed("write", path))
}

/// Writes a file that its owner alone may read (mode 0600).
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    write(path, bytes, 0o600)
}

/// Beside it, to the disk, then in one step into its place: a crash leaves the old file or the new one.
fn write(path: &Path, bytes: &[u8], mode: u32) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = beside(folder, mode)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    // Only Unix lets a folder be synced; elsewhere the rename is journalled.
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    Ok(())
}

#[cfg(unix)]
fn beside(folder: &Path, mode: u32) -> std::io::Result<tempfile::NamedTempFile> {
    use std::os::unix::fs::PermissionsExt;
    let permissions = fs::Permissions::from_mode(mode);
    tempfile::Builder::new().prefix(".saving-").permissions(permissions).tempfile_in(folder)
}

#[cfg(not(unix))]
fn beside(folder: &Path, _mode: u32) -> std::io::Result<tempfile::NamedTempFile> {
    tempfile::Builder::new().prefix(".saving-").tempfile_in(folder)
}

/// The names of what a folder holds, in no order; none where there is no folder.
pub(super) fn names_in(folder: &Path) -> Result<Vec<String>, AdminError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed("read", folder)(error)),
    };
    let name = |entry: std::io::Result<fs::DirEntry>| {
        Ok(entry.map_err(failed("read", folder))?.file_name().to_string_lossy().into_owned())
    };
    entries.map(name).collect()
}
