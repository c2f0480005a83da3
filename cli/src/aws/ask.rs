//! One question to AWS, in JSON, as a form, or as a path; put again where it is put off; and what a refusal says.

use std::fmt;
use std::time::Duration;

use hyper::{Method, StatusCode};
use serde_json::Value;

use super::account::Account;
use super::xml;
use crate::api::{Answer, Raw, Trouble, send};

/// Of a question that is put off.
const TRIES: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Of AWS's words, which may name every policy there is.
const MOST_WORDS: usize = 240;

/// How a service is asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Service {
    /// What is signed for.
    pub(super) name: &'static str,
    /// In its address.
    pub(super) host: &'static str,
    /// Before the operation in `X-Amz-Target`, or the version of a form.
    pub(super) dialect: &'static str,
    /// One for all regions of a partition.
    pub(super) is_global: bool,
}

const fn regional(name: &'static str, host: &'static str, dialect: &'static str) -> Service {
    Service { name, host, dialect, is_global: false }
}

pub(super) const ECS: Service = regional("ecs", "ecs", "AmazonEC2ContainerServiceV20141113");
pub(super) const LOGS: Service = regional("logs", "logs", "Logs_20140328");
pub(super) const EVENTS: Service = regional("events", "events", "AWSEvents");
pub(super) const SECRETS: Service = regional("secretsmanager", "secretsmanager", "secretsmanager");
pub(super) const SSM: Service = regional("ssm", "ssm", "AmazonSSM");
pub(super) const SQS: Service = regional("sqs", "sqs", "AmazonSQS");
pub(super) const SCALING: Service =
    regional("application-autoscaling", "application-autoscaling", "AnyScaleFrontendService");
pub(super) const STS: Service = regional("sts", "sts", "2011-06-15");
pub(super) const EC2: Service = regional("ec2", "ec2", "2016-11-15");
pub(super) const ELBV2: Service = regional("elasticloadbalancing", "elasticloadbalancing", "2015-12-01");
pub(super) const CLOUDFORMATION: Service = regional("cloudformation", "cloudformation", "2010-05-15");
pub(super) const CLOUDWATCH: Service = regional("monitoring", "monitoring", "2010-08-01");
pub(super) const LAMBDA: Service = regional("lambda", "lambda", "");
pub(super) const IAM: Service = Service { name: "iam", host: "iam", dialect: "2010-05-08", is_global: true };

/// AWS understood and said no, or nobody answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) operation: String,
    /// Empty where it is not AWS that speaks.
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) status: u16,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = if self.code.is_empty() { String::new() } else { format!("{}: ", self.code) };
        write!(f, "{}: {code}{}", self.operation, self.message)
    }
}

impl Account {
    /// In JSON, with the operation in a header.
    pub(super) async fn json(
        &self,
        service: Service,
        operation: &str,
        body: &Value,
    ) -> Result<Value, Refusal> {
        let version = if service.name == SQS.name {
            "application/x-amz-json-1.0"
        } else {
            "application/x-amz-json-1.1"
        };
        let raw = Raw {
            method: Method::POST,
            url: format!("{}/", self.endpoint(service)),
            content_type: Some(version),
            headers: vec![("x-amz-target", format!("{}.{operation}", service.dialect))],
            body: body.to_string().into_bytes(),
        };
        let answer = self.asked(service, operation, &raw).await?;
        read_json(operation, &answer)
    }

    /// As a form, with the answer in XML: what stands in `<operation>Result`, or in the answer itself.
    pub(super) async fn query(
        &self,
        service: Service,
        operation: &str,
        members: &[(&str, &str)],
    ) -> Result<Value, Refusal> {
        let mut form = format!("Action={operation}&Version={}", service.dialect);
        for (name, value) in members {
            form.push_str(&format!("&{name}={}", encoded(value)));
        }
        let raw = Raw {
            method: Method::POST,
            url: format!("{}/", self.endpoint(service)),
            content_type: Some("application/x-www-form-urlencoded; charset=utf-8"),
            headers: Vec::new(),
            body: form.into_bytes(),
        };
        let answer = self.asked(service, operation, &raw).await?;
        let text = String::from_utf8_lossy(&answer.body);
        let mut tree = xml::read(&text).map_err(|why| strange(operation, &answer, &why))?;
        let result = tree.get_mut(format!("{operation}Result")).map(Value::take);
        Ok(result.unwrap_or(tree))
    }

    /// Reads what stands at a path.
    pub(super) async fn get(&self, service: Service, operation: &str, path: &str) -> Result<Value, Refusal> {
        let url = format!("{}{path}", self.endpoint(service));
        let raw = Raw { method: Method::GET, url, content_type: None, headers: Vec::new(), body: Vec::new() };
        let answer = self.asked(service, operation, &raw).await?;
        read_json(operation, &answer)
    }

    async fn asked(&self, service: Service, operation: &str, raw: &Raw) -> Result<Answer, Refusal> {
        let mut pause = FIRST_PAUSE;
        for attempt in 1.. {
            let answer = self.once(service, raw).await.map_err(|trouble| Refusal {
                operation: operation.to_owned(),
                code: String::new(),
                message: in_full(&trouble),
                status: 0,
            })?;
            if answer.status.is_success() {
                return Ok(answer);
            }
            let refusal = refusal(operation, &answer);
            if attempt == TRIES || !is_put_off(&refusal) {
                return Err(refusal);
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        Err(Refusal {
            operation: operation.to_owned(),
            code: String::new(),
            message: String::new(),
            status: 0,
        })
    }

    async fn once(&self, service: Service, raw: &Raw) -> Result<Answer, Trouble> {
        let request = self.signer.signed(raw, service.name, &self.signing_region(service)).await?;
        let answer = send(&self.http, request, raw, self.verbose).await?;
        self.keep_date(&answer.headers);
        Ok(answer)
    }
}

fn in_full(trouble: &Trouble) -> String {
    let mut words = trouble.to_string();
    let mut source = std::error::Error::source(trouble);
    while let Some(inner) = source {
        words.push_str(&format!(": {inner}"));
        source = inner.source();
    }
    words
}

fn is_put_off(refusal: &Refusal) -> bool {
    let is_throttled = ["Throttl", "TooManyRequests", "RequestLimitExceeded", "SlowDown", "RequestThrottled"]
        .iter()
        .any(|it| refusal.code.contains(it) || refusal.message.starts_with("Rate exceeded"));
    is_throttled || matches!(refusal.status, 429 | 500 | 502..=504)
}

fn read_json(operation: &str, answer: &Answer) -> Result<Value, Refusal> {
    match answer.body.is_empty() {
        true => Ok(Value::Null),
        false => {
            serde_json::from_slice(&answer.body).map_err(|_| strange(operation, answer, "it sent no JSON"))
        }
    }
}

fn strange(operation: &str, answer: &Answer, why: &str) -> Refusal {
    let message = format!("its answer cannot be read: {why}");
    Refusal { operation: operation.to_owned(), code: String::new(), message, status: answer.status.as_u16() }
}

/// In whichever of its shapes.
fn refusal(operation: &str, answer: &Answer) -> Refusal {
    let text = String::from_utf8_lossy(&answer.body);
    let header = answer.headers.get("x-amzn-errortype").and_then(|it| it.to_str().ok()).unwrap_or_default();
    let (code, message) = match serde_json::from_slice::<Value>(&answer.body) {
        Ok(json) => {
            let said = |names: [&str; 2]| {
                names.iter().find_map(|it| json[*it].as_str()).unwrap_or_default().to_owned()
            };
            let kind = said(["__type", "code"]);
            (if kind.is_empty() { header.to_owned() } else { kind }, said(["message", "Message"]))
        }
        Err(_) => {
            let tree = xml::read(&text).unwrap_or_default();
            let error = [&["Error"][..], &["Errors", "Error"]].into_iter().map(|path| xml::at(&tree, path));
            let error = error.into_iter().find(|it| it.is_object()).cloned().unwrap_or_default();
            (xml::text(&error, "Code"), xml::text(&error, "Message"))
        }
    };
    // `com.amazonaws.ecs#ClusterNotFoundException`, `ResourceNotFoundException:http://…`
    let code = code.rsplit('#').next().unwrap_or_default().split(':').next().unwrap_or_default().to_owned();
    let message = if message.is_empty() { said_by(answer.status, &text) } else { shortened(&message) };
    Refusal { operation: operation.to_owned(), code, message, status: answer.status.as_u16() }
}

fn said_by(status: StatusCode, text: &str) -> String {
    shortened(&format!("status {status} {text}"))
}

fn shortened(words: &str) -> String {
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(MOST_WORDS) {
        Some((at, _)) => format!("{}…", &words[..at]),
        None => words,
    }
}

pub(crate) fn encoded(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hyper::header::HeaderMap;

    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        let body = Bytes::copy_from_slice(body.as_bytes());
        Answer { status: StatusCode::from_u16(status).unwrap(), headers: HeaderMap::new(), body }
    }

    #[test]
    fn a_refusal_is_read_in_each_of_its_shapes() {
        let lambda = {
            let mut answer = answer(404, r#"{"Type": "User", "Message": "Function not found: x"}"#);
            answer.headers.insert("x-amzn-errortype", "ResourceNotFoundException:http://a/".parse().unwrap());
            answer
        };
        for (answer, code, says) in [
            (
                answer(
                    400,
                    r#"{"__type": "com.amazonaws.ecs#ClusterNotFoundException", "message": "Cluster not found."}"#,
                ),
                "ClusterNotFoundException",
                "Cluster not found.",
            ),
            (lambda, "ResourceNotFoundException", "Function not found: x"),
            (
                answer(
                    404,
                    "<ErrorResponse xmlns='u'><Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>The role with \
                     name x cannot be found.</Message></Error><RequestId>1</RequestId></ErrorResponse>",
                ),
                "NoSuchEntity",
                "cannot be found",
            ),
            (
                answer(
                    400,
                    "<?xml version='1.0'?><Response><Errors><Error><Code>InvalidSubnetID.NotFound</Code><Message>The \
                     subnet ID 'x' does not exist</Message></Error></Errors><RequestID>1</RequestID></Response>",
                ),
                "InvalidSubnetID.NotFound",
                "does not exist",
            ),
            (answer(502, "<html>Bad Gateway"), "", "502 Bad Gateway"),
        ] {
            let refusal = refusal("Ask", &answer);
            assert_eq!(refusal.code, code);
            assert!(refusal.message.contains(says), "{refusal}");
        }
        assert!(is_put_off(&refusal(
            "Ask",
            &answer(400, r#"{"__type": "ThrottlingException", "message": "Rate exceeded"}"#)
        )));
        assert!(is_put_off(&refusal("Ask", &answer(503, ""))));
        assert!(!is_put_off(&refusal(
            "Ask",
            &answer(400, r#"{"__type": "AccessDeniedException", "message": "no"}"#)
        )));
        let long = format!(r#"{{"message": "{}"}}"#, "é".repeat(500));
        assert_eq!(refusal("Ask", &answer(400, &long)).message.chars().count(), MOST_WORDS + 1);
    }
}
