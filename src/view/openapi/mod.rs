//! What can be asked of the folder, or of one image, as an OpenAPI document.
//!
//! In: what the images take, where the application is mounted. Out: OpenAPI 3.1.1
//! (<https://spec.openapis.org/oas/v3.1.1>), whose schemas are JSON Schema 2020-12.
//! `schemas`, `responses` and `stream` hold what is the same for all images, `params` makes schemas of an image's arguments,
//! `names` keeps the names of operations apart, `v3_0` says the same in the words of 3.0.
//! Never: a path is described that does not answer, or a value that is always refused; nothing of an image's
//! texts is taken for markup.

mod names;
mod params;
mod parts;
mod responses;
mod schemas;
mod stream;
mod tokens;
mod v3_0;

use serde_json::{Map, Value, json};

use super::json::{merge, put};
use super::media::{BYTES, JSON};
use crate::args::bounds::{MAX_BODY_BYTES, MAX_PARAMETERS};
use crate::http::Mount;
use crate::image::{FolderName, MAX_IMAGE_NAME, Target};
use crate::reply::OpenApiVersion;
use crate::routes::Route;
use crate::service::{Callable, Described, LAST_PAGE};
use names::Names;
use params::{Where, WordRule, WordRules};

/// The version of the specification that the documents follow.
const OPENAPI: &str = "3.1.1";
const FORM: &str = "application/x-www-form-urlencoded";

const INTRODUCTION: &str = "Each image of this folder is a program, called by GET or POST with the arguments that its \
     author declares in the image's labels. This document is made of the folder as it is now. Undeclared names \
     are no error: they are not passed, and the answer names them in `X-Run-Ignored` or `ignored`. Of words, \
     characters that may not pass are stripped, where the site does not refuse them, and the answer shows it in \
     `X-Run-Changed` or `changed`.";

/// The document of a folder, or of one image with its apps.
pub fn document(described: &Described, mount: &Mount, version: OpenApiVersion) -> Value {
    let mut paths = Map::new();
    let targets: Vec<String> = described.callables.iter().map(|callable| callable.target.to_string()).collect();
    let names = Names::of(targets.iter().map(String::as_str));
    let outputs = described.callables.iter().map(|callable| callable.spec.output());
    let mut components = responses::components(outputs);
    if described.image.is_none() {
        folder(described.metrics, &mut paths);
        let folders = Names::of(described.folders.iter().map(FolderName::as_str));
        for inner in &described.folders {
            let id = format!("list_{}", folders.get(inner.as_str()));
            paths.insert(
                path(Route::list(inner)),
                json!({ "get": list(&id, &format!("The images of {inner}"), &[400, 404, 500]) }),
            );
        }
        any_image(described, &mut paths, &mut components);
    }
    let rules = WordRules::new(described.callables.iter().map(|callable| &callable.policy));
    for callable in &described.callables {
        if described.image.is_some() || callable.target.app.is_some() || callable.target.image.is_in_folder() {
            facts(&Named::of(callable, &names), &mut paths);
        }
        if let Some(rule) = rules.get(&callable.policy) {
            run(callable, rule, &names, &mut paths);
        }
    }
    let mut value = json!({ "openapi": OPENAPI, "info": info(described) });
    let mount = mount.to_string();
    if !mount.is_empty() {
        // without, it is the root (§4.8.1)
        put(&mut value, "servers", json!([{ "url": mount }]));
    }
    put(&mut value, "tags", described.callables.iter().map(tag).collect::<Vec<_>>());
    put(&mut value, "paths", paths);
    put(&mut value, "components", components);
    if described.tokens {
        tokens::add(&mut value);
    }
    match version {
        OpenApiVersion::V3_1 => value,
        OpenApiVersion::V3_0 => v3_0::converted(value),
    }
}

fn info(described: &Described) -> Value {
    let title = match &described.image {
        None => "A folder of containers".to_owned(),
        Some(image) => image.to_string(),
    };
    let mut description = INTRODUCTION.to_owned();
    if described.left_out > 0 {
        description += &format!(
            "\n\n{} more images are not in this document; each has its own at `{}`.",
            described.left_out, "/container/openapi/<image>.json"
        );
    }
    json!({ "title": title, "version": env!("CARGO_PKG_VERSION"), "description": description })
}

fn tag(callable: &Callable) -> Value {
    let mut tag = json!({ "name": callable.target.to_string() });
    if let Some(summary) = &callable.summary {
        merge(&mut tag, json!({ "description": summary }));
    }
    tag
}

/// The path of a route; the mount is the server's.
fn path(route: Route) -> String {
    route.href(&Mount::default())
}

/// The list of a folder.
fn list(id: &str, summary: &str, problems: &[u16]) -> Value {
    let list =
        answers(content(json!({ JSON: schemas::of("Folder"), "text/html": schemas::text() }), "The images"), problems);
    let parameters = json!([
        {
            "name": "page", "in": "query", "description": "Which page of a hundred images.",
            "schema": { "type": "integer", "minimum": 1, "maximum": LAST_PAGE, "default": 1 },
        },
        {
            "name": "q", "in": "query", "description": "Only images whose name contains this text, in upper or lower case.",
            "schema": { "type": "string" },
        },
    ]);
    json!({
        "operationId": id, "summary": summary, "parameters": parameters, "responses": list,
    })
}

/// What does not belong to one image.
fn folder(has_metrics: bool, paths: &mut Map<String, Value>) {
    paths.insert(path(Route::Home), json!({ "get": list("list", "All images", &[400, 500]) }));

    let mut health = answers(content(json!({ JSON: schemas::of("Health") }), "Containers can run"), &[]);
    let missing = content(json!({ JSON: schemas::of("Health") }), "Something that is needed is missing");
    put(&mut health, "503", missing);
    paths.insert(
        path(Route::Health),
        json!({ "get": { "operationId": "health", "summary": "Whether the site can do its work", "responses": health } }),
    );

    if has_metrics {
        let metrics = answers(content(json!({ "text/plain": schemas::text() }), "Prometheus text format"), &[500]);
        let metrics = json!({ "operationId": "metrics", "summary": "The site in numbers", "responses": metrics });
        paths.insert(path(Route::Metrics), json!({ "get": metrics }));
    }

    let mut random = answers(Value::Null, &[500]);
    put(&mut random, "302", reference("responses", "Elsewhere"));
    paths.insert(
        path(Route::Random),
        json!({ "get": { "operationId": "random", "summary": "Some image's page", "responses": random } }),
    );

    let whole = tagged(content(json!({ JSON: schemas::of("OpenApi") }), "An OpenAPI document"), &[500]);
    paths.insert(
        path(Route::OpenApi),
        json!({ "get": {
            "operationId": "openapi", "summary": "This document", "parameters": [version_parameter()], "responses": whole,
        } }),
    );
}

/// In which version a document is wanted.
fn version_parameter() -> Value {
    json!({
        "name": "version", "in": "query", "description": "The version of OpenAPI in which the document is written.",
        "schema": { "type": "string", "enum": OpenApiVersion::NAMES, "default": OpenApiVersion::NAMES.first() },
    })
}

/// What can be asked about an image without running it: the one of a [`Callable`], or any by a path parameter.
struct Named {
    target: Target,
    /// What a path calls it.
    in_path: String,
    /// What texts call it.
    name: String,
    /// What operations call it.
    id: String,
    parameters: Vec<Value>,
    download: bool,
}

impl Named {
    fn of(callable: &Callable, names: &Names) -> Named {
        let name = callable.target.to_string();
        let target = callable.target.clone();
        let id = names.get(&name);
        Named { target, in_path: name.clone(), name, id, parameters: Vec::new(), download: callable.download }
    }

    /// One operation for all images, so that a client of a large folder does not have a thousand functions.
    fn any(first: &Callable, download: bool) -> Named {
        let parameter = json!({
            "name": "image", "in": "path", "required": true, "description": "Its name in the folder.",
            "schema": reference("schemas", "ImageName"),
        });
        Named {
            target: Target::image(&first.target.image),
            in_path: "{image}".to_owned(),
            name: "image".to_owned(),
            id: "image".to_owned(),
            parameters: vec![parameter],
            download,
        }
    }

    /// From the table of routes: what the image is called may stand elsewhere in a path, too.
    fn path(&self, route: &Route) -> String {
        route.row().filled(&self.in_path)
    }
}

/// The images of a folder, by a path parameter: one of these, or any where not all of them are here.
fn any_image(described: &Described, paths: &mut Map<String, Value>, components: &mut Value) {
    let images: Vec<&Callable> = described.callables.iter().filter(|callable| is_top(&callable.target)).collect();
    let Some(first) = images.first() else { return };
    let names: Vec<&str> = images.iter().map(|callable| callable.target.image.as_str()).collect();
    let name = match described.left_out {
        0 if Names::of(names.iter().copied()).differ() => json!({ "type": "string", "enum": names }),
        _ => json!({
            "type": "string", "maxLength": MAX_IMAGE_NAME, "pattern": "^[A-Za-z0-9][A-Za-z0-9._+:@=~-]*$", "examples": names,
        }),
    };
    if let Some(schemas) = components.get_mut("schemas") {
        put(schemas, "ImageName", name);
    }
    facts(&Named::any(first, images.iter().all(|callable| callable.download)), paths);
}

/// Whether a target is an image that lies in no folder: a path parameter holds one segment.
fn is_top(target: &Target) -> bool {
    target.app.is_none() && !target.image.is_in_folder()
}

/// The page of an image or app, its arguments, labels, document and file.
fn facts(of: &Named, paths: &mut Map<String, Value>) {
    let Named { target, name, id, .. } = of;
    let mut add = |route: Route, word: &str, summary: &str, responses: Value| {
        let mut get = json!({ "operationId": format!("{word}_{id}"), "summary": format!("{summary} of {name}") });
        if of.in_path == *name {
            put(&mut get, "tags", json!([name]));
        }
        let mut parameters = of.parameters.clone();
        parameters.extend((word == "openapi").then(version_parameter));
        if !parameters.is_empty() {
            put(&mut get, "parameters", parameters);
        }
        put(&mut get, "responses", responses);
        paths.insert(of.path(&route), json!({ "get": get }));
    };
    let answers = |schema: &str, what: &str| {
        let media = json!({ JSON: schemas::of(schema) });
        tagged(content(media, what), &[404, 422, 500])
    };
    let media = json!({ JSON: schemas::of("Image"), "text/html": schemas::text() });
    let page = tagged(content(media, "What it says of itself"), &[404, 422, 500]);
    add(Route::Image(target.into()), "describe", "All", page);
    add(Route::Args(target.into()), "args", "The arguments", answers("Args", "Their names by type"));
    add(Route::Labels(target.into()), "labels", "The labels", answers("Labels", "The labels that count here"));
    if target.app.is_none() {
        let route = Route::ImageOpenApi((&target.image).into());
        add(route, "openapi", "The interface", answers("OpenApi", "An OpenAPI document"));
    }
    if of.download {
        add(Route::Download((&target.image).into()), "download", "The file", download_answers());
    }
}

/// The runs of an image or app.
fn run(callable: &Callable, rule: &WordRule<'_>, names: &Names, paths: &mut Map<String, Value>) {
    if !callable.get && !callable.post {
        return; // it is not run here
    }
    let name = callable.target.to_string();
    let id = names.get(&name);
    let mut run = Map::new();
    if callable.get {
        run.insert("get".to_owned(), run_by_get(callable, rule, &name, &id));
    }
    if callable.post {
        run.insert("post".to_owned(), run_by_post(callable, rule, &name, &id));
    }
    paths.insert(path(Route::Run((&callable.target).into())), Value::Object(run));
}

/// RFC 9110 §14.
fn download_answers() -> Value {
    let media = json!({ BYTES: parts::bytes(BYTES) });
    let mut responses = tagged(content(media.clone(), "The image"), &[403, 404, 500]);
    put(&mut responses, "206", content(media, "The part that `Range` asks for"));
    put(&mut responses, "416", json!({ "description": "`Range` asks for nothing that is there." }));
    responses
}

fn run_by_get(callable: &Callable, rule: &WordRule<'_>, name: &str, id: &str) -> Value {
    let mut get = json!({ "operationId": format!("run_{id}"), "tags": [name] });
    merge(&mut get, description(callable, name));
    let parameters: Vec<Value> = callable.spec.args().iter().map(|arg| params::parameter(arg, rule)).collect();
    let mut responses = run_answers(callable, &[]);
    put(&mut responses, "303", reference("responses", "Form"));
    merge(&mut get, json!({ "parameters": parameters, "responses": responses }));
    get
}

fn run_by_post(callable: &Callable, rule: &WordRule<'_>, name: &str, id: &str) -> Value {
    let mut post = json!({ "operationId": format!("post_run_{id}"), "tags": [name] });
    merge(&mut post, description(callable, name));
    let args = callable.spec.args();
    let body = |place: Where| {
        let properties: Map<String, Value> =
            args.iter().map(|arg| (arg.name.to_string(), params::schema(arg, rule, place))).collect();
        let required: Vec<&str> = args.iter().filter(|arg| arg.required).map(|arg| arg.name.as_str()).collect();
        let mut schema = json!({ "type": "object", "properties": properties });
        if !required.is_empty() {
            merge(&mut schema, json!({ "required": required }));
        }
        merge(&mut schema, json!({ "additionalProperties": true, "maxProperties": MAX_PARAMETERS }));
        json!({ "schema": schema })
    };
    let body = json!({
        "description": format!("The arguments, at most {MAX_BODY_BYTES} bytes. Arguments in the query are not used."),
        "required": args.iter().any(|arg| arg.required),
        "content": { JSON: body(Where::Json), FORM: body(Where::Form) },
    });
    merge(&mut post, json!({ "requestBody": body, "responses": run_answers(callable, &[411, 415]) }));
    post
}

/// Summary and help.
fn description(callable: &Callable, name: &str) -> Value {
    let summary = callable.summary.clone().unwrap_or_else(|| format!("Run {name}"));
    let mut value = json!({ "summary": summary });
    let mut description: Vec<String> = callable.help.iter().map(|help| fenced(help)).collect();
    if let Some(seconds) = callable.max_age {
        description.push(format!("The answer to the same call may come from a cache for {seconds} s."));
    }
    if !description.is_empty() {
        put(&mut value, "description", description.join("\n\n"));
    }
    value
}

/// A text as CommonMark that shows it as it is: fenced by more backticks than stand in it (§4.5).
fn fenced(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(3.max(longest + 1));
    format!("{fence}text\n{}\n{fence}", super::human::dedented(text))
}

/// What a run answers.
fn run_answers(callable: &Callable, more: &[u16]) -> Value {
    let run = reference("responses", &responses::run_name(callable.spec.output()));
    let mut problems = vec![403, 404, 422, 500];
    problems.extend(more);
    let mut responses = json!({ "200": run, "204": reference("responses", "Nothing") });
    merge(&mut responses, answers(Value::Null, &problems));
    put(&mut responses, "400", reference("responses", "BadArguments"));
    responses
}

/// What any request may get instead of its answer, from the web server before the application too.
const ANY: &[u16] = &[400, 413, 414, 421, 429, 431, 502, 503, 504];

/// A 200 (unless it is null), the given problems, and those that any request may get.
fn answers(good: Value, problems: &[u16]) -> Value {
    let mut responses = json!({});
    if !good.is_null() {
        put(&mut responses, "200", good);
    }
    let mut statuses = [problems, ANY].concat();
    statuses.sort_unstable();
    statuses.dedup();
    for status in statuses {
        put(&mut responses, &status.to_string(), reference("responses", &format!("Problem{status}")));
    }
    responses
}

fn reference(kind: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/components/{kind}/{name}") })
}

/// The answers of something that bears an entity tag.
fn tagged(mut good: Value, problems: &[u16]) -> Value {
    put(&mut good, "headers", json!({ "ETag": reference("headers", "ETag") }));
    let mut responses = answers(good, problems);
    put(&mut responses, "304", reference("responses", "NotModified"));
    responses
}

fn content(media: Value, description: &str) -> Value {
    json!({ "description": description, "content": media })
}
