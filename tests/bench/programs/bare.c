/* The least that can stand between a parent and a program: start it, wait for it, end as it ended. With NEW_SESSION it
   gives the program a session of its own, as inits do. */
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
    if (argc < 2)
        return 1;
    pid_t child = vfork();
    if (child == 0) {
#ifdef NEW_SESSION
        setsid();
#endif
        execv(argv[1], argv + 1);
        _exit(127);
    }
    int status;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return 1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
