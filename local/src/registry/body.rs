//! A part of a file as the body of an answer, read while it is sent.

use std::io::{self, SeekFrom};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use hyper::body::{Frame, SizeHint};
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncSeekExt, ReadBuf};

const PIECE_BYTES: usize = 64 << 10;

/// `length` bytes from `first_byte` on.
pub(super) async fn of_file(path: &Path, first_byte: u64, length: u64) -> io::Result<Body> {
    let mut file = File::open(path).await?;
    if first_byte > 0 {
        file.seek(SeekFrom::Start(first_byte)).await?;
    }
    Ok(Body::new(FilePart { file, remaining_bytes: length, buffer: vec![0; PIECE_BYTES] }))
}

struct FilePart {
    file: File,
    remaining_bytes: u64,
    buffer: Vec<u8>,
}

impl hyper::body::Body for FilePart {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let part = self.get_mut();
        if part.remaining_bytes == 0 {
            return Poll::Ready(None);
        }
        let wanted = PIECE_BYTES.min(usize::try_from(part.remaining_bytes).unwrap_or(usize::MAX));
        let mut buffer = ReadBuf::new(&mut part.buffer[..wanted]);
        let read = ready!(Pin::new(&mut part.file).poll_read(context, &mut buffer));
        let piece = Bytes::copy_from_slice(buffer.filled());
        Poll::Ready(Some(match read {
            Err(error) => Err(error),
            Ok(()) if piece.is_empty() => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(()) => {
                part.remaining_bytes -= piece.len() as u64;
                Ok(Frame::data(piece))
            }
        }))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining_bytes)
    }
}
