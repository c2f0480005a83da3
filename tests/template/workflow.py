"""The GitHub workflow of docs/install.md is YAML that says what the page says: a role instead of a secret, both platforms, and
the tag that the template's services follow."""

import re
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
page = (ROOT / "docs/install.md").read_text()
workflow = yaml.safe_load(re.search(r"```yaml\n(.*?)```", page, re.DOTALL).group(1))
template = (ROOT / "template.yaml").read_text()
followed = re.search(r"  Track:\n    Type: String\n    Default: (\S+)", template).group(1)

steps = {step["uses"].split("@")[0]: step.get("with", {}) for step in workflow["jobs"]["push"]["steps"]}
push = steps["docker/build-push-action"]
checks = {
    "it may ask for a token": workflow["permissions"]["id-token"] == "write",
    "it assumes a role": ":role/" in steps["aws-actions/configure-aws-credentials"]["role-to-assume"],
    "it holds no secret": "secrets." not in str(workflow),
    "it builds for both platforms": push["platforms"] == "linux/amd64,linux/arm64",
    "it moves the tag that is followed": f"}}:{followed}" in push["tags"].replace(" ", ""),
    "only one push runs at a time": bool(workflow["concurrency"]),
}
for what, holds in checks.items():
    print(f"{'ok    ' if holds else 'FAILED'} {what}")
sys.exit(not all(checks.values()))
