//! How a request says who sends it: a signature (Signature Version 4) with the credentials that the AWS CLI would use, or a
//! token. The one place of the command that sees either; nothing of them is shown, but the end of the key's id.

use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningParams, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::AUTHORIZATION;
use hyper::{Request, Uri};
use tokio::sync::Mutex;

use super::Trouble;
use super::client::Raw;
use crate::args::{Connection, Token};
use crate::local::Addresses;

/// The API behind API Gateway.
const SERVICE: &str = "execute-api";
/// Credentials that end so soon are asked for anew.
const TOO_SOON: Duration = Duration::from_secs(60);

pub(super) enum Keys {
    Signed(Signer),
    Token(Token),
}

impl Keys {
    /// For an address that somebody gave.
    pub(super) async fn of_person(
        connection: &Connection,
        url: &str,
        token: Option<Token>,
    ) -> Result<Keys, Trouble> {
        match token {
            Some(token) => Keys::token(token, url),
            None => Ok(Keys::Signed(Signer::load(connection, region_of(url)).await?)),
        }
    }

    /// A token opens the API to whoever reads it, so it does not leave this machine in clear.
    pub(super) fn token(token: Token, url: &str) -> Result<Keys, Trouble> {
        let uri: Uri = url.parse().unwrap_or_default();
        let host = uri.host().unwrap_or_default();
        let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
        let here = host == "localhost" || address.is_ok_and(|it| it.is_loopback());
        match uri.scheme_str() == Some("https") || here {
            true => Ok(Keys::Token(token)),
            false => Err(Trouble::Usage(format!(
                "a token is not sent to {url}, where others can read it; use https://"
            ))),
        }
    }

    pub(super) async fn apply(&self, raw: &Raw) -> Result<Request<Full<Bytes>>, Trouble> {
        match self {
            Keys::Signed(signer) => signer.signed(raw, SERVICE, &signer.region).await,
            Keys::Token(token) => {
                let request = raw.request().header(AUTHORIZATION, format!("Bearer {}", token.reveal()));
                let body = Full::new(Bytes::copy_from_slice(&raw.body));
                // The builder's error repeats no value.
                request.body(body).map_err(|error| Trouble::Signing(Box::new(error)))
            }
        }
    }

    /// Who was let in or not, without what opens.
    pub(super) async fn in_words(&self) -> String {
        match self {
            Keys::Token(_) => "sent with a token".to_owned(),
            Keys::Signed(signer) => {
                let id = signer.credentials().await.map(|it| ending(it.access_key_id())).unwrap_or_default();
                format!("signed with the key {id} of {} for {}", signer.source, signer.region)
            }
        }
    }
}

fn ending(id: &str) -> String {
    let skipped = id.chars().count().saturating_sub(4);
    format!("…{}", id.chars().skip(skipped).collect::<String>())
}

pub(crate) struct Signer {
    provider: SharedCredentialsProvider,
    known: Mutex<Option<Credentials>>,
    pub(crate) region: String,
    source: String,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({}, {})", self.source, self.region)
    }
}

impl Signer {
    /// As AWS's own tools do: environment, profile, single sign-on, a role of the machine. `region`: what the address says.
    pub(crate) async fn load(connection: &Connection, region: Option<String>) -> Result<Signer, Trouble> {
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(tls::Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http);
        if let Some(profile) = &connection.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(region) = region.clone().or_else(|| connection.region.clone()) {
            loader = loader.region(Region::new(region));
        }
        let config = loader.load().await;
        let region = config.region().map(ToString::to_string).ok_or(Trouble::NoRegion)?;
        let provider = config.credentials_provider();
        let provider =
            provider.ok_or_else(|| Trouble::Usage("no source of AWS credentials is known".to_owned()))?;
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let source = match (connection.profile.clone(), set("AWS_ACCESS_KEY_ID"), set("AWS_PROFILE")) {
            (Some(profile), ..) | (None, None, Some(profile)) => format!("the profile {profile}"),
            (None, Some(_), _) => "the environment (AWS_ACCESS_KEY_ID)".to_owned(),
            (None, None, None) => "the default profile or this machine's role".to_owned(),
        };
        Ok(Signer { provider, known: Mutex::default(), region, source })
    }

    /// With the key pair of a place on this machine.
    pub(crate) fn of_place(place: &Addresses) -> Signer {
        let pair =
            Credentials::new(&place.access_key_id, &place.secret_access_key, None, None, "pushboat local");
        Signer {
            provider: SharedCredentialsProvider::new(pair),
            known: Mutex::default(),
            region: place.region.clone(),
            source: "`pushboat local`".to_owned(),
        }
    }

    /// The same credentials for an address that became known since.
    pub(super) fn for_host(self, url: &str, connection: &Connection) -> Signer {
        let region = region_of(url).or_else(|| connection.region.clone());
        Signer { region: region.unwrap_or(self.region), ..self }
    }

    async fn credentials(&self) -> Result<Credentials, Trouble> {
        let mut known = self.known.lock().await;
        let soon = SystemTime::now() + TOO_SOON;
        if let Some(credentials) = known.as_ref().filter(|it| it.expiry().is_none_or(|expiry| expiry > soon))
        {
            return Ok(credentials.clone());
        }
        let fresh = self.provider.provide_credentials().await.map_err(Trouble::NoCredentials)?;
        Ok(known.insert(fresh).clone())
    }

    /// So that whoever has none learns of it before anything is asked.
    pub(crate) async fn has_credentials(&self) -> Result<(), Trouble> {
        self.credentials().await.map(drop)
    }

    pub(crate) fn again(&self) -> Signer {
        Signer {
            provider: self.provider.clone(),
            known: Mutex::default(),
            region: self.region.clone(),
            source: self.source.clone(),
        }
    }

    /// For a client of AWS's own.
    pub(crate) fn provider(&self) -> SharedCredentialsProvider {
        self.provider.clone()
    }

    pub(crate) async fn signed(
        &self,
        raw: &Raw,
        service: &str,
        region: &str,
    ) -> Result<Request<Full<Bytes>>, Trouble> {
        let identity = self.credentials().await?.into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name(service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| Trouble::Signing(Box::new(error)))?;
        let body = SignableBody::Bytes(&raw.body);
        let signable = SignableRequest::new(raw.method.as_str(), raw.url.as_str(), raw.own_headers(), body);
        let signable = signable.map_err(|error| Trouble::Signing(Box::new(error)))?;
        let signed = sign(signable, &SigningParams::V4(params));
        let (instructions, _) = signed.map_err(|error| Trouble::Signing(Box::new(error)))?.into_parts();
        let request = raw.request().body(Full::new(Bytes::copy_from_slice(&raw.body)));
        let mut request = request.map_err(|error| Trouble::Signing(Box::new(error)))?;
        instructions.apply_to_request_http1x(&mut request);
        Ok(request)
    }
}

/// Of API Gateway's own names: `<id>.execute-api.<region>.amazonaws.com`.
fn region_of(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    let host = uri.host()?.to_ascii_lowercase();
    let mut labels = host.split('.').skip_while(|label| *label != SERVICE);
    let (_, region, rest) = (labels.next()?, labels.next()?, labels.collect::<Vec<_>>());
    rest.contains(&"amazonaws").then(|| region.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_is_read_from_an_address_of_api_gateway() {
        for (url, region) in [
            ("https://a1b2.execute-api.eu-central-1.amazonaws.com/prod", Some("eu-central-1")),
            ("https://a1b2.Execute-API.cn-north-1.amazonaws.com.cn", Some("cn-north-1")),
            ("https://vpce-1.execute-api.us-east-1.vpce.amazonaws.com", Some("us-east-1")),
            ("https://deploy.example.com", None),
            ("https://execute-api.example.com", None),
            ("http://127.0.0.1:8048", None),
        ] {
            assert_eq!(region_of(url).as_deref(), region, "{url}");
        }
    }

    #[test]
    fn a_token_does_not_leave_the_machine_in_clear() {
        let token = || Token::from("tell-nobody".to_owned());
        for url in ["https://a.example", "http://127.0.0.1:8048", "http://localhost:1", "http://[::1]:1"] {
            assert!(Keys::token(token(), url).is_ok(), "{url}");
        }
        for url in ["http://a.example", "http://127.example.com", "http://10.0.0.1"] {
            assert!(Keys::token(token(), url).is_err(), "{url}");
        }
    }

    #[tokio::test]
    async fn a_signature_says_which_service_and_region_and_not_the_secret() {
        let signer = Signer {
            provider: SharedCredentialsProvider::new(Credentials::new(
                "AKIATHEKEY",
                "the-secret",
                None,
                None,
                "test",
            )),
            known: Mutex::default(),
            region: "eu-west-1".to_owned(),
            source: "a test".to_owned(),
        };
        let raw = Raw {
            method: hyper::Method::POST,
            url: "https://a.example/services".to_owned(),
            content_type: Some("application/json"),
            headers: vec![("idempotency-key", "key-1".to_owned())],
            body: b"{}".to_vec(),
        };
        let request = signer.signed(&raw, SERVICE, "eu-west-1").await.unwrap();
        let header = request.headers()[AUTHORIZATION].to_str().unwrap().to_owned();
        assert!(header.contains("/eu-west-1/execute-api/aws4_request"), "{header}");
        assert!(header.contains("SignedHeaders=content-type;host;idempotency-key;x-amz-date"), "{header}");
        let shown = format!("{signer:?}");
        let said = format!("{shown} {}", Keys::Signed(signer).in_words().await);
        assert!(said.contains("…EKEY") && !said.contains("AKIATHEKEY") && !said.contains("secret"), "{said}");
    }
}
