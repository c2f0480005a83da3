"""`sam deploy`, again with other parameters, adopt, and `sam delete`, with the functions as built, against MiniStack: an
emulator of AWS by other people, so that not only our own stand-in says that the templates and functions fit together.
`pushboat verify`, `adopt` and `doctor` look at all of it, as it is and with something broken.

    ministack.py BINARIES

BINARIES is a folder with the functions by their names (target/debug), or `sam build`'s (.aws-sam/build). The command is the one
beside them, or target/debug/pushboat. The commands are those of docs/install.md, taken from the page. `ministack` and `sam`
must be on the PATH.

MiniStack knows no flow logs, no metric math in alarms and no OIDC providers: FlowLogs=off, ErrorPercent=0 and ProviderArn leave
them out. A path /health is its own on every host. It
does not tell functions its own address: the copy of the template used here has it in their environment. Numbers that a
parameter gives it keeps as text, which no client can read in an answer of ECS: the copy has their defaults as numbers. Its
policy simulator takes no condition keys, a target group does not know of the load balancer that a listener's rule forwards
from, and the API's address has no host of this machine: what follows from that is NOT_OF_THE_EMULATOR.
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
# What a checklist finds wrong with an emulator that is no fault of the stack: subject, and a word of the reason.
NOT_OF_THE_EMULATOR = [
    ("API", "cannot be reached"),
    ("permissions of ", "iam:PassRole"),
    ("permissions of ", "ecs:UpdateService"),
    ("target group", "no load balancer"),
]


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
            # Of all functions; one has more of its own.
            marker = "    Environment:\n      Variables:\n"
            assert text.count(marker) == 1
            (folder / name).write_text(text.replace(marker, f"{marker}        AWS_ENDPOINT_URL: {endpoint}\n"))
        shutil.copy(ROOT / "samconfig.toml", folder)
        beside = binaries / "pushboat"
        (folder / "bin").mkdir()
        (folder / "bin" / "pushboat").symlink_to(beside if beside.exists() else ROOT / "target/debug/pushboat")
        self.environment = os.environ | {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "AWS_PAGER": "",
            "SAM_CLI_TELEMETRY": "0",
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
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

    def checklist(self, *words: str) -> tuple[int, list[dict]]:
        """The exit status of `pushboat` with these words, and what it found."""
        done = subprocess.run(["pushboat", *words, "--output", "json"], cwd=self.folder, env=self.environment, capture_output=True, text=True)
        assert done.returncode in (0, 3), done.stderr
        return done.returncode, json.loads(done.stdout)["findings"]

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

    def service(self, cluster: str = "pushboat", name: str = "game-2048") -> dict:
        return self.ecs.describe_services(cluster=cluster, services=[name], include=["TAGS"])["services"][0]

    def definition(self, name: str | None = None) -> tuple[dict, dict]:
        name = name or self.service()["taskDefinition"]
        found = self.ecs.describe_task_definition(taskDefinition=name, include=["TAGS"])
        return found["taskDefinition"], {tag["key"]: tag["value"] for tag in found.get("tags", [])}

    def image(self) -> str:
        return self.definition()[0]["containerDefinitions"][0]["image"]

    def push(self, text: str, repository: str = "game-2048") -> str:
        """Puts a manifest that differs by `text` under the tag live; returns its digest."""
        manifest = json.dumps({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "sha256:" + "0" * 64, "size": 2},
            "layers": [],
            "annotations": {"text": text},
        })
        self.ecr.put_image(repositoryName=repository, imageManifest=manifest, imageTag="live")
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


def wrong(findings: list[dict]) -> list[str]:
    def is_ours(finding: dict) -> bool:
        return not any(finding["subject"].startswith(subject) and word in finding["why"] for subject, word in NOT_OF_THE_EMULATOR)

    return sorted({finding["subject"] for finding in findings if finding["verdict"] == "wrong" and is_ours(finding)})


def examine(checks: Checks, stack: Stack):
    """The installation and the service as they are, and with something broken."""
    _, findings = stack.checklist("doctor")
    checks.that("the doctor finds nothing wrong with the installation", wrong(findings) == [], wrong(findings))
    said = {finding["subject"]: finding["verdict"] for finding in findings}
    sound = ["stack", "parts", "function pushboat-deploy", "rule DeployFunctionPushes", "queue FailedEvents", "service pushboat/game-2048"]
    checks.that("and says so of each part", all(said.get(subject) == "ok" for subject in sound), said)
    events, sqs, awslambda, alarms, iam, logs, secrets, ssm, ecs = (
        stack.client(name) for name in ["events", "sqs", "lambda", "cloudwatch", "iam", "logs", "secretsmanager", "ssm", "ecs"]
    )
    rule = next(rule["Name"] for rule in events.list_rules()["Rules"] if "DeployFunctionPushes" in rule["Name"])
    queue = sqs.get_queue_url(QueueName="pushboat-failed-events")["QueueUrl"]
    events.disable_rule(Name=rule)
    sqs.send_message(QueueUrl=queue, MessageBody="{}")
    awslambda.put_function_concurrency(FunctionName="pushboat-scale", ReservedConcurrentExecutions=0)
    alarms.set_alarm_state(AlarmName="pushboat/refusals", StateValue="ALARM", StateReason="the test says so")
    status, findings = stack.checklist("doctor")
    broken = ["alarm pushboat/refusals", "function pushboat-scale", "queue FailedEvents", "rule DeployFunctionPushes"]
    checks.that("a rule, a queue, a function and an alarm that are not well are found", (status, wrong(findings)) == (3, broken), wrong(findings))
    events.enable_rule(Name=rule)
    sqs.purge_queue(QueueUrl=queue)
    awslambda.delete_function_concurrency(FunctionName="pushboat-scale")
    alarms.set_alarm_state(AlarmName="pushboat/refusals", StateValue="OK", StateReason="the test says so")
    _, findings = stack.checklist("doctor")
    checks.that("mended, they are well again", wrong(findings) == [], wrong(findings))

    _, findings = stack.checklist("verify", "pushboat/game-2048")
    checks.that("nothing is wrong with the template's service", wrong(findings) == [], wrong(findings))
    said = {finding["subject"]: finding["verdict"] for finding in findings}
    sound = ["circuit breaker", "image of app", "execution role", "task role", "log group", "zones", "egress", "way out"]
    checks.that("and each check says so", all(said.get(subject) == "ok" for subject in sound), said)
    role = next(role["RoleName"] for role in iam.list_roles()["Roles"] if "pushboat-ExecutionRole" in role["RoleName"])
    deny = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "ecr:BatchGetImage", "Resource": "*"}]}
    iam.put_role_policy(RoleName=role, PolicyName="deny", PolicyDocument=json.dumps(deny))
    logs.delete_log_group(logGroupName="/ecs/pushboat/game-2048")
    status, findings = stack.checklist("verify", "pushboat/game-2048", "--image", "game-2048:nothing")
    checks.that("a role that may not pull, a log group and an image that are not there are found",
                (status, wrong(findings)) == (3, ["execution role", "image", "log group"]), wrong(findings))
    iam.delete_role_policy(RoleName=role, PolicyName="deny")
    logs.create_log_group(logGroupName="/ecs/pushboat/game-2048")

    arn = secrets.create_secret(Name="cart", SecretString='{"password": "tell-nobody"}')["ARN"]
    ssm.put_parameter(Name="/shop/cart", Value="tell-nobody", Type="SecureString")
    values = [f"{arn}:password::", f"{arn}::AWSNEVER:", "/shop/cart", "/shop/nothing"]
    container = {"name": "app", "image": "nginx", "memory": 64, "secrets": [{"name": f"S{i}", "valueFrom": it} for i, it in enumerate(values)]}
    role = next(role["Arn"] for role in iam.list_roles()["Roles"] if role["RoleName"] == role_of(stack))
    ecs.register_task_definition(family="secretive", executionRoleArn=role, containerDefinitions=[container])
    status, findings = stack.checklist("verify", "--task-definition", "secretive")
    found = sorted((f["subject"], f["verdict"]) for f in findings if f["subject"] in ("secret", "parameter"))
    both = [("parameter", "ok"), ("parameter", "wrong"), ("secret", "ok"), ("secret", "wrong")]
    checks.that("secrets and parameters are told apart: there, and not there", (status, found) == (3, both), found)
    checks.that("and their values stay theirs", "tell-nobody" not in json.dumps(findings), findings)
    secrets.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)


def role_of(stack: Stack) -> str:
    return next(role["RoleName"] for role in stack.client("iam").list_roles()["Roles"] if "pushboat-ExecutionRole" in role["RoleName"])


def adopt(checks: Checks, stack: Stack, watch: Watch):
    for block in commands("adopt") + commands("github"):
        stack.run(block)
    ecs = stack.client("ecs")
    ecs.create_cluster(clusterName="shop")
    watch.ecr.create_repository(repositoryName="cart")
    watch.push("cart", "cart")
    image = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/cart:live"
    ecs.register_task_definition(family="cart", containerDefinitions=[{"name": "app", "image": image, "memory": 64}])
    ecs.create_service(cluster="shop", serviceName="cart", taskDefinition="cart", desiredCount=1)
    tags = lambda: {tag["key"]: tag["value"] for tag in watch.service("shop", "cart").get("tags", [])}
    refused = subprocess.run(["pushboat", "adopt", "shop/cart", "--track", "cart:live", "--yes"], env=stack.environment, capture_output=True, text=True)
    checks.that("without a circuit breaker nothing is handed over", refused.returncode == 3 and not tags(), refused.stdout)
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
    ecs.update_service(cluster="shop", service="cart", deploymentConfiguration=breaker)
    stack.run(commands("hand over")[0])
    checks.that("with one it is", tags() == {"pushboat:track": "cart:live"}, tags())
    _, findings = stack.checklist("doctor", "--stack", "pushboat-shop")
    checks.that("and the doctor of its installation finds nothing wrong", wrong(findings) == [], wrong(findings))
    stack.run("pushboat adopt shop/cart --undo --yes")
    checks.that("and it can be taken back", not tags(), tags())
    watch.ecr.delete_repository(repositoryName="cart", force=True)
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
            examine(checks, stack)
            change(checks, stack, watch, digest)
            call_api(checks, stack, endpoint)
            adopt(checks, stack, watch)
            delete(checks, stack, watch)
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(timeout=30)
    print(f"{checks.failed} failed")
    return min(checks.failed, 1)


if __name__ == "__main__":
    sys.exit(main())
