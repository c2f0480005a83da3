//! One request to the API, its answer as JSON, and what it means when it is another one.

use std::error::Error;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use hyper::{Method, Request, StatusCode, http};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::answers::Services;
use super::keys::{Keys, Signer};
use super::trouble::{NotAnswered, Problem, Trouble};
use crate::local::Addresses;

/// API Gateway gives up after thirty.
const PATIENCE: Duration = Duration::from_secs(35);
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
/// Some hundred services; whatever is larger is no answer of this API.
const LARGEST_ANSWER_BYTES: usize = 16 * 1024 * 1024;
/// Of a request that is put off. Asking twice is asking once, so every call may be repeated.
const TRIES: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

const IDEMPOTENCY_KEY: &str = "idempotency-key";

pub(crate) type Http = HyperClient<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// A request before it says who sends it.
pub(crate) struct Raw {
    pub(crate) method: Method,
    pub(crate) url: String,
    pub(crate) content_type: Option<&'static str>,
    /// Beside its content type.
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Raw {
    pub(super) fn request(&self) -> http::request::Builder {
        let request = Request::builder().method(self.method.clone()).uri(&self.url);
        let request = request.header("user-agent", concat!("pushboat/", env!("CARGO_PKG_VERSION")));
        self.own_headers().fold(request, |request, (name, value)| request.header(name, value))
    }

    /// Those that are signed.
    pub(super) fn own_headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let content_type = self.content_type.map(|it| (CONTENT_TYPE.as_str(), it));
        content_type.into_iter().chain(self.headers.iter().map(|(name, value)| (*name, value.as_str())))
    }
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Without TLS, no root certificates have to be loaded.
pub(crate) fn https_client(url: &str) -> Result<Http, Trouble> {
    let provider = rustls::crypto::ring::default_provider();
    let builder = HttpsConnectorBuilder::new();
    let builder = match url.starts_with("https://") {
        true => builder.with_provider_and_native_roots(provider).map_err(Trouble::NoRoots)?,
        false => {
            let none = rustls::RootCertStore::empty();
            let config = rustls::ClientConfig::builder_with_provider(provider.into())
                .with_safe_default_protocol_versions()
                .map_err(|error| Trouble::Signing(Box::new(error)))?;
            builder.with_tls_config(config.with_root_certificates(none).with_no_client_auth())
        }
    };
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_connect_timeout(Some(CONNECT_PATIENCE));
    let connector = builder.https_or_http().enable_http1().wrap_connector(tcp);
    Ok(HyperClient::builder(TokioExecutor::new()).build(connector))
}

pub(crate) async fn send(
    http: &Http,
    request: Request<Full<Bytes>>,
    raw: &Raw,
    verbose: bool,
) -> Result<Answer, Trouble> {
    let since = Instant::now();
    let unreachable = |source: Box<dyn Error + Send + Sync>| {
        // Only the innermost says what happened: a port that is closed, a name that nobody has, a certificate.
        let mut innermost: &dyn Error = source.as_ref();
        while let Some(inner) = innermost.source() {
            innermost = inner;
        }
        Trouble::Unreachable { url: raw.url.clone(), source: innermost.to_string().into() }
    };
    let sending = async {
        let answer = http.request(request).await.map_err(|error| unreachable(Box::new(error)))?;
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, LARGEST_ANSWER_BYTES).collect().await;
        let body = body.map_err(|error| Trouble::Unreachable { url: raw.url.clone(), source: error })?;
        Ok(Answer { status: parts.status, headers: parts.headers, body: body.to_bytes() })
    };
    let silent = || Trouble::Silent { url: raw.url.clone(), seconds: PATIENCE.as_secs() };
    let answer = tokio::time::timeout(PATIENCE, sending).await.unwrap_or_else(|_| Err(silent()));
    if verbose {
        let said = answer.as_ref().map_or_else(ToString::to_string, |answer| answer.status.to_string());
        eprintln!("{} {} -> {said} in {} ms", raw.method, raw.url, since.elapsed().as_millis());
    }
    answer
}

pub(crate) struct Client {
    base: String,
    keys: Keys,
    http: Http,
    verbose: bool,
}

impl Client {
    pub(super) fn new(base: String, keys: Keys, verbose: bool) -> Result<Client, Trouble> {
        let http = https_client(&base)?;
        Ok(Client { base, keys, http, verbose })
    }

    /// Of a place on this machine.
    pub(crate) fn of_place(place: &Addresses) -> Result<Client, Trouble> {
        Client::new(place.api.clone(), Keys::Signed(Signer::of_place(place)), false)
    }

    /// Every service, or those of one cluster: as they are, and as they are looked at.
    pub(crate) async fn services(&self, cluster: Option<&str>) -> Result<(Value, Services), Trouble> {
        let query = cluster.map(|cluster| format!("?cluster={cluster}")).unwrap_or_default();
        let answer = self.ask(Method::GET, &format!("/services{query}"), None).await?;
        let services = self.read(&answer)?;
        Ok((answer, services))
    }

    /// As far as it is looked at.
    pub(crate) fn read<T: DeserializeOwned>(&self, answer: &Value) -> Result<T, Trouble> {
        T::deserialize(answer).map_err(|error| self.strange(&format!("not what this API says: {error}")))
    }

    /// An answer that is none to what was asked.
    pub(crate) fn strange(&self, why: &str) -> Trouble {
        NotAnswered { url: self.base.clone(), why: why.to_owned() }.into()
    }

    /// Asks until it is answered or there is no use in asking.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Trouble> {
        self.ask_once(method, path, body, None).await
    }

    /// With a key that makes asking twice asking once, also where the call begins something new each time.
    pub(crate) async fn ask_once(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> Result<Value, Trouble> {
        let raw = Raw {
            method,
            url: format!("{}{path}", self.base),
            content_type: body.map(|_| "application/json"),
            headers: key.map(|key| (IDEMPOTENCY_KEY, key.to_owned())).into_iter().collect(),
            body: body.map(|body| body.to_string().into_bytes()).unwrap_or_default(),
        };
        let mut pause = FIRST_PAUSE;
        for _ in 1..TRIES {
            let answer = self.once(&raw).await?;
            if !is_put_off(answer.status) {
                return self.meant(&raw, path, answer).await;
            }
            tokio::time::sleep(wanted_pause(&answer.headers).unwrap_or(pause).min(LONGEST_PAUSE)).await;
            pause *= 2;
        }
        let answer = self.once(&raw).await?;
        self.meant(&raw, path, answer).await
    }

    async fn once(&self, raw: &Raw) -> Result<Answer, Trouble> {
        send(&self.http, self.keys.apply(raw).await?, raw, self.verbose).await
    }

    async fn meant(&self, raw: &Raw, path: &str, answer: Answer) -> Result<Value, Trouble> {
        let json = serde_json::from_slice::<Value>(&answer.body);
        if answer.status.is_success() {
            let not_json = |_| NotAnswered { url: raw.url.clone(), why: "it sent no JSON".to_owned() }.into();
            return json.map_err(not_json);
        }
        let call = format!("{} {}", raw.method, path.split('?').next().unwrap_or(path));
        let document = json.as_ref().ok().filter(|_| is_problem(&answer.headers));
        let problem = document.and_then(|document| {
            let problem = Problem::deserialize(document).ok()?;
            Some(Problem { document: document.clone(), ..problem })
        });
        Err(match (answer.status.as_u16(), problem) {
            (status @ 500.., problem) | (status @ 429, problem) => {
                let why = problem.map(|it| format!("{}: {}", it.title, it.detail));
                Trouble::Troubled {
                    call,
                    status,
                    why: why.unwrap_or_else(|| gateway_says(&json, &answer.body)),
                }
            }
            // What it does not know at all; a service or a cluster that is not there is another matter.
            (404 | 405, problem)
                if !problem.as_ref().is_some_and(|it| it.r#type.starts_with("/problems/no-such-")) =>
            {
                Trouble::OldApi { call }
            }
            (_, Some(problem)) => Trouble::Refused(problem),
            (status @ (401 | 403), None) => {
                Trouble::NotLetThrough { call, status, identity: self.keys.in_words().await }
            }
            (status, None) => {
                let why = format!("status {status}: {}", gateway_says(&json, &answer.body));
                NotAnswered { url: raw.url.clone(), why }.into()
            }
        })
    }
}

fn is_put_off(status: StatusCode) -> bool {
    matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
}

fn wanted_pause(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn is_problem(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
    content_type.is_some_and(|it| it.starts_with("application/problem+json"))
}

/// API Gateway's own answers have one member.
fn gateway_says(json: &serde_json::Result<Value>, body: &Bytes) -> String {
    let message = json.as_ref().ok().and_then(|json| json["message"].as_str());
    let words = message.map_or_else(|| String::from_utf8_lossy(body).into_owned(), str::to_owned);
    words.chars().filter(|it| !it.is_control()).take(200).collect()
}
