//! A small HTTP client for registries on this machine.

use std::io::Read;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
use hyper::body::{Body, Frame, SizeHint};
use hyper::{Method, Request, StatusCode};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// What is read from a source at a time.
const CHUNK_BYTES: usize = 64 * 1024;

type AnyBody = UnsyncBoxBody<Bytes, std::io::Error>;

#[derive(Debug, Clone)]
pub(crate) struct Client(HyperClient<HttpConnector, AnyBody>);

#[derive(Debug)]
pub(crate) struct Answer {
    pub status: StatusCode,
    pub location: Option<String>,
    pub body: Bytes,
}

impl Client {
    pub(crate) fn new() -> Client {
        Client(HyperClient::builder(TokioExecutor::new()).build_http())
    }

    /// One request, its answer read whole.
    pub(crate) async fn send(
        &self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        body: Source,
    ) -> Result<Answer> {
        let mut request = Request::builder().method(method.clone()).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.boxed_unsync()).with_context(|| format!("{method} {url}"))?;
        let answer = self.0.request(request).await.with_context(|| format!("{method} {url}"))?;
        let location = answer.headers().get("location").and_then(|it| it.to_str().ok()).map(str::to_owned);
        let status = answer.status();
        let body = answer.into_body().collect().await.with_context(|| format!("{method} {url}"))?.to_bytes();
        Ok(Answer { status, location, body })
    }
}

/// A body that is read as it is sent, and tells how much went out.
pub(crate) struct Source {
    reader: Box<dyn Read + Send>,
    left: u64,
    sent: Option<Arc<dyn Fn(u64) + Send + Sync>>,
}

impl Source {
    pub(crate) fn empty() -> Source {
        Source::bytes(Vec::new())
    }

    pub(crate) fn bytes(bytes: Vec<u8>) -> Source {
        let left = bytes.len() as u64;
        Source { reader: Box::new(std::io::Cursor::new(bytes)), left, sent: None }
    }

    pub(crate) fn reader(
        reader: Box<dyn Read + Send>,
        length: u64,
        sent: Arc<dyn Fn(u64) + Send + Sync>,
    ) -> Source {
        Source { reader, left: length, sent: Some(sent) }
    }
}

impl Body for Source {
    type Data = Bytes;
    type Error = std::io::Error;

    /// Reads from memory or a local file: short enough to do in place.
    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut TaskContext<'_>,
    ) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let wanted = CHUNK_BYTES.min(usize::try_from(self.left).unwrap_or(CHUNK_BYTES));
        let mut chunk = vec![0; wanted];
        match self.reader.read(&mut chunk) {
            Ok(0) => Poll::Ready(Some(Err(std::io::ErrorKind::UnexpectedEof.into()))),
            Ok(read) => {
                chunk.truncate(read);
                self.left -= read as u64;
                if let Some(sent) = &self.sent {
                    sent(read as u64);
                }
                Poll::Ready(Some(Ok(Frame::data(chunk.into()))))
            }
            Err(error) => Poll::Ready(Some(Err(error))),
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
