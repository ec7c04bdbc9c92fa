"""Generated clients, and a validator, with a real site.

In: the address of the site, a folder that holds its documents as `3.1.json` and `3.0.json`. Out: a line for each thing
that works; exit status 1 at the first that does not. Written as a user of each tool would write it: no generated file
is changed, and of openapi-python-client's own settings only `content_type_overrides` is used, because it knows no pictures.
"""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import requests
from openapi_core import Config, OpenAPI
from openapi_core.contrib.requests import RequestsOpenAPIRequest, RequestsOpenAPIResponse

SITE, FOLDER = sys.argv[1], Path(sys.argv[2])
TOOLS = Path(sys.executable).parent
VERSIONS = ["3.1", "3.0"]
ENVELOPE = "application/vnd.singularity-run+json"


def check(what, holds):
    if not holds:
        sys.exit(f"not so: {what}")
    print(what)


def call(*words):
    done = subprocess.run([TOOLS / words[0], *words[1:]], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{words}\n{done.stdout}\n{done.stderr}")
    return done.stdout + done.stderr


def python_client(version):
    """openapi-python-client: each demo by a typed function, and an image that declares no output type."""
    settings = FOLDER / "settings.yml"
    settings.write_text("content_type_overrides:\n  image/png: application/octet-stream\npost_hooks: []\n")
    name = f"client_{version.replace('.', '_')}"
    words = ["--path", FOLDER / f"{version}.json", "--config", settings, "--output-path", FOLDER / name, "--meta", "none"]
    said = call("openapi-python-client", "generate", *words)
    # 3.0: the refusal of `health` is no problem but its own report; the document says `*/*`, and the tool leaves it out
    warned = said.count("WARNING")
    check(f"openapi-python-client reads {version}", warned == (0 if version == "3.1" else 1))
    client = importlib.import_module(f"{name}.client").Client(base_url=SITE)
    models = importlib.import_module(f"{name}.models")

    def run(image, **arguments):
        module = importlib.import_module(f"{name}.api.{image}_sif.run_{image}_sif")
        return module.sync_detailed(client=client, **arguments)

    hello = run("hello_name", name="Amy", age=10)
    check("  hello-name is JSON", hello.parsed["name"] == "hello Amy!")
    epidemic = run("epidemic", r0=3.0, days=5)
    check("  epidemic is a text", isinstance(epidemic.parsed, str) and epidemic.parsed.startswith("day,"))
    picture = run("mandelbrot", iterations=20).parsed
    picture = picture if version == "3.1" else picture.payload.read()
    check("  mandelbrot is bytes", picture.startswith(b"\x89PNG"))
    check("  hello-world is a text", isinstance(run("hello_world").parsed, str))
    check("  slow is a text", "step 1 of 1" in run("slow", steps=1).parsed)
    check("  an image that declares nothing is a text", run("words").parsed == "no JSON, nothing declared\n")
    problem = run("fails").parsed
    check("  a failure is a Problem", isinstance(problem, models.Problem) and problem.stderr.endswith("bad value\n"))
    describe = importlib.import_module(f"{name}.api.default.describe_image")
    image = describe.sync(models.ImageName("hello-name.sif"), client=client)
    check("  an image is an Image", isinstance(image, models.Image) and image.arguments[0].name == "name")
    folder = importlib.import_module(f"{name}.api.default.list_").sync(client=client)
    check("  a row of the list is a FolderImage", isinstance(folder.images[0], models.FolderImage))
    check("  a numbered choice is sent", run("steps", step=0.5).parsed == "--step 0.5\n")


def data_models(version):
    """datamodel-code-generator: the answers as pydantic models."""
    name = f"models_{version.replace('.', '_')}"
    words = ["--input", FOLDER / f"{version}.json", "--input-file-type", "openapi", "--output", FOLDER / f"{name}.py"]
    call("datamodel-codegen", *words, "--output-model-type", "pydantic_v2.BaseModel", "--strict-nullable")
    models = importlib.import_module(name)
    get = lambda path, accept="application/json": requests.get(SITE + path, headers={"Accept": accept}, timeout=90).json()
    folder = models.Folder.model_validate(get("/container/"))
    check(f"datamodel-code-generator {version}: Folder", type(folder.images[0]) is models.FolderImage)
    image = models.Image.model_validate(get("/container/hello-name.sif"))
    check("  Image", image.labels.root["SINGULARITY_RUNSCRIPT_ARG_STR"] == "name")
    envelope = models.RunEnvelope.model_validate(get("/container/run/hello-name.sif?name=Amy", ENVELOPE))
    check("  RunEnvelope", envelope.exit_code == 0 and "Amy" in envelope.stdout)
    problem = models.Problem.model_validate(get("/container/run/hello-name.sif?age=ten"))
    check("  Problem", problem.status == 400 and problem.errors[0].name == "age")
    events = requests.get(SITE + "/container/run/slow.sif?steps=1", headers={"Accept": "text/event-stream"}, timeout=90).text
    kinds = []
    for block in events.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "event" in fields:
            kinds.append(type(models.RunEvent.model_validate(fields).root).__name__)
            json.loads(fields["data"])
    check(f"  {sorted(set(kinds))}", kinds[0] == "RunEventCommand" and "RunEventStdout" in kinds and kinds[-1] == "RunEventExit")


def real_answers():
    """openapi-core: requests and answers as the 3.1 document has them."""
    text = lambda value, **_: value.decode()
    config = Config(extra_media_type_deserializers={
        "text/csv": text, "text/event-stream": text,
        "application/problem+json": lambda value, **_: json.loads(value), ENVELOPE: lambda value, **_: json.loads(value),
    })
    document = json.loads((FOLDER / "3.1.json").read_text())
    document["servers"] = [{"url": SITE}]
    spec = OpenAPI.from_dict(document, config=config)
    runs = ["hello-name.sif?name=Amy&age=10", "epidemic.sif?days=3", "mandelbrot.sif?iterations=20", "hello-world.sif",
            "slow.sif?steps=1", "words.sif", "fails.sif", "steps.sif?step=1.5"]
    paths = ["/container/", "/container/health", "/container/openapi.json?version=3.0", "/container/hello-name.sif",
             "/container/args/hello-name.sif", "/container/labels/hello-name.sif", "/container/openapi/hello-name.sif.json"]
    asked = [(path, "application/json") for path in paths]
    asked += [(f"/container/run/{run}", accept) for run in runs for accept in ["*/*", ENVELOPE, "text/event-stream", "text/html"]]
    session = requests.Session()
    for path, accept in asked:
        request = requests.Request("GET", SITE + path, headers={"Accept": accept})
        answer = session.send(session.prepare_request(request), timeout=90)
        spec.validate_request(RequestsOpenAPIRequest(request))
        spec.validate_response(RequestsOpenAPIRequest(request), RequestsOpenAPIResponse(answer))
        check(f"openapi-core: {answer.status_code} {path} {accept}", answer.status_code == 200 or "fails" in path)


sys.path.insert(0, str(FOLDER))
for each in VERSIONS:
    python_client(each)
    data_models(each)
real_answers()
