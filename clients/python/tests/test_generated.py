"""What is generated is what would be generated now."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

from conftest import ROOT
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

HERE = Path(__file__).resolve().parent.parent


def test_the_sync_side_is_made_from_the_other() -> None:
    made = subprocess.run(
        [sys.executable, HERE / "scripts" / "generate.py", "sync", "--check"], capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr


def test_the_stubs_are_those_of_the_contract() -> None:
    contract = FileDescriptorSet.FromString((ROOT / "gen" / "codeset.binpb").read_bytes())
    ours = [file for file in contract.file if file.name.startswith("codeset/v1/")]
    assert len(ours) == 10
    for file in ours:
        file.ClearField("source_code_info")
        module = importlib.import_module(f"codeset_sandbox.v1.{Path(file.name).stem}_pb2")
        stub = FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(stub)
        _without_json_names(file)
        _without_json_names(stub)
        assert stub == file, f"{file.name} has changed: run `npm run gen`, and scripts/generate.py stubs"


def test_every_method_of_the_services_can_be_called() -> None:
    from codeset_sandbox import methods

    named = {
        method.path
        for service in (methods.samples, methods.sessions, methods.verifications)
        for method in vars(service).values()
        if hasattr(method, "path")
    }
    contract = FileDescriptorSet.FromString((ROOT / "gen" / "codeset.binpb").read_bytes())
    assert named == {
        f"/{file.package}.{service.name}/{method.name}"
        for file in contract.file
        if file.package == "codeset.v1"
        for service in file.service
        for method in service.method
    }


def _without_json_names(file: FileDescriptorProto) -> None:
    def clear(messages: object) -> None:
        for message in messages:  # type: ignore[attr-defined]
            for field in message.field:
                field.ClearField("json_name")
            clear(message.nested_type)

    clear(file.message_type)
