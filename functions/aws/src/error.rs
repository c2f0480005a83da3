//! Which trouble an SDK error is. ECS models no throttling, so the code decides, not the type.

use std::error::Error as StdError;

use aws_sdk_ecs::config::http::HttpResponse;
use aws_sdk_ecs::error::{ProvideErrorMetadata, SdkError};
use pushboat::cloud::{CloudError, Trouble};

pub(crate) fn trouble<E>(
    operation: &'static str,
    subject: &str,
    error: SdkError<E, HttpResponse>,
) -> CloudError
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let (trouble, message) = match &error {
        SdkError::ServiceError(answer) => {
            let code = answer.err().code().unwrap_or("an error without a code");
            let words = answer.err().message().unwrap_or("without a message");
            (kind(code, answer.raw().status().as_u16()), format!("{code}: {words}"))
        }
        SdkError::TimeoutError(_) => (Trouble::Unavailable, "no answer in time".to_owned()),
        SdkError::DispatchFailure(failure) => {
            let cause = failure.as_connector_error().map(|error| chain(error));
            (Trouble::Unavailable, cause.unwrap_or_else(|| "the request could not be sent".to_owned()))
        }
        SdkError::ResponseError(_) => (Trouble::Unavailable, "the answer could not be read".to_owned()),
        other => (Trouble::Refused, chain(other)),
    };
    CloudError { operation, subject: subject.to_owned(), trouble, message, source: Some(Box::new(error)) }
}

/// An answer of the right status that lacks what it must have.
pub(crate) fn incomplete(operation: &'static str, subject: &str, what: &str) -> CloudError {
    CloudError {
        operation,
        subject: subject.to_owned(),
        trouble: Trouble::Unavailable,
        message: format!("the answer has no {what}"),
        source: None,
    }
}

fn kind(code: &str, status: u16) -> Trouble {
    let code = code.rsplit('#').next().unwrap_or(code);
    if code.starts_with("Throttling") || matches!(code, "TooManyRequestsException" | "RequestLimitExceeded") {
        Trouble::Throttled
    } else if status >= 500 || matches!(code, "ServerException" | "InternalServerError" | "RequestTimeout") {
        Trouble::Unavailable
    } else if code.ends_with("NotFoundException") || code.ends_with("NotFound") {
        Trouble::NotFound
    } else {
        Trouble::Refused
    }
}

/// An error and all that caused it, in one line.
pub(crate) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words.push_str(": ");
        words.push_str(&cause.to_string());
        source = cause.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_says_whether_another_try_helps() {
        for (code, status, expected) in [
            ("ThrottlingException", 400, Trouble::Throttled),
            ("Throttling", 400, Trouble::Throttled),
            ("TooManyRequestsException", 429, Trouble::Throttled),
            ("ServerException", 500, Trouble::Unavailable),
            ("com.amazonaws.ecs#ServerException", 400, Trouble::Unavailable),
            ("Whatever", 503, Trouble::Unavailable),
            ("ServiceNotFoundException", 400, Trouble::NotFound),
            ("TargetGroupNotFound", 400, Trouble::NotFound),
            ("ClientException", 400, Trouble::Refused),
            ("LimitExceededException", 400, Trouble::Refused),
            ("AccessDeniedException", 400, Trouble::Refused),
        ] {
            assert_eq!(kind(code, status), expected, "{code} {status}");
        }
    }
}
