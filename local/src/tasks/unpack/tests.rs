use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, Header};
use tempfile::TempDir;

use super::*;

/// Layers of a few files, and the folder they were unpacked into.
struct Image {
    folder: TempDir,
    layers: Vec<Layer>,
}

#[derive(Clone, Copy)]
enum Item<'a> {
    File(&'a str, &'a str),
    Folder(&'a str),
    Symlink(&'a str, &'a str),
    Hardlink(&'a str, &'a str),
}
use Item::{File as F, Folder as D, Hardlink as H, Symlink as S};

impl Image {
    fn new() -> Image {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("root")).unwrap();
        Image { folder, layers: Vec::new() }
    }

    fn layer(self, items: &[Item<'_>]) -> Image {
        let mut builder = Builder::new(Vec::new());
        for item in items {
            append(&mut builder, *item);
        }
        let tar = builder.into_inner().unwrap();
        self.layer_of("application/vnd.oci.image.layer.v1.tar", &tar)
    }

    fn layer_of(mut self, media_type: &str, bytes: &[u8]) -> Image {
        let path = self.folder.path().join(format!("layer-{}", self.layers.len()));
        fs::write(&path, bytes).unwrap();
        self.layers.push(Layer {
            path,
            media_type: media_type.to_owned(),
            digest: format!("sha256:{}", self.layers.len()),
        });
        self
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    fn unpack(&self) -> Result<(), UnpackError> {
        unpack(&self.layers, &self.root())
    }

    /// Every path under the root, in order.
    fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        let mut folders = vec![self.root()];
        while let Some(folder) = folders.pop() {
            for child in fs::read_dir(folder).unwrap() {
                let path = child.unwrap().path();
                paths.push(path.strip_prefix(self.root()).unwrap().display().to_string());
                if path.symlink_metadata().unwrap().is_dir() {
                    folders.push(path);
                }
            }
        }
        paths.sort();
        paths
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root().join(path)).unwrap()
    }
}

/// Writes names into headers as they are: a careful builder would refuse the nasty ones.
fn append(builder: &mut Builder<Vec<u8>>, item: Item<'_>) {
    let (name, kind, target, content) = match item {
        F(name, content) => (name, EntryType::Regular, "", content),
        D(name) => (name, EntryType::Directory, "", ""),
        S(name, target) => (name, EntryType::Symlink, target, ""),
        H(name, target) => (name, EntryType::Link, target, ""),
    };
    let mut header = Header::new_ustar();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(0o4755);
    header.set_size(content.len() as u64);
    header.set_cksum();
    builder.append(&header, content.as_bytes()).unwrap();
}

#[test]
fn upper_layers_replace_and_hide_what_lower_ones_brought() {
    let image = Image::new()
        .layer(&[D("app/"), F("app/old", "1"), F("app/kept", "1"), F("etc/conf", "1"), F("data/a", "1")])
        .layer(&[F("app/.wh.old", ""), F("etc/conf", "2"), F("data/b", "2"), F("data/.wh..wh..opq", "")]);
    image.unpack().unwrap();
    assert_eq!(image.paths(), ["app", "app/kept", "data", "data/b", "etc", "etc/conf"]);
    assert_eq!(image.read("etc/conf"), "2");
}

#[test]
fn a_whiteout_spares_what_its_own_layer_brings() {
    let image = Image::new().layer(&[F("a/b/lower", ""), F("file", "1")]).layer(&[
        F("a/b/upper", ""),
        F("a/.wh..wh..opq", ""),
        F("file", "2"),
        F(".wh.file", ""),
    ]);
    image.unpack().unwrap();
    assert_eq!(image.paths(), ["a", "a/b", "a/b/upper", "file"]);
}

#[test]
fn kinds_may_change_between_layers() {
    let image = Image::new().layer(&[F("a/inside", ""), F("b", ""), S("c", "/etc"), D("d")]).layer(&[
        F("a", "now a file"),
        D("b"),
        D("c"),
        F("c/inside", ""),
        S("d", "b"),
    ]);
    image.unpack().unwrap();
    assert_eq!(image.paths(), ["a", "b", "c", "c/inside", "d"]);
    assert_eq!(image.read("a"), "now a file");
}

#[test]
fn links_stay_inside() {
    let image = Image::new().layer(&[
        S("bin", "/usr/bin"),
        F("bin/server", "program"),
        S("up", "../../../.."),
        F("up/escaped", "still inside"),
        H("hard", "/bin/server"),
    ]);
    image.unpack().unwrap();
    assert_eq!(image.read("usr/bin/server"), "program");
    assert_eq!(image.read("escaped"), "still inside");
    assert_eq!(image.read("hard"), "program");
    let outside: Vec<_> = fs::read_dir(image.folder.path()).unwrap().collect();
    assert_eq!(outside.len(), 2, "only the layer and the root");
}

#[test]
fn paths_that_climb_out_are_refused() {
    let nasty: [&[Item<'_>]; 4] = [
        &[F("../outside", "")],
        &[F("a/../../outside", "")],
        &[H("hard", "../layer-0")],
        &[D("a"), F("a/.wh...", "")],
    ];
    for items in &nasty[..3] {
        let error = Image::new().layer(items).unpack().unwrap_err();
        assert!(error.to_string().contains("leads out of the image"), "{error}");
    }
    // A whiteout of `..` would remove the folder above.
    let image = Image::new().layer(&[F("kept", "")]).layer(nasty[3]);
    image.unpack().unwrap();
    assert_eq!(image.paths(), ["a", "kept"]);
}

#[test]
fn modes_lose_set_user_id_and_gzip_is_understood() {
    let mut builder = Builder::new(Vec::new());
    append(&mut builder, F("server", "program"));
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&builder.into_inner().unwrap()).unwrap();
    let gzip = gzip.finish().unwrap();
    for media_type in
        ["application/vnd.oci.image.layer.v1.tar+gzip", "application/vnd.docker.image.rootfs.diff.tar.gzip"]
    {
        let image = Image::new().layer_of(media_type, &gzip);
        image.unpack().unwrap();
        let mode = image.root().join("server").metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o755);
    }
}

#[test]
fn what_cannot_be_read_is_named() {
    let zstd = Image::new().layer_of("application/vnd.oci.image.layer.v1.tar+zstd", b"");
    let error = zstd.unpack().unwrap_err().to_string();
    assert!(error.contains("sha256:0") && error.contains("tar+zstd"), "{error}");
    let torn = Image::new().layer_of("application/vnd.oci.image.layer.v1.tar+gzip", b"\x1f\x8b\x08");
    let error = torn.unpack().unwrap_err().to_string();
    assert!(error.starts_with("failed to register layer sha256:0"), "{error}");
}
