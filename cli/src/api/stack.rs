//! The API's address from the outputs of a CloudFormation stack: one signed call of the query protocol.

use aws_smithy_xml::decode::{Document, ScopedDecoder, XmlDecodeError, try_data};
use hyper::Method;

use super::client::{Raw, https_client, send};
use super::keys::Signer;
use super::trouble::{NotAnswered, Trouble};

/// As `template.yaml` and `adopt.yaml` call it.
const OUTPUT: &str = "ApiAddress";

pub(super) async fn api_address(signer: &Signer, stack: &str, verbose: bool) -> Result<String, Trouble> {
    let url = endpoint(&signer.region, |name| std::env::var(name).ok().filter(|it| !it.is_empty()));
    let form = format!("Action=DescribeStacks&Version=2010-05-15&StackName={}", encoded(stack));
    let raw = Raw {
        method: Method::POST,
        url: format!("{url}/"),
        content_type: Some("application/x-www-form-urlencoded; charset=utf-8"),
        idempotency_key: None,
        body: form.into_bytes(),
    };
    let request = signer.signed(&raw, "cloudformation").await?;
    let answer = send(&https_client(&raw.url)?, request, &raw, verbose).await?;
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    if !answer.status.is_success() {
        let why = error_message(&text).unwrap_or_else(|| answer.status.to_string());
        return Err(match answer.status.as_u16() {
            400..=499 => Trouble::Stack { stack: stack.to_owned(), region: signer.region.clone(), why },
            _ => NotAnswered { url: raw.url, why }.into(),
        });
    }
    let outputs = outputs(&text).map_err(|error| NotAnswered { url: raw.url, why: error.to_string() })?;
    let found = outputs.into_iter().find(|(key, _)| key == OUTPUT);
    found.map(|(_, value)| value).ok_or_else(|| Trouble::Stack {
        stack: stack.to_owned(),
        region: signer.region.clone(),
        why: format!("it has no output {OUTPUT}"),
    })
}

fn endpoint(region: &str, environment: impl Fn(&str) -> Option<String>) -> String {
    let said = environment("AWS_ENDPOINT_URL_CLOUDFORMATION").or_else(|| environment("AWS_ENDPOINT_URL"));
    let said = said.map(|url| url.trim_end_matches('/').to_owned());
    let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    said.unwrap_or_else(|| format!("https://cloudformation.{region}.{suffix}"))
}

pub(crate) fn encoded(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

/// Key and value of each output of the only stack in the answer.
fn outputs(xml: &str) -> Result<Vec<(String, String)>, XmlDecodeError> {
    let mut document = Document::new(xml);
    let mut root = document.root_element()?;
    let mut found = Vec::new();
    let path = ["DescribeStacksResult", "Stacks", "member", "Outputs"];
    descend(&mut root, &path, &mut |outputs| {
        while let Some(mut member) = outputs.next_tag() {
            let (mut key, mut value) = (String::new(), String::new());
            while let Some(mut part) = member.next_tag() {
                match part.start_el().local() {
                    "OutputKey" => key = try_data(&mut part)?.into_owned(),
                    "OutputValue" => value = try_data(&mut part)?.into_owned(),
                    _ => {}
                }
            }
            found.push((key, value));
        }
        Ok(())
    })?;
    Ok(found)
}

fn error_message(xml: &str) -> Option<String> {
    let mut document = Document::new(xml);
    let mut root = document.root_element().ok()?;
    let mut message = None;
    let read = descend(&mut root, &["Error", "Message"], &mut |element| {
        message = Some(try_data(element)?.into_owned());
        Ok(())
    });
    read.ok()?;
    message
}

fn descend(
    element: &mut ScopedDecoder<'_, '_>,
    path: &[&str],
    then: &mut dyn FnMut(&mut ScopedDecoder<'_, '_>) -> Result<(), XmlDecodeError>,
) -> Result<(), XmlDecodeError> {
    let Some((first, rest)) = path.split_first() else { return then(element) };
    while let Some(mut child) = element.next_tag() {
        if child.start_el().local() == *first {
            descend(&mut child, rest, then)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_found_where_cloudformation_puts_them() {
        let xml = r#"<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">
            <DescribeStacksResult><Stacks><member><StackName>pushboat</StackName>
              <Parameters><member><ParameterKey>ApiAddress</ParameterKey><ParameterValue>no</ParameterValue></member></Parameters>
              <Outputs>
                <member><Description>a &amp; b</Description><OutputKey>Address</OutputKey><OutputValue>http://lb</OutputValue></member>
                <member><OutputValue>https://x.execute-api.eu-central-1.amazonaws.com</OutputValue><OutputKey>ApiAddress</OutputKey></member>
              </Outputs></member></Stacks></DescribeStacksResult>
            <ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></DescribeStacksResponse>"#;
        let found = outputs(xml).unwrap();
        let expected =
            [("Address", "http://lb"), ("ApiAddress", "https://x.execute-api.eu-central-1.amazonaws.com")];
        assert_eq!(found, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
        assert_eq!(outputs("<a/>").unwrap(), []);
        assert!(outputs("not found").is_err());
    }

    #[test]
    fn what_cloudformation_refuses_it_says_why() {
        let xml = "<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code>\
                   <Message>Stack with id x does not exist</Message></Error></ErrorResponse>";
        assert_eq!(error_message(xml).as_deref(), Some("Stack with id x does not exist"));
        assert_eq!(error_message("Bad Gateway"), None);
    }

    #[test]
    fn each_region_has_its_endpoint() {
        assert_eq!(endpoint("eu-west-1", |_| None), "https://cloudformation.eu-west-1.amazonaws.com");
        assert_eq!(endpoint("cn-north-1", |_| None), "https://cloudformation.cn-north-1.amazonaws.com.cn");
        let said = |name: &str| (name == "AWS_ENDPOINT_URL").then(|| "http://127.0.0.1:4048/".to_owned());
        assert_eq!(endpoint("eu-west-1", said), "http://127.0.0.1:4048");
        assert_eq!(encoded("a-b/c d"), "a-b%2Fc%20d");
    }
}
