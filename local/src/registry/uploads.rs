//! Bytes on their way in. A request's bytes count only once they have all come: an interrupted one leaves the
//! upload as it was, and only an upload whose digest is right becomes a blob.
//!
//! Hashing and writing happen on a thread of their own, a few pieces behind the network, so that a layer of any
//! size passes through with little memory and without holding up others.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::sync::{Arc, PoisonError};

use axum::body::{Body, Bytes};
use http_body_util::BodyExt;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;
use thiserror::Error;
use tokio::sync::{OwnedMutexGuard, mpsc};

use super::blobs::BlobStore;
use super::digest::Digest;

/// Its file goes when it goes.
#[derive(Debug)]
pub(super) struct Upload {
    repository: String,
    file: NamedTempFile,
    received_bytes: u64,
    hasher: Sha256,
}

/// What a request says about the bytes it brings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// Where they belong; without it, at the end.
    pub(crate) first_byte: Option<u64>,
    pub(crate) length: Option<u64>,
}

#[derive(Debug, Error)]
pub enum UploadError {
    #[error("there is no such upload in this repository")]
    Unknown,
    #[error("another request is writing to this upload")]
    Busy,
    #[error("the next byte must be number {received_bytes}, not {first_byte}")]
    OutOfOrder { received_bytes: u64, first_byte: u64 },
    #[error("{expected} bytes were announced, {came} came")]
    WrongLength { expected: u64, came: u64 },
    #[error("the bytes have the digest {actual}, not {stated}")]
    WrongDigest { stated: Digest, actual: Digest },
    #[error("the request broke off")]
    Interrupted(#[source] axum::Error),
    #[error("the blob store failed: {0}")]
    Store(#[from] io::Error),
}

enum Piece {
    Bytes(Bytes),
    /// Without it the request has broken off.
    End,
}

impl BlobStore {
    pub(crate) fn start_upload(&self, repository: &str) -> Result<String, UploadError> {
        let upload = Upload::new(self, repository)?;
        let name = upload.file.path().file_name().unwrap_or_default();
        let id = name.to_string_lossy().into_owned();
        let mut uploads = self.inner.uploads.lock().unwrap_or_else(PoisonError::into_inner);
        uploads.insert(id.clone(), Arc::new(tokio::sync::Mutex::new(upload)));
        Ok(id)
    }

    /// A whole blob in one request, or nothing.
    pub(crate) async fn take_whole(
        &self,
        repository: &str,
        chunk: Chunk,
        body: Body,
        stated: &Digest,
    ) -> Result<(), UploadError> {
        let upload = Arc::new(tokio::sync::Mutex::new(Upload::new(self, repository)?));
        let upload = receive(upload.lock_owned().await, chunk, body).await?;
        self.accept(&upload, stated)
    }

    /// How many bytes have come.
    pub(crate) fn received_bytes(&self, repository: &str, id: &str) -> Result<u64, UploadError> {
        Ok(self.claim(repository, id)?.received_bytes)
    }

    /// Adds the body to the upload; returns how many bytes have come altogether.
    pub(crate) async fn append(
        &self,
        repository: &str,
        id: &str,
        chunk: Chunk,
        body: Body,
    ) -> Result<u64, UploadError> {
        let upload = self.claim(repository, id)?;
        Ok(receive(upload, chunk, body).await?.received_bytes)
    }

    /// Adds the last bytes, if any, and makes the upload a blob of the repository if the digest is right. An
    /// upload with a wrong one is over.
    pub(crate) async fn finish(
        &self,
        repository: &str,
        id: &str,
        chunk: Chunk,
        body: Body,
        stated: &Digest,
    ) -> Result<(), UploadError> {
        let upload = self.claim(repository, id)?;
        let upload = receive(upload, chunk, body).await?;
        self.forget_upload(id);
        self.accept(&upload, stated)
    }

    pub(crate) fn cancel_upload(&self, repository: &str, id: &str) -> Result<(), UploadError> {
        let _idle = self.claim(repository, id)?;
        self.forget_upload(id);
        Ok(())
    }

    fn accept(&self, upload: &Upload, stated: &Digest) -> Result<(), UploadError> {
        let actual = Digest::finish(upload.hasher.clone());
        if actual != *stated {
            return Err(UploadError::WrongDigest { stated: stated.clone(), actual });
        }
        let settled = self.settle();
        settled.admit(&upload.repository, stated, upload.file.path())?;
        Ok(())
    }

    fn claim(&self, repository: &str, id: &str) -> Result<OwnedMutexGuard<Upload>, UploadError> {
        let uploads = self.inner.uploads.lock().unwrap_or_else(PoisonError::into_inner);
        let upload = uploads.get(id).cloned().ok_or(UploadError::Unknown)?;
        let upload = upload.try_lock_owned().map_err(|_| UploadError::Busy)?;
        if upload.repository == repository { Ok(upload) } else { Err(UploadError::Unknown) }
    }

    fn forget_upload(&self, id: &str) {
        let mut uploads = self.inner.uploads.lock().unwrap_or_else(PoisonError::into_inner);
        uploads.remove(id);
    }
}

impl Upload {
    fn new(store: &BlobStore, repository: &str) -> io::Result<Upload> {
        let file = tempfile::Builder::new().prefix("").rand_bytes(32).tempfile_in(store.uploads_folder())?;
        Ok(Upload { repository: repository.to_owned(), file, received_bytes: 0, hasher: Sha256::new() })
    }
}

/// The upload stays claimed until the writing thread is done with it, even if the request is gone by then.
async fn receive(
    upload: OwnedMutexGuard<Upload>,
    chunk: Chunk,
    mut body: Body,
) -> Result<OwnedMutexGuard<Upload>, UploadError> {
    let received_bytes = upload.received_bytes;
    if let Some(first_byte) = chunk.first_byte.filter(|first| *first != received_bytes) {
        return Err(UploadError::OutOfOrder { received_bytes, first_byte });
    }
    let (pieces, incoming) = mpsc::channel(8);
    let writer = tokio::task::spawn_blocking(move || write(upload, incoming, chunk.length));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(UploadError::Interrupted)?;
        if let Ok(bytes) = frame.into_data()
            && pieces.send(Piece::Bytes(bytes)).await.is_err()
        {
            break; // The writer has given up and says why.
        }
    }
    let _ = pieces.send(Piece::End).await;
    drop(pieces);
    writer.await.map_err(io::Error::other)?
}

fn write(
    mut upload: OwnedMutexGuard<Upload>,
    mut incoming: mpsc::Receiver<Piece>,
    announced_bytes: Option<u64>,
) -> Result<OwnedMutexGuard<Upload>, UploadError> {
    let mut hasher = upload.hasher.clone();
    let start = upload.received_bytes;
    let mut came = 0;
    let file: &mut File = upload.file.as_file_mut();
    // An interrupted request may have left bytes here that do not count.
    file.set_len(start)?;
    file.seek(SeekFrom::Start(start))?;
    loop {
        match incoming.blocking_recv() {
            Some(Piece::Bytes(bytes)) => {
                file.write_all(&bytes)?;
                hasher.update(&bytes);
                came += bytes.len() as u64;
            }
            Some(Piece::End) => break,
            None => return Err(UploadError::Store(io::ErrorKind::UnexpectedEof.into())),
        }
    }
    match announced_bytes {
        Some(expected) if expected != came => return Err(UploadError::WrongLength { expected, came }),
        _ => {}
    }
    upload.received_bytes = start + came;
    upload.hasher = hasher;
    Ok(upload)
}
