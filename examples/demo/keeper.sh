# shellcheck shell=sh
# Outlives the demo by a moment, however that ended: stops the bot and removes its folder.
# $1 is the bot's process, $2 the folder. A line on standard input says that the bot has ended already.
if ! read -r _; then
    kill -s TERM "$1"
    tries=0
    while kill -0 "$1"; do
        if [ $tries -eq 120 ]; then
            kill -s KILL "$1"
            break
        fi
        sleep 0.1
        tries=$((tries + 1))
    done
fi
rm -rf -- "$2"
