//! From layers to one folder: what a container would see as its root. Nothing is ever written outside that folder,
//! whatever a layer says. Owners, device files and extended attributes are left out: processes run as whoever
//! started the place.

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use flate2::read::MultiGzDecoder;
use tar::{Archive, Entry, EntryType};
use thiserror::Error;

use super::inside_root;
use crate::registry::Layer;

const WHITEOUT: &str = ".wh.";
const OPAQUE: &str = ".wh..wh..opq";

#[derive(Debug, Error)]
pub(super) enum UnpackError {
    #[error(
        "failed to register layer {digest}: layers of type '{media_type}' cannot be unpacked here, only tar and tar with gzip"
    )]
    Compression { digest: String, media_type: String },
    #[error("failed to register layer {digest}: {source}")]
    Layer { digest: String, source: io::Error },
    #[error("failed to unpack an image into {path}: {source}")]
    Folder { path: String, source: io::Error },
}

/// Unpacks all layers, the lowest first, into `root`, an empty folder.
pub(super) fn unpack(layers: &[Layer], root: &Path) -> Result<(), UnpackError> {
    for layer in layers {
        let failed = |source| UnpackError::Layer { digest: layer.digest.clone(), source };
        let compressed = BufReader::new(File::open(&layer.path).map_err(failed)?);
        let tar: Box<dyn Read> = match layer.media_type.rsplit(['+', '.']).next() {
            Some("tar") => Box::new(compressed),
            Some("gzip") => Box::new(MultiGzDecoder::new(compressed)),
            _ => {
                return Err(UnpackError::Compression {
                    digest: layer.digest.clone(),
                    media_type: layer.media_type.clone(),
                });
            }
        };
        apply(root, tar).map_err(failed)?;
    }
    Ok(())
}

/// One layer over what is already there.
fn apply(root: &Path, tar: impl Read) -> io::Result<()> {
    // Whiteouts hide what lower layers brought, never what their own layer does, whatever the order in the archive.
    let mut own = HashSet::new();
    let mut archive = Archive::new(tar);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = relative(&entry.path()?)?;
        let Some(file_name) = path.file_name() else {
            continue;
        };
        let name = file_name.to_string_lossy();
        let parent = make_folder(root, path.parent().unwrap_or(Path::new("")))?;
        if name == OPAQUE {
            hide_all(&parent, &own)?;
        } else if let Some(hidden) = name.strip_prefix(WHITEOUT) {
            // `.wh..wh.…` is bookkeeping of another file system; a name with nothing behind it hides nothing.
            let hidden_path = parent.join(hidden);
            let is_a_name = Path::new(hidden).file_name().is_some() && !hidden.starts_with(WHITEOUT);
            if is_a_name && !own.contains(&hidden_path) {
                remove(&hidden_path)?;
            }
        } else {
            let place = parent.join(file_name);
            put(root, &mut entry, &place)?;
            remember(root, &place, &mut own);
        }
    }
    Ok(())
}

/// The folders above it are this layer's too: an opaque marker in one of them must not take it away.
fn remember(root: &Path, place: &Path, own: &mut HashSet<PathBuf>) {
    for path in place.ancestors().take_while(|path| *path != root) {
        if !own.insert(path.to_owned()) {
            return;
        }
    }
}

/// A path of an archive, seen from the root. One that climbs out of it is refused, not repaired.
fn relative(path: &Path) -> io::Result<PathBuf> {
    let mut relative = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => relative.push(name),
            Component::CurDir | Component::RootDir => {}
            Component::ParentDir | Component::Prefix(_) => {
                return Err(invalid(format!("the path {} leads out of the image", path.display())));
            }
        }
    }
    Ok(relative)
}

fn put(root: &Path, entry: &mut Entry<'_, impl Read>, place: &Path) -> io::Result<()> {
    let mode = entry.header().mode()? & 0o777;
    match entry.header().entry_type() {
        EntryType::Directory => {
            if !place.symlink_metadata().is_ok_and(|there| there.is_dir()) {
                remove(place)?;
                fs::create_dir(place)?;
            }
            // We must be able to write into it and to remove it, whoever we are.
            fs::set_permissions(place, Permissions::from_mode(mode | 0o700))
        }
        EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
            remove(place)?;
            let mut file = OpenOptions::new().write(true).create_new(true).open(place)?;
            io::copy(entry, &mut file)?;
            file.set_permissions(Permissions::from_mode(mode | 0o600))
        }
        EntryType::Symlink => {
            remove(place)?;
            symlink(link_name(entry)?, place)
        }
        EntryType::Link => {
            let original = inside_root::resolve_parent(root, &relative(&link_name(entry)?)?)?;
            if original != place {
                remove(place)?;
                fs::hard_link(original, place)?;
            }
            Ok(())
        }
        other => {
            tracing::debug!(path = %place.display(), kind = ?other, "left out of an image");
            Ok(())
        }
    }
}

fn link_name(entry: &Entry<'_, impl Read>) -> io::Result<PathBuf> {
    let name = entry.link_name()?;
    name.map(|name| name.into_owned()).ok_or_else(|| invalid("a link without a target".to_owned()))
}

fn make_folder(root: &Path, path: &Path) -> io::Result<PathBuf> {
    let folder = inside_root::resolve(root, path)?;
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn hide_all(folder: &Path, own: &HashSet<PathBuf>) -> io::Result<()> {
    for child in fs::read_dir(folder)? {
        let child = child?.path();
        if !own.contains(&child) {
            remove(&child)?;
        } else if child.symlink_metadata()?.is_dir() {
            hide_all(&child, own)?;
        }
    }
    Ok(())
}

fn remove(path: &Path) -> io::Result<()> {
    match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}
