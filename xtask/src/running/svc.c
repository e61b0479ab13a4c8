/* The smallest service that a manager can start: what it costs is the manager's cost.
 *
 * svc serve PORT DELAY_MS       waits, listens on PORT, answers 200 to everything
 * svc check PORT                ends with 0 if somebody listens on PORT, else with 1
 * svc lines COUNT SIZE GO DONE  waits until the file GO is there, writes COUNT lines of SIZE bytes with one call each, makes DONE
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void pause_ms(long ms) {
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

static int serve(int port, int delay_ms) {
    static const char answer[] = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: close\r\n\r\nok\n";
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int one = 1;
    if (delay_ms > 0) pause_ms(delay_ms);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 128)) {
        perror("cannot listen");
        return 1;
    }
    printf("listening on %d\n", port);
    fflush(stdout);
    for (;;) {
        char request[1024];
        int stream = accept(listener, NULL, NULL);
        if (stream < 0) continue;
        if (read(stream, request, sizeof request) > 0 && write(stream, answer, sizeof answer - 1) < 0) perror("write");
        close(stream);
    }
}

static int check(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int stream = socket(AF_INET, SOCK_STREAM, 0);
    return connect(stream, (struct sockaddr *)&address, sizeof address) ? 1 : 0;
}

static int lines(long count, int size, const char *go, const char *done) {
    char *line = malloc(size + 1);
    while (access(go, F_OK)) pause_ms(1);
    for (long number = 0; number < count; number++) {
        int head = snprintf(line, size, "line %09ld ", number);
        memset(line + head, 'x', size - 1 - head);
        line[size - 1] = '\n';
        for (int sent = 0; sent < size;) {
            ssize_t now = write(1, line + sent, size - sent);
            if (now < 0) return 1;
            sent += now;
        }
    }
    close(open(done, O_CREAT | O_WRONLY, 0600));
    for (;;) pause();
}

int main(int count, char **words) {
    if (count == 4 && !strcmp(words[1], "serve")) return serve(atoi(words[2]), atoi(words[3]));
    if (count == 3 && !strcmp(words[1], "check")) return check(atoi(words[2]));
    if (count == 6 && !strcmp(words[1], "lines")) return lines(atol(words[2]), atoi(words[3]), words[4], words[5]);
    fprintf(stderr, "usage: svc serve PORT DELAY_MS | svc check PORT | svc lines COUNT SIZE GO DONE\n");
    return 2;
}
