"""`sam deploy`, again with other parameters, adopt, and `sam delete`, with the functions as built, against MiniStack: an
emulator of AWS by other people, so that not only our own stand-in says that the templates and functions fit together.

    ministack.py BINARIES

BINARIES is a folder with the functions by their names (target/debug), or `sam build`'s (.aws-sam/build). The commands are
those of docs/install.md, taken from the page. `ministack` and `sam` must be on the PATH.

MiniStack knows no flow logs, no metric math in alarms and no OIDC providers: FlowLogs=off, ErrorPercent=0 and ProviderArn leave
them out. A path /health is its own on every host. It
does not tell functions its own address: the copy of the template used here has it in their environment. Numbers that a
parameter gives it keeps as text, which no client can read in an answer of ECS: the copy has their defaults as numbers.
"""

import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

ROOT = Path(__file__).resolve().parent.parent.parent
ACCOUNT, REGION = "000000000000", "us-east-1"
FUNCTIONS = {
    "deploy": "DeployFunction",
    "scale": "ScaleFunction",
    "sweep": "SweepFunction",
    "api": "ApiFunction",
    "live-image": "LiveImageFunction",
}
PLACEHOLDER = "public.ecr.aws/nginx/nginx-unprivileged:stable"
LEFT_OUT = "FlowLogs=off ErrorPercent=0"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def commands(heading: str) -> list[str]:
    """The blocks of docs/install.md under `<!-- run: heading -->`."""
    page = (ROOT / "docs/install.md").read_text()
    found = re.findall(rf"<!-- run: {re.escape(heading)} -->\n```bash\n(.*?)```", page, re.DOTALL)
    assert found, f"docs/install.md has no block '{heading}'"
    return found


class Checks:
    def __init__(self):
        self.failed = 0

    def that(self, what: str, holds: bool, seen=""):
        print(f"{'ok    ' if holds else 'FAILED'} {what}" + ("" if holds else f": {seen}"), flush=True)
        self.failed += not holds


class Stack:
    """A folder with the templates for MiniStack, and the commands run in it."""

    def __init__(self, folder: Path, binaries: Path, endpoint: str):
        self.folder = folder
        for name, logical in FUNCTIONS.items():
            built = binaries / logical / "bootstrap"
            target = folder / "functions" / name / "bootstrap"
            target.parent.mkdir(parents=True)
            shutil.copy(built if built.exists() else binaries / name, target)
        shutil.copytree(ROOT / "docs", folder / "docs")
        for name in ["template.yaml", "adopt.yaml"]:
            text = (ROOT / name).read_text().replace("      BuildMethod: rust-cargolambda\n", "      SkipBuild: true\n")
            assert "SkipBuild" in text
            text = text.replace("ContainerPort: !Ref Port", "ContainerPort: 8080").replace("!Ref StopSeconds", "30")
            marker = "      Variables:\n"
            assert text.count(marker) == 1
            (folder / name).write_text(text.replace(marker, f"{marker}        AWS_ENDPOINT_URL: {endpoint}\n"))
        shutil.copy(ROOT / "samconfig.toml", folder)
        self.environment = os.environ | {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_PAGER": "",
            "SAM_CLI_TELEMETRY": "0",
        }

    def run(self, script: str) -> str:
        # What MiniStack lacks is left out in every deployment of the template.
        script = script.replace("sam deploy\n", f"sam deploy --parameter-overrides {LEFT_OUT}\n")
        script = script.replace("--parameter-overrides Cpu", f"--parameter-overrides {LEFT_OUT} Cpu")
        script = script.replace("GitHubRepository=", f"ProviderArn=arn:aws:iam::{ACCOUNT}:oidc-provider/github GitHubRepository=")
        script = script.replace("123456789012", ACCOUNT).replace("eu-central-1", REGION)
        done = subprocess.run(["bash", "-euc", script], cwd=self.folder, env=self.environment, capture_output=True, text=True)
        if done.returncode:
            log = (self.folder / "ministack.log").read_text()
            said = [line for line in (done.stdout + done.stderr + log).splitlines() if re.search("error|failed", line, re.IGNORECASE)]
            sys.exit(script + "\n" + "\n".join(said))
        return done.stdout

    def client(self, service: str):
        return boto3.client(
            service, region_name=REGION, endpoint_url=self.environment["AWS_ENDPOINT_URL"],
            aws_access_key_id="test", aws_secret_access_key="test",
        )


class Watch:
    """Looks at what the stack runs, and gives its functions events."""

    def __init__(self, stack: Stack):
        self.stack = stack
        self.ecs, self.ecr, self.awslambda = (stack.client(name) for name in ["ecs", "ecr", "lambda"])

    def service(self) -> dict:
        return self.ecs.describe_services(cluster="pushboat", services=["game-2048"], include=["TAGS"])["services"][0]

    def definition(self, name: str | None = None) -> tuple[dict, dict]:
        name = name or self.service()["taskDefinition"]
        found = self.ecs.describe_task_definition(taskDefinition=name, include=["TAGS"])
        return found["taskDefinition"], {tag["key"]: tag["value"] for tag in found.get("tags", [])}

    def image(self) -> str:
        return self.definition()[0]["containerDefinitions"][0]["image"]

    def push(self, text: str) -> str:
        """Puts a manifest that differs by `text` under the tag live; returns its digest."""
        manifest = json.dumps({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "sha256:" + "0" * 64, "size": 2},
            "layers": [],
            "annotations": {"text": text},
        })
        self.ecr.put_image(repositoryName="game-2048", imageManifest=manifest, imageTag="live")
        return "sha256:" + hashlib.sha256(manifest.encode()).hexdigest()

    def invoke(self, function: str, event: dict) -> dict:
        answer = self.awslambda.invoke(FunctionName=function, Payload=json.dumps(event).encode())
        said = json.loads(answer["Payload"].read() or b"null")
        assert "FunctionError" not in answer, said
        return said

    def event(self, name: str) -> dict:
        event = json.loads((ROOT / "events" / f"{name}.json").read_text())
        return event | {"account": ACCOUNT, "region": REGION}


def set_up(checks: Checks, stack: Stack, watch: Watch):
    for block in commands("set up"):
        stack.run(block)
    service = watch.service()
    checks.that("the first deploy runs one placeholder task", service["desiredCount"] == 1 and watch.image() == PLACEHOLDER, watch.image())
    document, tags = watch.definition()
    checks.that("its revision is the template's", tags.get("pushboat:template") == "pushboat", tags)
    checks.that("the app is told its port", document["containerDefinitions"][0]["environment"] == [{"name": "PORT", "value": "8080"}], document)
    tags = {tag["key"]: tag["value"] for tag in service.get("tags", [])}
    checks.that("the service follows the tag live", tags.get("pushboat:track:app") == "game-2048:live", tags)
    said = stack.run(commands("look")[0])
    checks.that("the outputs say how visitors are served", "CertificateArn" in " ".join(said.split()), said)


def push(checks: Checks, watch: Watch, text: str) -> str:
    digest = watch.push(text)
    event = watch.event("deploy/push")
    event["detail"] |= {"image-tag": "live", "image-digest": digest}
    said = watch.invoke("pushboat-deploy", event)
    decisions = [decision["decision"] for decision in said["decisions"]]
    checks.that(f"the event of a push makes deploy release it ({text})", decisions[:1] == ["released"], said)
    checks.that("the service runs that digest", watch.image().endswith("@" + digest), watch.image())
    tags = [image.get("imageTag") for image in watch.ecr.list_images(repositoryName="game-2048")["imageIds"] if image["imageDigest"] == digest]
    checks.that("the digest has a tag of its own, so that it is kept", any((tag or "").startswith("deployed-") for tag in tags), tags)
    return digest


def change(checks: Checks, stack: Stack, watch: Watch, digest: str):
    stack.run(commands("scale")[0])
    before = watch.service()["taskDefinition"]
    stack.run(commands("set up")[0].replace("sam build\n", ""))
    service = watch.service()
    checks.that("the same deploy again changes nothing", (service["desiredCount"], service["taskDefinition"]) == (4, before), service["taskDefinition"])
    stack.run(commands("change")[0])
    document, tags = watch.definition("game-2048")
    image = document["containerDefinitions"][0]["image"]
    checks.that("a deploy with more CPU registers it with the live image", document["cpu"] == "512" and image.endswith("@" + digest), image)
    checks.that("as a revision of the template", "pushboat:template" in tags, tags)
    said = watch.invoke("pushboat-sweep", watch.event("sweep/tick"))
    document, _ = watch.definition()
    service = watch.service()
    checks.that("the next sweep rolls it out", document["cpu"] == "512" and watch.image().endswith("@" + digest), said)
    checks.that("the count stays", service["desiredCount"] == 4, service["desiredCount"])
    said = watch.invoke("pushboat-sweep", watch.event("sweep/tick"))
    checks.that("and then nothing is left to do", all(d["decision"] == "kept" for d in said["decisions"]), said)


def call_api(checks: Checks, stack: Stack, endpoint: str):
    outputs = stack.client("cloudformation").describe_stacks(StackName="pushboat")["Stacks"][0]["Outputs"]
    address = next(output["OutputValue"] for output in outputs if output["OutputKey"] == "ApiAddress")
    host = address.split("://")[1]

    def get(path: str, signed: bool) -> tuple[int, str]:
        request = AWSRequest("GET", f"http://{host}{path}", headers={"host": host})
        if signed:
            session = boto3.Session("test", "test", region_name=REGION)
            SigV4Auth(session.get_credentials(), "execute-api", REGION).add_auth(request)
        # The host names the API; the address is MiniStack's own.
        plain = urllib.request.Request(endpoint + path, headers=dict(request.headers))
        try:
            with urllib.request.urlopen(plain) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    status, body = get("/services", signed=True)
    checks.that("GET /services lists the service", status == 200 and "game-2048" in body, (status, body))
    status, body = get("/services", signed=False)
    checks.that("an unsigned call is refused", status in (401, 403), (status, body))


def adopt(checks: Checks, stack: Stack):
    for block in commands("adopt") + commands("github"):
        stack.run(block)
    ecs = stack.client("ecs")
    ecs.create_cluster(clusterName="shop")
    ecs.register_task_definition(family="cart", containerDefinitions=[{"name": "app", "image": "cart", "memory": 64}])
    ecs.create_service(cluster="shop", serviceName="cart", taskDefinition="cart", desiredCount=1)
    stack.run(commands("hand over")[0])
    cloud = stack.client("cloudformation")
    for name in ["pushboat-shop", "push-from-github"]:
        status = cloud.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
        checks.that(f"{name} is there", status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"), status)
    functions = [f["FunctionName"] for f in stack.client("lambda").list_functions()["Functions"] if "shop" in f["FunctionName"]]
    checks.that("adopting installs four functions", len(functions) == 4, functions)
    for name in ["pushboat-shop", "push-from-github"]:
        stack.run(f"aws cloudformation delete-stack --stack-name {name} && aws cloudformation wait stack-delete-complete --stack-name {name}")


def delete(checks: Checks, stack: Stack, watch: Watch):
    stack.run(commands("delete")[0])
    left = {
        "clusters": [arn for arn in watch.ecs.list_clusters()["clusterArns"] if arn.endswith("/pushboat")],
        "repositories": watch.ecr.describe_repositories()["repositories"],
        "functions": watch.awslambda.list_functions()["Functions"],
        "rules": stack.client("events").list_rules()["Rules"],
        "log groups": stack.client("logs").describe_log_groups()["logGroups"],
        "queues": stack.client("sqs").list_queues().get("QueueUrls", []),
        "roles": [role for role in stack.client("iam").list_roles()["Roles"] if "pushboat" in role["RoleName"].lower()],
        "load balancers": stack.client("elbv2").describe_load_balancers()["LoadBalancers"],
        "APIs": stack.client("apigatewayv2").get_apis()["Items"],
    }
    for what, there in left.items():
        checks.that(f"deleted: no {what}", not there, there)
    buckets = [bucket["Name"] for bucket in stack.client("s3").list_buckets()["Buckets"]]
    stay = [name for name in buckets if "accesslogbucket" in name]
    checks.that("the bucket of the access logs stays, as AccessLogs=keep says", len(stay) == 1, buckets)


def main() -> int:
    binaries, port = Path(sys.argv[1]).resolve(), free_port()
    endpoint, checks = f"http://127.0.0.1:{port}", Checks()
    environment = os.environ | {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "MINISTACK_HOST": "127.0.0.1", "IOT_MTLS_ENABLED": "0"}
    # Tasks only pretend to run: where an engine answers, it would be asked for images of a registry that is not there.
    environment["DOCKER_HOST"] = "unix:///no/engine"
    with tempfile.TemporaryDirectory(prefix="pushboat-ministack-") as folder:
        with open(Path(folder) / "ministack.log", "wb") as log:
            server = subprocess.Popen(["ministack"], env=environment, cwd=folder, stdout=log, stderr=log, start_new_session=True)
        try:
            for _ in range(120):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.5)
            stack = Stack(Path(folder), binaries, endpoint)
            watch = Watch(stack)
            set_up(checks, stack, watch)
            push(checks, watch, "one")
            digest = push(checks, watch, "two")
            change(checks, stack, watch, digest)
            call_api(checks, stack, endpoint)
            adopt(checks, stack)
            delete(checks, stack, watch)
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(timeout=30)
    print(f"{checks.failed} failed")
    return min(checks.failed, 1)


if __name__ == "__main__":
    sys.exit(main())
