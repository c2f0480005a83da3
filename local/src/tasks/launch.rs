//! What exactly is to be run: program, arguments, folder and environment, from an image's configuration and what the
//! task definition says over it. A `user` in the image is ignored: everything runs as whoever started the place.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::StartError;
use super::executable;
use super::inside_root;
use crate::registry::{ImageConfig, Platform};
use crate::world::StartContainer;

/// What Docker sets where an image does not.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Launch {
    /// Where the program really is.
    pub(super) program: PathBuf,
    /// The first one is how it was called.
    pub(super) arguments: Vec<String>,
    pub(super) working_directory: PathBuf,
    pub(super) environment: Vec<(String, String)>,
    pub(super) stop_signal: Option<String>,
}

/// The layers of the environment, each stronger than the one before: `PATH`, the image, `given` (the place), the
/// task definition, `injected` (what only holds for this one container, such as `PORT`).
pub(super) fn plan(
    root: &Path,
    image: &ImageConfig,
    container: &StartContainer,
    given: &[(String, String)],
    injected: &[(String, String)],
    host: &Platform,
) -> Result<Launch, StartError> {
    let arguments = arguments(image, container);
    let called = arguments.first().ok_or(StartError::NoCommand)?.clone();
    let mut environment = vec![("PATH".to_owned(), DEFAULT_PATH.to_owned())];
    for (name, value) in [&image.env, given, &container.environment, injected].into_iter().flatten() {
        environment.retain(|(known, _)| known != name);
        environment.push((name.clone(), value.clone()));
    }
    let given_folder = container.working_directory.as_ref().or(image.working_dir.as_ref());
    let folder = Path::new("/").join(given_folder.map_or("", String::as_str));
    let program = find(root, &called, &folder, &environment)?;
    executable::check(&program, host).map_err(|reason| StartError::NotRunnable {
        program: called.clone(),
        reason,
        platform: format!("{}/{}", host.os, host.architecture),
    })?;
    Ok(Launch {
        program,
        arguments,
        working_directory: make_working_directory(root, &folder)?,
        environment,
        stop_signal: image.stop_signal.clone(),
    })
}

/// As Docker does it: an entry point given from outside also drops the image's command.
fn arguments(image: &ImageConfig, container: &StartContainer) -> Vec<String> {
    let entry_point =
        if container.entry_point.is_empty() { &image.entrypoint } else { &container.entry_point };
    let command = match (container.command.is_empty(), container.entry_point.is_empty()) {
        (false, _) => container.command.as_slice(),
        (true, true) => &image.cmd,
        (true, false) => &[],
    };
    entry_point.iter().chain(command).cloned().collect()
}

fn find(
    root: &Path,
    called: &str,
    folder: &Path,
    environment: &[(String, String)],
) -> Result<PathBuf, StartError> {
    let not_found =
        |searched: &str| StartError::NotFound { program: called.to_owned(), searched: searched.to_owned() };
    let is_file = |path: PathBuf| {
        let found = inside_root::resolve(root, &path).ok()?;
        found.is_file().then_some(found)
    };
    if called.contains('/') {
        return is_file(folder.join(called)).ok_or_else(|| not_found("the image"));
    }
    let path = environment.iter().find(|(name, _)| name == "PATH");
    let mut folders = path.map_or("", |(_, value)| value).split(':');
    folders.find_map(|place| is_file(folder.join(place).join(called))).ok_or_else(|| not_found("$PATH"))
}

/// Docker makes it where an image lacks it.
fn make_working_directory(root: &Path, folder: &Path) -> Result<PathBuf, StartError> {
    let made = inside_root::resolve(root, folder).and_then(|path| {
        fs::create_dir_all(&path)?;
        Ok(path)
    });
    made.map_err(|source| StartError::WorkingDirectory { path: folder.display().to_string(), source })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn strings(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    }

    fn container(entry_point: &[&str], command: &[&str]) -> StartContainer {
        StartContainer {
            name: "app".into(),
            image: "registry/app:v1".into(),
            entry_point: strings(entry_point),
            command: strings(command),
            working_directory: None,
            environment: Vec::new(),
            container_port: None,
            stop_timeout_seconds: 30,
        }
    }

    fn image(entry_point: &[&str], cmd: &[&str]) -> ImageConfig {
        ImageConfig { entrypoint: strings(entry_point), cmd: strings(cmd), ..ImageConfig::default() }
    }

    /// The smallest file that passes for a program of `platform()`: a header alone.
    fn put_program(root: &Path, path: &str) {
        let mut header = vec![0; 64];
        header[..8].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1, 1, 0]);
        (header[16], header[18], header[54]) = (2, 62, 56);
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, header).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn platform() -> Platform {
        Platform { os: "linux".into(), architecture: "amd64".into() }
    }

    fn plan_in(root: &Path, image: &ImageConfig, container: &StartContainer) -> Result<Launch, StartError> {
        plan(root, image, container, &[], &[], &platform())
    }

    #[test]
    fn entry_point_and_command_combine_as_docker_does() {
        let from_image = image(&["/server"], &["--quiet"]);
        let said =
            |entry_point: &[&str], command: &[&str]| arguments(&from_image, &container(entry_point, command));
        assert_eq!(said(&[], &[]), ["/server", "--quiet"]);
        assert_eq!(said(&[], &["--loud"]), ["/server", "--loud"]);
        assert_eq!(said(&["/other"], &[]), ["/other"]);
        assert_eq!(said(&["/other"], &["--loud"]), ["/other", "--loud"]);
    }

    #[test]
    fn stronger_environments_win() {
        let root = tempfile::tempdir().unwrap();
        put_program(root.path(), "server");
        let mut from_image = image(&["/server"], &[]);
        from_image.env = pairs(&[("A", "image"), ("B", "image"), ("C", "image"), ("D", "image")]);
        let mut definition = container(&[], &[]);
        definition.environment = pairs(&[("C", "definition"), ("D", "definition")]);
        let given = pairs(&[("B", "place"), ("C", "place")]);
        let injected = pairs(&[("D", "injected")]);
        let launch = plan(root.path(), &from_image, &definition, &given, &injected, &platform()).unwrap();
        let expected = [("A", "image"), ("B", "place"), ("C", "definition"), ("D", "injected")];
        assert_eq!(launch.environment[1..], pairs(&expected));
        assert_eq!(launch.environment[0], ("PATH".to_owned(), DEFAULT_PATH.to_owned()));
    }

    #[test]
    fn programs_are_found_inside_the_image_only() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        put_program(root, "opt/tool");
        put_program(root, "srv/app/run");
        symlink("/opt/tool", root.join("entry")).unwrap();
        let mut with_path = image(&["tool"], &[]);
        with_path.env = pairs(&[("PATH", "/nowhere:/opt")]);
        assert_eq!(plan_in(root, &with_path, &container(&[], &[])).unwrap().program, root.join("opt/tool"));
        let linked = plan_in(root, &image(&["/entry"], &[]), &container(&[], &[])).unwrap();
        assert_eq!((linked.program, linked.arguments), (root.join("opt/tool"), strings(&["/entry"])));

        let mut relative = image(&["./run"], &[]);
        relative.working_dir = Some("/srv/app".into());
        let launch = plan_in(root, &relative, &container(&[], &[])).unwrap();
        assert_eq!(launch.program, root.join("srv/app/run"));
        assert_eq!(launch.working_directory, root.join("srv/app"));

        // Both exist on this machine, not in the image.
        for program in ["/bin/sh", "sh"] {
            let error = plan_in(root, &image(&[program], &[]), &container(&[], &[])).unwrap_err();
            assert!(matches!(error, StartError::NotFound { .. }), "{error}");
        }
    }

    #[test]
    fn a_working_directory_that_is_not_there_is_made_inside() {
        let root = tempfile::tempdir().unwrap();
        put_program(root.path(), "server");
        let mut elsewhere = container(&[], &[]);
        elsewhere.working_directory = Some("../../data".into());
        let launch = plan_in(root.path(), &image(&["/server"], &[]), &elsewhere).unwrap();
        assert_eq!(launch.working_directory, root.path().join("data"));
        assert!(root.path().join("data").is_dir());
    }

    #[test]
    fn what_cannot_run_is_refused_with_what_would_run_it() {
        let root = tempfile::tempdir().unwrap();
        let script = root.path().join("start.sh");
        fs::write(&script, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        let error = plan_in(root.path(), &image(&["/start.sh"], &[]), &container(&[], &[])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "CannotStartContainerError: /start.sh is a script for /bin/sh. Tasks here are plain processes: a \
             statically linked program for linux/amd64 runs; an image like this one needs Docker or Fargate"
        );
        let error = plan_in(root.path(), &image(&[], &[]), &container(&[], &[])).unwrap_err();
        assert!(error.to_string().starts_with("CannotStartContainerError: no command specified"), "{error}");
    }
}
