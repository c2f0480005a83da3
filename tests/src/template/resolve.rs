//! Intrinsic functions, conditions and references, as far as the templates use them; anything else is an error.
//!
//! What only exists once AWS has made it is named after its resource, `{TargetGroup}` or `{Api.ApiEndpoint}`; ARNs that
//! follow from names are written out, because policies and patterns depend on them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{ACCOUNT, REGION, STACK_NAME};

/// What the template says that this resolver does not understand, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolveError(pub String);

impl std::fmt::Display for ResolveError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ResolveError {}

type Resolved<T> = Result<T, ResolveError>;

fn unclear<T>(what: impl Into<String>) -> Resolved<T> {
    Err(ResolveError(what.into()))
}

/// A template with every parameter chosen.
#[derive(Debug, Clone)]
pub struct Stack {
    /// As CloudFormation would make them: only those whose condition holds.
    pub resources: BTreeMap<String, Value>,
    pub outputs: Value,
}

impl Stack {
    /// `chosen` overrides the parameters' defaults.
    pub fn resolve(template: &Value, chosen: &[(&str, &str)]) -> Resolved<Stack> {
        let mut resolver = Resolver { template, parameters: BTreeMap::new() };
        for (name, declaration) in object(template, "Parameters")? {
            let default = declaration.get("Default").map(text);
            let given =
                chosen.iter().find(|(wanted, _)| wanted == name).map(|(_, value)| (*value).to_owned());
            let Some(value) = given.or(default) else {
                return unclear(format!("the parameter {name} has neither a value nor a default"));
            };
            let listed = declaration["Type"] == "CommaDelimitedList";
            let value =
                if listed { value.split(',').map(str::to_owned).collect() } else { Value::from(value) };
            resolver.parameters.insert(name.clone(), value);
        }
        if let Some((unknown, _)) = chosen.iter().find(|(name, _)| !resolver.parameters.contains_key(*name)) {
            return unclear(format!("there is no parameter {unknown}"));
        }
        let mut resources = BTreeMap::new();
        for (name, resource) in object(template, "Resources")? {
            if resource.get("Condition").is_none_or(|condition| resolver.holds(condition) == Ok(true)) {
                let resolved = resolver.value(resource).map_err(|e| ResolveError(format!("{name}: {e}")))?;
                resources.insert(name.clone(), resolved.unwrap_or_default());
            }
        }
        let outputs = resolver.value(template.get("Outputs").unwrap_or(&json!({})))?.unwrap_or_default();
        Ok(Stack { resources, outputs })
    }

    /// Resources of one type, by logical name.
    pub fn of_type<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let all = self.resources.iter().filter(move |(_, resource)| resource["Type"] == kind);
        all.map(|(name, resource)| (name.as_str(), &resource["Properties"]))
    }

    /// The properties of one resource; null when it is not there.
    pub fn properties(&self, name: &str) -> &Value {
        self.resources.get(name).map_or(&Value::Null, |resource| &resource["Properties"])
    }
}

struct Resolver<'a> {
    template: &'a Value,
    parameters: BTreeMap<String, Value>,
}

impl Resolver<'_> {
    /// `None` is `AWS::NoValue`: whatever holds it leaves it out.
    fn value(&self, value: &Value) -> Resolved<Option<Value>> {
        match value {
            Value::Array(items) => {
                let items = items.iter().map(|item| self.value(item)).collect::<Resolved<Vec<_>>>()?;
                Ok(Some(items.into_iter().flatten().collect()))
            }
            Value::Object(members) => match intrinsic(members) {
                Some((function, argument)) => self.call(function, argument),
                None => {
                    let mut resolved = Map::new();
                    for (key, member) in members {
                        if let Some(member) = self.value(member)? {
                            resolved.insert(key.clone(), member);
                        }
                    }
                    Ok(Some(Value::Object(resolved)))
                }
            },
            plain => Ok(Some(plain.clone())),
        }
    }

    fn present(&self, value: &Value) -> Resolved<Value> {
        self.value(value)?.map_or_else(|| unclear("AWS::NoValue where a value must be"), Ok)
    }

    fn call(&self, function: &str, argument: &Value) -> Resolved<Option<Value>> {
        match function {
            "Ref" => self.reference(&text(argument)),
            "Fn::GetAtt" => self.attribute(argument).map(Some),
            "Fn::If" => match argument.as_array().map(Vec::as_slice) {
                Some([condition, yes, no]) => self.value(if self.holds(condition)? { yes } else { no }),
                _ => unclear("Fn::If takes a condition and two values"),
            },
            "Fn::Sub" => self.substitute(argument).map(|text| Some(text.into())),
            "Fn::Join" => match self.present(argument)?.as_array().map(Vec::as_slice) {
                Some([between, Value::Array(items)]) => {
                    let items: Vec<_> = items.iter().map(text).collect();
                    Ok(Some(items.join(&text(between)).into()))
                }
                _ => unclear("Fn::Join takes a text and a list"),
            },
            "Fn::Split" => match self.present(argument)?.as_array().map(Vec::as_slice) {
                Some([between, whole]) => {
                    let (between, whole) = (text(between), text(whole));
                    Ok(Some(whole.split(&between).map(Value::from).collect()))
                }
                _ => unclear("Fn::Split takes two texts"),
            },
            "Fn::Select" => match self.present(argument)?.as_array().map(Vec::as_slice) {
                Some([index, Value::Array(items)]) => {
                    let chosen = text(index).parse().ok().and_then(|index: usize| items.get(index));
                    chosen.map_or_else(|| unclear("Fn::Select past the end"), |item| Ok(Some(item.clone())))
                }
                _ => unclear("Fn::Select takes an index and a list"),
            },
            "Fn::FindInMap" => match self.present(argument)?.as_array().map(Vec::as_slice) {
                Some([map, first, second]) => {
                    let found = &self.template["Mappings"][text(map)][text(first)][text(second)];
                    if found.is_null() { unclear("nothing in the map") } else { Ok(Some(found.clone())) }
                }
                _ => unclear("Fn::FindInMap takes three names"),
            },
            "Fn::GetAZs" => {
                let zones = ["a", "b", "c"].iter().map(|zone| Value::from(format!("{REGION}{zone}")));
                Ok(Some(zones.collect()))
            }
            "Fn::Cidr" => match self.present(argument)?.as_array().map(Vec::as_slice) {
                Some([block, count, bits]) => cidr(&text(block), &text(count), &text(bits)).map(Some),
                _ => unclear("Fn::Cidr takes three values"),
            },
            other => unclear(format!("{other} is not known here")),
        }
    }

    fn holds(&self, condition: &Value) -> Resolved<bool> {
        if let Some(name) = condition.as_str() {
            let declared = &self.template["Conditions"][name];
            return if declared.is_null() {
                unclear(format!("no condition {name}"))
            } else {
                self.holds(declared)
            };
        }
        let Some((function, argument)) = condition.as_object().and_then(intrinsic) else {
            return unclear(format!("{condition} is not a condition"));
        };
        let parts = argument.as_array().cloned().unwrap_or_default();
        match function {
            "Condition" => self.holds(argument),
            "Fn::Not" => parts.first().map_or_else(|| unclear("Fn::Not of nothing"), |p| Ok(!self.holds(p)?)),
            "Fn::And" => parts.iter().try_fold(true, |all, part| Ok(all & self.holds(part)?)),
            "Fn::Or" => parts.iter().try_fold(false, |any, part| Ok(any | self.holds(part)?)),
            "Fn::Equals" => match parts.as_slice() {
                [one, other] => Ok(text(&self.present(one)?) == text(&self.present(other)?)),
                _ => unclear("Fn::Equals takes two values"),
            },
            other => unclear(format!("{other} is not known in conditions")),
        }
    }

    fn reference(&self, name: &str) -> Resolved<Option<Value>> {
        if let Some(value) = self.parameters.get(name) {
            return Ok(Some(value.clone()));
        }
        Ok(Some(Value::from(match name {
            "AWS::NoValue" => return Ok(None),
            "AWS::Region" => REGION.to_owned(),
            "AWS::AccountId" => ACCOUNT.to_owned(),
            "AWS::Partition" => "aws".to_owned(),
            "AWS::URLSuffix" => "amazonaws.com".to_owned(),
            "AWS::StackName" => STACK_NAME.to_owned(),
            "AWS::StackId" => format!("arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{STACK_NAME}/id"),
            logical => self.physical(logical)?,
        })))
    }

    /// What `Ref` gives: a name where the template chooses it, the ARN where that is what AWS gives.
    fn physical(&self, logical: &str) -> Resolved<String> {
        let resource = self.declared(logical)?;
        let named = |property: &str| -> Resolved<String> {
            Ok(text(&self.present(&resource["Properties"][property])?))
        };
        match resource["Type"].as_str().unwrap_or_default() {
            "AWS::ECS::Cluster" => named("ClusterName"),
            "AWS::ECR::Repository" => named("RepositoryName"),
            "AWS::Lambda::Function" => named("FunctionName"),
            "AWS::CloudWatch::Alarm" => named("AlarmName"),
            "AWS::Logs::LogGroup" if resource["Properties"].get("LogGroupName").is_some() => {
                named("LogGroupName")
            }
            "AWS::SNS::Topic" => Ok(format!("arn:aws:sns:{REGION}:{ACCOUNT}:{}", named("TopicName")?)),
            _ => Ok(format!("{{{logical}}}")),
        }
    }

    fn attribute(&self, argument: &Value) -> Resolved<Value> {
        let (logical, attribute) = match argument {
            Value::String(both) => both.split_once('.').map(|(l, a)| (l.to_owned(), a.to_owned())),
            Value::Array(parts) => match parts.as_slice() {
                [logical, attribute] => Some((text(logical), text(attribute))),
                _ => None,
            },
            _ => None,
        }
        .ok_or_else(|| ResolveError(format!("{argument} is not an attribute")))?;
        let kind = self.declared(&logical)?["Type"].as_str().unwrap_or_default().to_owned();
        let arn = |service: &str, rest: String| format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}");
        let name = self.physical(&logical)?;
        Ok(Value::from(match (kind.as_str(), attribute.as_str()) {
            ("AWS::ECS::Cluster", "Arn") => arn("ecs", format!("cluster/{name}")),
            ("AWS::ECR::Repository", "Arn") => arn("ecr", format!("repository/{name}")),
            ("AWS::ECR::Repository", "RepositoryUri") => {
                format!("{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{name}")
            }
            ("AWS::Lambda::Function", "Arn") => arn("lambda", format!("function:{name}")),
            ("AWS::Logs::LogGroup", "Arn") => arn("logs", format!("log-group:{name}:*")),
            ("AWS::SQS::Queue", "Arn") => arn("sqs", logical),
            ("AWS::Events::Rule", "Arn") => arn("events", format!("rule/{logical}")),
            ("AWS::CloudWatch::Alarm", "Arn") => arn("cloudwatch", format!("alarm:{name}")),
            ("AWS::IAM::Role", "Arn") => format!("arn:aws:iam::{ACCOUNT}:role/{logical}"),
            _ => format!("{{{logical}.{attribute}}}"),
        }))
    }

    fn declared(&self, logical: &str) -> Resolved<&Value> {
        match &self.template["Resources"][logical] {
            Value::Null => unclear(format!("there is no resource {logical}")),
            resource => Ok(resource),
        }
    }

    fn substitute(&self, argument: &Value) -> Resolved<String> {
        let (pattern, own) = match argument {
            Value::Array(parts) if parts.len() == 2 => (text(&parts[0]), self.present(&parts[1])?),
            _ => (text(argument), json!({})),
        };
        let mut substituted = String::new();
        let mut rest = pattern.as_str();
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) =
                after.split_once('}').ok_or_else(|| ResolveError(format!("no }} in {pattern}")))?;
            substituted.push_str(before);
            let value = match (name.strip_prefix('!'), own.get(name)) {
                (Some(literal), _) => format!("${{{literal}}}"),
                (None, Some(own)) => text(own),
                (None, None) if name.contains('.') => text(&self.attribute(&Value::from(name))?),
                (None, None) => text(&self.reference(name)?.unwrap_or_default()),
            };
            substituted.push_str(&value);
            rest = after;
        }
        substituted.push_str(rest);
        Ok(substituted)
    }
}

/// The one member of an intrinsic call.
fn intrinsic(members: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (name, argument) = members.iter().next().filter(|_| members.len() == 1)?;
    let is_call = name == "Ref" || name == "Condition" && argument.is_string() || name.starts_with("Fn::");
    is_call.then_some((name.as_str(), argument))
}

fn object<'a>(template: &'a Value, section: &str) -> Resolved<&'a Map<String, Value>> {
    template[section].as_object().map_or_else(|| unclear(format!("the template has no {section}")), Ok)
}

/// CloudFormation compares and joins numbers and truth values as text.
pub(super) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// `count` blocks of `bits` host bits each, from the beginning of `block`.
fn cidr(block: &str, count: &str, bits: &str) -> Resolved<Value> {
    let not = || ResolveError(format!("{block} does not hold {count} blocks of {bits} bits"));
    let (address, length) = block.split_once('/').ok_or_else(not)?;
    let address: std::net::Ipv4Addr = address.parse().map_err(|_| not())?;
    let (length, bits): (u32, u32) = (length.parse().map_err(|_| not())?, bits.parse().map_err(|_| not())?);
    let count: u32 = count.parse().map_err(|_| not())?;
    if u64::from(count) << bits > 1_u64 << (32 - length) {
        return Err(not());
    }
    let blocks = (0..count).map(|i| {
        let start = std::net::Ipv4Addr::from(u32::from(address) + (i << bits));
        Value::from(format!("{start}/{}", 32 - bits))
    });
    Ok(blocks.collect())
}
