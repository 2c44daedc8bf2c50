#!/usr/bin/env python3
"""Makes what is generated in this package; `--check` fails when what is there is not what would be made.

    generate.py stubs [--check]   src/codeset_sandbox/v1 and methods.py from the proto files; needs grpcio-tools 1.62.3
    generate.py sync [--check]    src/codeset_sandbox/_sync from _async; needs nothing

The stubs are made by an old grpcio-tools on purpose: their code asks for no particular version of protobuf, so that
the package can be installed beside whatever else uses protobuf.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
PACKAGE = HERE / "src" / "codeset_sandbox"
PROTO = HERE.parent.parent / "proto"

#: Of these both versions are written by hand: what asyncio does, and what threads do.
BY_HAND = {"transport.py"}

#: From asyncio to threads, in this order.
REPLACEMENTS = [
    (r"\bOpening\[([\w\[\]]+)\]", r"\1"),
    (r"\breturn opening\(", "return ("),
    (r"\basync (def|with|for)\b", r"\1"),
    (r"\bawait ", ""),
    (r"\bAsync(?=[A-Z]\w+)", ""),
    (r"__a(enter|exit|iter|next)__", r"__\1__"),
    (r"\bAsyncIterator\b", "Iterator"),
    (r"\b_async\b", "_sync"),
    (r"\baclose\b", "close"),
    (r"StopAsyncIteration", "StopIteration"),
]


def sync_of(text: str, name: str) -> str:
    for pattern, replacement in REPLACEMENTS:
        text = re.sub(pattern, replacement, text)
    # Of what `transport` has, the sync side has no use for these two.
    text = re.sub(r"^from \.transport import Opening, opening\n", "", text, flags=re.M)
    text = re.sub(r"\bOpening, |, opening\b", "", text)
    return f"# Made from _async/{name} by scripts/generate.py: change it there.\n{text}"


def sync() -> dict[Path, str]:
    return {
        PACKAGE / "_sync" / path.name: sync_of(path.read_text("utf-8"), path.name)
        for path in sorted((PACKAGE / "_async").glob("*.py"))
        if path.name not in BY_HAND
    }


def stubs() -> dict[Path, str]:
    import tempfile
    from importlib.metadata import version

    import grpc_tools  # type: ignore[import-untyped]
    from grpc_tools import protoc

    if not version("grpcio-tools").startswith("1.62."):
        raise SystemExit(f"Stubs are made by grpcio-tools 1.62, not {version('grpcio-tools')}: use scripts/stubs.sh.")
    well_known = Path(grpc_tools.__file__).parent / "_proto"

    made: dict[Path, str] = {PACKAGE / "v1" / "__init__.py": '"""The messages of the contract, as protoc makes them."""\n'}
    with tempfile.TemporaryDirectory() as folder:
        files = sorted(str(path) for path in (PROTO / "codeset" / "v1").glob("*.proto"))
        status = protoc.main(["protoc", f"-I{PROTO}", f"-I{well_known}", f"--python_out={folder}", f"--pyi_out={folder}", *files])
        if status != 0:
            raise SystemExit(status)
        for path in sorted((Path(folder) / "codeset" / "v1").iterdir()):
            text = path.read_text("utf-8").replace("from codeset.v1 import", "from codeset_sandbox.v1 import")
            made[PACKAGE / "v1" / path.name] = text
    return made


def methods() -> dict[Path, str]:
    sys.path.insert(0, str(HERE / "src"))
    from codeset_sandbox.v1 import sample_service_pb2, session_service_pb2, verification_service_pb2

    services = {"samples": sample_service_pb2, "sessions": session_service_pb2, "verifications": verification_service_pb2}
    lines = [
        "# Made by scripts/generate.py from the proto files.",
        '"""Every RPC of the three services, for `Client.call`: what this library has no method of its own for."""',
        "",
        "from __future__ import annotations",
        "",
        "from ._method import Method",
        "from .v1 import sample_service_pb2, session_service_pb2, verification_service_pb2",
    ]
    for name, module in services.items():
        (service,) = module.DESCRIPTOR.services_by_name.values()
        file = module.__name__.rsplit(".", 1)[1]
        lines += ["", "", f"class {name}:", f'    """{service.full_name}"""', ""]
        for method in service.methods:
            types = f"{file}.{method.input_type.name}, {file}.{method.output_type.name}"
            lines.append(f'    {method.name} = Method("/{service.full_name}/{method.name}", {types})')
    return {PACKAGE / "methods.py": "\n".join(lines) + "\n"}


def write(made: dict[Path, str], check: bool) -> int:
    stale = [path for path, text in made.items() if not path.exists() or path.read_text("utf-8") != text]
    if check:
        for path in stale:
            print(f"{path.relative_to(HERE)} is not what scripts/generate.py makes: run it.", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(made[path], "utf-8")
    return 0


def main(args: list[str]) -> int:
    check = "--check" in args
    what = [arg for arg in args if not arg.startswith("-")]
    if what == ["sync"]:
        return write(sync(), check)
    if what == ["stubs"]:
        return write(stubs(), check) or write(methods(), check)
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
