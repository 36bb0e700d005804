/*
 * Runs scripts of ring buffer calls from stdin and sends what each returned; knows nothing of the right
 * answers. Memory handed to the code under test has exactly the size it may use, so that
 * AddressSanitizer sees every byte beyond. The code under test is compiled with its allocating calls
 * renamed to those below, so that a script can have them fail.
 *
 * Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
 * harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
 */
#define _POSIX_C_SOURCE 200809L
#undef malloc
#undef calloc
#undef realloc
#undef aligned_alloc

#include "ring_buffer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* From sanitizer/allocator_interface.h, which not every compiler installs. */
size_t __sanitizer_get_current_allocated_bytes(void);

enum { RINGS = 4, WORD = 40, NONCE = 65 };

static FILE *answers;
static char buffer[1 << 16];

/* How many allocations still succeed, and how many did not. */
static size_t allowed = SIZE_MAX;
static size_t refused;

static bool refuse(void) {
    if (allowed == 0) {
        refused++;
        return true;
    }
    if (allowed != SIZE_MAX) {
        allowed--;
    }
    return false;
}

static const char *refusal(void) {
    return refused == 0 ? "" : " refused";
}

void *driver_malloc(size_t size) {
    return refuse() ? NULL : malloc(size);
}

void *driver_calloc(size_t count, size_t size) {
    return refuse() ? NULL : calloc(count, size);
}

void *driver_realloc(void *block, size_t size) {
    return refuse() ? NULL : realloc(block, size);
}

void *driver_aligned_alloc(size_t alignment, size_t size) {
    return refuse() ? NULL : aligned_alloc(alignment, size);
}

static _Noreturn void give_up(const char *reason) {
    fprintf(stderr, "the driver gave up: %s\n", reason);
    exit(3);
}

static size_t scan_number(void) {
    char word[WORD];
    if (scanf("%31s", word) != 1) {
        give_up("a number is missing");
    }
    return strcmp(word, "max") == 0 ? SIZE_MAX : (size_t)strtoull(word, NULL, 10);
}

/* NULL for no bytes, which the instruction allows, and a block of exactly this size otherwise. */
static uint8_t *allocate(size_t count) {
    uint8_t *block = count == 0 ? NULL : malloc(count);
    if (block == NULL && count > 0) {
        give_up("out of memory");
    }
    return block;
}

static uint8_t *scan_bytes(size_t count) {
    uint8_t *bytes = allocate(count);
    for (size_t i = 0; i < count; i++) {
        unsigned value;
        if (scanf("%2x", &value) != 1) {
            give_up("bytes are missing");
        }
        bytes[i] = (uint8_t)value;
    }
    return bytes;
}

/* Never prints more than the block holds, whatever the call claims to have copied. */
static void send_bytes(size_t returned, const uint8_t *out, size_t room) {
    fprintf(answers, "%zu ", returned);
    for (size_t i = 0; i < returned && i < room; i++) {
        fprintf(answers, "%02x", out[i]);
    }
    fprintf(answers, "\n");
}

/* Stores `count` bytes of a fixed pattern: more than fit into a script. */
static void fill(ring_buffer *ring, size_t count) {
    uint8_t bytes[251];
    size_t stored = 0;
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)i;
    }
    for (size_t left = count; left > 0;) {
        size_t length = left < sizeof bytes ? left : sizeof bytes;
        stored += ring_buffer_write(ring, bytes, length);
        left -= length;
    }
    fprintf(answers, "%zu\n", stored);
}

/* Puts in and takes out three bytes `calls` times. */
static void churn(ring_buffer *ring, size_t calls) {
    uint8_t bytes[3] = {0, 0, 0};
    unsigned long long sum = 0;
    for (size_t i = 0; i < calls; i++) {
        bytes[0] = (uint8_t)i;
        bytes[1] = (uint8_t)(i >> 8);
        bytes[2] = (uint8_t)(i >> 16);
        size_t written = ring_buffer_write(ring, bytes, sizeof bytes);
        size_t read = ring_buffer_read(ring, bytes, sizeof bytes);
        sum += written + read + bytes[0] + bytes[1] + bytes[2];
    }
    fprintf(answers, "%llu\n", sum);
}

/* What the code under test printed since the program began, in bytes. */
static long long printed(void) {
    struct stat file;
    fflush(stdout);
    if (fstat(STDOUT_FILENO, &file) != 0) {
        give_up("the standard output cannot be measured");
    }
    return (long long)file.st_size;
}

/* One call for a live ring; false for an operation that is none. */
static bool perform(const char *operation, ring_buffer *ring) {
    if (strcmp(operation, "capacity") == 0) {
        fprintf(answers, "%zu\n", ring_buffer_capacity(ring));
    } else if (strcmp(operation, "size") == 0) {
        fprintf(answers, "%zu\n", ring_buffer_size(ring));
    } else if (strcmp(operation, "write") == 0 || strcmp(operation, "overwrite") == 0) {
        size_t length = scan_number();
        uint8_t *bytes = scan_bytes(length);
        size_t (*append)(ring_buffer *, const uint8_t *, size_t) =
            operation[0] == 'w' ? ring_buffer_write : ring_buffer_overwrite;
        fprintf(answers, "%zu\n", append(ring, bytes, length));
        free(bytes);
    } else if (strcmp(operation, "read") == 0) {
        size_t length = scan_number();
        size_t room = scan_number();
        uint8_t *out = allocate(room);
        send_bytes(ring_buffer_read(ring, out, length), out, room);
        free(out);
    } else if (strcmp(operation, "peek") == 0) {
        size_t offset = scan_number();
        size_t length = scan_number();
        size_t room = scan_number();
        uint8_t *out = allocate(room);
        send_bytes(ring_buffer_peek(ring, offset, out, length), out, room);
        free(out);
    } else if (strcmp(operation, "discard") == 0) {
        fprintf(answers, "%zu\n", ring_buffer_discard(ring, scan_number()));
    } else if (strcmp(operation, "resize") == 0) {
        bool is_done = ring_buffer_resize(ring, scan_number());
        fprintf(answers, "%s%s %zu\n", is_done ? "true" : "false", refusal(), ring_buffer_capacity(ring));
    } else if (strcmp(operation, "fill") == 0) {
        fill(ring, scan_number());
    } else if (strcmp(operation, "churn") == 0) {
        churn(ring, scan_number());
    } else {
        return false;
    }
    return true;
}

/* Runs one script up to its end; false if there was no more of it. */
static bool run_script(void) {
    char operation[WORD];
    ring_buffer *rings[RINGS] = {NULL, NULL, NULL, NULL};
    size_t allocated_before = __sanitizer_get_current_allocated_bytes();

    while (scanf("%31s", operation) == 1 && strcmp(operation, "end") != 0) {
        if (strcmp(operation, "next") == 0) {
            for (size_t i = 0; i < RINGS; i++) {
                ring_buffer_destroy(rings[i]);
            }
            return true;
        }
        if (strcmp(operation, "allow") == 0) {
            allowed = scan_number();
            refused = 0;
        } else if (strcmp(operation, "printed") == 0) {
            fprintf(answers, "%lld\n", printed());
        } else if (strcmp(operation, "allocated") == 0) {
            fprintf(answers, "%zu\n", __sanitizer_get_current_allocated_bytes() - allocated_before);
        } else {
            ring_buffer **ring = &rings[scan_number() % RINGS];
            if (strcmp(operation, "create") == 0) {
                *ring = ring_buffer_create(scan_number());
                fprintf(answers, "%s%s\n", *ring == NULL ? "null" : "ring", refusal());
            } else if (strcmp(operation, "destroy") == 0) {
                ring_buffer_destroy(*ring);
                *ring = NULL;
                fprintf(answers, "destroyed\n");
            } else if (*ring == NULL) {
                give_up("ring_buffer_create returned NULL for a valid capacity");
            } else if (!perform(operation, *ring)) {
                give_up("unknown operation");
            }
        }
        fflush(answers);
    }
    return false;
}

int main(void) {
    char nonce[NONCE];

    const char *pipe = getenv("ANSWER_PIPE");
    if (pipe == NULL || scanf("%64s", nonce) != 1) {
        give_up("no answer pipe or no nonce");
    }
    answers = fdopen(atoi(pipe), "w");
    if (answers == NULL || freopen("printed", "w", stdout) == NULL) {
        give_up("the answer pipe or a file for the output cannot be opened");
    }
    /* A stream's own buffer would be counted as allocated by the code under test. */
    setvbuf(answers, buffer, _IOFBF, sizeof buffer);
    while (run_script()) {
        fprintf(answers, "done %s\n", nonce);
        fflush(answers);
    }
    return fclose(answers) == 0 ? 0 : 3;
}
