# The world that a recipe runs in, as a container would be: files, network, System V IPC and processes of its own.
#
#     unshare --mount --net --ipc --pid --fork --mount-proc --kill-child sh -u world.sh RECIPE SESSION_INIT
#
# LINE is the line, and PATIENCE how many seconds an end may take.
# The recipe is a shell script: it sets its program up, runs the line, has something in flight when the signal comes,
# and says with `kept` what has to be there in the end. What is not there is printed as lost.
line=$LINE
unset LINE
log=/mnt/log

fail() {
    printf 'FAILED %s\n' "$*"
    [ ! -s "$log" ] || sed 's/^/    /' "$log"
    exit 1
}

# For a machine that cannot do what a recipe needs.
skip() {
    printf 'SKIPPED %s\n' "$*"
    exit 0
}

# Says what was not lost, if the words that follow are true; else that it was.
kept() {
    label=$1
    shift
    if "$@" >/dev/null 2>&1; then echo "kept $label"; else echo "lost $label"; fi
}

# Waits until the words that follow are true, and while what was started runs.
until_true() {
    deadline=$(($(date +%s) + ${LIMIT:-30}))
    until "$@" >/dev/null 2>&1; do
        [ "$(date +%s)" -lt $deadline ] || fail "waited in vain for: $*"
        [ -z "${unshare:-}" ] || [ -n "$(child_of "$unshare")" ] || fail "ended before: $*"
        sleep 0.05
    done
}

child_of() { cat /proc/"$1"/task/"$1"/children 2>/dev/null; }

# Runs the line as a container does: as PID 1 of what it starts. Its pid out here is $init.
start() {
    unshare --pid --fork --mount-proc --kill-child sh -c "exec $line" >>"$log" 2>&1 </dev/null &
    unshare=$!
    # It may have ended already.
    until init=$(child_of $unshare) && [ -n "$init" ] || ! kill -0 $unshare 2>/dev/null; do sleep 0.01; done
    init=${init% }
}

# Waits for the end as an engine does, which kills whoever takes longer than $PATIENCE seconds.
ends() {
    { sleep "$PATIENCE" && : >/mnt/late && kill -KILL "$init"; } 2>/dev/null &
    clock=$!
    wait "$unshare"
    status=$?
    kill $clock 2>/dev/null
    unshare=
    kept "an end without KILL" unkilled
}

# Has neither the engine killed anybody nor session-init?
unkilled() { [ ! -e /mnt/late ] && ! grep -q '^\[.*killed: ' "$log"; }

# Ends it as an engine does.
stop() {
    kill -"${1:-TERM}" "$init"
    ends
}

says() { grep -q -- "$1" "$log"; }

# Those with these words in the command line.
pids_of() { pgrep -f -- "$1"; }

running() { pids_of "$1" >/dev/null; }

gone() { ! running "$1"; }

# Is nobody there any more with this word, after a while?
ended() {
    for _ in $(seq 60); do
        gone "$1" && return
        sleep 0.1
    done
    return 1
}

size() { [ "$(stat -c %s "$1")" -eq "$2" ]; }

# A folder may be changed as one likes: nobody else sees it.
own() {
    for folder; do
        mkdir -p "/mnt/over$folder" "/mnt/work$folder"
        mount -t overlay overlay -o "lowerdir=$folder,upperdir=/mnt/over$folder,workdir=/mnt/work$folder" "$folder" ||
            skip "there is no overlay to be had"
    done
}

mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs /mnt || skip "there is nothing to be mounted"
cp "$1" /mnt/recipe
own /etc /home /opt /root /srv /usr/local /var
cp "$2" /usr/local/bin/session-init
for folder in /run /tmp; do mount -t tmpfs -o mode=1777 tmpfs $folder; done
chmod 755 /run
busybox ip link set lo up
mkdir -p /srv/app
cd /srv/app || exit
. /mnt/recipe
exit 0
