//! The JSON itself, past the SDK's types.
//!
//! A typed copy of a task definition would silently drop every member newer than the SDK this was built with. So
//! the body of DescribeTaskDefinition is read as it came, and the body of RegisterTaskDefinition is written as it
//! should go, by interceptors; signing, retries and errors stay the SDK's.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_ecs::config::interceptors::{
    AfterDeserializationInterceptorContextRef, BeforeDeserializationInterceptorContextRef,
    BeforeTransmitInterceptorContextMut,
};
use aws_sdk_ecs::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_ecs::error::BoxError;
use aws_smithy_types::body::SdkBody;
use pushboat::Timestamp;
use serde_json::{Map, Value};

/// Remembers the `Date` of the latest answer of any service.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clock(Arc<Mutex<Option<Timestamp>>>);

impl Clock {
    pub(crate) fn now(&self) -> Option<Timestamp> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Intercept for Clock {
    fn name(&self) -> &'static str {
        "Clock"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        if let Some(date) = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok()) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(date.timestamp());
        }
        Ok(())
    }
}

/// Keeps the body of an answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReadBody(Arc<Mutex<Option<Vec<u8>>>>);

impl ReadBody {
    /// The answer as a JSON object, if that is what came.
    pub(crate) fn object(&self) -> Option<Map<String, Value>> {
        let body = self.0.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        serde_json::from_slice(&body).ok()
    }
}

impl Intercept for ReadBody {
    fn name(&self) -> &'static str {
        "ReadBody"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response().body().bytes().map(<[u8]>::to_vec);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = body;
        Ok(())
    }
}

/// Sends this body in place of the one that the SDK's types made.
#[derive(Debug, Clone)]
pub(crate) struct WriteBody(Vec<u8>);

impl WriteBody {
    pub(crate) fn new(document: &Map<String, Value>) -> Result<WriteBody, serde_json::Error> {
        serde_json::to_vec(document).map(WriteBody)
    }
}

impl Intercept for WriteBody {
    fn name(&self) -> &'static str {
        "WriteBody"
    }

    fn modify_before_retry_loop(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        request.headers_mut().insert("content-length", self.0.len().to_string());
        *request.body_mut() = SdkBody::from(self.0.clone());
        Ok(())
    }
}
