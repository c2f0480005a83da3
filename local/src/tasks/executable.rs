//! Can this machine run that file without a container around it? Read from the file's own header. Only what needs
//! nothing but the kernel can: a static program for this machine and system.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use thiserror::Error;

use crate::registry::Platform;

const PROGRAM_INTERPRETER: u32 = 3;
const LONGEST_NAME: u64 = 4_096;
/// Far more than any program has; a header that says more is not to be believed.
const MOST_PROGRAM_HEADERS: u64 = 1_024;

/// Why a file cannot be run, as the rest of the sentence that begins with its name.
#[derive(Debug, Error)]
pub(super) enum NotRunnable {
    #[error("is not executable: permission denied")]
    Permission,
    #[error("is a script for {0}")]
    Script(String),
    #[error("is linked dynamically and asks for {0} of its own image")]
    Dynamic(String),
    #[error("is a program for {0}")]
    OtherMachine(String),
    #[error("is not a program")]
    NotAProgram,
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
}

/// What this process runs on, in the words of images.
pub(super) fn host() -> Platform {
    let name = |name: &'static str| match name {
        "macos" => "darwin",
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    Platform {
        os: name(std::env::consts::OS).to_owned(),
        architecture: name(std::env::consts::ARCH).to_owned(),
    }
}

pub(super) fn check(path: &Path, host: &Platform) -> Result<(), NotRunnable> {
    let mut file = File::open(path)?;
    if file.metadata()?.permissions().mode() & 0o111 == 0 {
        return Err(NotRunnable::Permission);
    }
    inspect(&mut file, host)
}

fn inspect(file: &mut (impl Read + Seek), host: &Platform) -> Result<(), NotRunnable> {
    let mut start = Vec::new();
    file.by_ref().take(256).read_to_end(&mut start)?;
    match start.as_slice() {
        [0x7f, b'E', b'L', b'F', ..] => inspect_elf(&start, file, host),
        [0xcf, 0xfa, 0xed, 0xfe, ..] => inspect_mach_o(&start, host),
        [b'#', b'!', line @ ..] => {
            let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
            Err(NotRunnable::Script(String::from_utf8_lossy(line).trim().to_owned()))
        }
        _ => Err(NotRunnable::NotAProgram),
    }
}

/// The fields of an ELF header that matter here, little-endian and 64 bits wide.
fn inspect_elf(start: &[u8], file: &mut (impl Read + Seek), host: &Platform) -> Result<(), NotRunnable> {
    let Some(header) = start.get(..64) else {
        return Err(NotRunnable::NotAProgram);
    };
    let (class, order, abi) = (header[4], header[5], header[7]);
    let kind = u16_at(header, 16);
    let machine = if order == 1 { u16_at(header, 18) } else { u16_at(header, 18).swap_bytes() };
    let platform = format!("{}/{}", system_of(abi), architecture_of(machine, class, order));
    if platform != format!("{}/{}", host.os, host.architecture) {
        return Err(NotRunnable::OtherMachine(platform));
    }
    // 2: at a fixed address, 3: anywhere (static programs may be either).
    if !(kind == 2 || kind == 3) {
        return Err(NotRunnable::NotAProgram);
    }
    let (table, size, count) =
        (u64_at(header, 32), u64::from(u16_at(header, 54)), u64::from(u16_at(header, 56)));
    if size < 56 || count > MOST_PROGRAM_HEADERS {
        return Err(NotRunnable::NotAProgram);
    }
    for index in 0..count {
        let mut program_header = [0; 56];
        let at = table.checked_add(index * size).ok_or(NotRunnable::NotAProgram)?;
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut program_header)?;
        if u32_at(&program_header, 0) == PROGRAM_INTERPRETER {
            let mut name = Vec::new();
            file.seek(SeekFrom::Start(u64_at(&program_header, 8)))?;
            let length = u64_at(&program_header, 32).min(LONGEST_NAME);
            file.take(length).read_to_end(&mut name)?;
            let name = String::from_utf8_lossy(&name);
            return Err(NotRunnable::Dynamic(name.trim_end_matches('\0').to_owned()));
        }
    }
    Ok(())
}

/// macOS has no static programs: what an image for it holds links with the system, which is this machine's.
fn inspect_mach_o(start: &[u8], host: &Platform) -> Result<(), NotRunnable> {
    let Some(header) = start.get(..32) else {
        return Err(NotRunnable::NotAProgram);
    };
    let architecture = match u32_at(header, 4) {
        0x0100_0007 => "amd64",
        0x0100_000c => "arm64",
        _ => "another machine",
    };
    if host.os == "darwin" && host.architecture == architecture {
        Ok(())
    } else {
        Err(NotRunnable::OtherMachine(format!("darwin/{architecture}")))
    }
}

/// Linux programs mostly do not say that they are.
fn system_of(abi: u8) -> &'static str {
    match abi {
        0 | 3 => "linux",
        9 => "freebsd",
        _ => "another system",
    }
}

fn architecture_of(machine: u16, class: u8, order: u8) -> String {
    let name = match (machine, class, order) {
        (3, 1, 1) => "386",
        (40, 1, 1) => "arm",
        (62, 2, 1) => "amd64",
        (183, 2, 1) => "arm64",
        (243, 2, 1) => "riscv64",
        (258, 2, 1) => "loongarch64",
        (21, 2, 1) => "ppc64le",
        (22, 2, 2) => "s390x",
        _ => return format!("machine {machine}"),
    };
    name.to_owned()
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn platform(os: &str, architecture: &str) -> Platform {
        Platform { os: os.to_owned(), architecture: architecture.to_owned() }
    }

    /// A 64-bit little-endian ELF with the given program header types, each naming the bytes at the end.
    fn elf(machine: u16, kind: u16, program_headers: &[u32]) -> Vec<u8> {
        let loader = b"/lib64/ld-linux-x86-64.so.2\0";
        let mut bytes = vec![0; 64];
        bytes[..8].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1, 1, 0]);
        bytes[16..18].copy_from_slice(&kind.to_le_bytes());
        bytes[18..20].copy_from_slice(&machine.to_le_bytes());
        bytes[32..40].copy_from_slice(&64_u64.to_le_bytes());
        bytes[54..56].copy_from_slice(&56_u16.to_le_bytes());
        bytes[56..58].copy_from_slice(&(program_headers.len() as u16).to_le_bytes());
        let end = 64 + 56 * program_headers.len() as u64;
        for kind in program_headers {
            let mut header = [0; 56];
            header[..4].copy_from_slice(&kind.to_le_bytes());
            header[8..16].copy_from_slice(&end.to_le_bytes());
            header[32..40].copy_from_slice(&(loader.len() as u64).to_le_bytes());
            bytes.extend(header);
        }
        bytes.extend(loader);
        bytes
    }

    fn verdict(bytes: &[u8]) -> String {
        match inspect(&mut Cursor::new(bytes), &platform("linux", "amd64")) {
            Ok(()) => "runs".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn static_programs_run_wherever_they_are_loaded() {
        assert_eq!(verdict(&elf(62, 2, &[1, 1])), "runs");
        assert_eq!(verdict(&elf(62, 3, &[1, 2, 1])), "runs");
    }

    #[test]
    fn a_dynamic_program_is_known_by_its_loader() {
        let expected = "is linked dynamically and asks for /lib64/ld-linux-x86-64.so.2 of its own image";
        assert_eq!(verdict(&elf(62, 3, &[6, 3, 1])), expected);
    }

    #[test]
    fn programs_for_other_machines_and_systems_are_named() {
        assert_eq!(verdict(&elf(183, 2, &[1])), "is a program for linux/arm64");
        assert_eq!(verdict(&elf(9_999, 2, &[1])), "is a program for linux/machine 9999");
        let mut freebsd = elf(62, 2, &[1]);
        freebsd[7] = 9;
        assert_eq!(verdict(&freebsd), "is a program for freebsd/amd64");
        let mut narrow = elf(3, 2, &[1]);
        narrow[4] = 1;
        assert_eq!(verdict(&narrow), "is a program for linux/386");
        let mut wide = elf(22_u16.swap_bytes(), 2, &[1]);
        wide[5] = 2;
        assert_eq!(verdict(&wide), "is a program for linux/s390x");
    }

    #[test]
    fn scripts_and_other_files_are_not_programs() {
        assert_eq!(verdict(b"#!/bin/sh -e\nexit 0\n"), "is a script for /bin/sh -e");
        assert_eq!(verdict(b"hello"), "is not a program");
        assert_eq!(verdict(b""), "is not a program");
        assert_eq!(verdict(b"\x7fELF"), "is not a program");
        assert_eq!(verdict(&elf(62, 1, &[1])), "is not a program", "an object file");
        let mut torn = elf(62, 2, &[1]);
        torn.truncate(80);
        assert!(verdict(&torn).starts_with("cannot be read"), "{}", verdict(&torn));
        let mut far = elf(62, 2, &[1, 1]);
        far[32..40].copy_from_slice(&u64::MAX.to_le_bytes());
        assert_ne!(verdict(&far), "runs");
    }

    #[test]
    fn on_a_mac_its_own_programs_run() {
        let mut program = vec![0; 32];
        program[..8].copy_from_slice(&[0xcf, 0xfa, 0xed, 0xfe, 0x0c, 0, 0, 1]);
        let mac = platform("darwin", "arm64");
        assert!(inspect(&mut Cursor::new(&program), &mac).is_ok());
        assert_eq!(verdict(&program), "is a program for darwin/arm64");
        assert!(inspect(&mut Cursor::new(elf(183, 2, &[1])), &mac).is_err());
    }
}
