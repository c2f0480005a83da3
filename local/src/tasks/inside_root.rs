//! Paths as a container would see them: every symbolic link, absolute ones included, is followed inside the root of
//! an unpacked image, and `..` ends at that root.

use std::ffi::OsString;
use std::io;
use std::path::{Component, Path, PathBuf};

/// As Linux: more links than this on one path are a circle.
const MOST_LINKS: usize = 40;

/// Where `path` really lies. Parts that do not exist are kept as they are named.
pub(super) fn resolve(root: &Path, path: &Path) -> io::Result<PathBuf> {
    let mut inside = PathBuf::new();
    let mut pending = reversed_parts(path);
    let mut links = 0;
    while let Some(part) = pending.pop() {
        if part == ".." {
            inside.pop();
            continue;
        }
        let here = root.join(&inside).join(&part);
        match here.symlink_metadata() {
            Ok(metadata) if metadata.is_symlink() => {
                links += 1;
                if links > MOST_LINKS {
                    return Err(io::Error::other("too many levels of symbolic links"));
                }
                let target = here.read_link()?;
                if target.is_absolute() {
                    inside.clear();
                }
                pending.extend(reversed_parts(&target));
            }
            Ok(_) => inside.push(part),
            Err(error) if error.kind() == io::ErrorKind::NotFound => inside.push(part),
            Err(error) => return Err(error),
        }
    }
    Ok(root.join(inside))
}

/// As [`resolve`], but a link at the very end is what is meant, not what it points to.
pub(super) fn resolve_parent(root: &Path, path: &Path) -> io::Result<PathBuf> {
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => Ok(resolve(root, parent)?.join(name)),
        _ => resolve(root, path),
    }
}

fn reversed_parts(path: &Path) -> Vec<OsString> {
    let parts = path.components().rev().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        Component::CurDir | Component::RootDir | Component::Prefix(_) => None,
    });
    parts.collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_never_lead_out_of_the_root() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("usr/bin")).unwrap();
        fs::write(root.join("usr/bin/server"), "").unwrap();
        symlink("/usr/bin", root.join("bin")).unwrap();
        symlink("../../../../etc", root.join("usr/out")).unwrap();
        symlink("/bin/server", root.join("entry")).unwrap();

        let resolved = |path: &str| resolve(root, Path::new(path)).unwrap();
        assert_eq!(resolved("/entry"), root.join("usr/bin/server"));
        assert_eq!(resolved("bin/server"), root.join("usr/bin/server"));
        assert_eq!(resolved("usr/out/passwd"), root.join("etc/passwd"));
        assert_eq!(resolved("../../etc/passwd"), root.join("etc/passwd"));
        assert_eq!(resolve_parent(root, Path::new("entry")).unwrap(), root.join("entry"));
    }

    #[test]
    fn a_circle_of_links_ends() {
        let folder = tempfile::tempdir().unwrap();
        symlink("b", folder.path().join("a")).unwrap();
        symlink("a", folder.path().join("b")).unwrap();
        let error = resolve(folder.path(), Path::new("a")).unwrap_err();
        assert!(error.to_string().contains("symbolic links"), "{error}");
    }
}
