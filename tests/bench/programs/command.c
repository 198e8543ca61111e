/* The COMMAND of everything but the launch. Each role says "ready" once it is in place. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int say(const void *text, size_t length) {
    return write(STDOUT_FILENO, text, length) == (ssize_t)length;
}

/* Says at what time each USR1 came, until TERM does. */
static int listen_for_signals(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    say("ready\n", 6);
    while (sigwaitinfo(&set, NULL) == SIGUSR1) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        uint64_t nanoseconds = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
        if (!say(&nanoseconds, sizeof nanoseconds))
            return 1;
    }
    return 0;
}

/* Leaves an orphan: a process that has ended and whose parent ends without having waited for it. */
static int leave_orphan(void) {
    pid_t parent = vfork();
    if (parent == 0) {
        if (vfork() == 0)
            _exit(0);
        _exit(0);
    }
    return parent > 0 && waitpid(parent, NULL, 0) == parent;
}

/* Leaves as many orphans as each line of stdin asks for. */
static int leave_orphans(void) {
    char line[32];
    say("ready\n", 6);
    while (fgets(line, sizeof line, stdin)) {
        for (long left = atol(line); left > 0; left--)
            if (!leave_orphan())
                return 1;
        say("ready\n", 6);
    }
    return 0;
}

/* So many processes in all, of which this is one: children with nine children each. */
static int grow_tree(long count) {
    int born[2];
    char byte = 0;
    if (pipe(born))
        return 1;
    for (long made = 1; made < count; made += 10)
        if (fork() == 0) {
            long grandchildren = count - made - 1 < 9 ? count - made - 1 : 9;
            while (grandchildren-- > 0)
                if (fork() == 0)
                    break;
            if (write(born[1], &byte, 1) != 1)
                _exit(1);
            for (;;)
                pause();
        }
    for (long left = count - 1; left > 0; left--)
        if (read(born[0], &byte, 1) != 1)
            return 1;
    say("ready\n", 6);
    for (;;)
        pause();
}

int main(int argc, char **argv) {
    if (argc == 2 && !strcmp(argv[1], "listen"))
        return listen_for_signals();
    if (argc == 2 && !strcmp(argv[1], "orphans"))
        return leave_orphans();
    if (argc == 3 && !strcmp(argv[1], "tree"))
        return grow_tree(atol(argv[2]));
    return 2;
}
