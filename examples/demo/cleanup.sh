# shellcheck shell=sh
# Stops the bot and removes its folder when the demo ends for any reason.
# $1 is the bot's pid, $2 the folder. A line on standard input means that the bot has already exited.
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
