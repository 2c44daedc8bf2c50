#!/bin/sh
# Makes the package's stubs from proto/, with a grpcio-tools of its own in .setup/ (Python 3.9 to 3.12).
set -eu
cd "$(dirname "$0")/.."
tools=../../.setup/python-stubs
if [ ! -x "$tools/bin/python" ] || ! "$tools/bin/python" -c 'import grpc_tools, google.rpc' 2>/dev/null; then
  python3 -m venv --clear "$tools"
  "$tools/bin/python" -m pip install --quiet --disable-pip-version-check 'grpcio-tools==1.62.3' 'setuptools<80' 'googleapis-common-protos<1.66'
fi
exec "$tools/bin/python" scripts/generate.py stubs
