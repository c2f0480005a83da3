//! Where a running `pushboat local` is found by other commands of the same user: a file only this user can read,
//! there for as long as the place is up.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::stack;

/// Every address of the place, and what opens it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Addresses {
    pub process_id: u32,
    pub game: String,
    pub aws: String,
    pub registry: String,
    /// Pushboat's HTTP API, behind the gateway.
    pub api: String,
    pub control: String,
    pub region: String,
    pub account: String,
    pub access_key_id: String,
    pub secret_access_key: String,
    pub registry_password: String,
}

/// Which file to read instead of the user's own, and where a place writes.
const PLACE: &str = "PUSHBOAT_PLACE";

/// The file, removed when this is dropped.
#[derive(Debug)]
pub(super) struct Entry {
    path: PathBuf,
    process_id: u32,
    /// Others find it by themselves.
    is_found: bool,
}

impl Entry {
    /// Writes the addresses down: where the environment says, else where every command looks. Where another place is up
    /// already, that one goes on being found.
    pub(super) fn write(addresses: &Addresses) -> Result<Entry> {
        let said = std::env::var_os(PLACE).filter(|path| !path.is_empty()).map(PathBuf::from);
        Entry::write_to(said.unwrap_or_else(default_path), addresses)
    }

    fn write_to(path: PathBuf, addresses: &Addresses) -> Result<Entry> {
        let is_found = find(Some(&path)).is_err();
        let path = match is_found {
            true => path,
            false => path.with_file_name(format!("local-{}.json", addresses.process_id)),
        };
        let folder = path.parent().context("the address file has no folder")?;
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).with_context(|| at(folder))?;
        let fresh = path.with_extension(format!("{}.new", addresses.process_id));
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&fresh)
            .with_context(|| at(&fresh))?;
        file.write_all(&serde_json::to_vec_pretty(addresses)?).with_context(|| at(&fresh))?;
        fs::rename(&fresh, &path).with_context(|| at(&path))?;
        Ok(Entry { path, process_id: addresses.process_id, is_found })
    }

    /// What to set so that commands find this place, where they find another.
    pub(super) fn hint(&self) -> Option<String> {
        let path = self.path.display();
        (!self.is_found).then(|| {
            format!("Another place of yours is up and found first. For this one:\nexport {PLACE}={path}")
        })
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        // Another place may have taken the name since.
        if read(&self.path).is_ok_and(|there| there.process_id == self.process_id) {
            let _ = fs::remove_file(&self.path);
            if let Some(folder) = self.path.parent() {
                let _ = fs::remove_dir(folder);
            }
        }
    }
}

/// Everything needed to use the place with ordinary clients.
pub(crate) fn addresses(a: &Addresses) -> String {
    let Addresses {
        game,
        aws,
        api,
        control,
        region,
        access_key_id,
        secret_access_key,
        registry_password,
        ..
    } = a;
    let registry = a.registry.trim_start_matches("http://");
    let (cluster, service) = (stack::CLUSTER, stack::SERVICE);
    format!(
        "  game         {game}
  AWS APIs     {aws}
  registry     {registry}, user AWS
  HTTP API     {api}, signed for execute-api
  behind it    {control}dead-letters  …invocations  …log  …events  …requests

export AWS_ENDPOINT_URL={aws} AWS_REGION={region} AWS_DEFAULT_REGION={region}
export AWS_ACCESS_KEY_ID={access_key_id} AWS_SECRET_ACCESS_KEY={secret_access_key}
export PUSHBOAT_REGISTRY={registry} PUSHBOAT_REGISTRY_PASSWORD={registry_password}

aws ecs describe-services --cluster {cluster} --services {service}
aws ecr get-login-password | docker login --username AWS --password-stdin {registry}
curl --aws-sigv4 \"aws:amz:$AWS_REGION:execute-api\" \\
    --user \"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY\" {api}/services"
    )
}

/// The addresses of the running place, from `path` or from where a place writes them.
pub fn find(path: Option<&Path>) -> Result<Addresses> {
    let path = path.map_or_else(default_path, Path::to_path_buf);
    let found =
        read(&path).ok().filter(|place| Path::new("/proc").join(place.process_id.to_string()).exists());
    found.context("no `pushboat local` is running for this user; start it, or give --registry")
}

fn read(path: &Path) -> Result<Addresses> {
    let text = fs::read(path).with_context(|| at(path))?;
    serde_json::from_slice(&text).with_context(|| at(path))
}

fn at(path: &Path) -> String {
    path.display().to_string()
}

/// In the user's runtime folder, which the system clears at log-out; else in the cache, else among temporary files.
fn default_path() -> PathBuf {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = set("XDG_RUNTIME_DIR")
        .filter(|folder| folder.is_dir())
        .or_else(|| set("XDG_CACHE_HOME"))
        .or_else(|| set("HOME").map(|home| home.join(".cache")))
        .unwrap_or_else(std::env::temp_dir);
    folder.join("pushboat").join("local.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("local.json");
        let addresses_of = |process_id| Addresses {
            process_id,
            game: "http://127.0.0.1:2048".into(),
            aws: "http://127.0.0.1:4048".into(),
            registry: "http://127.0.0.1:5048".into(),
            api: "http://127.0.0.1:8048".into(),
            control: "http://127.0.0.1:4048/_local".into(),
            region: "eu-central-1".into(),
            account: "123456789012".into(),
            access_key_id: "a".into(),
            secret_access_key: "b".into(),
            registry_password: "c".into(),
        };
        let addresses = addresses_of(std::process::id());
        fs::write(&path, serde_json::to_vec(&addresses).unwrap()).unwrap();
        assert_eq!(find(Some(&path)).unwrap(), addresses);
        let ended = Addresses { process_id: u32::MAX, ..addresses };
        fs::write(&path, serde_json::to_vec(&ended).unwrap()).unwrap();
        assert!(find(Some(&path)).is_err(), "a place that was killed left its file");
        fs::write(&path, "{").unwrap();
        assert!(find(Some(&path)).is_err());
        let first = Entry::write_to(path.clone(), &addresses_of(std::process::id())).unwrap();
        let second = Entry::write_to(path.clone(), &addresses_of(1)).unwrap();
        assert!(first.hint().is_none() && second.hint().unwrap().contains("local-1.json"));
        assert_eq!(find(Some(&path)).unwrap().process_id, std::process::id());
        drop((first, second));
        assert!(!path.exists());
        let missing = find(Some(&folder.path().join("none"))).unwrap_err();
        assert!(missing.to_string().contains("no `pushboat local` is running"));
    }
}
