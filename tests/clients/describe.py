"""Cases made from the API's own description, against `pushboat local`: no 5xx, and no status or body that it does not describe.

    python tests/clients/describe.py target/debug/pushboat [seconds]

needs schemathesis and botocore (pip). It starts a place of its own on free ports, without request limits, and ends it
again. Requests are signed. The last line counts cases and failures.
"""
import collections
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

# The words that follow are read by schemathesis itself, which loads this file for its hooks.
ADDRESS, KEY, SECRET, REGION = (os.environ.get(f"PUSHBOAT_{name}") for name in ("API", "KEY", "SECRET", "REGION"))


def hooks():
    import schemathesis
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    from requests.auth import AuthBase

    class Signed(AuthBase):
        def __call__(self, request):
            plain = AWSRequest(method=request.method, url=request.url, data=request.body or b"")
            if "content-type" in request.headers:
                plain.headers["content-type"] = request.headers["content-type"]
            SigV4Auth(Credentials(KEY, SECRET), "execute-api", REGION).add_auth(plain)
            for name in ("Authorization", "X-Amz-Date"):
                request.headers[name] = plain.headers[name]
            return request

    @schemathesis.auth()
    class Signature:
        def get(self, case, context):
            return Signed()

        def set(self, case, data, context):
            case._auth = data

    @schemathesis.hook
    def map_path_parameters(context, path_parameters):
        """Half of the cases are about a service that is there."""
        if isinstance(path_parameters, dict) and len(str(path_parameters.get("cluster", ""))) % 2:
            there = {"cluster": "pushboat", "service": "game-2048"}
            return {name: there.get(name, value) for name, value in path_parameters.items()}
        return path_parameters

    @schemathesis.hook
    def map_body(context, body):
        """Each task would be a process that stays."""
        if context.operation.path.endswith("/tasks") and isinstance(body, dict):
            return dict(body, dry_run=True)
        return body


def place(program, folder):
    environment = dict(os.environ, XDG_RUNTIME_DIR=str(folder), TMPDIR=str(folder))
    ports = ["--game-port", "0", "--aws-port", "0", "--registry-port", "0", "--api-port", "0"]
    log = open(folder / "local.log", "wb")
    process = subprocess.Popen(
        [program, "local", "--tasks", "1", "--no-limits", "--provisioning-seconds", "0.2", *ports],
        env=environment, stdout=log, stderr=subprocess.STDOUT,
    )
    book = folder / "pushboat" / "local.json"
    for _ in range(1_800):
        if book.exists() and b"Ctrl-C" in (folder / "local.log").read_bytes():
            break
        assert process.poll() is None, (folder / "local.log").read_text()
        time.sleep(0.1)
    pushed = subprocess.run([program, "push", "game", "--tag", "v1", "--place", str(book)], capture_output=True, text=True)
    assert pushed.returncode == 0, pushed.stdout + pushed.stderr
    return process, json.loads(book.read_text())


def main(program, seconds):
    description = pathlib.Path(__file__).parents[2] / "functions" / "api" / "openapi.json"
    with tempfile.TemporaryDirectory(prefix="pushboat-describe-") as name:
        process, at = place(program, pathlib.Path(name))
        try:
            environment = dict(
                os.environ, PUSHBOAT_API=at["api"], PUSHBOAT_KEY=at["access_key_id"], PUSHBOAT_REGION=at["region"],
                PUSHBOAT_SECRET=at["secret_access_key"], SCHEMATHESIS_HOOKS=str(pathlib.Path(__file__)), PYTHONDONTWRITEBYTECODE="1",
            )
            words = [
                "st", "run", str(description), "--url", at["api"], "--phases", "examples,coverage,fuzzing", "--no-color",
                "--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
                "--max-time", str(seconds), "--suppress-health-check", "all", "--warnings", "off", "--continue-on-failure",
                "--request-timeout", "30", "--seed", "2048",
            ]
            done = subprocess.run(words, env=environment, cwd=name, capture_output=True, text=True)
            # Of the last thousand. A signature that is no good would end everything at the gateway, as described.
            seen = json.load(urllib.request.urlopen(at["control"] + "requests"))
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(20)
    print(done.stdout[-6_000:], done.stderr[-2_000:])
    statuses = collections.Counter(request["status"] for request in seen)
    print("statuses:", ", ".join(f"{count} times {status}" for status, count in sorted(statuses.items())))
    reached = {200, 400, 404, 409} <= set(statuses)
    cases = re.search(r"(\d+) generated", done.stdout)
    print(f"{cases.group(1) if cases else 'no'} cases, {'all as described' if done.returncode == 0 else 'some not as described'}")
    return done.returncode or (0 if cases and reached else 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 100))
elif ADDRESS:
    hooks()
