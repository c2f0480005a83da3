//! What CloudFormation is told. It takes 4 KB in all; the reason is what gives way.

use pushboat::live_image::Live;
use serde_json::{Map, Value, json};

use crate::request::Request;

const LONGEST_BODY_BYTES: usize = 4_096;

/// The image, and the id of the resource that it makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) live: Live,
    pub(crate) id: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: &'static str,
    pub(crate) reason: String,
    pub(crate) image: Option<String>,
    pub(crate) physical_resource_id: String,
    pub(crate) body: String,
}

impl Answer {
    /// `None`: nothing was asked, as for a deletion.
    pub(crate) fn new(request: &Request, found: Result<Option<Found>, String>) -> Answer {
        let (status, reason, id, image) = match found {
            Ok(Some(Found { live, id })) => ("SUCCESS", live.why, id, Some(live.image)),
            Ok(None) => ("SUCCESS", "there is nothing to delete".to_owned(), request.fallback_id(), None),
            Err(reason) => ("FAILED", reason, request.fallback_id(), None),
        };
        let answer = Answer { status, reason, image, physical_resource_id: id, body: String::new() };
        if answer.image.is_some() && answer.written(request, "").len() > LONGEST_BODY_BYTES {
            return Answer::new(request, Err("the image's name is too long to be answered".to_owned()));
        }
        let mut reason = answer.reason.clone();
        let mut body = answer.written(request, &reason);
        while body.len() > LONGEST_BODY_BYTES && !reason.is_empty() {
            reason = reason.chars().take(reason.chars().count() * 3 / 4).collect();
            body = answer.written(request, &reason);
        }
        Answer { reason, body, ..answer }
    }

    fn written(&self, request: &Request, reason: &str) -> String {
        let mut data = Map::new();
        if let Some(image) = &self.image {
            data.insert("Image".to_owned(), Value::from(image.as_str()));
        }
        json!({
            "Status": self.status,
            "Reason": reason,
            "PhysicalResourceId": self.physical_resource_id,
            "StackId": request.stack_id,
            "RequestId": request.request_id,
            "LogicalResourceId": request.logical_resource_id,
            "Data": data,
        })
        .to_string()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::*;

    fn request() -> Request {
        let payload = json!({
            "RequestType": "Create", "ResponseURL": "http://127.0.0.1/", "StackId": "arn:stack", "RequestId": "r",
            "LogicalResourceId": "Live",
        });
        Request::read(&payload).unwrap()
    }

    fn read(answer: &Answer) -> Value {
        assert!(answer.body.len() <= LONGEST_BODY_BYTES, "{} bytes", answer.body.len());
        serde_json::from_str(&answer.body).unwrap()
    }

    #[test]
    fn an_image_goes_back_with_what_names_the_request() {
        let live = Live { image: "registry/game@sha256:0".into(), why: "it runs".into() };
        let answer = Answer::new(&request(), Ok(Some(Found { live, id: "c/game/web".into() })));
        assert_eq!(
            read(&answer),
            json!({
                "Status": "SUCCESS", "Reason": "it runs", "PhysicalResourceId": "c/game/web",
                "StackId": "arn:stack", "RequestId": "r", "LogicalResourceId": "Live",
                "Data": {"Image": "registry/game@sha256:0"},
            })
        );
    }

    #[test]
    fn four_kilobytes_are_never_exceeded() {
        // Each quote is two bytes on the way.
        for reason in ["x".repeat(20_000), "\"".repeat(20_000), "ü".repeat(20_000)] {
            let answer = Answer::new(&request(), Err(reason));
            let written = read(&answer);
            assert_eq!(written["Status"], "FAILED");
            assert!(written["Reason"].as_str().unwrap().len() > 1_000);
        }
        let live = Live { image: "x".repeat(5_000), why: "it runs".into() };
        let written = read(&Answer::new(&request(), Ok(Some(Found { live, id: "c/game/web".into() }))));
        assert_eq!((&written["Status"], &written["Data"]), (&json!("FAILED"), &json!({})));
    }

    proptest! {
        #[test]
        fn whatever_is_said_fits(text in ".{0,6000}", fails in any::<bool>()) {
            let found = match fails {
                true => Err(text),
                false => Ok(Some(Found { live: Live { image: "i".into(), why: text }, id: "c/game/web".into() })),
            };
            let answer = Answer::new(&request(), found);
            prop_assert_eq!(read(&answer)["Status"] == "FAILED", fails);
        }
    }
}
