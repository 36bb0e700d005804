// Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
// {{canary}}

#include "total.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Reads the nonce, then a count and that many numbers a line, and sends the total of each line. */
int main(void) {
    char nonce[65], word[32];
    const char *pipe = getenv("ANSWER_PIPE");
    FILE *answers = pipe == NULL ? NULL : fdopen(atoi(pipe), "w");
    if (answers == NULL || scanf("%64s", nonce) != 1) {
        return 2;
    }
    while (scanf("%31s", word) == 1 && strcmp(word, "end") != 0) {
        size_t count = strtoul(word, NULL, 10);
        /* Exactly as large as allowed, so that AddressSanitizer sees every access beyond. */
        long *numbers = malloc(count * sizeof *numbers);
        for (size_t index = 0; index < count; index++) {
            if (scanf("%ld", &numbers[index]) != 1) {
                return 2;
            }
        }
        fprintf(answers, "%ld\n", total(numbers, count));
        free(numbers);
    }
    fprintf(answers, "end %s\n", nonce);
    return fclose(answers) == 0 ? 0 : 2;
}
