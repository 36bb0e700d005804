// Part of a benchmark's hidden tests. The canary lets a trace or a training corpus be searched for leaks:
// {{canary}}

#include "total.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include <stdio.h>

/* Reads the nonce, then a count and that many numbers a line, and sends the total of each line. */
int main() {
    char nonce[65], word[32];
    const char *pipe = getenv("ANSWER_PIPE");
    FILE *answers = pipe == nullptr ? nullptr : fdopen(atoi(pipe), "w");
    if (answers == nullptr || scanf("%64s", nonce) != 1) {
        return 2;
    }
    while (scanf("%31s", word) == 1 && strcmp(word, "end") != 0) {
        size_t count = strtoul(word, nullptr, 10);
        std::vector<long> numbers(count);
        for (size_t index = 0; index < count; index++) {
            if (scanf("%ld", &numbers[index]) != 1) {
                return 2;
            }
        }
        fprintf(answers, "%ld\n", total(numbers));
    }
    fprintf(answers, "end %s\n", nonce);
    return fclose(answers) == 0 ? 0 : 2;
}
