//! Replies as JSON values. The field names are part of the contract.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};

use super::human::timestamp;
use crate::args::{Arg, ArgError, KEYWORDS};
use crate::http::Mount;
use crate::image::{App, FolderName, ImageName, Target};
use crate::problems::Code;
use crate::reply::{OpenApiVersion, Problem};
use crate::routes::{Route, TABLE};
use crate::service::{Check, Folder, FolderRow, FormPreview, ImageDetails, Weight};

/// `{"images":[…],"folders":[…],"total":0,"page":1,"next":null,"up":null}`
pub fn home(folder: &Folder, mount: &Mount) -> Value {
    let rows: Vec<Value> = folder.rows.iter().map(|row| self::row(row, mount)).collect();
    let inner = |name: &FolderName| json!({ "name": name.as_str(), "url": Route::list(name).href(mount) });
    json!({
        "images": rows,
        "folders": folder.folders.iter().map(inner).collect::<Vec<_>>(),
        "total": folder.total,
        "page": folder.page,
        "next": folder.more.then(|| page_link(folder, folder.page + 1, mount)),
        "up": folder.name.parent().map(|above| Route::list(&above).href(mount)),
    })
}

/// The link to another page of the same list.
pub fn page_link(folder: &Folder, page: usize, mount: &Mount) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    if !folder.query.is_empty() {
        query.append_pair("q", &folder.query);
    }
    query.append_pair("page", &page.to_string());
    format!("{}?{}", Route::list(&folder.name).href(mount), query.finish())
}

fn row(row: &FolderRow, mount: &Mount) -> Value {
    let mut value = json!({
        "name": row.target.image.as_str(),
        "url": Route::Image((&row.target).into()).href(mount),
        "size": row.size,
        "modified": timestamp(row.modified),
    });
    let particulars = match &row.facts {
        Ok(facts) => json!({
            "format": facts.format.as_str(),
            "architecture": facts.architecture.map(|architecture| architecture.as_str()),
            "summary": facts.summary,
            "args": facts.spec.names_by_type(),
        }),
        Err(why) => json!({ "error": why }),
    };
    merge(&mut value, particulars);
    if let Some(why) = row.facts.as_ref().ok().and_then(|facts| facts.refused) {
        put(&mut value, "refused", why.to_string());
    }
    value
}

/// An image, whole.
pub fn image(facts: &ImageDetails, mount: &Mount) -> Value {
    let metadata = &facts.metadata;
    let apps: Vec<Value> = metadata
        .apps
        .iter()
        .map(|app| {
            let target = Target { image: facts.target.image.clone(), app: Some(app.name.clone()) };
            json!({ "name": app.name.as_str(), "url": Route::Image((&target).into()).href(mount) })
        })
        .collect();
    let mut value = json!({
        "name": facts.target.image.as_str(),
        "app": facts.target.app.as_ref().map(|app| app.as_str()),
        "size": facts.size,
        "modified": timestamp(facts.modified),
        "format": metadata.format.as_str(),
        "architecture": metadata.architecture.map(|architecture| architecture.as_str()),
        "help": facts.help,
        "runscript": facts.runscript,
        "command": facts.asked.command,
        "args": facts.spec.names_by_type(),
        "arguments": facts.spec.args().iter().map(argument).collect::<Vec<_>>(),
        "output": facts.spec.output().map(|output| output.as_str()),
        "labels": facts.labels,
        "apps": apps,
        "notes": metadata.notes.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "warnings": facts.spec.warnings().iter().map(ToString::to_string).collect::<Vec<_>>(),
        "links": links(&facts.target, facts.download, mount),
    });
    if let Some(definition) = &metadata.definition {
        put(&mut value, "definition", definition.as_str());
    }
    let FormPreview { errors, report, .. } = &facts.asked;
    if !errors.is_empty() || !report.ignored().is_empty() || !report.changed().is_empty() {
        merge(
            &mut value,
            json!({ "errors": self::errors(errors), "ignored": report.ignored(), "changed": report.changed() }),
        );
    }
    if let Some(why) = &facts.refused {
        put(&mut value, "refused", why.to_string());
    }
    if let Some(allowed) = &facts.rights.allowed {
        let ways = [(facts.rights.get, "GET"), (facts.rights.post, "POST")];
        let methods: Vec<_> = ways.iter().filter(|(runs, _)| *runs).map(|(_, method)| *method).collect();
        let mut words: Vec<&str> = allowed.iter().map(|action| action.word()).collect();
        words.dedup();
        merge(&mut value, json!({ "may": words, "methods": methods }));
    }
    value
}

/// What the runtime's own `inspect --json --all` says of the image, member for
/// member, without the environment; and beside it, in `image`, what only this
/// program knows.
pub fn inspection(facts: &ImageDetails) -> Value {
    let metadata = &facts.metadata;
    let mut attributes = json!({ "labels": metadata.labels });
    put_texts(
        &mut attributes,
        [
            ("runscript", &metadata.runscript),
            ("startscript", &metadata.startscript),
            ("test", &metadata.test),
            ("helpfile", &metadata.help),
            ("deffile", &metadata.definition),
        ],
    );
    if !metadata.apps.is_empty() {
        let apps = metadata.apps.iter().map(|app| (app.name.to_string(), self::app(app))).collect::<Map<_, _>>();
        put(&mut attributes, "apps", apps);
    }
    json!({
        "data": { "attributes": attributes },
        "type": "container",
        "image": {
            "name": facts.target.image.as_str(),
            "size": facts.size,
            "modified": timestamp(facts.modified),
            "format": metadata.format.as_str(),
            "architecture": metadata.architecture.map(|architecture| architecture.as_str()),
            "arguments": facts.spec.args().iter().map(argument).collect::<Vec<_>>(),
            "refused": facts.refused.map(|why| why.to_string()),
            "entrypoint": metadata.entrypoint,
            "environment_names": metadata.environment_names,
            "notes": metadata.notes.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "warnings": facts.spec.warnings().iter().map(ToString::to_string).collect::<Vec<_>>(),
        },
    })
}

fn app(app: &App) -> Value {
    let mut value = json!({});
    if !app.labels.is_empty() {
        put(&mut value, "labels", json!(app.labels));
    }
    put_texts(&mut value, [("runscript", &app.runscript), ("test", &app.test), ("helpfile", &app.help)]);
    value
}

/// Sets those members that there are.
fn put_texts<const N: usize>(value: &mut Value, texts: [(&str, &Option<String>); N]) {
    for (key, text) in texts {
        if let Some(text) = text {
            put(value, key, text.as_str());
        }
    }
}

fn argument(arg: &Arg) -> Value {
    let mut value = json!({ "name": arg.name.as_str(), "type": arg.kind.as_str(), "required": arg.required });
    for keyword in KEYWORDS {
        if let Some(said) = (keyword.value)(arg) {
            put(&mut value, keyword.name, said);
        }
    }
    value
}

fn links(target: &Target, download: bool, mount: &Mount) -> Value {
    json!({
        "self": Route::Image(target.into()).href(mount),
        "run": Route::Run(target.into()).href(mount),
        "args": Route::Args(target.into()).href(mount),
        "labels": Route::Labels(target.into()).href(mount),
        "download": download.then(|| Route::Download((&target.image).into()).href(mount)),
    })
}

/// Name → URL of its page.
pub fn api_images(images: &[ImageName], mount: &Mount) -> Value {
    let pairs = images.iter().map(|image| (image.to_string(), Value::from(Route::ApiImage(image.clone()).href(mount))));
    Value::Object(pairs.collect::<Map<_, _>>())
}

/// `name`, `links`, `args`, `labels`
pub fn api_image(facts: &ImageDetails, mount: &Mount) -> Value {
    let image = &facts.target.image;
    json!({
        "name": image.as_str(),
        "links": {
            "self": Route::ApiImage(image.clone()).href(mount),
            "page": Route::Image((&facts.target).into()).href(mount),
            "run": Route::Run((&facts.target).into()).href(mount),
            "args": Route::ApiArgs(image.clone()).href(mount),
            "labels": Route::ApiLabels(image.clone()).href(mount),
        },
        "args": facts.spec.names_by_type(),
        "labels": facts.labels,
    })
}

/// Whether nothing is missing that is needed.
pub fn ready(checks: &[Check]) -> bool {
    checks.iter().all(|check| check.wrong.is_none() || check.weight != Weight::Needed)
}

/// `{"ready":true,"checks":[…]}`, with what visitors may know.
pub fn health(checks: &[Check]) -> Value {
    let shown = checks.iter().map(|check| {
        json!({
            "check": check.what, "weight": check.weight.code(), "ok": check.wrong.is_none(), "reason": check.public,
        })
    });
    json!({ "ready": ready(checks), "checks": shown.collect::<Vec<_>>() })
}

/// RFC 9457 §3, with our own members `errors`, `ignored`, `exit_code`, `stderr`.
pub fn problem(problem: &Problem, mount: &Mount) -> Value {
    let row = problem.code.row();
    let mut value = json!({
        "type": Route::Problem(problem.code).href(mount),
        "title": row.title,
        "status": row.status,
        "detail": problem.detail,
        "instance": format!("urn:singularity-nginx:request:{}", problem.instance),
    });
    if let Some(login) = &problem.login {
        put(&mut value, "login_url", login.as_str());
    }
    if !problem.errors.is_empty() {
        put(&mut value, "errors", errors(&problem.errors));
    }
    if !problem.ignored.is_empty() {
        put(&mut value, "ignored", problem.ignored.as_slice());
    }
    if let Some(code) = problem.exit_code {
        put(&mut value, "exit_code", code);
    }
    if let Some(stdout) = &problem.stdout {
        merge(&mut value, output(&stdout.bytes));
    }
    if let Some(stderr) = &problem.stderr {
        put(&mut value, "stderr", stderr.as_str());
    }
    value
}

/// What a run printed: text as `stdout`, other bytes as `stdout_base64`.
pub fn output(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => json!({ "stdout": text }),
        _ => json!({ "stdout": null, "stdout_base64": BASE64.encode(bytes) }),
    }
}

/// How programs use the site: the documents, the addresses, the problems.
pub fn api(mount: &Mount) -> Value {
    let addresses = TABLE.iter().filter(|row| !row.about.is_empty()).map(|row| {
        let methods: Vec<&str> = row.methods().iter().map(|method| method.as_str()).collect();
        let address = format!("{mount}{}", row.filled(row.placeholder));
        json!({ "address": address, "methods": methods, "about": row.about })
    });
    let document = Route::OpenApi.href(mount);
    json!({
        "documents": OpenApiVersion::NAMES.iter().map(|name| format!("{document}?version={name}")).collect::<Vec<_>>(),
        "addresses": addresses.collect::<Vec<_>>(),
        "problems": Code::ALL.iter().map(|code| about(*code, mount)).collect::<Vec<_>>(),
    })
}

/// A kind of problem in general: what its `type` leads to.
pub fn about(code: Code, mount: &Mount) -> Value {
    let row = code.row();
    json!({
        "type": Route::Problem(code).href(mount), "title": row.title, "status": row.status, "about": row.about,
    })
}

fn errors(errors: &[ArgError]) -> Vec<Value> {
    let one =
        |error: &ArgError| json!({ "name": error.name, "code": error.why.code(), "reason": error.why.to_string() });
    errors.iter().map(one).collect()
}

/// Sets a member.
pub fn put(value: &mut Value, key: &str, part: impl Into<Value>) {
    if let Value::Object(members) = value {
        members.insert(key.to_owned(), part.into());
    }
}

/// Adds the members of `more` to `value`.
pub fn merge(value: &mut Value, more: Value) {
    if let (Value::Object(value), Value::Object(more)) = (value, more) {
        value.extend(more);
    }
}
