#!/bin/sh
# As in the image registry:2: a configuration or a command of Berth's runs Berth, anything else runs as it is.
set -e
config=/etc/docker/registry/config.yml

case "$1" in
  '') set -- registry serve "$config" ;;
  *.yaml | *.yml) set -- registry serve "$@" ;;
  serve)
    shift
    # Without a file Berth serves only the machine that it runs on, which in a container is nobody.
    [ $# -gt 0 ] || set -- "${REGISTRY_CONFIGURATION_PATH:-$config}"
    set -- registry serve "$@"
    ;;
  garbage-collect | gc | delete | undelete | tag | describe | image | import | mirror | check | status | quota | retention | hold | unhold | webhook | health | config | check-config | completion | help | -*) set -- registry "$@" ;;
  user | group | token | htpasswd | storage | certificate | client | proxy-config | doctor | agent | deploy | deployments) set -- registry "$@" ;;
esac

exec "$@"
