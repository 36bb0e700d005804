#ifndef REGEX_H
#define REGEX_H

#include <stddef.h>
#include <stdint.h>

/* Bounds on patterns, as the task explains them. */
#define REGEX_GROUPS_MAX 31
#define REGEX_DEPTH_MAX 200
#define REGEX_COUNT_MAX 1000
#define REGEX_SIZE_MAX 5000

/* Both ends of a span that is not there. */
#define REGEX_NONE SIZE_MAX

typedef enum {
    REGEX_OK,
    REGEX_NO_MATCH,
    REGEX_SYNTAX_ERROR,
    REGEX_TOO_LARGE,
    REGEX_NO_MEMORY
} regex_status;

/* From the first byte to one past the last. */
typedef struct {
    size_t start;
    size_t end;
} regex_span;

typedef struct regex regex;

regex_status regex_compile(const uint8_t *pattern, size_t length, regex **out);
void regex_free(regex *expression);
size_t regex_group_count(const regex *expression);
regex_status regex_search(const regex *expression, const uint8_t *text, size_t length, size_t from,
                          regex_span *spans, size_t span_count);

#endif
