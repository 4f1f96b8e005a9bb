//! Requests against GitHub's own description of its API.
//!
//! The desk talks to a sandbox in the tests, and a sandbox takes whatever its author thought of. GitHub's description does
//! not: each request has to be one that it knows, with parameters and a body of the types that it says. It is stricter than
//! GitHub in one thing: a property that the description does not mention is taken for a mistake, even where the
//! description leaves objects open.
//!
//! A small validator of its own, because the description is OpenAPI 3.0 and no JSON Schema (`nullable`), because query
//! values are text, and because that strictness has to follow `oneOf`, `anyOf` and `allOf` about.

use serde_json::{Map, Value};
use std::path::Path;

/// GitHub's description, parsed once. `$ref`s are followed where a check meets them.
pub struct OpenApi {
    root: Value,
    /// Templates with their segments, so that no check splits hundreds of them again.
    paths: Vec<(String, Vec<String>)>,
}

/// How strictly objects are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Objects {
    /// Unknown properties are violations.
    Closed,
    /// Unknown properties are fine, as in answers, which may grow.
    Open,
}

impl OpenApi {
    /// Reads a description from a file, `api.github.com.json` of `@octokit/openapi`.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, String> {
        let path = path.as_ref();
        let text = std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
        let root: Value = serde_json::from_slice(&text).map_err(|e| format!("{}: {e}", path.display()))?;
        let paths = root["paths"].as_object().ok_or_else(|| format!("{}: no `paths`", path.display()))?;
        let paths = paths.keys().map(|p| (p.clone(), split(p))).collect();
        Ok(Self { root, paths })
    }

    /// Whether GitHub knows such a request. `path` may be percent-encoded; the query is decoded.
    pub fn check(&self, method: &str, path: &str, query: &[(String, String)], body: Option<&Value>) -> Result<(), String> {
        let (operation, shared, values) = self.operation(method, path)?;
        let parameters: Vec<&Value> =
            [operation, shared].iter().filter_map(|v| v["parameters"].as_array()).flatten().map(|p| self.resolve(p)).collect();
        for (name, value) in &values {
            let parameter = parameters.iter().find(|p| p["in"] == "path" && p["name"] == name.as_str());
            let parameter = parameter.ok_or_else(|| format!("path parameter `{name}` is not described"))?;
            self.text(&parameter["schema"], value, &format!("path parameter `{name}`"))?;
        }
        for (name, value) in query {
            let parameter = parameters.iter().find(|p| p["in"] == "query" && p["name"] == name.as_str());
            let parameter = parameter.ok_or_else(|| format!("query parameter `{name}` is unknown"))?;
            self.text(&parameter["schema"], value, &format!("query parameter `{name}`"))?;
        }
        let missing = |p: &&&Value| p["in"] == "query" && p["required"] == true && !query.iter().any(|(n, _)| p["name"] == n.as_str());
        if let Some(missing) = parameters.iter().find(missing) {
            return Err(format!("query parameter {} is missing", missing["name"]));
        }
        let described = self.resolve(&operation["requestBody"]);
        match (body, &described["content"]["application/json"]["schema"]) {
            (None, _) if described["required"] == true => Err("the body is missing".to_owned()),
            (None, _) => Ok(()),
            (Some(_), Value::Null) => Err("a body where none is described".to_owned()),
            (Some(body), schema) => self.value(schema, body, "body", Objects::Closed),
        }
    }

    /// Whether an answer has what GitHub's has. Properties that the description lacks are fine.
    pub fn check_answer(&self, method: &str, path: &str, status: u16, body: &Value) -> Result<(), String> {
        let (operation, ..) = self.operation(method, path)?;
        let described = self.resolve(&operation["responses"][status.to_string()]);
        if described.is_null() {
            return Err(format!("status {status} is not described"));
        }
        match &described["content"]["application/json"]["schema"] {
            Value::Null if body.is_null() => Ok(()),
            Value::Null => Err("a body where none is described".to_owned()),
            schema => self.value(schema, body, "answer", Objects::Open),
        }
    }

    /// Whether a webhook's payload has what GitHub's has.
    pub fn check_webhook(&self, event: &str, action: &str, payload: &Value) -> Result<(), String> {
        let name = format!("{event}-{action}").replace('_', "-");
        match &self.root["x-webhooks"][&name]["post"]["requestBody"]["content"]["application/json"]["schema"] {
            Value::Null => Err(format!("webhook `{name}` is not described")),
            schema => self.value(schema, payload, "payload", Objects::Open),
        }
    }

    #[expect(clippy::type_complexity, reason = "three parts of one look-up, taken apart at once")]
    /// The operation, what its path shares, and the values of the path's parameters.
    fn operation(&self, method: &str, path: &str) -> Result<(&Value, &Value, Vec<(String, String)>), String> {
        let mut segments: Vec<String> = split(path);
        // GitHub serves every repository by id too, without describing it.
        if segments.first().is_some_and(|s| s == "repositories") && segments.len() > 1 {
            segments[1].parse::<u64>().map_err(|_| format!("repository id `{}` is no number", segments[1]))?;
            segments.splice(0..2, ["repos".to_owned(), "owner".to_owned(), "repo".to_owned()]);
        }
        let fits = |template: &[String]| {
            template.len() == segments.len() && template.iter().zip(&segments).all(|(t, s)| t.starts_with('{') || t == s)
        };
        // Of two templates that fit, the one with fewer placeholders is meant: `/issues/comments` is no issue.
        let holes = |template: &[String]| template.iter().filter(|t| t.starts_with('{')).count();
        let method = method.to_lowercase();
        let best = self.paths.iter().filter(|(_, t)| fits(t)).min_by_key(|(_, t)| holes(t));
        let (template, parts) = best.ok_or_else(|| format!("path `{path}` is unknown"))?;
        let item = &self.root["paths"][template];
        let operation = &item[&method];
        if operation.is_null() {
            return Err(format!("`{template}` has no {}", method.to_uppercase()));
        }
        let named = parts.iter().zip(&segments).filter(|(t, _)| t.starts_with('{'));
        let values = named.map(|(t, s)| (t.trim_matches(['{', '}']).to_owned(), s.clone())).collect();
        Ok((operation, item, values))
    }

    fn resolve<'a>(&'a self, mut value: &'a Value) -> &'a Value {
        while let Some(target) = value["$ref"].as_str() {
            value = self.root.pointer(target.trim_start_matches('#')).unwrap_or(&Value::Null);
        }
        value
    }

    /// A value that came as text: read as the type that the schema wants.
    fn text(&self, schema: &Value, text: &str, at: &str) -> Result<(), String> {
        let schema = self.resolve(schema);
        if let Some(options) = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array()) {
            let fits = options.iter().any(|option| self.text(option, text, at).is_ok());
            return if fits { Ok(()) } else { Err(format!("{at} `{text}` fits none of the schemas")) };
        }
        let value = match schema["type"].as_str() {
            Some("integer" | "number" | "boolean") => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
            Some("array") => text.split(',').map(Value::from).collect(),
            _ => text.into(),
        };
        self.value(schema, &value, at, Objects::Closed)
    }

    fn value(&self, schema: &Value, value: &Value, at: &str, objects: Objects) -> Result<(), String> {
        let schema = self.resolve(schema);
        if value.is_null() && schema["nullable"] == true {
            return Ok(());
        }
        for key in ["oneOf", "anyOf"] {
            if let Some(options) = schema[key].as_array() {
                // An option that only says what is required leaves the properties to the schema around it.
                let strict = |o: &Value| {
                    if schema["properties"].is_null() && !self.resolve(o)["properties"].is_null() { objects } else { Objects::Open }
                };
                let errors: Vec<String> = options.iter().map_while(|o| self.value(o, value, at, strict(o)).err()).collect();
                // `oneOf` is read as `anyOf`: in GitHub's description the options often overlap.
                if errors.len() == options.len() {
                    return Err(format!("{at} fits none of {} schemas: {}", options.len(), errors.join("; ")));
                }
            }
        }
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.value(part, value, at, Objects::Open)?;
        }
        Self::plain(schema, value, at)?;
        match value {
            Value::Object(map) => self.object(schema, map, at, objects),
            Value::Array(items) => {
                let beyond = |limit: &str, out: fn(u64, u64) -> bool| schema[limit].as_u64().is_some_and(|n| out(items.len() as u64, n));
                if beyond("minItems", |is, limit| is < limit) || beyond("maxItems", |is, limit| is > limit) {
                    return Err(format!("{at} has {} items", items.len()));
                }
                items.iter().enumerate().try_for_each(|(i, item)| self.value(&schema["items"], item, &format!("{at}[{i}]"), objects))
            }
            _ => Ok(()),
        }
    }

    /// Type, `enum` and the limits of plain values.
    fn plain(schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        let fits = match schema["type"].as_str() {
            Some("string") => value.is_string(),
            Some("integer") => value.is_i64() || value.is_u64(),
            Some("number") => value.is_number(),
            Some("boolean") => value.is_boolean(),
            Some("array") => value.is_array(),
            Some("object") => value.is_object(),
            _ => true,
        };
        if !fits {
            return Err(format!("{at} is {value}, wanted {}", schema["type"]));
        }
        if schema["enum"].as_array().is_some_and(|list| !list.contains(value)) {
            return Err(format!("{at} is {value}, wanted one of {}", schema["enum"]));
        }
        let out =
            |n: f64| schema["minimum"].as_f64().is_some_and(|least| n < least) || schema["maximum"].as_f64().is_some_and(|most| n > most);
        if value.as_f64().is_some_and(out) {
            return Err(format!("{at} is {value}, out of range"));
        }
        if let Some(text) = value.as_str() {
            let length = text.chars().count() as u64;
            if schema["minLength"].as_u64().is_some_and(|n| length < n) || schema["maxLength"].as_u64().is_some_and(|n| length > n) {
                return Err(format!("{at} has {length} characters"));
            }
            if schema["format"] == "date-time" && text.parse::<jiff::Timestamp>().is_err() {
                return Err(format!("{at} is {value}, wanted an instant"));
            }
        }
        Ok(())
    }

    fn object(&self, schema: &Value, map: &Map<String, Value>, at: &str, objects: Objects) -> Result<(), String> {
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !map.contains_key(name) {
                return Err(format!("{at} lacks `{name}`"));
            }
        }
        let described = schema["properties"].as_object();
        for (name, value) in map {
            let inside = format!("{at}.{name}");
            match described.and_then(|d| d.get(name)) {
                Some(property) => self.value(property, value, &inside, objects)?,
                None if schema["additionalProperties"].is_object() => {
                    self.value(&schema["additionalProperties"], value, &inside, objects)?;
                }
                None if objects == Objects::Closed && !self.mentioned(schema, name) => return Err(format!("{inside} is unknown")),
                None => {}
            }
        }
        Ok(())
    }

    /// Whether a combined schema mentions a property in any of its parts, or describes no properties at all.
    fn mentioned(&self, schema: &Value, name: &str) -> bool {
        let schema = self.resolve(schema);
        let parts: Vec<&Value> = ["oneOf", "anyOf", "allOf"].iter().filter_map(|k| schema[*k].as_array()).flatten().collect();
        let free = parts.is_empty() && schema["properties"].is_null() && schema["type"] == "object";
        free || schema["properties"][name] != Value::Null || parts.iter().any(|part| self.mentioned(part, name))
    }
}

fn split(path: &str) -> Vec<String> {
    path.split('/').filter(|s| !s.is_empty()).map(str::to_owned).collect()
}
