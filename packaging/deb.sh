#!/bin/sh
# Makes a Debian package of a built binary: packaging/deb.sh target/release/inhouse [FOLDER]
# What is in it besides the binary, the binary makes itself: manual pages, completions, a commented configuration.
set -eu
binary=$(realpath "$1")
folder=$(realpath "${2:-.}")
here=$(dirname "$(realpath "$0")")
version=$("$binary" --version | cut -d' ' -f2)
architecture=$(dpkg --print-architecture)
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
umask 022

install -D -m 755 "$binary" "$stage/usr/bin/inhouse"
install -D -m 644 "$here/inhouse.service" "$stage/usr/lib/systemd/system/inhouse.service"
install -D -m 644 "$here/inhouse.sysusers" "$stage/usr/lib/sysusers.d/inhouse.conf"
mkdir -p "$stage/usr/share/bash-completion/completions" "$stage/usr/share/zsh/vendor-completions" \
    "$stage/usr/share/fish/vendor_completions.d" "$stage/usr/share/man/man1" "$stage/usr/share/doc/inhouse" "$stage/DEBIAN"
"$binary" completions bash > "$stage/usr/share/bash-completion/completions/inhouse"
"$binary" completions zsh > "$stage/usr/share/zsh/vendor-completions/_inhouse"
"$binary" completions fish > "$stage/usr/share/fish/vendor_completions.d/inhouse.fish"
"$binary" man "$stage/usr/share/man/man1"
gzip -9n "$stage"/usr/share/man/man1/*.1
install -m 644 "$here/../README.md" "$here/../SECURITY.md" "$stage/usr/share/doc/inhouse/"
install -m 644 "$here/../LICENSE" "$stage/usr/share/doc/inhouse/copyright"
gzip -9nc "$here/../CHANGELOG.md" > "$stage/usr/share/doc/inhouse/changelog.gz"
mkdir -p "$stage/etc/inhouse"
# The machine that builds it has nothing to say in it.
env -i "$binary" init --agent demo --team --output "$stage/etc/inhouse/inhouse.toml" > /dev/null < /dev/null

cat > "$stage/DEBIAN/control" <<END
Package: inhouse
Version: $version
Architecture: $architecture
Maintainer: The inhouse maintainers <inhouse@localhost>
Depends: libc6, libgcc-s1
Recommends: git
Section: net
Priority: optional
Installed-Size: $(du -sk "$stage" | cut -f1)
Description: command-line agents as A2A endpoints, inside your own network
 Serves the command-line agents that you already run (Claude Code, Codex,
 Gemini, any command) to other agents over the Agent2Agent protocol: one
 binary, no account, no bridge, no telemetry.
END
echo /etc/inhouse/inhouse.toml > "$stage/DEBIAN/conffiles"
for script in postinst prerm postrm; do
    install -m 755 "$here/deb.$script" "$stage/DEBIAN/$script"
done
dpkg-deb --root-owner-group --build "$stage" "$folder/inhouse_${version}_${architecture}.deb"
