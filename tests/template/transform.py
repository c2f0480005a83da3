"""Writes template.yaml and adopt.yaml as CloudFormation sees them after the SAM transform: <name>.json beside this file.

    transform.py           writes them
    transform.py --check   exits with 1 where they are not what it would write

Needs aws-sam-translator, which aws-sam-cli brings. `cargo test` reads the files, so that it needs no Python.
"""

import hashlib
import json
import os
import sys
from pathlib import Path

os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")

from samtranslator.translator.transform import transform  # noqa: E402
from samtranslator.yaml_helper import yaml_parse  # noqa: E402

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


class NoManagedPolicies:
    """The templates name their roles, so no policy template is looked up."""

    def load(self):
        return {}


def transformed(source: Path) -> str:
    text = source.read_text()
    template = yaml_parse(text)
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            # `sam package` puts the address of the built archive here.
            resource["Properties"]["CodeUri"] = f"s3://built/{resource['Properties']['CodeUri']}"
    result = transform(template, {}, NoManagedPolicies())
    result.setdefault("Metadata", {})["SourceSha256"] = hashlib.sha256(text.encode()).hexdigest()
    return json.dumps(result, indent=1) + "\n"


def main() -> int:
    stale = []
    for name in ["template", "adopt"]:
        target, wanted = HERE / f"{name}.json", transformed(ROOT / f"{name}.yaml")
        if "--check" not in sys.argv:
            target.write_text(wanted)
        elif not target.exists() or target.read_text() != wanted:
            stale.append(target.name)
    if stale:
        print(f"stale: {', '.join(stale)}; run tests/template/transform.py")
    return len(stale)


if __name__ == "__main__":
    sys.exit(main())
