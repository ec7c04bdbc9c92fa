//! What a document says where the site looks at who asks: that a token may be sent, and what is answered to who may not.
//!
//! In: a document. Out: the same with a security scheme (OpenAPI 3.1.1 §4.8.27), 401 and 403 for each operation. Never:
//! says who may what.

use serde_json::{Value, json};

use super::super::json::{merge, put};
use super::responses::problem;

/// Adds it. A token is never required: what may be done without one depends on the rules.
pub fn add(document: &mut Value) {
    put(document, "security", json!([{}, { "token": [] }]));
    if let Some(components) = document.get_mut("components") {
        let scheme = json!({
            "type": "http", "scheme": "bearer",
            "description": "A token that the site's owner has made. Without one, only what anyone may do is answered.",
        });
        put(components, "securitySchemes", json!({ "token": scheme }));
        if let Some(responses) = components.get_mut("responses") {
            let description = "Only who is signed in may do this, or the token is not valid.";
            let mut answer = json!({ "description": description, "content": problem() });
            let field = json!({ "required": true, "schema": { "type": "string" } });
            put(&mut answer, "headers", json!({ "WWW-Authenticate": field }));
            put(responses, "Problem401", answer);
        }
    }
    let operations =
        document.get_mut("paths").and_then(Value::as_object_mut).into_iter().flat_map(|paths| paths.values_mut());
    for operation in operations.filter_map(Value::as_object_mut).flat_map(|path| path.values_mut()) {
        let Some(responses) = operation.get_mut("responses") else { continue };
        for status in ["401", "403"] {
            if responses.get(status).is_none() {
                let one = json!({ "$ref": format!("#/components/responses/Problem{status}") });
                merge(responses, json!({ status: one }));
            }
        }
    }
}
