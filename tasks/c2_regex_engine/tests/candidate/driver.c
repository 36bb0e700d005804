/*
 * Runs scripts of compilations and searches from stdin and sends what each returned; knows nothing of the right
 * answers. Memory handed to the code under test has exactly the size it may use, so that AddressSanitizer sees every
 * byte beyond. The code under test is compiled with its allocating calls renamed to those below, which count and can
 * fail.
 *
 * Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
 * harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
 */
#define _POSIX_C_SOURCE 200809L
#undef malloc
#undef calloc
#undef realloc
#undef aligned_alloc
#undef free

#include "regex.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* From sanitizer/allocator_interface.h, which not every compiler installs. */
size_t __sanitizer_get_current_allocated_bytes(void);
size_t __sanitizer_get_allocated_size(const volatile void *block);

enum { EXPRESSIONS = 4, WORD = 1 << 20, SPANS_MAX = 64 };

typedef struct {
    uint8_t *bytes;
    size_t length;
} string;

static FILE *answers;
static char buffer[1 << 16];
static char word[WORD];

/* How many allocations still succeed; how much the code under test holds, and has held at most. */
static size_t allowed = SIZE_MAX;
static size_t held;
static size_t most_held;

static bool refuse(void) {
    if (allowed == 0) {
        return true;
    }
    if (allowed != SIZE_MAX) {
        allowed--;
    }
    return false;
}

static void *counted(void *block) {
    if (block != NULL) {
        held += __sanitizer_get_allocated_size(block);
        most_held = held > most_held ? held : most_held;
    }
    return block;
}

void *driver_malloc(size_t size) {
    return refuse() ? NULL : counted(malloc(size));
}

void *driver_calloc(size_t count, size_t size) {
    return refuse() ? NULL : counted(calloc(count, size));
}

void *driver_aligned_alloc(size_t alignment, size_t size) {
    return refuse() ? NULL : counted(aligned_alloc(alignment, size));
}

void driver_free(void *block) {
    if (block != NULL) {
        held -= __sanitizer_get_allocated_size(block);
    }
    free(block);
}

void *driver_realloc(void *block, size_t size) {
    if (refuse()) {
        return NULL;
    }
    size_t before = block == NULL ? 0 : __sanitizer_get_allocated_size(block);
    void *moved = realloc(block, size);
    if (moved != NULL) {
        held -= before;
    }
    return counted(moved);
}

static _Noreturn void give_up(const char *reason) {
    fprintf(stderr, "the driver gave up: %s\n", reason);
    exit(3);
}

static const char *scan_word(void) {
    if (scanf("%1048575s", word) != 1) {
        give_up("a word is missing");
    }
    return word;
}

static size_t scan_number(void) {
    return (size_t)strtoull(scan_word(), NULL, 10);
}

/* Pieces in hexadecimal, each with how often it comes: 6162*3,63*1. NULL for no bytes, as the instruction allows. */
static string scan_bytes(void) {
    string made = {NULL, 0};
    const char *piece = scan_word();
    while (strchr(piece, '*') != NULL) {
        size_t digits = (size_t)(strchr(piece, '*') - piece);
        char *end;
        size_t times = (size_t)strtoull(piece + digits + 1, &end, 10);
        size_t length = made.length + digits / 2 * times;
        if (length > made.length) {
            made.bytes = realloc(made.bytes, length);
            if (made.bytes == NULL) {
                give_up("out of memory");
            }
        }
        for (size_t i = 0; i < digits / 2; i++) {
            char pair[3] = {piece[2 * i], piece[2 * i + 1], '\0'};
            made.bytes[made.length + i] = (uint8_t)strtoul(pair, NULL, 16);
        }
        for (size_t i = digits / 2; i < length - made.length; i++) {
            made.bytes[made.length + i] = made.bytes[made.length + i % (digits / 2)];
        }
        made.length = length;
        piece = *end == ',' ? end + 1 : "";
    }
    return made;
}

static const char *name_of(regex_status status) {
    switch (status) {
    case REGEX_OK:
        return "ok";
    case REGEX_NO_MATCH:
        return "none";
    case REGEX_SYNTAX_ERROR:
        return "syntax";
    case REGEX_TOO_LARGE:
        return "large";
    case REGEX_NO_MEMORY:
        return "memory";
    }
    return "unknown";
}

static void send_spans(regex_status status, const regex_span *spans, size_t count) {
    fprintf(answers, "%s", name_of(status));
    for (size_t i = 0; i < count; i++) {
        if (spans[i].start == REGEX_NONE && spans[i].end == REGEX_NONE) {
            fprintf(answers, " -");
        } else {
            fprintf(answers, " %zu:%zu", spans[i].start, spans[i].end);
        }
    }
    fprintf(answers, "\n");
}

/* With trials, the first, the second, ... allocation fails until a call gets through; what failed calls left allocated,
 * and how many spans or pointers they left set, is sent before the result. */
static void compile(regex **expression, bool has_trials) {
    string pattern = scan_bytes();
    size_t leaked = 0, left = 0;
    regex_status status = REGEX_NO_MEMORY;
    for (size_t successes = has_trials ? 0 : SIZE_MAX; status == REGEX_NO_MEMORY; successes++) {
        size_t before = held;
        *expression = (regex *)&pattern;
        allowed = successes;
        status = regex_compile(pattern.bytes, pattern.length, expression);
        allowed = SIZE_MAX;
        left += status != REGEX_OK && *expression != NULL;
        leaked += status == REGEX_NO_MEMORY ? held - before : 0;
        if (successes == SIZE_MAX) {
            break;
        }
    }
    free(pattern.bytes);
    if (has_trials) {
        fprintf(answers, "%zu %zu\n", leaked, left);
    }
    if (status == REGEX_OK) {
        fprintf(answers, "ok %zu\n", regex_group_count(*expression));
    } else {
        fprintf(answers, "%s%s\n", name_of(status), left == 0 ? "" : " but not NULL");
        *expression = NULL;
    }
}

static void search(const regex *expression, bool has_trials) {
    string text = scan_bytes();
    size_t from = scan_number();
    size_t count = scan_number() % (SPANS_MAX + 1);
    regex_span *spans = count == 0 ? NULL : malloc(count * sizeof *spans);
    size_t leaked = 0, left = 0;
    regex_status status = REGEX_NO_MEMORY;
    for (size_t successes = has_trials ? 0 : SIZE_MAX; status == REGEX_NO_MEMORY; successes++) {
        size_t before = held;
        for (size_t i = 0; i < count; i++) {
            spans[i] = (regex_span){12345, 54321};
        }
        allowed = successes;
        status = regex_search(expression, text.bytes, text.length, from, spans, count);
        allowed = SIZE_MAX;
        for (size_t i = 0; i < count && status == REGEX_NO_MEMORY; i++) {
            left += spans[i].start != REGEX_NONE || spans[i].end != REGEX_NONE;
        }
        leaked += status == REGEX_NO_MEMORY ? held - before : 0;
        if (successes == SIZE_MAX) {
            break;
        }
    }
    if (has_trials) {
        fprintf(answers, "%zu %zu\n", leaked, left);
    }
    send_spans(status, spans, count);
    free(spans);
    free(text.bytes);
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

/* Runs one script up to its end; false if there was no more of it. */
static bool run_script(void) {
    regex *expressions[EXPRESSIONS] = {NULL, NULL, NULL, NULL};
    size_t allocated_before = __sanitizer_get_current_allocated_bytes();
    most_held = held;
    for (;;) {
        char operation[32];
        if (scanf("%31s", operation) != 1 || strcmp(operation, "end") == 0) {
            return false;
        }
        if (strcmp(operation, "next") == 0) {
            return true;
        }
        if (strcmp(operation, "peak") == 0) {
            fprintf(answers, "%zu\n", most_held >> 20);
        } else if (strcmp(operation, "printed") == 0) {
            fprintf(answers, "%lld\n", printed());
        } else if (strcmp(operation, "allocated") == 0) {
            for (size_t i = 0; i < EXPRESSIONS; i++) {
                regex_free(expressions[i]);
                expressions[i] = NULL;
            }
            fprintf(answers, "%zu\n", __sanitizer_get_current_allocated_bytes() - allocated_before);
        } else {
            regex **expression = &expressions[scan_number() % EXPRESSIONS];
            bool has_trials = strcmp(operation, "compile_trials") == 0 || strcmp(operation, "search_trials") == 0;
            if (operation[0] == 'c') {
                regex_free(*expression);
                compile(expression, has_trials);
            } else if (*expression == NULL) {
                give_up("a pattern was not accepted");
            } else {
                search(*expression, has_trials);
            }
        }
        fflush(answers);
    }
}

int main(void) {
    char nonce[65];

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
