#!/usr/bin/env bash
# Runs FOLDER/session.sh in a root folder without killgate: this machine's files, with all changes in memory. Then runs each line
# of standard input there, until that ends. Exits with 77 where such a folder cannot be made. Needs mount and pid namespaces
# of its own.
# usage: enter.sh FOLDER KILLGATE PORT_OF_POSTGRESQL, in a clone
set -euo pipefail
folder=$1 killgate=$2 port=$3
programs=$(realpath "${0%/*}")
clone=$PWD
mkdir "$folder/memory"
mount -t tmpfs none "$folder/memory" || exit 77
cd "$folder/memory"
mkdir upper work root
mount -t overlay overlay -o "lowerdir=/,upperdir=$PWD/upper,workdir=$PWD/work" root || exit 77
cd root
mount -t proc none proc
mount --rbind /dev dev
mount -t tmpfs none run
mount -t tmpfs none tmp
rm -rf etc/killgate etc/systemd/system/killgate.service usr/local/bin/killgate var/lib/killgate
echo '127.0.0.1 db1.internal' >>etc/hosts
mkdir -p walk home/admin/killgate
mount --bind "$folder" walk
mkdir walk/programs
mount --bind "$programs" walk/programs
touch walk/killgate
mount --bind "$killgate" walk/killgate
cp -r "$clone/config" home/admin/killgate/
# A session of its own has no terminal, so psql reads the password from standard input.
inside() {
    setsid --wait chroot . \
        /usr/bin/env -i HOME=/home/admin PATH=/walk/programs/bin:/usr/local/bin:/usr/bin:/bin PGPORT="$port" \
        bash -euo pipefail -c "cd ~/killgate && $1" </dev/null >&2
}
inside '. /walk/session.sh'
echo walked
while read -r line; do
    inside "$line"
done
