#!/bin/sh
# Certificates for TLS between broker, server and edges, in the current folder; nothing is overwritten. Keep ca.key offline.
#   certificates.sh ca                   the authority: ca.pem, ca.key
#   certificates.sh broker NAME...       broker.pem, broker.key, for these host names or addresses of the broker
#   certificates.sh client NAME          NAME.pem, NAME.key: `menjin-server`, or an edge's own name as in edge.toml
set -eu
umask 077

usage() { sed -n 's/^#   //p' "$0" >&2; exit 2; }
fail() { echo "certificates.sh: $1" >&2; exit 2; }

# make FILE COMMON_NAME DAYS EXTENSIONS OPENSSL_OPTIONS...
make() {
  file=$1 name=$2 days=$3 extensions=$4
  shift 4
  [ ! -e "$file.key" ] && [ ! -e "$file.pem" ] || fail "$file.key or $file.pem is there already; move it away first"
  said=$(openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -sha256 -days "$days" "$@" \
    -keyout "$file.key" -out "$file.pem" -config /dev/stdin 2>&1 <<END
[req]
prompt = no
distinguished_name = dn
x509_extensions = extensions
[dn]
CN = $name
[extensions]
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
$extensions
END
  ) || { rm -f "$file.key" "$file.pem"; fail "openssl: $said"; }
  chmod 644 "$file.pem"
  echo "$file.pem $file.key"
}

signed() { [ -e ca.key ] && [ -e ca.pem ] || fail "no ca.pem and ca.key in this folder; begin with: certificates.sh ca"; }

what=${1:-}
[ $# -gt 0 ] && shift
case "$what" in
ca)
  [ $# = 0 ] || usage
  make ca "menjin broker authority" 3650 "basicConstraints = critical, CA:true, pathlen:0
keyUsage = critical, keyCertSign, cRLSign"
  ;;
broker)
  [ $# -gt 0 ] || usage
  signed
  names=""
  for host in "$@"; do
    case "$host" in *:*) kind=IP ;; *[!0-9.]*) kind=DNS ;; *) kind=IP ;; esac
    names="$names${names:+, }$kind:$host"
  done
  make broker "$1" 1095 "basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = $names" -CA ca.pem -CAkey ca.key
  ;;
client)
  [ $# = 1 ] || usage
  case "$1" in "" | ca | broker | .* | *[!A-Za-z0-9._-]*) fail "client name '$1': letters, digits, '.', '_', '-'" ;; esac
  signed
  make "$1" "$1" 1095 "basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth" -CA ca.pem -CAkey ca.key
  ;;
*) usage ;;
esac
