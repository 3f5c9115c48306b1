# shellcheck shell=sh
# Cleans up when its owner, which holds the other end of standard input, has ended.
# $1 is the cluster's folder. Input lines: "server PID", "server" (not running), "signal NAME".
server=
while read -r verb value; do
    case $verb in
    server) server=$value ;;
    signal) kill -s "$value" "$server" ;;
    esac
done

if [ -n "$server" ]; then
    kill -s QUIT "$server"
    tries=0
    while kill -0 "$server" && [ $tries -lt 100 ]; do
        sleep 0.05
        tries=$((tries + 1))
    done
fi
rm -rf -- "$1"
