/* Holds a pod's network open until it is told to end. */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static void end(int number) { (void)number; exit(0); }

int main(void) {
    signal(SIGTERM, end);
    signal(SIGINT, end);
    for (;;) pause();
}
