#!/usr/bin/env bash
# Runs the commands of its standard input in a root folder without killgate: this machine's files, with all changes in memory.
# Exits with 77 where such a folder cannot be made. Needs mount and pid namespaces of its own.
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
mkdir -p walk home/admin
mount --bind "$folder" walk
mkdir walk/programs walk/clone
mount --bind "$programs" walk/programs
mount --bind "$clone" walk/clone
touch walk/killgate
mount --bind "$killgate" walk/killgate
# A session of its own has no terminal, so psql reads the password from standard input.
exec setsid --wait chroot . \
    /usr/bin/env -i HOME=/home/admin PATH=/walk/programs/bin:/usr/local/bin:/usr/bin:/bin PGPORT="$port" \
    bash -euo pipefail
