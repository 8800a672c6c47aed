//! Answers, and what X says in the place of one.

use serde_json::{Value, json};

/// An answer before it is sent.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Value,
    /// Keep the client waiting, then break off.
    pub(super) hang: bool,
}

impl Reply {
    pub(super) fn ok(body: Value) -> Reply {
        Reply {
            status: 200,
            body,
            hang: false,
        }
    }

    pub(super) fn problem(status: u16, kind: &str, title: &str, detail: &str) -> Reply {
        let kind = match kind {
            "" => "about:blank".to_owned(),
            kind => format!("https://api.x.com/2/problems/{kind}"),
        };
        let body = json!({"title": title, "detail": detail, "type": kind, "status": status});
        Reply {
            status,
            body,
            hang: false,
        }
    }

    pub(super) fn forbidden(detail: &str) -> Reply {
        Reply::problem(403, "", "Forbidden", detail)
    }

    pub(super) fn invalid(parameter: &str, value: &str, message: &str) -> Reply {
        let body = json!({
            "errors": [{"message": message, "parameters": {parameter: [value]}}],
            "title": "Invalid Request",
            "detail": "A parameter of the request is not valid.",
            "type": "https://api.x.com/2/problems/invalid-request",
        });
        Reply {
            status: 400,
            body,
            hang: false,
        }
    }
}

pub(super) fn not_found(kind: &str, id: &str) -> Value {
    json!({
        "resource_id": id,
        "resource_type": kind,
        "parameter": "id",
        "value": id,
        "title": "Not Found Error",
        "detail": format!("Could not find {kind} [{id}]."),
        "type": "https://api.x.com/2/problems/resource-not-found",
    })
}

pub(super) fn too_many() -> Reply {
    Reply::problem(
        429,
        "rate-limit-exceeded",
        "Too Many Requests",
        "Rate limit exceeded",
    )
}
