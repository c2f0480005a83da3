//! The game's static binary, built on first use: `FROM scratch` has no libc to lend.
//!
//! Where the musl target is installed it is taken, because it links without help from the system; elsewhere the GNU
//! target with its C runtime linked in. The build has a target folder of its own, so that neither disturbs the other.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

/// Where the game listens unless `PORT` says otherwise.
pub const PORT: u16 = 8080;

const PACKAGE: &str = "game-2048";
const PROFILE: &str = "game";

/// Builds what is not up to date, telling `progress` what cargo is doing, and returns the binary.
pub fn ensure_game_binary(progress: &mut dyn FnMut(&str)) -> Result<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    ensure!(
        workspace.join("game").join("Cargo.toml").is_file(),
        "the game's sources are no longer at {}; push an OCI layout instead",
        workspace.display()
    );
    let target = target()?;
    let folder = workspace.join("target").join("game-image");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .current_dir(&workspace)
        .args(["build", "--locked", "--package", PACKAGE, "--profile", PROFILE, "--target", &target])
        .arg("--target-dir")
        .arg(&folder)
        .env("CARGO_ENCODED_RUSTFLAGS", "-Ctarget-feature=+crt-static")
        .env("CARGO_TERM_COLOR", "never")
        .env_remove("RUSTFLAGS")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut building = command.spawn().context("cargo could not be started; is Rust installed?")?;
    let mut said = Vec::new();
    if let Some(stderr) = building.stderr.take() {
        for line in BufReader::new(stderr).lines().map_while(std::io::Result::ok) {
            progress(line.trim());
            said.push(line);
        }
    }
    if !building.wait()?.success() {
        bail!(
            "cargo build of {PACKAGE} for {target} failed:\n{}\nWhere the system has no static C library, \
             `rustup target add {}-unknown-linux-musl` brings one.",
            said.join("\n"),
            std::env::consts::ARCH
        );
    }
    let binary = folder.join(&target).join(PROFILE).join(PACKAGE);
    ensure!(binary.is_file(), "cargo built no {}", binary.display());
    Ok(binary)
}

/// This machine's target, as musl if its standard library is installed.
fn target() -> Result<String> {
    let architecture = std::env::consts::ARCH;
    ensure!(
        cfg!(target_os = "linux"),
        "tasks here are plain Linux processes; on {} push an OCI layout to AWS instead",
        std::env::consts::OS
    );
    let musl = format!("{architecture}-unknown-linux-musl");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let asked = Command::new(rustc).args(["--print", "target-libdir", "--target", &musl]).output();
    let library = asked.context("rustc could not be started; is Rust installed?")?.stdout;
    let installed = Path::new(String::from_utf8_lossy(&library).trim()).is_dir();
    Ok(if installed { musl } else { format!("{architecture}-unknown-linux-gnu") })
}
