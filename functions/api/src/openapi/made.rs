//! The description, from the table of routes and the types of bodies and answers.

use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use crate::answers::{Decided, Health, History, Plan, Service, Services, Task};
use crate::asks::Call;
use crate::bodies::{
    ContinueBody, DeployBody, HoldBody, NothingBody, ReleaseBody, RollbackBody, RunBody, ScaleBody,
};
use crate::problem::Document;
use crate::route::{Handler, ROUTES};

const SCHEMAS: &str = "/components/schemas";

struct Maker {
    read: SchemaGenerator,
    written: SchemaGenerator,
}

/// What a route is for, what it takes, and how it answers.
struct About {
    summary: &'static str,
    query: Vec<Value>,
    body: Option<Schema>,
    answers: Vec<(&'static str, Schema)>,
    /// Of problem documents.
    problems: &'static [u16],
}

const READ: &[u16] = &[400, 401, 404, 405, 502, 503];
const CHANGED: &[u16] = &[400, 401, 403, 404, 405, 409, 413, 415, 502, 503];

pub(super) fn document() -> Value {
    let settings = || SchemaSettings::draft2020_12().with(|it| it.definitions_path = SCHEMAS.into());
    let mut maker = Maker {
        read: settings().for_deserialize().into_generator(),
        written: settings().for_serialize().into_generator(),
    };
    let mut paths = Map::new();
    for (method, path, handler) in ROUTES {
        let at = paths.entry(path).or_insert_with(|| parameters(path));
        at[method.to_lowercase()] = maker.operation(method, path, handler);
    }
    let problem = maker.written.subschema_for::<Document>();
    let gateways = json!({
        "type": "object",
        "description": "What API Gateway says where it does not ask the function",
        "properties": { "message": { "type": ["string", "null"] } },
        "required": ["message"],
    });
    let mut schemas = maker.read.take_definitions(true);
    schemas.extend(maker.written.take_definitions(true));
    schemas.insert("Gateway".to_owned(), gateways);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Pushboat",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Services on Amazon ECS: what runs and why, and what people ask for. Asking twice is asking once, \
                            for a one-off task with the same Idempotency-Key.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "security": [{ "iam": [] }, { "jwt": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {
                "Problem": {
                    "description": "Why not (RFC 9457); or what API Gateway says",
                    "content": {
                        "application/problem+json": { "schema": problem },
                        "application/json": { "schema": { "$ref": "#/components/schemas/Gateway" } },
                    },
                },
            },
            "securitySchemes": {
                "iam": {
                    "type": "apiKey", "in": "header", "name": "Authorization",
                    "description": "AWS Signature Version 4 for the service execute-api",
                    "x-amazon-apigateway-authtype": "awsSigv4",
                },
                "jwt": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" },
            },
        },
    })
}

fn parameters(path: &str) -> Value {
    let named = |name: &str| path.contains(&format!("{{{name}}}"));
    let parameter = |name: &str| {
        json!({
            "name": name, "in": "path", "required": true,
            "schema": { "type": "string", "pattern": "^[A-Za-z0-9_-]{1,255}$" },
        })
    };
    let found: Vec<Value> = ["cluster", "service", "task"]
        .iter()
        .filter(|name| named(name))
        .map(|name| parameter(name))
        .collect();
    if found.is_empty() { json!({}) } else { json!({ "parameters": found }) }
}

fn query(name: &str, description: &str, schema: Value) -> Value {
    json!({ "name": name, "in": "query", "description": description, "schema": schema })
}

impl Maker {
    fn body<T: JsonSchema>(&mut self) -> Option<Schema> {
        Some(self.read.subschema_for::<T>())
    }

    fn answer<T: JsonSchema>(&mut self) -> Schema {
        self.written.subschema_for::<T>()
    }

    fn reads<T: JsonSchema>(&mut self, summary: &'static str) -> About {
        let answers = vec![("200", self.answer::<T>())];
        About { summary, query: Vec::new(), body: None, answers, problems: READ }
    }

    fn changes<T: JsonSchema>(&mut self, summary: &'static str) -> About {
        let either = json!({ "anyOf": [self.answer::<Decided>(), self.answer::<Plan>()] });
        let answers = vec![("200", either.try_into().unwrap_or_default()), ("202", self.answer::<Decided>())];
        About { summary, query: Vec::new(), body: self.body::<T>(), answers, problems: CHANGED }
    }

    fn about(&mut self, handler: Handler) -> About {
        let text = || json!({ "type": "string", "minLength": 1 });
        match handler {
            Handler::Health => About {
                problems: &[405],
                ..self.reads::<Health>("Does the function run? Nothing is asked of AWS")
            },
            Handler::OpenApi => About {
                answers: vec![("200", json!({ "type": "object" }).try_into().unwrap_or_default())],
                problems: &[401, 405],
                ..self.reads::<Health>("This description")
            },
            Handler::Services => About {
                query: vec![query("cluster", "Of this cluster only", text())],
                ..self.reads::<Services>("Every service that has been handed to Pushboat")
            },
            Handler::Service => About {
                query: vec![query(
                    "now",
                    "With what Pushboat would do now",
                    json!({ "type": "boolean", "default": true }),
                )],
                ..self.reads::<Service>("One service in full, with what Pushboat would do now and why")
            },
            Handler::History => About {
                query: vec![
                    query(
                        "kind",
                        "Only releases, or only what was decided of the count",
                        json!({ "type": "string", "enum": ["release", "count"] }),
                    ),
                    query(
                        "before",
                        "`next` of the page before",
                        json!({ "type": "string", "format": "date-time" }),
                    ),
                    query(
                        "limit",
                        "How many",
                        json!({ "type": "integer", "minimum": 1, "maximum": 20, "default": 10 }),
                    ),
                ],
                ..self.reads::<History>(
                    "What the service has run and how many tasks it was told to have, newest first",
                )
            },
            Handler::Task => About {
                query: vec![
                    query("after", "`log.next` of the answer before: the lines behind it", text()),
                    query("container", "Whose log", text()),
                ],
                ..self.reads::<Task>("A one-off task: how it stands, what it wrote, and why it failed")
            },
            Handler::Plan => About {
                query: vec![
                    query("tag", "Plan a deployment of this image", text()),
                    query(
                        "digest",
                        "Or of this one",
                        json!({ "type": "string", "pattern": "^sha256:[0-9a-f]{64}$" }),
                    ),
                    query("container", "Of those that are followed", text()),
                    query(
                        "desired",
                        "Or plan a count",
                        json!({ "type": "integer", "minimum": 1, "maximum": 5000 }),
                    ),
                ],
                problems: &[400, 401, 404, 405, 409, 502, 503],
                ..self.reads::<Plan>(
                    "What would be decided and written; without a parameter, by Pushboat itself",
                )
            },
            Handler::Asks(call) => self.asks(call),
        }
    }

    fn asks(&mut self, call: Call) -> About {
        match call {
            Call::Deploy => {
                self.changes::<DeployBody>("Deploy this image, until the next push or until somebody resumes")
            }
            Call::Rollback => self.changes::<RollbackBody>(
                "Back to the last good release or a named one; what is left is rejected",
            ),
            Call::Release => self.changes::<ReleaseBody>("A rejected digest may return"),
            Call::Resume => self
                .changes::<NothingBody>("What a person deployed past Pushboat or asked for may be replaced"),
            Call::Continue => self.changes::<ContinueBody>("A deployment that waits at a hook goes on"),
            Call::Hold | Call::HoldCluster => self.changes::<HoldBody>("Nothing is released meanwhile"),
            Call::Unhold | Call::UnholdCluster => {
                self.changes::<NothingBody>("Lifts the hold; what is due is released")
            }
            Call::Scale => self.changes::<ScaleBody>("So many tasks for a time, or other bounds for good"),
            Call::Run => About {
                query: vec![json!({
                    "name": "Idempotency-Key", "in": "header",
                    "description": "The same key with the same request is the same task, for a day",
                    "schema": { "type": "string", "pattern": "^[!-~]{1,64}$" },
                })],
                ..self.changes::<RunBody>("Run a one-off task where the service's tasks run")
            },
            Call::Unscale => self.changes::<NothingBody>("The load decides again"),
        }
    }

    fn operation(&mut self, method: &str, path: &str, handler: Handler) -> Value {
        let About { summary, query, body, answers, problems } = self.about(handler);
        let mut responses = Map::new();
        for (status, schema) in answers {
            let description = if status == "202" { "It goes on now" } else { "As it is" };
            let content = json!({ "application/json": { "schema": schema } });
            responses.insert(status.to_owned(), json!({ "description": description, "content": content }));
        }
        // 403, 404 and 429 are API Gateway's as well.
        let problems = problems.iter().chain(&[403, 404, 429]);
        responses
            .extend(problems.map(|it| (it.to_string(), json!({ "$ref": "#/components/responses/Problem" }))));
        let name = |part: &str| part.trim_matches(['{', '}']).replace(".json", "");
        let words: Vec<_> = path.split('/').filter(|part| !part.is_empty()).map(name).collect();
        let mut operation = json!({
            "operationId": format!("{}-{}", method.to_lowercase(), words.join("-")),
            "summary": summary,
            "responses": responses,
        });
        if !query.is_empty() {
            operation["parameters"] = query.into();
        }
        if let Some(schema) = body {
            let content = json!({ "application/json": { "schema": schema } });
            operation["requestBody"] = json!({ "content": content });
        }
        operation
    }
}
