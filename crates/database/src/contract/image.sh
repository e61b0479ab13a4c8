# Makes an image of programs of this machine. The arguments are its name, and files or directories: they are in the image at
# the same paths, with the libraries that they need, a shell, and nothing else.
set -eu
name=$1; shift
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root/tree/bin" "$root/tree/tmp" "$root/tree/etc"
chmod 1777 "$root/tree/tmp"
find -L "$@" -type f \( -perm -u+x -o -name '*.so' \) ! -path '*llvm*' >"$root/programs"
while read -r program; do ldd "$program" 2>/dev/null | grep -o '/[^ ]*' || :; done <"$root/programs" >"$root/libraries"
{ printf '%s\n' "$@"; cat "$root/libraries"; } | sort -u | sed 's,^/,,' >"$root/list"
tar -cf - -h -C / --exclude='*llvm*' --exclude='*/bitcode' -T "$root/list" | tar -xf - -C "$root/tree"
for word in sh cat readlink sed dirname basename mkdir chmod uname env rm; do
    [ -e "$root/tree/bin/$word" ] || ln -s /bin/busybox "$root/tree/bin/$word"
done
cp -L /bin/busybox "$root/tree/bin/busybox"
echo 'root:x:0:0::/:/bin/sh' >"$root/tree/etc/passwd"
tar -cf - -C "$root/tree" . | "$IMPORT" import - "$name" >/dev/null
