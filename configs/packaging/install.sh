#!/bin/sh
# Installs wanctl from the folder that this file is in; a newer version over an older
# one, too.
#
#     ./install.sh              into /usr/local
#     ./install.sh --remove     takes it away; configuration, recording and logs stay
#
# PREFIX is another place than /usr/local. DESTDIR is a folder that stands for / : the
# files go there, and this machine is left alone. Debian's package is made so.
set -eu
cd "$(dirname "$0")"
PREFIX=${PREFIX:-/usr/local} DESTDIR=${DESTDIR:-}
case $PREFIX in /*) ;; *) echo "install.sh: PREFIX=$PREFIX does not begin with /" >&2; exit 2 ;; esac

# Where everything goes: mode, source, destination.
files() {
  echo "755 wanctl bin/wanctl"
  for unit in systemd/*.service; do echo "644 $unit lib/$unit" | sed 's|lib/systemd/|lib/systemd/system/|'; done
  echo "644 systemd/wanctl.sysusers lib/sysusers.d/wanctl.conf"
  echo "644 systemd/wanctl.tmpfiles lib/tmpfiles.d/wanctl.conf"
  echo "644 man/wanctl.1 share/man/man1/wanctl.1"
  echo "644 completions/wanctl share/bash-completion/completions/wanctl"
  echo "644 completions/_wanctl share/zsh/site-functions/_wanctl"
  echo "644 completions/wanctl.fish share/fish/vendor_completions.d/wanctl.fish"
  find doc -type f | sort | while read -r file; do echo "644 $file share/doc/wanctl/${file#doc/}"; done
  find examples monitoring -type f 2>/dev/null | sort | while read -r file; do echo "644 $file share/doc/wanctl/$file"; done
}

systemd() { [ -z "$DESTDIR" ] && [ -d /run/systemd/system ]; }

case ${1-} in
  '') ;;
  --remove)
    if systemd; then
      for unit in $(systemctl list-units --all --plain --no-legend 'wanctl-autorate@*.service' wanctl-steering.service | cut -d ' ' -f 1); do
        systemctl disable --now "$unit"
      done
    fi
    files | while read -r _ _ to; do rm -f "$DESTDIR$PREFIX/$to"; done
    find "$DESTDIR$PREFIX/share/doc/wanctl" -depth -type d -exec rmdir {} \; 2>/dev/null || true
    if systemd; then systemctl daemon-reload; fi
    echo "wanctl is removed. Kept are /etc/wanctl, /var/lib/wanctl, /var/log/wanctl and the user wanctl."
    exit 0
    ;;
  *)
    sed -n '2,/^[^#]/s/^# \{0,1\}//p' install.sh >&2
    exit 2
    ;;
esac

files | while read -r mode from to; do
  mkdir -p "$DESTDIR$PREFIX/$(dirname "$to")"
  # A new file takes the old one's place whole: the old may be running.
  new=$DESTDIR$PREFIX/$to.new
  case $from in
    *.service) sed "s|^ExecStart=/usr/|ExecStart=$PREFIX/|" "$from" >"$new" ;;
    *) cp "$from" "$new" ;;
  esac
  chmod "$mode" "$new"
  mv -f "$new" "$DESTDIR$PREFIX/$to"
done
[ -z "$DESTDIR" ] || exit 0

if command -v systemd-sysusers >/dev/null; then
  systemd-sysusers "$PREFIX/lib/sysusers.d/wanctl.conf"
elif ! id wanctl >/dev/null 2>&1; then
  useradd --system --user-group --home-dir /var/lib/wanctl --no-create-home --shell /usr/sbin/nologin wanctl
fi
install -d -o root -g wanctl -m 2750 /etc/wanctl
install -d -o wanctl -g wanctl -m 0755 /run/wanctl
install -d -o wanctl -g wanctl -m 0750 /var/lib/wanctl /var/log/wanctl
if systemd; then
  systemctl daemon-reload
  systemctl try-restart 'wanctl-autorate@*.service' wanctl-steering.service
fi
echo "wanctl is installed. The next steps are in $PREFIX/share/doc/wanctl/docs/install.md"
