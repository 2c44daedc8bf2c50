#!/bin/sh
# Builds codeset-init with one call of the C compiler; does nothing when it is newer than its sources.
# CC and OUT may be given in the environment; for another architecture, say
#   CC=aarch64-linux-gnu-gcc OUT=build/codeset-init-arm64 init/build.sh
set -eu
cd "$(dirname "$0")"
out=${OUT:-build/codeset-init}
cc=${CC:-cc}
sources="main.c init.c link.c ring.c request.c spawn.c tty.c tree.c turn.c user.c files.c as_subject.c listen.c attach.c packets.c copy.c store.c in_shell.c keep_shell.c network.c inside.c apart.c work.c exchange.c tar_reader.c unpack.c pack.c"
if [ -x "$out" ]; then
  newer=$(find $sources init.h packets.h shell.h tar.h build.sh -newer "$out" | head -n 1)
  [ -n "$newer" ] || exit 0
fi
command -v "$cc" >/dev/null 2>&1 || {
  case $cc in
  aarch64-linux-gnu-gcc) packages='gcc-aarch64-linux-gnu libc6-dev-arm64-cross' ;;
  x86_64-linux-gnu-gcc) packages='gcc-x86-64-linux-gnu libc6-dev-amd64-cross' ;;
  *) packages='gcc libc6-dev' ;;
  esac
  echo "init/build.sh: there is no C compiler ($cc); install one (Debian, Ubuntu: apt-get install $packages)" >&2
  exit 1
}
mkdir -p "$(dirname "$out")"
probe=$(mktemp -d)
trap 'rm -rf "$probe"' EXIT
echo 'int main(void) { return 0; }' >"$probe/probe.c"
if ! "$cc" -static -o "$probe/probe" "$probe/probe.c" 2>"$probe/errors"; then
  cat "$probe/errors" >&2
  echo "init/build.sh: $cc can't link a static program; install libc's static library (Debian, Ubuntu: libc6-dev; Fedora: glibc-static)" >&2
  exit 1
fi
# Written under another name first: a running sandbox may have the old one open.
"$cc" -std=c11 -O2 -Wall -Wextra -Werror -static -o "$out.new.$$" $sources
mv -f "$out.new.$$" "$out"
